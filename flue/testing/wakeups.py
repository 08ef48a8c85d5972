"""Readers that wait for a stream to change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Wakeups:
    """Readers that wait for a change of a stream. Used on the loop of the server only."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[bool]]] = {}

    def wake(self, path: str) -> None:
        """Wake every reader of a stream."""
        for future in self._waiting.pop(path, ()):
            _settle(future, woken=True)

    async def wait(self, path: str, ready: Callable[[], bool], seconds: float) -> bool:
        """Wait for a change; `False` when none came in time.

        The reader is registered before `ready` is asked, so that no change falls in between.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        self._waiting.setdefault(path, set()).add(future)
        timer = None
        try:
            if ready():
                return True
            timer = loop.call_later(seconds, lambda: _settle(future, woken=False))
            return await future
        finally:
            if timer is not None:
                timer.cancel()
            waiting = self._waiting.get(path, set())
            waiting.discard(future)
            if not waiting:
                self._waiting.pop(path, None)


def _settle(future: asyncio.Future[bool], *, woken: bool) -> None:
    if not future.done():
        future.set_result(woken)
