"""What the machine around the tests must not decide."""

from __future__ import annotations

import asyncio
import gc
import os
import signal

import pytest

from flue.testing import FlueTestServer

from .harness import face_on
from .reading import AUTHORITY

_SURROUNDINGS = ("FLUE_BASE_URL", "FLUE_TOKEN", "NETRC", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(scope="session", autouse=True)
def _old_objects_are_not_collected():
    """Tests that look for leaks collect twice each: through all that pytest and the libraries hold, for 0.3 seconds."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    """No address, token, proxy, certificate or .netrc of the user who runs the tests."""
    for name in (*_SURROUNDINGS, *_CERTIFICATES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def trusting(_bare_environment, monkeypatch):
    """The environment names the authority of the servers of these tests."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", AUTHORITY)
    monkeypatch.setenv("SSL_CERT_FILE", AUTHORITY)


@pytest.fixture
def sync_face():
    """For what only one of the faces has."""
    with FlueTestServer() as server, face_on(server, is_async=False) as face:
        yield face


@pytest.fixture
def async_face():
    """The other one."""
    with FlueTestServer() as server, face_on(server, is_async=True) as face:
        yield face


@pytest.fixture
def on_signal():
    """Have something done by the handler of SIGUSR1."""
    before = signal.getsignal(signal.SIGUSR1)
    yield lambda call: signal.signal(signal.SIGUSR1, lambda *_: call())
    signal.signal(signal.SIGUSR1, before)


if os.environ.get("FLUE_TEST_LOOP") == "uvloop":  # the asyncio face once more, on the other event loop
    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(asyncio.sleep(0))  # the first loop opens a pipe that it never closes

    def pytest_collection_modifyitems(items):
        """Leave out what a replaced `socket.getaddrinfo` decides: uvloop looks names up past it."""
        for item in items:
            past = (
                "resolver",
                "test_names",
                "test_hosts_to_go_past_the_proxy[a suffix]",
                "test_a_host_without_an_address",
            )
            if any(part in item.nodeid for part in past):
                item.add_marker(pytest.mark.skip(reason="uvloop looks names up by itself"))
