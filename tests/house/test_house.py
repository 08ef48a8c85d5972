"""The tree is what it says it is: imports point one way, no path leads out of it, public names are complete."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import flue

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "flue").rglob("*.py"))

#: What these parts may import of ours; what is not listed may import everything but the other face.
ALLOWED = {
    "flue.core": {"flue.core", "flue.errors", "flue.models", "flue._notebook"},  # what IPython asks a state for
    "flue.models": {"flue.models", "flue.codec._base", "flue.codec._unknown"},
    "flue.errors": {"flue.models"},
    "flue.signals": {"flue.errors"},
    "flue.config": {"flue.core"},
}
#: Who may import a library.
ONLY_IN = {
    "requests": ("flue.sync", "flue.testing"),
    "urllib3": ("flue.sync",),
    "anyio": (),
    "httpcore": ("flue.aio._network",),
    "httpx": ("flue.aio", "flue.testing"),
    "cattrs": ("flue.codec",),
    "tenacity": ("flue.core.retry",),
}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name for name in submodules if (ROOT / f"{name.replace('.', '/')}.py").exists()} or {node.module}
    return found


def inside(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_arrows_point_one_way(path: Path) -> None:
    name = name_of(path)
    for imported in imports(path):
        top = imported.partition(".")[0]
        if top in ONLY_IN:
            assert any(inside(name, place) for place in ONLY_IN[top]), f"{name} imports {imported}"
        if top != "flue":
            continue
        assert not (inside(name, "flue.sync") and inside(imported, "flue.aio"))
        assert not (inside(name, "flue.aio") and inside(imported, "flue.sync"))
        for package, allowed in ALLOWED.items():
            if inside(name, package):
                assert any(inside(imported, place) for place in allowed), f"{name} imports {imported}"


def test_the_code_generator_knows_nothing_of_the_library() -> None:
    for path in (ROOT / "codegen").rglob("*.py"):
        assert not any(inside(name, "flue") for name in imports(path)), path


def test_no_path_leads_out_of_the_tree() -> None:
    stray = re.compile(r"(?<![\w.:/])/(?:home|root|work|tmp|opt|Users)/")
    parts = [ROOT / name for name in ("flue", "codegen", "docs", "schemas")]
    files = [path for part in parts for path in part.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    for path in (*files, *ROOT.glob("[!.]*.*"), ROOT / "Makefile"):
        if path.is_file():
            assert stray.findall(path.read_text(encoding="utf-8")) == [], path


def test_every_public_name_is_there() -> None:
    assert len(set(flue.__all__)) == len(flue.__all__)
    for name in flue.__all__:
        assert getattr(flue, name) is not None
    assert set(flue.__all__) <= set(dir(flue))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = flue.nonsense


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import flue", ["requests", "httpx", "attrs", "cattrs", "tenacity", "msgspec"]),
        ("from flue import FlueClient", ["httpx", "asyncio", "cattrs"]),
        ("from flue import AsyncFlueClient", ["requests", "urllib3", "httpcore", "anyio", "certifi", "cattrs"]),
        ("import flue.testing.plugin", ["requests", "httpx", "asyncio", "ssl", "sqlite3", "flue.testing.server"]),
        ("import flue.cli", ["requests", "httpx", "argparse", "attrs", "traceback"]),
        ("from flue.cli import main; main(['--help'])", ["requests", "httpx", "attrs", "msgspec", "asyncio"]),
        ("from flue import Conversation", ["httpx", "asyncio"]),
        ("from flue import AsyncConversation", ["requests", "urllib3"]),
    ],
)
def test_each_face_loads_only_its_own_library(statement: str, absent: list[str]) -> None:
    # tenacity loads tornado wherever that is installed, with notebooks for instance.
    script = (
        f"import sys; sys.modules['tornado'] = None; {statement}; print(sorted(set({absent!r}) & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=ROOT)
    assert answer.stdout.splitlines()[-1] == "[]"
