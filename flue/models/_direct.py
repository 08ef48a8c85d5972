"""Direct decoding: JSON text becomes a model without a dictionary in between.

Generated from schemas/ by `python -m codegen`: do not edit.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import UNSET

from flue._wire_model import NO_EXTRA
from flue._wire_struct import Indirect, struct
from flue._wire_values import from_iso, nested, new
from flue.models._structure import structure_llm_assistant_message
from flue.models.common import (
    FlueErrorInfo,
    FlueSerializedError,
    LlmTurnPurpose,
    ModelRequestInfo,
    ModelResponse,
    PromptCost,
    PromptUsage,
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
    SubmissionOutcome,
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

_RUN_START_EVENT: Final[Any] = struct(
    "RunStartEvent",
    "type",
    "run_start",
    ("run_id", "runId", str),
    ("workflow_name", "workflowName", str),
    ("started_at", "startedAt", str),
    ("input", "input", Any, UNSET),
    ("v", "v", Literal[3]),
    ("event_index", "eventIndex", int),
    ("timestamp", "timestamp", str),
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

_RUN_RESUME_EVENT: Final[Any] = struct(
    "RunResumeEvent",
    "type",
    "run_resume",
    ("run_id", "runId", str),
    ("workflow_name", "workflowName", str),
    ("started_at", "startedAt", str),
    ("v", "v", Literal[3]),
    ("event_index", "eventIndex", int),
    ("timestamp", "timestamp", str),
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

_RUN_END_EVENT: Final[Any] = struct(
    "RunEndEvent",
    "type",
    "run_end",
    ("run_id", "runId", str),
    ("result", "result", Any, UNSET),
    ("is_error", "isError", bool),
    ("error", "error", Any, UNSET),
    ("duration_ms", "durationMs", int | float),
    ("v", "v", Literal[3]),
    ("event_index", "eventIndex", int),
    ("timestamp", "timestamp", str),
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

_AGENT_START_EVENT: Final[Any] = struct(
    "AgentStartEvent",
    "type",
    "agent_start",
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

_AGENT_END_EVENT: Final[Any] = struct(
    "AgentEndEvent",
    "type",
    "agent_end",
    ("messages", "messages", list),
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

_TURN_START_EVENT: Final[Any] = struct(
    "TurnStartEvent",
    "type",
    "turn_start",
    ("turn_id", "turnId", str),
    ("purpose", "purpose", LlmTurnPurpose),
    ("v", "v", Literal[3]),
    ("event_index", "eventIndex", int),
    ("timestamp", "timestamp", str),
    ("run_id", "runId", str, None),
    ("conversation_id", "conversationId", str, None),
    ("session", "session", str, None),
    ("harness", "harness", str, None),
    ("operation_id", "operationId", str, None),
    ("instance_id", "instanceId", str, None),
    ("agent_name", "agentName", str, None),
    ("submission_id", "submissionId", str, None),
    ("dispatch_id", "dispatchId", str, None),
    ("task_id", "taskId", str, None),
    ("parent_session", "parentSession", str, None),
)

_MODEL_REQUEST_INFO: Final[Any] = struct(
    "ModelRequestInfo",
    "",
    "",
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

_PROMPT_COST: Final[Any] = struct(
    "PromptCost",
    "",
    "",
    ("input", "input", int | float),
    ("output", "output", int | float),
    ("cache_read", "cacheRead", int | float),
    ("cache_write", "cacheWrite", int | float),
    ("total", "total", int | float),
)

_PROMPT_USAGE: Final[Any] = struct(
    "PromptUsage",
    "",
    "",
    ("input", "input", int),
    ("output", "output", int),
    ("cache_read", "cacheRead", int),
    ("cache_write", "cacheWrite", int),
    ("total_tokens", "totalTokens", int),
    ("cost", "cost", _PROMPT_COST),
)

_FLUE_ERROR_INFO: Final[Any] = struct(
    "FlueErrorInfo",
    "",
    "",
    ("type", "type", str),
    ("name", "name", str, None),
    ("code", "code", str, None),
    ("message", "message", str, None),
)

_MODEL_RESPONSE: Final[Any] = struct(
    "ModelResponse",
    "",
    "",
    ("response_id", "responseId", str, None),
    ("response_model", "responseModel", str, None),
    ("output", "output", Any, None),
    ("usage", "usage", _PROMPT_USAGE, None),
    ("finish_reason", "finishReason", str, None),
    ("error", "error", _FLUE_ERROR_INFO, None),
)

_TURN_EVENT: Final[Any] = struct(
    "TurnEvent",
    "type",
    "turn",
    ("turn_id", "turnId", str),
    ("purpose", "purpose", LlmTurnPurpose),
    ("duration_ms", "durationMs", int | float),
    ("request", "request", _MODEL_REQUEST_INFO),
    ("response", "response", _MODEL_RESPONSE),
    ("is_error", "isError", bool),
    ("v", "v", Literal[3]),
    ("event_index", "eventIndex", int),
    ("timestamp", "timestamp", str),
    ("run_id", "runId", str, None),
    ("conversation_id", "conversationId", str, None),
    ("session", "session", str, None),
    ("harness", "harness", str, None),
    ("operation_id", "operationId", str, None),
    ("instance_id", "instanceId", str, None),
    ("agent_name", "agentName", str, None),
    ("submission_id", "submissionId", str, None),
    ("dispatch_id", "dispatchId", str, None),
    ("task_id", "taskId", str, None),
    ("parent_session", "parentSession", str, None),
)

_TURN_MESSAGES_EVENT: Final[Any] = struct(
    "TurnMessagesEvent",
    "type",
    "turn_messages",
    ("turn_id", "turnId", str),
    ("purpose", "purpose", LlmTurnPurpose),
    ("message", "message", Any, UNSET),
    ("tool_results", "toolResults", list),
    ("v", "v", Literal[3]),
    ("event_index", "eventIndex", int),
    ("timestamp", "timestamp", str),
    ("run_id", "runId", str, None),
    ("conversation_id", "conversationId", str, None),
    ("session", "session", str, None),
    ("harness", "harness", str, None),
    ("operation_id", "operationId", str, None),
    ("instance_id", "instanceId", str, None),
    ("agent_name", "agentName", str, None),
    ("submission_id", "submissionId", str, None),
    ("dispatch_id", "dispatchId", str, None),
    ("task_id", "taskId", str, None),
    ("parent_session", "parentSession", str, None),
)

_MESSAGE_START_EVENT: Final[Any] = struct(
    "MessageStartEvent",
    "type",
    "message_start",
    ("turn_id", "turnId", str),
    ("message", "message", Any, UNSET),
    ("v", "v", Literal[3]),
    ("event_index", "eventIndex", int),
    ("timestamp", "timestamp", str),
    ("run_id", "runId", str, None),
    ("conversation_id", "conversationId", str, None),
    ("session", "session", str, None),
    ("harness", "harness", str, None),
    ("operation_id", "operationId", str, None),
    ("instance_id", "instanceId", str, None),
    ("agent_name", "agentName", str, None),
    ("submission_id", "submissionId", str, None),
    ("dispatch_id", "dispatchId", str, None),
    ("task_id", "taskId", str, None),
    ("parent_session", "parentSession", str, None),
)

_MESSAGE_END_EVENT: Final[Any] = struct(
    "MessageEndEvent",
    "type",
    "message_end",
    ("turn_id", "turnId", str),
    ("message", "message", Any, UNSET),
    ("v", "v", Literal[3]),
    ("event_index", "eventIndex", int),
    ("timestamp", "timestamp", str),
    ("run_id", "runId", str, None),
    ("conversation_id", "conversationId", str, None),
    ("session", "session", str, None),
    ("harness", "harness", str, None),
    ("operation_id", "operationId", str, None),
    ("instance_id", "instanceId", str, None),
    ("agent_name", "agentName", str, None),
    ("submission_id", "submissionId", str, None),
    ("dispatch_id", "dispatchId", str, None),
    ("task_id", "taskId", str, None),
    ("parent_session", "parentSession", str, None),
)

_TEXT_DELTA_EVENT: Final[Any] = struct(
    "TextDeltaEvent",
    "type",
    "text_delta",
    ("text", "text", str),
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

_THINKING_START_EVENT: Final[Any] = struct(
    "ThinkingStartEvent",
    "type",
    "thinking_start",
    ("content_index", "contentIndex", int, None),
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

_THINKING_DELTA_EVENT: Final[Any] = struct(
    "ThinkingDeltaEvent",
    "type",
    "thinking_delta",
    ("content_index", "contentIndex", int, None),
    ("delta", "delta", str),
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

_THINKING_END_EVENT: Final[Any] = struct(
    "ThinkingEndEvent",
    "type",
    "thinking_end",
    ("content_index", "contentIndex", int, None),
    ("content", "content", str),
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

_TOOL_START_EVENT: Final[Any] = struct(
    "ToolStartEvent",
    "type",
    "tool_start",
    ("tool_name", "toolName", str),
    ("tool_call_id", "toolCallId", str),
    ("args", "args", Any, UNSET),
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

_TOOL_EVENT: Final[Any] = struct(
    "ToolEvent",
    "type",
    "tool",
    ("tool_name", "toolName", str),
    ("tool_call_id", "toolCallId", str),
    ("is_error", "isError", bool),
    ("result", "result", Any, UNSET),
    ("duration_ms", "durationMs", int | float),
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

_TASK_START_EVENT: Final[Any] = struct(
    "TaskStartEvent",
    "type",
    "task_start",
    ("task_id", "taskId", str),
    ("prompt", "prompt", str),
    ("agent", "agent", str, None),
    ("cwd", "cwd", str, None),
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
    ("parent_session", "parentSession", str, None),
)

_TASK_EVENT: Final[Any] = struct(
    "TaskEvent",
    "type",
    "task",
    ("task_id", "taskId", str),
    ("agent", "agent", str, None),
    ("is_error", "isError", bool),
    ("result", "result", Any, UNSET),
    ("duration_ms", "durationMs", int | float),
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
    ("parent_session", "parentSession", str, None),
)

_COMPACTION_START_EVENT: Final[Any] = struct(
    "CompactionStartEvent",
    "type",
    "compaction_start",
    ("reason", "reason", CompactionReason),
    ("estimated_tokens", "estimatedTokens", int | float),
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

_COMPACTION_EVENT: Final[Any] = struct(
    "CompactionEvent",
    "type",
    "compaction",
    ("messages_before", "messagesBefore", int),
    ("messages_after", "messagesAfter", int),
    ("duration_ms", "durationMs", int | float),
    ("is_error", "isError", bool),
    ("error", "error", Any, UNSET),
    ("usage", "usage", _PROMPT_USAGE, None),
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

_OPERATION_START_EVENT: Final[Any] = struct(
    "OperationStartEvent",
    "type",
    "operation_start",
    ("operation_id", "operationId", str),
    ("operation_kind", "operationKind", OperationKind),
    ("v", "v", Literal[3]),
    ("event_index", "eventIndex", int),
    ("timestamp", "timestamp", str),
    ("run_id", "runId", str, None),
    ("conversation_id", "conversationId", str, None),
    ("session", "session", str, None),
    ("harness", "harness", str, None),
    ("turn_id", "turnId", str, None),
    ("instance_id", "instanceId", str, None),
    ("agent_name", "agentName", str, None),
    ("submission_id", "submissionId", str, None),
    ("dispatch_id", "dispatchId", str, None),
    ("task_id", "taskId", str, None),
    ("parent_session", "parentSession", str, None),
)

_OPERATION_EVENT: Final[Any] = struct(
    "OperationEvent",
    "type",
    "operation",
    ("operation_id", "operationId", str),
    ("operation_kind", "operationKind", OperationKind),
    ("duration_ms", "durationMs", int | float),
    ("is_error", "isError", bool),
    ("error", "error", Any, UNSET),
    ("result", "result", Any, UNSET),
    ("usage", "usage", _PROMPT_USAGE, None),
    ("v", "v", Literal[3]),
    ("event_index", "eventIndex", int),
    ("timestamp", "timestamp", str),
    ("run_id", "runId", str, None),
    ("conversation_id", "conversationId", str, None),
    ("session", "session", str, None),
    ("harness", "harness", str, None),
    ("turn_id", "turnId", str, None),
    ("instance_id", "instanceId", str, None),
    ("agent_name", "agentName", str, None),
    ("submission_id", "submissionId", str, None),
    ("dispatch_id", "dispatchId", str, None),
    ("task_id", "taskId", str, None),
    ("parent_session", "parentSession", str, None),
)

_LOG_EVENT: Final[Any] = struct(
    "LogEvent",
    "type",
    "log",
    ("level", "level", LogLevel),
    ("message", "message", str),
    ("attributes", "attributes", dict, None),
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

_DATA_EVENT: Final[Any] = struct(
    "DataEvent",
    "type",
    "data",
    ("name", "name", str),
    ("id", "id", str, None),
    ("data", "data", Any, UNSET),
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

_IDLE_EVENT: Final[Any] = struct(
    "IdleEvent",
    "type",
    "idle",
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

_FLUE_SERIALIZED_ERROR: Final[Any] = struct(
    "FlueSerializedError",
    "",
    "",
    ("name", "name", str, None),
    ("message", "message", str),
    ("type", "type", str, None),
    ("details", "details", str, None),
    ("dev", "dev", str, None),
    ("meta", "meta", dict, None),
)

_SUBMISSION_SETTLED_EVENT: Final[Any] = struct(
    "SubmissionSettledEvent",
    "type",
    "submission_settled",
    ("submission_id", "submissionId", str),
    ("outcome", "outcome", SubmissionOutcome),
    ("result", "result", Any, UNSET),
    ("error", "error", _FLUE_SERIALIZED_ERROR, None),
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
    ("dispatch_id", "dispatchId", str, None),
    ("task_id", "taskId", str, None),
    ("parent_session", "parentSession", str, None),
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


def _run_start_event(wire: Any) -> RunStartEvent:
    built = new(RunStartEvent)
    built.run_id = wire.run_id
    built.workflow_name = wire.workflow_name
    value = wire.started_at
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.started_at = from_iso(value)
    value = wire.input
    if value is UNSET:
        built.input = None
    elif value is None:
        raise Indirect
    else:
        built.input = value
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _run_resume_event(wire: Any) -> RunResumeEvent:
    built = new(RunResumeEvent)
    built.run_id = wire.run_id
    built.workflow_name = wire.workflow_name
    value = wire.started_at
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.started_at = from_iso(value)
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _run_end_event(wire: Any) -> RunEndEvent:
    built = new(RunEndEvent)
    built.run_id = wire.run_id
    value = wire.result
    if value is UNSET:
        built.result = None
    elif value is None:
        raise Indirect
    else:
        built.result = value
    built.is_error = wire.is_error
    value = wire.error
    if value is UNSET:
        built.error = None
    elif value is None:
        raise Indirect
    else:
        built.error = value
    built.duration_ms = wire.duration_ms
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _agent_start_event(wire: Any) -> AgentStartEvent:
    built = new(AgentStartEvent)
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _agent_end_event(wire: Any) -> AgentEndEvent:
    built = new(AgentEndEvent)
    built.messages = wire.messages
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _turn_start_event(wire: Any) -> TurnStartEvent:
    built = new(TurnStartEvent)
    built.turn_id = wire.turn_id
    built.purpose = wire.purpose
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _model_request_info(wire: Any) -> ModelRequestInfo:
    built = new(ModelRequestInfo)
    built.provider_id = wire.provider_id
    built.provider_name = wire.provider_name
    built.requested_model = wire.requested_model
    built.api = wire.api
    built.server_address = wire.server_address
    built.server_port = wire.server_port
    built.reasoning_level = wire.reasoning_level
    built.max_tokens = wire.max_tokens
    built.temperature = wire.temperature
    built.context_compacted = wire.context_compacted
    built.wire_extra = NO_EXTRA
    return built


def _prompt_cost(wire: Any) -> PromptCost:
    built = new(PromptCost)
    built.input = wire.input
    built.output = wire.output
    built.cache_read = wire.cache_read
    built.cache_write = wire.cache_write
    built.total = wire.total
    built.wire_extra = NO_EXTRA
    return built


def _prompt_usage(wire: Any) -> PromptUsage:
    built = new(PromptUsage)
    built.input = wire.input
    built.output = wire.output
    built.cache_read = wire.cache_read
    built.cache_write = wire.cache_write
    built.total_tokens = wire.total_tokens
    value = wire.cost
    built.cost = _prompt_cost(value)
    built.wire_extra = NO_EXTRA
    return built


def _flue_error_info(wire: Any) -> FlueErrorInfo:
    built = new(FlueErrorInfo)
    built.type = wire.type
    built.name = wire.name
    built.code = wire.code
    built.message = wire.message
    built.wire_extra = NO_EXTRA
    return built


def _model_response(wire: Any) -> ModelResponse:
    built = new(ModelResponse)
    built.response_id = wire.response_id
    built.response_model = wire.response_model
    value = wire.output
    if value is None:
        built.output = None
    else:
        built.output = nested("output", structure_llm_assistant_message, value)
    value = wire.usage
    if value is None:
        built.usage = None
    else:
        built.usage = _prompt_usage(value)
    built.finish_reason = wire.finish_reason
    value = wire.error
    if value is None:
        built.error = None
    else:
        built.error = _flue_error_info(value)
    built.wire_extra = NO_EXTRA
    return built


def _turn_event(wire: Any) -> TurnEvent:
    built = new(TurnEvent)
    built.turn_id = wire.turn_id
    built.purpose = wire.purpose
    built.duration_ms = wire.duration_ms
    value = wire.request
    built.request = _model_request_info(value)
    value = wire.response
    built.response = _model_response(value)
    built.is_error = wire.is_error
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _turn_messages_event(wire: Any) -> TurnMessagesEvent:
    built = new(TurnMessagesEvent)
    built.turn_id = wire.turn_id
    built.purpose = wire.purpose
    value = wire.message
    if value is UNSET:
        built.message = None
    elif value is None:
        raise Indirect
    else:
        built.message = value
    built.tool_results = wire.tool_results
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _message_start_event(wire: Any) -> MessageStartEvent:
    built = new(MessageStartEvent)
    built.turn_id = wire.turn_id
    value = wire.message
    if value is UNSET:
        built.message = None
    elif value is None:
        raise Indirect
    else:
        built.message = value
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _message_end_event(wire: Any) -> MessageEndEvent:
    built = new(MessageEndEvent)
    built.turn_id = wire.turn_id
    value = wire.message
    if value is UNSET:
        built.message = None
    elif value is None:
        raise Indirect
    else:
        built.message = value
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _text_delta_event(wire: Any) -> TextDeltaEvent:
    built = new(TextDeltaEvent)
    built.text = wire.text
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _thinking_start_event(wire: Any) -> ThinkingStartEvent:
    built = new(ThinkingStartEvent)
    built.content_index = wire.content_index
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _thinking_delta_event(wire: Any) -> ThinkingDeltaEvent:
    built = new(ThinkingDeltaEvent)
    built.content_index = wire.content_index
    built.delta = wire.delta
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _thinking_end_event(wire: Any) -> ThinkingEndEvent:
    built = new(ThinkingEndEvent)
    built.content_index = wire.content_index
    built.content = wire.content
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _tool_start_event(wire: Any) -> ToolStartEvent:
    built = new(ToolStartEvent)
    built.tool_name = wire.tool_name
    built.tool_call_id = wire.tool_call_id
    value = wire.args
    if value is UNSET:
        built.args = None
    elif value is None:
        raise Indirect
    else:
        built.args = value
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _tool_event(wire: Any) -> ToolEvent:
    built = new(ToolEvent)
    built.tool_name = wire.tool_name
    built.tool_call_id = wire.tool_call_id
    built.is_error = wire.is_error
    value = wire.result
    if value is UNSET:
        built.result = None
    elif value is None:
        raise Indirect
    else:
        built.result = value
    built.duration_ms = wire.duration_ms
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _task_start_event(wire: Any) -> TaskStartEvent:
    built = new(TaskStartEvent)
    built.task_id = wire.task_id
    built.prompt = wire.prompt
    built.agent = wire.agent
    built.cwd = wire.cwd
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _task_event(wire: Any) -> TaskEvent:
    built = new(TaskEvent)
    built.task_id = wire.task_id
    built.agent = wire.agent
    built.is_error = wire.is_error
    value = wire.result
    if value is UNSET:
        built.result = None
    elif value is None:
        raise Indirect
    else:
        built.result = value
    built.duration_ms = wire.duration_ms
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _compaction_start_event(wire: Any) -> CompactionStartEvent:
    built = new(CompactionStartEvent)
    built.reason = wire.reason
    built.estimated_tokens = wire.estimated_tokens
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _compaction_event(wire: Any) -> CompactionEvent:
    built = new(CompactionEvent)
    built.messages_before = wire.messages_before
    built.messages_after = wire.messages_after
    built.duration_ms = wire.duration_ms
    built.is_error = wire.is_error
    value = wire.error
    if value is UNSET:
        built.error = None
    elif value is None:
        raise Indirect
    else:
        built.error = value
    value = wire.usage
    if value is None:
        built.usage = None
    else:
        built.usage = _prompt_usage(value)
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _operation_start_event(wire: Any) -> OperationStartEvent:
    built = new(OperationStartEvent)
    built.operation_id = wire.operation_id
    built.operation_kind = wire.operation_kind
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _operation_event(wire: Any) -> OperationEvent:
    built = new(OperationEvent)
    built.operation_id = wire.operation_id
    built.operation_kind = wire.operation_kind
    built.duration_ms = wire.duration_ms
    built.is_error = wire.is_error
    value = wire.error
    if value is UNSET:
        built.error = None
    elif value is None:
        raise Indirect
    else:
        built.error = value
    value = wire.result
    if value is UNSET:
        built.result = None
    elif value is None:
        raise Indirect
    else:
        built.result = value
    value = wire.usage
    if value is None:
        built.usage = None
    else:
        built.usage = _prompt_usage(value)
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _log_event(wire: Any) -> LogEvent:
    built = new(LogEvent)
    built.level = wire.level
    built.message = wire.message
    built.attributes = wire.attributes
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _data_event(wire: Any) -> DataEvent:
    built = new(DataEvent)
    built.name = wire.name
    built.id = wire.id
    value = wire.data
    if value is UNSET:
        built.data = None
    elif value is None:
        raise Indirect
    else:
        built.data = value
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _idle_event(wire: Any) -> IdleEvent:
    built = new(IdleEvent)
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.submission_id = wire.submission_id
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


def _flue_serialized_error(wire: Any) -> FlueSerializedError:
    built = new(FlueSerializedError)
    built.name = wire.name
    built.message = wire.message
    built.type = wire.type
    built.details = wire.details
    built.dev = wire.dev
    built.meta = wire.meta
    built.wire_extra = NO_EXTRA
    return built


def _submission_settled_event(wire: Any) -> SubmissionSettledEvent:
    built = new(SubmissionSettledEvent)
    built.submission_id = wire.submission_id
    built.outcome = wire.outcome
    value = wire.result
    if value is UNSET:
        built.result = None
    elif value is None:
        raise Indirect
    else:
        built.result = value
    value = wire.error
    if value is None:
        built.error = None
    else:
        built.error = _flue_serialized_error(value)
    built.v = 3
    built.event_index = wire.event_index
    value = wire.timestamp
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.timestamp = from_iso(value)
    built.run_id = wire.run_id
    built.conversation_id = wire.conversation_id
    built.session = wire.session
    built.harness = wire.harness
    built.operation_id = wire.operation_id
    built.turn_id = wire.turn_id
    built.instance_id = wire.instance_id
    built.agent_name = wire.agent_name
    built.dispatch_id = wire.dispatch_id
    built.task_id = wire.task_id
    built.parent_session = wire.parent_session
    built.wire_extra = NO_EXTRA
    return built


READ: Final[dict[Any, Any]] = {
    _RUN_START_EVENT: _run_start_event,
    _RUN_RESUME_EVENT: _run_resume_event,
    _RUN_END_EVENT: _run_end_event,
    _AGENT_START_EVENT: _agent_start_event,
    _AGENT_END_EVENT: _agent_end_event,
    _TURN_START_EVENT: _turn_start_event,
    _MODEL_REQUEST_INFO: _model_request_info,
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
}
