"""What tests of more than one kind use."""

from __future__ import annotations

import os
import shutil
import signal

import pytest
from browser import Browser

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # by a shell that runs the tests in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
    """The servers of `flue-py serve` without their pauses, where clients look for them; this is the one of Flue 1.0."""
    from flue.cli.demo import register
    from flue.testing import ConversationTurn, FlueTestServer, WorkflowRun

    monkeypatch.setattr(WorkflowRun, "sleep", lambda run, seconds: None)
    monkeypatch.setattr(ConversationTurn, "sleep", lambda turn, seconds: None)
    monkeypatch.delenv("FLUE_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)
    with FlueTestServer() as runs, FlueTestServer(flue_version=2) as conversations:
        register(runs)
        register(conversations)
        monkeypatch.setenv("FLUE_BASE_URL", runs.base_url)
        monkeypatch.setenv("FLUE_CONVERSATION_URL", f"{conversations.base_url}/agents/assistant/demo")
        yield runs
        assert runs.problems == conversations.problems == []
