"""What is inside the packages, and what they say of themselves."""

from __future__ import annotations

import configparser
import tarfile
import tomllib
import zipfile
from pathlib import Path

import flue

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SOURCES = {
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "flue").rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
}


def test_the_wheel_holds_the_library_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as files:
        names = set(files.namelist())
    assert {name for name in names if ".dist-info/" not in name} == SOURCES
    assert {"flue/py.typed", "flue/__main__.py"} <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_sdist_holds_what_the_wheel_is_made_of(sdist):
    with tarfile.open(sdist) as files:
        names = {name.partition("/")[2] for name in files.getnames()}
    around = {"pyproject.toml", "PKG-INFO", "README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE"}
    assert names - {".gitignore"} == SOURCES | around  # the builder needs it to know what is not a source


def test_the_metadata_is_complete(metadata):
    assert metadata["Name"] == "flue-sdk"
    assert metadata["Version"] == flue.__version__ == PROJECT["version"]
    assert metadata["Summary"] == PROJECT["description"]
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Author"]
    assert "Typing :: Typed" in metadata.get_all("Classifier")
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload() == (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(metadata.get_all("Provides-Extra")) == set(PROJECT["optional-dependencies"])


def test_every_requirement_has_a_floor_and_no_ceiling(metadata):
    for requirement in metadata.get_all("Requires-Dist"):
        specifier = requirement.partition(";")[0]
        assert ">=" in specifier, requirement
        assert "<" not in specifier, requirement


def test_the_changelog_tells_of_this_version():
    assert f"## [{flue.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_entry_points(wheel):
    points = configparser.ConfigParser()
    with zipfile.ZipFile(wheel) as files:
        (name,) = [name for name in files.namelist() if name.endswith("entry_points.txt")]
        points.read_string(files.read(name).decode())
    assert dict(points["console_scripts"]) == {"flue-py": "flue.cli:main"}
    assert dict(points["pytest11"]) == {"flue": "flue.testing.plugin"}
