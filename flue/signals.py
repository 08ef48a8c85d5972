"""`AbortSignal`: one switch that ends many calls."""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Callable  # noqa: TC003  # whoever resolves the annotations at run time finds it here
from typing import Any, Self

from flue import _timers

__all__ = ["AbortSignal"]


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
        aborted: whether it was thrown.
        reason: what was given to `abort()`; a `TimeoutError` for a signal of `AbortSignal.timeout()`.
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
            seconds: from now, a finite number >= 0.

        Raises:
            ValueError: not such a number.
        """
        if isinstance(seconds, bool) or not 0 <= seconds < math.inf:
            raise ValueError(f"timeout must be a finite number of seconds >= 0, not {seconds!r}")
        signal = cls()
        ref = weakref.ref(signal)

        def expire() -> None:
            if (alive := ref()) is not None:
                alive.abort(TimeoutError(f"the signal timed out after {seconds:g} s"))

        timer = _timers.call_later(seconds, expire)
        weakref.finalize(signal, timer.cancel).atexit = False
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
            reason: kept as `.reason` and carried by `AbortError`.

        Raises:
            Exception: what a listener raised, the first of them; all the others have been told.
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
            listener: must not block and must not raise; called on the thread that aborts.

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
