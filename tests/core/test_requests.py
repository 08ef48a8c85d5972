"""One request, one response: redirects, refusals, faults, and what the budget makes of them."""

from __future__ import annotations

import json

import pytest

from flue.core.actions import CallRequest, Done, Fail, Request
from flue.core.http_errors import ERROR_BODY_LIMIT
from flue.core.protocol import CallProtocol, RequestProtocol
from flue.core.retry import BackoffOptions, Budget
from flue.errors import (
    AbortError,
    AuthenticationError,
    DurableStreamError,
    FlueApiError,
    FlueConnectionError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    UnsupportedFlueEventVersionError,
)

from .driver import follow, play
from .script import FRAMINGS, READ_TIMEOUT, REFUSED, RESET, SILENCE, UNTRUSTED, URL, Response, page, refusal


def record(value):
    if not isinstance(value, dict):
        raise ValueError("an object was expected")
    return value


HEADERS = (("accept", "application/json"),)
GET = CallRequest(Request("GET", URL, HEADERS), frozenset({200}), record)
POST = CallRequest(Request("POST", URL, body=b"{}"), frozenset({200, 202}), record)
KEYED = CallRequest(Request("POST", URL, body=b"{}"), frozenset({202}), record, idempotency_key="key_1")
BODY = json.dumps({"runId": "run_1"}).encode()
VALUE = Done({"runId": "run_1"})
GOOD = page(BODY, None)
ADMITTED = Response(202, GOOD.headers, GOOD.body)


def get(*, limit=None, refreshable=False, **options):
    return CallProtocol(GET, Budget(BackoffOptions(**options), refreshable=refreshable), limit=limit)


def post():
    return CallProtocol(POST, None)


def send(**options):
    return CallProtocol(KEYED, Budget(BackoffOptions(max_retries=3, **options), refreshable=True))


def moved(status, location=None):
    return Response(status, () if location is None else (("Location", location),))


class TestResponses:
    @pytest.mark.parametrize("framing", FRAMINGS)
    def test_a_good_one(self, framing):
        machine = get()
        played = play(machine, [page(BODY, None, framing=framing).chunked_by(5)])
        assert (played.end, played.requests) == (VALUE, [GET.request])
        assert machine.next_action(9.0) is machine.next_action(99.0) is played.end is machine.result

    def test_a_post_may_be_admitted_and_a_get_is_answered(self):
        assert play(post(), [GOOD]).end == play(post(), [ADMITTED]).end == VALUE
        for status in (100, 101, 201, 202, 206, 304):
            played = play(get(), [Response(status, GOOD.headers, GOOD.body)])
            assert (played.code, played.error.status, len(played.requests)) == ("UNEXPECTED_STATUS", status, 1)

    @pytest.mark.parametrize("media", ["text/html", "text/event-stream", "application/octet-stream"])
    def test_another_content_type(self, media):
        played = play(get(), [page(b"<html>", None, content_type=media)])
        assert (played.code, played.error.status, len(played.requests)) == ("UNEXPECTED_CONTENT_TYPE", 200, 1)
        assert str(played.error) == f"UNEXPECTED_CONTENT_TYPE: expected application/json, got {media!r}"

    def test_a_missing_content_type_may_be_json(self):
        assert play(get(), [page(BODY, None, content_type=None)]).done

    @pytest.mark.parametrize(
        ("framing", "body"),
        [
            *(("length", body) for body in (b"", b"{", b"[]", b"null")),
            *(("chunked", b"{"), ("close", b"[]"), ("gzip", b"[]")),  # JSON that does not fit was not cut
        ],
    )
    def test_a_whole_body_that_is_no_answer(self, framing, body):
        played = play(get(), [page(body, None, framing=framing), GOOD])
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

    def test_a_larger_answer_than_the_limit_is_refused(self):
        played = play(get(limit=10), [page(BODY, None).chunked_by(4)])
        assert str(played.error) == "EVENT_TOO_LARGE: the response is larger than the limit of 10 bytes"
        assert play(get(limit=len(BODY)), [page(BODY, None)]).done

    def test_bytes_are_the_result_whatever_their_type_and_size(self):
        call = CallRequest(GET.request, frozenset({200}), bytes, is_json=False)
        response = Response(200, (("Content-Type", "image/png"), ("content-length", "3")), (b"\x89P", b"N"))
        assert play(CallProtocol(call, None, limit=2), [response]).end == Done(b"\x89PN")
        assert play(CallProtocol(call, None), [Response(200, (("content-length", "0"),))]).end == Done(b"")

    @pytest.mark.parametrize(
        "missing", [("_build_request", 0.0), ("_is_success", GOOD.head(), 0.0), ("_checkpoint",), ("_on_body", 0.0)]
    )
    def test_what_is_asked_is_left_to_subclasses(self, missing):
        name, *arguments = missing
        with pytest.raises(NotImplementedError):
            getattr(RequestProtocol(None), name)(*arguments)


class TestRedirects:
    def test_the_same_origin_is_followed(self):
        for status in (300, 301, 302, 303, 307, 308, 399):
            played = play(get(), [moved(status, "/elsewhere?x=1"), moved(status, "again"), GOOD])
            urls = [request.url for request in played.requests]
            assert urls == [URL, "https://flue.test/elsewhere?x=1", "https://flue.test/again"]
            assert {request.headers for request in played.requests} == {HEADERS}
            assert (played.done, played.pauses) == (True, [])

    @pytest.mark.parametrize(
        ("machine", "location", "reason"),
        [
            (get, "https://evil.test/", "the redirect leads to no usable address of the same origin"),
            (get, "//flue.test:8443/", "the redirect leads to no usable address of the same origin"),
            (get, None, "a redirect to nowhere"),
            (post, "/elsewhere", "a redirect of a POST is not followed"),
        ],
    )
    def test_nothing_else_is(self, machine, location, reason):
        played = play(machine(), [moved(302, location)])
        assert type(played.error) is FlueApiError
        assert str(played.error) == f"Flue API error 302: {reason}"
        assert (played.error.status, played.error.url, len(played.requests)) == (302, URL, 1)

    def test_each_attempt_may_be_redirected(self):
        hops = [moved(307, "/a"), moved(307, "/b"), moved(307, "/c")]
        played = play(get(), [*hops, REFUSED, *hops, GOOD])
        assert played.done
        assert played.requests[4].url == URL


class TestRefusals:
    def test_most_are_final(self):
        for status in (400, 404, 405, 409, 410, 416, 499, 501, 505, 520):
            body = b'{"error": {"type": "t", "message": "No."}}'
            played = play(get(), [refusal(status, body).chunked_by(7)])
            assert str(played.error) == f"Flue API error {status} [t]: No."
            attempt = played.end.attempt
            assert (len(played.requests), attempt.attempt, attempt.delay, attempt.offset) == (1, 1, 0.0, None)
            assert (attempt.error, attempt.will_retry) == (played.error, False)

    def test_some_may_change_their_mind(self):
        for status in (408, 425, 429, 500, 502, 503, 504):
            played = play(get(), [refusal(status, b"<html>"), refusal(status), GOOD])
            assert played.done
            assert [pause.attempt.attempt for pause in played.pauses] == [1, 2]
            assert {pause.attempt.error.status for pause in played.pauses} == {status}
            assert all(pause.attempt.will_retry and pause.attempt.delay == pause.delay for pause in played.pauses)

    def test_retry_after_is_a_floor(self):
        date = "Fri, 15 Jan 2027 08:00:30 GMT"
        answers = [
            refusal(503, Retry_After=date),
            refusal(503, Retry_After="99999999"),
            refusal(429, Retry_After="2.5"),
        ]
        played = play(get(), [*answers, GOOD])
        assert played.delays == [30.0, 3600.0, 2.5]
        error = played.pauses[2].attempt.error
        assert isinstance(error, RateLimitedError)
        assert error.retry_after == 2.5

    def test_one_whose_reasons_were_lost_is_still_one(self):
        played = play(get(), [refusal(503).cut(0), refusal(404, b'{"error": {"type"').cut(9)])
        assert isinstance(played.pauses[0].attempt.error, ServerError)
        assert isinstance(played.error, NotFoundError)
        assert played.error.body == '{"error":'

    def test_one_without_end_is_read_in_part_whatever_the_limit_of_answers(self):
        endless = [refusal(status, b"x" * (4 * ERROR_BODY_LIMIT)).chunked_by(65536) for status in (503, 404)]
        played = play(get(limit=10), endless)
        assert isinstance(played.error, NotFoundError)
        assert ERROR_BODY_LIMIT < len(played.error.body) <= ERROR_BODY_LIMIT + 65536

    def test_a_version_that_the_server_refuses_is_final(self):
        body = b'{"error": {"type": "product_event_version_unsupported", "message": "v", "meta": {"storedVersion": 4}}}'
        played = play(get(), [refusal(500, body)])
        assert isinstance(played.error, UnsupportedFlueEventVersionError)
        assert (played.error.received, len(played.requests)) == (4, 1)

    @pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationError), (403, PermissionDeniedError)])
    def test_credentials_get_three_tries_where_they_are_made_anew(self, status, kind):
        played = play(get(), [refusal(status)])
        assert (type(played.error), len(played.requests)) == (kind, 1)
        played = play(get(refreshable=True), [refusal(status)] * 9)
        assert (type(played.error), len(played.requests), played.end.attempt.attempt) == (kind, 3, 3)
        assert [pause.attempt.attempt for pause in played.pauses] == [1, 2]
        assert play(get(refreshable=True), [refusal(401), refusal(403), GOOD]).done


class TestFaults:
    def test_they_are_tried_again(self):
        faults = [REFUSED, SILENCE, GOOD.cut(4), refusal(500)]
        played = play(get(), [*faults, GOOD])
        assert played.done
        assert [pause.attempt.attempt for pause in played.pauses] == [1, 2, 3, 4]
        assert [pause.attempt.error for pause in played.pauses][:3] == [REFUSED, SILENCE, RESET]
        assert {pause.attempt.offset for pause in played.pauses} == {None}

    def test_what_cannot_help_is_not(self):
        played = play(get(), [UNTRUSTED])
        assert (played.error, len(played.requests)) == (UNTRUSTED, 1)

    def test_after_a_silence_no_longer_pause_than_the_silence(self):
        played = play(get(initial_delay=1000.0, max_delay=1000.0), [*[SILENCE] * 20, GOOD])
        assert max(played.delays) == pytest.approx(READ_TIMEOUT)

    def test_a_silence_is_time_lost(self):
        played = play(get(max_elapsed=60.0), [SILENCE, GOOD])
        assert (played.error, len(played.requests)) == (SILENCE, 1)

    def test_the_budget_ends_it_with_the_last_error(self):
        played = play(get(max_retries=2), [refusal(500), REFUSED, refusal(502, b"<html>")])
        assert isinstance(played.error, ServerError)
        attempt = played.end.attempt
        assert (attempt.attempt, attempt.delay, attempt.will_retry) == (3, 0.0, False)
        assert played.error.__notes__ == [
            "the response is not Flue's: <html>",
            f"gave up after 3 attempts in {played.now:.1f} s without progress",
        ]

    def test_one_attempt_is_told_in_the_singular(self):
        for retries, told in ((0, "1 attempt in"), (1, "2 attempts in")):
            played = play(get(max_retries=retries), [refusal(503)] * 2)
            assert played.error.__notes__[0].startswith(f"gave up after {told} ")

    def test_without_options_for_a_minute(self):
        played = play(CallProtocol(GET, Budget(None)), lambda request, now: REFUSED)
        assert played.error is REFUSED
        assert 10 < len(played.requests) < 40
        assert 30.0 < played.now < 60.0


class TestPost:
    @pytest.mark.parametrize(
        "answer",
        [
            *(refusal(503, Retry_After="1"), refusal(429), refusal(401)),
            *(REFUSED, RESET, GOOD.cut(3), page(BODY, None, framing="close").cut(3, None)),
        ],
        ids=["503", "429", "401", "refused", "reset", "cut", "ended early"],
    )
    def test_it_is_sent_once_whatever_happens(self, answer):
        played = play(post(), [answer, GOOD])
        attempt = played.end.attempt
        assert (len(played.requests), played.pauses, attempt.attempt, attempt.will_retry) == (1, [], 1, False)
        said = "the request is not retried: whether the server has admitted it is not known"
        lost = isinstance(played.error, FlueConnectionError)
        assert (said in getattr(played.error, "__notes__", [])) is lost  # what was refused is known

    @pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504])
    def test_with_a_key_what_says_not_now_is_repeated(self, status):
        assert play(send(), [refusal(status), ADMITTED]).done

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 500, 501])
    def test_what_says_no_is_not(self, status):
        played = play(send(), [refusal(status)])
        assert (played.error.status, played.delays) == (status, [])

    def test_a_lost_response_is_repeated(self):
        half = Response(202, page(BODY, None, framing="close").headers, (BODY[:4],))
        for lost in ([REFUSED, RESET, ADMITTED.cut(3)], [half]):
            played = play(send(), [*lost, ADMITTED])
            assert (played.done, played.requests) == (True, [KEYED.request] * (len(lost) + 1))

    def test_another_content_type_is_an_error(self):
        played = play(send(), [Response(202, (("Content-Type", "text/html"),), (b"<html>",))])
        assert (played.code, played.delays) == ("UNEXPECTED_CONTENT_TYPE", [])

    def test_the_error_says_how_to_go_on(self):
        refused = FlueConnectionError("the connection was refused")
        played = play(send(), lambda request, now: refused)
        assert len(played.requests) == 4
        assert refused.__notes__[-1] == (
            "whether the server has admitted the request is not known; sent again with idempotency_key='key_1' it is "
            "not admitted twice"
        )


class TestCuttingIn:
    @pytest.mark.parametrize("machine", [get, send])
    def test_torn_out_of_any_action_it_asks_again(self, machine):
        good = ADMITTED if machine is send else GOOD
        for moment in range(1, 6):
            played = play(machine(), lambda request, now: good if now else refusal(503, b"no"), tear_at=moment)
            assert played.end == VALUE, moment

    def test_a_post_without_a_key_may_have_been_admitted(self):
        played = play(post(), [GOOD, GOOD], tear_at=2)
        assert isinstance(played.error, FlueConnectionError)
        assert len(played.requests) == 1

    @pytest.mark.parametrize("error", [None, AbortError("enough")])
    def test_cancelled_quietly_or_with_an_error_and_only_once(self, error):
        machine, end = get(), Done() if error is None else Fail(error)
        machine.next_action(0.0)
        machine.cancel(error)
        machine.cancel(ServerError("late", status=500))
        assert machine.next_action(0.0) == machine.result == end

    def test_an_error_of_the_caller_is_the_last_word(self):
        machine, error = get(), AbortError("enough")
        machine.next_action(0.0)
        machine.fail(error)
        assert machine.next_action(1.0) == Fail(error)

    def test_a_stream_keeps_what_is_queued_behind_the_checkpoint(self):
        for end in ("cancel", "fail"):
            machine = follow(None)
            machine.next_action(0.0)
            answer = page([1, 2], "0_1", up_to_date=True)
            machine.response_started(answer.head(), 0.0)
            machine.data_received(answer.body[0], 0.0)
            machine.response_ended(0.0)
            assert machine.next_batch() is not None
            getattr(machine, end)(AbortError("enough"))
            assert machine.next_batch() is None
            assert (type(machine.next_action(0.0)), machine.offset) == (Fail, "-1")
