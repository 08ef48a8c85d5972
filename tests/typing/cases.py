"""A user's code for the type checkers: lines marked `type-error` have to be refused, all others accepted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, assert_never, assert_type

import attrs

from flue.codec import (
    EventDecoder,
    converter,
    decode,
    decode_agent_prompt_response,
    decode_event,
    decode_run_record,
    to_json,
)
from flue.models import (
    AgentPromptResponse,
    AgentPromptResult,
    AttachedAgentEvent,
    FlueEvent,
    LlmAssistantContent,
    LlmAssistantMessage,
    LlmImageContent,
    LlmMessage,
    LlmTextContent,
    LlmThinkingContent,
    LlmToolCall,
    LlmToolResultMessage,
    LlmUserMessage,
    LogEvent,
    LogLevel,
    PromptUsage,
    RunEndEvent,
    RunRecord,
    RunStartEvent,
    RunStatus,
    TurnEvent,
    UnknownContent,
    UnknownEvent,
)


def narrows_by_type(event: FlueEvent) -> None:
    if event.type == "run_end":
        assert_type(event, RunEndEvent)
        assert_type(event.is_error, bool)
        assert_type(event.run_id, str)
    elif event.type == "log":
        assert_type(event, LogEvent)
        assert_type(event.level, LogLevel)
        assert_type(event.attributes, dict[str, Any] | None)
    elif event.type == "unknown":
        assert_type(event, UnknownEvent)
        assert_type(event.raw, dict[str, Any])
        assert_type(event.wire_type, str | None)
    elif event.type == "turn":
        assert_type(event, TurnEvent)
        assert_type(event.response.usage, PromptUsage | None)
        assert_type(event.response.output, LlmAssistantMessage | None)
    if event.type != "run_start":
        print(event.workflow_name)  # type-error


def narrows_by_match(event: FlueEvent) -> str:
    match event:
        case RunStartEvent(workflow_name=name):
            assert_type(name, str)
            return name
        case LogEvent(level="error", message=message):
            return message
        case UnknownEvent():
            assert_type(event.event_index, int | None)
            return event.problem
        case _:
            return event.type


def every_event_has_the_envelope(event: FlueEvent, attached: AttachedAgentEvent) -> None:
    assert_type(event.event_index, int | None)
    assert_type(event.timestamp, datetime | None)
    assert_type(event.turn_id, str | None)
    assert_type(attached.instance_id, str | None)
    if event.type != "unknown":
        assert_type(event.event_index, int)
        assert_type(event.timestamp, datetime)
        assert_type(event.v, Literal[3])
        assert_type(event.wire_extra, Mapping[str, Any])
    print(event.later)  # type-error


def all_messages(message: LlmMessage) -> str:
    match message:
        case LlmUserMessage():
            assert_type(message.content, str | list[LlmTextContent | LlmImageContent | UnknownContent])
            return "user"
        case LlmAssistantMessage():
            return "assistant"
        case LlmToolResultMessage():
            return message.tool_call_id
        case _:
            assert_never(message)


def forgets_a_message(message: LlmMessage) -> str:
    if message.role == "user":
        return "user"
    if message.role == "assistant":
        return "assistant"
    assert_never(message)  # type-error


def all_content(part: LlmAssistantContent) -> str:
    if part.type == "text":
        return part.text
    if part.type == "thinking":
        assert_type(part, LlmThinkingContent)
        return part.thinking
    if part.type == "toolCall":
        assert_type(part, LlmToolCall)
        return part.name
    assert_type(part, UnknownContent)
    return part.problem


def attached_events_are_events(attached: AttachedAgentEvent, event: FlueEvent) -> None:
    accepted: FlueEvent = attached
    refused: AttachedAgentEvent = event  # type-error
    print(accepted, refused)
    if attached.type == "run_end":  # type-error
        raise AssertionError


def made_by_hand(now: datetime) -> None:
    event = LogEvent(level="info", message="m", event_index=0, timestamp=now)
    assert_type(attrs.evolve(event, message="n"), LogEvent)
    LogEvent(level="fatal", message="m", event_index=0, timestamp=now)  # type-error
    LogEvent(level="info", message="m", timestamp=now)  # type-error
    LogEvent(level="info", message="m", event_index=0, timestamp="2026-11-23T09:14:54.876Z")  # type-error
    LogEvent(level="info", message="m", event_index=0, timestamp=now, type="log")  # type-error
    event.level = "warn"
    event.level = "fatal"  # type-error
    event.levle = "warn"  # type-error


def the_codec(wire: dict[str, Any], raw: bytes) -> None:
    record = decode_run_record(wire)
    assert_type(record, RunRecord)
    assert_type(record.status, RunStatus)
    assert_type(record.ended_at, datetime | None)
    assert_type(decode(PromptUsage, wire), PromptUsage)
    assert_type(to_json(record), dict[str, Any])
    assert_type(EventDecoder("agent", "agent a/1")(raw), FlueEvent)
    assert_type(decode_event(raw), FlueEvent)
    assert_type(converter.structure(wire, RunRecord), RunRecord)
    answer = decode(AgentPromptResult, wire).result
    if isinstance(answer, AgentPromptResponse):
        assert_type(answer.text, str)
    print(answer.text, decode_agent_prompt_response(wire).usage)
    EventDecoder("workflow")  # type-error
    to_json(wire)  # type-error
    decode(str, wire)  # type-error
