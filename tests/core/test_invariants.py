"""The invariants of the machine that follows a stream, one by one.

The first (the checkpoint never passes what was not handed over) is asserted by `Player` at every step of every play.
"""

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
    data_frame,
    events,
    frames,
    nothing,
    page,
    refusal,
)
from .server import StreamServer

MODES = ["long-poll", "sse", None]


@pytest.mark.parametrize("fault", [RESET, SILENCE, None], ids=["reset", "silence", "clean end"])
def test_invariant_2_only_whole_batches_are_handed_over(fault):
    whole = frames([0], at(1)) + data_frame([1]) + data_frame([2, 3])
    end = () if fault is None else (fault,)
    played = play(follow("sse"), [events(whole, *end), events(frames([1, 2, 3], at(4), streamClosed=True))])
    assert (played.items, played.offsets, played.done) == ([0, 1, 2, 3], [at(1), at(4)], True)
    assert played.asked_from == ["-1", at(1)]

    answer = page([0, 1], at(2), closed=True, framing="close" if fault is None else "length")
    played = play(follow(options=BackoffOptions()), [answer.cut(4, fault), answer])
    assert (played.items, played.offsets, played.asked_from) == ([0, 1], [at(2)], ["-1", "-1"])


class TestInvariant3:
    def test_invariant_3_the_end_of_a_connection_is_not_the_end_of_the_stream(self):
        answers = [
            events(frames([0], at(1), upToDate=True)),
            events(frames([1], at(2), upToDate=True), RESET),
            events(),
            events(frames([2], at(3), streamClosed=True)),
        ]
        played = play(follow("sse"), answers)
        assert (played.items, played.done) == ([0, 1, 2], True)
        assert played.asked_from == ["-1", at(1), at(2), at(2)]

    @pytest.mark.parametrize("live", MODES)
    def test_a_terminal_item_ends_it(self, live):
        machine = follow(live)
        played = play(machine, StreamServer(range(9), cap=3, closed=False), terminal=4)
        assert (played.items, played.done) == ([0, 1, 2, 3, 4, 5], True)
        assert (machine.offset, machine.closed) == (at(6), True)

    def test_nothing_behind_its_batch_is_handed_over(self):
        machine = follow("sse")
        played = play(
            machine, [events(frames([0, "end"], at(2)) + frames([2], at(3)) + frames([3], at(4)))], terminal="end"
        )
        assert (played.items, played.done, machine.offset) == ([0, "end"], True, at(2))

    def test_closed_says_that_all_has_been_handed_over(self):
        """Closed implies up to date, also where frames behind the terminal item were not looked at."""
        machine = follow("sse")
        stream = frames([0, "end"], at(2), upToDate=True) + control_frame(at(2), streamClosed=True)
        assert play(machine, [events(stream)], terminal="end").done
        assert machine.closed
        assert machine.up_to_date

    def test_closed_is_for_ever(self):
        """What comes behind `streamClosed` is not looked at."""
        stream = frames([0], at(1), streamClosed=True) + frames([1], at(2))
        played = play(follow("sse"), [events(stream)])
        assert (played.items, played.done) == ([0], True)


class TestInvariant4:
    @pytest.mark.parametrize("live", MODES)
    def test_invariant_4_a_204_that_closes_is_confirmed_by_one_plain_read(self, live):
        machine = follow(live, offset=at(3))
        played = play(machine, [nothing(at(3), closed=True), page([3, 4], at(5), closed=True), REFUSED])
        assert played.modes == ["sse" if live == "sse" else "plain", "plain"]
        assert (played.items, played.done) == ([3, 4], True)
        assert (machine.closed, machine.up_to_date, machine.offset) == (True, True, at(5))

    @pytest.mark.parametrize(
        "confirmation",
        [
            *(page([], at(1), closed=True), nothing(at(1), closed=True)),
            *(page([], at(1), up_to_date=True), page([], at(1)), page([], None)),
        ],
    )
    def test_nothing_unread(self, confirmation):
        machine = follow()
        first = [page([0], at(1), up_to_date=True), nothing(at(1), closed=True)]
        played = play(machine, [*first, confirmation, REFUSED])
        assert played.modes == ["plain", "long-poll", "plain"]
        assert (played.items, played.done, machine.closed, machine.up_to_date) == ([0], True, True, True)

    def test_a_filtered_page_on_the_way_does_not_end_it(self):
        answers = [nothing("-1", closed=True), page([], at(3)), page([3], at(4), closed=True)]
        played = play(follow(), answers, start=3)
        assert (played.items, played.done) == ([3], True)


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

    def test_a_tail_of_nothing_is_not_asked_again(self):
        """A burst between two polls would be cut to its tail."""
        played = play(follow(tail=2), [page([], "-1", up_to_date=True), page([0, 1, 2, 3], at(4), closed=True)])
        assert played.queries == [{"offset": "-1", "tail": "2"}, {"offset": "-1", "live": "long-poll"}]
        assert played.items == [0, 1, 2, 3]

    def test_elsewhere_than_at_the_start_a_tail_has_no_meaning(self):
        assert "tail" not in play(follow(offset=at(3), tail=2), [REFUSED]).queries[0]

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


def test_invariant_7_cut_in_on_between_items_and_their_control_event_it_forgets_the_items():
    answers = [events(data_frame([0]), control_frame(at(1))), events(frames([0], at(1), streamClosed=True))]
    played = play(follow("sse"), answers, tear_at=3)
    assert (played.items, played.done) == ([0], True)


@pytest.mark.parametrize(
    "wrong",
    [
        *(page(body, at(2)) for body in (b"[1,", b"<html>", b"[NaN]", b"[" * 200_000)),
        page(b"[1,", at(2), framing="chunked"),
        *(events(b"event: data\ndata:" + data + b"\n\n" + control_frame(at(2))) for data in (b"[1,", b"{")),
        *(
            events(b"event: control\ndata:" + data + b"\n\n" + frames([1], at(2)))
            for data in (b"{", b"", b"[]", b"null")
        ),
    ],
)
def test_invariant_8_what_is_whole_but_malformed_is_an_error_at_once(wrong):
    is_page = wrong.head().headers["content-type"] == "application/json"
    first, live = (page([0], at(1)), "long-poll") if is_page else (events(frames([0], at(1))), "sse")
    played = play(follow(live), [first, wrong])
    assert (played.code, played.error.offset, played.items) == ("PARSE_ERROR", at(1), [0])
    assert (len(played.requests), played.pauses) == (2, [])


@pytest.mark.parametrize("framing", ["close", "gzip"])
class TestInvariant8:
    def test_a_page_that_was_cut_is_asked_for_again(self, framing):
        answer = page([0, 1], at(2), framing=framing)
        cuts = [answer.cut(3, None), answer.cut(0, None), answer.cut(2, RESET)]
        played = play(follow(None), [*cuts, answer, page([], at(2), up_to_date=True)])
        assert (played.items, played.done, len(played.requests)) == ([0, 1], True, 5)
        assert [type(pause.attempt.error) for pause in played.pauses] == [FlueConnectionError] * 3
        assert str(played.pauses[0].attempt.error).startswith("the page ended early, after 3 bytes: ")

    def test_a_page_that_is_cut_at_the_same_byte_again_and_again_was_not_cut(self, framing):
        played = play(follow(None), [page(b"<html>", at(1), framing=framing)] * 50)
        assert (played.code, len(played.requests)) == ("PARSE_ERROR", 5)

    def test_pages_that_are_cut_here_and_there_go_on_being_asked_for(self, framing):
        """A first chunk is often alike, whatever follows it."""
        pages = [page([n], at(n + 1), framing=framing, closed=n == 7) for n in range(8)]
        played = play(follow(None), [answer for whole in pages for answer in (whole.cut(1, None), whole)])
        assert (played.items, played.done) == (list(range(8)), True)
        cuts = [pages[7].cut(n, None) for n in (1, 2, 1, 2, 0, 0, 0, 0, 0, 0, 1)]
        assert play(follow(None, options=BackoffOptions()), [*cuts, pages[7]], start=7).done
