"""Random streams, random faults: exactly the items, in order, once; and never a storm of requests."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from hypothesis import given, settings
from hypothesis import strategies as st

from flue.core.retry import BackoffOptions

from .driver import Player, follow
from .script import REFUSED, RESET, SILENCE, Response, control_frame, events, nothing, page
from .server import REFUSALS, StreamServer

FAULTS = st.one_of(
    st.sampled_from(
        ["refused", "reset", "silence", "refusal", "stale", "again", "empty", "204", "no frame", "frame", "not events"]
    ),
    st.tuples(st.sampled_from(["cut", "end"]), st.integers(0, 400)),
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
        return answer

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


@settings.get_profile("core")
@given(STREAMS, st.sampled_from(["long-poll", "sse"]), st.integers(0, 30), st.sampled_from([1, 3, 7, 64]))
def test_chunks_do_not_matter(stream, live, start, size):

    def read(chunked):
        server = build({**stream, "closed": True, "items": ["é🎉", {"a": [1]}, "\u2028"] * (len(stream["items"]) // 3)})
        where = server.at(min(start, server.there))

        def serve(request, now):
            answer = server(request, now)
            return answer.chunked_by(size) if chunked and isinstance(answer, Response) else answer

        return Player(follow(live, offset=where), serve, count=server.count).run()

    whole, pieces = read(chunked=False), read(chunked=True)
    assert pieces.items == whole.items
    assert pieces.offsets == whole.offsets
    assert pieces.done
    assert whole.done
