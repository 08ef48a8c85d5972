"""The single requests as values: how each is asked and how its answer is read. Shared by both faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from flue.core import framing, wire
from flue.core.actions import Head, Request
from flue.errors import DurableStreamError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Operation", "get_run", "post"]

ACCEPT_JSON = (("accept", "application/json"), ("accept-encoding", "gzip, deflate"))
CONTENT_JSON = (("content-type", "application/json"),)


@attrs.frozen
class Operation:
    """A request, the statuses that answer it, and what is made of the body.

    Attributes:
        request: what to send.
        statuses: that mean yes.
        build: from the parsed JSON to what the caller gets; raises `ValueError` for what does not fit.
    """

    request: Request
    statuses: frozenset[int]
    build: Callable[[Any], Any]

    def parse(self, body: bytes, head: Head) -> Any:
        """The caller's answer.

        Raises:
            DurableStreamError: `PARSE_ERROR`, the body is not JSON or not what this operation answers.
        """
        try:
            return self.build(framing.parse_json(body))
        except framing.Malformed as error:
            raise DurableStreamError("PARSE_ERROR", f"the answer is not JSON: {error}", status=head.status) from error
        except ValueError as error:
            raise DurableStreamError("PARSE_ERROR", f"the answer does not fit: {error}", status=head.status) from error


def get_run(base_url: str, run_id: object, build: Callable[[Any], Any]) -> Operation:
    """`GET /runs/:id?meta`: the run's record."""
    url = f"{base_url}/runs/{wire.segment(run_id, 'run_id')}?meta"
    return Operation(Request("GET", url, ACCEPT_JSON), frozenset({200}), build)


def post(url: str, body: bytes | None, *, wait: bool, build: Callable[[Any], Any]) -> Operation:
    """A POST that admits work: 202 at once, or with `wait` 200 when the result is there. Never repeated."""
    headers = ACCEPT_JSON if body is None else (*ACCEPT_JSON, *CONTENT_JSON)
    request = Request("POST", f"{url}?wait=result" if wait else url, headers, body, patient=wait)
    return Operation(request, frozenset({200} if wait else {200, 202}), build)
