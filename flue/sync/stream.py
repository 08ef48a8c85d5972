"""`FlueEventStream`: the events of one run or agent, for a `for` loop."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, NoReturn, Self

from flue import _timers
from flue.core.actions import Done, Fail
from flue.core.events import NeedData
from flue.errors import FlueError, FlueTimeoutError
from flue.sync.driver import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import TypeVar

    from flue.checkpoints._consumer import Checkpointer
    from flue.core.events import EventBuffer
    from flue.core.protocol import StreamProtocol
    from flue.models import FlueEvent
    from flue.signals import AbortSignal
    from flue.sync.driver import Driver
    from flue.sync.interrupt import Cause, Interrupt

    T = TypeVar("T", default=FlueEvent)
else:
    from typing import TypeVar

    T = TypeVar("T")

__all__ = ["FlueEventStream"]


class FlueEventStream(Generic[T]):
    """Typed events in order, each exactly once, whatever happens to the connection. Made by `client.runs.stream()`.

    Iterate it, best inside `with`. No request is sent before the first event is asked for. Iteration ends when the
    server closes the stream, after
    `run_end`, on `cancel()` and on the caller's signal. Leaving the stream does not stop the run.

    Several threads may pull from one stream: each event goes to one of them. All attributes can be read, and
    `cancel()` and `close()` called,
    from any thread at any time.

    Example:
        >>> with client.runs.stream(run_id) as stream:  # doctest: +SKIP
        ...     for event in stream:
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
        self._checkpointer = checkpointer
        # Reentrant, so that a callback that pulls from its own stream gets an error instead of waiting for itself.
        self._turn = threading.RLock()
        self._advancing = False
        self._started = False
        self._ended = False
        self._timed_out: FlueTimeoutError | None = None
        self._timer: _timers.Timer | None = None
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

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        """The next event; waits for it.

        Raises:
            StopIteration: the stream is over, or was cancelled.
            FlueError: the stream cannot be read on; the same error at every later pull.
        """
        if self._decoded and self._interrupt.cause is None:
            try:
                return self._decoded.popleft()  # atomic, so without a lock
            except IndexError:  # another thread was quicker
                pass
        return self._pull()

    def _pull(self) -> T:
        with self._turn:
            if self._checkpointer is not None:
                self._keep()
            if self._ended or self._interrupt.cause is not None:
                self._stop()
            try:
                event = self._events.next_event()
                while isinstance(event, NeedData):
                    self._advance()
                    event = self._events.next_event()
            except FlueError as error:
                self._driver.fail(error)
                self._end()
                raise
            if self._machine.closed:
                self._driver.release()
            return event

    def cancel(self, reason: object = None) -> None:  # noqa: ARG002  # taken for parity with the TypeScript client
        """End the iteration without an error, also one that another thread is blocked in, within 100 ms.

        The run goes on.

        Idempotent; may be called from any thread and from a signal handler.

        Args:
            reason: for the reader of the code; a cancelled stream ends quietly.
        """
        self._interrupt.fire("cancelled")
        self._settle()

    def close(self) -> None:
        """The same as `cancel()`: the connection is released, the iteration ends."""
        self.cancel()

    def interrupted_by(self) -> Cause | None:
        """Why the stream was cut short, if it was."""
        return self._interrupt.cause

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if value is not None:
            self._driver.fail(value)
        try:
            if kind is None and self._turn.acquire(blocking=False):
                try:
                    self._keep()
                finally:
                    self._turn.release()
        finally:
            self.close()

    def __del__(self) -> None:
        if hasattr(self, "_unsubscribe"):  # made whole
            self._end()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a live stream cannot be pickled or copied; save its .offset and open a new one")

    def __repr__(self) -> str:
        state = "ended" if self._ended else "reading" if self._started else "not started"
        return f"<FlueEventStream {state} offset={self.offset!r}>"

    def _advance(self) -> None:
        """Have a batch loaded, or end."""
        if self._advancing:
            raise RuntimeError("a callback of this stream pulled from it; it would wait for itself")
        self._advancing = True
        try:
            if not self._started:
                self._start()
            result = self._driver.advance()
        except Interrupted:
            self._advancing = False
            self._stop()
        except FlueError:
            self._end()
            raise
        except BaseException:  # KeyboardInterrupt, or an exception of a callback: not an end, the next pull goes on
            self._driver.release()
            self._machine.connection_interrupted()
            raise
        finally:
            self._advancing = False
        if isinstance(result, Done):
            self._end()
            raise StopIteration

    def _keep(self) -> None:
        """The consumer asks for more, so it is done with what it has."""
        if self._checkpointer is not None and self._started and (offset := self._checkpointer.pending(self._machine)):
            self._checkpointer.commit(offset)

    def _start(self) -> None:
        if self._checkpointer is not None:
            self._checkpointer.start(self._machine, self._checkpointer.load())
        self._started = True
        interrupt = self._interrupt
        if self._timeout is not None:
            self._timer = _timers.call_later(self._timeout, lambda: interrupt.fire("expired"))
        if self._signal is not None:
            self._unsubscribe = self._signal.subscribe(lambda: interrupt.fire("aborted"))

    def _stop(self) -> NoReturn:
        """The iteration is over: quietly, or because the caller's time is up, or again with the error that ended it."""
        self._end()
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
        raise StopIteration

    def _settle(self) -> None:
        """Release the connection, unless a reader is about to do it on its way out."""
        if self._turn.acquire(blocking=False):
            try:
                if not self._advancing:
                    self._end()
            finally:
                self._turn.release()

    def _end(self) -> None:
        self._ended = True
        self._driver.release()
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        unsubscribe, self._unsubscribe = self._unsubscribe, None
        if unsubscribe is not None:
            unsubscribe()
