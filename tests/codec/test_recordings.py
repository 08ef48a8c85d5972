"""What a real server sent: valid by the schemas, typed, and given back key for key."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import msgspec
import pytest
from model_samples import ANSWERS, CHUNKS, RECORDINGS, SCHEMAS, exact, recorded, recorded_bodies, validator

from flue import codec, models

RUN = (codec.EventDecoder(), "FlueEvent")
AGENT = (codec.EventDecoder("agent"), "AttachedAgentEvent")
CONVERSATION = (codec.ConversationChunkDecoder(), "ConversationStreamItem")
STREAMS = {
    path.name: (*(AGENT if path.name.startswith("agent") else RUN), recorded(path.name))
    for path in sorted(RECORDINGS.glob("*_events.json"))
}
STREAMS |= {name: (*CONVERSATION, [wire for other, wire in CHUNKS if other == name]) for name in dict(CHUNKS)}
ANSWERED = [
    *((models.RunRecord, recorded(path.name)) for path in sorted(RECORDINGS.glob("*_record.json"))),
    *((models.AgentSendResult, body) for body in recorded_bodies("agent_send.http")),
    *((models.AgentPromptResult, body) for body in recorded_bodies("agent_prompt.http")),
    *(
        (models.FluePublicError, body["error"])
        for body in recorded_bodies("errors.http")
        if isinstance(body["error"], dict)
    ),
    *((models.ConversationSnapshot, body) for _, body in ANSWERS if "messages" in body),
    *((models.SendResult, body) for _, body in ANSWERS if "submissionId" in body),
    *((models.AbortResult, body) for _, body in ANSWERS if "aborted" in body),
]


def nulls(wire: dict[str, Any]) -> dict[str, None]:
    """What the attributes do not say: only results were null in the recordings."""
    return {"result": None} if wire.get("result", 0) is None else {}


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_are_schemas(name: str) -> None:
    validator("FlueEvent").check_schema(SCHEMAS[name])


@pytest.mark.parametrize(("decode", "union", "items"), STREAMS.values(), ids=STREAMS)
def test_streams(decode: Any, union: str, items: list[dict[str, Any]], caplog: pytest.LogCaptureFixture) -> None:
    for wire in items:
        validator(union).validate(wire)
        raw = json.dumps(wire).encode()
        for item in (wire, raw, json.dumps(wire, ensure_ascii=False).encode(), msgspec.Raw(raw)):
            typed = decode(item)
            assert typed.type == wire["type"]
            assert typed.wire_extra == nulls(wire)
            assert exact(codec.to_json(typed)) == exact(wire)
    before_end = [wire for wire in items if wire["type"] != "run_end"]
    assert decode.decode_many([json.dumps(wire).encode() for wire in items]) == [decode(wire) for wire in before_end]
    assert not caplog.records


@pytest.mark.parametrize(("model", "wire"), ANSWERED)
def test_answers(model: Any, wire: dict[str, Any]) -> None:
    validator(model.__name__).validate(wire)
    typed = codec.decode(model, wire)
    assert typed.wire_extra == nulls(wire)
    assert exact(codec.to_json(typed)) == exact(wire)
    assert pickle.loads(pickle.dumps(typed)) == copy.deepcopy(typed) == typed
    assert len(repr(typed)) <= 200


def test_the_chat_run_has_all_its_events() -> None:
    events = [codec.decode_event(event) for event in recorded("chat_events.json")]
    assert len(events) == 35
    start, log, end = events[0], next(event for event in events if event.type == "log"), events[-1]
    assert isinstance(start, models.RunStartEvent)
    assert (start.workflow_name, start.input, start.event_index) == ("chat", {"text": "What is 2 + 40?"}, 0)
    assert start.started_at.isoformat() == "2026-11-23T09:14:54.876000+00:00"
    assert isinstance(log, models.LogEvent)
    assert (log.level, log.attributes) == ("warn", {"text": "The answer is 42. Ünïcödé ✓ 🎉"})
    assert isinstance(end, models.RunEndEvent)
    assert (end.is_error, end.duration_ms, end.session) == (False, 30, None)
    turn = next(event for event in events if isinstance(event, models.TurnEvent))
    assert turn.response.output is not None
    assert [part.type for part in turn.response.output.content] == ["thinking", "toolCall"]
    assert turn.response.usage is not None
    assert turn.response.usage.cost.total == 0


def test_agent_answers() -> None:
    assert {model for model, _ in ANSWERED} >= {models.RunRecord, models.FluePublicError}
    [sent] = recorded_bodies("agent_send.http")
    admission = codec.decode(models.AgentSendResult, sent)
    assert (admission.offset, admission.submission_id) == ("-1", sent["submissionId"])
    [prompted] = recorded_bodies("agent_prompt.http")
    result = codec.decode(models.AgentPromptResult, prompted)
    assert isinstance(result.result, models.AgentPromptResponse)
    assert (result.result.text, result.result.model.provider) == ("You said something", "faux-assistant")
