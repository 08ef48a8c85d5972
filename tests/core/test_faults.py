"""Whatever is lost on the way and whatever a server answers: the items in order, each once, and no storm of requests."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flue.core.retry import BackoffOptions

from .driver import Player, follow, play
from .script import (
    REFUSED,
    RESET,
    SILENCE,
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
from .server import REFUSALS, StreamServer

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


MODES = ["long-poll", "sse", None]


def stubborn(answer):
    """A server with one answer."""
    return lambda: lambda request, now: answer


def advancing(make):
    """A server whose offset moves on for ever."""

    def start():
        counter = itertools.count(1)
        return lambda request, now: make(next(counter))

    return start


def by_mode(events_answer, page_answer):
    return lambda: lambda request, now: events_answer if "live=sse" in request.url else page_answer


SERVERS = {
    "empty pages that are not up to date": stubborn(page([], None)),
    "empty pages, the start for ever": stubborn(page([], "-1")),
    "empty pages, up to date": stubborn(page([], at(1), up_to_date=True)),
    "empty pages, no offset, up to date": stubborn(page([], None, up_to_date=True)),
    "a 204 at once": stubborn(nothing("-1")),
    "a 204 that says nothing": stubborn(Response(204)),
    "the same items for ever": stubborn(page([0], at(1))),
    "the same items for ever, up to date": stubborn(page([0], at(1), up_to_date=True)),
    "offsets that advance with empty pages": advancing(lambda n: page([], at(n))),
    "offsets that advance with empty pages, up to date": advancing(lambda n: page([], at(n), up_to_date=True)),
    "offsets that advance with 204": advancing(lambda n: nothing(at(n))),
    "offsets that run backwards": advancing(lambda n: page([0], at(100 - n))),
    "offsets that run backwards without items": advancing(lambda n: page([], at(100 - n), up_to_date=True)),
    "two offsets in turn": advancing(lambda n: page([n], "xy"[n % 2], up_to_date=True)),
    "events that end at once": stubborn(events()),
    "events that are cut at once": stubborn(events(RESET)),
    "events that end at once, then empty pages": by_mode(events(), page([], "-1", up_to_date=True)),
    "events, a frame and the end": by_mode(events(control_frame("-1", upToDate=True)), nothing("-1")),
    "events, a frame and a cut": by_mode(events(control_frame("-1", upToDate=True), RESET), nothing("-1")),
    "events, offsets that advance": advancing(lambda n: events(control_frame(at(n)))),
    "events, offsets that advance, then a cut": advancing(lambda n: events(control_frame(at(n)), RESET)),
    "events, data and no control": stubborn(events(data_frame([0]))),
    "events, the same items for ever": stubborn(events(frames([0], at(1)))),
    "events answered by 204": by_mode(nothing("-1"), nothing("-1")),
    "a redirect to itself": lambda: lambda request, now: Response(307, (("Location", request.url),)),
    "html that says it is json": stubborn(page(b"<html>", None)),
    "html that says it is json, of unknown length": stubborn(page(b"<html>", None, framing="close")),
    "half a page for ever": stubborn(page([0], at(1)).cut(1)),
    "an empty body of unknown length": stubborn(page(b"", at(1), framing="close")),
    "500 and a megabyte": stubborn(refusal(500, b"x" * 1_000_000).chunked_by(65536)),
    "429": stubborn(refusal(429)),
    "503, come back at once": stubborn(refusal(503, Retry_After="0")),
    "401": stubborn(refusal(401)),
    "connections that are refused": stubborn(REFUSED),
    "a 204 and a cut in turn": advancing(lambda n: nothing("-1") if n % 2 else RESET),
    "an empty page and a 503 in turn": advancing(lambda n: page([], at(1), up_to_date=True) if n % 2 else refusal(503)),
    "three cuts and a poll that ends at once in turn": advancing(
        lambda n: page([], at(1), up_to_date=True) if n % 4 == 0 else page([], at(1)).cut(1)
    ),
    "closed, and not": advancing(lambda n: nothing("-1", closed=True) if n % 2 else page([], "-1")),
}


@pytest.mark.parametrize("server", SERVERS)
def test_fewer_than_twenty_requests_in_the_first_two_seconds(server):
    for live in MODES:
        for refreshable, seed in ((False, 1), (True, 2)):
            random.seed(seed)
            played = play(
                follow(live, refreshable=refreshable), SERVERS[server](), until=2.0, start=1000, count=lambda offset: 0
            )
            assert played.requests_before(2.0) < 20, (live, played.modes)


@pytest.mark.parametrize("live", ["long-poll", None])
def test_what_brings_items_is_not_slowed(live):
    server = StreamServer(range(300), cap=1)
    played = play(follow(live), lambda request, now: refusal(406) if "=sse" in request.url else server(request, now))
    assert (len(played.items), played.done, played.pauses) == (300, True, [])


FAULTS = st.one_of(
    st.sampled_from(
        ["refused", "reset", "silence", "refusal", "stale", "again", "empty", "204", "no frame", "frame", "not events"]
    ),
    st.tuples(st.sampled_from(["cut", "end"]), st.integers(0, 400)),
    st.sampled_from([1, 3, 7, 64]),  # no fault: the body comes in chunks of that size
)
STREAMS = st.fixed_dictionaries(
    {
        "items": st.integers(0, 30).map(range),
        "ready": st.integers(0, 30),
        "cap": st.integers(1, 12),
        "closed": st.booleans(),
        "framing": st.sampled_from(["length", "chunked", "close", "gzip"]),
        "recycled": st.none() | st.integers(1, 4),
        "opaque": st.booleans(),
    }
)
# What goes on for ever is an error: a cache that is stale, a page that ends at the same byte.
MOST_STALE, MOST_ALIKE = 3, 4


def tokens(count):
    """Opaque offsets whose order says nothing."""
    return ["-1", *(f"t{7919 * n % 10007:x}" for n in range(1, count + 1))]


class Unreliable:
    """A server behind a network, a proxy and a cache."""

    def __init__(self, server, faults):
        self.server, self.faults, self.stale, self.ends = server, list(faults), MOST_STALE, Counter()

    def __call__(self, request, now):
        fault = self.faults.pop() if self.faults else None
        server, live = self.server, "live=" in request.url
        if fault in {"refused", "reset"}:
            return REFUSED
        if fault == "silence":
            return SILENCE
        if fault == "refusal":
            return REFUSALS[len(self.faults) % len(REFUSALS)]
        where = request.url.partition("offset=")[2].partition("&")[0]
        here = server.count(where)
        if "live=sse" in request.url:
            if fault == "no frame":
                return events(b": heartbeat\n\n", RESET)
            if fault == "frame":
                return events(control_frame(where))
            if fault == "not events":
                return server.page(here)
        elif fault in {"stale", "again"} and self.stale and here > 0:
            self.stale -= 1
            # Of opaque offsets, one that was not seen before cannot be told from one that lies ahead.
            behind = here - 1 if fault == "stale" and not server.tokens else here
            return page(server.items[here - 1 : here], server.at(behind))
        if fault == "204" and live and here == server.there:
            return nothing(where)
        if fault == "empty" and here == server.there and server.there < len(server.items):
            return page([], where, up_to_date=True, framing=server.framing)
        answer = server(request, now)
        if isinstance(fault, tuple):
            return self.cut(answer, *fault)
        return answer.chunked_by(fault) if isinstance(fault, int) else answer

    def cut(self, answer, kind, position):
        """Cut by a fault, or by a clean end where no length betrays it (but not for ever at the same byte)."""
        body = b"".join(step for step in answer.body if isinstance(step, bytes))
        if answer.status != 200 or not body:
            return answer
        position %= len(body)
        if kind == "cut" or (answer.head().body_length_known and b"event:" not in body):
            return answer.cut(position, RESET)
        self.ends[position] += 1
        return answer.cut(position, None) if self.ends[position] <= MOST_ALIKE else answer


def build(stream):
    options = {name: value for name, value in stream.items() if name != "opaque"}
    options["ready"] = min(stream["ready"], len(stream["items"]))
    return StreamServer(**options, tokens=tokens(len(stream["items"])) if stream["opaque"] else ())


def longest_burst(player, progress):
    """The most requests in a row at one moment that brought nothing."""
    return max((len(list(group)) for _, group in groupby(zip(player.played.opened, progress, strict=True))), default=0)


@settings.get_profile("core")
@given(STREAMS, st.lists(FAULTS, max_size=25), st.sampled_from([None, "long-poll", "sse"]), st.integers(0, 30))
def test_exactly_the_items_in_order_once(stream, faults, live, start):
    server = build(stream)
    start = min(start, server.there)
    expected = list(stream["items"])[start : None if live else server.there]
    machine = follow(live, offset=server.at(start), options=BackoffOptions())
    network, progress = Unreliable(server, faults), []

    def serve(request, now):
        progress.append((machine.offset, len(player.played.items)))
        return network(request, now)

    player = Player(machine, serve, count=server.count)
    ends = live is None or stream["closed"]
    player.run(until=1e6, items=len(expected))
    played = player.run(until=1e6 if ends else player.played.now + 100.0)
    assert played.items == expected
    if ends:
        assert played.done
        assert machine.offset == server.at(start + len(expected))
        assert machine.up_to_date
        assert machine.closed or live is None
    else:
        assert played.end is None  # it goes on asking
    assert longest_burst(player, progress) <= 6


ANSWERS = st.fixed_dictionaries(
    {
        "position": st.integers(0, 5),
        "count": st.integers(0, 3),
        **dict.fromkeys(("up_to_date", "closed", "nothing", "cut"), st.booleans()),
    }
)


@settings.get_profile("core")
@given(st.lists(ANSWERS, min_size=1, max_size=12), st.sampled_from([None, "long-poll", "sse"]))
def test_whatever_a_server_answers(answers, live):
    """Arbitrary offsets, items and flags, again and again: an end, an error, or questions with pauses between them."""

    def serve(request, now):
        said = answers[len(player.played.requests) % len(answers)]
        flags = {"up_to_date": said["up_to_date"], "closed": said["closed"]}
        offset = tokens(5)[said["position"]]
        if said["nothing"]:
            return nothing(offset, **flags)
        if "live=sse" in request.url:
            frame = control_frame(offset, upToDate=said["up_to_date"], streamClosed=said["closed"])
            return events(frame, RESET) if said["cut"] else events(frame)
        answer = page(range(said["count"]), offset, **flags)
        return answer.cut(1) if said["cut"] else answer

    player = Player(follow(live), serve, count=lambda offset: 0)
    played = player.run(until=10.0)
    assert played.requests_before(2.0) - len(played.offsets) < 20  # an offset that moves on is an answer of use
    assert played.end is not None or len(played.requests) > 3
