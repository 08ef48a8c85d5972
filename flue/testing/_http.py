"""HTTP/1.1: a thread that accepts connections, requests parsed from them, and responses written to them.

As small as a test server allows, and strict: a malformed request is refused, never guessed. What writes a response is
the only code that applies a `Fault`, so every fault works with every route.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import re
import socket
import struct
import threading
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias
from urllib.parse import parse_qsl, unquote

from flue.testing.faults import NO_FAULT

if TYPE_CHECKING:
    import ssl

    from flue.testing._runs import Workers
    from flue.testing.faults import End, Fault, Framing

Headers: TypeAlias = list[tuple[str, str]]
Body: TypeAlias = bytes | AsyncGenerator[bytes, None] | None
Respond: TypeAlias = "Callable[[RecordedRequest], Awaitable[tuple[Response | bytes, Fault]]]"

MAX_HEAD = 1 << 20
"""Bytes of a request line with its headers."""


class MalformedRequestError(Exception):
    """What came in is not an HTTP request."""


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request as it came in.

    Attributes:
        number: 1 for the first request that the server got, and so on.
        method: In upper case.
        target: Path and query as sent.
        path: The path as sent: percent-encoding is left alone.
        query: Decoded pairs in the order sent.
        headers: Pairs in the order and spelling sent.
        body: The whole body.
        version: ``"HTTP/1.1"`` or ``"HTTP/1.0"``.
    """

    number: int
    method: str
    target: str
    path: str
    query: list[tuple[str, str]]
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)
    version: str = field(default="HTTP/1.1", repr=False)

    def header(self, name: str) -> str | None:
        """The value of a header, in any case; repeated ones joined by a comma; `None` when not sent."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    def first(self, name: str) -> str | None:
        """The first value of a query parameter, or `None`."""
        return next((value for key, value in self.query if key == name), None)

    def all(self, name: str) -> list[str]:
        """Every value of a query parameter."""
        return [value for key, value in self.query if key == name]

    def json(self) -> Any:
        """The body parsed.

        Raises:
            ValueError: It is not JSON.
        """
        return json.loads(self.body)

    @property
    def wants_close(self) -> bool:
        """Whether the connection ends with the response."""
        connection = (self.header("connection") or "").lower()
        return "close" in connection or (self.version == "HTTP/1.0" and "keep-alive" not in connection)


def path_segments(path: str, prefix: str) -> list[str] | None:
    """The decoded segments of a path below a prefix; `None` when it lies elsewhere."""
    if not path.startswith(prefix + "/"):
        return None
    return [_decode(segment) for segment in path[len(prefix) + 1 :].split("/")]


def _decode(segment: str) -> str:
    """Percent-decoding as Hono does it: what is no UTF-8 stays as it is."""

    def decode(escapes: re.Match[str]) -> str:
        try:
            return unquote(escapes[0], errors="strict")
        except UnicodeDecodeError:
            return escapes[0]

    return re.sub("(?:%[0-9A-Fa-f]{2})+", decode, segment)


async def read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, idle: float
) -> RecordedRequest | None:
    """The next request of a connection, not numbered yet, or `None` when it ended between two of them.

    Args:
        reader: Where the bytes come from; its limit bounds the head.
        writer: Where the client is told to go on when it asks before it sends the body.
        idle: Seconds in which the head must have come.

    Raises:
        TimeoutError: It has not.
        MalformedRequestError: Not HTTP, or too large a head.
        asyncio.IncompleteReadError: The connection ended inside the request.
    """
    try:
        async with asyncio.timeout(idle):
            head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise
    except asyncio.LimitOverrunError as error:
        raise MalformedRequestError("the head is too large") from error
    lines = head[:-4].decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise MalformedRequestError(f"no request line: {lines[0]!r}")
    headers = [_header(line) for line in lines[1:]]
    lowered = {name.lower(): value for name, value in headers}
    if lowered.get("expect", "").lower() == "100-continue":
        await send(writer, b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await _read_body(reader, lowered)
    method, target, version = parts
    path, _, query = target.partition("?")
    return RecordedRequest(
        number=0,
        method=method.upper(),
        target=target,
        path=path,
        query=parse_qsl(query, keep_blank_values=True),
        headers=headers,
        body=body,
        version=version,
    )


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name or name != name.strip():
        raise MalformedRequestError(f"no header: {line!r}")
    return name, value.strip(" \t")


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _read_chunked(reader)
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit():
        raise MalformedRequestError(f"no length: {length!r}")
    return await reader.readexactly(int(length))


async def _read_chunked(reader: asyncio.StreamReader) -> bytes:
    chunks: list[bytes] = []
    while True:
        line = await reader.readuntil(b"\r\n")
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError as error:
            raise MalformedRequestError(f"no chunk size: {line!r}") from error
        chunk = await reader.readexactly(size + 2)
        if not size:
            return b"".join(chunks)
        chunks.append(chunk[:-2])


@dataclass(frozen=True, slots=True)
class Response:
    """The response of a route.

    Attributes:
        status: The status code.
        headers: Without date, connection and framing, which `send_response` adds.
        body: The whole body, or its chunks as they are produced, or `None` for a response without one (204).
    """

    status: int
    headers: Headers
    body: Body


FRAMING_HEADERS = {"content-length", "transfer-encoding"}


class ConnectionEndedError(Exception):
    """A fault has ended the response, and the connection with it."""


async def send(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Give bytes to the kernel, all of them.

    Raises:
        ConnectionError: The client has gone.
    """
    writer.write(data)
    await writer.drain()


def end_connection(writer: asyncio.StreamWriter, how: End) -> NoReturn:
    """End a connection by a reset, or closing it in order.

    Raises:
        ConnectionEndedError: Always.
    """
    if how == "reset":
        reset(writer)
    else:
        writer.close()
    raise ConnectionEndedError


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by a reset, at once."""
    with contextlib.suppress(AttributeError):  # a TLS transport that is closed has let go of its socket already
        sock: socket.socket | None = writer.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            # Lingering for zero seconds turns the close into a reset. Windows has two shorts there.
            linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    abort(writer)


def abort(writer: asyncio.StreamWriter) -> None:
    """Close a connection without waiting for what is not sent yet."""
    with contextlib.suppress(AttributeError):  # a TLS transport that has ended by itself, before Python 3.11.4
        writer.transport.abort()


async def send_raw(writer: asyncio.StreamWriter, data: bytes, fault: Fault = NO_FAULT) -> None:
    """Send bytes that are a whole response already, then end the connection.

    Raises:
        ConnectionEndedError: Always, unless the client has gone before.
    """
    await _Body(writer, fault, framing="close").send(data)
    end_connection(writer, "reset" if fault.end == "reset" else "close")


async def send_response(
    writer: asyncio.StreamWriter, request: RecordedRequest, response: Response, fault: Fault = NO_FAULT
) -> bool:
    """Send a response, with its fault.

    Returns:
        Whether the connection can carry another one.

    Raises:
        ConnectionEndedError: The fault has ended the connection.
        ConnectionError: The client has gone.
        ValueError: The fault asks for the length of a live stream.
    """
    body = _content(request, response, fault)
    headers = _headers(response, fault)
    declared = any(name.lower() in FRAMING_HEADERS for name, _ in headers)
    framing = "close" if declared else _framing(request, body, fault)
    keep_alive = not request.wants_close and (body is None or framing != "close")
    head = _head(
        response.status, headers + _hop_by_hop(body, framing, fault, keep_alive=keep_alive, declared=declared), fault
    )
    if fault.cut_head_after is not None:
        await send(writer, head[: fault.cut_head_after])
        end_connection(writer, fault.end or "reset")
    if body is None:
        await send(writer, head)
        return keep_alive
    sender = _Body(writer, fault, framing)
    if isinstance(body, bytes):
        await sender.send(body, head=head)
    else:
        await send(writer, head)
        async with aclosing(body):
            async for chunk in body:
                if await sender.send(chunk):
                    break
    await sender.finish()
    return keep_alive


def _content(request: RecordedRequest, response: Response, fault: Fault) -> Body:
    if request.method == "HEAD" or response.status in {204, 304} or response.body is None:
        return None
    if not fault.gzip:
        return response.body
    return gzip.compress(response.body, mtime=0) if isinstance(response.body, bytes) else _deflated(response.body)


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


def _headers(response: Response, fault: Fault) -> Headers:
    headers = list(response.headers if fault.headers is None else fault.headers)
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

    def __init__(self, writer: asyncio.StreamWriter, fault: Fault, framing: Framing) -> None:
        self._writer = writer
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
            await send(self._writer, head + before + data + behind)
            return False
        await send(self._writer, head + before)
        position = 0
        while not await self._cut_here() and position < len(data):
            step = self._step(len(data) - position)
            await send(self._writer, data[position : position + step])
            position += step
            self._sent += step
            if self._fault.trickle is not None and position < len(data):
                await asyncio.sleep(self._fault.trickle_pause)
        await send(self._writer, behind)
        return self._sent == cut

    async def finish(self) -> None:
        """Send what stands behind the body, unless the fault ends the connection instead.

        Raises:
            ConnectionEndedError: It does.
        """
        if self._fault.cut_after is None:
            self._break_off()
        if self._chunked:
            await send(self._writer, b"0\r\n\r\n")

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
            end_connection(self._writer, end)

    def _step(self, left: int) -> int:
        """How many bytes to send at once: up to where the next thing happens."""
        marks = [mark - self._sent for mark in (self._stall_at, self._fault.cut_after) if mark is not None]
        return min(left, self._fault.trickle or left, *(distance for distance in marks if distance > 0))


# Connections

MALFORMED = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
SECONDS_TO_STOP = 30.0
SECONDS_TO_RECOVER = 0.1


class ServerThread:
    """A thread with an event loop on which connections are accepted and served, from `start` to `stop`, once.

    Args:
        workers: The callables at work; they end with the thread.
        respond: Returns the response to a request (bytes are sent as they are) and its fault; never raises.
        on_count: Called when the number of open connections has changed.
        on_error: Called with what fails in the server itself, and with the error of a response that failed half-way.
        keep_alive: Seconds after which an idle connection is closed.
        ssl_context: For HTTPS.
    """

    def __init__(
        self,
        workers: Workers,
        respond: Respond,
        *,
        on_count: Callable[[int], None],
        on_error: Callable[[BaseException], None],
        keep_alive: float,
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        self._workers = workers
        self._respond = respond
        self._on_count = on_count
        self._on_error = on_error
        self._keep_alive = keep_alive
        self._ssl = ssl_context
        self._loop: asyncio.AbstractEventLoop | None = None
        self._port: socket.socket | None = None
        self._arriving: set[asyncio.Task[None]] = set()
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._stopping: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, sock: socket.socket) -> None:
        """Serve on a socket; returns when connections are accepted."""
        self._thread = threading.Thread(target=self._run, args=(sock,), name="flue test server", daemon=True)
        self._thread.start()
        self._ready.wait()
        self._raise_failure()

    def stop(self) -> None:
        """Reset the connections, end the workflows, end the thread.

        Raises:
            RuntimeError: A workflow does not end, or this is the thread that should.
        """
        if self._thread is None or self._stopping is None:
            return
        if threading.current_thread() is self._thread:
            raise RuntimeError("a server cannot be stopped from its own loop")
        self.call_soon(self._stopping.set)
        self._thread.join(SECONDS_TO_STOP)
        self._raise_failure()
        if self._thread.is_alive():
            raise RuntimeError("the server does not stop")

    def call_soon(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a function on the loop, unless that has ended. From any thread, at any time."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(function, *arguments)

    def call(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine on the loop and wait for it.

        Raises:
            RuntimeError: The server does not run, or this is its own loop.
        """
        if self._loop is None or threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("only while the server runs, and not from its own loop")
        asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS_TO_STOP)

    def _run(self, sock: socket.socket) -> None:
        try:
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._main(sock))
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            self._failure = error
        finally:
            sock.close()
            self._ready.set()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    # On the loop

    async def _main(self, sock: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._handle)
        self._stopping = asyncio.Event()
        await self.listen(sock)
        self._ready.set()
        try:
            await self._stopping.wait()
        finally:
            await self.close_port()
            tasks = list(self._open)
            await self.reset_connections()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._workers.stop()

    async def listen(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._port = sock
        self._accept_again(sock)

    async def close_port(self) -> None:
        """Let nobody in. Who is inside goes on; who has not shaken hands yet is let go."""
        if self._port is not None:
            asyncio.get_running_loop().remove_reader(self._port)
            self._port.close()
            self._port = None
        await asyncio.sleep(0)  # a task that has not begun could not close its connection
        for task in self._arriving:
            task.cancel()
        await asyncio.gather(*self._arriving, return_exceptions=True)

    def _accept_again(self, sock: socket.socket) -> None:
        if sock is self._port:
            asyncio.get_running_loop().add_reader(sock, self._accept, sock)

    # Not asyncio's server: closed when a connection has just been accepted, that one forgets it.
    def _accept(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            connection, _ = sock.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            # No descriptors left, most likely. Some may be given back before long.
            loop.remove_reader(sock)
            loop.call_later(SECONDS_TO_RECOVER, self._accept_again, sock)
            self._on_error(error)
            return
        task = loop.create_task(self._welcome(connection))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def _welcome(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        try:
            # asyncio leaves this out for accepted sockets. Without it a part of a response waits for the
            # acknowledgement of the part before, and a reset loses it.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(lambda: _Protocol(self._opened), connection, ssl=self._ssl)
        except OSError:
            # A client that leaves in the handshake, or does not like the certificate, is no problem of ours.
            connection.close()

    async def reset_connections(self) -> None:
        for task, writer in self._open.items():
            reset(writer)
            task.cancel()

    def _opened(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> asyncio.Task[None]:
        # A cut and a stall are exact only if nothing waits in this process when they happen. With 0 a transport of
        # asyncio's TLS would pause for ever.
        writer.transport.set_write_buffer_limits(high=1)
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._open[task] = writer
        task.add_done_callback(self._closed)
        self._on_count(len(self._open))
        return task

    def _closed(self, task: asyncio.Task[None]) -> None:
        del self._open[task]
        self._on_count(len(self._open))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._serve_request(reader, writer):
                pass
        except (OSError, ConnectionEndedError, asyncio.IncompleteReadError):
            pass  # the client has gone or was idle for too long, or a fault ended the connection
        except asyncio.CancelledError:
            abort(writer)
            raise
        except Exception as error:  # noqa: BLE001 - reported, and the client sees what Node would show it
            reset(writer)
            self._on_error(error)
        finally:
            writer.close()

    async def _serve_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read one request and respond to it; whether the connection can carry another one."""
        try:
            request = await read_request(reader, writer, idle=self._keep_alive)
        except MalformedRequestError:
            await send(writer, MALFORMED)
            return False
        if request is None:
            return False
        response, fault = await self._respond(request)
        if fault.refuse:
            reset(writer)
            return False
        if fault.stall_before_headers:
            await asyncio.sleep(fault.stall_before_headers)
        if isinstance(response, bytes):
            await send_raw(writer, response, fault)
            return False
        return await send_response(writer, request, response, fault)

    def _handle(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Errors that asyncio can report to nobody else. Clients that leave are no problem of ours."""
        error: BaseException | None = context.get("exception")
        if not isinstance(error, OSError):
            self._on_error(error or RuntimeError(context.get("message")))


class _Protocol(asyncio.StreamReaderProtocol):
    """A stream protocol that ends the task of its connection as soon as the client has gone."""

    def __init__(self, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], asyncio.Task[None]]) -> None:
        self._serve = serve
        self._serving: asyncio.Task[None] | None = None
        loop = asyncio.get_running_loop()
        super().__init__(asyncio.StreamReader(limit=MAX_HEAD, loop=loop), self._opened, loop=loop)

    def _opened(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving = self._serve(reader, writer)

    def eof_received(self) -> bool | None:
        self._end()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def _end(self) -> None:
        if self._serving is not None:
            self._serving.cancel()
