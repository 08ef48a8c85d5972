"""Whether and when to retry: tenacity's strategies as a budget that restarts on progress.

tenacity supplies the arithmetic (`wait_*` and `stop_*` are pure functions of a `RetryCallState`). Its loop is not
used: attempts of a loop never reset, and a stream that made progress has earned a fresh budget.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable  # noqa: TC003  # whoever resolves the annotations at run time finds it here
from typing import Any

import attrs
import tenacity

__all__ = ["BackoffOptions", "Budget", "FailedAttempt"]

DEFAULT_MAX_ELAPSED = 60.0
"""Seconds without progress after which a call without `BackoffOptions` of its own gives up."""
MAX_AUTH_ATTEMPTS = 3
"""Consecutive attempts after a 401 or 403, where a callable provides fresh headers for each."""


def _not_negative(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{attribute.name} must be a number, not {type(value).__name__}")
    if not 0 <= value <= sys.float_info.max:
        raise ValueError(f"{attribute.name} must be a finite number >= 0, not {value!r}")


def _count(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{attribute.name} must be an int or None, not {type(value).__name__}")
    if value < 0:
        raise ValueError(f"{attribute.name} must be >= 0, not {value}")


def _at_least_one(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if value < 1:
        raise ValueError(f"{attribute.name} must be >= 1, not {value!r}")


def _callback(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not callable(value):
        raise TypeError(f"{attribute.name} must be callable, not {type(value).__name__}")


@attrs.frozen
class FailedAttempt:
    """One attempt that failed, as `BackoffOptions.on_failed_attempt` gets it.

    Attributes:
        attempt: Its number since the last progress, from 1.
        delay: Seconds until the next one; 0.0 when there is none.
        error: Why it failed.
        offset: Where the next attempt reads on; None for a call that reads no stream.
        will_retry: Whether there is a next one.
    """

    attempt: int
    delay: float
    error: Exception
    offset: str | None
    will_retry: bool


@attrs.frozen
class BackoffOptions:
    """How a read is retried after a failure, with full jitter.

    The pause after failure n is `random() * min(initial_delay * multiplier ** n, max_delay)`, n from 0.

    The limits count failures without progress: they start again when an event is handed over, the offset moves or a
    long poll completes. Options that are given are taken as they stand: with both limits None there is none.

    Attributes:
        initial_delay: Seconds; the cap of the first pause.
        max_delay: Seconds; the cap of every pause. A server's `Retry-After` may ask for more, up to an hour.
        multiplier: Growth of the cap from pause to pause.
        max_retries: Attempts after the first one; 0 for a single try; None for no limit.
        max_elapsed: Seconds without progress; None for no limit.
        on_failed_attempt: Called with a `FailedAttempt` for every failed attempt, the last one too. An exception
            from it ends the read.

    Example:
        >>> BackoffOptions(max_retries=5).multiplier
        1.3
    """

    initial_delay: float = attrs.field(default=0.1, validator=_not_negative)
    max_delay: float = attrs.field(default=60.0, validator=_not_negative)
    multiplier: float = attrs.field(default=1.3, validator=[_not_negative, _at_least_one])
    max_retries: int | None = attrs.field(default=None, validator=attrs.validators.optional(_count))
    max_elapsed: float | None = attrs.field(default=None, validator=attrs.validators.optional(_not_negative))
    on_failed_attempt: Callable[[FailedAttempt], object] | None = attrs.field(
        default=None, validator=attrs.validators.optional(_callback)
    )


_DEFAULTS = BackoffOptions(max_elapsed=DEFAULT_MAX_ELAPSED)


class Budget:
    """What is left of a `BackoffOptions` since the last progress."""

    def __init__(self, options: BackoffOptions | None, *, endless: bool = False, refreshable: bool = False) -> None:
        """Start with a full budget.

        Args:
            options: The caller's; None for the defaults, which give up after 60 s without progress.
            endless: Whether a read with default options, once it has succeeded, is retried for ever (a live stream).
            refreshable: Whether a 401 or 403 is retried, up to three attempts in a row.
        """
        if options is not None and not isinstance(options, BackoffOptions):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"backoff_options must be BackoffOptions, not {type(options).__name__}")
        self._default = options is None
        given = options or _DEFAULTS
        # A zero initial delay must stay zero: tenacity turns an overflowing power into `max_delay`.
        self._wait: Callable[[tenacity.RetryCallState], float] = tenacity.wait_none()
        if given.initial_delay:
            self._wait = tenacity.wait_random_exponential(
                multiplier=given.initial_delay, max=given.max_delay, exp_base=given.multiplier
            )
        self._limits: list[Callable[[tenacity.RetryCallState], bool]] = []
        if given.max_retries is not None:
            self._limits.append(tenacity.stop_after_attempt(given.max_retries + 1))
        if given.max_elapsed is not None:
            # "before": a pause that would outlast the budget is not begun.
            self._limits.append(tenacity.stop_before_delay(given.max_elapsed))
        self._endless = endless and options is None
        self._refreshable = refreshable
        self._auth_failures = 0
        self.attempts = 0
        self._since: float | None = None
        self._opened = 0.0

    def attempt_started(self, now: float) -> None:
        """An attempt begins."""
        self._opened = now
        if self._since is None:
            self._since = now

    def server_answered(self) -> None:
        """The stream could be read: from now on one with default options never gives up."""
        self._auth_failures = 0
        if self._endless:
            self._limits.clear()

    def progress(self) -> None:
        """Progress was made: the budget is full again."""
        self.attempts = 0
        self._since = None

    def elapsed(self, now: float) -> float:
        """Seconds since the first attempt without progress."""
        return 0.0 if self._since is None else now - self._since

    def may_refresh(self) -> bool:
        """Count a 401 or 403; whether to retry it with fresh headers."""
        self._auth_failures += 1
        return self._refreshable and self._auth_failures < MAX_AUTH_ATTEMPTS

    def attempt_failed(
        self, now: float, *, at_least: float = 0.0, at_most: float = math.inf, idle: bool = False
    ) -> float | None:
        """Count a failure.

        Args:
            now: The clock.
            at_least: The shortest pause in seconds, such as a `Retry-After`.
            at_most: The longest pause in seconds, unless `at_least` is longer.
            idle: The attempt waited for news, so its time does not count as lost.

        Returns:
            The pause in seconds, or None: give up.
        """
        self.attempts += 1
        if self._since is None:
            self.attempt_started(now)
        elif idle:
            self._since += now - self._opened
        state = tenacity.RetryCallState(retry_object=None, fn=None, args=(), kwargs={})  # type: ignore[arg-type]  # no loop behind it
        state.attempt_number = self.attempts
        state.start_time = now - self.elapsed(now)
        state.outcome_timestamp = now
        delay = max(at_least, min(self._wait(state), at_most))
        state.upcoming_sleep = delay
        if self._default and self.attempts < 2:  # one silent attempt may outlast the whole default budget
            return delay
        return None if any(limit(state) for limit in self._limits) else delay
