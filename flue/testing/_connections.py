"""The thread of a server: accepting connections, serving each in a task, and running the callables of a test."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import socket
import threading
import weakref
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from flue.testing._http import (
    MAX_HEAD,
    ConnectionEndedError,
    MalformedRequestError,
    abort,
    read_request,
    reset,
    send,
    send_raw,
    send_response,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Coroutine

    from flue.testing._http import RecordedRequest, Response
    from flue.testing.faults import Fault

    Respond: TypeAlias = Callable[[RecordedRequest], Awaitable[tuple[Response | bytes, Fault]]]

T = TypeVar("T")

JOIN_SECONDS = 5.0
"""How long a stop waits for a thread."""


class ServerStoppedError(Exception):
    """The server stopped while a callable was at work. Its run stays active, as on a server that died."""


class Workers:
    """The callables at work, from the start of a server to its stop. Used on its loop."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        """Set once the server stops."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._threads: set[threading.Thread] = set()
        self._interrupts: weakref.WeakSet[threading.Event] = weakref.WeakSet()

    def make_interrupt(self) -> threading.Event:
        """An event that is set once the server stops, and by its owner when it likes."""
        event = threading.Event()
        self._interrupts.add(event)
        if self.stopped.is_set():
            event.set()
        return event

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run something that outlives the request that asked for it, until the server stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def call(self, function: Callable[[T], Any], argument: T, *, name: str) -> Any:
        """What a callable returns or raises.

        Args:
            function: A coroutine function, or a plain one, which gets a daemon thread of its own: nobody has to wait
                for it for ever.
            argument: Its only one.
            name: Of its thread.
        """
        if inspect.iscoroutinefunction(function):
            return await function(argument)
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # it cannot be cancelled any more

        def call() -> None:
            try:
                future.set_result(function(argument))
            except BaseException as raised:  # noqa: BLE001 - handed over to the task
                # What would end the loop itself, or cannot leave a coroutine, goes wrapped.
                passable = isinstance(raised, Exception) and not isinstance(raised, StopIteration)
                future.set_exception(raised if passable else RuntimeError(repr(raised)))
            finally:
                self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=call, name=name, daemon=True)
        self._threads.add(thread)
        thread.start()
        return await asyncio.wrap_future(future)

    async def stop(self) -> None:
        """End what is at work.

        Raises:
            RuntimeError: A thread does not end.
        """
        self.stopped.set()
        for event in list(self._interrupts):
            event.set()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for thread in list(self._threads):
            await asyncio.to_thread(thread.join, JOIN_SECONDS)
            if thread.is_alive():
                msg = f"{thread.name} is still running; a plain function should wait with sleep() of its argument"
                raise RuntimeError(msg)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # told to whoever waits for the result, and in the stream


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
