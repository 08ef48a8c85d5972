"""A thread that does things at a later time: what writes to streams, and cancels them, while others read."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable


class Author:
    """Makes calls in the order of their times; two of one time in the order in which they were asked for.

    Attributes:
        problems: what went wrong with them.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._changed = threading.Condition()
        self._calls: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._over = False
        self._thread = threading.Thread(target=self._work, name="author", daemon=True)

    def at(self, when: float, call: Callable[[], object]) -> None:
        """Have a call made at a time of the monotonic clock."""
        with self._changed:
            heapq.heappush(self._calls, (when, next(self._numbers), call))
            self._changed.notify()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop; calls whose time has not come are not made."""
        with self._changed:
            self._over = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while (call := self._next()) is not None:
            try:
                call()
            except Exception as error:
                self.problems.append(f"{type(error).__name__}: {error}")

    def _next(self) -> Callable[[], object] | None:
        """Wait for the next call; None at the end."""
        with self._changed:
            while not self._over:
                wait = self._calls[0][0] - time.monotonic() if self._calls else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._calls)[2]
                self._changed.wait(wait)
            return None
