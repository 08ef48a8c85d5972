"""Following by server-sent events: batches, control frames, connections, and the way back to long polls."""

from __future__ import annotations

import json

import pytest

from flue.core.actions import DELIVER

from .driver import follow, play
from .script import (
    REFUSED,
    RESET,
    at,
    control_frame,
    count_at,
    data_frame,
    events,
    frames,
    recorded_answers,
)
from .server import StreamServer

SEPARATORS = "a\x85b\u2028c\u2029d\x0be\x0cf"


def one(stream, *, framing="chunked", **options):
    return play(follow("sse", **options), [events(stream, framing=framing)])


class TestBatches:
    def test_a_recording(self):
        (stream,) = recorded_answers("ticks_live_sse.http")
        played = one(stream)
        assert [item["type"] for item in played.items] == ["run_start", "log", "log", "log", "log", "log", "run_end"]
        assert played.offsets == [at(count) for count in range(2, 8)]
        assert (played.done, played.modes) == (True, ["sse"])
        assert play(follow("sse"), [events(stream).chunked_by(1)]).items == played.items

    def test_a_longer_recording(self):
        (stream,) = recorded_answers("chat_sse.http")
        played = play(follow("sse"), [events(stream).chunked_by(997)])
        assert len(played.items) == 35
        assert [count_at(offset) for offset in played.offsets] == sorted(count_at(offset) for offset in played.offsets)

    def test_several_data_frames_are_one_batch(self):
        stream = data_frame([0]) + data_frame([1, 2]) + data_frame([]) + data_frame([3])
        played = one(stream + control_frame(at(4), streamClosed=True))
        assert (played.items, played.offsets) == ([0, 1, 2, 3], [at(4)])

    def test_an_empty_stream_is_at_its_start(self):
        played = one(control_frame("-1", upToDate=True) + frames([0], at(1), streamClosed=True))
        assert (played.items, played.done) == ([0], True)

    def test_what_is_not_data_or_control_is_ignored(self):
        noise = b": heartbeat\n\nid: 7\nretry: 10\n\nevent: news\ndata:{\n\ndata:[9]\n\n"
        noise += b"event: data\n\nevent: control\n\nevent: data\ndata\n\n"
        played = one(
            noise + data_frame([0]) + noise + control_frame(at(1)) + noise + control_frame(at(1), streamClosed=True)
        )
        assert (played.items, played.done) == ([0], True)

    def test_separators_in_strings_and_characters_in_pieces(self):
        items = [SEPARATORS, "é🎉", {"text": SEPARATORS}]
        stream = data_frame(json.dumps(items, ensure_ascii=False).encode()) + control_frame(at(3), streamClosed=True)
        assert play(follow("sse"), [events(stream).chunked_by(1)]).items == items

    def test_a_lone_surrogate_arrives(self):
        stream = data_frame(rb'[{"delta": "\ud83d"}, 1]') + control_frame(at(2), streamClosed=True)
        assert one(stream).items == [{"delta": "\ud83d"}, 1]

    def test_one_space_behind_the_colon(self):
        for space in (b"", b" ", b"  "):
            stream = (
                b"event: data\ndata:" + space + b'[\ndata: "a"\ndata:]\n\n' + control_frame(at(1), streamClosed=True)
            )
            assert one(stream).items == ["a"]

    @pytest.mark.parametrize("framing", ["chunked", "close", "gzip"])
    def test_however_the_connection_ends(self, framing):
        played = play(follow("sse"), StreamServer(range(7), cap=2, framing=framing, recycled=2))
        assert (played.items, played.done) == (list(range(7)), True)

    def test_what_a_control_frame_says_of_the_stream(self):
        machine = follow("sse")
        states = []

        def look(request, now):
            states.append((machine.offset, machine.up_to_date, machine.closed))
            return answers.pop(0)

        answers = [
            events(frames([0], at(1), upToDate=True)),
            events(frames([1], at(2))),  # it holds for its own frame only
            events(control_frame(at(2), upToDate=True)),
            events(frames([2], at(3), streamClosed=True)),
        ]
        assert play(machine, look).done
        assert states == [("-1", False, False), (at(1), True, False), (at(2), False, False), (at(2), True, False)]
        assert (machine.offset, machine.up_to_date, machine.closed) == (at(3), True, True)

    def test_while_batches_wait_it_is_not_up_to_date(self):
        machine = follow("sse")
        machine.next_action(0.0)
        machine.response_started(events().head(), 0.0)
        machine.next_action(0.0)
        machine.data_received(frames([0], at(1), upToDate=True) + frames([1], at(2), upToDate=True), 0.0)
        assert machine.next_action(0.0) is DELIVER
        assert machine.next_batch().items
        machine.handed_over()
        assert (machine.offset, machine.up_to_date) == (at(1), False)
        machine.next_action(0.0)
        machine.handed_over()
        assert (machine.offset, machine.up_to_date) == (at(2), True)


class TestConnections:
    def test_the_cursor_is_echoed(self):
        answers = [
            events(frames([0], at(1), streamCursor="c1")),
            events(control_frame(at(1), streamCursor="c2")),
            events(control_frame(at(1))),
            REFUSED,
        ]
        queries = play(follow("sse"), answers).queries
        assert [query.get("cursor") for query in queries] == [None, "c1", "c2", "c2"]

    def test_a_recycled_connection_is_opened_again_at_once(self):
        played = play(follow("sse"), StreamServer(range(40), recycled=1, cap=1))
        assert (played.items, played.done, played.pauses) == (list(range(40)), True, [])
        assert set(played.modes) == {"sse"}
        assert played.asked_from == [at(count) for count in range(40)]

    def test_a_healthy_connection_that_brings_nothing_is_opened_again_at_once(self):
        machine = follow("sse")
        played = play(machine, [events(control_frame("-1", upToDate=True), 60.0, b": heartbeat\n\n")] * 20)
        assert (set(played.modes), played.pauses, machine.live) == ({"sse"}, [], "sse")

    def test_data_of_one_connection_is_not_that_of_the_next(self):
        played = play(follow("sse"), [events(data_frame([0])), events(control_frame(at(1)), RESET), REFUSED], start=1)
        assert played.items == []

    def test_an_event_cut_by_the_end_is_discarded(self):
        half = frames([0], at(1), streamClosed=True)[:-1]
        played = play(follow("sse"), [events(half), events(frames([0], at(1), streamClosed=True))])
        assert (played.items, played.done, len(played.requests)) == ([0], True, 2)


class TestNonsense:
    @pytest.mark.parametrize("offset", ["", "a, b", "now", "größe"])
    def test_an_offset_that_cannot_be_sent_back(self, offset):
        played = one(frames([0], offset))
        assert (played.code, played.items) == ("INVALID_OFFSET", [])

    def test_an_offset_that_stands_still(self):
        played = play(
            follow("sse"), [events(frames([0], at(1)) + frames([1], at(1)))] + [events(frames([1], at(1)))] * 9
        )
        assert (played.code, played.items, len(played.requests)) == ("OFFSET_STALLED", [0], 4)

    def test_an_offset_that_runs_backwards(self):
        back = events(frames([0, 1], at(2)) + control_frame(at(1)))
        played = play(follow("sse"), [back, *[events(control_frame(at(1)))] * 9])
        assert (played.code, played.items, len(played.requests)) == ("OFFSET_REGRESSED", [0, 1], 4)

    def test_what_follows_nonsense_is_not_looked_at(self):
        played = play(
            follow("sse"),
            [
                events(frames([0], at(1)) + frames([9], at(1)) + frames([1], at(2))),
                events(frames([1], at(2), streamClosed=True)),
            ],
        )
        assert (played.items, played.done) == ([0, 1], True)
