"""Cutting a blocked thread short, from any other thread, timer or signal handler.

A thread may be blocked in four places: a pause, a connect, the wait for headers, the body. A pause ends when its
lock is released. The other three end when the connection's socket is shut down: `close()` would block until the
reader is done, and while headers are awaited only the socket itself can be reached, so the connection registers it
as soon as it exists (see `connection`).
"""

from __future__ import annotations

import _thread
import contextlib
import socket
import time
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Cause", "Interrupt", "Line"]

Cause = Literal["cancelled", "aborted", "expired"]


class Line(Protocol):
    """Something that can be shut down while another thread reads from it."""

    def shutdown(self, owner: Interrupt) -> None:
        """End every wait on it, if it still works for `owner`. Must not block."""
        ...


class Interrupt:
    """One call's switch. `fire()` takes no lock that its own thread could hold, so a signal handler may call it."""

    __slots__ = ("_line", "_lock", "cause")

    def __init__(self) -> None:
        self.cause: Cause | None = None
        self._line: Line | None = None
        self._lock = _thread.allocate_lock()
        self._lock.acquire()

    def fire(self, cause: Cause) -> None:
        """End the wait that is going on, and every later one. Only the first call counts."""
        if self.cause is None:
            self.cause = cause
        self.wake()
        line = self._line
        if line is not None:
            line.shutdown(self)

    def wake(self) -> None:
        """Have whoever waits look again. A hint only: a thread whose caller has gone gives one, too."""
        with contextlib.suppress(RuntimeError):  # released already
            self._lock.release()

    def watch(self, line: Line | None) -> None:
        """This line is what the thread will wait on (None: no line any more)."""
        self._line = line
        if line is not None and self.cause is not None:  # fired meanwhile
            line.shutdown(self)

    def pause(self, seconds: float) -> None:
        """Wait, unless or until fired."""
        until = time.monotonic() + seconds
        while self.cause is None and (left := until - time.monotonic()) > 0:
            self._lock.acquire(timeout=left)

    def wait(self, done: Callable[[], object]) -> None:
        """Wait for a thread that works for the caller, which calls `wake()` when it is done; unless or until fired."""
        while self.cause is None and not done():
            self._lock.acquire()


def shut_down(sock: socket.socket) -> None:
    """Wake whoever waits on the connection that this handle belongs to."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
