"""What the machine around the tests must not decide."""

from __future__ import annotations

import asyncio
import os

import pytest

_SURROUNDINGS = ("FLUE_BASE_URL", "FLUE_TOKEN", "NETRC", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    """No address, token, proxy, certificate or .netrc of the user who runs the tests."""
    for name in (*_SURROUNDINGS, *_CERTIFICATES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


if os.environ.get("FLUE_TEST_LOOP") == "uvloop":  # the asyncio face once more, on the other event loop
    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

    def pytest_collection_modifyitems(items):
        """Leave out what a replaced `socket.getaddrinfo` decides: uvloop looks names up past it."""
        for item in items:
            past = ("resolver" in item.nodeid, "test_network_names" in item.nodeid, "-a name" in item.nodeid)
            proxied = "test_hosts_to_go_past_the_proxy" in item.nodeid and any(
                form in item.nodeid for form in ("-name and port", "-a suffix")
            )
            if any(past) or proxied or "test_a_host_without_an_address" in item.nodeid:
                item.add_marker(pytest.mark.skip(reason="uvloop looks names up by itself"))
