"""`client.agents.stream`: the events of an agent, which have no end."""

from __future__ import annotations

import logging
from urllib.parse import parse_qs, urlsplit

import pytest

from flue import (
    AbortSignal,
    BadRequestError,
    DurableStreamError,
    FlueTimeoutError,
    NotFoundError,
    SubmissionSettledEvent,
    TextDeltaEvent,
    UnknownEvent,
    UnsupportedFlueEventVersionError,
    to_json,
)
from flue.testing import Fault, Reply

from .agent_scenes import AGENT, OTHER, abort_after_requests, event, follow, recorded_events, refusal, settled, views
from .frames import control, data, empty_poll, indexes, offset, page, run_end, sse
from .harness import EAGER, on_both_faces


def queries(face):
    return [{name: values[0] for name, values in parse_qs(urlsplit(target).query).items()} for target in face.targets]


@on_both_faces
def test_recorded_events(face):
    recorded = recorded_events()
    face.server.script(AGENT, [page(*recorded, next_offset=offset(12))])
    stream = follow(face, live=False)
    events = stream.collect()
    assert [to_json(told) for told in events] == recorded
    assert not [told for told in events if isinstance(told, UnknownEvent)]
    assert isinstance(events[4], TextDeltaEvent)
    assert isinstance(events[-1], SubmissionSettledEvent)
    assert {told.agent_name for told in events} == {"assistant"}
    assert (stream.offset, stream.up_to_date, stream.closed) == (offset(12), True, False)
    assert face.targets == ["/api/agents/assistant/rec1?offset=-1"]


@on_both_faces
def test_no_event_ends_it(face):
    """The stream waits for the next prompt; not even the end of a run is one here."""
    replies = [
        page(event(0, "idle"), settled(1), next_offset=offset(1)),
        empty_poll(1),
        page(run_end(2), settled(3, submission_id=OTHER), next_offset=offset(3)),
        page(event(4, "idle"), next_offset=offset(4)),
    ]
    face.server.script(AGENT, replies)
    stream = follow(face, backoff_options=EAGER)
    assert indexes(stream.collect(5)) == [0, 1, 2, 3, 4]
    assert (stream.offset, stream.closed) == (offset(4), False)
    assert queries(face)[1:] == [
        {"live": "long-poll", "offset": offset(1)},
        {"live": "long-poll", "offset": offset(1)},
        {"live": "long-poll", "offset": offset(3)},
    ]
    stream.cancel()
    assert stream.collect() == []


@on_both_faces
def test_it_ends_when_the_server_closes_it(face):
    face.server.script(AGENT, [page(event(0, "idle"), next_offset=offset(0), closed=True)])
    stream = follow(face)
    assert indexes(stream.collect()) == [0]
    assert stream.closed


@on_both_faces
def test_an_event_of_a_run_is_unknown_here(face, caplog):
    face.server.script(AGENT, [page(run_end(0), next_offset=offset(0))])
    with caplog.at_level(logging.WARNING, logger="flue"):
        [told] = follow(face, live=False).collect()
    assert (told.type, told.wire_type) == ("unknown", "run_end")
    assert "agent assistant/rec1: an event of" in caplog.text


@on_both_faces
def test_server_sent_events(face):
    face.server.script(AGENT, [sse(data(event(3, "idle")), control(3, upToDate=True), data(settled(4)), control(4))])
    stream = follow(face, live="sse", offset=offset(2))
    assert indexes(stream.collect(2)) == [3, 4]
    assert stream.offset == offset(4)
    assert queries(face) == [{"live": "sse", "offset": offset(2)}]


@on_both_faces
def test_the_last_events(face):
    face.server.script(AGENT, [page(event(8, "idle"), event(9, "idle"), next_offset=offset(9))])
    assert indexes(follow(face, tail=2, live=False).collect()) == [8, 9]
    assert queries(face) == [{"offset": "-1", "tail": "2"}]


@on_both_faces
def test_from_now_on(face):
    replies = [page(next_offset=offset(9)), page(event(10, "idle"), next_offset=offset(10))]
    face.server.script(AGENT, replies)
    assert follow(face, offset="now").next().event_index == 10
    assert queries(face) == [{"offset": "now"}, {"live": "long-poll", "offset": offset(9)}]


@on_both_faces
def test_nothing_is_asked_before_the_first_pull(face):
    stream = follow(face, "a b", "x/y")
    assert (stream.offset, face.targets) == ("-1", [])
    face.server.script("/agents/", [page(event(0, "idle"), next_offset=offset(0))])
    stream.next()
    assert face.targets == ["/api/agents/a%20b/x%2Fy?offset=-1"]


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "reason"),
    [
        (("", "x"), {}, ValueError, "name must not be ''"),
        (("a", ".."), {}, ValueError, "id must not be '..'"),
        ((3, "x"), {}, TypeError, "name must be str, not int"),
        (("a", "x"), {"offset": ""}, ValueError, "offset must not be empty"),
        (("a", "x"), {"offset": 3}, TypeError, "offset must be str"),
        (("a", "x"), {"tail": 0}, ValueError, "tail must be >= 1"),
        (("a", "x"), {"live": "websocket"}, ValueError, "live must be"),
        (("a", "x"), {"timeout": "1"}, TypeError, "timeout must be"),
        (("a", "x"), {"signal": 1}, TypeError, "signal must be"),
        (("a", "x"), {"backoff_options": 1}, TypeError, "backoff_options must be"),
    ],
)
@on_both_faces
def test_arguments_are_checked_at_once(face, arguments, options, kind, reason):
    with pytest.raises(kind, match=reason):
        follow(face, *arguments, **options)
    assert face.targets == []


@on_both_faces
def test_an_instance_that_nobody_has_prompted(face):
    face.server.script(AGENT, [refusal(404, "stream_not_found")])
    with pytest.raises(NotFoundError) as caught:
        follow(face, backoff_options=EAGER).next()
    assert caught.value.error.type == "stream_not_found"
    assert len(face.targets) == 1


@pytest.mark.parametrize("live", [False, "long-poll", "sse"])
@pytest.mark.parametrize("start", ["-1", offset(4), "now"])
@on_both_faces
def test_a_server_with_conversation_views(face, live, start):
    face.server.script(AGENT, [views()])
    stream = follow(face, live=live, offset=start)
    with pytest.raises(DurableStreamError) as caught:
        stream.next()
    assert (caught.value.code, caught.value.status, caught.value.offset) == ("UNSUPPORTED_SERVER", 400, start)
    assert str(caught.value).startswith("UNSUPPORTED_SERVER: this server answers agent reads with conversation views")
    assert "beta.8" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value.__cause__, BadRequestError)
    with pytest.raises(DurableStreamError) as again:
        stream.next()
    assert again.value is caught.value
    assert len(face.targets) == 1


@pytest.mark.parametrize(
    "reply",
    [
        refusal(400, "invalid_request", "Invalid offset format."),
        refusal(400, "no_such_thing", "History reads do not accept offset, tail, or live parameters."),
        Reply(400, [("content-type", "text/html")], b"History reads do not accept offset"),
    ],
)
@on_both_faces
def test_another_refusal_stays_what_it_is(face, reply):
    face.server.script(AGENT, [reply])
    with pytest.raises(BadRequestError):
        follow(face).next()
    assert len(face.targets) == 1


@on_both_faces
def test_failures_on_the_way_cost_no_event(face):
    replies = [
        Reply(503),
        page(event(0, "idle"), next_offset=offset(0)),
        Reply(fault=Fault(cut_head_after=0)),
        page(event(1, "idle"), next_offset=offset(1)),
    ]
    face.server.script(AGENT, replies)
    stream = follow(face, backoff_options=EAGER)
    assert indexes(stream.collect(2)) == [0, 1]


@on_both_faces
def test_an_event_of_another_version(face):
    face.server.script(AGENT, [page(event(0, "idle"), event(1, "idle") | {"v": 2}, next_offset=offset(1))])
    stream = follow(face)
    assert stream.next().event_index == 0
    with pytest.raises(UnsupportedFlueEventVersionError):
        stream.next()
    assert stream.offset == "-1"


@on_both_faces
def test_an_abort_ends_it_quietly(face):
    replies = [page(event(0, "idle"), next_offset=offset(0)), Reply(fault=Fault(stall_before_headers=30))]
    face.server.script(AGENT, replies)
    signal = AbortSignal()
    stream = follow(face, signal=signal)
    assert stream.next().event_index == 0
    aborter = abort_after_requests(face, signal, 2)
    assert stream.collect() == []
    aborter.join()
    assert stream.offset == offset(0)


@on_both_faces(compare=False)  # a busy machine may not get to sending the request
def test_the_time_is_up(face):
    face.server.script(AGENT, [Reply(fault=Fault(stall_before_headers=30))])
    with pytest.raises(FlueTimeoutError) as caught:
        follow(face, timeout=0.1, offset=offset(3)).next()
    assert caught.value.offset == offset(3)
