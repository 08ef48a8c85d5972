"""`client.agents.stream`: the events of an agent, which have no end."""

from __future__ import annotations

import logging
from urllib.parse import parse_qs, urlsplit

import pytest

from flue import (
    BadRequestError,
    DurableStreamError,
    NotFoundError,
    SubmissionSettledEvent,
    TextDeltaEvent,
    UnknownEvent,
    to_json,
)

from .agent_scenes import AGENT, OTHER, event, follow, recorded_events, refusal, settled, views
from .frames import empty_poll, indexes, offset, page, run_end
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
def test_an_event_of_a_run_is_unknown_here(face, caplog):
    face.server.script(AGENT, [page(run_end(0), next_offset=offset(0))])
    with caplog.at_level(logging.WARNING, logger="flue"):
        [told] = follow(face, live=False).collect()
    assert (told.type, told.wire_type) == ("unknown", "run_end")
    assert "agent assistant/rec1: an event of" in caplog.text


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
        (("a", "x"), {"tail": 0}, ValueError, "tail must be >= 1"),
        (("a", "x"), {"live": "websocket"}, ValueError, "live must be"),
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
