"""`FlueEventStream`: the events of one run or agent, for a `for` loop."""

# ruff: noqa: TC001, TC003  (whoever resolves the annotations at run time finds their names here)

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn, Self

from flue._base import BaseStream, State, T
from flue._requests import StreamSpec
from flue.config import Settings
from flue.core.actions import Done
from flue.core.events import NeedData
from flue.errors import FlueError
from flue.sync._connection import CancelToken
from flue.sync._driver import Driver
from flue.sync.transport import Transport

__all__ = ["FlueEventStream"]


class FlueEventStream(BaseStream[T]):
    """Typed events in order, each exactly once, whatever happens to the connection. Made by `client.runs.stream()`.

    Iterate it, best inside `with`. No request is sent before the first event is asked for. Iteration ends when the
    server closes the stream, after `run_end`, on `cancel()` and on the caller's signal. Leaving the stream does not
    stop the run.

    Several threads may pull from one stream: each event goes to one of them. All attributes can be read, and `cancel()`
    and `close()` called, from any thread at any time. After a `fork` parent and child both read on from their own
    `offset`, each over a connection of its own.

    Example:
        >>> with client.runs.stream(run_id) as stream:  # doctest: +SKIP
        ...     for event in stream:
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
        self._checkpointer = spec.checkpointer
        self._token = CancelToken()
        # Nothing in here knows the stream, which it would keep alive.
        self._driver = Driver(transport, settings, spec.machine, self._token, spec.instrumentation, spec.cancel_error)
        # Reentrant, so that a callback that pulls from its own stream gets an error instead of waiting for itself.
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._unwatch: Callable[[], None] | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        """The next event; waits for it.

        Raises:
            StopIteration: The stream is over, or was cancelled.
            FlueError: The stream cannot be read on; the same error at every later pull.
        """
        if self._decoded and self._token.cause is None:
            try:
                return self._decoded.popleft()  # atomic, so without a lock
            except IndexError:  # another thread was quicker
                pass
        return self._next()

    def _next(self) -> T:
        if self._pid != os.getpid():
            self._after_fork()
        with self._lock:
            if self._checkpointer is not None:
                self._commit_checkpoint()
            if self._state is State.CLOSED or self._token.cause is not None:
                self._finish()
            try:
                event = self._events.next_event()
                while isinstance(event, NeedData):
                    self._receive()
                    event = self._events.next_event()
            except FlueError as error:
                self._driver.report_failure(error)
                if self._machine.result is None:  # of a callback of the caller's
                    self._machine.fail(error)
                self._close_failed()
                raise
            if self._machine.closed:
                self._driver.close()
            return event

    def cancel(self, reason: object = None) -> None:  # noqa: ARG002  # taken for parity with the TypeScript client
        """End the iteration without an error, also one that another thread is blocked in, within 100 ms.

        The run goes on.

        Idempotent; may be called from any thread and from a signal handler.

        Args:
            reason: For the reader of the code; a cancelled stream ends quietly.
        """
        self._token.cancel("cancelled")
        # A thread that is receiving closes the connection on its way out.
        if self._lock.acquire(blocking=False):
            try:
                if self._state is not State.RECEIVING:
                    self._close()
            finally:
                self._lock.release()

    def close(self) -> None:
        """The same as `cancel()`: the connection is closed, the iteration ends."""
        self.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if value is not None:
            self._driver.report_failure(value)
        try:
            if kind is None and self._lock.acquire(blocking=False):
                try:
                    self._commit_checkpoint()
                finally:
                    self._lock.release()
        finally:
            self.close()

    def __del__(self) -> None:
        if hasattr(self, "_unwatch"):  # made whole
            self._close()

    def _receive(self) -> None:
        """Have events buffered, or end."""
        if self._state is State.RECEIVING:
            raise RuntimeError("a callback of this stream pulled from it; it would wait for itself")
        before, self._state = self._state, State.RECEIVING
        try:
            if before is State.NOT_STARTED:
                self._start()
                before = State.IDLE
            action = self._driver.advance()
        except FlueError:
            raise
        except StopIteration as error:  # the caller would take it for the end, as in a generator before PEP 479
            self._driver.interrupt()
            raise RuntimeError("a callback of this stream raised StopIteration") from error
        except BaseException:  # KeyboardInterrupt, or an exception of a callback: not an end, the next pull goes on
            self._driver.interrupt()
            raise
        finally:
            self._state = before
        if isinstance(action, Done):
            self._close()
            raise StopIteration

    def _start(self) -> None:
        if self._checkpointer is not None:
            self._checkpointer.start(self._checkpointer.load())
        if self._timeout is not None:
            self._deadline = time.monotonic() + self._timeout
        self._unwatch = self._token.watch(self._signal, self._timeout)

    def _commit_checkpoint(self) -> None:
        """The consumer asks for more, so it is done with what it has."""
        if self._checkpointer is None or self._state is State.NOT_STARTED:
            return
        if offset := self._checkpointer.pending():
            self._checkpointer.commit(offset)

    def _finish(self) -> NoReturn:
        """The iteration is over: quietly, or again with the error that ended it."""
        self._close()
        if self._token.cause not in {"cancelled", "aborted"}:
            self._driver.advance()  # raises what it has raised before
        raise StopIteration

    def _close_failed(self) -> None:
        """The stream has raised an error, at this pull and every later one."""
        self._close()

    def _close(self) -> None:
        if self._state is State.NOT_STARTED:
            self._checkpointer = None  # nothing was read, so there is nothing to save
        self._state = State.CLOSED
        self._driver.close()
        unwatch, self._unwatch = self._unwatch, None
        if unwatch is not None:
            unwatch()

    def _after_fork(self) -> None:
        """Let a forked child read on. It has none of its parent's threads: not who held the lock, nor the timer."""
        self._pid = os.getpid()
        self._lock = threading.RLock()
        if self._state is State.RECEIVING:
            self._state = State.IDLE
        if self._unwatch is not None and self._timeout is not None:
            self._unwatch()
            self._unwatch = self._token.watch(self._signal, max(0.0, self._deadline - time.monotonic()))
