"""A user's code for the type checkers: lines marked `type-error` have to be refused, all others accepted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, assert_never, assert_type

import attrs

import flue
from flue import codec


def narrows_by_type(event: flue.FlueEvent) -> None:
    if event.type == "run_end":
        assert_type(event, flue.RunEndEvent)
        assert_type(event.is_error, bool)
        assert_type(event.run_id, str)
    elif event.type == "log":
        assert_type(event, flue.LogEvent)
        assert_type(event.level, flue.LogLevel)
        assert_type(event.attributes, dict[str, Any] | None)
    elif event.type == "unknown":
        assert_type(event, flue.UnknownEvent)
        assert_type(event.raw, dict[str, Any])
        assert_type(event.wire_type, str | None)
    elif event.type == "turn":
        assert_type(event, flue.TurnEvent)
        assert_type(event.response.usage, flue.PromptUsage | None)
        assert_type(event.response.output, flue.LlmAssistantMessage | None)
    if event.type != "run_start":
        print(event.workflow_name)  # type-error


def narrows_by_match(event: flue.FlueEvent) -> str:
    match event:
        case flue.RunStartEvent(workflow_name=name):
            assert_type(name, str)
            return name
        case flue.LogEvent(level="error", message=message):
            return message
        case flue.UnknownEvent():
            assert_type(event.event_index, int | None)
            return event.problem
        case _:
            return event.type


def every_event_has_the_envelope(event: flue.FlueEvent, attached: flue.AttachedAgentEvent) -> None:
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


def all_messages(message: flue.LlmMessage) -> str:
    match message:
        case flue.LlmUserMessage():
            assert_type(message.content, str | list[flue.LlmTextContent | flue.LlmImageContent | flue.UnknownContent])
            return "user"
        case flue.LlmAssistantMessage():
            return "assistant"
        case flue.LlmToolResultMessage():
            return message.tool_call_id
        case _:
            assert_never(message)


def forgets_a_message(message: flue.LlmMessage) -> str:
    if message.role == "user":
        return "user"
    if message.role == "assistant":
        return "assistant"
    assert_never(message)  # type-error


def all_content(part: flue.LlmAssistantContent) -> str:
    if part.type == "text":
        return part.text
    if part.type == "thinking":
        assert_type(part, flue.LlmThinkingContent)
        return part.thinking
    if part.type == "toolCall":
        assert_type(part, flue.LlmToolCall)
        return part.name
    assert_type(part, flue.UnknownContent)
    return part.problem


def attached_events_are_events(attached: flue.AttachedAgentEvent, event: flue.FlueEvent) -> None:
    accepted: flue.FlueEvent = attached
    refused: flue.AttachedAgentEvent = event  # type-error
    print(accepted, refused)
    if attached.type == "run_end":  # type-error
        raise AssertionError


def made_by_hand(now: datetime) -> None:
    event = flue.LogEvent(level="info", message="m", event_index=0, timestamp=now)
    assert_type(attrs.evolve(event, message="n"), flue.LogEvent)
    flue.LogEvent(level="fatal", message="m", event_index=0, timestamp=now)  # type-error
    flue.LogEvent(level="info", message="m", timestamp=now)  # type-error
    flue.LogEvent(level="info", message="m", event_index=0, timestamp="2026-11-23T09:14:54.876Z")  # type-error
    flue.LogEvent(level="info", message="m", event_index=0, timestamp=now, type="log")  # type-error
    event.level = "warn"
    event.level = "fatal"  # type-error
    event.levle = "warn"  # type-error


def the_codec(wire: dict[str, Any], raw: bytes) -> None:
    record = codec.decode_run_record(wire)
    assert_type(record, flue.RunRecord)
    assert_type(record.status, flue.RunStatus)
    assert_type(record.ended_at, datetime | None)
    assert_type(codec.decode(flue.PromptUsage, wire), flue.PromptUsage)
    assert_type(codec.to_json(record), dict[str, Any])
    assert_type(codec.EventDecoder("agent", "agent a/1")(raw), flue.FlueEvent)
    assert_type(codec.decode_event(raw), flue.FlueEvent)
    assert_type(codec.converter.structure(wire, flue.RunRecord), flue.RunRecord)
    answer = codec.decode(flue.AgentPromptResult, wire).result
    if isinstance(answer, flue.AgentPromptResponse):
        assert_type(answer.text, str)
    print(answer.text, codec.decode_agent_prompt_response(wire).usage)
    codec.EventDecoder("workflow")  # type-error
    codec.to_json(wire)  # type-error
    codec.decode(str, wire)  # type-error


def chunks_narrow(chunk: flue.ConversationChunk) -> str:
    if chunk.type == "message-delta":
        assert_type(chunk, flue.MessageDeltaChunk)
        assert_type(chunk.kind, Literal["text", "reasoning"])
        return chunk.delta
    if chunk.type == "conversation-reset":
        assert_type(chunk.snapshot, flue.ConversationSnapshot)
        assert_type(chunk.position.batch, int)
    if chunk.type == "submission-settled":
        assert_type(chunk.outcome, Literal["completed", "failed", "aborted"])
    if chunk.type == "stream-checkpoint":  # type-error
        raise AssertionError
    match chunk:
        case flue.ToolOutputChunk(tool_call_id=call):
            return call
        case flue.UnknownChunk():
            assert_type(chunk.conversation_id, str | None)
            return chunk.problem
        case _:
            return chunk.conversation_id


def parts_narrow(part: flue.ConversationPart) -> str:
    if part.type == "text":
        assert_type(part, flue.TextPart)
        return part.text
    if part.type == "dynamic-tool":
        assert_type(part, flue.DynamicToolPart)
        assert_type(part.state, Literal["input-available", "output-available", "output-error"])
        return part.tool_name
    if part.type == "data":
        assert_type(part, flue.DataPart)
        assert_type(part.name, str)
        return part.name
    if part.type == "reasoning":
        return part.text
    if part.type == "unknown":
        assert_type(part, flue.UnknownPart)
        return part.problem
    assert_type(part, flue.FilePart)
    return part.media_type


def parts_are_exhaustive(part: flue.ConversationPart) -> str:
    match part:
        case flue.TextPart() | flue.ReasoningPart():
            return part.text
        case flue.DynamicToolPart() | flue.DataPart() | flue.FilePart():
            return part.type
        case _:
            assert_never(part)  # type-error


def conversations(wire: dict[str, Any]) -> None:
    snapshot = codec.decode(flue.ConversationSnapshot, wire)
    assert_type(snapshot.messages, list[flue.ConversationMessage])
    assert_type(snapshot.messages[0].purpose, str)
    assert_type(snapshot.messages[0].parts, list[flue.ConversationPart])
    assert_type(snapshot.settlements[0].answered_by_submission_id, str | None)
    assert_type(codec.decode(flue.SendResult, wire).deduplicated, bool)
    assert_type(codec.decode(flue.AbortResult, wire).aborted, bool)
    item = codec.ConversationChunkDecoder("conversation c")(wire)
    assert_type(item, flue.ConversationStreamItem)
    if not isinstance(item, flue.StreamCheckpointChunk):
        chunk: flue.ConversationChunk = item
        print(chunk)
    flue.TextPart(text="", state="open")  # type-error
