"""What the library says while it works: logger `flue`, with the facts as attributes of each record.

No header value and no token.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue.core.actions import Open, Request
    from flue.core.retry import BackoffOptions, FailedAttempt

__all__ = ["Observer", "Trace", "trace_calls"]

logger = logging.getLogger("flue")


class Trace(Protocol):
    """What a tracer is told about one call; see `flue.otel`. None of these may raise."""

    def sending(self, request: Request, live: str | None, headers: dict[str, str]) -> None:
        """A request is about to be sent; headers (names in lower case) may be added."""
        ...

    def answered(self, status: int) -> None:
        """Its answer has begun."""
        ...

    def failed(self, attempt: FailedAttempt) -> None:
        """An attempt failed."""
        ...

    def ended(self, error: Exception | None, cause: str | None) -> None:
        """The call is over: well, with an error, or because the caller ended it. May be said more than once."""
        ...


_tracer: Callable[[str], Trace] | None = None


def trace_calls(tracer: Callable[[str], Trace] | None) -> None:
    """Have the calls that are made from now on traced; None ends that.

    Args:
        tracer: makes the trace of a call, from what the call is in words.
    """
    global _tracer  # noqa: PLW0603  # one switch for the process, as tracers have it
    _tracer = tracer


class Observer:
    """Says what one call does, and tells the caller's own callback about failures."""

    def __init__(self, what: str, options: BackoffOptions | None = None) -> None:
        """Args: what: the call in words, such as `run run_1`. options: whose `on_failed_attempt` is called."""
        self._what = what
        self._callback = options.on_failed_attempt if options is not None else None
        self._live: str | None = None
        self._trace = None if _tracer is None else _tracer(what)

    @property
    def traced(self) -> bool:
        """Whether a tracer may add to the headers of each request."""
        return self._trace is not None

    def opening(self, action: Open) -> None:
        """A request is about to be sent."""
        if logger.isEnabledFor(logging.DEBUG):
            request = action.request
            logger.debug("%s %s", request.method, request.url, extra={"flue_call": self._what})

    def sending(self, request: Request, headers: dict[str, str]) -> None:
        """A request has its headers; a tracer may add its own."""
        if self._trace is not None:
            self._trace.sending(request, self._live, headers)

    def answered(self, status: int) -> None:
        """An answer has begun."""
        if self._trace is not None:
            self._trace.answered(status)

    def ended(self, error: Exception | None = None, cause: str | None = None) -> None:
        """The call is over, with an error or because the caller ended it. Idempotent."""
        if self._trace is not None:
            self._trace.ended(error, cause)

    def failed(self, attempt: FailedAttempt) -> None:
        """An attempt failed. An exception of the caller's callback goes through."""
        if self._trace is not None:
            self._trace.failed(attempt)
        if attempt.will_retry:
            text = "%s: attempt %d failed (%s); next in %.2f s from offset %s"
            logger.warning(
                text,
                self._what,
                attempt.attempt,
                _printable(attempt.error),
                attempt.delay,
                attempt.offset,
                extra={
                    "flue_call": self._what,
                    "flue_attempt": attempt.attempt,
                    "flue_delay": attempt.delay,
                    "flue_error": type(attempt.error).__name__,
                    "flue_offset": attempt.offset,
                },
            )
        if self._callback is not None:
            self._callback(attempt)

    def pacing(self, delay: float) -> None:
        """A clean answer brought nothing; the next question waits."""
        facts = {"flue_call": self._what, "flue_delay": delay}
        logger.debug("%s: nothing new, asking again in %.2f s", self._what, delay, extra=facts)

    def waits_by(self, live: str | None) -> None:
        """How the stream waits for news; said when it had to change."""
        if self._live is not None and live != self._live:
            logger.warning(
                "%s: server-sent events do not come through, going on by %s",
                self._what,
                live,
                extra={"flue_call": self._what},
            )
        self._live = live


def _printable(error: Exception) -> str:
    """The error's text on one line that any stream can print: the wire may hold lone surrogates."""
    return " ".join(str(error).encode("utf-8", "backslashreplace").decode().split())
