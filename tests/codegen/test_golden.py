"""One small pair of schemas that uses everything, and the Python that has to come of it."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from scratch import GOLDEN

from codegen.__main__ import ROOT, Target, render
from flue.codec import DecodeError, decode, to_json
from flue.codec._base import NeedsSlowPath

if TYPE_CHECKING:
    from types import ModuleType

TARGET = Target(
    schemas=GOLDEN / "schemas",
    directory=GOLDEN / "golden_models",
    package="golden_models",
    fallbacks={"Figure": "UnknownContent"},
    raw=("Figure",),
)


def run(*command: str, cwd: Path) -> None:
    answer = subprocess.run([sys.executable, "-m", *command], cwd=cwd, check=False, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.fixture
def golden(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(GOLDEN))
    return importlib.import_module("golden_models")


def test_the_output_is_the_golden_one() -> None:
    files = render(TARGET)
    assert sorted(files) == sorted(TARGET.directory.glob("*.py"))
    for path, text in files.items():
        assert path.read_text() == text, path


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_the_output_does_not_depend_on_the_run(seed: str) -> None:
    script = "from test_golden import TARGET, render; print(list(render(TARGET).values()))"
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}"}
    answer = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    assert answer.stdout == f"{list(render(TARGET).values())}\n"


def test_the_output_is_formatted_and_clean() -> None:
    options = ("--no-cache", "--config", "extend-exclude = []", "golden_models")
    run("ruff", "format", "--check", *options, cwd=GOLDEN)
    ours = "lint.isort.known-first-party = ['flue', 'golden_models']"
    run("ruff", "check", "--config", ours, "--extend-ignore", "A,PLR,INP", *options, cwd=GOLDEN)


def test_the_output_passes_the_type_checkers() -> None:
    run("mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache"), "golden_models", cwd=GOLDEN)
    run("pyright", "golden_models", cwd=GOLDEN)


EVERYTHING: dict[str, Any] = {
    "from": "a",
    "class": "b",
    "str": "c",
    "self": True,
    "items": 1,
    "input": {"x": [1]},
    "payload": [None],
    "HTTPStatus2": 200,
    "_private-name": 0.5,
    "meta": {"k": None},
    "colour": 'it\'s "blue"',
    "text": "hi",
    "origin": {"x": 1, "y": 2},
    "lastSeen": "2026-11-23T09:14:54.876Z",
    "parent": {"from": "p", "payload": None, "text": [{"x": 0, "y": 0}]},
}


def test_the_output_works(golden: ModuleType) -> None:
    made = decode(golden.Everything, EVERYTHING)
    assert (made.from_, made.class_, made.str_, made.self_, made.items, made.http_status2) == (
        "a",
        "b",
        "c",
        True,
        1,
        200,
    )
    assert (made.private_name, made.colour, made.input) == (0.5, 'it\'s "blue"', {"x": [1]})
    assert made.origin == golden.Point(x=1, y=2)
    assert made.parent.payload is None
    assert made.parent.text == [golden.Point(x=0, y=0)]
    assert made.wire_extra == made.parent.wire_extra == {}
    assert decode(golden.Everything, EVERYTHING | {"origin": {"x": "left"}}).origin == {"x": "left"}


def test_what_does_not_fit(golden: ModuleType) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(golden.Everything, EVERYTHING | {"colour": "green"})
    assert str(caught.value) == "$.colour: expected one of it's \"blue\", red, found 'green'"
    with pytest.raises(DecodeError) as caught:
        decode(golden.Everything, EVERYTHING | {"text": [{"x": 1, "y": 1}, {"x": 1, "y": 1.5}]})
    assert str(caught.value) == "$.text[1].y: expected an integer, found a number"


def test_unions(golden: ModuleType) -> None:
    circle = {"kind": "circle", "radius": 1, "name": "c", "v": 2, "createdAt": "2026-11-23T09:14:54.876Z"}
    drawing = decode(
        golden.Drawing, {"shapes": [circle, {"kind": "blob"}, {"kind": "path:dashed"}], "background": circle}
    )
    assert [type(shape).__name__ for shape in drawing.shapes] == ["Circle", "UnknownContent", "Path"]
    assert drawing.shapes[2] == golden.Path(style="dashed", closed=False)
    assert golden.Path.kind == "path"
    assert drawing.background.v == 2
    with pytest.raises(DecodeError, match=r"^\$\.figures\[0\]\.kind: unknown kind 'blob'$"):
        decode(golden.Drawing, {"shapes": [], "figures": [{"kind": "blob"}]})
    with pytest.raises(DecodeError, match=r"^\$\.background\.v: expected 2, found an integer$"):
        decode(golden.Drawing, {"shapes": [], "background": circle | {"v": 3}})


TIME = "2026-11-23T09:14:54.876Z"
CIRCLE = {"kind": "circle", "radius": 1, "name": "c", "v": 2, "createdAt": TIME}
POLYGON = {"kind": "polygon", "points": [{"x": 1, "y": 2}]}


@pytest.mark.parametrize(
    ("wire", "direct"),
    [
        (CIRCLE, True),
        (CIRCLE | {"createdAt": "2026-11-23T09:14:54Z"}, False),
        (CIRCLE | {"later": 1}, False),
        (POLYGON, True),
        (POLYGON | {"closed": False, "filled": True, "label": 1, "movedAt": TIME}, True),
        (POLYGON | {"filled": False}, False),
        (POLYGON | {"label": None}, False),
        (POLYGON | {"hole": CIRCLE}, True),
        (POLYGON | {"hole": {key: value for key, value in CIRCLE.items() if key != "kind"}}, False),
        (POLYGON | {"centre": {"x": 1, "y": 1}}, False),
        (POLYGON | {"centre": "middle"}, False),
    ],
)
def test_the_direct_decoding(golden: ModuleType, wire: dict[str, Any], direct: bool) -> None:
    """It gives what cattrs gives, or nothing."""
    decoding = importlib.import_module("golden_models._decode")
    try:
        parsed = msgspec.json.decode(json.dumps(wire).encode(), type=decoding.FIGURE)
        built = decoding.BUILDERS[type(parsed)](parsed)
    except (msgspec.MsgspecError, NeedsSlowPath):
        assert not direct
        return
    assert direct
    assert built == decode(type(built), wire)
    assert to_json(built) == wire


def test_the_golden_names(golden: ModuleType) -> None:
    assert "Item" not in golden.__all__
    assert {"Everything", "Colour", "Figure", "UnknownContent"} <= {*golden.__all__} == {*dir(golden)}
    assert all(getattr(golden, name) for name in golden.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Item'"):
        _ = golden.Item
