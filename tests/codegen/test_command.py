"""The command: writing, comparing, and a variant that is added in a scratch copy of the tree."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from scratch import MINIMAL, changed, put

from codegen import __main__ as command

if TYPE_CHECKING:
    from codegen.__main__ import Target

ROOT = Path(__file__).parents[2]


@pytest.fixture
def written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Target:
    made = put(tmp_path, MINIMAL)
    assert command.main([], made) == 0
    assert capsys.readouterr().out.count("wrote ") == 3
    return made


def check(target: Target, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    status = command.main(["--check"], target)
    return status, capsys.readouterr().err.splitlines()[:-1]


def test_the_models_are_those_of_the_schemas(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(command.FLUE, capsys) == (0, [])


def test_nothing_to_do(written: Target, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(written, capsys) == (0, [])
    times = [path.stat().st_mtime_ns for path in written.directory.iterdir()]
    assert command.main([], written) == 0
    assert not capsys.readouterr().out
    assert [path.stat().st_mtime_ns for path in written.directory.iterdir()] == times


def test_an_edit_is_found_and_undone(written: Target, capsys: pytest.CaptureFixture[str]) -> None:
    path = written.directory / "thing.py"
    text = path.read_bytes()
    for edited in (text + b"\n", text[:-1], text[: len(text) // 2], text.replace(b"\n", b"\r\n"), b""):
        path.write_bytes(edited)
        assert check(written, capsys) == (1, ["changed: scratch_models/thing.py"])
    assert command.main([], written) == 0
    assert path.read_bytes() == text


def test_missing_and_orphan_files(written: Target, capsys: pytest.CaptureFixture[str]) -> None:
    (written.directory / "thing.py").unlink()
    (written.directory / "_wire_names.py").unlink()
    (written.directory / "old.py").touch()
    (written.directory / "old.pyi").touch()
    (written.directory / "deep").mkdir()
    (written.directory / "deep" / "old.py").touch()
    (written.directory / "__pycache__").mkdir()
    (written.directory / "__pycache__" / "thing.cpython-311.pyc").touch()
    assert check(written, capsys) == (
        1,
        [
            "missing: scratch_models/_wire_names.py",
            "orphan: scratch_models/deep/old.py",
            "orphan: scratch_models/old.py",
            "orphan: scratch_models/old.pyi",
            "missing: scratch_models/thing.py",
        ],
    )
    assert command.main([], written) == 0
    assert "removed" in capsys.readouterr().out
    assert check(written, capsys) == (0, [])
    assert not (written.directory / "old.py").exists()


def test_a_schema_that_changed(written: Target, capsys: pytest.CaptureFixture[str]) -> None:
    put(written.schemas.parent, changed("$defs/Thing/properties/name/description", "Another text."))
    assert check(written, capsys) == (1, ["changed: scratch_models/thing.py"])


def test_a_schema_that_is_not_understood(written: Target, capsys: pytest.CaptureFixture[str]) -> None:
    put(written.schemas.parent, changed("$defs/Thing/properties/name/pattern", "x"))
    for arguments in ([], ["--check"]):
        assert command.main(arguments, written) == 2
        assert "thing.json#/$defs/Thing/properties/name/pattern: unsupported keyword" in capsys.readouterr().err


VARIANT = {
    "type": "object",
    "description": "The workflow reports how far it has come.",
    "allOf": [{"$ref": "#/$defs/EventEnvelope"}],
    "properties": {
        "type": {"const": "progress", "description": "Wire name of the event."},
        "percentDone": {"type": "number", "description": "How far, from 0 to 100."},
    },
    "required": ["type", "percentDone"],
}
USE = """\
import typing
import flue.models
from flue.codec import EventDecoder, to_json
wire = {"type": "progress", "percentDone": 40, "v": 3, "eventIndex": 1, "timestamp": "2026-11-23T09:14:54.876Z"}
event = EventDecoder()(wire)
assert type(event) is flue.models.ProgressEvent, event
assert (event.type, event.percent_done, event.run_id, to_json(event)) == ("progress", 40, None, wire)
assert flue.models.ProgressEvent in typing.get_args(flue.models.FlueEvent)
assert "ProgressEvent" in flue.models.__all__
from flue import FlueEvent, ProgressEvent

def percent(event: FlueEvent) -> float:
    return event.percent_done if event.type == "progress" else 0.0
"""


def test_a_variant_is_added_by_its_schema_alone(tmp_path: Path) -> None:
    for folder in ("schemas", "codegen", "flue"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "schemas" / "flue_event.json"
    schema = json.loads(path.read_text())
    schema["$defs"]["ProgressEvent"] = VARIANT
    schema["oneOf"].append({"$ref": "#/$defs/ProgressEvent"})
    path.write_text(json.dumps(schema))
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}

    def python(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, check=False, capture_output=True, text=True
        )

    assert python("-m", "codegen", "--check").returncode == 1
    assert python("-m", "codegen").returncode == 0
    assert python("-m", "codegen", "--check").returncode == 0
    (tmp_path / "use.py").write_text(USE)
    for arguments in (["use.py"], ["-m", "mypy", "--strict", "use.py"]):
        used = python(*arguments)
        assert used.returncode == 0, used.stdout + used.stderr
