"""The single requests: what is asked, and what is made of the answer."""

from __future__ import annotations

import pytest

from flue.core import operations
from flue.core.actions import Head
from flue.core.wire import WireHeaders
from flue.errors import DurableStreamError

BASE = "https://flue.test/api"
HEAD = Head(200, WireHeaders(), framed=True, wall=0.0)


def same(value):
    return value


class TestGetRun:
    def test_it_asks_for_the_record(self):
        """Edge case 3."""
        operation = operations.get_run(BASE, "run/1", same)
        request = operation.request
        assert (request.method, request.url, request.body, request.patient) == (
            "GET",
            f"{BASE}/runs/run%2F1?meta",
            None,
            False,
        )
        assert dict(request.headers)["accept"] == "application/json"
        assert operation.statuses == {200}

    @pytest.mark.parametrize(("run_id", "error"), [("", ValueError), ("..", ValueError), (7, TypeError)])
    def test_the_id_is_checked(self, run_id, error):
        """Edge cases 1, 2, 9."""
        with pytest.raises(error, match="run_id"):
            operations.get_run(BASE, run_id, same)


class TestPost:
    def test_without_input_there_is_no_body_and_no_content_type(self):
        """Edge case 17."""
        operation = operations.post(f"{BASE}/workflows/w", None, wait=False, build=same)
        request = operation.request
        assert (request.method, request.url, request.body, request.patient) == (
            "POST",
            f"{BASE}/workflows/w",
            None,
            False,
        )
        assert "content-type" not in dict(request.headers)
        assert operation.statuses == {200, 202}

    def test_null_is_an_input(self):
        """Edge case 17."""
        request = operations.post(f"{BASE}/workflows/w", b"null", wait=False, build=same).request
        assert request.body == b"null"
        assert dict(request.headers)["content-type"] == "application/json"

    def test_to_wait_for_the_result_takes_patience(self):
        operation = operations.post(f"{BASE}/workflows/w", b"{}", wait=True, build=same)
        assert (operation.request.url, operation.request.patient) == (f"{BASE}/workflows/w?wait=result", True)
        assert operation.statuses == {200}


class TestParse:
    OPERATION = operations.get_run(BASE, "r", lambda value: value["runId"])

    def test_what_the_body_says(self):
        assert self.OPERATION.parse(b'\xef\xbb\xbf{"runId": "run_1"}', HEAD) == "run_1"

    @pytest.mark.parametrize("body", [b"", b"<html>", b'{"runId": '])
    def test_what_is_not_json(self, body):
        """Edge case 50."""
        with pytest.raises(DurableStreamError, match="PARSE_ERROR: the answer is not JSON") as caught:
            self.OPERATION.parse(body, HEAD)
        assert (caught.value.code, caught.value.status) == ("PARSE_ERROR", 200)
        assert caught.value.__cause__ is not None

    def test_what_does_not_fit(self):
        def build(value):
            raise ValueError(f"no run record: {value}")

        operation = operations.get_run(BASE, "r", build)
        with pytest.raises(
            DurableStreamError, match=r"PARSE_ERROR: the answer does not fit: no run record: \[\]"
        ) as caught:
            operation.parse(b"[]", HEAD)
        assert isinstance(caught.value.__cause__, ValueError)

    def test_errors_of_our_own_making_go_through(self):
        with pytest.raises(KeyError):
            self.OPERATION.parse(b"{}", HEAD)
