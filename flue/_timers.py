"""One thread for all timers of the process, there only while a timer is pending.

Signals with a time limit and overall limits of blocking calls need somebody who wakes the reader. A thread for each
would be many; a thread that stays would be a leak: this one ends when its last timer fired or was cancelled.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import os
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Timer", "call_later"]


_LONGEST_WAIT = 3600.0
"""Seconds; a lock cannot be waited for as long as a caller may ask."""


class Timer:
    """A pending call; `cancel()` forgets it."""

    __slots__ = ("_service", "call", "when")

    def __init__(self, service: _Service, when: float, call: Callable[[], None]) -> None:
        self._service = service
        self.when = when
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Forget the call. Harmless when it was made already."""
        self.call = None
        self._service.forget(self)


class _Service:
    def __init__(self) -> None:
        # Reentrant: a signal handler or a finalizer may cancel a timer while this very thread holds the lock.
        self._changed = threading.Condition(threading.RLock())
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    def add(self, seconds: float, call: Callable[[], None]) -> Timer:
        timer = Timer(self, time.monotonic() + seconds, call)
        with self._changed:
            heapq.heappush(self._heap, (timer.when, next(self._order), timer))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="flue-timers", daemon=True)
                self._thread.start()
            else:
                self._changed.notify()
        return timer

    def forget(self, timer: Timer) -> None:
        if self._pid != os.getpid():  # the parent's: its thread may have held the lock when the process forked
            return
        with self._changed:
            self._heap = [entry for entry in self._heap if entry[2] is not timer]
            heapq.heapify(self._heap)
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._heap:
                    self._thread = None
                    return
                when, _, timer = self._heap[0]
                pause = when - time.monotonic()
                if pause > 0:
                    self._changed.wait(min(pause, _LONGEST_WAIT))
                    continue
                heapq.heappop(self._heap)
                call = timer.call
            if call is not None:
                try:
                    call()
                except Exception:
                    # The listener of a caller's own: it must not take the time limits of everybody else along.
                    logging.getLogger("flue").exception("a listener raised")


_service = _Service()


def _forget_parent() -> None:
    global _service  # noqa: PLW0603  # threads do not survive a fork: the child starts with a service of its own
    _service = _Service()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)


def call_later(seconds: float, call: Callable[[], None]) -> Timer:
    """Have `call` made once, on another thread, after `seconds`; it must not block and must not raise."""
    return _service.add(seconds, call)
