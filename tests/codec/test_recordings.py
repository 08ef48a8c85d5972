"""What a real server sent: valid by the schemas, typed, and given back key for key."""

from __future__ import annotations

import json

import pytest
from model_samples import RECORDINGS, SCHEMAS, exact, recorded, recorded_bodies, validator

from flue import codec
from flue.models import (
    AgentPromptResponse,
    AgentPromptResult,
    AgentSendResult,
    FluePublicError,
    LogEvent,
    RunEndEvent,
    RunRecord,
    RunStartEvent,
    TurnEvent,
    UnknownEvent,
)

EVENT_FILES = sorted(path.name for path in RECORDINGS.glob("*_events.json"))
RECORD_FILES = sorted(path.name for path in RECORDINGS.glob("*_record.json"))


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_are_schemas(name: str) -> None:
    validator("FlueEvent").check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", EVENT_FILES)
def test_events(name: str) -> None:
    decode = codec.EventDecoder("agent" if name.startswith("agent") else "run")
    union = validator("AttachedAgentEvent" if name.startswith("agent") else "FlueEvent")
    for event in recorded(name):
        union.validate(event)
        for item in (event, json.dumps(event).encode(), json.dumps(event, ensure_ascii=False).encode()):
            typed = decode(item)
            assert not isinstance(typed, UnknownEvent)
            assert typed.type == event["type"]
            assert dict(typed.wire_extra) == ({"result": None} if event.get("result", 0) is None else {})
            assert exact(codec.to_json(typed)) == exact(event)


def test_the_chat_run_has_all_its_events() -> None:
    events = [codec.decode_event(event) for event in recorded("chat_events.json")]
    assert len(events) == 35
    start, log, end = events[0], next(event for event in events if event.type == "log"), events[-1]
    assert isinstance(start, RunStartEvent)
    assert (start.workflow_name, start.input, start.event_index) == ("chat", {"text": "What is 2 + 40?"}, 0)
    assert start.started_at.isoformat() == "2026-11-23T09:14:54.876000+00:00"
    assert isinstance(log, LogEvent)
    assert (log.level, log.attributes) == ("warn", {"text": "The answer is 42. Ünïcödé ✓ 🎉"})
    assert isinstance(end, RunEndEvent)
    assert (end.is_error, end.duration_ms, end.session) == (False, 30, None)
    turn = next(event for event in events if isinstance(event, TurnEvent))
    assert turn.response.output is not None
    assert [part.type for part in turn.response.output.content] == ["thinking", "toolCall"]
    assert turn.response.usage is not None
    assert turn.response.usage.cost.total == 0


@pytest.mark.parametrize("name", RECORD_FILES)
def test_run_records(name: str) -> None:
    record = recorded(name)
    validator("RunRecord").validate(record)
    typed = codec.decode_run_record(record)
    assert isinstance(typed, RunRecord)
    assert exact(codec.to_json(typed)) == exact(record)


def test_agent_answers() -> None:
    [sent] = recorded_bodies("agent_send.http")
    admission = codec.decode(AgentSendResult, sent)
    assert (admission.offset, admission.submission_id) == ("-1", sent["submissionId"])
    [prompted] = recorded_bodies("agent_prompt.http")
    result = codec.decode(AgentPromptResult, prompted)
    assert isinstance(result.result, AgentPromptResponse)
    assert (result.result.text, result.result.model.provider) == ("You said something", "faux-assistant")
    for name, wire, typed in (("AgentSendResult", sent, admission), ("AgentPromptResult", prompted, result)):
        validator(name).validate(wire)
        assert exact(codec.to_json(typed)) == exact(wire)


def test_errors() -> None:
    envelopes = [body["error"] for body in recorded_bodies("errors.http") if isinstance(body.get("error"), dict)]
    assert len(envelopes) >= 8
    for error in envelopes:
        validator("FluePublicError").validate(error)
        assert exact(codec.to_json(codec.decode(FluePublicError, error))) == exact(error)
