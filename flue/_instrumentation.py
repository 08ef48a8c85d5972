"""Logging, callbacks and the hook for traces.

Logger `flue`; the details are attributes of each record. No header value and no token is logged.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue.core.actions import Request
    from flue.core.retry import BackoffOptions, FailedAttempt

__all__ = ["Instrumentation", "Trace", "trace_calls"]

logger = logging.getLogger("flue")


class Trace(Protocol):
    """What a tracer is told about one call; see `flue.otel`. None of these may raise."""

    def request(self, request: Request, live: str | None, headers: dict[str, str]) -> None:
        """A request is about to be sent; headers (names in lower case) may be added."""
        ...

    def response(self, status: int) -> None:
        """Its response has begun."""
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
        tracer: Makes the trace of a call, from what the call is in words.
    """
    global _tracer  # noqa: PLW0603  # one switch for the process, as tracers have it
    _tracer = tracer


class Instrumentation:
    """Reports what one call does to logs, the tracer and the caller's own callback."""

    def __init__(self, label: str, options: BackoffOptions | None = None, *, live: str | None = None) -> None:
        """Start before the first request.

        Args:
            label: The call in words, such as `run run_1`.
            options: Whose `on_failed_attempt` is called.
            live: How the stream waits for news; None for a call.
        """
        self._label = label
        self._callback = options.on_failed_attempt if options is not None else None
        self._live = live
        self._trace = None if _tracer is None else _tracer(label)

    def request(self, request: Request, headers: dict[str, str]) -> None:
        """A request is about to be sent; a tracer may add to its headers."""
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("%s %s", request.method, request.url, extra={"flue_call": self._label})
        if self._trace is not None:
            self._trace.request(request, self._live, headers)

    def response(self, status: int) -> None:
        """A response has begun."""
        if self._trace is not None:
            self._trace.response(status)

    def ended(self, error: Exception | None = None, cause: str | None = None) -> None:
        """The call is over, with an error or because the caller ended it. Idempotent."""
        if self._trace is not None:
            self._trace.ended(error, cause)

    def failed(self, attempt: FailedAttempt) -> object:
        """An attempt failed. An exception of the caller's callback goes through.

        Returns:
            What the callback returned: an awaitable of an async one, to be awaited by the asynchronous face.
        """
        if self._trace is not None:
            self._trace.failed(attempt)
        if attempt.will_retry:
            logger.warning(
                "%s: attempt %d failed (%s); retrying in %.2f s%s",
                self._label,
                attempt.attempt,
                _printable(attempt.error),
                attempt.delay,
                "" if attempt.offset is None else f" from offset {attempt.offset}",
                extra={
                    "flue_call": self._label,
                    "flue_attempt": attempt.attempt,
                    "flue_delay": attempt.delay,
                    "flue_error": type(attempt.error).__name__,
                    "flue_offset": attempt.offset,
                },
            )
        return None if self._callback is None else self._callback(attempt)

    def idle(self, delay: float) -> None:
        """A response brought nothing; the next request waits."""
        facts = {"flue_call": self._label, "flue_delay": delay}
        logger.debug("%s: nothing new, next request in %.2f s", self._label, delay, extra=facts)

    def live_mode_changed(self, mode: str | None) -> None:
        """The stream waits for news in another way than was asked for."""
        text = "%s: server-sent events do not come through, going on by %s"
        logger.warning(text, self._label, mode, extra={"flue_call": self._label})
        self._live = mode


def _printable(error: Exception) -> str:
    """The error's text on one line that any stream can print: the wire may hold lone surrogates."""
    return " ".join(str(error).encode("utf-8", "backslashreplace").decode().split())
