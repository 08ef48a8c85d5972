"""What the library says while it works: logger `flue`, with the facts as attributes of each record.

No header value and no token.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flue.core.actions import Open
    from flue.core.retry import BackoffOptions, FailedAttempt

__all__ = ["Observer"]

logger = logging.getLogger("flue")


class Observer:
    """Says what one call does, and tells the caller's own callback about failures."""

    def __init__(self, what: str, options: BackoffOptions | None = None) -> None:
        """Args: what: the call in words, such as `run run_1`. options: whose `on_failed_attempt` is called."""
        self._what = what
        self._callback = options.on_failed_attempt if options is not None else None
        self._live: str | None = None

    def opening(self, action: Open) -> None:
        """A request is about to be sent."""
        if logger.isEnabledFor(logging.DEBUG):
            request = action.request
            logger.debug("%s %s", request.method, request.url, extra={"flue_call": self._what})

    def failed(self, attempt: FailedAttempt) -> None:
        """An attempt failed. An exception of the caller's callback goes through."""
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
