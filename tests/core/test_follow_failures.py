"""What the machine makes of failures: the budget, the limit, and where one can go on."""

from __future__ import annotations

from flue.core.http_errors import ERROR_BODY_LIMIT
from flue.core.protocol import StreamProtocol
from flue.core.retry import BackoffOptions
from flue.errors import FlueConnectionError, NotFoundError, ServerError

from .driver import Player, follow, play
from .script import (
    REFUSED,
    RESET,
    SILENCE,
    URL,
    Response,
    at,
    control_frame,
    data_frame,
    events,
    frames,
    nothing,
    page,
    refusal,
)

OFFSETLESS = Response(200, (("Content-Type", "application/json"), ("Content-Length", "2")), (b"[]",))


class TestRefusals:
    def test_a_stream_that_is_gone_after_a_restart(self):
        played = play(follow(), [page([0], at(1), up_to_date=True), RESET, REFUSED, refusal(404)])
        assert isinstance(played.error, NotFoundError)
        assert at(1) in played.error.__notes__[0]

    def test_a_first_connection_is_given_a_minute(self):
        for live in ("long-poll", "sse", None):
            played = play(follow(live), lambda request, now: REFUSED)
            assert played.error is REFUSED
            assert 30.0 < played.now < 60.0

    def test_a_stream_that_was_read_is_followed_for_ever(self):
        script = iter([page([], "-1", up_to_date=True)])
        played = play(follow(), lambda request, now: next(script, REFUSED), until=3600.0)
        assert played.end is None
        assert max(played.delays) > 10.0

    def test_catching_up_is_not(self):
        script = iter([page([0], at(1))])
        played = play(follow(None), lambda request, now: next(script, REFUSED))
        assert played.error is REFUSED
        assert played.now < 60.0

    def test_reasons_longer_than_the_limit_are_a_refusal_all_the_same(self):
        long = refusal(502, b"<html>" * ERROR_BODY_LIMIT)
        played = play(follow(None, limit=1000), [long, long.chunked_by(65536), page([0], at(1), up_to_date=True)])
        assert (played.items, played.done) == ([0], True)
        assert all(isinstance(pause.attempt.error, ServerError) for pause in played.pauses)


class TestBudget:
    def test_failures_are_not_paced_but_retried(self):
        """A pause of the budget's own making is the whole pause."""
        options = BackoffOptions(initial_delay=0.001, max_delay=0.001)
        for live in ("long-poll", "sse"):
            played = play(follow(live, options=options), [REFUSED, RESET, page([0], at(1)).cut(1)] * 5)
            assert max(played.delays) <= 0.001

    OPTIONS = BackoffOptions(initial_delay=0.001, max_retries=2)

    def test_items_fill_it(self):
        answers = [REFUSED, REFUSED, page([0], at(1)), REFUSED, REFUSED, page([1], at(2)), REFUSED, REFUSED, REFUSED]
        played = play(follow(options=self.OPTIONS), answers)
        assert (played.items, played.error) == ([0, 1], REFUSED)
        assert [pause.attempt.attempt for pause in played.pauses] == [1, 2] * 3

    def test_a_completed_long_poll_fills_it(self):
        poll = [RESET, RESET, nothing(at(1), after=30.0)]
        played = play(follow(options=self.OPTIONS), [page([0], at(1), up_to_date=True), *poll * 5, RESET, RESET, RESET])
        assert played.error is RESET
        assert len(played.requests) == 1 + 15 + 3

    def test_an_idle_poll_that_times_out_costs_no_time(self):
        options = BackoffOptions(max_elapsed=60.0)
        silent = Response(200, page([], None).headers, (SILENCE,))
        played = play(
            follow(options=options), [page([0], at(1), up_to_date=True), silent, page([1], at(2), closed=True)]
        )
        assert (played.items, played.done) == ([0, 1], True)
        assert not play(follow(None, options=options), [silent, page([0], at(1), up_to_date=True)]).done

    def test_nonsense_is_counted_too(self):
        played = play(follow(None, options=BackoffOptions(max_retries=1)), [OFFSETLESS] * 9)
        assert (played.code, len(played.requests)) == ("OFFSET_STALLED", 2)
        assert played.error.__notes__[0].startswith("gave up after 2 attempts")


class TestLimit:
    def test_a_larger_page_is_refused(self):
        answer = page(b"[" + b"1," * 500 + b"1]", at(501), up_to_date=True)
        played = play(follow(None, limit=1000), [answer.chunked_by(100)])
        assert (played.code, played.items, played.error.offset) == ("EVENT_TOO_LARGE", [], "-1")
        assert str(played.error) == "EVENT_TOO_LARGE: a page is larger than the limit of 1000 bytes"
        assert play(follow(None, limit=1003), [answer]).done

    def test_a_larger_event_is_refused(self):
        stream = frames([0], at(1)) + data_frame(["x" * 1000])
        player = Player(follow("sse", limit=900), [events(frames([0], at(1)), stream)])
        assert player.run().code == "EVENT_TOO_LARGE"
        assert player.played.items == [0]

    def test_each_page_has_the_limit_to_itself(self):
        played = play(
            follow(None, limit=20),
            [page([0] * 6, at(6)), page([0] * 6, at(12)), page([0] * 6, at(18), up_to_date=True)],
        )
        assert (len(played.items), played.done) == (18, True)


def test_without_a_budget_every_failure_is_the_last():
    machine = StreamProtocol(URL, None)
    played = play(machine, [page([0], at(1), up_to_date=True), nothing(at(1), after=30.0), RESET, REFUSED])
    assert (played.items, played.error, len(played.requests)) == ([0], RESET, 3)


def test_the_offset_of_an_error_is_where_one_can_go_on():
    stream = events(frames([0], at(1)) + frames([1, 2], at(3)) + control_frame())
    played = play(follow("sse"), [stream])
    assert (played.items, played.offsets) == ([0, 1, 2], [at(1), at(3)])
    assert (played.code, played.error.offset) == ("MISSING_OFFSET", at(3))


def test_a_fault_behind_whole_batches_waits_until_they_are_handed_over():
    machine = follow("sse", options=BackoffOptions(max_retries=0))
    played = play(machine, [events(frames([0], at(1)) + frames([1], at(2)), RESET)])
    assert (played.items, machine.offset, played.error) == ([0, 1], at(2), RESET)
    assert isinstance(played.error, FlueConnectionError)


class TestLargeBatches:
    def test_frames_that_wait_for_their_control_frame_count_together(self):
        played = play(follow("sse", limit=100), [events(*[data_frame([n] * 20) for n in range(9)])])
        assert (played.code, played.items) == ("EVENT_TOO_LARGE", [])
        assert str(played.error) == "EVENT_TOO_LARGE: a batch is larger than the limit of 100 bytes"

    def test_each_batch_has_the_limit_to_itself(self):
        steps = [frames([n] * 20, at(n + 1), streamClosed=n == 8) for n in range(9)]
        assert len(play(follow("sse", limit=100), [events(*steps)]).items) == 180
