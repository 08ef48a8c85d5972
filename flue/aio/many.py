"""`AsyncFlueEventStreams`: the events of many runs in one `async for` loop."""

# ruff: noqa: TC001, TC003  (whoever resolves the annotations at run time finds their names here)

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Self

from flue import models
from flue._base import BaseChannel, BaseStreams
from flue.aio.stream import AsyncFlueEventStream
from flue.errors import FlueError
from flue.signals import AbortSignal
from flue.types import StreamFailure

__all__ = ["AsyncFlueEventStreams"]

QUEUE_SIZE = 256
"""Events of all runs together that are read ahead of the consumer."""

_reading: set[asyncio.Task[None]] = set()  # a loop keeps no hold of its tasks


class _Channel(BaseChannel):
    """A queue, and the readers that fill it."""

    def __init__(self, streams: dict[str, AsyncFlueEventStream[models.FlueEvent]]) -> None:
        super().__init__({run_id: stream.offset for run_id, stream in streams.items()})
        # None wakes a consumer that waits when it is over. There is one at a time.
        self._queue: asyncio.Queue[tuple[str, models.FlueEvent | StreamFailure, str] | None] = asyncio.Queue(QUEUE_SIZE)
        self._waiting = deque(streams.items())
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, readers: int, signal: AbortSignal | None, timeout: float | None) -> None:
        if self._loop is not None:
            return
        self._loop = loop = asyncio.get_running_loop()
        self._unwatch = self.watch(signal, timeout)
        if self.cause is not None or not readers:
            self._stop()
            return
        self._tasks = [loop.create_task(self._read_runs(), name=f"flue-stream-{number}") for number in range(readers)]
        for task in self._tasks:
            _reading.add(task)
            task.add_done_callback(_reading.discard)
            task.add_done_callback(self._reader_done)

    async def get(self) -> tuple[str, models.FlueEvent | StreamFailure] | None:
        """The next entry, handed over; None when there will be none. For one task at a time."""
        if self.cause is not None or (self._over and self._queue.empty()):
            return None
        entry = await self._queue.get()
        if entry is None or self.cause is not None:
            return None
        run_id, event, self.offsets[run_id] = entry
        return run_id, event

    async def join(self) -> None:
        """Wait until the readers are gone; a reader, in a callback of the caller's, does not wait for itself."""
        if asyncio.current_task() not in self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start_timer(self, seconds: float) -> Callable[[], None]:
        return asyncio.get_running_loop().call_later(seconds, self.cancel, "expired").cancel

    def _end_wait(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and its tasks with it
                self._loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        if self._over:
            return
        self._over = True
        for task in self._tasks:
            task.cancel()
        if self._queue.empty():
            self._queue.put_nowait(None)
        if self._unwatch is not None:
            self._unwatch()

    def _reader_done(self, task: asyncio.Task[None]) -> None:
        """One of the readers has read all it had to, or failed: then what was read before is handed over, no more."""
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None and not self._over:  # the caller's own, or somebody has ended the task
            self.error = error
            self._stop()
        elif all(each.done() for each in self._tasks):
            self._stop()

    async def _read_runs(self) -> None:
        """Read one run after the other."""
        while self._waiting:
            run_id, stream = self._waiting.popleft()
            async with stream:
                try:
                    async for event in stream:
                        await self._queue.put((run_id, event, stream.offset))
                except FlueError as error:
                    await self._queue.put((run_id, StreamFailure(error, stream.offset), stream.offset))


class AsyncFlueEventStreams(BaseStreams[_Channel]):
    """`(run_id, event)` of many runs as they happen. Made by `client.runs.stream_many()`.

    The events of one run come in order and once each; those of different runs are mixed as they arrive. A run that
    cannot be read on gives `(run_id, StreamFailure)` and the others go on. Up to 256 events are read ahead; reading
    stops while the consumer is busy.

    Each run that is followed has a task and a connection of its own, `max_connections` at a time; the next run begins
    when one ends. Header callables and `on_failed_attempt` are called in these tasks. Several tasks may pull: each
    event goes to one of them, in the order of their calls. Leave the block, or call `aclose()`, to end the tasks.

    Example:
        >>> async with client.runs.stream_many(run_ids, offsets=saved) as streams:  # doctest: +SKIP
        ...     async for run_id, event in streams:
        ...         print(run_id, event.type)
        ...     saved = dict(streams.offsets)
    """

    def __init__(
        self,
        streams: dict[str, AsyncFlueEventStream],
        max_connections: int,
        *,
        signal: AbortSignal | None,
        timeout: float | None,
    ) -> None:
        self._channel = _Channel(streams)
        self._readers = min(len(streams), max_connections)
        self._signal = signal
        self._timeout = timeout
        self._turn = asyncio.Lock()  # first come, first served

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[str, models.FlueEvent | StreamFailure]:
        """The next event of any run.

        Raises:
            StopAsyncIteration: All runs are over, or `cancel()` was called.
            FlueTimeoutError: The overall limit is over.
            Exception: Whatever a header callable or `on_failed_attempt` raised; it ends the iteration.
        """
        channel = self._channel
        async with self._turn:
            channel.start(self._readers, self._signal, self._timeout)
            entry = await channel.get()
        if entry is not None:
            return entry
        self._raise_failure()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """The same as `cancel()`, and wait until the connections are released."""
        self._channel.cancel("cancelled")
        await self._channel.join()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if hasattr(self, "_turn"):  # made whole
            self._channel.cancel("cancelled")
