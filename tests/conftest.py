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


@pytest.fixture
def sample_server(monkeypatch, tmp_path):
    """A server with the workflows that what is printed speaks of, without their pauses, where a client looks for it."""
    from flue.cli.demo import register
    from flue.testing import FlueTestServer, WorkflowRun

    monkeypatch.setattr(WorkflowRun, "sleep", lambda run, seconds: None)
    monkeypatch.delenv("FLUE_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)
    with FlueTestServer() as running:
        register(running)
        monkeypatch.setenv("FLUE_BASE_URL", running.base_url)
        yield running
        assert running.problems == []
