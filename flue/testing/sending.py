"""The sending half of HTTP/1.1: an answer as a value and a fault, to bytes on a connection.

The only place that knows how an answer is spoilt on its way, so every fault works with every route.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import struct
import zlib
from contextlib import aclosing
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING

from flue.testing.faults import NO_FAULT

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from flue.testing.answers import Answer, Body, Headers
    from flue.testing.faults import End, Fault, Framing
    from flue.testing.http1 import RecordedRequest

FRAMING_HEADERS = {"content-length", "transfer-encoding"}


class ConnectionEndedError(Exception):
    """The answer was ended as its fault demands, and the connection with it."""


class Wire:
    """The outgoing side of one connection.

    Args:
        writer: Of the connection.
    """

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        # A cut and a stall are exact only if nothing waits in this process when they happen. With 0 a transport
        # of asyncio's TLS would pause for ever.
        writer.transport.set_write_buffer_limits(high=1)

    async def send(self, data: bytes) -> None:
        """Give bytes to the kernel, all of them.

        Raises:
            ConnectionError: The client has gone.
        """
        self._writer.write(data)
        await self._writer.drain()

    def end(self, how: End) -> None:
        """End the connection: by a reset, or closing it in order."""
        if how == "reset":
            reset(self._writer)
        else:
            self._writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by a reset, at once."""
    with contextlib.suppress(AttributeError):  # a TLS transport that is closed has let go of its socket already
        sock: socket.socket | None = writer.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            # Lingering for zero seconds turns the close into a reset.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    abort(writer)


def abort(writer: asyncio.StreamWriter) -> None:
    """Close a connection without waiting for what is not sent yet."""
    with contextlib.suppress(AttributeError):  # a TLS transport that has ended by itself, before Python 3.11.4
        writer.transport.abort()


async def send_raw(wire: Wire, data: bytes, fault: Fault = NO_FAULT) -> None:
    """Send bytes that are a whole answer already, then end the connection.

    Raises:
        ConnectionEndedError: Always, unless the client has gone before.
    """
    await _Body(wire, fault, framing="close").send(data)
    wire.end("reset" if fault.end == "reset" else "close")
    raise ConnectionEndedError


async def send_answer(wire: Wire, request: RecordedRequest, answer: Answer, fault: Fault = NO_FAULT) -> bool:
    """Send an answer the way its fault wants it.

    Returns:
        Whether the connection can carry another one.

    Raises:
        ConnectionEndedError: The connection ended with the answer, as the fault demands.
        ConnectionError: The client has gone.
        ValueError: The fault asks for the length of a live stream.
    """
    body = _content(request, answer, fault)
    headers = _headers(answer, fault)
    declared = any(name.lower() in FRAMING_HEADERS for name, _ in headers)
    framing = "close" if declared else _framing(request, body, fault)
    keep_alive = not request.wants_close and (body is None or framing != "close")
    head = _head(
        answer.status, headers + _hop_by_hop(body, framing, fault, keep_alive=keep_alive, declared=declared), fault
    )
    if fault.cut_head_after is not None:
        await wire.send(head[: fault.cut_head_after])
        wire.end("reset" if fault.end is None else fault.end)
        raise ConnectionEndedError
    if body is None:
        await wire.send(head)
        return keep_alive
    sender = _Body(wire, fault, framing)
    if isinstance(body, bytes):
        await sender.send(body, head=head)
    else:
        await wire.send(head)
        async with aclosing(body):
            async for chunk in body:
                if await sender.send(chunk):
                    break
    await sender.finish()
    return keep_alive


def _content(request: RecordedRequest, answer: Answer, fault: Fault) -> Body:
    if request.method == "HEAD" or answer.status in {204, 304} or answer.body is None:
        return None
    if not fault.gzip:
        return answer.body
    return gzip.compress(answer.body, mtime=0) if isinstance(answer.body, bytes) else _deflated(answer.body)


async def _deflated(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Compress a live stream so that each chunk can be read when it arrives."""
    compressor = zlib.compressobj(wbits=31)
    async with aclosing(chunks):
        async for chunk in chunks:
            yield compressor.compress(chunk) + compressor.flush(zlib.Z_SYNC_FLUSH)
    yield compressor.flush(zlib.Z_FINISH)


def _framing(request: RecordedRequest, body: Body, fault: Fault) -> Framing:
    framing: Framing = fault.framing or ("length" if isinstance(body, bytes) else "chunked")
    if framing == "length" and body is not None and not isinstance(body, bytes):
        raise ValueError("a live stream has no length: framing must be chunked or close")
    return "close" if framing == "chunked" and request.version == "HTTP/1.0" else framing


def _headers(answer: Answer, fault: Fault) -> Headers:
    headers = list(answer.headers if fault.headers is None else fault.headers)
    if fault.content_type is not None:
        headers = [pair for pair in headers if pair[0].lower() != "content-type"]
        headers.insert(0, ("content-type", fault.content_type))
    if fault.gzip:
        headers.append(("content-encoding", "gzip"))
    return headers


def _hop_by_hop(body: Body, framing: Framing, fault: Fault, *, keep_alive: bool, declared: bool) -> Headers:
    """The headers that Node adds behind those of the application, in its order."""
    headers: Headers = [("Date", formatdate(usegmt=True)), ("Connection", "keep-alive" if keep_alive else "close")]
    if keep_alive:
        headers.append(("Keep-Alive", "timeout=5"))
    if body is None or declared:
        return headers
    if framing == "chunked":
        headers.append(("Transfer-Encoding", "chunked"))
    elif framing == "length" and isinstance(body, bytes):
        cut = fault.cut_after if fault.end == "clean" else None
        headers.append(("Content-Length", str(len(body[:cut]))))
    return headers


def _head(status: int, headers: Headers, fault: Fault) -> bytes:
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Unknown"
    dropped = {name.lower() for name in fault.drop_headers}
    kept = [(name, value) for name, value in headers if name.lower() not in dropped]
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in [*kept, *fault.extra_headers])]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "surrogateescape")


class _Body:
    """Sends a body in its framing, and counts its bytes for the faults that happen at one of them."""

    def __init__(self, wire: Wire, fault: Fault, framing: Framing) -> None:
        self._wire = wire
        self._fault = fault
        self._chunked = framing == "chunked"
        self._sent = 0
        self._stall_at = fault.stall_after

    async def send(self, data: bytes, *, head: bytes = b"") -> bool:
        """Send some of the body, behind the head when that has still to go.

        Returns:
            Whether the body ends here, cut in a clean way.
        """
        cut = self._fault.cut_after
        if cut is not None and self._fault.end == "clean":
            data = data[: cut - self._sent]
        before, behind = (b"%x\r\n" % len(data), b"\r\n") if self._chunked and data else (b"", b"")
        if cut is None and self._stall_at is None and self._fault.trickle is None:
            await self._wire.send(head + before + data + behind)
            return False
        await self._wire.send(head + before)
        position = 0
        while not await self._cut_here() and position < len(data):
            step = self._step(len(data) - position)
            await self._wire.send(data[position : position + step])
            position += step
            self._sent += step
            if self._fault.trickle is not None and position < len(data):
                await asyncio.sleep(self._fault.trickle_pause)
        await self._wire.send(behind)
        return self._sent == cut

    async def finish(self) -> None:
        """Send what stands behind the body, unless the fault ends the connection instead.

        Raises:
            ConnectionEndedError: It does.
        """
        if self._fault.cut_after is None:
            self._break_off()
        if self._chunked:
            await self._wire.send(b"0\r\n\r\n")

    async def _cut_here(self) -> bool:
        """Whether the body ends here; before that, the silence that is due here."""
        if self._sent == self._stall_at:
            self._stall_at = None
            await asyncio.sleep(self._fault.stall)
        if self._sent != self._fault.cut_after:
            return False
        self._break_off("reset")
        return True

    def _break_off(self, default: End = "clean") -> None:
        end = self._fault.end or default
        if end != "clean":
            self._wire.end(end)
            raise ConnectionEndedError

    def _step(self, left: int) -> int:
        """How many bytes to send at once: up to where the next thing happens."""
        marks = [mark - self._sent for mark in (self._stall_at, self._fault.cut_after) if mark is not None]
        return min(left, self._fault.trickle or left, *(distance for distance in marks if distance > 0))
