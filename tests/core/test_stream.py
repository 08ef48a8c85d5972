"""What a stream's machine does after which answer, where a scenario does not show it."""

from __future__ import annotations

import json

import pytest

from flue.core.actions import DELIVER
from flue.core.http_errors import ERROR_BODY_LIMIT
from flue.core.protocol import CREATION_TIMEOUT, AgentErrorPolicy, StreamProtocol
from flue.core.retry import BackoffOptions, Budget
from flue.errors import BadRequestError, DurableStreamError, FlueConnectionError, NotFoundError, ServerError

from .driver import follow, play
from .script import (
    REFUSED,
    RESET,
    SILENCE,
    URL,
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
from .server import StreamServer

CAUGHT_UP = page([0], at(1), up_to_date=True)


class TestRequests:
    @pytest.mark.parametrize(
        ("live", "accept"),
        [(None, "application/json"), ("long-poll", "application/json"), ("sse", "text/event-stream")],
    )
    def test_what_is_asked_for(self, live, accept):
        request = play(follow(live), [REFUSED]).requests[0]
        headers = dict(request.headers)
        assert (request.method, request.body) == ("GET", None)
        assert request.url.startswith(f"{URL}?")
        assert (headers["accept"], headers["accept-encoding"] == "identity") == (accept, live == "sse")

    def test_the_last_cursor_is_echoed_by_live_requests(self):
        empty = nothing(at(1), after=30.0)
        answers = [page([], at(1), up_to_date=True, cursor="c"), empty, nothing(at(1), cursor="", after=30.0), REFUSED]
        played = play(follow(), answers, start=9)
        assert [query.get("cursor") for query in played.queries] == [None, "c", "c", "c"]
        played = play(follow(), [CAUGHT_UP, page([1], at(2), cursor="c"), page([2], at(3), up_to_date=True), REFUSED])
        assert [query.get("cursor") for query in played.queries] == [None, None, None, "c"]
        controls = [control_frame(at(1), streamCursor="c2"), control_frame(at(1))]
        answers = [events(frames([0], at(1), streamCursor="c1")), *map(events, controls), REFUSED]
        assert [query.get("cursor") for query in play(follow("sse"), answers).queries] == [None, "c1", "c2", "c2"]

    def test_behind_a_saved_checkpoint(self):
        machine = follow(tail=3)
        machine.start_at(at(4))
        assert machine.offset == at(4)
        played = play(machine, [page([4], at(5), closed=True)])
        assert (played.queries, played.items, machine.offset) == ([{"offset": at(4)}], [4], at(5))


class TestState:
    def test_what_a_control_event_says_of_it(self):
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
        machine, seen = follow("sse"), []
        machine.next_action(0.0)
        machine.response_started(events().head(), 0.0)
        for data in (
            frames([0], at(1), upToDate=True),
            frames([1], at(2), upToDate=True) + frames([2], at(3), upToDate=True),
        ):
            machine.next_action(0.0)
            machine.data_received(data, 0.0)
            while machine.next_action(0.0) is DELIVER:
                seen.append(machine.up_to_date)
                machine.handed_over()
                seen.append((machine.offset, machine.up_to_date))
        assert seen == [False, (at(1), True), False, (at(2), False), False, (at(3), True)]


class TestEvents:
    def test_what_is_not_data_or_control_is_ignored(self):
        noise = b": heartbeat\n\nid: 7\nretry: 10\n\nevent: news\ndata:{\n\ndata:[9]\n\n"
        noise += b"event: data\n\nevent: control\n\nevent: data\ndata\n\n"
        control = control_frame(at(1))
        steps = noise + data_frame([0]) + noise + control + noise + control_frame(at(1), streamClosed=True)
        played = play(follow("sse"), [events(steps)])
        assert (played.items, played.done) == ([0], True)

    def test_a_healthy_connection_that_brings_nothing_is_opened_again_at_once(self):
        machine = follow("sse")
        played = play(machine, [events(control_frame("-1", upToDate=True), 60.0, b": heartbeat\n\n")] * 20)
        assert (set(played.modes), played.pauses, machine.live) == ({"sse"}, [], "sse")

    def test_an_encoding_that_is_not_spoken_leads_to_long_polls(self):
        headers = (*events().headers, ("Stream-SSE-Data-Encoding", "base64"))
        answer = Response(200, headers, (data_frame(b"WzBd") + control_frame(at(1)),))
        played = play(follow("sse"), [answer, page([0], at(1), closed=True)])
        assert (played.items, played.modes) == ([0], ["sse", "plain"])

    def test_one_control_event_is_enough_to_stay_and_a_server_that_is_down_is_no_reason(self):
        sound = events(control_frame("-1"))
        for answers in ([events(), events(), sound, events(), events(), sound, events(), events()], [REFUSED] * 9):
            machine = follow("sse")
            play(machine, answers)
            assert machine.live == "sse"

    @pytest.mark.parametrize("held", [events(SILENCE), SILENCE], ids=["body", "head"])
    @pytest.mark.parametrize("sound", [0, 1])
    def test_a_proxy_that_holds_back_what_has_not_ended(self, held, sound):
        """At once or later: a laptop is carried to another network."""
        server, opened = StreamServer(range(3), ready=2), []

        def serve(request, now):
            if "live=sse" not in request.url:
                return server(request, now)
            opened.append(request)
            return events(frames([0], at(1), upToDate=True), RESET) if len(opened) <= sound else held

        played = play(follow("sse"), serve, until=86_400.0)
        assert (played.items, played.done) == ([0, 1, 2], True)
        assert len(opened) <= 3 + sound


class TestNonsense:
    @pytest.mark.parametrize("offset", [at(1), None])
    def test_an_empty_page_that_leads_nowhere(self, offset):
        played = play(follow(None), [page([0], at(1)), *[page([], offset)] * 9])
        assert (played.code, played.items, len(played.requests)) == ("OFFSET_STALLED", [0], 5)
        assert [pause.attempt.attempt for pause in played.pauses] == [1, 2, 3]

    @pytest.mark.parametrize("back", [at(2), at(1), "-1"])
    @pytest.mark.parametrize("live", [None, "long-poll", "sse"])
    def test_an_offset_that_runs_backwards(self, live, back):
        first, again = page([0, 1, 2], at(3)), page([1], back, up_to_date=True)
        if live == "sse":
            first, again = events(frames([0, 1, 2], at(3))), events(frames([1], back))
        played = play(follow(live), [first, *[again] * 9])
        assert (played.code, played.items, played.offsets) == ("OFFSET_REGRESSED", [0, 1, 2], [at(3)])
        assert len(played.requests) == 5

    def test_a_stale_cache_may_recover(self):
        """What was wrong before the offset moved is not counted."""
        stale, again = CAUGHT_UP, page([1], at(2), up_to_date=True)
        answers = [page([0, 1], at(2)), stale, again, stale, page([2], at(3)), again, stale, again]
        played = play(follow(None), [*answers, page([3], at(4), up_to_date=True)])
        assert (played.items, played.done) == ([0, 1, 2, 3], True)

    def test_what_follows_it_in_a_connection_is_not_looked_at(self):
        wrong = events(frames([0], at(1)) + frames([9], at(1)) + frames([1], at(2)))
        played = play(follow("sse"), [wrong, events(frames([1], at(2), streamClosed=True))])
        assert (played.items, played.done) == ([0, 1], True)

    def test_the_offset_of_an_error_is_where_one_can_go_on(self):
        stream = events(frames([0], at(1)) + frames([1, 2], at(3)) + control_frame())
        played = play(follow("sse"), [stream])
        assert (played.items, played.offsets) == ([0, 1, 2], [at(1), at(3)])
        assert (played.code, played.error.offset) == ("MISSING_OFFSET", at(3))


class TestLimit:
    def test_a_larger_page_is_refused(self):
        answer = page(b"[" + b"1," * 500 + b"1]", at(501), up_to_date=True)
        played = play(follow(None, limit=1000), [answer.chunked_by(100)])
        assert (played.code, played.items, played.error.offset) == ("EVENT_TOO_LARGE", [], "-1")
        assert str(played.error) == "EVENT_TOO_LARGE: a page is larger than the limit of 1000 bytes"
        assert play(follow(None, limit=1003), [answer]).done

    def test_so_is_a_larger_event_and_a_larger_batch_of_events(self):
        for steps in ([data_frame(["x" * 1000])], [data_frame([n] * 50) for n in range(9)]):
            for pieces in ((frames([0], at(1)), *steps), (frames([0], at(1)) + b"".join(steps),)):
                played = play(follow("sse", limit=900), [events(*pieces)])
                assert (played.code, played.items, played.error.offset) == ("EVENT_TOO_LARGE", [0], at(1))

    def test_each_page_and_each_batch_has_it_to_itself(self):
        pages = [page([0] * 6, at(6)), page([0] * 6, at(12)), page([0] * 6, at(18), up_to_date=True)]
        assert len(play(follow(None, limit=20), pages).items) == 18
        steps = [frames([n] * 20, at(n + 1), streamClosed=n == 8) for n in range(9)]
        assert len(play(follow("sse", limit=100), [events(*steps)]).items) == 180

    def test_longer_reasons_are_a_refusal_all_the_same(self):
        long = refusal(502, b"<html>" * ERROR_BODY_LIMIT)
        played = play(follow(None, limit=1000), [long, long.chunked_by(65536), CAUGHT_UP])
        assert (played.items, played.done) == ([0], True)
        assert all(isinstance(pause.attempt.error, ServerError) for pause in played.pauses)


class TestFailures:
    def test_a_stream_that_is_gone_after_a_restart(self):
        played = play(follow(), [CAUGHT_UP, RESET, REFUSED, refusal(404)])
        assert isinstance(played.error, NotFoundError)
        assert at(1) in played.error.__notes__[0]

    def test_one_that_was_never_read_has_no_offset_to_go_on_from(self):
        assert not hasattr(play(follow(), [refusal(404, b'{"error": {}}')]).error, "__notes__")
        assert not hasattr(play(follow(), [CAUGHT_UP, refusal(410)]).error, "__notes__")

    @pytest.mark.parametrize(
        ("live", "first", "endless"),
        [
            *((live, [], False) for live in ("long-poll", "sse", None)),  # a first connection is given a minute
            (None, [page([0], at(1))], False),
            ("long-poll", [page([], "-1", up_to_date=True)], True),
        ],
    )
    def test_only_a_stream_that_was_read_is_followed_for_ever(self, live, first, endless):
        script = iter(first)
        failure = FlueConnectionError("the connection was refused")
        played = play(follow(live), lambda request, now: next(script, failure), until=3600.0)
        if endless:
            assert played.end is None
            assert max(played.delays) > 10.0
        else:
            assert played.error is failure
            assert 30.0 < played.now < 60.0

    def test_an_idle_poll_that_times_out_costs_no_time(self):
        options = BackoffOptions(max_elapsed=60.0)
        silent = Response(200, page([], None).headers, (SILENCE,))
        played = play(follow(options=options), [CAUGHT_UP, silent, page([1], at(2), closed=True)])
        assert (played.items, played.done) == ([0, 1], True)
        assert not play(follow(None, options=options), [silent, CAUGHT_UP]).done

    def test_a_pause_of_the_budgets_own_making_is_the_whole_pause(self):
        options = BackoffOptions(initial_delay=0.001, max_delay=0.001)
        for live in ("long-poll", "sse"):
            played = play(follow(live, options=options), [REFUSED, RESET, page([0], at(1)).cut(1)] * 5)
            assert max(played.delays) <= 0.001

    def test_without_a_budget_each_is_the_last(self):
        machine = StreamProtocol(URL, None)
        played = play(machine, [CAUGHT_UP, nothing(at(1), after=30.0), RESET, REFUSED])
        assert (played.items, played.error, len(played.requests)) == ([0], RESET, 3)


def envelope(status, kind, details=""):
    return refusal(status, json.dumps({"error": {"type": kind, "message": "No.", "details": details}}).encode())


MISSING = envelope(404, "stream_not_found")


def agent(*, admitted=True, offset="-1", options=None):
    policy = AgentErrorPolicy(admitted=admitted)
    return StreamProtocol(URL, Budget(options), offset=offset, live=None, error_policy=policy)


class TestAgents:
    """The stream of an agent may not be there yet, or not be a stream."""

    def test_after_a_prompt_the_stream_is_about_to_be_but_not_for_ever(self):
        played = play(agent(), [MISSING, MISSING, CAUGHT_UP])
        assert (played.items, played.done) == ([0], True)
        assert all(isinstance(pause.attempt.error, NotFoundError) for pause in played.pauses)
        played = play(agent(options=BackoffOptions()), lambda request, now: MISSING)
        assert isinstance(played.error, NotFoundError)
        assert CREATION_TIMEOUT <= played.now < CREATION_TIMEOUT + 5.0

    @pytest.mark.parametrize(
        ("options", "answer"),
        [
            ({"admitted": False}, MISSING),
            ({"offset": at(3)}, MISSING),
            ({}, envelope(404, "agent_not_found")),
            ({}, refusal(404, b"404 Not Found")),
        ],
        ids=["not admitted", "read before", "no such agent", "no such route"],
    )
    def test_every_other_404_is_final(self, options, answer):
        played = play(agent(**options), [answer, CAUGHT_UP])
        assert isinstance(played.error, NotFoundError)
        assert len(played.requests) == 1

    def test_a_server_that_serves_views_is_named(self):
        refused = envelope(400, "invalid_request", "History reads do not accept offset.")
        played = play(agent(), [refused, CAUGHT_UP])
        error = played.error
        assert isinstance(error, DurableStreamError)
        assert (error.code, error.status, error.offset, len(played.requests)) == ("UNSUPPORTED_SERVER", 400, "-1", 1)
        assert str(error).startswith("UNSUPPORTED_SERVER: this server answers agent reads with conversation views")
        assert str(error).endswith("Flue 2 is read with flue.Conversation")
        assert isinstance(error.__cause__, BadRequestError)

    @pytest.mark.parametrize(
        "answer",
        [
            envelope(400, "invalid_request", "Invalid offset format."),
            envelope(400, "other", "History reads do not accept x"),
            refusal(400),
        ],
        ids=["offset", "type", "empty"],
    )
    def test_every_other_400_is_what_it_says(self, answer):
        assert isinstance(play(agent(), [answer]).error, BadRequestError)
