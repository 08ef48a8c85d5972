"""A connection that gives the head of an answer, and keeps what came with it until it is asked for.

httpcore hands a chunked body over chunk by chunk, each through all of its layers: an event at a time, where a server
writes one a chunk. An event stream is read here from its connection instead, as it comes; so nothing of the body may
have gone to httpcore's parser together with the head.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import httpcore

from flue.aio import tcp

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

__all__ = ["ON_SENT", "OPENED", "Backend", "Line"]

ON_SENT: ContextVar[Callable[[], None] | None] = ContextVar("ON_SENT", default=None)
"""Called in the task that sends when the head of a request is on its way."""
OPENED: ContextVar[list[Line] | None] = ContextVar("OPENED", default=None)
"""Where a task notes the connections that it opens."""
_BLANK_LINE = re.compile(rb"\n\r?\n")
_INTERIM = re.compile(rb"HTTP/1\.[01] 1")


class Line(httpcore.AsyncNetworkStream):
    """One connection."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._in_head = True
        self._head = b""  # what came of it so far
        self._rest = b""  # what came behind it
        self.fresh = True  # nothing was sent on it; httpcore loses it if its task is cancelled now
        opened = OPENED.get()
        if opened is not None:
            opened.append(self)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # httpcore's signature
        """What has come: of a head no more than its end, of a body all."""
        data = self._rest
        if data:
            self._rest = b""
        else:
            data = await self._stream.read(max_bytes, timeout)
        return self._up_to_the_body(data) if self._in_head else data

    def _up_to_the_body(self, data: bytes) -> bytes:
        before = len(self._head)
        self._head += data
        end = _BLANK_LINE.search(self._head, max(before - 2, 0))
        if end is None:
            return data
        # Interim answers are heads without a body; the one that counts follows.
        self._in_head = _INTERIM.match(self._head.lstrip(b"\r\n")) is not None
        self._rest = self._head[end.end() :]
        self._head = b""
        return data[: end.end() - before]

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send a part of a request: what comes next begins with a head."""
        self._in_head = True
        self.fresh = False
        await self._stream.write(buffer, timeout)
        on_sent = ON_SENT.get()
        if on_sent is not None:
            on_sent()

    async def aclose(self) -> None:
        """Close the connection."""
        self.fresh = False
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> Line:
        """The same connection, encrypted."""
        self.fresh = False
        return Line(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """What httpcore's own stream knows."""
        return self._stream.get_extra_info(info)


class Backend(httpcore.AsyncNetworkBackend):
    """Makes such connections: asyncio's own for HTTP, anyio's where TLS is to follow."""

    def __init__(self, scheme: bytes) -> None:
        """Args: scheme: `http` or `https`."""
        anyio: Any = httpcore.AnyIOBackend  # whose types are unknown where anyio is missing
        self._anyio: httpcore.AsyncNetworkBackend | None = None if scheme == b"http" else anyio()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002  # nobody asks for it
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> Line:
        """Connect to a port."""
        if self._anyio is None:
            return Line(await tcp.connect(host, port, timeout))
        return Line(await self._anyio.connect_tcp(host, port, timeout))
