"""`AbortSignal`: one switch that ends many calls; and the timer behind every limit in seconds."""

from __future__ import annotations

import contextlib
import logging
import math
import sys
import threading
import weakref
from collections.abc import Callable  # noqa: TC003  # whoever resolves the annotations at run time finds it here
from typing import Any, Self

from flue.errors import AbortError

__all__ = ["AbortSignal", "abort_error", "call_later"]


class AbortSignal:
    """A switch that is thrown once, from any thread, task or signal handler, and ends every call that was given it.

    `stream()` ends quietly on it; `events()`, `run()`, `wait()` and `invoke()` raise `flue.AbortError`. One signal
    may serve many streams of both faces.

    Example:
        >>> signal = AbortSignal()
        >>> signal.aborted
        False
        >>> signal.abort("enough")
        >>> signal.aborted, signal.reason
        (True, 'enough')

    Attributes:
        aborted: Whether it was thrown.
        reason: What was given to `abort()`; a `TimeoutError` for a signal of `AbortSignal.timeout()`.
    """

    def __init__(self) -> None:
        # Reentrant, since a signal handler may abort while its own thread is subscribing.
        self._lock = threading.RLock()
        self._listeners: dict[int, Callable[[], None]] = {}
        self._serial = 0
        self._aborted = False
        self._reason: Any = None

    @classmethod
    def timeout(cls, seconds: float) -> Self:
        """A signal that throws itself.

        Args:
            seconds: From now, a finite number >= 0. A thread waits for as long as anybody holds the signal.

        Raises:
            ValueError: Not such a number.
            TypeError: Not a number.
            RuntimeError: The thread cannot be started.
        """
        if not isinstance(seconds, int | float):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"timeout must be a number of seconds, not {type(seconds).__name__}")
        if isinstance(seconds, bool) or not 0 <= seconds < math.inf:
            raise ValueError(f"timeout must be a finite number of seconds >= 0, not {seconds!r}")
        signal = cls()
        ref = weakref.ref(signal)

        def expire() -> None:
            if (alive := ref()) is not None:
                alive.abort(TimeoutError(f"the signal timed out after {seconds:g} s"))

        weakref.finalize(signal, call_later(seconds, expire)).atexit = False
        return signal

    @property
    def aborted(self) -> bool:
        """Whether `abort()` was called."""
        return self._aborted

    @property
    def reason(self) -> Any:
        """What `abort()` was given."""
        return self._reason

    def abort(self, reason: Any = None) -> None:
        """Throw the switch. Only the first call counts.

        Args:
            reason: Kept as `.reason` and carried by `AbortError`.

        Raises:
            Exception: What a listener raised, the first of them; all the others have been told.
        """
        with self._lock:
            if self._aborted:
                return
            self._reason = reason
            self._aborted = True
            listeners = list(self._listeners.values())
            self._listeners.clear()
        failures: list[Exception] = []
        for listener in listeners:
            try:
                listener()
            except Exception as error:  # noqa: BLE001  # raised below, when all have been told
                failures.append(error)
        if failures:
            raise failures[0]

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have `listener` called once when the switch is thrown (at once, if it was).

        Args:
            listener: Must not block and must not raise; called on the thread that aborts.

        Returns:
            A function that takes the subscription back; calling it twice is harmless.
        """
        with self._lock:
            if not self._aborted:
                self._serial += 1
                key = self._serial
                self._listeners[key] = listener

                def unsubscribe() -> None:
                    with self._lock:
                        self._listeners.pop(key, None)

                return unsubscribe
        listener()
        return lambda: None

    def __reduce__(self) -> Any:
        raise TypeError("an AbortSignal is tied to its process and cannot be pickled")

    def __repr__(self) -> str:
        return f"<AbortSignal {'aborted' if self._aborted else 'not aborted'}>"


def abort_error(signal: AbortSignal | None) -> AbortError:
    """The error of a call that was ended by its signal; it carries the reason that `abort()` was given."""
    return AbortError(None if signal is None else signal.reason)


def call_later(seconds: float, call: Callable[[], None]) -> Callable[[], None]:
    """Make a call later, on a daemon thread that is there until the call is made or cancelled.

    Args:
        seconds: From now, of any size.
        call: Must not block. What it raises is logged.

    Returns:
        A function that cancels the call, from any thread, signal handler or finalizer. Idempotent; without effect
        once the call was made, and in a forked child, which has no thread of its parent's.

    Raises:
        RuntimeError: No thread can be started: there are too many, or the interpreter is about to exit.
    """
    # A bare lock and not `threading.Timer`, whose `cancel()` takes a lock that is not reentrant: a finalizer that ran
    # on the timer's own thread while it begins to wait would wait for itself.
    cancelled = threading.Lock()
    cancelled.acquire()

    def wait() -> None:
        left = seconds
        while left > threading.TIMEOUT_MAX:  # 49 days on Windows
            if cancelled.acquire(timeout=threading.TIMEOUT_MAX):
                return
            left -= threading.TIMEOUT_MAX
        if cancelled.acquire(timeout=left):
            return
        try:
            call()
        except Exception:  # a listener of the caller's
            logging.getLogger("flue").exception("a listener raised")

    def cancel() -> None:
        with contextlib.suppress(RuntimeError):  # cancelled before
            cancelled.release()

    try:
        if sys.is_finalizing():  # Python 3.11 would wait for ever for the thread to begin
            raise RuntimeError("the interpreter is about to exit")
        threading.Thread(target=wait, name="flue-timer", daemon=True).start()
    except RuntimeError as error:
        raise RuntimeError(f"no thread can be started for a time limit of {seconds:g} s: {error}") from error
    return cancel
