"""`AsyncFlueEventStreams`: the events of many runs in one `async for` loop."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, NoReturn, Self

from flue.aio.interrupt import Interrupt, Interrupted
from flue.errors import FlueError, FlueTimeoutError
from flue.many import AHEAD, StreamFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from flue.aio.stream import AsyncFlueEventStream
    from flue.models import FlueEvent
    from flue.signals import AbortSignal

__all__ = ["AsyncFlueEventStreams"]

Entry = tuple[str, "FlueEvent | StreamFailure", str]


class AsyncFlueEventStreams:
    """`(run_id, event)` of many runs as they happen. Made by `client.runs.stream_many()`.

    The events of one run come in order and once each; those of different runs are mixed as they arrive. A run that
    cannot be
    read on gives `(run_id, StreamFailure)` and the others go on. Reading stops while the consumer is busy.

    Each run that is followed has a task and a connection of its own, `max_connections` at a time; the next run
    begins when
    one ends. Leave the block, or call `aclose()`, to end the tasks.

    Example:
        >>> async with client.runs.stream_many(run_ids, offsets=saved) as streams:  # doctest: +SKIP
        ...     async for run_id, event in streams:
        ...         print(run_id, event.type)
        ...     saved = dict(streams.offsets)
    """

    def __init__(
        self,
        streams: dict[str, AsyncFlueEventStream[FlueEvent]],
        max_connections: int,
        *,
        signal: AbortSignal | None,
        timeout: float | None,
    ) -> None:
        self._waiting = deque(streams.items())
        self._readers = min(len(streams), max_connections)
        self._signal = signal
        self._timeout = timeout
        self._offsets = {run_id: stream.offset for run_id, stream in streams.items()}
        # One more than the events, for each reader's farewell.
        self._entries: asyncio.Queue[Entry | None] = asyncio.Queue(AHEAD)
        self._interrupt = Interrupt()
        self._turn = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] | None = None
        self._running = 0
        self._timer: asyncio.TimerHandle | None = None
        self._unsubscribe: Callable[[], None] | None = None

    @property
    def offsets(self) -> Mapping[str, str]:
        """The resume checkpoint of each run, for `stream_many(offsets=...)`; a copy that may be kept."""
        return dict(self._offsets)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[str, FlueEvent | StreamFailure]:
        """The next event of any run.

        Raises:
            StopAsyncIteration: all runs are over, or `cancel()` was called.
            FlueTimeoutError: the overall limit is over.
        """
        async with self._turn:
            if self._tasks is None:
                self._start()
            try:
                with self._interrupt:
                    entry = await self._next_entry()
            except Interrupted:
                await self._end()
                if self._interrupt.cause == "expired":
                    raise FlueTimeoutError(f"the streams did not end within {self._timeout:g} s") from None
                raise StopAsyncIteration from None
        if entry is None:
            await self._end()
            raise StopAsyncIteration
        run_id, event, offset = entry
        self._offsets[run_id] = offset
        return run_id, event

    def cancel(self, reason: object = None) -> None:  # noqa: ARG002  # as AsyncFlueEventStream.cancel
        """End the iteration without an error; a plain call, from any task or thread. The runs go on. Idempotent."""
        self._interrupt.fire("cancelled")

    async def aclose(self) -> None:
        """End the iteration and wait until the connections are released. Idempotent."""
        self._interrupt.fire("cancelled")
        async with self._turn:
            await self._end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __reduce__(self) -> NoReturn:
        raise TypeError("live streams cannot be pickled or copied; save their .offsets and open new ones")

    def _start(self) -> None:
        interrupt, loop = self._interrupt, asyncio.get_running_loop()
        if self._timeout is not None:
            self._timer = loop.call_later(self._timeout, interrupt.fire, "expired")
        if self._signal is not None:
            self._unsubscribe = self._signal.subscribe(lambda: interrupt.fire("aborted"))
        self._running = self._readers
        self._tasks = [
            loop.create_task(self._read_all(), name=f"flue-stream-{number}") for number in range(self._readers)
        ]

    async def _next_entry(self) -> Entry | None:
        while self._running or not self._entries.empty():
            entry = await self._entries.get()
            if entry is not None:
                return entry
            self._running -= 1
        return None

    async def _read_all(self) -> None:
        """One reader: takes a run, reads it to its end, takes the next one."""
        while self._waiting:
            run_id, stream = self._waiting.popleft()
            async with stream:
                try:
                    async for event in stream:
                        await self._entries.put((run_id, event, stream.offset))
                except FlueError as error:
                    await self._entries.put((run_id, StreamFailure(error, stream.offset), stream.offset))
        await self._entries.put(None)

    async def _end(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        unsubscribe, self._unsubscribe = self._unsubscribe, None
        if unsubscribe is not None:
            unsubscribe()
        tasks, self._tasks = self._tasks or [], []
        self._running = 0
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
