"""A single request as a value: what is made of its response."""

from __future__ import annotations

import pytest

from flue.core.actions import CallRequest, Request, ResponseHead
from flue.core.stream_state import Headers
from flue.errors import DurableStreamError

HEAD = ResponseHead(200, Headers(), body_length_known=True, received_at=0.0)


def call(build):
    return CallRequest(Request("GET", "https://flue.test/runs/r?meta"), frozenset({200}), build)


class TestParse:
    CALL = call(lambda value: value["runId"])

    def test_what_the_body_says(self):
        assert self.CALL.parse(b'\xef\xbb\xbf{"runId": "run_1"}', HEAD) == "run_1"

    @pytest.mark.parametrize("body", [b"", b"<html>", b'{"runId": '])
    def test_what_is_not_json(self, body):
        with pytest.raises(DurableStreamError, match="PARSE_ERROR: the response is not JSON") as caught:
            self.CALL.parse(body, HEAD)
        assert (caught.value.code, caught.value.status) == ("PARSE_ERROR", 200)
        assert caught.value.__cause__ is not None

    def test_what_does_not_fit(self):
        def build(value):
            raise ValueError(f"no run record: {value}")

        with pytest.raises(
            DurableStreamError, match=r"PARSE_ERROR: the response does not fit: no run record: \[\]"
        ) as caught:
            call(build).parse(b"[]", HEAD)
        assert isinstance(caught.value.__cause__, ValueError)

    def test_errors_of_our_own_making_go_through(self):
        with pytest.raises(KeyError):
            self.CALL.parse(b"{}", HEAD)
