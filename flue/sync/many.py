"""`FlueEventStreams`: the events of many runs in one `for` loop."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, NoReturn, Self

from flue import _timers
from flue.errors import FlueError, FlueTimeoutError
from flue.many import AHEAD, StreamFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from flue.models import FlueEvent
    from flue.signals import AbortSignal
    from flue.sync.stream import FlueEventStream

__all__ = ["FlueEventStreams"]

Entry = tuple[str, "FlueEvent | StreamFailure", str]


class _Channel:
    """A bounded queue between the threads that read and the one that consumes; `close()` wakes all of them."""

    def __init__(self, streams: dict[str, FlueEventStream[FlueEvent]]) -> None:
        # Reentrant: `close()` may be called by a signal handler or a finalizer of a thread that is inside.
        self._changed = threading.Condition(threading.RLock())
        self._entries: deque[Entry] = deque()
        self._waiting = deque(streams.items())
        self._open: dict[str, FlueEventStream[FlueEvent]] = {}
        self._readers = 0
        self.closed = False
        self.expired = False

    def start(self, readers: int) -> None:
        self._readers = readers
        for number in range(readers):
            threading.Thread(target=self._read_all, name=f"flue-stream-{number}", daemon=True).start()

    def get(self) -> Entry | None:
        """The next entry; None when there will be none."""
        with self._changed:
            while not self._entries and self._readers and not self.closed:
                self._changed.wait()
            if self.closed or not self._entries:
                return None
            entry = self._entries.popleft()
            self._changed.notify_all()
            return entry

    def close(self) -> None:
        with self._changed:
            self.closed = True
            streams = list(self._open.values())
            self._waiting.clear()
            self._changed.notify_all()
        for stream in streams:
            stream.cancel()

    def expire(self) -> None:
        self.expired = True
        self.close()

    def _read_all(self) -> None:
        """One reader: takes a run, reads it to its end, takes the next one."""
        while True:
            with self._changed:
                if not self._waiting or self.closed:
                    self._readers -= 1
                    self._changed.notify_all()
                    return
                run_id, stream = self._waiting.popleft()
                self._open[run_id] = stream
            try:
                for event in stream:
                    if not self._put((run_id, event, stream.offset)):
                        break
            except FlueError as error:
                self._put((run_id, StreamFailure(error, stream.offset), stream.offset))
            finally:
                stream.close()
                with self._changed:
                    del self._open[run_id]

    def _put(self, entry: Entry) -> bool:
        with self._changed:
            while len(self._entries) >= AHEAD and not self.closed:
                self._changed.wait()
            self._entries.append(entry)
            self._changed.notify_all()
            return not self.closed


class FlueEventStreams:
    """`(run_id, event)` of many runs as they happen. Made by `client.runs.stream_many()`.

    The events of one run come in order and once each; those of different runs are mixed as they arrive. A run that
    cannot be
    read on gives `(run_id, StreamFailure)` and the others go on. Reading stops while the consumer is busy.

    Each run that is followed has a thread and a connection of its own, `max_connections` at a time; the next run begins
    when one ends.

    Example:
        >>> with client.runs.stream_many(run_ids, offsets=saved) as streams:  # doctest: +SKIP
        ...     for run_id, event in streams:
        ...         print(run_id, event.type)
        ...     saved = dict(streams.offsets)
    """

    def __init__(
        self,
        streams: dict[str, FlueEventStream[FlueEvent]],
        max_connections: int,
        *,
        signal: AbortSignal | None,
        timeout: float | None,
    ) -> None:
        self._channel = _Channel(streams)
        self._readers = min(len(streams), max_connections)
        self._signal = signal
        self._timeout = timeout
        self._offsets = {run_id: stream.offset for run_id, stream in streams.items()}
        self._started = False
        self._timer: _timers.Timer | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._finalizer = weakref.finalize(self, self._channel.close)
        self._finalizer.atexit = False

    @property
    def offsets(self) -> Mapping[str, str]:
        """The resume checkpoint of each run, for `stream_many(offsets=...)`; a copy that may be kept."""
        return dict(self._offsets)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[str, FlueEvent | StreamFailure]:
        """The next event of any run.

        Raises:
            StopIteration: all runs are over, or `cancel()` was called.
            FlueTimeoutError: the overall limit is over.
        """
        if not self._started:
            self._start()
        entry = self._channel.get()
        if entry is None:
            self._end()
            if self._channel.expired:
                raise FlueTimeoutError(f"the streams did not end within {self._timeout:g} s")
            raise StopIteration
        run_id, event, offset = entry
        self._offsets[run_id] = offset
        return run_id, event

    def cancel(self, reason: object = None) -> None:  # noqa: ARG002  # as FlueEventStream.cancel
        """End the iteration without an error, from any thread. The runs go on. Idempotent."""
        self._channel.close()
        self._end()

    def close(self) -> None:
        """The same as `cancel()`."""
        self.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("live streams cannot be pickled or copied; save their .offsets and open new ones")

    def _start(self) -> None:
        self._started = True
        channel = self._channel
        if self._timeout is not None:
            self._timer = _timers.call_later(self._timeout, channel.expire)
        if self._signal is not None:
            self._unsubscribe = self._signal.subscribe(channel.close)
        channel.start(self._readers)

    def _end(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        unsubscribe, self._unsubscribe = self._unsubscribe, None
        if unsubscribe is not None:
            unsubscribe()
