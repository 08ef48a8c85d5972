"""Attempts: redirects, refusals, faults and what the budget makes of them, whatever is asked."""

from __future__ import annotations

import pytest

from flue.core.actions import READ, Done, Open, Request, Sleep
from flue.core.answers import ERROR_BODY_LIMIT
from flue.core.attempts import MAX_REDIRECTS, Attempts
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

from .driver import READ_TIMEOUT, REFUSED, RESET, SILENCE, UNTRUSTED, URL, Answer, play, refusal

HEADERS = (("accept", "application/json"),)
DEFAULT = object()


class Question(Attempts):
    """The least that asks: any 200 is the answer."""

    def __init__(self, budget=DEFAULT, method="GET", offset=None, idle=False):
        super().__init__(Budget(BackoffOptions()) if budget is DEFAULT else budget)
        self.method, self.where, self.idle = method, offset, idle

    def _ask(self, now):
        return self._open(Request(self.method, URL, HEADERS), now)

    def _accept(self, head, now):
        return head.status == 200

    def _checkpoint(self):
        return self.where

    def _waited(self, took):
        return self.idle

    def _ended(self, now):
        self._finish(Done(b"".join(self._body)))


YES = Answer(200, (), (b"y", b"es"))


def moved(status, location=None):
    return Answer(status, () if location is None else (("Location", location),))


def test_a_good_answer():
    played = play(Question(), [YES])
    assert played.end == Done(b"yes")
    assert [request.url for request in played.requests] == [URL]
    assert played.requests[0].headers == HEADERS


def test_a_machine_that_is_over_says_the_same_for_ever():
    question = Question()
    played = play(question, [YES])
    assert question.next_action(9.0) is question.next_action(99.0) is played.end is question.last_word


@pytest.mark.parametrize(
    "missing", [("_ask", 0.0), ("_accept", YES.head(), 0.0), ("_checkpoint",), ("_waited", 0.0), ("_ended", 0.0)]
)
def test_what_is_asked_is_left_to_others(missing):
    name, *arguments = missing
    with pytest.raises(NotImplementedError):
        getattr(Attempts(None), name)(*arguments)


class TestRedirects:
    def test_the_same_origin_is_followed(self):
        """Edge case 37."""
        for status in (301, 302, 303, 307, 308):
            played = play(Question(), [moved(status, "/elsewhere?x=1"), moved(status, "again"), YES])
            urls = [request.url for request in played.requests]
            assert urls == [URL, "https://flue.test/elsewhere?x=1", "https://flue.test/again"]
            assert {request.headers for request in played.requests} == {HEADERS}
            assert (played.done, played.pauses) == (True, [])

    @pytest.mark.parametrize("location", ["https://evil.test/", "http://flue.test/api", "//flue.test:8443/"])
    def test_another_origin_is_refused(self, location):
        """Edge case 38."""
        played = play(Question(), [moved(302, location)])
        assert type(played.error) is FlueApiError
        assert str(played.error) == "Flue API error 302: the redirect leads to another origin"
        assert (played.error.status, played.error.url, len(played.requests)) == (302, URL, 1)

    def test_so_is_nowhere(self):
        played = play(Question(), [moved(301)])
        assert str(played.error) == "Flue API error 301: a redirect to nowhere"

    def test_a_circle_has_an_end(self):
        """Edge case 39."""
        played = play(Question(), lambda request, now: moved(307, request.url))
        assert str(played.error) == "Flue API error 307: more than 5 redirects"
        assert len(played.requests) == MAX_REDIRECTS + 1

    def test_each_attempt_may_be_redirected(self):
        hops = [moved(307, "/a"), moved(307, "/b"), moved(307, "/c")]
        played = play(Question(), [*hops, REFUSED, *hops, YES])
        assert played.done
        assert played.requests[4].url == URL

    def test_a_post_is_not_redirected(self):
        """Edge case 40."""
        played = play(Question(None, "POST"), [moved(307, "/elsewhere")])
        assert str(played.error) == "Flue API error 307: a redirect of a POST is not followed"
        assert len(played.requests) == 1


class TestRefusals:
    def test_most_are_final(self):
        """Edge cases 21, 30."""
        for status in (400, 404, 405, 409, 410, 416, 499, 501, 505, 520):
            played = play(Question(), [refusal(status, b'{"error": {"type": "t", "message": "No."}}')])
            assert str(played.error) == f"Flue API error {status} [t]: No."
            assert len(played.requests) == 1
            attempt = played.end.attempt
            assert (attempt.attempt, attempt.delay, attempt.error, attempt.will_retry) == (1, 0.0, played.error, False)

    def test_some_may_change_their_mind(self):
        """Edge cases 25, 31, 32."""
        for status in (408, 425, 429, 500, 502, 503, 504):
            played = play(Question(), [refusal(status, b"<html>"), refusal(status), YES])
            assert played.end == Done(b"yes")
            assert [pause.attempt.attempt for pause in played.pauses] == [1, 2]
            assert {pause.attempt.error.status for pause in played.pauses} == {status}
            assert all(pause.attempt.will_retry and pause.attempt.delay == pause.delay for pause in played.pauses)

    def test_retry_after_is_a_floor(self):
        """Edge cases 25, 28."""
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
        """Edge cases 26, 27."""
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
        """Edge case 32."""
        endless = refusal(404, b"x" * (4 * ERROR_BODY_LIMIT)).chunked_by(65536)
        machine = Question()
        played = play(machine, [endless])
        assert len(played.error.body) <= ERROR_BODY_LIMIT + 65536

    def test_reasons_of_one_attempt_are_not_those_of_the_next(self):
        played = play(Question(), [refusal(503, b"first"), refusal(404, b"second")])
        assert (played.pauses[0].attempt.error.body, played.error.body) == ("first", "second")

    def test_a_version_that_the_server_refuses_is_final(self):
        """Edge case 29."""
        body = b'{"error": {"type": "product_event_version_unsupported", "message": "v", "meta": {"storedVersion": 4}}}'
        played = play(Question(), [refusal(500, body)])
        assert isinstance(played.error, UnsupportedFlueEventVersionError)
        assert (played.error.received, len(played.requests)) == (4, 1)

    def test_what_was_not_asked_is_a_protocol_error(self):
        """Edge cases 34, 35, 36."""
        for status in (100, 101, 201, 202, 206, 304):
            played = play(Question(offset="0_3"), [Answer(status)])
            assert isinstance(played.error, DurableStreamError)
            assert (played.code, played.error.status, played.error.offset) == ("UNEXPECTED_STATUS", status, "0_3")
            assert len(played.requests) == 1


class TestCredentials:
    @pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationError), (403, PermissionDeniedError)])
    def test_headers_that_stay_are_refused_at_once(self, status, kind):
        """Edge case 23."""
        played = play(Question(), [refusal(status)])
        assert (type(played.error), len(played.requests)) == (kind, 1)

    @pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationError), (403, PermissionDeniedError)])
    def test_headers_that_are_made_anew_get_three_tries(self, status, kind):
        """Edge case 24."""
        played = play(Question(Budget(None, refreshable=True)), [refusal(status)] * 9)
        assert (type(played.error), len(played.requests)) == (kind, 3)
        assert [pause.attempt.attempt for pause in played.pauses] == [1, 2]
        assert played.end.attempt.attempt == 3

    def test_fresh_headers_may_cure_it(self):
        """Edge case 24."""
        assert play(Question(Budget(None, refreshable=True)), [refusal(401), refusal(403), YES]).done

    def test_a_post_is_sent_once(self):
        played = play(Question(None, "POST"), [refusal(401)])
        assert (type(played.error), len(played.requests)) == (AuthenticationError, 1)


class TestFaults:
    @pytest.mark.parametrize("fault", [REFUSED, RESET, SILENCE], ids=["refused", "reset", "silence"])
    def test_they_are_tried_again(self, fault):
        """Edge cases 19, 44, 80, 104."""
        played = play(Question(), [fault, Answer(200, (), (b"ye", fault)), YES])
        assert played.end == Done(b"yes")
        assert [pause.attempt.error for pause in played.pauses] == [fault.error] * 2

    def test_what_cannot_help_is_not(self):
        """Edge case 20."""
        played = play(Question(), [UNTRUSTED])
        assert (played.error, len(played.requests)) == (UNTRUSTED.error, 1)

    def test_after_a_silence_no_longer_pause_than_the_silence(self):
        """Edge case 80."""
        budget = Budget(BackoffOptions(initial_delay=1000.0, max_delay=1000.0))
        played = play(Question(budget), [*[SILENCE] * 20, YES])
        assert max(played.delays) == pytest.approx(READ_TIMEOUT)

    def test_the_budget_ends_it_with_the_last_error(self):
        """Edge case 31."""
        budget = Budget(BackoffOptions(initial_delay=1.0, max_retries=2))
        played = play(Question(budget, offset="0_3"), [refusal(500), REFUSED, refusal(502, b"<html>")])
        assert isinstance(played.error, ServerError)
        attempt = played.end.attempt
        assert (attempt.attempt, attempt.delay, attempt.offset, attempt.will_retry) == (3, 0.0, "0_3", False)
        notes = played.error.__notes__
        assert notes[0] == "the answer was not Flue's: <html>"
        assert notes[1] == f"gave up after 3 tries in {played.now:.1f} s without progress"
        assert notes[2] == "events can be read on from offset '0_3'"

    def test_where_no_stream_is_read_no_offset_is_named(self):
        played = play(Question(Budget(BackoffOptions(max_retries=0))), [REFUSED])
        assert played.end.attempt.offset is None
        assert [note for note in played.error.__notes__ if "offset" in note] == []

    def test_a_post_is_never_repeated(self):
        played = play(Question(None, "POST"), [Answer(200, (), (b"y", RESET))])
        assert isinstance(played.error, FlueConnectionError)
        assert played.error.__notes__ == [
            "the request is not repeated: whether the server has admitted it is not known"
        ]
        assert len(played.requests) == 1

    def test_a_wait_for_news_is_no_time_lost(self):
        """Edge case 78."""
        waiting = Answer(200, (), (90.0, RESET))
        options = BackoffOptions(max_elapsed=60.0)
        assert play(Question(Budget(options), idle=True), [waiting, YES]).done
        assert not play(Question(Budget(options), idle=False), [waiting, YES]).done


class TestCuttingIn:
    def test_an_error_of_the_caller_is_the_last_word(self):
        question, error = Question(), AbortError("enough")
        question.next_action(0.0)
        question.fail(error)
        assert question.next_action(1.0).error is error
        assert question.next_action(1.0).attempt is None

    def test_dropped_it_asks_again(self):
        question = Question()
        assert isinstance(question.next_action(0.0), Open)
        question.dropped()
        assert isinstance(question.next_action(1.0), Open)
        question.head(YES.head(), 1.0)
        assert question.next_action(1.0) is READ
        question.data(b"half an ans", 1.0)
        question.dropped()
        assert play(question, [YES]).end == Done(b"yes")

    def test_dropped_in_a_refusal_it_asks_again(self):
        question = Question()
        question.next_action(0.0)
        question.head(refusal(404).head(), 0.0)
        question.dropped()
        assert play(question, [YES]).end == Done(b"yes")

    def test_dropped_in_a_pause_it_asks_again(self):
        question = Question()
        question.next_action(0.0)
        question.fault(RESET, 0.0)
        assert isinstance(question.next_action(0.0), Sleep)
        question.dropped()
        assert play(question, [YES]).end == Done(b"yes")
