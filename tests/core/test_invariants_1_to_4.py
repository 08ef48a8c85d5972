"""The invariants of the machine that follows a stream, one to four: what is handed over, and the end.

The first is also asserted at every step of every play, in all the tests of this folder.
"""

from __future__ import annotations

import pytest

from flue.core.actions import Deliver, Done
from flue.core.retry import BackoffOptions

from .driver import Player, follow, play
from .script import (
    REFUSED,
    RESET,
    SILENCE,
    at,
    control_frame,
    count_at,
    data_frame,
    events,
    frames,
    nothing,
    page,
    refusal,
)
from .server import StreamServer

MODES = ["long-poll", "sse", None]


@pytest.mark.parametrize("live", MODES)
def test_invariant_1_the_checkpoint_never_passes_what_was_not_handed_over(live):
    machine = follow(live)
    server = StreamServer(range(12), ready=7, cap=3, closed=True)
    player = Player(machine, server)
    handed = 0
    while not isinstance(action := machine.next_action(player.played.now), Done):
        if isinstance(action, Deliver):
            before = machine.offset
            assert count_at(before) <= handed
            batch = machine.next_batch()
            # Not handed over, so still to be handed over.
            assert machine.next_action(player.played.now) is action
            assert machine.next_batch() is batch
            assert machine.offset == before
            handed += len(batch.items)
            machine.handed_over()
            assert count_at(machine.offset) == handed
        else:
            player._perform(action, 1e9)
            assert count_at(machine.offset) == handed
    assert handed == (12 if live else 7)


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

    def test_a_live_stream_goes_on_where_it_is_up_to_date(self):
        for live in ("long-poll", "sse"):
            server = StreamServer(range(9), ready=4, cap=2, closed=False, recycled=2)
            played = play(follow(live), server, until=900.0)
            assert (played.items, played.end) == (list(range(9)), None)

    def test_catching_up_ends_there(self):
        played = play(follow(None), StreamServer(range(9), ready=4, cap=2, closed=False))
        assert (played.items, played.done) == ([0, 1, 2, 3], True)

    @pytest.mark.parametrize("live", ["long-poll", "sse"])
    def test_closed_ends_it_when_all_is_handed_over(self, live):
        machine = follow(live)
        played = play(machine, StreamServer(range(9), cap=2))
        assert (played.items, played.done, machine.closed) == (list(range(9)), True, True)

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

    def test_nothing_unread(self):
        for confirmation in (
            page([], at(1), closed=True),
            nothing(at(1), closed=True),
            page([], at(1), up_to_date=True),
            page([], at(1)),
            page([], None),
        ):
            machine = follow()
            played = play(
                machine, [page([0], at(1), up_to_date=True), nothing(at(1), closed=True), confirmation, REFUSED]
            )
            assert played.modes == ["plain", "long-poll", "plain"]
            assert (played.items, played.done, machine.closed) == ([0], True, True)

    def test_many_pages_unread(self):
        answers = [nothing(at(1), closed=True), page([1], at(2)), page([2], at(3)), page([3], at(4), up_to_date=True)]
        played = play(follow(), [page([0], at(1), up_to_date=True), *answers])
        assert played.modes == ["plain", "long-poll", "plain", "plain", "plain"]
        assert (played.items, played.done) == ([0, 1, 2, 3], True)

    def test_a_terminal_item_needs_no_confirmation(self):
        played = play(
            follow(),
            [page([0], at(1), up_to_date=True), page(["end"], at(2), up_to_date=True), REFUSED],
            terminal="end",
        )
        assert played.modes == ["plain", "long-poll"]

    def test_a_page_that_closes_needs_none(self):
        assert play(follow(), [page([0], at(1), closed=True), REFUSED]).modes == ["plain"]

    def test_a_confirmation_that_fails_is_asked_again(self):
        played = play(follow(), [nothing("-1", closed=True), RESET, refusal(503), page([0], at(1), closed=True)])
        assert (played.items, played.done) == ([0], True)
        assert played.modes == ["plain"] * 4

    def test_a_filtered_page_on_the_way_does_not_end_it(self):
        answers = [nothing("-1", closed=True), page([], at(3)), page([3], at(4), closed=True)]
        played = play(follow(), answers, start=3)
        assert (played.items, played.done) == ([3], True)
