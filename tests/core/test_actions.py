"""Actions are values, and a single request knows what is made of its response."""

from __future__ import annotations

import pytest

from flue.core import actions
from flue.core.actions import CallRequest, Done, LiveModeChanged, Open, Request, ResponseHead, Retry, Sleep
from flue.core.retry import FailedAttempt
from flue.core.stream_state import Headers
from flue.errors import DurableStreamError, FlueConnectionError

ERROR = FlueConnectionError("reset")
REQUEST = Request("GET", "https://flue.test/runs/r?meta")
HEAD = ResponseHead(200, Headers(), body_length_known=True, received_at=0.0)
RETRY = Retry(FailedAttempt(1, 0.5, ERROR, None, will_retry=True))
VALUES = [REQUEST, HEAD, Open(REQUEST), RETRY, Sleep(1.0), LiveModeChanged("long-poll"), Done(), actions.Fail(ERROR)]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_they_cannot_be_changed_on_the_way(value):
    for name in value.__struct_fields__:
        with pytest.raises(AttributeError, match="immutable"):
            setattr(value, name, None)


def run_id(value):
    if not isinstance(value, dict):
        raise ValueError(f"no run record: {value}")
    return value["runId"]


class TestParse:
    CALL = CallRequest(REQUEST, frozenset({200}), run_id)

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            (b"", "the response is not JSON: "),
            (b"<html>", "the response is not JSON: "),
            (b"[]", r"the response does not fit: no run record: \[\]"),
        ],
    )
    def test_what_cannot_be_one(self, body, message):
        with pytest.raises(DurableStreamError, match=f"PARSE_ERROR: {message}") as caught:
            self.CALL.parse(body, HEAD)
        assert (caught.value.code, caught.value.status) == ("PARSE_ERROR", 200)
        assert caught.value.__cause__ is not None

    def test_errors_of_our_own_making_go_through(self):
        with pytest.raises(KeyError):
            self.CALL.parse(b"{}", HEAD)
