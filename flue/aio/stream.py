"""`AsyncFlueEventStream`: the events of one run or agent, for an `async for` loop."""

# ruff: noqa: TC001, TC003  (whoever resolves the annotations at run time finds their names here)

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn, Self

from flue._base import BaseStream, State, T
from flue._requests import StreamSpec
from flue.aio._driver import CancelToken, Driver
from flue.aio.transport import Transport
from flue.checkpoints import AsyncCheckpointer
from flue.config import Settings
from flue.core.actions import Done
from flue.core.events import NeedData
from flue.errors import FlueError

__all__ = ["AsyncFlueEventStream"]


class AsyncFlueEventStream(BaseStream[T]):
    """Typed events in order, each exactly once, whatever happens to the connection. Made by `client.runs.stream()`.

    Iterate it with `async for`, best inside `async with`. No request is sent before the first event is asked for.
    Iteration ends when the server closes the stream, after `run_end`, on `cancel()` and on the caller's signal. Leaving
    the stream does not stop the run.

    A class, not a generator: several tasks may pull from one stream, each event goes to one of them, in the order of
    their calls. A pull that is cancelled (`asyncio.wait_for`) closes the connection; the next pull goes on where it
    was. The attributes can be read, and `cancel()` called, from any task and any thread. Pulls come from one event loop
    at a time. In another loop, and after a `fork`, the stream reads on from its `offset` over a connection of its own.

    Example:
        >>> async with client.runs.stream(run_id) as stream:  # doctest: +SKIP
        ...     async for event in stream:
        ...         print(event.type)
        ...     save(stream.offset)
    """

    def __init__(self, transport: Transport, settings: Settings, spec: StreamSpec[Any, T]) -> None:
        """Start nothing yet.

        Args:
            transport: Sends the requests.
            settings: Of the client.
            spec: What is read, and how.
        """
        super().__init__(spec)
        self._checkpointer = None if spec.checkpointer is None else AsyncCheckpointer(spec.checkpointer)
        self._token = CancelToken()
        # Nothing in here knows the stream, which it would keep alive.
        self._driver = Driver(transport, settings, spec.machine, self._token, spec.instrumentation, spec.cancel_error)
        self._lock = asyncio.Lock()  # first come, first served
        self._pulls = 0  # that have it, or wait for it
        self._loop: asyncio.AbstractEventLoop | None = None
        self._receiver: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unsubscribe: Callable[[], None] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """The next event; waits for it.

        Raises:
            StopAsyncIteration: The stream is over, or was cancelled.
            FlueError: The stream cannot be read on; the same error at every later pull.
        """
        # A pull that waits was called before this one, so what is decoded belongs to it.
        if self._decoded and self._token.cause is None and not self._pulls:
            return self._decoded.popleft()
        if self._receiver is not None and self._receiver is asyncio.current_task():
            raise RuntimeError("a callback of this stream pulled from it; it would wait for itself")
        self._pulls += 1
        try:
            return await self._next()
        finally:
            self._pulls -= 1

    async def _next(self) -> T:
        async with self._lock:
            if self._checkpointer is not None:
                await self._commit_checkpoint()
            if self._state is State.CLOSED or self._token.cause is not None:
                await self._finish()
            try:
                event = self._events.next_event()
                while isinstance(event, NeedData):
                    await self._receive()
                    event = self._events.next_event()
            except FlueError as error:
                self._driver.report_failure(error)
                if self._machine.result is None:  # of a callback of the caller's
                    self._machine.fail(error)
                await self._close_failed()
                raise
            if self._machine.closed:
                self._close_later()  # not awaited: a cancellation here would lose the event that was just taken
            return event

    def take_decoded(self) -> list[T]:
        """The events that are here already, decoded, without the last of their batch; for the only reader."""
        events = list(self._decoded)
        self._decoded.clear()
        return events

    def cancel(self, reason: object = None) -> None:  # noqa: ARG002  # taken for parity with the TypeScript client
        """End the iteration without an error, also one that another task is waiting in, within 100 ms. The run goes on.

        Idempotent; a plain call, allowed from any task, thread and signal handler. It does not wait for the
        connection: `aclose()` does.

        Args:
            reason: For the reader of the code; a cancelled stream ends quietly.
        """
        self._token.cancel("cancelled")
        self._close_later()

    async def aclose(self) -> None:
        """The same as `cancel()`, and wait until the connection is closed. Idempotent."""
        self._token.cancel("cancelled")
        if self._receiver is None or self._receiver is not asyncio.current_task():
            async with self._lock:
                await self._close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if value is not None:
            self._driver.report_failure(value)
        try:
            if kind is None and not self._lock.locked():
                async with self._lock:
                    await self._commit_checkpoint()
        finally:
            await self.aclose()

    def __del__(self) -> None:
        if hasattr(self, "_unsubscribe"):  # made whole
            self._unsubscribe_all()
            self._close_later()

    async def _receive(self) -> None:
        """Have events buffered, or end."""
        self._receiver = asyncio.current_task()
        before, self._state = self._state, State.RECEIVING
        try:
            if before is State.NOT_STARTED:
                await self._start()
                before = State.IDLE
            self._keep_time()
            action = await self._driver.advance()
        except FlueError:
            raise
        except StopAsyncIteration as error:  # the caller would take it for the end, as in a generator before PEP 479
            await self._driver.interrupt()
            raise RuntimeError("a callback of this stream raised StopAsyncIteration") from error
        except BaseException:  # a cancelled pull, or an exception of a callback: not an end, the next pull goes on
            await self._driver.interrupt()
            raise
        finally:
            self._state = before
            self._receiver = None
        if isinstance(action, Done):
            await self._close()
            raise StopAsyncIteration

    async def _start(self) -> None:
        if self._checkpointer is not None:
            await self._checkpointer.start()
        if self._timeout is not None:
            self._deadline = time.monotonic() + self._timeout
        self._unsubscribe = self._token.watch(self._signal)

    def _keep_time(self) -> None:
        """Have the loop of this pull end the stream at its deadline; a loop before this one has gone."""
        loop = asyncio.get_running_loop()
        if loop is self._loop:
            return
        self._loop = loop
        if self._timeout is not None:
            self._timer = loop.call_later(self._deadline - time.monotonic(), self._token.cancel, "expired")

    async def _commit_checkpoint(self) -> None:
        """The consumer asks for more, so it is done with what it has."""
        if self._checkpointer is not None and self._state is not State.NOT_STARTED:
            await self._checkpointer.commit()

    async def _finish(self) -> NoReturn:
        """The iteration is over: quietly, or again with the error that ended it."""
        await self._close()
        if self._token.cause not in {"cancelled", "aborted"}:
            await self._driver.advance()  # raises what it has raised before
        raise StopAsyncIteration

    async def _close_failed(self) -> None:
        """The stream has raised an error, at this pull and every later one."""
        await self._close()

    async def _close(self) -> None:
        self._state = State.CLOSED
        self._unsubscribe_all()
        await self._driver.aclose()

    def _unsubscribe_all(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        unsubscribe, self._unsubscribe = self._unsubscribe, None
        if unsubscribe is not None:
            unsubscribe()

    def _close_later(self) -> None:
        """Have the connection closed by its loop, unless a task that receives is about to do it on its way out."""
        if self._receiver is None:
            response = self._driver.detach()
            if response is not None:
                response.close_soon()
