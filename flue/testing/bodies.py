"""Bodies and parameters that the routes of workflows and agents share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flue.testing import answers
from flue.testing.runs import UNSET

if TYPE_CHECKING:
    from flue.testing.answers import Answer
    from flue.testing.http1 import RecordedRequest


def refuse_wait(request: RecordedRequest) -> Answer | None:
    """The answer to a ``wait`` that is not ``result``, or `None`."""
    waits = request.all("wait")
    if waits in ([], ["result"]):
        return None
    shown = "Array" if len(waits) > 1 else json.dumps(waits[0], ensure_ascii=False)
    return answers.invalid_request(
        f'Invalid query parameters: wait: Invalid type: Expected "result" but received {shown}'
    )


def parse_body(request: RecordedRequest) -> Any:
    """The JSON body, `UNSET` when there is none, or the answer that refuses it."""
    length, content_type = request.header("content-length"), request.header("content-type")
    if length is not None and int(length) == 0:
        return UNSET
    if length is None and content_type is None:
        return UNSET
    if content_type is None or "application/json" not in content_type.lower():
        return answers.unsupported_media_type(content_type)
    text = request.body.decode("utf-8-sig", "replace")
    if not text.strip():
        return UNSET
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return answers.invalid_json(str(error))


def _no_constant(name: str) -> None:
    msg = f"Unexpected token {name}"
    raise ValueError(msg)
