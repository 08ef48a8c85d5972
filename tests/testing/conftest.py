from __future__ import annotations

import threading

import pytest

from flue.testing import FlueTestServer


@pytest.fixture
def server(request):
    """A server with the options that the module names, and no problems in the end."""
    with FlueTestServer(**getattr(request.module, "SERVER_OPTIONS", {})) as running:
        yield running
        problems = running.problems
    assert problems == []


class Gate:
    """Called by the function under test: it waits there until the test lets it through."""

    def __init__(self):
        self._reached, self._opened = threading.Event(), threading.Event()

    def __call__(self):
        self._reached.set()
        self._opened.wait(5)

    def reached(self):
        """Wait until somebody stands there."""
        assert self._reached.wait(5)

    def open(self):
        self._opened.set()


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.open()
