"""Direct decoding: JSON text becomes a model without a dictionary in between.

Generated from schemas/ by `python -m codegen`: do not edit.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import UNSET

from flue.codec._base import AFTER, NO_EXTRA, SEPARATORS, NeedsSlowPath, from_iso, new, own_copy, struct
from flue.models.common import (
    FlueErrorInfo,
    FlueSerializedError,
    LlmAssistantMessage,
    LlmTextContent,
    LlmThinkingContent,
    LlmToolCall,
    LlmTurnPurpose,
    ModelRequestInfo,
    ModelResponse,
    PromptCost,
    PromptUsage,
    SubmissionOutcome,
)
from flue.models.conversation import (
    ChunkPosition,
    ConversationMessage,
    ConversationResetChunk,
    ConversationSettlement,
    ConversationSnapshot,
    DataPartChunk,
    DeltaKind,
    DynamicToolPart,
    FilePart,
    MessageAppendedChunk,
    MessageCompletedChunk,
    MessageDeltaChunk,
    MessageMetadataChunk,
    MessageRole,
    MessageSettlement,
    MessageSignal,
    MessageStartedChunk,
    PartState,
    ReasoningPart,
    StreamCheckpointChunk,
    SubmissionSettledChunk,
    TextPart,
    ToolInputChunk,
    ToolOutputChunk,
    ToolOutputErrorChunk,
    ToolState,
)
from flue.models.flue_event import (
    AgentEndEvent,
    AgentStartEvent,
    CompactionEvent,
    CompactionReason,
    CompactionStartEvent,
    DataEvent,
    IdleEvent,
    LogEvent,
    LogLevel,
    MessageEndEvent,
    MessageStartEvent,
    OperationEvent,
    OperationKind,
    OperationStartEvent,
    RunEndEvent,
    RunResumeEvent,
    RunStartEvent,
    SubmissionSettledEvent,
    TaskEvent,
    TaskStartEvent,
    TextDeltaEvent,
    ThinkingDeltaEvent,
    ThinkingEndEvent,
    ThinkingStartEvent,
    ToolEvent,
    ToolStartEvent,
    TurnEvent,
    TurnMessagesEvent,
    TurnStartEvent,
)

_EVENT_ENVELOPE: Final = (
    ("v", "v", Literal[3]),
    ("event_index", "eventIndex", int),
    ("timestamp", "timestamp", str),
    ("run_id", "runId", str, None),
    ("conversation_id", "conversationId", str, None),
    ("session", "session", str, None),
    ("harness", "harness", str, None),
    ("operation_id", "operationId", str, None),
    ("turn_id", "turnId", str, None),
    ("instance_id", "instanceId", str, None),
    ("agent_name", "agentName", str, None),
    ("submission_id", "submissionId", str, None),
    ("dispatch_id", "dispatchId", str, None),
    ("task_id", "taskId", str, None),
    ("parent_session", "parentSession", str, None),
)

_RUN_START_EVENT: Final[Any] = struct(
    "RunStartEvent",
    ("run_id", "runId", str),
    ("workflow_name", "workflowName", str),
    ("started_at", "startedAt", str),
    ("input", "input", Any, UNSET),
    tag=("type", "run_start"),
    shared=_EVENT_ENVELOPE,
)

_RUN_RESUME_EVENT: Final[Any] = struct(
    "RunResumeEvent",
    ("run_id", "runId", str),
    ("workflow_name", "workflowName", str),
    ("started_at", "startedAt", str),
    tag=("type", "run_resume"),
    shared=_EVENT_ENVELOPE,
)

_RUN_END_EVENT: Final[Any] = struct(
    "RunEndEvent",
    ("run_id", "runId", str),
    ("result", "result", Any, UNSET),
    ("is_error", "isError", bool),
    ("error", "error", Any, UNSET),
    ("duration_ms", "durationMs", int | float),
    tag=("type", "run_end"),
    shared=_EVENT_ENVELOPE,
)

_AGENT_START_EVENT: Final[Any] = struct(
    "AgentStartEvent",
    tag=("type", "agent_start"),
    shared=_EVENT_ENVELOPE,
)

_AGENT_END_EVENT: Final[Any] = struct(
    "AgentEndEvent",
    ("messages", "messages", list),
    tag=("type", "agent_end"),
    shared=_EVENT_ENVELOPE,
)

_TURN_START_EVENT: Final[Any] = struct(
    "TurnStartEvent",
    ("turn_id", "turnId", str),
    ("purpose", "purpose", LlmTurnPurpose),
    tag=("type", "turn_start"),
    shared=_EVENT_ENVELOPE,
)

_MODEL_REQUEST_INFO: Final[Any] = struct(
    "ModelRequestInfo",
    ("provider_id", "providerId", str),
    ("provider_name", "providerName", str),
    ("requested_model", "requestedModel", str),
    ("api", "api", str),
    ("server_address", "serverAddress", str, None),
    ("server_port", "serverPort", int, None),
    ("reasoning_level", "reasoningLevel", str, None),
    ("max_tokens", "maxTokens", int, None),
    ("temperature", "temperature", int | float, None),
    ("context_compacted", "contextCompacted", bool, None),
)

_LLM_TEXT_CONTENT: Final[Any] = struct(
    "LlmTextContent",
    ("text", "text", str),
    ("text_signature", "textSignature", str, None),
    tag=("type", "text"),
)

_LLM_THINKING_CONTENT: Final[Any] = struct(
    "LlmThinkingContent",
    ("thinking", "thinking", str),
    ("thinking_signature", "thinkingSignature", str, None),
    ("redacted", "redacted", bool, None),
    tag=("type", "thinking"),
)

_LLM_TOOL_CALL: Final[Any] = struct(
    "LlmToolCall",
    ("id", "id", str),
    ("name", "name", str),
    ("arguments", "arguments", dict),
    ("thought_signature", "thoughtSignature", str, None),
    tag=("type", "toolCall"),
)

LLM_ASSISTANT_CONTENT: Final[Any] = _LLM_TEXT_CONTENT | _LLM_THINKING_CONTENT | _LLM_TOOL_CALL

_LLM_ASSISTANT_MESSAGE: Final[Any] = struct(
    "LlmAssistantMessage",
    ("content", "content", list[LLM_ASSISTANT_CONTENT]),
    tag=("role", "assistant"),
)

_LLM_ASSISTANT_MESSAGE_ALONE: Final[Any] = struct(
    "LlmAssistantMessage",
    ("role", "role", Literal["assistant"]),
    ("content", "content", list[LLM_ASSISTANT_CONTENT]),
)

_PROMPT_COST: Final[Any] = struct(
    "PromptCost",
    ("input", "input", int | float),
    ("output", "output", int | float),
    ("cache_read", "cacheRead", int | float),
    ("cache_write", "cacheWrite", int | float),
    ("total", "total", int | float),
)

_PROMPT_USAGE: Final[Any] = struct(
    "PromptUsage",
    ("input", "input", int),
    ("output", "output", int),
    ("cache_read", "cacheRead", int),
    ("cache_write", "cacheWrite", int),
    ("total_tokens", "totalTokens", int),
    ("cost", "cost", _PROMPT_COST),
)

_FLUE_ERROR_INFO: Final[Any] = struct(
    "FlueErrorInfo",
    ("type", "type", str),
    ("name", "name", str, None),
    ("code", "code", str, None),
    ("message", "message", str, None),
)

_MODEL_RESPONSE: Final[Any] = struct(
    "ModelResponse",
    ("response_id", "responseId", str, None),
    ("response_model", "responseModel", str, None),
    ("output", "output", _LLM_ASSISTANT_MESSAGE_ALONE, None),
    ("usage", "usage", _PROMPT_USAGE, None),
    ("finish_reason", "finishReason", str, None),
    ("error", "error", _FLUE_ERROR_INFO, None),
)

_TURN_EVENT: Final[Any] = struct(
    "TurnEvent",
    ("turn_id", "turnId", str),
    ("purpose", "purpose", LlmTurnPurpose),
    ("duration_ms", "durationMs", int | float),
    ("request", "request", _MODEL_REQUEST_INFO),
    ("response", "response", _MODEL_RESPONSE),
    ("is_error", "isError", bool),
    tag=("type", "turn"),
    shared=_EVENT_ENVELOPE,
)

_TURN_MESSAGES_EVENT: Final[Any] = struct(
    "TurnMessagesEvent",
    ("turn_id", "turnId", str),
    ("purpose", "purpose", LlmTurnPurpose),
    ("message", "message", Any, UNSET),
    ("tool_results", "toolResults", list),
    tag=("type", "turn_messages"),
    shared=_EVENT_ENVELOPE,
)

_MESSAGE_START_EVENT: Final[Any] = struct(
    "MessageStartEvent",
    ("turn_id", "turnId", str),
    ("message", "message", Any, UNSET),
    tag=("type", "message_start"),
    shared=_EVENT_ENVELOPE,
)

_MESSAGE_END_EVENT: Final[Any] = struct(
    "MessageEndEvent",
    ("turn_id", "turnId", str),
    ("message", "message", Any, UNSET),
    tag=("type", "message_end"),
    shared=_EVENT_ENVELOPE,
)

_TEXT_DELTA_EVENT: Final[Any] = struct(
    "TextDeltaEvent",
    ("text", "text", str),
    tag=("type", "text_delta"),
    shared=_EVENT_ENVELOPE,
)

_THINKING_START_EVENT: Final[Any] = struct(
    "ThinkingStartEvent",
    ("content_index", "contentIndex", int, None),
    tag=("type", "thinking_start"),
    shared=_EVENT_ENVELOPE,
)

_THINKING_DELTA_EVENT: Final[Any] = struct(
    "ThinkingDeltaEvent",
    ("content_index", "contentIndex", int, None),
    ("delta", "delta", str),
    tag=("type", "thinking_delta"),
    shared=_EVENT_ENVELOPE,
)

_THINKING_END_EVENT: Final[Any] = struct(
    "ThinkingEndEvent",
    ("content_index", "contentIndex", int, None),
    ("content", "content", str),
    tag=("type", "thinking_end"),
    shared=_EVENT_ENVELOPE,
)

_TOOL_START_EVENT: Final[Any] = struct(
    "ToolStartEvent",
    ("tool_name", "toolName", str),
    ("tool_call_id", "toolCallId", str),
    ("args", "args", Any, UNSET),
    tag=("type", "tool_start"),
    shared=_EVENT_ENVELOPE,
)

_TOOL_EVENT: Final[Any] = struct(
    "ToolEvent",
    ("tool_name", "toolName", str),
    ("tool_call_id", "toolCallId", str),
    ("is_error", "isError", bool),
    ("result", "result", Any, UNSET),
    ("duration_ms", "durationMs", int | float),
    tag=("type", "tool"),
    shared=_EVENT_ENVELOPE,
)

_TASK_START_EVENT: Final[Any] = struct(
    "TaskStartEvent",
    ("task_id", "taskId", str),
    ("prompt", "prompt", str),
    ("agent", "agent", str, None),
    ("cwd", "cwd", str, None),
    tag=("type", "task_start"),
    shared=_EVENT_ENVELOPE,
)

_TASK_EVENT: Final[Any] = struct(
    "TaskEvent",
    ("task_id", "taskId", str),
    ("agent", "agent", str, None),
    ("is_error", "isError", bool),
    ("result", "result", Any, UNSET),
    ("duration_ms", "durationMs", int | float),
    tag=("type", "task"),
    shared=_EVENT_ENVELOPE,
)

_COMPACTION_START_EVENT: Final[Any] = struct(
    "CompactionStartEvent",
    ("reason", "reason", CompactionReason),
    ("estimated_tokens", "estimatedTokens", int | float),
    tag=("type", "compaction_start"),
    shared=_EVENT_ENVELOPE,
)

_COMPACTION_EVENT: Final[Any] = struct(
    "CompactionEvent",
    ("messages_before", "messagesBefore", int),
    ("messages_after", "messagesAfter", int),
    ("duration_ms", "durationMs", int | float),
    ("is_error", "isError", bool),
    ("error", "error", Any, UNSET),
    ("usage", "usage", _PROMPT_USAGE, None),
    tag=("type", "compaction"),
    shared=_EVENT_ENVELOPE,
)

_OPERATION_START_EVENT: Final[Any] = struct(
    "OperationStartEvent",
    ("operation_id", "operationId", str),
    ("operation_kind", "operationKind", OperationKind),
    tag=("type", "operation_start"),
    shared=_EVENT_ENVELOPE,
)

_OPERATION_EVENT: Final[Any] = struct(
    "OperationEvent",
    ("operation_id", "operationId", str),
    ("operation_kind", "operationKind", OperationKind),
    ("duration_ms", "durationMs", int | float),
    ("is_error", "isError", bool),
    ("error", "error", Any, UNSET),
    ("result", "result", Any, UNSET),
    ("usage", "usage", _PROMPT_USAGE, None),
    tag=("type", "operation"),
    shared=_EVENT_ENVELOPE,
)

_LOG_EVENT: Final[Any] = struct(
    "LogEvent",
    ("level", "level", LogLevel),
    ("message", "message", str),
    ("attributes", "attributes", dict, None),
    tag=("type", "log"),
    shared=_EVENT_ENVELOPE,
)

_DATA_EVENT: Final[Any] = struct(
    "DataEvent",
    ("name", "name", str),
    ("id", "id", str, None),
    ("data", "data", Any, UNSET),
    tag=("type", "data"),
    shared=_EVENT_ENVELOPE,
)

_IDLE_EVENT: Final[Any] = struct(
    "IdleEvent",
    tag=("type", "idle"),
    shared=_EVENT_ENVELOPE,
)

_FLUE_SERIALIZED_ERROR: Final[Any] = struct(
    "FlueSerializedError",
    ("name", "name", str, None),
    ("message", "message", str),
    ("type", "type", str, None),
    ("details", "details", str, None),
    ("dev", "dev", str, None),
    ("meta", "meta", dict, None),
)

_SUBMISSION_SETTLED_EVENT: Final[Any] = struct(
    "SubmissionSettledEvent",
    ("submission_id", "submissionId", str),
    ("outcome", "outcome", SubmissionOutcome),
    ("result", "result", Any, UNSET),
    ("error", "error", _FLUE_SERIALIZED_ERROR, None),
    tag=("type", "submission_settled"),
    shared=_EVENT_ENVELOPE,
)

FLUE_EVENT: Final[Any] = (
    _RUN_START_EVENT
    | _RUN_RESUME_EVENT
    | _RUN_END_EVENT
    | _AGENT_START_EVENT
    | _AGENT_END_EVENT
    | _TURN_START_EVENT
    | _TURN_EVENT
    | _TURN_MESSAGES_EVENT
    | _MESSAGE_START_EVENT
    | _MESSAGE_END_EVENT
    | _TEXT_DELTA_EVENT
    | _THINKING_START_EVENT
    | _THINKING_DELTA_EVENT
    | _THINKING_END_EVENT
    | _TOOL_START_EVENT
    | _TOOL_EVENT
    | _TASK_START_EVENT
    | _TASK_EVENT
    | _COMPACTION_START_EVENT
    | _COMPACTION_EVENT
    | _OPERATION_START_EVENT
    | _OPERATION_EVENT
    | _LOG_EVENT
    | _DATA_EVENT
    | _IDLE_EVENT
    | _SUBMISSION_SETTLED_EVENT
)

ATTACHED_AGENT_EVENT: Final[Any] = (
    _AGENT_START_EVENT
    | _AGENT_END_EVENT
    | _TURN_START_EVENT
    | _TURN_EVENT
    | _TURN_MESSAGES_EVENT
    | _MESSAGE_START_EVENT
    | _MESSAGE_END_EVENT
    | _TEXT_DELTA_EVENT
    | _THINKING_START_EVENT
    | _THINKING_DELTA_EVENT
    | _THINKING_END_EVENT
    | _TOOL_START_EVENT
    | _TOOL_EVENT
    | _TASK_START_EVENT
    | _TASK_EVENT
    | _COMPACTION_START_EVENT
    | _COMPACTION_EVENT
    | _OPERATION_START_EVENT
    | _OPERATION_EVENT
    | _LOG_EVENT
    | _DATA_EVENT
    | _IDLE_EVENT
    | _SUBMISSION_SETTLED_EVENT
)

_TEXT_PART: Final[Any] = struct(
    "TextPart",
    ("text", "text", str),
    ("state", "state", PartState),
    tag=("type", "text"),
)

_REASONING_PART: Final[Any] = struct(
    "ReasoningPart",
    ("text", "text", str),
    ("state", "state", PartState),
    tag=("type", "reasoning"),
)

_FILE_PART: Final[Any] = struct(
    "FilePart",
    ("media_type", "mediaType", str),
    ("id", "id", str, None),
    ("size", "size", int, None),
    ("filename", "filename", str, None),
    ("url", "url", str, None),
    tag=("type", "file"),
)

_DYNAMIC_TOOL_PART: Final[Any] = struct(
    "DynamicToolPart",
    ("tool_name", "toolName", str),
    ("tool_call_id", "toolCallId", str),
    ("state", "state", ToolState),
    ("input", "input", Any),
    ("output", "output", Any, UNSET),
    ("error_text", "errorText", str, None),
    ("duration_ms", "durationMs", int | float, None),
    tag=("type", "dynamic-tool"),
)

CONVERSATION_PART: Final[Any] = _TEXT_PART | _REASONING_PART | _FILE_PART | _DYNAMIC_TOOL_PART

_MESSAGE_SIGNAL: Final[Any] = struct(
    "MessageSignal",
    ("tag_name", "tagName", str, None),
    ("attributes", "attributes", dict, None),
)

_MESSAGE_SETTLEMENT: Final[Any] = struct(
    "MessageSettlement",
    ("outcome", "outcome", SubmissionOutcome),
)

_CONVERSATION_MESSAGE: Final[Any] = struct(
    "ConversationMessage",
    ("id", "id", str),
    ("role", "role", MessageRole),
    ("purpose", "purpose", str),
    ("display", "display", str),
    ("parts", "parts", list[CONVERSATION_PART]),
    ("submission_id", "submissionId", str, None),
    ("turn_id", "turnId", str, None),
    ("signal", "signal", _MESSAGE_SIGNAL, None),
    ("settlement", "settlement", _MESSAGE_SETTLEMENT, None),
    ("metadata", "metadata", dict, None),
)

_CONVERSATION_SETTLEMENT: Final[Any] = struct(
    "ConversationSettlement",
    ("submission_id", "submissionId", str),
    ("outcome", "outcome", SubmissionOutcome),
    ("error", "error", Any, UNSET),
    ("answered_by_submission_id", "answeredBySubmissionId", str, None),
)

_CONVERSATION_SNAPSHOT: Final[Any] = struct(
    "ConversationSnapshot",
    ("v", "v", Literal[1]),
    ("conversation_id", "conversationId", str),
    ("offset", "offset", str),
    ("messages", "messages", list[_CONVERSATION_MESSAGE]),
    ("settlements", "settlements", list[_CONVERSATION_SETTLEMENT]),
    ("incarnation", "incarnation", str, None),
)

_CHUNK_POSITION: Final[Any] = struct(
    "ChunkPosition",
    ("batch", "batch", int),
    ("index", "index", int),
)

_CHUNK_ENVELOPE: Final = (
    ("conversation_id", "conversationId", str),
    ("position", "position", _CHUNK_POSITION),
)

_CONVERSATION_RESET_CHUNK: Final[Any] = struct(
    "ConversationResetChunk",
    ("snapshot", "snapshot", _CONVERSATION_SNAPSHOT),
    tag=("type", "conversation-reset"),
    shared=_CHUNK_ENVELOPE,
)

_MESSAGE_APPENDED_CHUNK: Final[Any] = struct(
    "MessageAppendedChunk",
    ("message", "message", _CONVERSATION_MESSAGE),
    tag=("type", "message-appended"),
    shared=_CHUNK_ENVELOPE,
)

_MESSAGE_STARTED_CHUNK: Final[Any] = struct(
    "MessageStartedChunk",
    ("message_id", "messageId", str),
    ("submission_id", "submissionId", str, None),
    ("turn_id", "turnId", str, None),
    ("metadata", "metadata", dict, None),
    ("timestamp", "timestamp", str, None),
    tag=("type", "message-started"),
    shared=_CHUNK_ENVELOPE,
)

_MESSAGE_METADATA_CHUNK: Final[Any] = struct(
    "MessageMetadataChunk",
    ("message_id", "messageId", str),
    ("metadata", "metadata", dict),
    tag=("type", "message-metadata"),
    shared=_CHUNK_ENVELOPE,
)

_DATA_PART_CHUNK: Final[Any] = struct(
    "DataPartChunk",
    ("message_id", "messageId", str),
    ("name", "name", str),
    ("data", "data", Any),
    tag=("type", "data-part"),
    shared=_CHUNK_ENVELOPE,
)

_MESSAGE_DELTA_CHUNK: Final[Any] = struct(
    "MessageDeltaChunk",
    ("message_id", "messageId", str),
    ("kind", "kind", DeltaKind),
    ("delta", "delta", str),
    tag=("type", "message-delta"),
    shared=_CHUNK_ENVELOPE,
)

_TOOL_INPUT_CHUNK: Final[Any] = struct(
    "ToolInputChunk",
    ("message_id", "messageId", str),
    ("tool_call_id", "toolCallId", str),
    ("tool_name", "toolName", str),
    ("input", "input", Any),
    ("timestamp", "timestamp", str, None),
    tag=("type", "tool-input"),
    shared=_CHUNK_ENVELOPE,
)

_TOOL_OUTPUT_CHUNK: Final[Any] = struct(
    "ToolOutputChunk",
    ("tool_call_id", "toolCallId", str),
    ("output", "output", Any),
    ("duration_ms", "durationMs", int | float, None),
    ("timestamp", "timestamp", str, None),
    tag=("type", "tool-output"),
    shared=_CHUNK_ENVELOPE,
)

_TOOL_OUTPUT_ERROR_CHUNK: Final[Any] = struct(
    "ToolOutputErrorChunk",
    ("tool_call_id", "toolCallId", str),
    ("error_text", "errorText", str),
    ("duration_ms", "durationMs", int | float, None),
    ("timestamp", "timestamp", str, None),
    tag=("type", "tool-output-error"),
    shared=_CHUNK_ENVELOPE,
)

_MESSAGE_COMPLETED_CHUNK: Final[Any] = struct(
    "MessageCompletedChunk",
    ("message_id", "messageId", str),
    ("timestamp", "timestamp", str, None),
    tag=("type", "message-completed"),
    shared=_CHUNK_ENVELOPE,
)

_SUBMISSION_SETTLED_CHUNK: Final[Any] = struct(
    "SubmissionSettledChunk",
    ("submission_id", "submissionId", str),
    ("outcome", "outcome", SubmissionOutcome),
    ("error", "error", Any, UNSET),
    ("answered_by_submission_id", "answeredBySubmissionId", str, None),
    ("timestamp", "timestamp", str, None),
    tag=("type", "submission-settled"),
    shared=_CHUNK_ENVELOPE,
)

_STREAM_CHECKPOINT_CHUNK: Final[Any] = struct(
    "StreamCheckpointChunk",
    ("incarnation", "incarnation", str),
    tag=("type", "stream-checkpoint"),
)

CONVERSATION_STREAM_ITEM: Final[Any] = (
    _CONVERSATION_RESET_CHUNK
    | _MESSAGE_APPENDED_CHUNK
    | _MESSAGE_STARTED_CHUNK
    | _MESSAGE_METADATA_CHUNK
    | _DATA_PART_CHUNK
    | _MESSAGE_DELTA_CHUNK
    | _TOOL_INPUT_CHUNK
    | _TOOL_OUTPUT_CHUNK
    | _TOOL_OUTPUT_ERROR_CHUNK
    | _MESSAGE_COMPLETED_CHUNK
    | _SUBMISSION_SETTLED_CHUNK
    | _STREAM_CHECKPOINT_CHUNK
)


def _event_envelope(model: Any, wire: Any) -> None:
    model.v = 3
    model.event_index = wire.event_index
    value = wire.timestamp
    if value[SEPARATORS] != "--T::." or value[AFTER] != "Z":
        raise NeedsSlowPath
    model.timestamp = from_iso(value)
    model.run_id = wire.run_id
    model.conversation_id = wire.conversation_id
    model.session = wire.session
    model.harness = wire.harness
    model.operation_id = wire.operation_id
    model.turn_id = wire.turn_id
    model.instance_id = wire.instance_id
    model.agent_name = wire.agent_name
    model.submission_id = wire.submission_id
    model.dispatch_id = wire.dispatch_id
    model.task_id = wire.task_id
    model.parent_session = wire.parent_session
    model.wire_extra = NO_EXTRA


_base_of_run_start_event: Final = own_copy(_event_envelope)
_base_of_run_resume_event: Final = own_copy(_event_envelope)
_base_of_run_end_event: Final = own_copy(_event_envelope)
_base_of_agent_start_event: Final = own_copy(_event_envelope)
_base_of_agent_end_event: Final = own_copy(_event_envelope)
_base_of_turn_start_event: Final = own_copy(_event_envelope)
_base_of_turn_event: Final = own_copy(_event_envelope)
_base_of_turn_messages_event: Final = own_copy(_event_envelope)
_base_of_message_start_event: Final = own_copy(_event_envelope)
_base_of_message_end_event: Final = own_copy(_event_envelope)
_base_of_text_delta_event: Final = own_copy(_event_envelope)
_base_of_thinking_start_event: Final = own_copy(_event_envelope)
_base_of_thinking_delta_event: Final = own_copy(_event_envelope)
_base_of_thinking_end_event: Final = own_copy(_event_envelope)
_base_of_tool_start_event: Final = own_copy(_event_envelope)
_base_of_tool_event: Final = own_copy(_event_envelope)
_base_of_task_start_event: Final = own_copy(_event_envelope)
_base_of_task_event: Final = own_copy(_event_envelope)
_base_of_compaction_start_event: Final = own_copy(_event_envelope)
_base_of_compaction_event: Final = own_copy(_event_envelope)
_base_of_operation_start_event: Final = own_copy(_event_envelope)
_base_of_operation_event: Final = own_copy(_event_envelope)
_base_of_log_event: Final = own_copy(_event_envelope)
_base_of_data_event: Final = own_copy(_event_envelope)
_base_of_idle_event: Final = own_copy(_event_envelope)
_base_of_submission_settled_event: Final = own_copy(_event_envelope)


def _run_start_event(wire: Any) -> RunStartEvent:
    model = new(RunStartEvent)
    _base_of_run_start_event(model, wire)
    model.workflow_name = wire.workflow_name
    value = wire.started_at
    if value[SEPARATORS] != "--T::." or value[AFTER] != "Z":
        raise NeedsSlowPath
    model.started_at = from_iso(value)
    value = wire.input
    if value is None:
        raise NeedsSlowPath
    model.input = None if value is UNSET else value
    return model


def _run_resume_event(wire: Any) -> RunResumeEvent:
    model = new(RunResumeEvent)
    _base_of_run_resume_event(model, wire)
    model.workflow_name = wire.workflow_name
    value = wire.started_at
    if value[SEPARATORS] != "--T::." or value[AFTER] != "Z":
        raise NeedsSlowPath
    model.started_at = from_iso(value)
    return model


def _run_end_event(wire: Any) -> RunEndEvent:
    model = new(RunEndEvent)
    _base_of_run_end_event(model, wire)
    value = wire.result
    if value is None:
        raise NeedsSlowPath
    model.result = None if value is UNSET else value
    model.is_error = wire.is_error
    value = wire.error
    if value is None:
        raise NeedsSlowPath
    model.error = None if value is UNSET else value
    model.duration_ms = wire.duration_ms
    return model


def _agent_start_event(wire: Any) -> AgentStartEvent:
    model = new(AgentStartEvent)
    _base_of_agent_start_event(model, wire)
    return model


def _agent_end_event(wire: Any) -> AgentEndEvent:
    model = new(AgentEndEvent)
    _base_of_agent_end_event(model, wire)
    model.messages = wire.messages
    return model


def _turn_start_event(wire: Any) -> TurnStartEvent:
    model = new(TurnStartEvent)
    _base_of_turn_start_event(model, wire)
    model.purpose = wire.purpose
    return model


def _model_request_info(wire: Any) -> ModelRequestInfo:
    model = new(ModelRequestInfo)
    model.provider_id = wire.provider_id
    model.provider_name = wire.provider_name
    model.requested_model = wire.requested_model
    model.api = wire.api
    model.server_address = wire.server_address
    model.server_port = wire.server_port
    model.reasoning_level = wire.reasoning_level
    model.max_tokens = wire.max_tokens
    model.temperature = wire.temperature
    model.context_compacted = wire.context_compacted
    model.wire_extra = NO_EXTRA
    return model


def _llm_text_content(wire: Any) -> LlmTextContent:
    model = new(LlmTextContent)
    model.text = wire.text
    model.text_signature = wire.text_signature
    model.wire_extra = NO_EXTRA
    return model


def _llm_thinking_content(wire: Any) -> LlmThinkingContent:
    model = new(LlmThinkingContent)
    model.thinking = wire.thinking
    model.thinking_signature = wire.thinking_signature
    model.redacted = wire.redacted
    model.wire_extra = NO_EXTRA
    return model


def _llm_tool_call(wire: Any) -> LlmToolCall:
    model = new(LlmToolCall)
    model.id = wire.id
    model.name = wire.name
    model.arguments = wire.arguments
    model.thought_signature = wire.thought_signature
    model.wire_extra = NO_EXTRA
    return model


def _llm_assistant_message(wire: Any) -> LlmAssistantMessage:
    model = new(LlmAssistantMessage)
    value = wire.content
    model.content = [BUILDERS[type(item)](item) for item in value]
    model.wire_extra = NO_EXTRA
    return model


def _prompt_cost(wire: Any) -> PromptCost:
    model = new(PromptCost)
    model.input = wire.input
    model.output = wire.output
    model.cache_read = wire.cache_read
    model.cache_write = wire.cache_write
    model.total = wire.total
    model.wire_extra = NO_EXTRA
    return model


def _prompt_usage(wire: Any) -> PromptUsage:
    model = new(PromptUsage)
    model.input = wire.input
    model.output = wire.output
    model.cache_read = wire.cache_read
    model.cache_write = wire.cache_write
    model.total_tokens = wire.total_tokens
    value = wire.cost
    model.cost = _prompt_cost(value)
    model.wire_extra = NO_EXTRA
    return model


def _flue_error_info(wire: Any) -> FlueErrorInfo:
    model = new(FlueErrorInfo)
    model.type = wire.type
    model.name = wire.name
    model.code = wire.code
    model.message = wire.message
    model.wire_extra = NO_EXTRA
    return model


def _model_response(wire: Any) -> ModelResponse:
    model = new(ModelResponse)
    model.response_id = wire.response_id
    model.response_model = wire.response_model
    value = wire.output
    model.output = None if value is None else _llm_assistant_message(value)
    value = wire.usage
    model.usage = None if value is None else _prompt_usage(value)
    model.finish_reason = wire.finish_reason
    value = wire.error
    model.error = None if value is None else _flue_error_info(value)
    model.wire_extra = NO_EXTRA
    return model


def _turn_event(wire: Any) -> TurnEvent:
    model = new(TurnEvent)
    _base_of_turn_event(model, wire)
    model.purpose = wire.purpose
    model.duration_ms = wire.duration_ms
    value = wire.request
    model.request = _model_request_info(value)
    value = wire.response
    model.response = _model_response(value)
    model.is_error = wire.is_error
    return model


def _turn_messages_event(wire: Any) -> TurnMessagesEvent:
    model = new(TurnMessagesEvent)
    _base_of_turn_messages_event(model, wire)
    model.purpose = wire.purpose
    value = wire.message
    if value is None:
        raise NeedsSlowPath
    model.message = None if value is UNSET else value
    model.tool_results = wire.tool_results
    return model


def _message_start_event(wire: Any) -> MessageStartEvent:
    model = new(MessageStartEvent)
    _base_of_message_start_event(model, wire)
    value = wire.message
    if value is None:
        raise NeedsSlowPath
    model.message = None if value is UNSET else value
    return model


def _message_end_event(wire: Any) -> MessageEndEvent:
    model = new(MessageEndEvent)
    _base_of_message_end_event(model, wire)
    value = wire.message
    if value is None:
        raise NeedsSlowPath
    model.message = None if value is UNSET else value
    return model


def _text_delta_event(wire: Any) -> TextDeltaEvent:
    model = new(TextDeltaEvent)
    _base_of_text_delta_event(model, wire)
    model.text = wire.text
    return model


def _thinking_start_event(wire: Any) -> ThinkingStartEvent:
    model = new(ThinkingStartEvent)
    _base_of_thinking_start_event(model, wire)
    model.content_index = wire.content_index
    return model


def _thinking_delta_event(wire: Any) -> ThinkingDeltaEvent:
    model = new(ThinkingDeltaEvent)
    _base_of_thinking_delta_event(model, wire)
    model.content_index = wire.content_index
    model.delta = wire.delta
    return model


def _thinking_end_event(wire: Any) -> ThinkingEndEvent:
    model = new(ThinkingEndEvent)
    _base_of_thinking_end_event(model, wire)
    model.content_index = wire.content_index
    model.content = wire.content
    return model


def _tool_start_event(wire: Any) -> ToolStartEvent:
    model = new(ToolStartEvent)
    _base_of_tool_start_event(model, wire)
    model.tool_name = wire.tool_name
    model.tool_call_id = wire.tool_call_id
    value = wire.args
    if value is None:
        raise NeedsSlowPath
    model.args = None if value is UNSET else value
    return model


def _tool_event(wire: Any) -> ToolEvent:
    model = new(ToolEvent)
    _base_of_tool_event(model, wire)
    model.tool_name = wire.tool_name
    model.tool_call_id = wire.tool_call_id
    model.is_error = wire.is_error
    value = wire.result
    if value is None:
        raise NeedsSlowPath
    model.result = None if value is UNSET else value
    model.duration_ms = wire.duration_ms
    return model


def _task_start_event(wire: Any) -> TaskStartEvent:
    model = new(TaskStartEvent)
    _base_of_task_start_event(model, wire)
    model.prompt = wire.prompt
    model.agent = wire.agent
    model.cwd = wire.cwd
    return model


def _task_event(wire: Any) -> TaskEvent:
    model = new(TaskEvent)
    _base_of_task_event(model, wire)
    model.agent = wire.agent
    model.is_error = wire.is_error
    value = wire.result
    if value is None:
        raise NeedsSlowPath
    model.result = None if value is UNSET else value
    model.duration_ms = wire.duration_ms
    return model


def _compaction_start_event(wire: Any) -> CompactionStartEvent:
    model = new(CompactionStartEvent)
    _base_of_compaction_start_event(model, wire)
    model.reason = wire.reason
    model.estimated_tokens = wire.estimated_tokens
    return model


def _compaction_event(wire: Any) -> CompactionEvent:
    model = new(CompactionEvent)
    _base_of_compaction_event(model, wire)
    model.messages_before = wire.messages_before
    model.messages_after = wire.messages_after
    model.duration_ms = wire.duration_ms
    model.is_error = wire.is_error
    value = wire.error
    if value is None:
        raise NeedsSlowPath
    model.error = None if value is UNSET else value
    value = wire.usage
    model.usage = None if value is None else _prompt_usage(value)
    return model


def _operation_start_event(wire: Any) -> OperationStartEvent:
    model = new(OperationStartEvent)
    _base_of_operation_start_event(model, wire)
    model.operation_kind = wire.operation_kind
    return model


def _operation_event(wire: Any) -> OperationEvent:
    model = new(OperationEvent)
    _base_of_operation_event(model, wire)
    model.operation_kind = wire.operation_kind
    model.duration_ms = wire.duration_ms
    model.is_error = wire.is_error
    value = wire.error
    if value is None:
        raise NeedsSlowPath
    model.error = None if value is UNSET else value
    value = wire.result
    if value is None:
        raise NeedsSlowPath
    model.result = None if value is UNSET else value
    value = wire.usage
    model.usage = None if value is None else _prompt_usage(value)
    return model


def _log_event(wire: Any) -> LogEvent:
    model = new(LogEvent)
    _base_of_log_event(model, wire)
    model.level = wire.level
    model.message = wire.message
    model.attributes = wire.attributes
    return model


def _data_event(wire: Any) -> DataEvent:
    model = new(DataEvent)
    _base_of_data_event(model, wire)
    model.name = wire.name
    model.id = wire.id
    value = wire.data
    if value is None:
        raise NeedsSlowPath
    model.data = None if value is UNSET else value
    return model


def _idle_event(wire: Any) -> IdleEvent:
    model = new(IdleEvent)
    _base_of_idle_event(model, wire)
    return model


def _flue_serialized_error(wire: Any) -> FlueSerializedError:
    model = new(FlueSerializedError)
    model.name = wire.name
    model.message = wire.message
    model.type = wire.type
    model.details = wire.details
    model.dev = wire.dev
    model.meta = wire.meta
    model.wire_extra = NO_EXTRA
    return model


def _submission_settled_event(wire: Any) -> SubmissionSettledEvent:
    model = new(SubmissionSettledEvent)
    _base_of_submission_settled_event(model, wire)
    model.outcome = wire.outcome
    value = wire.result
    if value is None:
        raise NeedsSlowPath
    model.result = None if value is UNSET else value
    value = wire.error
    model.error = None if value is None else _flue_serialized_error(value)
    return model


def _text_part(wire: Any) -> TextPart:
    model = new(TextPart)
    model.text = wire.text
    model.state = wire.state
    model.wire_extra = NO_EXTRA
    return model


def _reasoning_part(wire: Any) -> ReasoningPart:
    model = new(ReasoningPart)
    model.text = wire.text
    model.state = wire.state
    model.wire_extra = NO_EXTRA
    return model


def _file_part(wire: Any) -> FilePart:
    model = new(FilePart)
    model.media_type = wire.media_type
    model.id = wire.id
    model.size = wire.size
    model.filename = wire.filename
    model.url = wire.url
    model.wire_extra = NO_EXTRA
    return model


def _dynamic_tool_part(wire: Any) -> DynamicToolPart:
    model = new(DynamicToolPart)
    model.tool_name = wire.tool_name
    model.tool_call_id = wire.tool_call_id
    model.state = wire.state
    model.input = wire.input
    value = wire.output
    if value is None:
        raise NeedsSlowPath
    model.output = None if value is UNSET else value
    model.error_text = wire.error_text
    model.duration_ms = wire.duration_ms
    model.wire_extra = NO_EXTRA
    return model


def _message_signal(wire: Any) -> MessageSignal:
    model = new(MessageSignal)
    model.tag_name = wire.tag_name
    model.attributes = wire.attributes
    model.wire_extra = NO_EXTRA
    return model


def _message_settlement(wire: Any) -> MessageSettlement:
    model = new(MessageSettlement)
    model.outcome = wire.outcome
    model.wire_extra = NO_EXTRA
    return model


def _conversation_message(wire: Any) -> ConversationMessage:
    model = new(ConversationMessage)
    model.id = wire.id
    model.role = wire.role
    model.purpose = wire.purpose
    model.display = wire.display
    value = wire.parts
    model.parts = [BUILDERS[type(item)](item) for item in value]
    model.submission_id = wire.submission_id
    model.turn_id = wire.turn_id
    value = wire.signal
    model.signal = None if value is None else _message_signal(value)
    value = wire.settlement
    model.settlement = None if value is None else _message_settlement(value)
    model.metadata = wire.metadata
    model.wire_extra = NO_EXTRA
    return model


def _conversation_settlement(wire: Any) -> ConversationSettlement:
    model = new(ConversationSettlement)
    model.submission_id = wire.submission_id
    model.outcome = wire.outcome
    value = wire.error
    if value is None:
        raise NeedsSlowPath
    model.error = None if value is UNSET else value
    model.answered_by_submission_id = wire.answered_by_submission_id
    model.wire_extra = NO_EXTRA
    return model


def _conversation_snapshot(wire: Any) -> ConversationSnapshot:
    model = new(ConversationSnapshot)
    model.v = 1
    model.conversation_id = wire.conversation_id
    model.offset = wire.offset
    value = wire.messages
    model.messages = [_conversation_message(item) for item in value]
    value = wire.settlements
    model.settlements = [_conversation_settlement(item) for item in value]
    model.incarnation = wire.incarnation
    model.wire_extra = NO_EXTRA
    return model


def _chunk_position(wire: Any) -> ChunkPosition:
    model = new(ChunkPosition)
    model.batch = wire.batch
    model.index = wire.index
    model.wire_extra = NO_EXTRA
    return model


def _conversation_reset_chunk(wire: Any) -> ConversationResetChunk:
    model = new(ConversationResetChunk)
    value = wire.snapshot
    model.snapshot = _conversation_snapshot(value)
    model.conversation_id = wire.conversation_id
    value = wire.position
    model.position = _chunk_position(value)
    model.wire_extra = NO_EXTRA
    return model


def _message_appended_chunk(wire: Any) -> MessageAppendedChunk:
    model = new(MessageAppendedChunk)
    value = wire.message
    model.message = _conversation_message(value)
    model.conversation_id = wire.conversation_id
    value = wire.position
    model.position = _chunk_position(value)
    model.wire_extra = NO_EXTRA
    return model


def _message_started_chunk(wire: Any) -> MessageStartedChunk:
    model = new(MessageStartedChunk)
    model.message_id = wire.message_id
    model.submission_id = wire.submission_id
    model.turn_id = wire.turn_id
    model.metadata = wire.metadata
    value = wire.timestamp
    if value is None:
        model.timestamp = None
    else:
        if value[SEPARATORS] != "--T::." or value[AFTER] != "Z":
            raise NeedsSlowPath
        model.timestamp = from_iso(value)
    model.conversation_id = wire.conversation_id
    value = wire.position
    model.position = _chunk_position(value)
    model.wire_extra = NO_EXTRA
    return model


def _message_metadata_chunk(wire: Any) -> MessageMetadataChunk:
    model = new(MessageMetadataChunk)
    model.message_id = wire.message_id
    model.metadata = wire.metadata
    model.conversation_id = wire.conversation_id
    value = wire.position
    model.position = _chunk_position(value)
    model.wire_extra = NO_EXTRA
    return model


def _data_part_chunk(wire: Any) -> DataPartChunk:
    model = new(DataPartChunk)
    model.message_id = wire.message_id
    model.name = wire.name
    model.data = wire.data
    model.conversation_id = wire.conversation_id
    value = wire.position
    model.position = _chunk_position(value)
    model.wire_extra = NO_EXTRA
    return model


def _message_delta_chunk(wire: Any) -> MessageDeltaChunk:
    model = new(MessageDeltaChunk)
    model.message_id = wire.message_id
    model.kind = wire.kind
    model.delta = wire.delta
    model.conversation_id = wire.conversation_id
    value = wire.position
    model.position = _chunk_position(value)
    model.wire_extra = NO_EXTRA
    return model


def _tool_input_chunk(wire: Any) -> ToolInputChunk:
    model = new(ToolInputChunk)
    model.message_id = wire.message_id
    model.tool_call_id = wire.tool_call_id
    model.tool_name = wire.tool_name
    model.input = wire.input
    value = wire.timestamp
    if value is None:
        model.timestamp = None
    else:
        if value[SEPARATORS] != "--T::." or value[AFTER] != "Z":
            raise NeedsSlowPath
        model.timestamp = from_iso(value)
    model.conversation_id = wire.conversation_id
    value = wire.position
    model.position = _chunk_position(value)
    model.wire_extra = NO_EXTRA
    return model


def _tool_output_chunk(wire: Any) -> ToolOutputChunk:
    model = new(ToolOutputChunk)
    model.tool_call_id = wire.tool_call_id
    model.output = wire.output
    model.duration_ms = wire.duration_ms
    value = wire.timestamp
    if value is None:
        model.timestamp = None
    else:
        if value[SEPARATORS] != "--T::." or value[AFTER] != "Z":
            raise NeedsSlowPath
        model.timestamp = from_iso(value)
    model.conversation_id = wire.conversation_id
    value = wire.position
    model.position = _chunk_position(value)
    model.wire_extra = NO_EXTRA
    return model


def _tool_output_error_chunk(wire: Any) -> ToolOutputErrorChunk:
    model = new(ToolOutputErrorChunk)
    model.tool_call_id = wire.tool_call_id
    model.error_text = wire.error_text
    model.duration_ms = wire.duration_ms
    value = wire.timestamp
    if value is None:
        model.timestamp = None
    else:
        if value[SEPARATORS] != "--T::." or value[AFTER] != "Z":
            raise NeedsSlowPath
        model.timestamp = from_iso(value)
    model.conversation_id = wire.conversation_id
    value = wire.position
    model.position = _chunk_position(value)
    model.wire_extra = NO_EXTRA
    return model


def _message_completed_chunk(wire: Any) -> MessageCompletedChunk:
    model = new(MessageCompletedChunk)
    model.message_id = wire.message_id
    value = wire.timestamp
    if value is None:
        model.timestamp = None
    else:
        if value[SEPARATORS] != "--T::." or value[AFTER] != "Z":
            raise NeedsSlowPath
        model.timestamp = from_iso(value)
    model.conversation_id = wire.conversation_id
    value = wire.position
    model.position = _chunk_position(value)
    model.wire_extra = NO_EXTRA
    return model


def _submission_settled_chunk(wire: Any) -> SubmissionSettledChunk:
    model = new(SubmissionSettledChunk)
    model.submission_id = wire.submission_id
    model.outcome = wire.outcome
    value = wire.error
    if value is None:
        raise NeedsSlowPath
    model.error = None if value is UNSET else value
    model.answered_by_submission_id = wire.answered_by_submission_id
    value = wire.timestamp
    if value is None:
        model.timestamp = None
    else:
        if value[SEPARATORS] != "--T::." or value[AFTER] != "Z":
            raise NeedsSlowPath
        model.timestamp = from_iso(value)
    model.conversation_id = wire.conversation_id
    value = wire.position
    model.position = _chunk_position(value)
    model.wire_extra = NO_EXTRA
    return model


def _stream_checkpoint_chunk(wire: Any) -> StreamCheckpointChunk:
    model = new(StreamCheckpointChunk)
    model.incarnation = wire.incarnation
    model.wire_extra = NO_EXTRA
    return model


BUILDERS: Final[dict[Any, Any]] = {
    _RUN_START_EVENT: _run_start_event,
    _RUN_RESUME_EVENT: _run_resume_event,
    _RUN_END_EVENT: _run_end_event,
    _AGENT_START_EVENT: _agent_start_event,
    _AGENT_END_EVENT: _agent_end_event,
    _TURN_START_EVENT: _turn_start_event,
    _MODEL_REQUEST_INFO: _model_request_info,
    _LLM_TEXT_CONTENT: _llm_text_content,
    _LLM_THINKING_CONTENT: _llm_thinking_content,
    _LLM_TOOL_CALL: _llm_tool_call,
    _LLM_ASSISTANT_MESSAGE: _llm_assistant_message,
    _PROMPT_COST: _prompt_cost,
    _PROMPT_USAGE: _prompt_usage,
    _FLUE_ERROR_INFO: _flue_error_info,
    _MODEL_RESPONSE: _model_response,
    _TURN_EVENT: _turn_event,
    _TURN_MESSAGES_EVENT: _turn_messages_event,
    _MESSAGE_START_EVENT: _message_start_event,
    _MESSAGE_END_EVENT: _message_end_event,
    _TEXT_DELTA_EVENT: _text_delta_event,
    _THINKING_START_EVENT: _thinking_start_event,
    _THINKING_DELTA_EVENT: _thinking_delta_event,
    _THINKING_END_EVENT: _thinking_end_event,
    _TOOL_START_EVENT: _tool_start_event,
    _TOOL_EVENT: _tool_event,
    _TASK_START_EVENT: _task_start_event,
    _TASK_EVENT: _task_event,
    _COMPACTION_START_EVENT: _compaction_start_event,
    _COMPACTION_EVENT: _compaction_event,
    _OPERATION_START_EVENT: _operation_start_event,
    _OPERATION_EVENT: _operation_event,
    _LOG_EVENT: _log_event,
    _DATA_EVENT: _data_event,
    _IDLE_EVENT: _idle_event,
    _FLUE_SERIALIZED_ERROR: _flue_serialized_error,
    _SUBMISSION_SETTLED_EVENT: _submission_settled_event,
    _TEXT_PART: _text_part,
    _REASONING_PART: _reasoning_part,
    _FILE_PART: _file_part,
    _DYNAMIC_TOOL_PART: _dynamic_tool_part,
    _MESSAGE_SIGNAL: _message_signal,
    _MESSAGE_SETTLEMENT: _message_settlement,
    _CONVERSATION_MESSAGE: _conversation_message,
    _CONVERSATION_SETTLEMENT: _conversation_settlement,
    _CONVERSATION_SNAPSHOT: _conversation_snapshot,
    _CHUNK_POSITION: _chunk_position,
    _CONVERSATION_RESET_CHUNK: _conversation_reset_chunk,
    _MESSAGE_APPENDED_CHUNK: _message_appended_chunk,
    _MESSAGE_STARTED_CHUNK: _message_started_chunk,
    _MESSAGE_METADATA_CHUNK: _message_metadata_chunk,
    _DATA_PART_CHUNK: _data_part_chunk,
    _MESSAGE_DELTA_CHUNK: _message_delta_chunk,
    _TOOL_INPUT_CHUNK: _tool_input_chunk,
    _TOOL_OUTPUT_CHUNK: _tool_output_chunk,
    _TOOL_OUTPUT_ERROR_CHUNK: _tool_output_error_chunk,
    _MESSAGE_COMPLETED_CHUNK: _message_completed_chunk,
    _SUBMISSION_SETTLED_CHUNK: _submission_settled_chunk,
    _STREAM_CHECKPOINT_CHUNK: _stream_checkpoint_chunk,
    _LLM_ASSISTANT_MESSAGE_ALONE: _llm_assistant_message,
}
