"""The states in which a reader may be blocked: of a run over HTTP and TLS, and of a conversation."""

from __future__ import annotations

import contextlib
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from network.resolver import hanging

from flue.testing import Fault, FlueTestServer

from .conversation_scenes import by_hand, message
from .frames import RUN, log
from .reading import BOUND, TLS, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .reading import Reading


class Station:
    """Where a reader gets stuck.

    Attributes:
        base_url: For its client.
        server: That it talks to, if it is one.
        options: For its stream.
    """

    def __init__(
        self,
        base_url: str,
        reached: Callable[[Reading], object],
        *,
        server: FlueTestServer | None = None,
        **options: Any,
    ) -> None:
        self.base_url = base_url
        self.server = server
        self.options = options
        self._reached = reached

    def wait_for(self, reading: Reading) -> None:
        """Return when the reader is there."""
        eventually(lambda: self._reached(reading), "the reader gets there")


@contextlib.contextmanager
def _full_backlog(scheme: str) -> Iterator[Station]:
    """A port whose queue of connections is full: the handshake of TCP is not answered."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = listener.getsockname()[1]
        for _ in range(2):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        waiting = syn_sent(port)
        yield Station(
            f"{scheme}://127.0.0.1:{port}", lambda reading: reading.is_at("_open") and syn_sent(port) > waiting
        )


def syn_sent(port: int) -> int:
    """How many connections to a local port wait for an answer of the kernel."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "02" for row in rows)


@contextlib.contextmanager
def _silent_handshake(scheme: str) -> Iterator[Station]:
    """A port that takes the connection and never answers: over TLS, the reader waits inside its handshake."""
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:
        listener.settimeout(BOUND)
        accepted: list[socket.socket] = []

        def reached(reading: Reading) -> object:
            if not accepted:
                accepted.append(stack.enter_context(listener.accept()[0]))
                accepted[0].settimeout(BOUND)
                assert accepted[0].recv(1)
            return reading.is_at("_open")

        yield Station(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}", reached)


@contextlib.contextmanager
def _slow_resolver(scheme: str) -> Iterator[Station]:
    """A name that takes for ever to look up."""
    with hanging("localhost") as names:
        yield Station(f"{scheme}://localhost:9", lambda reading: names.asked and reading.is_at("_open"))


def server_context() -> ssl.SSLContext:
    """What an HTTPS server of the tests shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem")
    return context


@contextlib.contextmanager
def serving(scheme: str, **options: Any) -> Iterator[FlueTestServer]:
    """A server with a run of one event."""
    with FlueTestServer(ssl_context=server_context() if scheme == "https" else None, **options) as server:
        server.create_run(run_id=RUN)
        server.append(RUN, log(0), raw=True)
        yield server
        assert server.problems == []


@contextlib.contextmanager
def _stalled_headers(scheme: str) -> Iterator[Station]:
    with serving(scheme) as server:
        server.faults.add(Fault(stall_before_headers=30.0))
        yield Station(server.base_url, lambda reading: server.requests and reading.is_at("_open"), server=server)


@contextlib.contextmanager
def _held_poll(scheme: str) -> Iterator[Station]:
    with serving(scheme) as server:
        yield Station(
            server.base_url, lambda reading: len(server.requests) == 2 and reading.is_at("_open"), server=server
        )


@contextlib.contextmanager
def _stalled_page(scheme: str) -> Iterator[Station]:
    with serving(scheme) as server:
        server.faults.add(Fault(stall_after=7, stall=30.0))
        yield Station(server.base_url, lambda reading: reading.is_at("_read"), server=server)


@contextlib.contextmanager
def _idle_events(scheme: str) -> Iterator[Station]:
    with serving(scheme) as server:
        yield Station(
            server.base_url, lambda reading: reading.events and reading.is_at("_read"), server=server, live="sse"
        )


@contextlib.contextmanager
def _back_off(scheme: str) -> Iterator[Station]:
    with serving(scheme) as server:
        server.faults.add(Fault(status=503, headers=[("retry-after", "30")]))
        yield Station(server.base_url, lambda reading: reading.is_at("_pause"))


STATIONS: dict[str, Callable[[str], contextlib.AbstractContextManager[Station]]] = {
    "connecting": _full_backlog,
    "handshake": _silent_handshake,
    "resolver": _slow_resolver,
    "headers": _stalled_headers,
    "poll": _held_poll,
    "page": _stalled_page,
    "events": _idle_events,
    "pause": _back_off,
}
"""Where a reader is blocked, by name; each is called with `http` or `https`."""

BLOCKED = [
    pytest.param(name, scheme, id=f"{name}-{scheme}")
    for name in STATIONS
    for scheme in ("http", "https")
    if (name, scheme) != ("handshake", "http")
]
"""Each of them over each scheme, but the handshake of TLS over HTTP."""


def _conversing(
    step: str, asked: str = "", *, fault: Fault | None = None, exists: bool = True, **options: Any
) -> Callable[[str], contextlib.AbstractContextManager[Station]]:
    """A conversation whose reader gets stuck inside a step of its driver, once something was asked for."""

    @contextlib.contextmanager
    def enter(_scheme: str) -> Iterator[Station]:
        with FlueTestServer(flue_version=2) as server:
            by_hand(server, "one" if exists else "another")(message("sub_1"))
            if fault is not None:
                server.faults.add(fault, path=asked)

            def reached(reading: Reading) -> object:
                return server.requests and asked in server.requests[-1].target and reading.is_at(step)

            yield Station(server.base_url, reached, server=server, **options)
            assert server.problems == []

    return enter


_BUSY = Fault(status=503, headers=[("retry-after", "30")])
CONVERSATION_STATIONS: dict[str, Callable[[str], contextlib.AbstractContextManager[Station]]] = {
    "connecting": _full_backlog,
    "resolver": _slow_resolver,
    "history": _conversing("_open", fault=Fault(stall_before_headers=30.0)),
    "half a history": _conversing("_read", fault=Fault(stall_after=7, stall=30.0)),
    "events": _conversing("_read", "live=sse", live="sse"),
    "poll": _conversing("_open", "live=long-poll", live="long-poll"),
    "pause": _conversing("_pause", fault=_BUSY),
    "pause of updates": _conversing("_pause", "view=updates", fault=_BUSY),
    "absent": _conversing("_pause", exists=False, wait_until_exists=True),
}
"""The same of a conversation; only an observation waits for one that is absent."""
