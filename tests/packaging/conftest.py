"""What users get: the sdist and the wheel made of it, and environments with nothing else in them."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import Message

ROOT = Path(__file__).parents[2]


@attrs.frozen
class Environment:
    """A virtual environment of its own."""

    home: Path

    def run(self, *command: str, base_url: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, away from the checkout; warnings are errors."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("FLUE_", "PYTHON"))}
        variables |= {"FLUE_BASE_URL": base_url, "PYTHONWARNINGS": "error"}
        program, *words = command
        path = self.home / "bin" / program
        return subprocess.run(
            [path, *words], check=False, capture_output=True, text=True, timeout=60, cwd=self.home, env=variables
        )

    def python(self, code: str, *, base_url: str = "") -> str:
        """What a few lines print; they must not fail."""
        done = self.run("python", "-c", code, base_url=base_url)
        assert done.returncode == 0, done.stderr
        return done.stdout


def run(module: str, *words: str | Path) -> None:
    """Run a module of this environment; it must not fail."""
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def install(tmp_path_factory) -> Callable[..., Environment]:
    """Makes an environment with these packages, what they require, and nothing else."""

    def make(*packages: str) -> Environment:
        home = tmp_path_factory.mktemp("environment")
        venv.create(home)  # without a pip of its own, which takes longer to install than all the rest
        for command in (["install", *packages], ["check"]):
            run("pip", "--python", home / "bin" / "python", "--quiet", "--disable-pip-version-check", *command)
        return Environment(home)

    return make


@pytest.fixture(scope="session")
def dist(tmp_path_factory) -> Path:
    """Where `python -m build` has put the sdist, and the wheel it has made of that sdist."""
    out = tmp_path_factory.mktemp("dist")
    run("build", "--outdir", out, ROOT)
    return out


@pytest.fixture(scope="session")
def wheel(dist) -> Path:
    (path,) = dist.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def sdist(dist) -> Path:
    (path,) = dist.glob("*.tar.gz")
    return path


@pytest.fixture(scope="session")
def metadata(wheel) -> Message:
    with zipfile.ZipFile(wheel) as files:
        (name,) = [name for name in files.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(files.read(name).decode())
