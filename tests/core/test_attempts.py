"""Attempts: redirects, refusals, faults and what the budget makes of them, whatever is asked."""

from __future__ import annotations

import pytest

from flue.core.actions import READ, Done, Open, Retry
from flue.core.protocol import MAX_REDIRECTS, RequestProtocol
from flue.core.retry import BackoffOptions, Budget
from flue.errors import (
    AbortError,
    FlueApiError,
    FlueConnectionError,
    ServerError,
)

from .driver import play
from .question import HEADERS, YES, Question
from .script import READ_TIMEOUT, REFUSED, RESET, SILENCE, UNTRUSTED, URL, Response, refusal


def moved(status, location=None):
    return Response(status, () if location is None else (("Location", location),))


def test_a_good_answer():
    played = play(Question(), [YES])
    assert played.end == Done(b"yes")
    assert [request.url for request in played.requests] == [URL]
    assert played.requests[0].headers == HEADERS


def test_a_machine_that_is_over_says_the_same_for_ever():
    question = Question()
    played = play(question, [YES])
    assert question.next_action(9.0) is question.next_action(99.0) is played.end is question.result


@pytest.mark.parametrize(
    "missing", [("_build_request", 0.0), ("_is_success", YES.head(), 0.0), ("_checkpoint",), ("_on_body", 0.0)]
)
def test_what_is_asked_is_left_to_others(missing):
    name, *arguments = missing
    with pytest.raises(NotImplementedError):
        getattr(RequestProtocol(None), name)(*arguments)


class TestRedirects:
    def test_the_same_origin_is_followed(self):
        for status in (300, 301, 302, 303, 307, 308, 399):
            played = play(Question(), [moved(status, "/elsewhere?x=1"), moved(status, "again"), YES])
            urls = [request.url for request in played.requests]
            assert urls == [URL, "https://flue.test/elsewhere?x=1", "https://flue.test/again"]
            assert {request.headers for request in played.requests} == {HEADERS}
            assert (played.done, played.pauses) == (True, [])

    @pytest.mark.parametrize("location", ["https://evil.test/", "http://flue.test/api", "//flue.test:8443/"])
    def test_another_origin_is_refused(self, location):
        played = play(Question(), [moved(302, location)])
        assert type(played.error) is FlueApiError
        assert str(played.error) == "Flue API error 302: the redirect leads to no usable address of the same origin"
        assert (played.error.status, played.error.url, len(played.requests)) == (302, URL, 1)

    def test_so_is_nowhere(self):
        played = play(Question(), [moved(301)])
        assert str(played.error) == "Flue API error 301: a redirect to nowhere"

    def test_a_circle_has_an_end(self):
        played = play(Question(), lambda request, now: moved(307, request.url))
        assert str(played.error) == "Flue API error 307: more than 5 redirects"
        assert len(played.requests) == MAX_REDIRECTS + 1

    def test_each_attempt_may_be_redirected(self):
        hops = [moved(307, "/a"), moved(307, "/b"), moved(307, "/c")]
        played = play(Question(), [*hops, REFUSED, *hops, YES])
        assert played.done
        assert played.requests[4].url == URL

    def test_a_post_is_not_redirected(self):
        played = play(Question(None, "POST"), [moved(307, "/elsewhere")])
        assert str(played.error) == "Flue API error 307: a redirect of a POST is not followed"
        assert len(played.requests) == 1


class TestFaults:
    @pytest.mark.parametrize("fault", [REFUSED, RESET, SILENCE], ids=["refused", "reset", "silence"])
    def test_they_are_tried_again(self, fault):
        played = play(Question(), [fault, Response(200, (), (b"ye", fault)), YES])
        assert played.end == Done(b"yes")
        assert [pause.attempt.error for pause in played.pauses] == [fault] * 2

    def test_what_cannot_help_is_not(self):
        played = play(Question(), [UNTRUSTED])
        assert (played.error, len(played.requests)) == (UNTRUSTED, 1)

    def test_after_a_silence_no_longer_pause_than_the_silence(self):
        budget = Budget(BackoffOptions(initial_delay=1000.0, max_delay=1000.0))
        played = play(Question(budget), [*[SILENCE] * 20, YES])
        assert max(played.delays) == pytest.approx(READ_TIMEOUT)

    def test_the_budget_ends_it_with_the_last_error(self):
        budget = Budget(BackoffOptions(initial_delay=1.0, max_retries=2))
        played = play(Question(budget, offset="0_3"), [refusal(500), REFUSED, refusal(502, b"<html>")])
        assert isinstance(played.error, ServerError)
        attempt = played.end.attempt
        assert (attempt.attempt, attempt.delay, attempt.offset, attempt.will_retry) == (3, 0.0, "0_3", False)
        notes = played.error.__notes__
        assert notes[0] == "the response is not Flue's: <html>"
        assert notes[1] == f"gave up after 3 attempts in {played.now:.1f} s without progress"
        assert notes[2] == "the stream can be resumed from offset '0_3'"

    def test_where_no_stream_is_read_no_offset_is_named(self):
        played = play(Question(Budget(BackoffOptions(max_retries=0))), [REFUSED])
        assert played.end.attempt.offset is None
        assert [note for note in played.error.__notes__ if "offset" in note] == []

    def test_a_post_is_never_repeated(self):
        played = play(Question(None, "POST"), [Response(200, (), (b"y", RESET))])
        assert isinstance(played.error, FlueConnectionError)
        assert played.error.__notes__ == ["the request is not retried: whether the server has admitted it is not known"]
        assert len(played.requests) == 1

    def test_a_wait_for_news_is_no_time_lost(self):
        waiting = Response(200, (), (90.0, RESET))
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
        question.connection_interrupted()
        assert isinstance(question.next_action(1.0), Open)
        question.response_started(YES.head(), 1.0)
        assert question.next_action(1.0) is READ
        question.data_received(b"half an ans", 1.0)
        question.connection_interrupted()
        assert play(question, [YES]).end == Done(b"yes")

    def test_dropped_in_a_refusal_it_asks_again(self):
        question = Question()
        question.next_action(0.0)
        question.response_started(refusal(404).head(), 0.0)
        question.connection_interrupted()
        assert play(question, [YES]).end == Done(b"yes")

    def test_dropped_in_a_pause_it_asks_again(self):
        question = Question()
        question.next_action(0.0)
        question.connection_failed(RESET, 0.0)
        assert isinstance(question.next_action(0.0), Retry)
        question.connection_interrupted()
        assert play(question, [YES]).end == Done(b"yes")
