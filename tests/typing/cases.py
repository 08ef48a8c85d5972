"""A user's code for the type checkers: lines marked `type-error` have to be refused, all others accepted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, assert_never, assert_type

import attrs

from flue import (
    AbortResult,
    AgentPromptResponse,
    AgentPromptResult,
    AttachedAgentEvent,
    ConversationChunk,
    ConversationMessage,
    ConversationPart,
    ConversationSnapshot,
    ConversationStreamItem,
    DataPart,
    DynamicToolPart,
    FilePart,
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
    MessageDeltaChunk,
    PromptUsage,
    ReasoningPart,
    RunEndEvent,
    RunRecord,
    RunStartEvent,
    RunStatus,
    SendResult,
    StreamCheckpointChunk,
    TextPart,
    ToolOutputChunk,
    TurnEvent,
    UnknownChunk,
    UnknownContent,
    UnknownEvent,
    UnknownPart,
)
from flue.codec import (
    ConversationChunkDecoder,
    EventDecoder,
    converter,
    decode,
    decode_agent_prompt_response,
    decode_event,
    decode_run_record,
    to_json,
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


def chunks_narrow(chunk: ConversationChunk) -> str:
    if chunk.type == "message-delta":
        assert_type(chunk, MessageDeltaChunk)
        assert_type(chunk.kind, Literal["text", "reasoning"])
        return chunk.delta
    if chunk.type == "conversation-reset":
        assert_type(chunk.snapshot, ConversationSnapshot)
        assert_type(chunk.position.batch, int)
    if chunk.type == "submission-settled":
        assert_type(chunk.outcome, Literal["completed", "failed", "aborted"])
    if chunk.type == "stream-checkpoint":  # type-error
        raise AssertionError
    match chunk:
        case ToolOutputChunk(tool_call_id=call):
            return call
        case UnknownChunk():
            assert_type(chunk.conversation_id, str | None)
            return chunk.problem
        case _:
            return chunk.conversation_id


def parts_narrow(part: ConversationPart) -> str:
    if part.type == "text":
        assert_type(part, TextPart)
        return part.text
    if part.type == "dynamic-tool":
        assert_type(part, DynamicToolPart)
        assert_type(part.state, Literal["input-available", "output-available", "output-error"])
        return part.tool_name
    if part.type == "data":
        assert_type(part, DataPart)
        assert_type(part.name, str)
        return part.name
    if part.type == "reasoning":
        return part.text
    if part.type == "unknown":
        assert_type(part, UnknownPart)
        return part.problem
    assert_type(part, FilePart)
    return part.media_type


def parts_are_exhaustive(part: ConversationPart) -> str:
    match part:
        case TextPart() | ReasoningPart():
            return part.text
        case DynamicToolPart() | DataPart() | FilePart():
            return part.type
        case _:
            assert_never(part)  # type-error


def conversations(wire: dict[str, Any]) -> None:
    snapshot = decode(ConversationSnapshot, wire)
    assert_type(snapshot.messages, list[ConversationMessage])
    assert_type(snapshot.messages[0].purpose, str)
    assert_type(snapshot.messages[0].parts, list[ConversationPart])
    assert_type(snapshot.settlements[0].answered_by_submission_id, str | None)
    assert_type(decode(SendResult, wire).deduplicated, bool)
    assert_type(decode(AbortResult, wire).aborted, bool)
    item = ConversationChunkDecoder("conversation c")(wire)
    assert_type(item, ConversationStreamItem)
    if not isinstance(item, StreamCheckpointChunk):
        chunk: ConversationChunk = item
        print(chunk)
    TextPart(text="", state="open")  # type-error
