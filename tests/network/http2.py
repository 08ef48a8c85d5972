"""An HTTP/2 server without TLS (prior knowledge), whose answers stay open until the test ends them."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from .loopback import LoopbackServer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable


@dataclass
class Http2Request:
    """A request, and its answer so far."""

    target: str
    stream_id: int
    connection: _Connection
    reset: threading.Event = field(default_factory=threading.Event)

    def send(self, data: bytes) -> None:
        """Send a part of the body."""
        self.connection.send(self.stream_id, data)


class _Connection:
    def __init__(self, sock: socket.socket) -> None:
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.sock = sock
        self.lock = threading.Lock()

    def flush(self) -> None:
        self.sock.sendall(self.state.data_to_send())

    def send(self, stream_id: int, data: bytes) -> None:
        with self.lock, contextlib.suppress(h2.exceptions.StreamClosedError):
            self.state.send_data(stream_id, data)
            self.flush()


class Http2Server(LoopbackServer):
    """Answers every request with 200, the content type and the first bytes that are given, and goes on at `send`.

    Args:
        content_type: Of each answer.
        first: The bytes of the body that are sent at once, given the target of the request.

    Attributes:
        requests: In order.
    """

    def __init__(self, content_type: str, first: Callable[[str], bytes]) -> None:
        super().__init__()
        self._content_type = content_type
        self._first = first
        self.requests: list[Http2Request] = []

    @property
    def base_url(self) -> str:
        """For a client."""
        return f"http://{self.address}/api"

    def serve(self, connection: socket.socket) -> None:
        """Serve one connection."""
        state = _Connection(connection)
        with state.lock:
            state.state.initiate_connection()
            state.flush()
        while received := connection.recv(65536):
            with state.lock:
                for event in state.state.receive_data(received):
                    self._handle(state, event)
                state.flush()

    def _handle(self, connection: _Connection, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            target = dict(event.headers)[b":path"].decode()
            request = Http2Request(target, event.stream_id, connection)
            head = [(":status", "200"), ("content-type", self._content_type)]
            connection.state.send_headers(event.stream_id, head)
            connection.state.send_data(event.stream_id, self._first(target))
            self.requests.append(request)
        elif isinstance(event, h2.events.StreamReset):
            next(one for one in self.requests if one.stream_id == event.stream_id).reset.set()
