"""Attempts that are refused: which are made again, and how soon."""

from __future__ import annotations

import pytest

from flue.core.actions import Done
from flue.core.http_errors import ERROR_BODY_LIMIT
from flue.core.retry import Budget
from flue.errors import (
    AuthenticationError,
    DurableStreamError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    UnsupportedFlueEventVersionError,
)

from .driver import play
from .question import YES, Question
from .script import Response, refusal


class TestRefusals:
    def test_most_are_final(self):
        for status in (400, 404, 405, 409, 410, 416, 499, 501, 505, 520):
            played = play(Question(), [refusal(status, b'{"error": {"type": "t", "message": "No."}}')])
            assert str(played.error) == f"Flue API error {status} [t]: No."
            assert len(played.requests) == 1
            attempt = played.end.attempt
            assert (attempt.attempt, attempt.delay, attempt.error, attempt.will_retry) == (1, 0.0, played.error, False)

    def test_some_may_change_their_mind(self):
        for status in (408, 425, 429, 500, 502, 503, 504):
            played = play(Question(), [refusal(status, b"<html>"), refusal(status), YES])
            assert played.end == Done(b"yes")
            assert [pause.attempt.attempt for pause in played.pauses] == [1, 2]
            assert {pause.attempt.error.status for pause in played.pauses} == {status}
            assert all(pause.attempt.will_retry and pause.attempt.delay == pause.delay for pause in played.pauses)

    def test_retry_after_is_a_floor(self):
        played = play(Question(), [refusal(503, Retry_After="1"), refusal(429, Retry_After="2.5"), YES])
        assert played.delays == [1.0, 2.5]
        error = played.pauses[1].attempt.error
        assert isinstance(error, RateLimitedError)
        assert error.retry_after == 2.5

    @pytest.mark.parametrize(
        ("value", "least", "most"),
        [
            ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0, 30.0),
            ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0, 0.1),
            ("nonsense", 0.0, 0.1),
            ("-5", 0.0, 0.1),
            ("inf", 0.0, 0.1),
            ("99999999", 3600.0, 3600.0),
        ],
    )
    def test_retry_after_in_all_its_forms(self, value, least, most):
        played = play(Question(), [refusal(503, Retry_After=value), YES])
        assert least <= played.delays[0] <= most

    def test_the_reasons_are_read_in_pieces(self):
        answer = refusal(404, b'{"error": {"type": "run_not_found", "message": "Gone."}}').chunked_by(7)
        assert str(play(Question(), [answer]).error) == "Flue API error 404 [run_not_found]: Gone."

    def test_a_refusal_whose_reasons_were_lost_is_still_one(self):
        played = play(Question(), [refusal(404, b'{"error": {"type"').cut(9)])
        assert isinstance(played.error, NotFoundError)
        assert played.error.body == '{"error":'
        played = play(Question(), [refusal(503).cut(0), YES])
        assert played.done
        assert isinstance(played.pauses[0].attempt.error, ServerError)

    def test_a_refusal_without_end_is_read_in_part(self):
        endless = refusal(404, b"x" * (4 * ERROR_BODY_LIMIT)).chunked_by(65536)
        machine = Question()
        played = play(machine, [endless])
        assert len(played.error.body) <= ERROR_BODY_LIMIT + 65536

    def test_reasons_of_one_attempt_are_not_those_of_the_next(self):
        played = play(Question(), [refusal(503, b"first"), refusal(404, b"second")])
        assert (played.pauses[0].attempt.error.body, played.error.body) == ("first", "second")

    def test_a_version_that_the_server_refuses_is_final(self):
        body = b'{"error": {"type": "product_event_version_unsupported", "message": "v", "meta": {"storedVersion": 4}}}'
        played = play(Question(), [refusal(500, body)])
        assert isinstance(played.error, UnsupportedFlueEventVersionError)
        assert (played.error.received, len(played.requests)) == (4, 1)

    def test_what_was_not_asked_is_a_protocol_error(self):
        for status in (100, 101, 201, 202, 206, 304):
            played = play(Question(offset="0_3"), [Response(status)])
            assert isinstance(played.error, DurableStreamError)
            assert (played.code, played.error.status, played.error.offset) == ("UNEXPECTED_STATUS", status, "0_3")
            assert len(played.requests) == 1


class TestCredentials:
    @pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationError), (403, PermissionDeniedError)])
    def test_headers_that_stay_are_refused_at_once(self, status, kind):
        played = play(Question(), [refusal(status)])
        assert (type(played.error), len(played.requests)) == (kind, 1)

    @pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationError), (403, PermissionDeniedError)])
    def test_headers_that_are_made_anew_get_three_tries(self, status, kind):
        played = play(Question(Budget(None, refreshable=True)), [refusal(status)] * 9)
        assert (type(played.error), len(played.requests)) == (kind, 3)
        assert [pause.attempt.attempt for pause in played.pauses] == [1, 2]
        assert played.end.attempt.attempt == 3

    def test_fresh_headers_may_cure_it(self):
        assert play(Question(Budget(None, refreshable=True)), [refusal(401), refusal(403), YES]).done

    def test_a_post_is_sent_once(self):
        played = play(Question(None, "POST"), [refusal(401)])
        assert (type(played.error), len(played.requests)) == (AuthenticationError, 1)
