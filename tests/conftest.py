"""What tests of more than one kind use."""

from __future__ import annotations

import os
import shutil

import pytest
from browser import Browser


@pytest.fixture(scope="session")
def program():
    """Where a program is. Without it the test is skipped, but on CI, where it is installed."""

    def find(name):
        path = shutil.which(name)
        if path is None and os.environ.get("CI"):
            pytest.fail(f"{name} is missing: apt-get install {name}")
        if path is None:
            pytest.skip(f"{name} is not installed (Debian: apt-get install {name})")
        return path

    return find


@pytest.fixture(scope="session")
def browser(program, tmp_path_factory):
    """A real browser without a window, and without a network."""
    with Browser(program("chromium"), tmp_path_factory.mktemp("browser")) as running:
        yield running
