"""Cutting an awaiting task short, from any task, thread or signal handler, without cancelling it for good.

The way of `asyncio.timeout()`: the task is cancelled where it waits, and the guard around the wait takes the
cancellation back. A cancellation that came from elsewhere at the same time is counted by the task and goes through.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Cause", "Interrupt", "Interrupted", "patiently"]

Cause = Literal["cancelled", "aborted", "expired"]


class Interrupted(Exception):  # noqa: N818  # a message to the caller of the driver, never to the user
    """The call was cut short; the interrupt knows why."""


class Interrupt:
    """One call's switch, and the guard around each of its waits."""

    __slots__ = ("_cancelled", "_loop", "_outer", "_task", "cause")

    def __init__(self) -> None:
        self.cause: Cause | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[object] | None = None
        self._outer = 0
        self._cancelled = False

    def fire(self, cause: Cause) -> None:
        """End the wait that is going on, and every later one. Only the first call counts."""
        if self.cause is None:
            self.cause = cause
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, nobody waits
                loop.call_soon_threadsafe(self._cancel)

    def _fired(self) -> bool:
        return self.cause is not None

    def _cancel(self) -> None:
        # Not on top of a cancellation that is under way: httpcore loses its connection to the second of two in a row.
        if self._task is not None and not self._cancelled and self._task.cancelling() <= self._outer:
            self._cancelled = True
            self._task.cancel()

    def __enter__(self) -> Self:
        if self._fired():
            raise Interrupted
        task: asyncio.Task[object] | None = asyncio.current_task()
        assert task is not None  # noqa: S101  # coroutines of this package run in tasks
        self._outer = task.cancelling()
        self._cancelled = False
        self._task = task
        self._loop = task.get_loop()
        if self._fired():  # from another thread meanwhile
            self._task = self._loop = None
            raise Interrupted
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        task, self._task, self._loop = self._task, None, None
        if self._cancelled and task is not None and task.uncancel() <= self._outer and kind is asyncio.CancelledError:
            raise Interrupted from None


async def patiently(task: asyncio.Future[Any]) -> None:
    """Wait for the end of a task, through any cancellation."""
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([task])
