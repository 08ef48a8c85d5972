from __future__ import annotations

import pytest

from flue.testing import FlueTestServer


@pytest.fixture
def server():
    with FlueTestServer() as running:
        yield running
        problems = running.problems
    assert problems == []
