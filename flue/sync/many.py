"""`FlueEventStreams`: the events of many runs in one `for` loop."""

# ruff: noqa: TC001, TC003  (whoever resolves the annotations at run time finds their names here)

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Self

from flue import models
from flue._base import BaseChannel, BaseStreams
from flue.errors import FlueError
from flue.signals import AbortSignal, call_later
from flue.sync._connection import MAX_LOCK_WAIT
from flue.sync.stream import FlueEventStream
from flue.types import StreamFailure

__all__ = ["FlueEventStreams"]

QUEUE_SIZE = 256
"""Events of all runs together that are read ahead of the consumer."""
JOIN_TIMEOUT = 1.0
"""Seconds that `close()` waits for the readers. They need a moment, unless a header callable hangs."""


class _Channel(BaseChannel):
    """A queue, and the readers that fill it."""

    def __init__(self, streams: dict[str, FlueEventStream[models.FlueEvent]]) -> None:
        super().__init__({run_id: stream.offset for run_id, stream in streams.items()})
        # Reentrant: `cancel()` may be called by a signal handler or a finalizer of a thread that is inside.
        self._lock = threading.RLock()
        self._not_empty = threading.Condition(self._lock)  # or it is over
        self._not_full = threading.Condition(self._lock)
        self._entries: deque[tuple[str, models.FlueEvent | StreamFailure, str]] = deque()
        self._waiting = deque(streams.items())
        self._open: dict[str, FlueEventStream[models.FlueEvent]] = {}
        self._threads: list[threading.Thread] = []
        self._readers = 0
        self.started = False

    def start(self, readers: int, signal: AbortSignal | None, timeout: float | None) -> None:
        with self._lock:
            if self.started:
                return
            self.started = True
            if self.cause is not None:
                return
            try:
                self._unwatch = self.watch(signal, timeout)
                for number in range(0 if self._over else readers):
                    thread = threading.Thread(target=self._read_runs, name=f"flue-stream-{number}", daemon=True)
                    thread.start()
                    self._threads.append(thread)
                    self._readers += 1
            except RuntimeError as error:  # the system has no more threads
                self._fail(error)
        if self._over or not readers:
            self._stop()

    def get(self) -> tuple[str, models.FlueEvent | StreamFailure] | None:
        """The next entry, handed over; None when there will be none."""
        with self._lock:
            while not self._entries and not self._over:
                self._not_empty.wait(MAX_LOCK_WAIT)
            if not self._entries:
                return None
            run_id, event, self.offsets[run_id] = self._entries.popleft()
            if len(self._entries) == QUEUE_SIZE // 2:  # not at every entry: all readers that wait wake up
                self._not_full.notify_all()
            return run_id, event

    def join(self) -> None:
        """Wait until the readers are gone; a reader, in a callback of the caller's, does not wait for itself."""
        if threading.current_thread() in self._threads:
            return
        deadline = time.monotonic() + JOIN_TIMEOUT
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _start_timer(self, seconds: float) -> Callable[[], None]:
        return call_later(seconds, partial(self.cancel, "expired"))

    def _end_wait(self) -> None:
        with self._lock:
            self._over = True
            self._entries.clear()
        self._stop()

    def _fail(self, error: BaseException) -> None:
        """What was read before is still handed over, then the error."""
        with self._lock:
            if self.error is None:
                self.error = error
        self._stop()

    def _stop(self) -> None:
        with self._lock:
            self._over = True
            self._waiting.clear()
            streams = list(self._open.values())
            unwatch, self._unwatch = self._unwatch, None
            self._not_empty.notify_all()
            self._not_full.notify_all()
        # Outside the lock: each of these takes a lock of its own.
        for stream in streams:
            stream.cancel()
        if unwatch is not None:
            unwatch()

    # The readers.

    def _read_runs(self) -> None:
        """Read one run after the other."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._readers -= 1
                    last = not self._readers
                    break
                run_id, stream = self._waiting.popleft()
                self._open[run_id] = stream
            self._read(run_id, stream)
            with self._lock:
                del self._open[run_id]
        if last:
            self._stop()

    def _read(self, run_id: str, stream: FlueEventStream[models.FlueEvent]) -> None:
        try:
            for event in stream:
                if not self._put(run_id, event, stream.offset):
                    break
        except FlueError as error:
            self._put(run_id, StreamFailure(error, stream.offset), stream.offset)
        except BaseException as error:  # noqa: BLE001  # the caller's own: it is raised where the caller is
            self._fail(error)
        finally:
            stream.close()

    def _put(self, run_id: str, event: models.FlueEvent | StreamFailure, offset: str) -> bool:
        with self._lock:
            while len(self._entries) >= QUEUE_SIZE and not self._over:
                self._not_full.wait()
            if not self._over:
                self._entries.append((run_id, event, offset))
                self._not_empty.notify()
            return not self._over


class FlueEventStreams(BaseStreams[_Channel]):
    """`(run_id, event)` of many runs as they happen. Made by `client.runs.stream_many()`.

    The events of one run come in order and once each; those of different runs are mixed as they arrive. A run that
    cannot be read on gives `(run_id, StreamFailure)` and the others go on. Up to 256 events are read ahead; reading
    stops while the consumer is busy.

    Each run that is followed has a thread and a connection of its own, `max_connections` at a time; the next run begins
    when one ends. Header callables and `on_failed_attempt` are called on these threads. Several threads may pull: each
    event goes to one of them.

    Example:
        >>> with client.runs.stream_many(run_ids, offsets=saved) as streams:  # doctest: +SKIP
        ...     for run_id, event in streams:
        ...         print(run_id, event.type)
        ...     saved = dict(streams.offsets)
    """

    def __init__(
        self,
        streams: dict[str, FlueEventStream],
        max_connections: int,
        *,
        signal: AbortSignal | None,
        timeout: float | None,
    ) -> None:
        self._channel = _Channel(streams)
        self._readers = min(len(streams), max_connections)
        self._signal = signal
        self._timeout = timeout
        self._finalizer = weakref.finalize(self, self._channel.cancel, "cancelled")
        self._finalizer.atexit = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[str, models.FlueEvent | StreamFailure]:
        """The next event of any run.

        Raises:
            StopIteration: All runs are over, or `cancel()` was called.
            FlueTimeoutError: The overall limit is over.
            Exception: Whatever a header callable or `on_failed_attempt` raised; it ends the iteration.
        """
        channel = self._channel
        if not channel.started:
            channel.start(self._readers, self._signal, self._timeout)
        entry = channel.get()
        if entry is not None:
            return entry
        self._raise_failure()
        raise StopIteration

    def close(self) -> None:
        """The same as `cancel()`, and wait until the connections are released."""
        self._channel.cancel("cancelled")
        self._channel.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
