"""TCP connections for httpcore, on asyncio itself.

httpcore's own go through anyio: a cancel scope and a deadline for every read and write, which is a third of what a
request costs. Connections with TLS are left to them.
"""

from __future__ import annotations

import asyncio
import select
from typing import TYPE_CHECKING, Any

import httpcore

if TYPE_CHECKING:
    import ssl

__all__ = ["TcpStream", "connect"]

_FULL = 256 * 1024
"""Bytes that wait to be read, from which on the rest waits in the network."""


async def connect(host: str, port: int, timeout: float | None) -> TcpStream:
    """Connect to the first address of a host that answers.

    Raises:
        httpcore.ConnectTimeout: `timeout` seconds are over.
        httpcore.ConnectError: none answers.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout):
            _, stream = await loop.create_connection(TcpStream, host, port)
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(str(error)) from error
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    return stream


class TcpStream(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """One connection. One task may read and one may write at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._paused = False  # reading, because enough waits
        self._over = False  # nothing more comes
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None  # waits for the other side to read
        self._blocked = False

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Something has come."""
        self._chunks.append(data)
        self._size += len(data)
        if self._size >= _FULL and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> bool:
        """The other side sends no more; what it has sent can be read."""
        self._over = True
        _wake(self._reader)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed, or broken."""
        self._over = True
        self._error = exc
        _wake(self._reader)
        self.resume_writing()

    def pause_writing(self) -> None:
        """What was written waits for the other side."""
        self._blocked = True

    def resume_writing(self) -> None:
        """It is gone."""
        self._blocked = False
        _wake(self._writer)

    # What httpcore asks for.

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        """What has come, however much that is; waits for at least one byte. Empty at the end.

        Raises:
            httpcore.ReadTimeout: nothing came for `timeout` seconds.
            httpcore.ReadError: the connection broke.
        """
        if not self._chunks and not self._over:
            self._reader = self._loop.create_future()
            try:
                await _within(self._reader, timeout, httpcore.ReadTimeout)
            finally:
                self._reader = None
        if self._chunks:
            data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
            self._chunks.clear()
            self._size = 0
            if self._paused and not self._transport.is_closing():
                self._paused = False
                self._transport.resume_reading()
            return data
        if self._error is not None:
            raise httpcore.ReadError(f"{type(self._error).__name__}: {self._error}") from self._error
        return b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes; waits while too many of them wait for the other side.

        Raises:
            httpcore.WriteTimeout: they wait for `timeout` seconds.
            httpcore.WriteError: the connection is closed or broke.
        """
        if self._transport.is_closing():
            raise httpcore.WriteError(str(self._error or "the connection is closed")) from self._error
        if buffer:
            self._transport.write(buffer)
        if self._blocked:
            self._writer = self._loop.create_future()
            try:
                await _within(self._writer, timeout, httpcore.WriteTimeout)
            finally:
                self._writer = None
            if self._error is not None:
                raise httpcore.WriteError(str(self._error)) from self._error

    async def aclose(self) -> None:
        """Close the connection, whatever waits in it."""
        self._transport.abort()
        await asyncio.sleep(0)  # in which the loop closes it

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Not here."""
        raise NotImplementedError

    def get_extra_info(self, info: str) -> Any:
        """Whether an idle connection is at its end (`is_readable`), its socket and its addresses."""
        if info == "is_readable":
            return self._over or bool(self._chunks) or self._has_news()
        names = {"client_addr": "sockname", "server_addr": "peername", "socket": "socket"}
        return self._transport.get_extra_info(names[info]) if info in names else None

    def _has_news(self) -> bool:
        """Whether the system knows of something that the loop has not come to yet: bytes, or the end."""
        sock = self._transport.get_extra_info("socket")
        if sock is None or sock.fileno() < 0:
            return True
        if not hasattr(select, "poll"):  # Windows
            return bool(select.select([sock], [], [], 0)[0])
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        return bool(poll.poll(0))


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)


async def _within(waiting: asyncio.Future[None], seconds: float | None, late: type[Exception]) -> None:
    if seconds is None:
        await waiting
        return
    timer = waiting.get_loop().call_later(seconds, _fail, waiting, late)
    try:
        await waiting
    finally:
        timer.cancel()


def _fail(waiting: asyncio.Future[None], late: type[Exception]) -> None:
    if not waiting.done():
        waiting.set_exception(late())
