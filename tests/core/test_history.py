"""Long histories: after some full pages the rest is read over one event connection."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from flue.core.protocol import HISTORY_READ_TIMEOUT, MAX_FULL_PAGES, ServerFeatures, StreamProtocol
from flue.core.retry import BackoffOptions, Budget
from flue.errors import NotFoundError

from .driver import play
from .script import (
    RESET,
    SILENCE,
    URL,
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
from .server import StreamServer

PAGES = ["plain"] * MAX_FULL_PAGES
ITEMS = range(40)


def read(live=None, *, features=None, options=None, offset="-1"):
    budget = Budget(options or BackoffOptions(max_retries=5), endless=live is not None)
    return StreamProtocol(URL, budget, offset=offset, live=live, features=features)


def server_with(history, *, closed=True, cap=2):
    """A server whose answers to event requests come from `history(start, number)`, its pages as usual."""
    pages = StreamServer(ITEMS, cap=cap, closed=closed)
    asked = iter(range(1000))

    def serve(request, now):
        query = dict(parse_qsl(urlsplit(request.url).query))
        if query.get("live") == "sse":
            return history(count_at(query["offset"]), next(asked))
        return pages(request, now)

    return serve


def whole(start, number=0):
    """The rest of the history, and the connection stays open, silent."""
    return events(frames(ITEMS[start:], at(len(ITEMS)), upToDate=True), SILENCE)


class TestReading:
    @pytest.mark.parametrize("closed", [True, False])
    def test_catching_up_ends_when_it_is_up_to_date(self, closed):
        """Whatever the server does with the connection afterwards."""
        played = play(read(), server_with(whole, closed=closed))
        assert (played.items, played.done, played.pauses) == (list(ITEMS), True, [])
        assert played.modes == [*PAGES, "sse"]
        assert played.requests[-1].read_timeout == HISTORY_READ_TIMEOUT
        assert {request.read_timeout for request in played.requests[:-1]} == {None}

    def test_pages_that_are_not_full_do_not_count(self):
        answers = []
        for n in range(3 * MAX_FULL_PAGES):
            answers += [page([n], at(n + 1), up_to_date=True), nothing(at(n + 1), after=30.0)]
        assert "sse" not in play(read("long-poll"), answers).modes


class TestBackToPages:
    @pytest.mark.parametrize(
        "answer",
        [
            *map(refusal, (400, 405, 406, 415, 501)),
            *(page([], at(10)), SILENCE, events(SILENCE), events()),
            events(*[b": heartbeat\n\n", 2.0] * 3, SILENCE),
        ],
        ids=["400", "405", "406", "415", "501", "json", "no head", "no event", "empty", "heartbeats only"],
    )
    @pytest.mark.parametrize("live", [None, "long-poll"])
    def test_refused_or_silent(self, answer, live):
        """It costs no failed attempt, and the client remembers."""
        features = ServerFeatures()
        played = play(read(live, features=features), server_with(lambda start, number: answer), until=300.0)
        assert (played.items, played.done, played.pauses) == (list(ITEMS), True, [])
        assert played.modes[: MAX_FULL_PAGES + 2] == [*PAGES, "sse", "plain"]
        assert played.modes.count("sse") == 1
        assert not features.event_history
        assert "sse" not in play(read(features=features), server_with(whole)).modes

    @pytest.mark.parametrize(
        "rest", [[data_frame([0]), SILENCE], [*[2.0, b": heartbeat\n\n"] * 3, SILENCE]], ids=["silent", "heartbeats"]
    )
    def test_silent_after_some_of_it(self, rest):
        """This stream goes on by pages; the next may try again."""
        features = ServerFeatures()
        answer = events(frames(ITEMS[10:20], at(20)), *rest)
        played = play(read(features=features), server_with(lambda start, number: answer))
        assert (played.items, played.done, played.pauses) == (list(ITEMS), True, [])
        assert played.modes.count("sse") == 1
        assert features.event_history

    def test_a_slow_large_event_is_not_silence(self):
        whole_frame = frames(ITEMS[10:], at(40), upToDate=True)
        pieces = [step for i in range(0, len(whole_frame), 7) for step in (2.0, whole_frame[i : i + 7])]
        played = play(read(), server_with(lambda start, number: events(*pieces, SILENCE)))
        assert (played.items, played.done) == (list(ITEMS), True)
        assert played.modes == [*PAGES, "sse"]


class TestFailures:
    def test_a_lost_connection_is_an_ordinary_failure(self):
        def history(start, number):
            return events(frames(ITEMS[start : start + 10], at(start + 10)), RESET) if number < 2 else whole(start)

        played = play(read(), server_with(history))
        assert (played.items, played.done) == (list(ITEMS), True)
        assert played.modes == [*PAGES, "sse", "sse", "sse"]
        assert [pause.attempt.attempt for pause in played.pauses] == [1, 1]

    def test_connections_that_bring_nothing_are_given_up(self):
        played = play(read(), server_with(lambda start, number: events(RESET)))
        assert (played.items, played.done) == (list(ITEMS), True)
        assert played.modes.count("sse") == 3
        assert [pause.attempt.attempt for pause in played.pauses] == [1, 2, 3]

    def test_a_final_status_is_final_also_where_its_reasons_do_not_come(self):
        answer = Response(404, (("Content-Length", "9"),), (b"part", SILENCE))
        played = play(read(), server_with(lambda start, number: answer))
        assert isinstance(played.error, NotFoundError)
        assert played.items == list(ITEMS[:10])

    def test_controls_that_lead_nowhere_do_not_hold_it(self):
        """A server that repeats a control event, and never says that it is up to date."""
        answer = events(*[1.0, control_frame(at(10))] * 2000)
        played = play(read(), server_with(lambda start, number: answer))
        assert (played.items, played.done) == (list(ITEMS), True)
        assert played.now < 10.0
