"""Whatever a server answers, and however fast: it is not asked often."""

from __future__ import annotations

import itertools
import random
from urllib.parse import parse_qsl, urlsplit

import pytest

from .driver import follow, play
from .script import (
    REFUSED,
    RESET,
    Response,
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
    "items and no offset": stubborn(page([0], None)),
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
    "redirects in a circle": advancing(lambda n: Response(302, (("Location", f"/{n % 3}"),))),
    "html": stubborn(page(b"<html>", None, content_type="text/html")),
    "html that says it is json": stubborn(page(b"<html>", None)),
    "html that says it is json, of unknown length": stubborn(page(b"<html>", None, framing="close")),
    "half a page for ever": stubborn(page([0], at(1)).cut(1)),
    "an empty body of unknown length": stubborn(page(b"", at(1), framing="close")),
    "304": stubborn(Response(304)),
    "206": stubborn(Response(206, page([], at(1)).headers, (b"[]",))),
    "500 and a megabyte": stubborn(refusal(500, b"x" * 1_000_000).chunked_by(65536)),
    "404 and a megabyte": stubborn(refusal(404, b"x" * 1_000_000)),
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


@pytest.mark.parametrize(
    "server", ["a 204 at once", "offsets that advance with empty pages", "events, a frame and the end"]
)
def test_nor_later(server):
    played = play(follow("sse"), SERVERS[server](), until=600.0, start=1000, count=lambda offset: 0)
    assert played.end is None
    assert len(played.requests) < 320


@pytest.mark.parametrize("live", ["long-poll", None])
def test_what_brings_items_is_not_slowed(live):

    def serve(request, now):
        stop = count_at(dict(parse_qsl(urlsplit(request.url).query))["offset"]) + 1
        return refusal(406) if "live=sse" in request.url else page([0], at(stop), closed=stop == 300)

    played = play(follow(live), serve)
    assert (len(played.items), played.done, played.pauses) == (300, True, [])
