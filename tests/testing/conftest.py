from __future__ import annotations

import pytest

from flue.testing import FlueTestServer


@pytest.fixture
def server(request):
    """A server with the options that the module names, and no problems in the end."""
    with FlueTestServer(**getattr(request.module, "SERVER_OPTIONS", {})) as running:
        yield running
        problems = running.problems
    assert problems == []
