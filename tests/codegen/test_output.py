"""One small pair of schemas that uses everything, and what can be done with the Python that comes of it."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from codegen.__main__ import ROOT, Target, render, write
from flue.codec import DecodeError, decode, to_json
from flue.codec._base import NeedsSlowPath

if TYPE_CHECKING:
    from types import ModuleType

TARGET = Target(
    schemas=Path(__file__).parent / "schemas",
    directory=Path("generated_models"),
    package="generated_models",
    fallbacks={"Figure": "UnknownContent"},
    raw=("Figure",),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package is written."""
    made = tmp_path_factory.mktemp("output")
    write(dataclasses.replace(TARGET, directory=made / TARGET.package))
    return made


@pytest.fixture
def models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(folder))
    return importlib.import_module(TARGET.package)


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_the_output_does_not_depend_on_the_run(seed: str) -> None:
    script = "from test_output import TARGET, render; print(list(render(TARGET).values()))"
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}"}
    answer = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    assert answer.stdout == f"{list(render(TARGET).values())}\n"


RUFF_OPTIONS = ("--no-cache", "--config", str(ROOT / "pyproject.toml"))
OURS = "lint.isort.known-first-party = ['flue', 'generated_models']"


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "format", "--check", *RUFF_OPTIONS),
        ("ruff", "check", *RUFF_OPTIONS, "--config", OURS, "--extend-ignore", "A,PLR"),
        ("mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache")),
        ("pyright", "--pythonpath", sys.executable),
    ],
    ids=lambda command: command[0],
)
def test_the_output_passes_the_checkers(folder: Path, command: tuple[str, ...]) -> None:
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict", "pythonVersion": "3.11"}')
    answer = subprocess.run(
        [sys.executable, "-m", *command, "."], cwd=folder, check=False, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


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


def test_the_output_works(models: ModuleType) -> None:
    made = decode(models.Everything, EVERYTHING)
    assert (made.from_, made.class_, made.str_, made.self_, made.items, made.http_status2) == (
        "a",
        "b",
        "c",
        True,
        1,
        200,
    )
    assert (made.private_name, made.colour, made.input) == (0.5, 'it\'s "blue"', {"x": [1]})
    assert made.origin == models.Point(x=1, y=2)
    assert made.parent.payload is None
    assert made.parent.text == [models.Point(x=0, y=0)]
    assert made.wire_extra == made.parent.wire_extra == {}
    assert decode(models.Everything, EVERYTHING | {"origin": {"x": "left"}}).origin == {"x": "left"}


def test_what_does_not_fit(models: ModuleType) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(models.Everything, EVERYTHING | {"colour": "green"})
    assert str(caught.value) == "$.colour: expected one of it's \"blue\", red, found 'green'"
    with pytest.raises(DecodeError) as caught:
        decode(models.Everything, EVERYTHING | {"text": [{"x": 1, "y": 1}, {"x": 1, "y": 1.5}]})
    assert str(caught.value) == "$.text[1].y: expected an integer, found a number"


def test_unions(models: ModuleType) -> None:
    circle = {"kind": "circle", "radius": 1, "name": "c", "v": 2, "createdAt": "2026-11-23T09:14:54.876Z"}
    drawing = decode(
        models.Drawing, {"shapes": [circle, {"kind": "blob"}, {"kind": "path:dashed"}], "background": circle}
    )
    assert [type(shape).__name__ for shape in drawing.shapes] == ["Circle", "UnknownContent", "Path"]
    assert drawing.shapes[2] == models.Path(style="dashed", closed=False)
    assert models.Path.kind == "path"
    assert drawing.background.v == 2
    with pytest.raises(DecodeError, match=r"^\$\.figures\[0\]\.kind: unknown kind 'blob'$"):
        decode(models.Drawing, {"shapes": [], "figures": [{"kind": "blob"}]})
    with pytest.raises(DecodeError, match=r"^\$\.background\.v: expected 2, found an integer$"):
        decode(models.Drawing, {"shapes": [], "background": circle | {"v": 3}})


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
        (POLYGON | {"note": "text"}, False),
    ],
)
def test_the_direct_decoding(models: ModuleType, wire: dict[str, Any], direct: bool) -> None:
    """It gives what cattrs gives, or nothing."""
    decoding = importlib.import_module("generated_models._decode")
    try:
        parsed = msgspec.json.decode(json.dumps(wire).encode(), type=decoding.FIGURE)
        built = decoding.BUILDERS[type(parsed)](parsed)
    except (msgspec.MsgspecError, NeedsSlowPath):
        assert not direct
        return
    assert direct
    assert built == decode(type(built), wire)
    assert to_json(built) == wire


def test_the_names(models: ModuleType) -> None:
    assert "Item" not in models.__all__
    assert {"Everything", "Colour", "Figure", "UnknownContent"} <= {*models.__all__} == {*dir(models)}
    assert all(getattr(models, name) for name in models.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Item'"):
        _ = models.Item
