"""The machine's transitions: what is asked after which answer."""

from __future__ import annotations

import pytest

from flue.core import stream_state
from flue.core.actions import Deliver

from .driver import Player, follow, play
from .script import (
    FRAMINGS,
    REFUSED,
    URL,
    Response,
    at,
    count_at,
    nothing,
    page,
)

END = "end"
OFFSETLESS = Response(200, (("Content-Type", "application/json"), ("Content-Length", "2")), (b"[]",))


class TestCatchingUp:
    def test_a_page_without_items_moves_the_checkpoint_and_ends_nothing(self):
        played = play(
            follow(None),
            [page([], at(3)), page(b"", at(4)), page(b" \n", at(5)), page([5], at(6), up_to_date=True)],
            start=9,
        )
        assert played.offsets == [at(3), at(4), at(5), at(6)]
        assert (played.items, played.done) == ([5], True)

    def test_what_a_page_says_of_the_stream(self):
        for answer, up_to_date, closed in [
            (page([0], at(1), up_to_date=True), True, False),
            (page([0], at(1), up_to_date=True, closed=True), True, True),
            (page([0], at(1), closed=True), True, True),
            (page([], at(1), closed=True), True, True),
        ]:
            machine = follow(None)
            assert (machine.up_to_date, machine.closed) == (False, False)
            assert play(machine, [answer], start=1).done
            assert (machine.offset, machine.up_to_date, machine.closed) == (at(1), up_to_date, closed)

    def test_while_items_wait_it_is_not_up_to_date(self):
        machine = follow()
        player = Player(machine, [page([0], at(1), up_to_date=True), page([1], at(2), up_to_date=True)])
        assert player.run(items=1).items == [0]
        assert machine.up_to_date
        while not isinstance(action := machine.next_action(0.0), Deliver):
            player._perform(action, 1e9)
        assert (machine.offset, machine.up_to_date) == (at(1), False)
        machine.handed_over()
        assert (machine.offset, machine.up_to_date) == (at(2), True)

    @pytest.mark.parametrize("framing", FRAMINGS)
    def test_a_page_however_it_is_framed_and_chunked(self, framing):
        answer = page([{"a": "é"}, 2], at(2), up_to_date=True, framing=framing)
        for size in (1, 2, 1000):
            assert play(follow(None), [answer.chunked_by(size)]).items == [{"a": "é"}, 2]

    @pytest.mark.parametrize("live", [None, "long-poll", "sse"])
    def test_what_is_asked_for(self, live):
        request = play(follow(live), [REFUSED]).requests[0]
        headers = dict(request.headers)
        assert (request.method, request.body) == ("GET", None)
        assert request.url.startswith(f"{URL}?")
        if live == "sse":
            assert (headers["accept"], headers["accept-encoding"]) == ("text/event-stream", "identity")
        else:
            assert headers["accept"] == "application/json"


class TestLongPoll:
    def test_a_poll_that_does_not_reach_the_end_is_followed_by_a_plain_read(self):
        played = play(
            follow(),
            [
                page([0], at(1), up_to_date=True),
                page([1], at(2), cursor="c"),
                page([2], at(3), up_to_date=True),
                REFUSED,
            ],
        )
        assert played.modes == ["plain", "long-poll", "plain", "long-poll"]
        assert [query.get("cursor") for query in played.queries] == [None, None, None, "c"]

    def test_the_last_cursor_is_kept_where_none_comes(self):
        answers = [
            page([], at(1), up_to_date=True, cursor="c"),
            nothing(at(1), after=30.0),
            nothing(at(1), cursor="", after=30.0),
            REFUSED,
        ]
        played = play(follow(), answers, start=9)
        assert [query.get("cursor") for query in played.queries] == [None, "c", "c", "c"]

    def test_a_204_may_move_the_offset(self):
        played = play(follow(), [page([0], at(1), up_to_date=True), nothing(at(3), after=9.0), REFUSED], start=9)
        assert played.asked_from == ["-1", at(1), at(3)]

    def test_a_204_may_be_the_first_answer(self):
        played = play(follow(), [nothing(at(4)), REFUSED], start=9)
        assert (played.modes, played.asked_from) == (["plain", "long-poll"], ["-1", at(4)])

    def test_an_empty_200_is_a_poll_that_ran_out(self):
        played = play(follow(), [page([0], at(1), up_to_date=True), *[page([], None, up_to_date=True, after=30.0)] * 3])
        assert played.modes == ["plain", "long-poll", "long-poll", "long-poll"]
        assert set(played.asked_from[1:]) == {at(1)}


class TestNonsense:
    @pytest.mark.parametrize("offset", ["", "a, b", "größe", "now", "a b", "x" * 10 + "\x7f"])
    def test_an_offset_that_cannot_be_sent_back(self, offset):
        played = play(follow(), [page([0], offset)])
        assert (played.code, played.items, len(played.requests)) == ("INVALID_OFFSET", [], 1)

    @pytest.mark.parametrize("items", [[1], []])
    def test_an_offset_that_stands_still(self, items):
        played = play(follow(), [page([0], at(1)), *[page(items, at(1))] * 9])
        assert (played.code, played.items) == ("OFFSET_STALLED", [0])
        assert len(played.requests) == 5
        assert [pause.attempt.attempt for pause in played.pauses] == [1, 2, 3]

    def test_a_page_that_says_nothing_at_all(self):
        played = play(follow(None), [OFFSETLESS] * 9)
        assert (played.code, len(played.requests)) == ("OFFSET_STALLED", 4)

    @pytest.mark.parametrize("back", [at(2), at(1), "-1"])
    @pytest.mark.parametrize("live", [None, "long-poll"])
    def test_an_offset_that_runs_backwards(self, live, back):
        played = play(follow(live), [page([0, 1, 2], at(3)), *[page([1], back, up_to_date=True)] * 9])
        assert (played.code, played.items, played.offsets) == ("OFFSET_REGRESSED", [0, 1, 2], [at(3)])
        assert len(played.requests) == 5

    def test_opaque_offsets_in_a_circle(self):
        circle = [page([0], "x"), page([1], "y"), page([2], "z"), *[page([0], "x")] * 9]
        played = play(follow(), circle, count=lambda offset: 0)
        assert (played.code, played.items) == ("OFFSET_REGRESSED", [0, 1, 2])

    def test_a_stale_cache_may_recover(self):
        stale, again = page([0], at(1), up_to_date=True), page([1], at(2), up_to_date=True)
        answers = [page([0, 1], at(2)), stale, again, stale, page([2], at(3)), again, stale, again]
        played = play(follow(None), [*answers, page([3], at(4), up_to_date=True)])
        assert (played.items, played.done) == ([0, 1, 2, 3], True)

    @pytest.mark.parametrize("media", ["text/html; charset=utf-8", "text/plain", "text/event-stream"])
    def test_another_content_type(self, media):
        played = play(follow(), [page(b"<html>", at(1), content_type=media)])
        assert (played.code, played.error.status, len(played.requests)) == ("UNEXPECTED_CONTENT_TYPE", 200, 1)
        assert media.partition(";")[0] in str(played.error)

    @pytest.mark.parametrize("status", [206, 304, 201])
    @pytest.mark.parametrize("live", ["long-poll", "sse"])
    def test_a_status_that_was_not_asked_for(self, live, status):
        played = play(follow(live), [Response(status, page([], at(1)).headers)])
        assert (played.code, played.error.status) == ("UNEXPECTED_STATUS", status)

    @pytest.mark.parametrize(("body", "item"), [(b"null", None), (b'{"a": 1}', {"a": 1}), (b"7", 7)])
    def test_a_document_that_is_no_array_is_one_item(self, body, item):
        """It is for the decoder to say what is wrong with it."""
        assert play(follow(None), [page(body, at(1), up_to_date=True)]).items == [item]


class TestStartingElsewhere:
    def test_behind_a_saved_checkpoint(self):
        machine = follow(tail=3)
        machine.start_at(at(4))
        assert machine.offset == at(4)
        played = play(machine, [page([4], at(5), closed=True)])
        assert played.queries == [{"offset": at(4)}]
        assert (played.items, played.done, machine.offset) == ([4], True, at(5))


def test_pauses_of_the_pace_are_bounded():
    played = play(follow(), lambda request, now: nothing(at(1)), until=600.0, start=9)
    assert max(played.delays) == stream_state.MAX_IDLE_DELAY
    assert count_at(played.asked_from[-1]) == 1
