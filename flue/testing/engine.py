"""The running half of a server: sockets, and a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from flue.testing.connections import Connections
from flue.testing.listener import Listener

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Coroutine

    from flue.testing.application import Application
    from flue.testing.observed import Observed

T = TypeVar("T")

SECONDS_TO_STOP = 30.0


class Engine:
    """Serves an application from `start` to `stop`, once.

    Args:
        application: What answers.
        observed: What the test will ask about.
        keep_alive: Seconds after which an idle connection is closed.
        ssl_context: For HTTPS.
    """

    def __init__(
        self, application: Application, observed: Observed, *, keep_alive: float, ssl_context: ssl.SSLContext | None
    ) -> None:
        self._application = application
        self._ssl = ssl_context
        self._connections = Connections(
            respond=application.respond,
            number=observed.next_number,
            changed=observed.set_connections,
            report=application.report,
            keep_alive=keep_alive,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listener: Listener | None = None
        self._stopping: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, sock: socket.socket) -> None:
        """Serve on a listening socket; returns when connections are accepted."""
        self._thread = threading.Thread(target=self._run, args=(sock,), name="flue test server", daemon=True)
        self._thread.start()
        self._ready.wait()
        self._raise_failure()

    def stop(self) -> None:
        """Reset the connections, end the workflows, end the thread.

        Raises:
            RuntimeError: A workflow does not end, or this is the thread that should.
        """
        if self._thread is None or self._loop is None or self._stopping is None:
            return
        if threading.current_thread() is self._thread:
            raise RuntimeError("a server cannot be stopped from its own loop")
        with contextlib.suppress(RuntimeError):  # the loop may have ended by itself
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(SECONDS_TO_STOP)
        self._raise_failure()
        if self._thread.is_alive():
            raise RuntimeError("the server does not stop")

    def wake(self, path: str) -> None:
        """Wake the readers of a stream. From any thread, at any time."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # stopped meanwhile
                self._loop.call_soon_threadsafe(self._application.reads.wakeups.wake, path)

    def drop_connections(self) -> None:
        """Reset every open connection."""
        self.call(self._drop())

    def pause_listening(self) -> None:
        """Close the port; open connections stay."""
        self.call(self._pause())

    def resume_listening(self, sock: socket.socket) -> None:
        """Accept connections again."""
        self.call(self._accept(sock))

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the loop and wait for it.

        Raises:
            RuntimeError: The server does not run, or this is its own loop.
        """
        if self._loop is None or threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("only while the server runs, and not from its own loop")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS_TO_STOP)

    def _run(self, sock: socket.socket) -> None:
        try:
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._main(sock))
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            self._failure = error
        finally:
            sock.close()
            self._ready.set()

    async def _main(self, sock: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._handle)
        self._stopping = asyncio.Event()
        await self._accept(sock)
        self._ready.set()
        try:
            await self._stopping.wait()
        finally:
            await self._pause()
            await self._connections.close()
            await self._application.end()

    async def _accept(self, sock: socket.socket) -> None:
        self._listener = Listener(sock, self._connections.accept, self._ssl, self._application.report)

    async def _pause(self) -> None:
        if self._listener is not None:
            await self._listener.close()
            self._listener = None

    async def _drop(self) -> None:
        self._connections.drop()

    def _handle(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What asyncio has nobody to tell. Clients that leave are no problem of ours."""
        error: BaseException | None = context.get("exception")
        if not isinstance(error, OSError):
            self._application.report(error or RuntimeError(context.get("message")))

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
