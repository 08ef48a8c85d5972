"""The pytest plugin of flue-sdk: a Flue server in the test's own process, and clients bound to it.

pytest finds it by itself once flue-sdk is installed. It is loaded by every run: the names of `flue` and `flue.testing`
are loaded when a fixture uses them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

import flue
import flue.testing

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

CONVERSATION_FIXTURES = {"flue_conversation", "async_flue_conversation"}
CONVERSATION_PATH = "/agents/assistant/test"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "flue_version(version): the version of Flue, 1 or 2, that flue_server speaks")


@pytest.fixture
def flue_server(request: pytest.FixtureRequest) -> Iterator[flue.testing.FlueTestServer]:
    """A Flue server on loopback, new for each test: register workflows or agents, script faults, look at requests.

    It speaks Flue 1.0, or Flue 2 in a test that asks for a conversation or is marked
    ``@pytest.mark.flue_version(2)``. What goes wrong inside it, a script that has run out for instance, fails the test.
    """
    marker = request.node.get_closest_marker("flue_version")
    default: Literal[1, 2] = 1 if CONVERSATION_FIXTURES.isdisjoint(request.fixturenames) else 2
    given = (default,) if marker is None else (*marker.args, marker.kwargs.get("version"))
    with flue.testing.FlueTestServer(flue_version=given[0]) as server:
        yield server
        problems = server.problems
    if problems:
        pytest.fail(f"the Flue test server had problems: {problems}", pytrace=False)


@pytest.fixture
def flue_client(flue_server: flue.testing.FlueTestServer) -> Iterator[flue.FlueClient]:
    """A `flue.FlueClient` bound to `flue_server`, with back-off pauses of milliseconds; closed after the test."""
    with flue.FlueClient(flue_server.base_url, backoff_options=_without_pauses(), trust_env=False) as client:
        yield client


@pytest.fixture
def async_flue_client(flue_server: flue.testing.FlueTestServer) -> flue.AsyncFlueClient:
    """A `flue.AsyncFlueClient` bound to `flue_server`, with back-off pauses of milliseconds.

    To be used with or without ``async with``.

    A plain fixture: it needs no asyncio plugin, and works with all of them. Its client keeps no connection between
    two requests, so nothing is left when the event loop of the test ends.
    """
    return flue.AsyncFlueClient(flue_server.base_url, http_client=_http_client(), backoff_options=_without_pauses())


@pytest.fixture
def flue_conversation(flue_server: flue.testing.FlueTestServer) -> Iterator[flue.Conversation]:
    """The conversation ``test`` of the agent ``assistant`` of `flue_server`, as a `flue.Conversation`.

    Register the agent with ``@flue_server.agent("assistant")``. Back-off pauses are of milliseconds; it is closed after
    the test.
    """
    url = f"{flue_server.base_url}{CONVERSATION_PATH}"
    with flue.Conversation(url, backoff_options=_without_pauses(), trust_env=False) as conversation:
        yield conversation


@pytest.fixture
def async_flue_conversation(flue_server: flue.testing.FlueTestServer) -> flue.AsyncConversation:
    """The conversation ``test`` of the agent ``assistant`` of `flue_server`, as a `flue.AsyncConversation`.

    Register the agent with ``@flue_server.agent("assistant")``. A plain fixture like `async_flue_client`, to be used
    with or without ``async with``.
    """
    url = f"{flue_server.base_url}{CONVERSATION_PATH}"
    return flue.AsyncConversation(url, http_client=_http_client(), backoff_options=_without_pauses())


def _http_client() -> httpx.AsyncClient:
    """A client that keeps no connection between two requests and uses no proxy of the environment."""
    import httpx  # noqa: PLC0415 - only for tests that ask for it

    return httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0), trust_env=False)


def _without_pauses() -> flue.BackoffOptions:
    """A test does not wait for a server that it breaks itself, and is told soon when nothing gets better."""
    return flue.BackoffOptions(initial_delay=0.001, max_delay=0.01, max_elapsed=10.0)
