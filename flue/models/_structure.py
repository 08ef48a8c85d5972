"""Decoding functions of the models: a parsed JSON object becomes a model.

Generated from schemas/ by `python -m codegen`: do not edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flue._unknown import UnknownContent, UnknownEvent
from flue._wire_model import NO_EXTRA, DecodeError
from flue._wire_values import (
    fitting,
    from_iso,
    integer,
    items,
    leftover,
    misfit,
    nested,
    new,
    no_member,
    parse_time,
    unknown_tag,
)
from flue.models.common import (
    FlueErrorInfo,
    FluePublicError,
    FlueSerializedError,
    LlmAssistantContent,
    LlmAssistantMessage,
    LlmImageContent,
    LlmMessage,
    LlmTextContent,
    LlmThinkingContent,
    LlmTool,
    LlmToolCall,
    LlmToolResultMessage,
    LlmUserContent,
    LlmUserMessage,
    ModelRequestInfo,
    ModelResponse,
    PromptCost,
    PromptUsage,
)
from flue.models.flue_event import (
    AgentEndEvent,
    AgentStartEvent,
    AttachedAgentEvent,
    CompactionEvent,
    CompactionStartEvent,
    DataEvent,
    FlueEvent,
    IdleEvent,
    LogEvent,
    MessageEndEvent,
    MessageStartEvent,
    OperationEvent,
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
from flue.models.operations import (
    AgentPromptResponse,
    AgentPromptResult,
    AgentSendResult,
    PromptModel,
    WorkflowInvokeResult,
    WorkflowRunResult,
    WorkflowWaitResult,
)
from flue.models.run_record import RunRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue._wire_model import Get, Model, Shape, Structure
    from flue.models.common import LlmTurnPurpose
    from flue.models.flue_event import CompactionReason, LogLevel, OperationKind, SubmissionOutcome
    from flue.models.run_record import RunStatus

_LLM_TURN_PURPOSE: Final[frozenset[LlmTurnPurpose]] = frozenset({"agent", "compaction", "compaction_prefix"})

_LOG_LEVEL: Final[frozenset[LogLevel]] = frozenset({"info", "warn", "error"})

_OPERATION_KIND: Final[frozenset[OperationKind]] = frozenset({"prompt", "skill", "task", "shell", "compact"})

_COMPACTION_REASON: Final[frozenset[CompactionReason]] = frozenset({"threshold", "overflow", "manual"})

_SUBMISSION_OUTCOME: Final[frozenset[SubmissionOutcome]] = frozenset({"completed", "failed", "aborted"})

_RUN_STATUS: Final[frozenset[RunStatus]] = frozenset({"active", "completed", "errored"})

_PROMPT_USAGE: Shape = (
    ("input", "input", "integer"),
    ("output", "output", "integer"),
    ("cacheRead", "cache_read", "integer"),
    ("cacheWrite", "cache_write", "integer"),
    ("totalTokens", "total_tokens", "integer"),
    ("cost", "cost", "nested"),
)

_PROMPT_COST: Shape = (
    ("input", "input", "plain"),
    ("output", "output", "plain"),
    ("cacheRead", "cache_read", "plain"),
    ("cacheWrite", "cache_write", "plain"),
    ("total", "total", "plain"),
)

_LLM_TEXT_CONTENT: Shape = (
    ("type", "type", "plain"),
    ("text", "text", "plain"),
    ("textSignature", "text_signature", "plain"),
)

_LLM_IMAGE_CONTENT: Shape = (
    ("type", "type", "plain"),
    ("data", "data", "plain"),
    ("mimeType", "mime_type", "plain"),
)

_LLM_THINKING_CONTENT: Shape = (
    ("type", "type", "plain"),
    ("thinking", "thinking", "plain"),
    ("thinkingSignature", "thinking_signature", "plain"),
    ("redacted", "redacted", "plain"),
)

_LLM_TOOL_CALL: Shape = (
    ("type", "type", "plain"),
    ("id", "id", "plain"),
    ("name", "name", "plain"),
    ("arguments", "arguments", "plain"),
    ("thoughtSignature", "thought_signature", "plain"),
)

_LLM_USER_MESSAGE: Shape = (
    ("role", "role", "plain"),
    ("content", "content", "nested"),
)

_LLM_ASSISTANT_MESSAGE: Shape = (
    ("role", "role", "plain"),
    ("content", "content", "nested"),
)

_LLM_TOOL_RESULT_MESSAGE: Shape = (
    ("role", "role", "plain"),
    ("toolCallId", "tool_call_id", "plain"),
    ("toolName", "tool_name", "plain"),
    ("content", "content", "nested"),
    ("isError", "is_error", "plain"),
)

_LLM_TOOL: Shape = (
    ("name", "name", "plain"),
    ("description", "description", "plain"),
    ("parameters", "parameters", "plain"),
)

_MODEL_REQUEST_INFO: Shape = (
    ("providerId", "provider_id", "plain"),
    ("providerName", "provider_name", "plain"),
    ("requestedModel", "requested_model", "plain"),
    ("api", "api", "plain"),
    ("serverAddress", "server_address", "plain"),
    ("serverPort", "server_port", "integer"),
    ("reasoningLevel", "reasoning_level", "plain"),
    ("maxTokens", "max_tokens", "integer"),
    ("temperature", "temperature", "plain"),
    ("contextCompacted", "context_compacted", "plain"),
)

_MODEL_RESPONSE: Shape = (
    ("responseId", "response_id", "plain"),
    ("responseModel", "response_model", "plain"),
    ("output", "output", "nested"),
    ("usage", "usage", "nested"),
    ("finishReason", "finish_reason", "plain"),
    ("error", "error", "nested"),
)

_FLUE_ERROR_INFO: Shape = (
    ("type", "type", "plain"),
    ("name", "name", "plain"),
    ("code", "code", "plain"),
    ("message", "message", "plain"),
)

_FLUE_SERIALIZED_ERROR: Shape = (
    ("name", "name", "plain"),
    ("message", "message", "plain"),
    ("type", "type", "plain"),
    ("details", "details", "plain"),
    ("dev", "dev", "plain"),
    ("meta", "meta", "plain"),
)

_FLUE_PUBLIC_ERROR: Shape = (
    ("type", "type", "plain"),
    ("message", "message", "plain"),
    ("details", "details", "plain"),
    ("dev", "dev", "plain"),
    ("meta", "meta", "plain"),
)

_RUN_START_EVENT: Shape = (
    ("type", "type", "plain"),
    ("runId", "run_id", "plain"),
    ("workflowName", "workflow_name", "plain"),
    ("startedAt", "started_at", "time"),
    ("input", "input", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_RUN_RESUME_EVENT: Shape = (
    ("type", "type", "plain"),
    ("runId", "run_id", "plain"),
    ("workflowName", "workflow_name", "plain"),
    ("startedAt", "started_at", "time"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_RUN_END_EVENT: Shape = (
    ("type", "type", "plain"),
    ("runId", "run_id", "plain"),
    ("result", "result", "plain"),
    ("isError", "is_error", "plain"),
    ("error", "error", "plain"),
    ("durationMs", "duration_ms", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_AGENT_START_EVENT: Shape = (
    ("type", "type", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_AGENT_END_EVENT: Shape = (
    ("type", "type", "plain"),
    ("messages", "messages", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_TURN_START_EVENT: Shape = (
    ("type", "type", "plain"),
    ("turnId", "turn_id", "plain"),
    ("purpose", "purpose", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_TURN_EVENT: Shape = (
    ("type", "type", "plain"),
    ("turnId", "turn_id", "plain"),
    ("purpose", "purpose", "plain"),
    ("durationMs", "duration_ms", "plain"),
    ("request", "request", "nested"),
    ("response", "response", "nested"),
    ("isError", "is_error", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_TURN_MESSAGES_EVENT: Shape = (
    ("type", "type", "plain"),
    ("turnId", "turn_id", "plain"),
    ("purpose", "purpose", "plain"),
    ("message", "message", "plain"),
    ("toolResults", "tool_results", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_MESSAGE_START_EVENT: Shape = (
    ("type", "type", "plain"),
    ("turnId", "turn_id", "plain"),
    ("message", "message", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_MESSAGE_END_EVENT: Shape = (
    ("type", "type", "plain"),
    ("turnId", "turn_id", "plain"),
    ("message", "message", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_TEXT_DELTA_EVENT: Shape = (
    ("type", "type", "plain"),
    ("text", "text", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_THINKING_START_EVENT: Shape = (
    ("type", "type", "plain"),
    ("contentIndex", "content_index", "integer"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_THINKING_DELTA_EVENT: Shape = (
    ("type", "type", "plain"),
    ("contentIndex", "content_index", "integer"),
    ("delta", "delta", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_THINKING_END_EVENT: Shape = (
    ("type", "type", "plain"),
    ("contentIndex", "content_index", "integer"),
    ("content", "content", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_TOOL_START_EVENT: Shape = (
    ("type", "type", "plain"),
    ("toolName", "tool_name", "plain"),
    ("toolCallId", "tool_call_id", "plain"),
    ("args", "args", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_TOOL_EVENT: Shape = (
    ("type", "type", "plain"),
    ("toolName", "tool_name", "plain"),
    ("toolCallId", "tool_call_id", "plain"),
    ("isError", "is_error", "plain"),
    ("result", "result", "plain"),
    ("durationMs", "duration_ms", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_TASK_START_EVENT: Shape = (
    ("type", "type", "plain"),
    ("taskId", "task_id", "plain"),
    ("prompt", "prompt", "plain"),
    ("agent", "agent", "plain"),
    ("cwd", "cwd", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_TASK_EVENT: Shape = (
    ("type", "type", "plain"),
    ("taskId", "task_id", "plain"),
    ("agent", "agent", "plain"),
    ("isError", "is_error", "plain"),
    ("result", "result", "plain"),
    ("durationMs", "duration_ms", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_COMPACTION_START_EVENT: Shape = (
    ("type", "type", "plain"),
    ("reason", "reason", "plain"),
    ("estimatedTokens", "estimated_tokens", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_COMPACTION_EVENT: Shape = (
    ("type", "type", "plain"),
    ("messagesBefore", "messages_before", "integer"),
    ("messagesAfter", "messages_after", "integer"),
    ("durationMs", "duration_ms", "plain"),
    ("isError", "is_error", "plain"),
    ("error", "error", "plain"),
    ("usage", "usage", "nested"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_OPERATION_START_EVENT: Shape = (
    ("type", "type", "plain"),
    ("operationId", "operation_id", "plain"),
    ("operationKind", "operation_kind", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_OPERATION_EVENT: Shape = (
    ("type", "type", "plain"),
    ("operationId", "operation_id", "plain"),
    ("operationKind", "operation_kind", "plain"),
    ("durationMs", "duration_ms", "plain"),
    ("isError", "is_error", "plain"),
    ("error", "error", "plain"),
    ("result", "result", "plain"),
    ("usage", "usage", "nested"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_LOG_EVENT: Shape = (
    ("type", "type", "plain"),
    ("level", "level", "plain"),
    ("message", "message", "plain"),
    ("attributes", "attributes", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_DATA_EVENT: Shape = (
    ("type", "type", "plain"),
    ("name", "name", "plain"),
    ("id", "id", "plain"),
    ("data", "data", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_IDLE_EVENT: Shape = (
    ("type", "type", "plain"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_SUBMISSION_SETTLED_EVENT: Shape = (
    ("type", "type", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("outcome", "outcome", "plain"),
    ("result", "result", "plain"),
    ("error", "error", "nested"),
    ("v", "v", "integer"),
    ("eventIndex", "event_index", "integer"),
    ("timestamp", "timestamp", "time"),
    ("runId", "run_id", "plain"),
    ("conversationId", "conversation_id", "plain"),
    ("session", "session", "plain"),
    ("harness", "harness", "plain"),
    ("operationId", "operation_id", "plain"),
    ("turnId", "turn_id", "plain"),
    ("instanceId", "instance_id", "plain"),
    ("agentName", "agent_name", "plain"),
    ("dispatchId", "dispatch_id", "plain"),
    ("taskId", "task_id", "plain"),
    ("parentSession", "parent_session", "plain"),
)

_WORKFLOW_INVOKE_RESULT: Shape = (("runId", "run_id", "plain"),)

_WORKFLOW_WAIT_RESULT: Shape = (
    ("runId", "run_id", "plain"),
    ("result", "result", "plain"),
)

_WORKFLOW_RUN_RESULT: Shape = (
    ("runId", "run_id", "plain"),
    ("result", "result", "plain"),
)

_AGENT_SEND_RESULT: Shape = (
    ("streamUrl", "stream_url", "plain"),
    ("offset", "offset", "plain"),
    ("submissionId", "submission_id", "plain"),
)

_AGENT_PROMPT_RESULT: Shape = (
    ("streamUrl", "stream_url", "plain"),
    ("offset", "offset", "plain"),
    ("submissionId", "submission_id", "plain"),
    ("result", "result", "nested"),
)

_AGENT_PROMPT_RESPONSE: Shape = (
    ("text", "text", "plain"),
    ("usage", "usage", "nested"),
    ("model", "model", "nested"),
)

_PROMPT_MODEL: Shape = (
    ("provider", "provider", "plain"),
    ("id", "id", "plain"),
)

_RUN_RECORD: Shape = (
    ("runId", "run_id", "plain"),
    ("workflowName", "workflow_name", "plain"),
    ("status", "status", "plain"),
    ("startedAt", "started_at", "time"),
    ("endedAt", "ended_at", "time"),
    ("isError", "is_error", "plain"),
    ("durationMs", "duration_ms", "plain"),
    ("input", "input", "plain"),
    ("result", "result", "plain"),
    ("error", "error", "plain"),
)


def structure_prompt_usage(obj: dict[str, Any]) -> PromptUsage:
    get: Get = obj.get
    count = 6
    input_ = get("input")
    if type(input_) is not int:
        input_ = integer("input", input_)
        count -= 1
    output = get("output")
    if type(output) is not int:
        output = integer("output", output)
        count -= 1
    cache_read = get("cacheRead")
    if type(cache_read) is not int:
        cache_read = integer("cacheRead", cache_read)
        count -= 1
    cache_write = get("cacheWrite")
    if type(cache_write) is not int:
        cache_write = integer("cacheWrite", cache_write)
        count -= 1
    total_tokens = get("totalTokens")
    if type(total_tokens) is not int:
        total_tokens = integer("totalTokens", total_tokens)
        count -= 1
    cost = get("cost")
    cost = nested("cost", structure_prompt_cost, cost)
    built = new(PromptUsage)
    built.input = input_
    built.output = output
    built.cache_read = cache_read
    built.cache_write = cache_write
    built.total_tokens = total_tokens
    built.cost = cost
    built.wire_extra = NO_EXTRA
    if count != len(obj):
        built.wire_extra = leftover(built, obj, _PROMPT_USAGE)
    return built


def structure_prompt_cost(obj: dict[str, Any]) -> PromptCost:
    get: Get = obj.get
    count = 5
    input_ = get("input")
    if type(input_) is not int and type(input_) is not float:
        raise misfit("input", "a number", input_)
    output = get("output")
    if type(output) is not int and type(output) is not float:
        raise misfit("output", "a number", output)
    cache_read = get("cacheRead")
    if type(cache_read) is not int and type(cache_read) is not float:
        raise misfit("cacheRead", "a number", cache_read)
    cache_write = get("cacheWrite")
    if type(cache_write) is not int and type(cache_write) is not float:
        raise misfit("cacheWrite", "a number", cache_write)
    total = get("total")
    if type(total) is not int and type(total) is not float:
        raise misfit("total", "a number", total)
    built = new(PromptCost)
    built.input = input_
    built.output = output
    built.cache_read = cache_read
    built.cache_write = cache_write
    built.total = total
    built.wire_extra = NO_EXTRA
    if count != len(obj):
        built.wire_extra = leftover(built, obj, _PROMPT_COST)
    return built


def structure_llm_text_content(obj: dict[str, Any]) -> LlmTextContent:
    get: Get = obj.get
    count = 2
    size = len(obj)
    if get("type") != "text":
        raise misfit("type", '"text"', get("type"))
    text = get("text")
    if type(text) is not str:
        raise misfit("text", "a string", text)
    text_signature = None
    if count != size:
        text_signature = get("textSignature")
        if text_signature is not None:
            if type(text_signature) is not str:
                raise misfit("textSignature", "a string", text_signature)
            count += 1
    built = new(LlmTextContent)
    built.text = text
    built.text_signature = text_signature
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _LLM_TEXT_CONTENT)
    return built


def structure_llm_image_content(obj: dict[str, Any]) -> LlmImageContent:
    get: Get = obj.get
    count = 3
    if get("type") != "image":
        raise misfit("type", '"image"', get("type"))
    data = get("data")
    if type(data) is not str:
        raise misfit("data", "a string", data)
    mime_type = get("mimeType")
    if type(mime_type) is not str:
        raise misfit("mimeType", "a string", mime_type)
    built = new(LlmImageContent)
    built.data = data
    built.mime_type = mime_type
    built.wire_extra = NO_EXTRA
    if count != len(obj):
        built.wire_extra = leftover(built, obj, _LLM_IMAGE_CONTENT)
    return built


def structure_llm_thinking_content(obj: dict[str, Any]) -> LlmThinkingContent:
    get: Get = obj.get
    count = 2
    size = len(obj)
    if get("type") != "thinking":
        raise misfit("type", '"thinking"', get("type"))
    thinking = get("thinking")
    if type(thinking) is not str:
        raise misfit("thinking", "a string", thinking)
    thinking_signature = redacted = None
    if count != size:
        thinking_signature = get("thinkingSignature")
        if thinking_signature is not None:
            if type(thinking_signature) is not str:
                raise misfit("thinkingSignature", "a string", thinking_signature)
            count += 1
        redacted = get("redacted")
        if redacted is not None:
            if type(redacted) is not bool:
                raise misfit("redacted", "a boolean", redacted)
            count += 1
    built = new(LlmThinkingContent)
    built.thinking = thinking
    built.thinking_signature = thinking_signature
    built.redacted = redacted
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _LLM_THINKING_CONTENT)
    return built


def structure_llm_tool_call(obj: dict[str, Any]) -> LlmToolCall:
    get: Get = obj.get
    count = 4
    size = len(obj)
    if get("type") != "toolCall":
        raise misfit("type", '"toolCall"', get("type"))
    id_ = get("id")
    if type(id_) is not str:
        raise misfit("id", "a string", id_)
    name = get("name")
    if type(name) is not str:
        raise misfit("name", "a string", name)
    arguments = get("arguments")
    if type(arguments) is not dict:
        raise misfit("arguments", "an object", arguments)
    thought_signature = None
    if count != size:
        thought_signature = get("thoughtSignature")
        if thought_signature is not None:
            if type(thought_signature) is not str:
                raise misfit("thoughtSignature", "a string", thought_signature)
            count += 1
    built = new(LlmToolCall)
    built.id = id_
    built.name = name
    built.arguments = arguments
    built.thought_signature = thought_signature
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _LLM_TOOL_CALL)
    return built


def structure_llm_user_message(obj: dict[str, Any]) -> LlmUserMessage:
    get: Get = obj.get
    count = 2
    if get("role") != "user":
        raise misfit("role", '"user"', get("role"))
    content = get("content")
    if type(content) is not str:
        content = items("content", structure_llm_user_content, content)
    built = new(LlmUserMessage)
    built.content = content
    built.wire_extra = NO_EXTRA
    if count != len(obj):
        built.wire_extra = leftover(built, obj, _LLM_USER_MESSAGE)
    return built


def structure_llm_assistant_message(obj: dict[str, Any]) -> LlmAssistantMessage:
    get: Get = obj.get
    count = 2
    if get("role") != "assistant":
        raise misfit("role", '"assistant"', get("role"))
    content = get("content")
    content = items("content", structure_llm_assistant_content, content)
    built = new(LlmAssistantMessage)
    built.content = content
    built.wire_extra = NO_EXTRA
    if count != len(obj):
        built.wire_extra = leftover(built, obj, _LLM_ASSISTANT_MESSAGE)
    return built


def structure_llm_tool_result_message(obj: dict[str, Any]) -> LlmToolResultMessage:
    get: Get = obj.get
    count = 5
    if get("role") != "toolResult":
        raise misfit("role", '"toolResult"', get("role"))
    tool_call_id = get("toolCallId")
    if type(tool_call_id) is not str:
        raise misfit("toolCallId", "a string", tool_call_id)
    tool_name = get("toolName")
    if type(tool_name) is not str:
        raise misfit("toolName", "a string", tool_name)
    content = get("content")
    content = items("content", structure_llm_user_content, content)
    is_error = get("isError")
    if type(is_error) is not bool:
        raise misfit("isError", "a boolean", is_error)
    built = new(LlmToolResultMessage)
    built.tool_call_id = tool_call_id
    built.tool_name = tool_name
    built.content = content
    built.is_error = is_error
    built.wire_extra = NO_EXTRA
    if count != len(obj):
        built.wire_extra = leftover(built, obj, _LLM_TOOL_RESULT_MESSAGE)
    return built


def structure_llm_tool(obj: dict[str, Any]) -> LlmTool:
    get: Get = obj.get
    count = 2
    size = len(obj)
    name = get("name")
    if type(name) is not str:
        raise misfit("name", "a string", name)
    description = get("description")
    if type(description) is not str:
        raise misfit("description", "a string", description)
    parameters = None
    if count != size:
        parameters = get("parameters")
        if parameters is not None:
            count += 1
    built = new(LlmTool)
    built.name = name
    built.description = description
    built.parameters = parameters
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _LLM_TOOL)
    return built


def structure_model_request_info(obj: dict[str, Any]) -> ModelRequestInfo:
    get: Get = obj.get
    count = 4
    size = len(obj)
    provider_id = get("providerId")
    if type(provider_id) is not str:
        raise misfit("providerId", "a string", provider_id)
    provider_name = get("providerName")
    if type(provider_name) is not str:
        raise misfit("providerName", "a string", provider_name)
    requested_model = get("requestedModel")
    if type(requested_model) is not str:
        raise misfit("requestedModel", "a string", requested_model)
    api = get("api")
    if type(api) is not str:
        raise misfit("api", "a string", api)
    server_address = server_port = reasoning_level = max_tokens = temperature = context_compacted = None
    if count != size:
        server_address = get("serverAddress")
        if server_address is not None:
            if type(server_address) is not str:
                raise misfit("serverAddress", "a string", server_address)
            count += 1
        server_port = get("serverPort")
        if server_port is not None:
            if type(server_port) is not int:
                server_port = integer("serverPort", server_port)
                count -= 1
            count += 1
        reasoning_level = get("reasoningLevel")
        if reasoning_level is not None:
            if type(reasoning_level) is not str:
                raise misfit("reasoningLevel", "a string", reasoning_level)
            count += 1
    if count != size:
        max_tokens = get("maxTokens")
        if max_tokens is not None:
            if type(max_tokens) is not int:
                max_tokens = integer("maxTokens", max_tokens)
                count -= 1
            count += 1
        temperature = get("temperature")
        if temperature is not None:
            if type(temperature) is not int and type(temperature) is not float:
                raise misfit("temperature", "a number", temperature)
            count += 1
        context_compacted = get("contextCompacted")
        if context_compacted is not None:
            if type(context_compacted) is not bool:
                raise misfit("contextCompacted", "a boolean", context_compacted)
            count += 1
    built = new(ModelRequestInfo)
    built.provider_id = provider_id
    built.provider_name = provider_name
    built.requested_model = requested_model
    built.api = api
    built.server_address = server_address
    built.server_port = server_port
    built.reasoning_level = reasoning_level
    built.max_tokens = max_tokens
    built.temperature = temperature
    built.context_compacted = context_compacted
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _MODEL_REQUEST_INFO)
    return built


def structure_model_response(obj: dict[str, Any]) -> ModelResponse:
    get: Get = obj.get
    count = 0
    size = len(obj)
    response_id = response_model = output = usage = finish_reason = error = None
    if count != size:
        response_id = get("responseId")
        if response_id is not None:
            if type(response_id) is not str:
                raise misfit("responseId", "a string", response_id)
            count += 1
        response_model = get("responseModel")
        if response_model is not None:
            if type(response_model) is not str:
                raise misfit("responseModel", "a string", response_model)
            count += 1
        output = get("output")
        if output is not None:
            output = nested("output", structure_llm_assistant_message, output)
            count += 1
    if count != size:
        usage = get("usage")
        if usage is not None:
            usage = nested("usage", structure_prompt_usage, usage)
            count += 1
        finish_reason = get("finishReason")
        if finish_reason is not None:
            if type(finish_reason) is not str:
                raise misfit("finishReason", "a string", finish_reason)
            count += 1
        error = get("error")
        if error is not None:
            error = nested("error", structure_flue_error_info, error)
            count += 1
    built = new(ModelResponse)
    built.response_id = response_id
    built.response_model = response_model
    built.output = output
    built.usage = usage
    built.finish_reason = finish_reason
    built.error = error
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _MODEL_RESPONSE)
    return built


def structure_flue_error_info(obj: dict[str, Any]) -> FlueErrorInfo:
    get: Get = obj.get
    count = 1
    size = len(obj)
    type_ = get("type")
    if type(type_) is not str:
        raise misfit("type", "a string", type_)
    name = code = message = None
    if count != size:
        name = get("name")
        if name is not None:
            if type(name) is not str:
                raise misfit("name", "a string", name)
            count += 1
        code = get("code")
        if code is not None:
            if type(code) is not str:
                raise misfit("code", "a string", code)
            count += 1
        message = get("message")
        if message is not None:
            if type(message) is not str:
                raise misfit("message", "a string", message)
            count += 1
    built = new(FlueErrorInfo)
    built.type = type_
    built.name = name
    built.code = code
    built.message = message
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _FLUE_ERROR_INFO)
    return built


def structure_flue_serialized_error(obj: dict[str, Any]) -> FlueSerializedError:
    get: Get = obj.get
    count = 1
    size = len(obj)
    message = get("message")
    if type(message) is not str:
        raise misfit("message", "a string", message)
    name = type_ = details = dev = meta = None
    if count != size:
        name = get("name")
        if name is not None:
            if type(name) is not str:
                raise misfit("name", "a string", name)
            count += 1
        type_ = get("type")
        if type_ is not None:
            if type(type_) is not str:
                raise misfit("type", "a string", type_)
            count += 1
        details = get("details")
        if details is not None:
            if type(details) is not str:
                raise misfit("details", "a string", details)
            count += 1
    if count != size:
        dev = get("dev")
        if dev is not None:
            if type(dev) is not str:
                raise misfit("dev", "a string", dev)
            count += 1
        meta = get("meta")
        if meta is not None:
            if type(meta) is not dict:
                raise misfit("meta", "an object", meta)
            count += 1
    built = new(FlueSerializedError)
    built.name = name
    built.message = message
    built.type = type_
    built.details = details
    built.dev = dev
    built.meta = meta
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _FLUE_SERIALIZED_ERROR)
    return built


def structure_flue_public_error(obj: dict[str, Any]) -> FluePublicError:
    get: Get = obj.get
    count = 3
    size = len(obj)
    type_ = get("type")
    if type(type_) is not str:
        raise misfit("type", "a string", type_)
    message = get("message")
    if type(message) is not str:
        raise misfit("message", "a string", message)
    details = get("details")
    if type(details) is not str:
        raise misfit("details", "a string", details)
    dev = meta = None
    if count != size:
        dev = get("dev")
        if dev is not None:
            if type(dev) is not str:
                raise misfit("dev", "a string", dev)
            count += 1
        meta = get("meta")
        if meta is not None:
            if type(meta) is not dict:
                raise misfit("meta", "an object", meta)
            count += 1
    built = new(FluePublicError)
    built.type = type_
    built.message = message
    built.details = details
    built.dev = dev
    built.meta = meta
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _FLUE_PUBLIC_ERROR)
    return built


def structure_run_start_event(obj: dict[str, Any]) -> RunStartEvent:
    get: Get = obj.get
    count = 7
    size = len(obj)
    if get("type") != "run_start":
        raise misfit("type", '"run_start"', get("type"))
    run_id = get("runId")
    if type(run_id) is not str:
        raise misfit("runId", "a string", run_id)
    workflow_name = get("workflowName")
    if type(workflow_name) is not str:
        raise misfit("workflowName", "a string", workflow_name)
    started_at = get("startedAt")
    if type(started_at) is str and started_at[4:20:3] == "--T::." and started_at[23:] == "Z":
        try:
            started_at = from_iso(started_at)
        except ValueError:
            raise misfit("startedAt", "a timestamp", started_at) from None
    else:
        started_at = parse_time("startedAt", started_at)
        count -= 1
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    input_ = conversation_id = session = harness = operation_id = turn_id = instance_id = agent_name = None
    submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        input_ = get("input")
        if input_ is not None:
            count += 1
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
    if count != size:
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
    if count != size:
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
    if count != size:
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(RunStartEvent)
    built.run_id = run_id
    built.workflow_name = workflow_name
    built.started_at = started_at
    built.input = input_
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _RUN_START_EVENT)
    return built


def structure_run_resume_event(obj: dict[str, Any]) -> RunResumeEvent:
    get: Get = obj.get
    count = 7
    size = len(obj)
    if get("type") != "run_resume":
        raise misfit("type", '"run_resume"', get("type"))
    run_id = get("runId")
    if type(run_id) is not str:
        raise misfit("runId", "a string", run_id)
    workflow_name = get("workflowName")
    if type(workflow_name) is not str:
        raise misfit("workflowName", "a string", workflow_name)
    started_at = get("startedAt")
    if type(started_at) is str and started_at[4:20:3] == "--T::." and started_at[23:] == "Z":
        try:
            started_at = from_iso(started_at)
        except ValueError:
            raise misfit("startedAt", "a timestamp", started_at) from None
    else:
        started_at = parse_time("startedAt", started_at)
        count -= 1
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    conversation_id = session = harness = operation_id = turn_id = instance_id = agent_name = None
    submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
    if count != size:
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
    if count != size:
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
    if count != size:
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(RunResumeEvent)
    built.run_id = run_id
    built.workflow_name = workflow_name
    built.started_at = started_at
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _RUN_RESUME_EVENT)
    return built


def structure_run_end_event(obj: dict[str, Any]) -> RunEndEvent:
    get: Get = obj.get
    count = 7
    size = len(obj)
    if get("type") != "run_end":
        raise misfit("type", '"run_end"', get("type"))
    run_id = get("runId")
    if type(run_id) is not str:
        raise misfit("runId", "a string", run_id)
    is_error = get("isError")
    if type(is_error) is not bool:
        raise misfit("isError", "a boolean", is_error)
    duration_ms = get("durationMs")
    if type(duration_ms) is not int and type(duration_ms) is not float:
        raise misfit("durationMs", "a number", duration_ms)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    result = error = conversation_id = session = harness = operation_id = turn_id = instance_id = None
    agent_name = submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        result = get("result")
        if result is not None:
            count += 1
        error = get("error")
        if error is not None:
            count += 1
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
    if count != size:
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
    if count != size:
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
    if count != size:
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
    if count != size:
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(RunEndEvent)
    built.run_id = run_id
    built.result = result
    built.is_error = is_error
    built.error = error
    built.duration_ms = duration_ms
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _RUN_END_EVENT)
    return built


def structure_agent_start_event(obj: dict[str, Any]) -> AgentStartEvent:
    get: Get = obj.get
    count = 4
    size = len(obj)
    if get("type") != "agent_start":
        raise misfit("type", '"agent_start"', get("type"))
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    run_id = conversation_id = session = harness = operation_id = turn_id = instance_id = agent_name = None
    submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
    if count != size:
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
    if count != size:
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
    if count != size:
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(AgentStartEvent)
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _AGENT_START_EVENT)
    return built


def structure_agent_end_event(obj: dict[str, Any]) -> AgentEndEvent:
    get: Get = obj.get
    count = 5
    size = len(obj)
    if get("type") != "agent_end":
        raise misfit("type", '"agent_end"', get("type"))
    messages = get("messages")
    if type(messages) is not list:
        raise misfit("messages", "an array", messages)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    run_id = conversation_id = session = harness = operation_id = turn_id = instance_id = agent_name = None
    submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
    if count != size:
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
    if count != size:
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
    if count != size:
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(AgentEndEvent)
    built.messages = messages
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _AGENT_END_EVENT)
    return built


def structure_turn_start_event(obj: dict[str, Any]) -> TurnStartEvent:
    get: Get = obj.get
    count = 6
    size = len(obj)
    if get("type") != "turn_start":
        raise misfit("type", '"turn_start"', get("type"))
    turn_id = get("turnId")
    if type(turn_id) is not str:
        raise misfit("turnId", "a string", turn_id)
    purpose = get("purpose")
    if type(purpose) is not str or purpose not in _LLM_TURN_PURPOSE:
        raise no_member("purpose", _LLM_TURN_PURPOSE, purpose)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    run_id = conversation_id = session = harness = operation_id = instance_id = agent_name = None
    submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
    if count != size:
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
    if count != size:
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
    if count != size:
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(TurnStartEvent)
    built.turn_id = turn_id
    built.purpose = purpose
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _TURN_START_EVENT)
    return built


def structure_turn_event(obj: dict[str, Any]) -> TurnEvent:
    get: Get = obj.get
    count = 10
    size = len(obj)
    if get("type") != "turn":
        raise misfit("type", '"turn"', get("type"))
    turn_id = get("turnId")
    if type(turn_id) is not str:
        raise misfit("turnId", "a string", turn_id)
    purpose = get("purpose")
    if type(purpose) is not str or purpose not in _LLM_TURN_PURPOSE:
        raise no_member("purpose", _LLM_TURN_PURPOSE, purpose)
    duration_ms = get("durationMs")
    if type(duration_ms) is not int and type(duration_ms) is not float:
        raise misfit("durationMs", "a number", duration_ms)
    request = get("request")
    request = nested("request", structure_model_request_info, request)
    response = get("response")
    response = nested("response", structure_model_response, response)
    is_error = get("isError")
    if type(is_error) is not bool:
        raise misfit("isError", "a boolean", is_error)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    run_id = conversation_id = session = harness = operation_id = instance_id = agent_name = None
    submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
    if count != size:
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
    if count != size:
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
    if count != size:
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(TurnEvent)
    built.turn_id = turn_id
    built.purpose = purpose
    built.duration_ms = duration_ms
    built.request = request
    built.response = response
    built.is_error = is_error
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _TURN_EVENT)
    return built


def structure_turn_messages_event(obj: dict[str, Any]) -> TurnMessagesEvent:
    get: Get = obj.get
    count = 7
    size = len(obj)
    if get("type") != "turn_messages":
        raise misfit("type", '"turn_messages"', get("type"))
    turn_id = get("turnId")
    if type(turn_id) is not str:
        raise misfit("turnId", "a string", turn_id)
    purpose = get("purpose")
    if type(purpose) is not str or purpose not in _LLM_TURN_PURPOSE:
        raise no_member("purpose", _LLM_TURN_PURPOSE, purpose)
    tool_results = get("toolResults")
    if type(tool_results) is not list:
        raise misfit("toolResults", "an array", tool_results)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    message = run_id = conversation_id = session = harness = operation_id = instance_id = agent_name = None
    submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        message = get("message")
        if message is not None:
            count += 1
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
    if count != size:
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
    if count != size:
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
    if count != size:
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(TurnMessagesEvent)
    built.turn_id = turn_id
    built.purpose = purpose
    built.message = message
    built.tool_results = tool_results
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _TURN_MESSAGES_EVENT)
    return built


def structure_message_start_event(obj: dict[str, Any]) -> MessageStartEvent:
    get: Get = obj.get
    count = 5
    size = len(obj)
    if get("type") != "message_start":
        raise misfit("type", '"message_start"', get("type"))
    turn_id = get("turnId")
    if type(turn_id) is not str:
        raise misfit("turnId", "a string", turn_id)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    message = run_id = conversation_id = session = harness = operation_id = instance_id = agent_name = None
    submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        message = get("message")
        if message is not None:
            count += 1
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
    if count != size:
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
    if count != size:
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
    if count != size:
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(MessageStartEvent)
    built.turn_id = turn_id
    built.message = message
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _MESSAGE_START_EVENT)
    return built


def structure_message_end_event(obj: dict[str, Any]) -> MessageEndEvent:
    get: Get = obj.get
    count = 5
    size = len(obj)
    if get("type") != "message_end":
        raise misfit("type", '"message_end"', get("type"))
    turn_id = get("turnId")
    if type(turn_id) is not str:
        raise misfit("turnId", "a string", turn_id)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    message = run_id = conversation_id = session = harness = operation_id = instance_id = agent_name = None
    submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        message = get("message")
        if message is not None:
            count += 1
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
    if count != size:
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
    if count != size:
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
    if count != size:
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(MessageEndEvent)
    built.turn_id = turn_id
    built.message = message
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _MESSAGE_END_EVENT)
    return built


def structure_text_delta_event(obj: dict[str, Any]) -> TextDeltaEvent:
    get: Get = obj.get
    count = 5
    size = len(obj)
    if get("type") != "text_delta":
        raise misfit("type", '"text_delta"', get("type"))
    text = get("text")
    if type(text) is not str:
        raise misfit("text", "a string", text)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    run_id = conversation_id = session = harness = operation_id = turn_id = instance_id = agent_name = None
    submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
    if count != size:
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
    if count != size:
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
    if count != size:
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(TextDeltaEvent)
    built.text = text
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _TEXT_DELTA_EVENT)
    return built


def structure_thinking_start_event(obj: dict[str, Any]) -> ThinkingStartEvent:
    get: Get = obj.get
    count = 4
    size = len(obj)
    if get("type") != "thinking_start":
        raise misfit("type", '"thinking_start"', get("type"))
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    content_index = run_id = conversation_id = session = harness = operation_id = turn_id = instance_id = None
    agent_name = submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        content_index = get("contentIndex")
        if content_index is not None:
            if type(content_index) is not int:
                content_index = integer("contentIndex", content_index)
                count -= 1
            count += 1
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
    if count != size:
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
    if count != size:
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
    if count != size:
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
    if count != size:
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(ThinkingStartEvent)
    built.content_index = content_index
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _THINKING_START_EVENT)
    return built


def structure_thinking_delta_event(obj: dict[str, Any]) -> ThinkingDeltaEvent:
    get: Get = obj.get
    count = 5
    size = len(obj)
    if get("type") != "thinking_delta":
        raise misfit("type", '"thinking_delta"', get("type"))
    delta = get("delta")
    if type(delta) is not str:
        raise misfit("delta", "a string", delta)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    content_index = run_id = conversation_id = session = harness = operation_id = turn_id = instance_id = None
    agent_name = submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        content_index = get("contentIndex")
        if content_index is not None:
            if type(content_index) is not int:
                content_index = integer("contentIndex", content_index)
                count -= 1
            count += 1
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
    if count != size:
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
    if count != size:
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
    if count != size:
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
    if count != size:
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(ThinkingDeltaEvent)
    built.content_index = content_index
    built.delta = delta
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _THINKING_DELTA_EVENT)
    return built


def structure_thinking_end_event(obj: dict[str, Any]) -> ThinkingEndEvent:
    get: Get = obj.get
    count = 5
    size = len(obj)
    if get("type") != "thinking_end":
        raise misfit("type", '"thinking_end"', get("type"))
    content = get("content")
    if type(content) is not str:
        raise misfit("content", "a string", content)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    content_index = run_id = conversation_id = session = harness = operation_id = turn_id = instance_id = None
    agent_name = submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        content_index = get("contentIndex")
        if content_index is not None:
            if type(content_index) is not int:
                content_index = integer("contentIndex", content_index)
                count -= 1
            count += 1
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
    if count != size:
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
    if count != size:
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
    if count != size:
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
    if count != size:
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(ThinkingEndEvent)
    built.content_index = content_index
    built.content = content
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _THINKING_END_EVENT)
    return built


def structure_tool_start_event(obj: dict[str, Any]) -> ToolStartEvent:
    get: Get = obj.get
    count = 6
    size = len(obj)
    if get("type") != "tool_start":
        raise misfit("type", '"tool_start"', get("type"))
    tool_name = get("toolName")
    if type(tool_name) is not str:
        raise misfit("toolName", "a string", tool_name)
    tool_call_id = get("toolCallId")
    if type(tool_call_id) is not str:
        raise misfit("toolCallId", "a string", tool_call_id)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    args = run_id = conversation_id = session = harness = operation_id = turn_id = instance_id = None
    agent_name = submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        args = get("args")
        if args is not None:
            count += 1
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
    if count != size:
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
    if count != size:
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
    if count != size:
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
    if count != size:
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(ToolStartEvent)
    built.tool_name = tool_name
    built.tool_call_id = tool_call_id
    built.args = args
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _TOOL_START_EVENT)
    return built


def structure_tool_event(obj: dict[str, Any]) -> ToolEvent:
    get: Get = obj.get
    count = 8
    size = len(obj)
    if get("type") != "tool":
        raise misfit("type", '"tool"', get("type"))
    tool_name = get("toolName")
    if type(tool_name) is not str:
        raise misfit("toolName", "a string", tool_name)
    tool_call_id = get("toolCallId")
    if type(tool_call_id) is not str:
        raise misfit("toolCallId", "a string", tool_call_id)
    is_error = get("isError")
    if type(is_error) is not bool:
        raise misfit("isError", "a boolean", is_error)
    duration_ms = get("durationMs")
    if type(duration_ms) is not int and type(duration_ms) is not float:
        raise misfit("durationMs", "a number", duration_ms)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    result = run_id = conversation_id = session = harness = operation_id = turn_id = instance_id = None
    agent_name = submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        result = get("result")
        if result is not None:
            count += 1
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
    if count != size:
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
    if count != size:
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
    if count != size:
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
    if count != size:
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(ToolEvent)
    built.tool_name = tool_name
    built.tool_call_id = tool_call_id
    built.is_error = is_error
    built.result = result
    built.duration_ms = duration_ms
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _TOOL_EVENT)
    return built


def structure_task_start_event(obj: dict[str, Any]) -> TaskStartEvent:
    get: Get = obj.get
    count = 6
    size = len(obj)
    if get("type") != "task_start":
        raise misfit("type", '"task_start"', get("type"))
    task_id = get("taskId")
    if type(task_id) is not str:
        raise misfit("taskId", "a string", task_id)
    prompt = get("prompt")
    if type(prompt) is not str:
        raise misfit("prompt", "a string", prompt)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    agent = cwd = run_id = conversation_id = session = harness = operation_id = turn_id = instance_id = None
    agent_name = submission_id = dispatch_id = parent_session = None
    if count != size:
        agent = get("agent")
        if agent is not None:
            if type(agent) is not str:
                raise misfit("agent", "a string", agent)
            count += 1
        cwd = get("cwd")
        if cwd is not None:
            if type(cwd) is not str:
                raise misfit("cwd", "a string", cwd)
            count += 1
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
    if count != size:
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
    if count != size:
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
    if count != size:
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
    if count != size:
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(TaskStartEvent)
    built.task_id = task_id
    built.prompt = prompt
    built.agent = agent
    built.cwd = cwd
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _TASK_START_EVENT)
    return built


def structure_task_event(obj: dict[str, Any]) -> TaskEvent:
    get: Get = obj.get
    count = 7
    size = len(obj)
    if get("type") != "task":
        raise misfit("type", '"task"', get("type"))
    task_id = get("taskId")
    if type(task_id) is not str:
        raise misfit("taskId", "a string", task_id)
    is_error = get("isError")
    if type(is_error) is not bool:
        raise misfit("isError", "a boolean", is_error)
    duration_ms = get("durationMs")
    if type(duration_ms) is not int and type(duration_ms) is not float:
        raise misfit("durationMs", "a number", duration_ms)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    agent = result = run_id = conversation_id = session = harness = operation_id = turn_id = instance_id = None
    agent_name = submission_id = dispatch_id = parent_session = None
    if count != size:
        agent = get("agent")
        if agent is not None:
            if type(agent) is not str:
                raise misfit("agent", "a string", agent)
            count += 1
        result = get("result")
        if result is not None:
            count += 1
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
    if count != size:
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
    if count != size:
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
    if count != size:
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
    if count != size:
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(TaskEvent)
    built.task_id = task_id
    built.agent = agent
    built.is_error = is_error
    built.result = result
    built.duration_ms = duration_ms
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _TASK_EVENT)
    return built


def structure_compaction_start_event(obj: dict[str, Any]) -> CompactionStartEvent:
    get: Get = obj.get
    count = 6
    size = len(obj)
    if get("type") != "compaction_start":
        raise misfit("type", '"compaction_start"', get("type"))
    reason = get("reason")
    if type(reason) is not str or reason not in _COMPACTION_REASON:
        raise no_member("reason", _COMPACTION_REASON, reason)
    estimated_tokens = get("estimatedTokens")
    if type(estimated_tokens) is not int and type(estimated_tokens) is not float:
        raise misfit("estimatedTokens", "a number", estimated_tokens)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    run_id = conversation_id = session = harness = operation_id = turn_id = instance_id = agent_name = None
    submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
    if count != size:
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
    if count != size:
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
    if count != size:
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(CompactionStartEvent)
    built.reason = reason
    built.estimated_tokens = estimated_tokens
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _COMPACTION_START_EVENT)
    return built


def structure_compaction_event(obj: dict[str, Any]) -> CompactionEvent:
    get: Get = obj.get
    count = 8
    size = len(obj)
    if get("type") != "compaction":
        raise misfit("type", '"compaction"', get("type"))
    messages_before = get("messagesBefore")
    if type(messages_before) is not int:
        messages_before = integer("messagesBefore", messages_before)
        count -= 1
    messages_after = get("messagesAfter")
    if type(messages_after) is not int:
        messages_after = integer("messagesAfter", messages_after)
        count -= 1
    duration_ms = get("durationMs")
    if type(duration_ms) is not int and type(duration_ms) is not float:
        raise misfit("durationMs", "a number", duration_ms)
    is_error = get("isError")
    if type(is_error) is not bool:
        raise misfit("isError", "a boolean", is_error)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    error = usage = run_id = conversation_id = session = harness = operation_id = turn_id = instance_id = None
    agent_name = submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        error = get("error")
        if error is not None:
            count += 1
        usage = get("usage")
        if usage is not None:
            usage = nested("usage", structure_prompt_usage, usage)
            count += 1
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
    if count != size:
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
    if count != size:
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
    if count != size:
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
    if count != size:
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(CompactionEvent)
    built.messages_before = messages_before
    built.messages_after = messages_after
    built.duration_ms = duration_ms
    built.is_error = is_error
    built.error = error
    built.usage = usage
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _COMPACTION_EVENT)
    return built


def structure_operation_start_event(obj: dict[str, Any]) -> OperationStartEvent:
    get: Get = obj.get
    count = 6
    size = len(obj)
    if get("type") != "operation_start":
        raise misfit("type", '"operation_start"', get("type"))
    operation_id = get("operationId")
    if type(operation_id) is not str:
        raise misfit("operationId", "a string", operation_id)
    operation_kind = get("operationKind")
    if type(operation_kind) is not str or operation_kind not in _OPERATION_KIND:
        raise no_member("operationKind", _OPERATION_KIND, operation_kind)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    run_id = conversation_id = session = harness = turn_id = instance_id = agent_name = submission_id = None
    dispatch_id = task_id = parent_session = None
    if count != size:
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
    if count != size:
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
    if count != size:
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
    if count != size:
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(OperationStartEvent)
    built.operation_id = operation_id
    built.operation_kind = operation_kind
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _OPERATION_START_EVENT)
    return built


def structure_operation_event(obj: dict[str, Any]) -> OperationEvent:
    get: Get = obj.get
    count = 8
    size = len(obj)
    if get("type") != "operation":
        raise misfit("type", '"operation"', get("type"))
    operation_id = get("operationId")
    if type(operation_id) is not str:
        raise misfit("operationId", "a string", operation_id)
    operation_kind = get("operationKind")
    if type(operation_kind) is not str or operation_kind not in _OPERATION_KIND:
        raise no_member("operationKind", _OPERATION_KIND, operation_kind)
    duration_ms = get("durationMs")
    if type(duration_ms) is not int and type(duration_ms) is not float:
        raise misfit("durationMs", "a number", duration_ms)
    is_error = get("isError")
    if type(is_error) is not bool:
        raise misfit("isError", "a boolean", is_error)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    error = result = usage = run_id = conversation_id = session = harness = turn_id = instance_id = None
    agent_name = submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        error = get("error")
        if error is not None:
            count += 1
        result = get("result")
        if result is not None:
            count += 1
        usage = get("usage")
        if usage is not None:
            usage = nested("usage", structure_prompt_usage, usage)
            count += 1
    if count != size:
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
    if count != size:
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
    if count != size:
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
    if count != size:
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(OperationEvent)
    built.operation_id = operation_id
    built.operation_kind = operation_kind
    built.duration_ms = duration_ms
    built.is_error = is_error
    built.error = error
    built.result = result
    built.usage = usage
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _OPERATION_EVENT)
    return built


def structure_log_event(obj: dict[str, Any]) -> LogEvent:
    get: Get = obj.get
    count = 6
    size = len(obj)
    if get("type") != "log":
        raise misfit("type", '"log"', get("type"))
    level = get("level")
    if type(level) is not str or level not in _LOG_LEVEL:
        raise no_member("level", _LOG_LEVEL, level)
    message = get("message")
    if type(message) is not str:
        raise misfit("message", "a string", message)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    attributes = run_id = conversation_id = session = harness = operation_id = turn_id = instance_id = None
    agent_name = submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        attributes = get("attributes")
        if attributes is not None:
            if type(attributes) is not dict:
                raise misfit("attributes", "an object", attributes)
            count += 1
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
    if count != size:
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
    if count != size:
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
    if count != size:
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
    if count != size:
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(LogEvent)
    built.level = level
    built.message = message
    built.attributes = attributes
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _LOG_EVENT)
    return built


def structure_data_event(obj: dict[str, Any]) -> DataEvent:
    get: Get = obj.get
    count = 5
    size = len(obj)
    if get("type") != "data":
        raise misfit("type", '"data"', get("type"))
    name = get("name")
    if type(name) is not str:
        raise misfit("name", "a string", name)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    id_ = data = run_id = conversation_id = session = harness = operation_id = turn_id = instance_id = None
    agent_name = submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        id_ = get("id")
        if id_ is not None:
            if type(id_) is not str:
                raise misfit("id", "a string", id_)
            count += 1
        data = get("data")
        if data is not None:
            count += 1
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
    if count != size:
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
    if count != size:
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
    if count != size:
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
    if count != size:
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(DataEvent)
    built.name = name
    built.id = id_
    built.data = data
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _DATA_EVENT)
    return built


def structure_idle_event(obj: dict[str, Any]) -> IdleEvent:
    get: Get = obj.get
    count = 4
    size = len(obj)
    if get("type") != "idle":
        raise misfit("type", '"idle"', get("type"))
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    run_id = conversation_id = session = harness = operation_id = turn_id = instance_id = agent_name = None
    submission_id = dispatch_id = task_id = parent_session = None
    if count != size:
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
    if count != size:
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
    if count != size:
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
        submission_id = get("submissionId")
        if submission_id is not None:
            if type(submission_id) is not str:
                raise misfit("submissionId", "a string", submission_id)
            count += 1
    if count != size:
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(IdleEvent)
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.submission_id = submission_id
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _IDLE_EVENT)
    return built


def structure_submission_settled_event(obj: dict[str, Any]) -> SubmissionSettledEvent:
    get: Get = obj.get
    count = 6
    size = len(obj)
    if get("type") != "submission_settled":
        raise misfit("type", '"submission_settled"', get("type"))
    submission_id = get("submissionId")
    if type(submission_id) is not str:
        raise misfit("submissionId", "a string", submission_id)
    outcome = get("outcome")
    if type(outcome) is not str or outcome not in _SUBMISSION_OUTCOME:
        raise no_member("outcome", _SUBMISSION_OUTCOME, outcome)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 3:
        raise misfit("v", "3", v)
    event_index = get("eventIndex")
    if type(event_index) is not int:
        event_index = integer("eventIndex", event_index)
        count -= 1
    timestamp = get("timestamp")
    if type(timestamp) is str and timestamp[4:20:3] == "--T::." and timestamp[23:] == "Z":
        try:
            timestamp = from_iso(timestamp)
        except ValueError:
            raise misfit("timestamp", "a timestamp", timestamp) from None
    else:
        timestamp = parse_time("timestamp", timestamp)
        count -= 1
    result = error = run_id = conversation_id = session = harness = operation_id = turn_id = instance_id = None
    agent_name = dispatch_id = task_id = parent_session = None
    if count != size:
        result = get("result")
        if result is not None:
            count += 1
        error = get("error")
        if error is not None:
            error = nested("error", structure_flue_serialized_error, error)
            count += 1
        run_id = get("runId")
        if run_id is not None:
            if type(run_id) is not str:
                raise misfit("runId", "a string", run_id)
            count += 1
    if count != size:
        conversation_id = get("conversationId")
        if conversation_id is not None:
            if type(conversation_id) is not str:
                raise misfit("conversationId", "a string", conversation_id)
            count += 1
        session = get("session")
        if session is not None:
            if type(session) is not str:
                raise misfit("session", "a string", session)
            count += 1
        harness = get("harness")
        if harness is not None:
            if type(harness) is not str:
                raise misfit("harness", "a string", harness)
            count += 1
    if count != size:
        operation_id = get("operationId")
        if operation_id is not None:
            if type(operation_id) is not str:
                raise misfit("operationId", "a string", operation_id)
            count += 1
        turn_id = get("turnId")
        if turn_id is not None:
            if type(turn_id) is not str:
                raise misfit("turnId", "a string", turn_id)
            count += 1
        instance_id = get("instanceId")
        if instance_id is not None:
            if type(instance_id) is not str:
                raise misfit("instanceId", "a string", instance_id)
            count += 1
    if count != size:
        agent_name = get("agentName")
        if agent_name is not None:
            if type(agent_name) is not str:
                raise misfit("agentName", "a string", agent_name)
            count += 1
        dispatch_id = get("dispatchId")
        if dispatch_id is not None:
            if type(dispatch_id) is not str:
                raise misfit("dispatchId", "a string", dispatch_id)
            count += 1
        task_id = get("taskId")
        if task_id is not None:
            if type(task_id) is not str:
                raise misfit("taskId", "a string", task_id)
            count += 1
    if count != size:
        parent_session = get("parentSession")
        if parent_session is not None:
            if type(parent_session) is not str:
                raise misfit("parentSession", "a string", parent_session)
            count += 1
    built = new(SubmissionSettledEvent)
    built.submission_id = submission_id
    built.outcome = outcome
    built.result = result
    built.error = error
    built.v = 3
    built.event_index = event_index
    built.timestamp = timestamp
    built.run_id = run_id
    built.conversation_id = conversation_id
    built.session = session
    built.harness = harness
    built.operation_id = operation_id
    built.turn_id = turn_id
    built.instance_id = instance_id
    built.agent_name = agent_name
    built.dispatch_id = dispatch_id
    built.task_id = task_id
    built.parent_session = parent_session
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _SUBMISSION_SETTLED_EVENT)
    return built


def structure_workflow_invoke_result(obj: dict[str, Any]) -> WorkflowInvokeResult:
    get: Get = obj.get
    count = 1
    run_id = get("runId")
    if type(run_id) is not str:
        raise misfit("runId", "a string", run_id)
    built = new(WorkflowInvokeResult)
    built.run_id = run_id
    built.wire_extra = NO_EXTRA
    if count != len(obj):
        built.wire_extra = leftover(built, obj, _WORKFLOW_INVOKE_RESULT)
    return built


def structure_workflow_wait_result(obj: dict[str, Any]) -> WorkflowWaitResult:
    get: Get = obj.get
    count = 1
    size = len(obj)
    run_id = get("runId")
    if type(run_id) is not str:
        raise misfit("runId", "a string", run_id)
    result = None
    if count != size:
        result = get("result")
        if result is not None:
            count += 1
    built = new(WorkflowWaitResult)
    built.run_id = run_id
    built.result = result
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _WORKFLOW_WAIT_RESULT)
    return built


def structure_workflow_run_result(obj: dict[str, Any]) -> WorkflowRunResult:
    get: Get = obj.get
    count = 1
    size = len(obj)
    run_id = get("runId")
    if type(run_id) is not str:
        raise misfit("runId", "a string", run_id)
    result = None
    if count != size:
        result = get("result")
        if result is not None:
            count += 1
    built = new(WorkflowRunResult)
    built.run_id = run_id
    built.result = result
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _WORKFLOW_RUN_RESULT)
    return built


def structure_agent_send_result(obj: dict[str, Any]) -> AgentSendResult:
    get: Get = obj.get
    count = 3
    stream_url = get("streamUrl")
    if type(stream_url) is not str:
        raise misfit("streamUrl", "a string", stream_url)
    offset = get("offset")
    if type(offset) is not str:
        raise misfit("offset", "a string", offset)
    submission_id = get("submissionId")
    if type(submission_id) is not str:
        raise misfit("submissionId", "a string", submission_id)
    built = new(AgentSendResult)
    built.stream_url = stream_url
    built.offset = offset
    built.submission_id = submission_id
    built.wire_extra = NO_EXTRA
    if count != len(obj):
        built.wire_extra = leftover(built, obj, _AGENT_SEND_RESULT)
    return built


def structure_agent_prompt_result(obj: dict[str, Any]) -> AgentPromptResult:
    get: Get = obj.get
    count = 3
    size = len(obj)
    stream_url = get("streamUrl")
    if type(stream_url) is not str:
        raise misfit("streamUrl", "a string", stream_url)
    offset = get("offset")
    if type(offset) is not str:
        raise misfit("offset", "a string", offset)
    submission_id = get("submissionId")
    if type(submission_id) is not str:
        raise misfit("submissionId", "a string", submission_id)
    result = None
    if count != size:
        result = get("result")
        if result is not None:
            result = fitting(structure_agent_prompt_response, result)
            count += 1
    built = new(AgentPromptResult)
    built.stream_url = stream_url
    built.offset = offset
    built.submission_id = submission_id
    built.result = result
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _AGENT_PROMPT_RESULT)
    return built


def structure_agent_prompt_response(obj: dict[str, Any]) -> AgentPromptResponse:
    get: Get = obj.get
    count = 3
    text = get("text")
    if type(text) is not str:
        raise misfit("text", "a string", text)
    usage = get("usage")
    usage = nested("usage", structure_prompt_usage, usage)
    model = get("model")
    model = nested("model", structure_prompt_model, model)
    built = new(AgentPromptResponse)
    built.text = text
    built.usage = usage
    built.model = model
    built.wire_extra = NO_EXTRA
    if count != len(obj):
        built.wire_extra = leftover(built, obj, _AGENT_PROMPT_RESPONSE)
    return built


def structure_prompt_model(obj: dict[str, Any]) -> PromptModel:
    get: Get = obj.get
    count = 2
    provider = get("provider")
    if type(provider) is not str:
        raise misfit("provider", "a string", provider)
    id_ = get("id")
    if type(id_) is not str:
        raise misfit("id", "a string", id_)
    built = new(PromptModel)
    built.provider = provider
    built.id = id_
    built.wire_extra = NO_EXTRA
    if count != len(obj):
        built.wire_extra = leftover(built, obj, _PROMPT_MODEL)
    return built


def structure_run_record(obj: dict[str, Any]) -> RunRecord:
    get: Get = obj.get
    count = 4
    size = len(obj)
    run_id = get("runId")
    if type(run_id) is not str:
        raise misfit("runId", "a string", run_id)
    workflow_name = get("workflowName")
    if type(workflow_name) is not str:
        raise misfit("workflowName", "a string", workflow_name)
    status = get("status")
    if type(status) is not str or status not in _RUN_STATUS:
        raise no_member("status", _RUN_STATUS, status)
    started_at = get("startedAt")
    if type(started_at) is str and started_at[4:20:3] == "--T::." and started_at[23:] == "Z":
        try:
            started_at = from_iso(started_at)
        except ValueError:
            raise misfit("startedAt", "a timestamp", started_at) from None
    else:
        started_at = parse_time("startedAt", started_at)
        count -= 1
    ended_at = is_error = duration_ms = input_ = result = error = None
    if count != size:
        ended_at = get("endedAt")
        if ended_at is not None:
            if type(ended_at) is str and ended_at[4:20:3] == "--T::." and ended_at[23:] == "Z":
                try:
                    ended_at = from_iso(ended_at)
                except ValueError:
                    raise misfit("endedAt", "a timestamp", ended_at) from None
            else:
                ended_at = parse_time("endedAt", ended_at)
                count -= 1
            count += 1
        is_error = get("isError")
        if is_error is not None:
            if type(is_error) is not bool:
                raise misfit("isError", "a boolean", is_error)
            count += 1
        duration_ms = get("durationMs")
        if duration_ms is not None:
            if type(duration_ms) is not int and type(duration_ms) is not float:
                raise misfit("durationMs", "a number", duration_ms)
            count += 1
    if count != size:
        input_ = get("input")
        if input_ is not None:
            count += 1
        result = get("result")
        if result is not None:
            count += 1
        error = get("error")
        if error is not None:
            count += 1
    built = new(RunRecord)
    built.run_id = run_id
    built.workflow_name = workflow_name
    built.status = status
    built.started_at = started_at
    built.ended_at = ended_at
    built.is_error = is_error
    built.duration_ms = duration_ms
    built.input = input_
    built.result = result
    built.error = error
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _RUN_RECORD)
    return built


LLM_USER_CONTENT: Final[dict[str, Callable[[dict[str, Any]], LlmUserContent]]] = {
    "text": structure_llm_text_content,
    "image": structure_llm_image_content,
}

LLM_ASSISTANT_CONTENT: Final[dict[str, Callable[[dict[str, Any]], LlmAssistantContent]]] = {
    "text": structure_llm_text_content,
    "thinking": structure_llm_thinking_content,
    "toolCall": structure_llm_tool_call,
}

LLM_MESSAGE: Final[dict[str, Callable[[dict[str, Any]], LlmMessage]]] = {
    "user": structure_llm_user_message,
    "assistant": structure_llm_assistant_message,
    "toolResult": structure_llm_tool_result_message,
}

ATTACHED_AGENT_EVENT: Final[dict[str, Callable[[dict[str, Any]], AttachedAgentEvent]]] = {
    "agent_start": structure_agent_start_event,
    "agent_end": structure_agent_end_event,
    "turn_start": structure_turn_start_event,
    "turn": structure_turn_event,
    "turn_messages": structure_turn_messages_event,
    "message_start": structure_message_start_event,
    "message_end": structure_message_end_event,
    "text_delta": structure_text_delta_event,
    "thinking_start": structure_thinking_start_event,
    "thinking_delta": structure_thinking_delta_event,
    "thinking_end": structure_thinking_end_event,
    "tool_start": structure_tool_start_event,
    "tool": structure_tool_event,
    "task_start": structure_task_start_event,
    "task": structure_task_event,
    "compaction_start": structure_compaction_start_event,
    "compaction": structure_compaction_event,
    "operation_start": structure_operation_start_event,
    "operation": structure_operation_event,
    "log": structure_log_event,
    "data": structure_data_event,
    "idle": structure_idle_event,
    "submission_settled": structure_submission_settled_event,
}

FLUE_EVENT: Final[dict[str, Callable[[dict[str, Any]], FlueEvent]]] = {
    "run_start": structure_run_start_event,
    "run_resume": structure_run_resume_event,
    "run_end": structure_run_end_event,
    "agent_start": structure_agent_start_event,
    "agent_end": structure_agent_end_event,
    "turn_start": structure_turn_start_event,
    "turn": structure_turn_event,
    "turn_messages": structure_turn_messages_event,
    "message_start": structure_message_start_event,
    "message_end": structure_message_end_event,
    "text_delta": structure_text_delta_event,
    "thinking_start": structure_thinking_start_event,
    "thinking_delta": structure_thinking_delta_event,
    "thinking_end": structure_thinking_end_event,
    "tool_start": structure_tool_start_event,
    "tool": structure_tool_event,
    "task_start": structure_task_start_event,
    "task": structure_task_event,
    "compaction_start": structure_compaction_start_event,
    "compaction": structure_compaction_event,
    "operation_start": structure_operation_start_event,
    "operation": structure_operation_event,
    "log": structure_log_event,
    "data": structure_data_event,
    "idle": structure_idle_event,
    "submission_settled": structure_submission_settled_event,
}


def structure_llm_user_content(obj: dict[str, Any]) -> LlmUserContent:
    tag = obj.get("type")
    variant = LLM_USER_CONTENT.get(tag) if isinstance(tag, str) else None
    if variant is None:
        return UnknownContent(tag if isinstance(tag, str) else None, obj, unknown_tag("type", tag))
    return variant(obj)


def structure_llm_assistant_content(obj: dict[str, Any]) -> LlmAssistantContent:
    tag = obj.get("type")
    variant = LLM_ASSISTANT_CONTENT.get(tag) if isinstance(tag, str) else None
    if variant is None:
        return UnknownContent(tag if isinstance(tag, str) else None, obj, unknown_tag("type", tag))
    return variant(obj)


def structure_llm_message(obj: dict[str, Any]) -> LlmMessage:
    tag = obj.get("role")
    variant = LLM_MESSAGE.get(tag) if isinstance(tag, str) else None
    if variant is None:
        raise DecodeError(("role",), unknown_tag("role", tag))
    return variant(obj)


def structure_attached_agent_event(obj: dict[str, Any]) -> AttachedAgentEvent:
    tag = obj.get("type")
    variant = ATTACHED_AGENT_EVENT.get(tag) if isinstance(tag, str) else None
    if variant is None:
        return UnknownEvent(tag if isinstance(tag, str) else None, obj, unknown_tag("type", tag))
    return variant(obj)


def structure_flue_event(obj: dict[str, Any]) -> FlueEvent:
    tag = obj.get("type")
    variant = FLUE_EVENT.get(tag) if isinstance(tag, str) else None
    if variant is None:
        return UnknownEvent(tag if isinstance(tag, str) else None, obj, unknown_tag("type", tag))
    return variant(obj)


SHAPES: Final[dict[type[Model], Shape]] = {
    PromptUsage: _PROMPT_USAGE,
    PromptCost: _PROMPT_COST,
    LlmTextContent: _LLM_TEXT_CONTENT,
    LlmImageContent: _LLM_IMAGE_CONTENT,
    LlmThinkingContent: _LLM_THINKING_CONTENT,
    LlmToolCall: _LLM_TOOL_CALL,
    LlmUserMessage: _LLM_USER_MESSAGE,
    LlmAssistantMessage: _LLM_ASSISTANT_MESSAGE,
    LlmToolResultMessage: _LLM_TOOL_RESULT_MESSAGE,
    LlmTool: _LLM_TOOL,
    ModelRequestInfo: _MODEL_REQUEST_INFO,
    ModelResponse: _MODEL_RESPONSE,
    FlueErrorInfo: _FLUE_ERROR_INFO,
    FlueSerializedError: _FLUE_SERIALIZED_ERROR,
    FluePublicError: _FLUE_PUBLIC_ERROR,
    RunStartEvent: _RUN_START_EVENT,
    RunResumeEvent: _RUN_RESUME_EVENT,
    RunEndEvent: _RUN_END_EVENT,
    AgentStartEvent: _AGENT_START_EVENT,
    AgentEndEvent: _AGENT_END_EVENT,
    TurnStartEvent: _TURN_START_EVENT,
    TurnEvent: _TURN_EVENT,
    TurnMessagesEvent: _TURN_MESSAGES_EVENT,
    MessageStartEvent: _MESSAGE_START_EVENT,
    MessageEndEvent: _MESSAGE_END_EVENT,
    TextDeltaEvent: _TEXT_DELTA_EVENT,
    ThinkingStartEvent: _THINKING_START_EVENT,
    ThinkingDeltaEvent: _THINKING_DELTA_EVENT,
    ThinkingEndEvent: _THINKING_END_EVENT,
    ToolStartEvent: _TOOL_START_EVENT,
    ToolEvent: _TOOL_EVENT,
    TaskStartEvent: _TASK_START_EVENT,
    TaskEvent: _TASK_EVENT,
    CompactionStartEvent: _COMPACTION_START_EVENT,
    CompactionEvent: _COMPACTION_EVENT,
    OperationStartEvent: _OPERATION_START_EVENT,
    OperationEvent: _OPERATION_EVENT,
    LogEvent: _LOG_EVENT,
    DataEvent: _DATA_EVENT,
    IdleEvent: _IDLE_EVENT,
    SubmissionSettledEvent: _SUBMISSION_SETTLED_EVENT,
    WorkflowInvokeResult: _WORKFLOW_INVOKE_RESULT,
    WorkflowWaitResult: _WORKFLOW_WAIT_RESULT,
    WorkflowRunResult: _WORKFLOW_RUN_RESULT,
    AgentSendResult: _AGENT_SEND_RESULT,
    AgentPromptResult: _AGENT_PROMPT_RESULT,
    AgentPromptResponse: _AGENT_PROMPT_RESPONSE,
    PromptModel: _PROMPT_MODEL,
    RunRecord: _RUN_RECORD,
}

STRUCTURES: Final[dict[Any, Structure]] = {
    PromptUsage: structure_prompt_usage,
    PromptCost: structure_prompt_cost,
    LlmTextContent: structure_llm_text_content,
    LlmImageContent: structure_llm_image_content,
    LlmThinkingContent: structure_llm_thinking_content,
    LlmToolCall: structure_llm_tool_call,
    LlmUserMessage: structure_llm_user_message,
    LlmAssistantMessage: structure_llm_assistant_message,
    LlmToolResultMessage: structure_llm_tool_result_message,
    LlmTool: structure_llm_tool,
    ModelRequestInfo: structure_model_request_info,
    ModelResponse: structure_model_response,
    FlueErrorInfo: structure_flue_error_info,
    FlueSerializedError: structure_flue_serialized_error,
    FluePublicError: structure_flue_public_error,
    RunStartEvent: structure_run_start_event,
    RunResumeEvent: structure_run_resume_event,
    RunEndEvent: structure_run_end_event,
    AgentStartEvent: structure_agent_start_event,
    AgentEndEvent: structure_agent_end_event,
    TurnStartEvent: structure_turn_start_event,
    TurnEvent: structure_turn_event,
    TurnMessagesEvent: structure_turn_messages_event,
    MessageStartEvent: structure_message_start_event,
    MessageEndEvent: structure_message_end_event,
    TextDeltaEvent: structure_text_delta_event,
    ThinkingStartEvent: structure_thinking_start_event,
    ThinkingDeltaEvent: structure_thinking_delta_event,
    ThinkingEndEvent: structure_thinking_end_event,
    ToolStartEvent: structure_tool_start_event,
    ToolEvent: structure_tool_event,
    TaskStartEvent: structure_task_start_event,
    TaskEvent: structure_task_event,
    CompactionStartEvent: structure_compaction_start_event,
    CompactionEvent: structure_compaction_event,
    OperationStartEvent: structure_operation_start_event,
    OperationEvent: structure_operation_event,
    LogEvent: structure_log_event,
    DataEvent: structure_data_event,
    IdleEvent: structure_idle_event,
    SubmissionSettledEvent: structure_submission_settled_event,
    WorkflowInvokeResult: structure_workflow_invoke_result,
    WorkflowWaitResult: structure_workflow_wait_result,
    WorkflowRunResult: structure_workflow_run_result,
    AgentSendResult: structure_agent_send_result,
    AgentPromptResult: structure_agent_prompt_result,
    AgentPromptResponse: structure_agent_prompt_response,
    PromptModel: structure_prompt_model,
    RunRecord: structure_run_record,
    LlmUserContent: structure_llm_user_content,
    LlmAssistantContent: structure_llm_assistant_content,
    LlmMessage: structure_llm_message,
    AttachedAgentEvent: structure_attached_agent_event,
    FlueEvent: structure_flue_event,
}
