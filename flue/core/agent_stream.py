"""The stream of an agent: a Durable Stream with two answers of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from flue.core import wire
from flue.core.follow import Follow
from flue.errors import BadRequestError, DurableStreamError, NotFoundError

if TYPE_CHECKING:
    from flue.core.retry import Budget
    from flue.errors import FlueError

__all__ = ["FollowAgent"]

CREATION_PATIENCE = 10.0
"""Seconds. Flue 1.0 admits an agent's first prompt, and makes the agent's stream when it begins to work on it."""

VIEWS = (
    "this server answers agent reads with conversation views, as Flue 1.0.0-beta.8 and later do, and not with the "
    "event streams that stream() and wait() read; prompt() gives an agent's answer there"
)


class FollowAgent(Follow):
    """Follow the events of an agent instance."""

    def __init__(
        self,
        url: str,
        budget: Budget,
        *,
        offset: str = wire.START,
        tail: int | None = None,
        live: Literal["long-poll", "sse"] | None = "long-poll",
        limit: int | None = None,
        admitted: bool = False,
    ) -> None:
        """Start before the first request.

        Args:
            url: of the stream, without a query.
            budget: for failures.
            offset: where to start.
            tail: begin with the last so many items; only from the start.
            live: how to wait for news; None to catch up and end.
            limit: largest page and event in bytes.
            admitted: a prompt has been admitted, so a stream that is not there is about to be.
        """
        super().__init__(url, budget, offset=offset, tail=tail, live=live, limit=limit)
        self._admitted = admitted
        self._missing_since: float | None = None

    def _failed(
        self, error: FlueError, now: float, *, retry: bool, silent: bool = False, at_least: float = 0.0
    ) -> None:
        if _serves_views(error):
            unsupported = DurableStreamError("UNSUPPORTED_SERVER", VIEWS, offset=self._checkpoint(), status=400)
            unsupported.__cause__ = error
            error = unsupported
        elif self._admitted and self._position == wire.START and _is_missing(error):
            if self._missing_since is None:
                self._missing_since = now
            retry = now - self._missing_since < CREATION_PATIENCE
        super()._failed(error, now, retry=retry, silent=silent, at_least=at_least)


def _serves_views(error: FlueError) -> bool:
    """Whether a history view, the default of betas 8 and 9, has refused the parameters of a stream read."""
    if not isinstance(error, BadRequestError) or error.error is None:
        return False
    return error.error.type == "invalid_request" and error.error.details.startswith("History reads do not accept")


def _is_missing(error: FlueError) -> bool:
    return isinstance(error, NotFoundError) and error.error is not None and error.error.type == "stream_not_found"
