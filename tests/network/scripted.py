"""A server that frames its answers in any way that HTTP/1 knows, and falls silent on demand."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from .http1 import Request, Requests
from .loopback import LoopbackServer, wait_until

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Sequence

FRAMINGS = ("chunked", "length", "close", "close-unsaid", "http10", "http10-length", "chunked-close", "length-close")
"""How a body may end: by chunks, by its length, or by the end of the connection, which the head announces or does not."""


def framed_head(framing: str, content_type: str, *, length: int = 1_000_000) -> bytes:
    """The head of an answer whose body goes on for longer than anybody waits."""
    version = "1.0" if framing.startswith("http10") else "1.1"
    lines = [f"HTTP/{version} 200 OK", f"Content-Type: {content_type}"]
    if framing.startswith("chunked"):
        lines.append("Transfer-Encoding: chunked")
    if "length" in framing:
        lines.append(f"Content-Length: {length}")
    if framing.endswith("close"):
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode()


def framed_piece(framing: str, piece: bytes) -> bytes:
    """A part of the body."""
    return b"%x\r\n%s\r\n" % (len(piece), piece) if framing.startswith("chunked") else piece


class ScriptedServer(LoopbackServer):
    """Answers the n-th request with the n-th script, and keeps silence behind the last.

    Args:
        scripts: for each request the bytes to send. None stands for silence: the request is swallowed.
        ssl_context: for HTTPS.

    Attributes:
        requests: that have come, in order.
        gone: how many connections the client has closed.
        on_silence: called with each request that is swallowed.
    """

    def __init__(self, scripts: Sequence[bytes | None], *, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self._scripts = list(scripts)
        self._ssl = ssl_context
        self._turn = threading.Lock()
        self.requests: list[Request] = []
        self.answered = 0
        self.gone = 0
        self.on_silence: Callable[[Request], object] = bool

    @property
    def base_url(self) -> str:
        """For a client."""
        return f"{'http' if self._ssl is None else 'https'}://{self.address}/api"

    def serve(self, connection: socket.socket) -> None:
        """Answer the requests of one connection, until the client closes it."""
        if self._ssl is not None:
            wrapped = self._ssl.wrap_socket(connection, server_side=True)
            self.replace(connection, wrapped)
            connection = wrapped
        try:
            requests = Requests(connection)
            while request := requests.next():
                with self._turn:
                    self.requests.append(request)
                    script = self._scripts.pop(0) if self._scripts else None
                if script is None:
                    self.on_silence(request)
                else:
                    connection.sendall(script)
                self.answered += 1
        finally:
            self.gone += 1
            with contextlib.suppress(OSError):
                self.drop(connection)

    def wait_for_answers(self, count: int) -> None:
        """Wait until so many requests have got their script."""
        wait_until(lambda: self.answered >= count, f"{count} requests")

    def wait_for_gone(self, count: int) -> None:
        """Wait until the client has closed so many connections."""
        wait_until(lambda: self.gone >= count, f"{count} connections are closed")
