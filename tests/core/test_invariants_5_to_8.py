"""The invariants of the machine that follows a stream, five to eight: what is asked, how often, what is an error."""

from __future__ import annotations

import pytest

from flue.core.retry import BackoffOptions
from flue.errors import DurableStreamError, FlueConnectionError

from .driver import Player, follow, play
from .script import (
    REFUSED,
    RESET,
    SILENCE,
    at,
    control_frame,
    events,
    frames,
    nothing,
    page,
    refusal,
)
from .server import StreamServer

MODES = ["long-poll", "sse", None]


class TestInvariant5:
    @pytest.mark.parametrize("live", ["long-poll", "sse"])
    @pytest.mark.parametrize("start", [{"offset": "now"}, {"tail": 2}, {"offset": "now", "tail": 2}])
    def test_invariant_5_now_and_tail_are_pinned_by_one_plain_read(self, live, start):
        server = StreamServer(range(8), ready=5)
        played = play(follow(live, **start), server, start=5)
        assert played.modes[:2] == ["plain", live]
        first, *others = played.queries
        assert first["offset"] == start.get("offset", "-1")
        assert first.get("tail") == ("2" if start == {"tail": 2} else None)
        assert all(query["offset"] not in {"now", "-1"} and "tail" not in query for query in others)
        assert (played.items, played.done) == ([5, 6, 7] if "offset" in start else [3, 4, 5, 6, 7], True)

    def test_until_one_succeeded_they_are_asked_again(self):
        played = play(
            follow(offset="now"), [REFUSED, page([], at(3)).cut(1), page([], at(5), up_to_date=True), REFUSED], start=5
        )
        assert played.asked_from == ["now", "now", "now", at(5)]
        played = play(follow(tail=2), [REFUSED, refusal(503), page([1, 2], at(3), up_to_date=True), REFUSED], start=9)
        assert [query.get("tail") for query in played.queries] == ["2", "2", "2", None]

    def test_a_tail_of_nothing_is_not_asked_again(self):
        """A burst between two polls would be cut to its tail."""
        played = play(follow(tail=2), [page([], "-1", up_to_date=True), page([0, 1, 2, 3], at(4), closed=True)])
        assert played.queries == [{"offset": "-1", "tail": "2"}, {"offset": "-1", "live": "long-poll"}]
        assert played.items == [0, 1, 2, 3]

    def test_elsewhere_than_at_the_start_a_tail_has_no_meaning(self):
        assert "tail" not in play(follow(offset=at(3), tail=2), [REFUSED]).queries[0]

    def test_a_start_that_is_concrete_goes_straight_to_events(self):
        assert play(follow("sse"), [REFUSED]).modes == ["sse"]
        assert play(follow("sse", offset=at(3)), [REFUSED]).modes == ["sse"]

    @pytest.mark.parametrize(
        "answer",
        [page([], None, up_to_date=True), nothing(None), page([], "now", up_to_date=True)],
        ids=["200", "204", "now"],
    )
    def test_now_that_is_not_pinned_is_an_error(self, answer):
        """Asked again it would be another now, and what came between the two would be lost."""
        played = play(follow(offset="now"), [answer] * 50)
        assert isinstance(played.error, DurableStreamError)
        assert len(played.requests) <= 5


class TestInvariant6:
    def test_invariant_6_the_budget_restarts_on_progress_not_on_connecting(self):
        options = BackoffOptions(initial_delay=0.001, max_retries=3)
        connected = events(control_frame(at(1)), RESET)
        played = play(follow("sse", options=options), [events(frames([0], at(1))), *[connected] * 9])
        assert (played.items, played.error, len(played.requests)) == ([0], RESET, 5)
        played = play(follow(None, options=options), [page([0], at(1)), *[page([1], at(2)).cut(3)] * 9])
        assert (played.items, played.error, len(played.requests)) == ([0], RESET, 5)
        played = play(
            follow(None, options=options), [REFUSED, page([0], at(1)), *[REFUSED] * 3, page([1], at(2)), *[REFUSED] * 9]
        )
        assert (played.items, played.error, len(played.requests)) == ([0, 1], REFUSED, 10)

    def test_answers_that_bring_nothing_are_paced(self):
        played = play(follow(), lambda request, now: nothing("-1"), until=60.0)
        assert played.delays[:6] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 2.0])
        assert all(pause.attempt is None for pause in played.pauses)
        assert len(played.requests) < 40

    def test_a_healthy_event_connection_is_progress(self):
        options = BackoffOptions(initial_delay=0.001, max_retries=1)
        healthy, short = events(control_frame(at(0)), 30.0, RESET), events(control_frame(at(0)), 29.9, RESET)
        assert len(play(follow("sse", options=options), [healthy] * 9).requests) == 9
        assert len(play(follow("sse", options=options), [short] * 9).requests) == 2


@pytest.mark.parametrize("live", MODES)
def test_invariant_7_the_caller_can_cut_in_at_each_action(live):
    """Torn out of any wait, a stream goes on without loss or repeat."""
    options = BackoffOptions(initial_delay=0.01)

    def server():
        model = StreamServer(range(6), ready=4, cap=2, recycled=2)
        script = iter([REFUSED, None, refusal(503), None, RESET])
        return lambda request, now: next(script, None) or model(request, now)

    whole = Player(follow(live, options=options), server())
    expected = whole.run().items
    assert expected == list(range(6 if live else 4))
    for moment in range(1, whole._actions + 1):
        player = Player(follow(live, options=options), server(), tear_at=moment)
        played = player.run()
        assert (played.items, played.done) == (expected, True), moment


class TestInvariant7:
    def test_every_pause_has_an_end(self):
        played = play(
            follow(options=BackoffOptions()),
            [refusal(503, Retry_After="9" * 30), refusal(503, Retry_After="inf"), REFUSED],
        )
        assert played.delays[0] == 3600.0
        assert all(0.0 <= delay <= 3600.0 for delay in played.delays)

    def test_a_silence_is_cut_and_asked_again(self):
        played = play(
            follow("sse"), [events(frames([0], at(1)), SILENCE), events(frames([1], at(2), streamClosed=True))]
        )
        assert (played.items, played.done, played.asked_from) == ([0, 1], True, ["-1", at(1)])
        assert isinstance(played.pauses[0].attempt.error, FlueConnectionError)


@pytest.mark.parametrize(
    "answer",
    [
        page(b"[1,", at(1)),
        page(b"[1,", at(1), framing="chunked"),
        page(b"<html>", at(1)),
        page(b"[NaN]", at(1)),
        page(b"[" * 200_000, at(1)),
    ],
    ids=["length", "chunked", "html", "nan", "deep"],
)
def test_invariant_8_a_page_that_is_whole_but_malformed_is_an_error_at_once(answer):
    played = play(follow(), [page([0], at(1)), answer])
    assert (played.code, played.error.offset, played.items) == ("PARSE_ERROR", at(1), [0])
    assert (len(played.requests), played.pauses) == (2, [])


class TestInvariant8:
    @pytest.mark.parametrize(
        "frame",
        [
            b"event: data\ndata:[1,\n\n",
            b"event: control\ndata:{\n\n",
            b"event: control\ndata:\n\n",
            b"event: control\ndata:[]\n\n",
            b"event: control\ndata:null\n\n",
        ],
    )
    def test_a_frame_that_is_whole_but_malformed_is_an_error_at_once(self, frame):
        played = play(follow("sse"), [events(frames([0], at(1)) + frame + frames([1], at(2)))])
        assert (played.code, played.error.offset, played.items) == ("PARSE_ERROR", at(1), [0])
        assert len(played.requests) == 1

    @pytest.mark.parametrize("framing", ["close", "gzip"])
    def test_a_page_that_was_cut_is_asked_for_again(self, framing):
        answer = page([0, 1], at(2), framing=framing)
        played = play(
            follow(None),
            [answer.cut(3, None), answer.cut(0, None), answer.cut(2, RESET), answer, page([], at(2), up_to_date=True)],
        )
        assert (played.items, played.done, len(played.requests)) == ([0, 1], True, 5)
        assert [type(pause.attempt.error) for pause in played.pauses] == [FlueConnectionError] * 3
        assert str(played.pauses[0].attempt.error).startswith("the page ended early, after 3 bytes: ")

    @pytest.mark.parametrize("framing", ["close", "gzip"])
    def test_a_page_that_is_cut_at_the_same_byte_again_and_again_was_not_cut(self, framing):
        played = play(follow(None), [page(b"<html>", at(1), framing=framing)] * 50)
        assert (played.code, len(played.requests)) == ("PARSE_ERROR", 5)

    @pytest.mark.parametrize("framing", ["close", "gzip"])
    def test_pages_that_are_each_cut_at_the_same_byte_were_cut(self, framing):
        """A first chunk is often alike, whatever follows it."""
        pages = [page([n], at(n + 1), framing=framing, closed=n == 7) for n in range(8)]
        played = play(follow(None), [answer for whole in pages for answer in (whole.cut(1, None), whole)])
        assert (played.items, played.done) == (list(range(8)), True)

    @pytest.mark.parametrize("framing", ["close", "gzip"])
    def test_pages_that_are_cut_here_and_there_go_on_being_asked_for(self, framing):
        answer = page(range(9), at(9), framing=framing, closed=True)
        played = play(
            follow(None, options=BackoffOptions()),
            [*(answer.cut(n, None) for n in (3, 5, 3, 5, 0, 0, 0, 0, 0, 0, 3)), answer],
        )
        assert (played.items, played.done) == (list(range(9)), True)
