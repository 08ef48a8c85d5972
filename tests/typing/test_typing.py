"""mypy and pyright, both strict, on a user's code: narrowing, exhaustive matches, mistakes that they have to find."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from flue.models import FlueEvent

ROOT = Path(__file__).parents[2]
CASES = Path(__file__).with_name("cases.py")
MARK = "# type-error"


def exhaustive(*, without: str = "") -> str:
    """A module that matches every event but one; the checkers have to find that one."""
    names = sorted(event.__name__ for event in typing.get_args(FlueEvent))
    cases = "".join(f"        case {name}():\n            return {name!r}\n" for name in names if name != without)
    return (
        f"from typing import assert_never\n\nfrom flue import FlueEvent, {', '.join(names)}\n\n\n"
        f"def name_of(event: FlueEvent) -> str:\n    match event:\n{cases}        case _:\n"
        f"            assert_never(event){f'  {MARK}' if without else ''}\n\n\nprint({', '.join(names)})\n"
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("typing")
    shutil.copy(CASES, made)
    (made / "every_event.py").write_text(exhaustive())
    for name in ("IdleEvent", "LogEvent", "UnknownEvent"):
        (made / f"forgets_{name.lower()}.py").write_text(exhaustive(without=name))
    (made / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict", "pythonVersion": "3.11"}')
    return made


def expected(folder: Path) -> set[tuple[str, int]]:
    return {
        (path.name, number)
        for path in folder.glob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.endswith(MARK)
    }


def run(*command: str, cwd: Path) -> str:
    answer = subprocess.run(
        [sys.executable, "-m", *command], check=False, cwd=cwd, capture_output=True, text=True, timeout=180
    )
    assert answer.returncode == 1, answer.stdout + answer.stderr
    return answer.stdout


def test_mypy(folder: Path) -> None:
    output = run("mypy", "--strict", "--output=json", *map(str, folder.glob("*.py")), cwd=ROOT)
    errors = [error for line in output.splitlines() if (error := json.loads(line))["severity"] == "error"]
    assert {(Path(error["file"]).name, error["line"]) for error in errors} == expected(folder), errors


def test_pyright(folder: Path) -> None:
    output = json.loads(run("pyright", "--outputjson", "--pythonpath", sys.executable, cwd=folder))
    errors = [error for error in output["generalDiagnostics"] if error["severity"] == "error"]
    found = {(Path(error["file"]).name, error["range"]["start"]["line"] + 1) for error in errors}
    assert found == expected(folder), errors
