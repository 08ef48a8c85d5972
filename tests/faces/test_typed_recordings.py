"""What real Flue servers sent, served again byte for byte: it arrives typed, and nothing of it is lost."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path

import pytest

import flue
from flue import RunEndEvent, RunStartEvent, TextDeltaEvent, UnknownEvent, to_json
from flue.testing import Reply

from .frames import JSON
from .harness import on_both_faces

RECORDINGS = Path(__file__).parents[1] / "recordings"
HOP_BY_HOP = {"connection", "keep-alive", "date", "transfer-encoding", "content-length"}


def recorded(name):
    """A recording of JSON."""
    return json.loads((RECORDINGS / name).read_text())


def answers(name):
    """The answers of an HTTP recording, as replies; a line `### ...` in front of each is its request."""
    replies = []
    for part in re.split(rb"(?m)^(?=HTTP/1\.1 )", (RECORDINGS / name).read_bytes().replace(b"\r\n", b"\n"))[1:]:
        head, _, rest = part.partition(b"\n\n")
        lines = head.decode().splitlines()
        headers = [tuple(line.split(": ", 1)) for line in lines[1:]]
        body = re.sub(rb"\n*(### .*)?$", b"", rest) if b"event:" not in rest else rest
        kept = [pair for pair in headers if pair[0].lower() not in HOP_BY_HOP]
        replies.append(Reply(int(lines[0].split()[1]), kept, body))
    return replies


def check_typed(events, wire):
    """Each is of the class that is named after its type, and gives its JSON object back, key for key."""
    assert len(events) == len(wire)
    for event, original in zip(events, wire, strict=True):
        assert not isinstance(event, UnknownEvent)
        name = "".join(word.capitalize() for word in original["type"].split("_"))
        assert type(event) is getattr(flue, f"{name}Event")
        assert (event.type, event.v, event.event_index) == (original["type"], 3, original["eventIndex"])
        assert event.timestamp.tzinfo is datetime.UTC
        assert to_json(event) == original
        assert json.dumps(to_json(event), sort_keys=True) == json.dumps(original, sort_keys=True)


@pytest.mark.parametrize("name", ["chat_events.json", "failed_events.json", "noinput_events.json"])
@pytest.mark.parametrize("live", [None, False, True, "sse"])
@on_both_faces(page_limit=10)
def test_events_of_a_run(face, name, live):
    """By `events()`, by pages, by polls and by server-sent events, over several pages or batches."""
    wire = recorded(name)
    run_id = wire[0]["runId"]
    face.server.create_run(run_id=run_id)
    face.server.append(run_id, *wire, raw=True)
    face.server.close_run(run_id)
    events = face.events(run_id) if live is None else face.stream(run_id, live=live).collect()
    check_typed(events, wire)


@on_both_faces
def test_attributes_are_typed(face):
    """Times, nested payloads, absent and null fields."""
    face.server.script("run_1", answers("chat_sse.http"))
    events = face.stream("run_1", live="sse").collect()
    check_typed(events, recorded("chat_events.json"))
    first, last = events[0], events[-1]
    match first:
        case RunStartEvent():
            assert first.input == {"text": "What is 2 + 40?"}
            assert first.started_at == datetime.datetime(2026, 11, 23, 9, 14, 54, 876000, tzinfo=datetime.UTC)
        case _:
            pytest.fail(f"{first!r} is no RunStartEvent")
    assert isinstance(last, RunEndEvent)
    assert last.is_error is False
    assert any(isinstance(event, TextDeltaEvent) and isinstance(event.text, str) for event in events)


@pytest.mark.parametrize(
    ("name", "status", "failed"),
    [
        ("chat_record.json", "completed", False),
        ("failed_record.json", "errored", True),
        ("noinput_record.json", "completed", False),
    ],
)
@on_both_faces
def test_records(face, name, status, failed):
    wire = recorded(name)
    face.server.script("run_1", [Reply(200, [JSON], json.dumps(wire).encode())])
    record = face.get("run_1")
    assert (record.run_id, record.workflow_name, record.status) == (wire["runId"], wire["workflowName"], status)
    assert (record.is_error, record.error) == (failed, wire.get("error"))
    assert (record.result, record.input) == (wire.get("result"), wire.get("input"))
    assert record.started_at < record.ended_at
    assert record.ended_at.tzinfo is datetime.UTC
    assert record.duration_ms == wire["durationMs"]
    assert to_json(record) == wire
