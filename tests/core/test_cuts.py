"""Every cut of every kind of transcript: the same items, in order, once, whatever was lost."""

from __future__ import annotations

import pytest

from flue.core.events import NEED_DATA, EventBuffer
from flue.core.retry import BackoffOptions

from .driver import Player, follow, play
from .script import REFUSED, RESET, SILENCE, at, count_at, events, recorded_answers
from .server import REFUSALS, StreamServer
from .test_events import Decoding, never

ITEMS = [0, "é", {"a": "\u2028"}, [3], "}]", 5]
# A fault shows that a body was cut; a clean end does so only where the length is known.
PAGE_CUTS = [("length", RESET), ("chunked", SILENCE), ("close", None), ("gzip", None), ("gzip", RESET)]


def cut_at(server, position, fault, which=0):
    """The server, its answer number `which` cut."""
    answers = iter(range(1000))

    def serve(request, now):
        answer = server(request, now)
        return answer.cut(position, fault) if next(answers) == which else answer

    return serve


def length_of(answer):
    return sum(len(step) for step in answer.body if isinstance(step, bytes))


@pytest.mark.parametrize(
    ("framing", "fault"), PAGE_CUTS, ids=["length-reset", "chunked-silence", "close-clean", "gzip-clean", "gzip-reset"]
)
def test_a_page_cut_at_every_byte(framing, fault):
    for live in (None, "long-poll"):
        for which in (0, 1):
            size = length_of(StreamServer(ITEMS, cap=3).page(3 * which))
            for position in range(size):
                server = StreamServer(ITEMS, cap=3, framing=framing)
                played = play(follow(live, options=BackoffOptions()), cut_at(server, position, fault, which))
                assert (played.items, played.done) == (ITEMS, True), (live, which, position)
                assert played.offsets == [at(3), at(6)]
                assert len(played.pauses) == 1


@pytest.mark.parametrize(("cap", "fault"), [(2, RESET), (4, None)], ids=["reset", "clean"])
def test_events_cut_at_every_byte(cap, fault):

    def server():
        return StreamServer(ITEMS[:4], cap=cap, tokens="-abcd")

    size = length_of(server().event_stream(0))
    for position in range(size + 1):
        played = play(follow("sse", offset="-"), cut_at(server(), position, fault), count="-abcd".index)
        assert (played.items, played.done) == (ITEMS[:4], True), position
        assert played.offsets == (["b", "d"] if cap == 2 else ["d"])
        assert len(played.requests) == (1 if position == size else 2)


def test_a_recording_cut_between_and_inside_its_frames():
    (stream,) = recorded_answers("ticks_live_sse.http")
    expected = play(follow("sse"), [events(stream)]).items
    batches = stream.split(b"event: data")[1:]
    assert len(batches) == 6

    def rest(request, now):
        done = max(count_at(request.url.partition("offset=")[2].partition("&")[0]) - 1, 0)
        return events(b"".join(b"event: data" + batch for batch in batches[done:]))

    frame_ends = [position for position in range(len(stream)) if stream[position : position + 2] == b"\n\n"]
    near = {end + offset for end in frame_ends for offset in range(-3, 5)}
    for position in sorted(near | set(range(0, len(stream), 101))):
        for fault in (RESET, None):
            played = play(follow("sse"), cut_at(rest, position, fault))
            assert (played.items, played.done) == (expected, True), position


@pytest.mark.parametrize("live", ["long-poll", "sse"])
def test_every_request_fails_in_every_way_before_it_succeeds(live):

    def serve(request, now):
        if faults:
            return faults.pop()
        faults.extend([REFUSED, RESET, SILENCE, *REFUSALS])
        return server(request, now)

    faults = []
    server = StreamServer(ITEMS, ready=2, cap=1, recycled=2)
    played = play(follow(live, options=BackoffOptions(max_delay=0.5)), serve)
    assert (played.items, played.done) == (ITEMS, True)
    assert len(played.pauses) > 20


@pytest.mark.parametrize("live", [None, "long-poll", "sse"])
@pytest.mark.parametrize("cap", [1, 4, 6])
def test_a_saved_offset_never_skips_and_repeats_a_batch_at_most(live, cap):
    """Stopped after every single event, and gone on with in another process."""
    for stop in range(len(ITEMS) + 1):
        first, seen = follow(live), []
        buffer = EventBuffer(first, Decoding(lambda item: item, never), never)
        player = Player(first, StreamServer(ITEMS, cap=cap))
        player._deliver = lambda: None  # the buffer pulls
        while len(seen) < stop:
            if (item := buffer.next_event()) is NEED_DATA:
                player._perform(first.next_action(player.played.now), 1e9)
            else:
                seen.append(item)
            assert count_at(first.offset) <= len(seen)
        saved = count_at(first.offset)
        assert stop - cap < saved <= stop
        played = play(follow(live, offset=first.offset), StreamServer(ITEMS, cap=cap))
        assert played.items == ITEMS[saved:]
