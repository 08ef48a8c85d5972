"""One question, one answer."""

from __future__ import annotations

import json

import pytest

from flue.core.actions import CallRequest, Done, Fail, Request
from flue.core.http_errors import ERROR_BODY_LIMIT
from flue.core.protocol import CallProtocol
from flue.core.retry import BackoffOptions, Budget
from flue.errors import DurableStreamError, FlueConnectionError, NotFoundError, ServerError

from .driver import follow, play
from .script import FRAMINGS, REFUSED, RESET, SILENCE, Response, page, refusal


def record(value):
    if not isinstance(value, dict):
        raise ValueError("an object was expected")
    return value


GET = CallRequest(Request("GET", "https://flue.test/runs/run_1?meta"), frozenset({200}), record)
POST = CallRequest(Request("POST", "https://flue.test/workflows/w", body=b"{}"), frozenset({200, 202}), record)
BODY = json.dumps({"runId": "run_1"}).encode()
GOOD = page(BODY, None)


def get(options=None, *, limit=None, refreshable=False):
    return CallProtocol(GET, Budget(options or BackoffOptions(max_retries=3), refreshable=refreshable), limit=limit)


def post(*, limit=None):
    return CallProtocol(POST, None, limit=limit)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_the_answer(framing):
    played = play(get(), [page(BODY, None, framing=framing).chunked_by(5)])
    assert played.end == Done({"runId": "run_1"})
    assert len(played.requests) == 1


@pytest.mark.parametrize("status", [200, 202])
def test_a_post_is_admitted(status):
    answer = Response(status, GOOD.headers, GOOD.body)
    played = play(post(), [answer])
    assert played.end == Done({"runId": "run_1"})
    assert played.requests == [POST.request]


def test_a_get_is_not_admitted_it_is_answered():
    played = play(get(), [Response(202, GOOD.headers, GOOD.body)])
    assert played.code == "UNEXPECTED_STATUS"


def test_failures_on_the_way_are_retried():
    played = play(get(), [REFUSED, refusal(500), GOOD.cut(4), GOOD])
    assert played.done
    assert [pause.attempt.attempt for pause in played.pauses] == [1, 2, 3]
    assert {pause.attempt.offset for pause in played.pauses} == {None}


def test_until_the_budget_is_used_up():
    played = play(get(), [REFUSED, RESET, refusal(500), refusal(503)])
    assert isinstance(played.error, ServerError)
    assert played.error.__notes__[0].startswith("gave up after 4 attempts in ")


def test_without_options_for_a_minute():
    played = play(CallProtocol(GET, Budget(None)), lambda request, now: REFUSED)
    assert played.error is REFUSED
    assert 10 < len(played.requests) < 40
    assert 30.0 < played.now < 60.0


def test_a_silence_is_time_lost():
    """NeedData was waited for."""
    assert play(get(), [SILENCE, GOOD]).done
    played = play(get(BackoffOptions(max_elapsed=60.0)), [SILENCE, GOOD])
    assert (played.error, len(played.requests)) == (SILENCE, 1)


def test_credentials_made_anew_are_tried_three_times():
    assert play(get(refreshable=True), [refusal(401), refusal(401), GOOD]).done
    assert len(play(get(refreshable=True), [refusal(401)] * 4).requests) == 3


def test_a_refusal():
    played = play(get(), [refusal(404, b'{"error": {"type": "run_not_found", "message": "No."}}')])
    assert isinstance(played.error, NotFoundError)
    assert str(played.error) == "Flue API error 404 [run_not_found]: No."


class TestNonsense:
    @pytest.mark.parametrize("media", ["text/html", "text/event-stream", "application/octet-stream"])
    def test_another_content_type(self, media):
        played = play(get(), [page(b"<html>", None, content_type=media)])
        assert (played.code, played.error.status) == ("UNEXPECTED_CONTENT_TYPE", 200)
        assert str(played.error) == f"UNEXPECTED_CONTENT_TYPE: expected application/json, got {media!r}"
        assert len(played.requests) == 1

    def test_a_missing_content_type_may_be_json(self):
        assert play(get(), [page(BODY, None, content_type=None)]).done

    @pytest.mark.parametrize("framing", ["length", "chunked"])
    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null"])
    def test_a_whole_body_that_is_no_answer(self, framing, body):
        played = play(get(), [page(body, None, framing=framing)])
        assert (played.code, len(played.requests)) == ("PARSE_ERROR", 1)

    @pytest.mark.parametrize("framing", ["close", "gzip"])
    def test_a_body_of_unknown_length_may_have_been_cut(self, framing):
        answer = page(BODY, None, framing=framing)
        for position in range(len(BODY)):
            played = play(get(), [answer.cut(position, fault=None), answer])
            assert played.done
            assert isinstance(played.pauses[0].attempt.error, FlueConnectionError)
        assert str(played.pauses[0].attempt.error) == f"the response ended early, after {len(BODY) - 1} bytes"
        assert isinstance(played.pauses[0].attempt.error.__cause__, DurableStreamError)

    @pytest.mark.parametrize("framing", ["close", "gzip"])
    def test_a_body_of_unknown_length_that_is_json_was_not_cut(self, framing):
        """What does not fit will not fit the next time either."""
        played = play(get(), [page(b"[]", None, framing=framing), GOOD])
        assert (played.code, len(played.requests)) == ("PARSE_ERROR", 1)


class TestPost:
    @pytest.mark.parametrize(
        "answer",
        [
            REFUSED,
            RESET,
            refusal(503, Retry_After="1"),
            refusal(429),
            refusal(401),
            GOOD.cut(3),
            page(BODY, None, framing="close").cut(3, None),
        ],
        ids=["refused", "reset", "503", "429", "401", "cut", "ended early"],
    )
    def test_it_is_sent_once_whatever_happens(self, answer):
        played = play(post(), [answer, GOOD])
        assert len(played.requests) == 1
        assert played.pauses == []
        attempt = played.end.attempt
        assert (attempt.attempt, attempt.will_retry) == (1, False)

    def test_what_became_of_it_is_not_known(self):
        played = play(post(), [GOOD.cut(3)])
        assert "whether the server has admitted it is not known" in played.error.__notes__[0]

    def test_what_was_refused_is_known(self):
        assert not hasattr(play(post(), [refusal(503)]).error, "__notes__")


class TestLimit:
    def test_a_larger_answer_is_refused(self):
        played = play(get(limit=10), [page(BODY, None).chunked_by(4)])
        assert played.code == "EVENT_TOO_LARGE"
        assert str(played.error) == "EVENT_TOO_LARGE: the response is larger than the limit of 10 bytes"
        assert play(get(limit=len(BODY)), [page(BODY, None)]).done

    def test_the_reasons_of_a_refusal_have_their_own(self):
        played = play(get(limit=10), [refusal(503, b"x" * 100), GOOD.cut(0), refusal(404, b"y" * 100)])
        assert isinstance(played.error, NotFoundError)
        assert played.error.body == "y" * 100

    def test_a_long_refusal_is_a_refusal(self):
        long = refusal(503, b"x" * (ERROR_BODY_LIMIT + 1))
        played = play(get(limit=1000), [long, GOOD])
        assert played.done


class TestTornOff:
    def test_a_read_is_asked_again(self):
        machine = get()
        first = machine.next_action(0.0)
        machine.connection_interrupted()
        assert machine.next_action(0.0) == first

    def test_a_post_is_not(self):
        """It may have been admitted."""
        machine = post()
        machine.next_action(0.0)
        machine.connection_interrupted()
        action = machine.next_action(0.0)
        assert isinstance(action, Fail)
        assert isinstance(action.error, FlueConnectionError)


KEYED = CallRequest(
    Request("POST", "https://flue.test/agents/a/1", body=b"{}"), frozenset({202}), record, idempotency_key="key_1"
)
ADMITTED = Response(202, GOOD.headers, GOOD.body)


def send(**options):
    return CallProtocol(KEYED, Budget(BackoffOptions(max_retries=3, **options)))


class TestIdempotencyKey:
    """A POST that the server recognises may be repeated."""

    @pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504])
    def test_what_says_not_now_is_repeated(self, status):
        assert play(send(), [refusal(status), ADMITTED]).done

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 500, 501])
    def test_what_says_no_is_not(self, status):
        played = play(CallProtocol(KEYED, Budget(None, refreshable=True)), [refusal(status)])
        assert (played.error.status, played.delays) == (status, [])

    def test_a_lost_response_is_repeated(self):
        played = play(send(), [REFUSED, RESET, ADMITTED.cut(3), ADMITTED])
        assert played.done
        assert played.requests == [KEYED.request] * 4

    def test_a_body_that_was_cut_without_a_fault_is_a_lost_response(self):
        half = Response(202, page(BODY, None, framing="close").headers, (BODY[:4],))
        assert play(send(), [half, ADMITTED]).done

    def test_another_content_type_is_an_error(self):
        played = play(send(), [Response(202, (("Content-Type", "text/html"),), (b"<html>",))])
        assert (played.code, played.delays) == ("UNEXPECTED_CONTENT_TYPE", [])

    def test_the_error_says_how_to_go_on(self):
        played = play(send(), lambda request, now: REFUSED)
        assert len(played.requests) == 4
        assert played.error.__notes__[-1] == (
            "whether the server has admitted the request is not known; sent again with idempotency_key='key_1' it is "
            "not admitted twice"
        )
        REFUSED.__notes__.clear()

    def test_it_may_be_torn_off(self):
        assert play(send(), [ADMITTED], tear_at=2).end is None  # asked again: the script has no second response
        assert play(send(), [ADMITTED, ADMITTED], tear_at=2).done


class TestBytes:
    CALL = CallRequest(Request("GET", "https://flue.test/attachments/1"), frozenset({200}), bytes, is_json=False)

    def test_the_body_is_the_result_whatever_its_type(self):
        response = Response(200, (("Content-Type", "image/png"), ("content-length", "3")), (b"\x89P", b"N"))
        assert play(CallProtocol(self.CALL, None), [response]).end == Done(b"\x89PN")
        assert play(CallProtocol(self.CALL, None, limit=2), [response]).end == Done(b"\x89PN")

    def test_nothing_is_something(self):
        assert play(CallProtocol(self.CALL, None), [Response(200, (("content-length", "0"),))]).end == Done(b"")


class TestCancel:
    def test_quietly_or_with_an_error_and_only_once(self):
        for error in (None, NotFoundError("no", status=404)):
            machine = get()
            machine.next_action(0.0)
            machine.cancel(error)
            assert machine.result == (Done() if error is None else Fail(error))
            machine.cancel(ServerError("late", status=500))
            assert machine.next_action(0.0) == (Done() if error is None else Fail(error))

    def test_a_stream_keeps_what_is_queued_behind_the_checkpoint(self):
        machine = follow(None)
        machine.next_action(0.0)
        answer = page([1, 2], "0_1", up_to_date=True)
        machine.response_started(answer.head(), 0.0)
        machine.data_received(answer.body[0], 0.0)
        machine.response_ended(0.0)
        assert machine.next_batch() is not None
        machine.cancel()
        assert machine.next_batch() is None
        assert (machine.next_action(0.0), machine.offset) == (Done(), "-1")
