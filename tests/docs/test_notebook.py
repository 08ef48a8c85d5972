"""The notebook among the examples: executed by a kernel, and looked at in a browser as JupyterLab shows it."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from printed import ROOT

pytest.importorskip("nbclient", reason="needs nbclient (group examples)")

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from traitlets.config import Config

PATH = ROOT / "docs" / "examples" / "notebook.ipynb"
PATIENCE = 60
PICTURES = ROOT / "build" / "pictures"

LOOK = """(() => {
  const colour = element => getComputedStyle(element).color;
  const outputs = [...document.querySelectorAll(".jp-OutputArea-output")];
  const cut = output => output.scrollWidth > output.clientWidth && !output.querySelector("table");
  return {
    page: document.documentElement.scrollWidth,
    height: document.documentElement.scrollHeight,
    outputs: outputs.length,
    cut: outputs.filter(cut).map(output => output.outerHTML),
    colours: [colour(document.querySelector(".jp-RenderedMarkdown p")), colour(document.querySelector("bdi"))],
  };
})()"""


def children():
    """The processes that this one has started."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split())


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def executed(home):
    """The notebook with its outputs."""
    notebook = nbformat.read(PATH, as_version=4)
    # Sockets that are files: no port that another process could take first.
    transport = {"transport": "ipc", "ip": str(home / "kernel")}
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("FLUE_")]:
            patch.delenv(name)
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            patch.setenv(name, str(home / name.lower()))
        client = NotebookClient(
            notebook,
            timeout=PATIENCE,
            startup_timeout=PATIENCE,
            config=Config(KernelManager=transport),
            resources={"metadata": {"path": str(home)}},
        )
        before = children()
        asyncio.run(client.async_execute())
        assert children() == before
    return notebook


def test_it_is_short_and_saved_without_outputs():
    cells = json.loads(PATH.read_text(encoding="utf-8"))["cells"]
    assert sum(len(cell["source"]) for cell in cells) < 100
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []


def test_what_its_cells_show(executed):
    """A warning would be an output, too: text on standard error."""
    shown = {}
    outputs = {cell.id: cell.outputs for cell in executed.cells if cell.cell_type == "code"}
    for name, expected in {
        "record": "✓ completed",
        "event": "looking for the figures",
        "frame": "run_end",
        "tools": "tide_table",
        "timeline": '<iframe sandbox="" srcdoc="',
        "history": "2 messages",
        "message": "High water at Brest: 7.3 metres.",
    }.items():
        (output,) = outputs.pop(name)
        shown[name] = output.data["text/html"]
        assert expected in shown[name], name
    assert set(outputs) == {"servers", "close"}
    assert not any(outputs.values())
    assert "tide_table" in shown["timeline"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1300, 390])
def test_it_can_be_read_in_a_browser(browser, executed, home, scheme, width):
    """Nothing is cut off but tables, which scroll; nothing is asked of the network; the pictures are kept."""
    page = home / f"{scheme}.html"
    exporter = HTMLExporter(theme=scheme, mathjax_url="", require_js_url="")
    page.write_text(exporter.from_notebook_node(executed)[0], encoding="utf-8")
    browser.open(page.as_uri(), width=width, scheme=scheme)
    seen = browser.ask(LOOK)
    assert seen["page"] <= width
    assert seen["outputs"] == 7
    assert seen["cut"] == []
    assert seen["colours"][0] == seen["colours"][1]
    assert browser.requests in ([page.as_uri()], [page.as_uri(), "about:srcdoc"])
    assert browser.complaints == []
    browser.resize(width, seen["height"])
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / f"notebook-{scheme}-{width}.png").write_bytes(browser.picture())
