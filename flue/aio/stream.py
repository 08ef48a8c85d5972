"""`AsyncFlueEventStream`: the events of one run or agent, for an `async for` loop."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Generic, NoReturn, Self

from flue.aio.interrupt import Interrupted
from flue.checkpoints._consumer import AsyncCheckpointer
from flue.core.actions import Done, Fail
from flue.core.events import NeedData
from flue.errors import FlueError, FlueTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType

    from typing_extensions import TypeVar

    from flue.aio.driver import Driver
    from flue.aio.interrupt import Cause, Interrupt
    from flue.checkpoints._consumer import Checkpointer
    from flue.core.events import EventBuffer
    from flue.core.protocol import StreamProtocol
    from flue.models import FlueEvent
    from flue.signals import AbortSignal

    T = TypeVar("T", default=FlueEvent)
else:
    from typing import TypeVar

    T = TypeVar("T")

__all__ = ["AsyncFlueEventStream"]


class AsyncFlueEventStream(Generic[T]):
    """Typed events in order, each exactly once, whatever happens to the connection. Made by `client.runs.stream()`.

    Iterate it with `async for`, best inside `async with`. No request is sent before the first event is asked for.
    Iteration ends when the server
    closes the stream, after `run_end`, on `cancel()` and on the caller's signal. Leaving the stream does not stop
    the run.

    A class, not a generator: several tasks may pull from one stream, each event goes to one of them, in the order of
    their calls. A pull that is
    cancelled (`asyncio.wait_for`) releases the connection; the next pull goes on where it was. The attributes can be
    read, and `cancel()`
    called, from any task and any thread. A stream belongs to the event loop of its first pull.

    Example:
        >>> async with client.runs.stream(run_id) as stream:  # doctest: +SKIP
        ...     async for event in stream:
        ...         print(event.type)
        ...     save(stream.offset)
    """

    def __init__(
        self,
        machine: StreamProtocol,
        events: EventBuffer[T],
        driver: Driver,
        interrupt: Interrupt,
        *,
        signal: AbortSignal | None = None,
        timeout: float | None = None,
        checkpointer: Checkpointer | None = None,
    ) -> None:
        self._machine = machine
        self._events = events
        self._decoded = events.decoded
        self._driver = driver
        self._interrupt = interrupt
        self._signal = signal
        self._timeout = timeout
        self._checkpointer = None if checkpointer is None else AsyncCheckpointer(checkpointer)
        self._turn = asyncio.Lock()  # first come, first served
        self._loop: asyncio.AbstractEventLoop | None = None
        self._advancing: asyncio.Task[object] | None = None
        self._ended = False
        self._timed_out: FlueTimeoutError | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unsubscribe: Callable[[], None] | None = None

    @property
    def offset(self) -> str:
        """The resume checkpoint: everything before it has been handed over.

        Give it to `stream(offset=...)`, also in another process.
        """
        return self._machine.offset

    @property
    def up_to_date(self) -> bool:
        """All that the server had at its last answer has been handed over."""
        return self._machine.up_to_date

    @property
    def closed(self) -> bool:
        """All has been handed over, and nothing will be added."""
        return self._machine.closed

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """The next event; waits for it.

        Raises:
            StopAsyncIteration: the stream is over, or was cancelled.
            FlueError: the stream cannot be read on; the same error at every later pull.
        """
        # A pull that waits in line was called before this one, so what is ready belongs to it.
        if self._decoded and self._interrupt.cause is None and not self._turn.locked():
            return self._decoded.popleft()
        return await self._pull()

    async def _pull(self) -> T:
        if self._advancing is not None and self._advancing is asyncio.current_task():
            raise RuntimeError("a callback of this stream pulled from it; it would wait for itself")
        async with self._turn:
            await self._keep()
            if self._ended or self._interrupt.cause is not None:
                await self._stop()
            try:
                event = self._events.next_event()
                while isinstance(event, NeedData):
                    await self._advance()
                    event = self._events.next_event()
            except FlueError as error:
                self._driver.fail(error)
                await self._end()
                raise
            if self._machine.closed:
                self._release_later()  # not awaited: a cancellation here would lose the event that was just taken
            return event

    def cancel(self, reason: object = None) -> None:  # noqa: ARG002  # taken for parity with the TypeScript client
        """End the iteration without an error, also one that another task is waiting in, within 100 ms. The run goes on.

        Idempotent; a plain call, allowed from any task, thread and signal handler. It does not wait for the
        connection: `aclose()` does.

        Args:
            reason: for the reader of the code; a cancelled stream ends quietly.
        """
        self._interrupt.fire("cancelled")
        self._release_later()

    async def aclose(self) -> None:
        """The same as `cancel()`, and wait until the connection is released. Idempotent."""
        self._interrupt.fire("cancelled")
        if self._advancing is None or self._advancing is not asyncio.current_task():
            async with self._turn:
                await self._end()

    def interrupted_by(self) -> Cause | None:
        """Why the stream was cut short, if it was."""
        return self._interrupt.cause

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if value is not None:
            self._driver.fail(value)
        try:
            if kind is None and not self._turn.locked():
                async with self._turn:
                    await self._keep()
        finally:
            await self.aclose()

    def __del__(self) -> None:
        if hasattr(self, "_unsubscribe"):  # made whole
            self._forget()
            self._release_later()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a live stream cannot be pickled or copied; save its .offset and open a new one")

    def __repr__(self) -> str:
        state = "ended" if self._ended else "reading" if self._loop is not None else "not started"
        return f"<AsyncFlueEventStream {state} offset={self.offset!r}>"

    async def _advance(self) -> None:
        """Have a batch loaded, or end."""
        if self._loop is None:
            await self._start(asyncio.get_running_loop())
        self._advancing = asyncio.current_task()
        try:
            result = await self._driver.advance()
        except Interrupted:
            await self._stop()
        except FlueError:
            await self._end()
            raise
        except BaseException:  # a cancelled pull, or an exception of a callback: not an end, the next pull goes on
            self._machine.connection_interrupted()
            await self._driver.release()
            raise
        finally:
            self._advancing = None
        if isinstance(result, Done):
            await self._end()
            raise StopAsyncIteration

    async def _keep(self) -> None:
        """The consumer asks for more, so it is done with what it has."""
        if self._checkpointer is not None and self._loop is not None:
            await self._checkpointer.commit(self._machine)

    async def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._checkpointer is not None:
            await self._checkpointer.start(self._machine)
        self._loop = loop
        interrupt = self._interrupt
        if self._timeout is not None:
            self._timer = loop.call_later(self._timeout, interrupt.fire, "expired")
        if self._signal is not None:
            self._unsubscribe = self._signal.subscribe(lambda: interrupt.fire("aborted"))

    async def _stop(self) -> NoReturn:
        """The iteration is over: quietly, or because the caller's time is up, or again with the error that ended it."""
        await self._end()
        if self._interrupt.cause == "expired":
            if self._timed_out is None:
                message = (
                    f"the stream did not end within {self._timeout:g} s; it can be read on from offset {self.offset!r}"
                )
                self._timed_out = FlueTimeoutError(message, offset=self.offset)
            raise self._timed_out
        last = self._machine.result
        if self._interrupt.cause is None and isinstance(last, Fail):
            raise last.error
        raise StopAsyncIteration

    async def _end(self) -> None:
        self._ended = True
        self._forget()
        await self._driver.release()

    def _forget(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        unsubscribe, self._unsubscribe = self._unsubscribe, None
        if unsubscribe is not None:
            unsubscribe()

    def _release_later(self) -> None:
        """Have the connection closed by the loop, unless a reader is about to do it on its way out."""
        loop = self._loop
        if loop is None or self._advancing is not None:
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed, and its connections with it
            close = self._driver.abandon()
            if close is not None:
                loop.call_soon_threadsafe(_close_soon, loop, close)


_closing: set[asyncio.Task[None]] = set()


def _close_soon(loop: asyncio.AbstractEventLoop, close: Callable[[], Coroutine[object, object, None]]) -> None:
    task = loop.create_task(close())
    _closing.add(task)
    task.add_done_callback(_closing.discard)
