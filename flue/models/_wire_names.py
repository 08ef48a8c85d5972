"""Keys on the wire of the models' attributes.

Generated from schemas/ by `python -m codegen`: do not edit.
"""

from __future__ import annotations

from typing import Final

WIRE_NAMES: Final[dict[str, str]] = {
    "agent_name": "agentName",
    "answered_by_submission_id": "answeredBySubmissionId",
    "cache_read": "cacheRead",
    "cache_write": "cacheWrite",
    "content_index": "contentIndex",
    "context_compacted": "contextCompacted",
    "conversation_id": "conversationId",
    "dispatch_id": "dispatchId",
    "duration_ms": "durationMs",
    "ended_at": "endedAt",
    "error_text": "errorText",
    "estimated_tokens": "estimatedTokens",
    "event_index": "eventIndex",
    "finish_reason": "finishReason",
    "instance_id": "instanceId",
    "is_error": "isError",
    "max_tokens": "maxTokens",
    "media_type": "mediaType",
    "message_id": "messageId",
    "messages_after": "messagesAfter",
    "messages_before": "messagesBefore",
    "mime_type": "mimeType",
    "operation_id": "operationId",
    "operation_kind": "operationKind",
    "parent_session": "parentSession",
    "provider_id": "providerId",
    "provider_name": "providerName",
    "reasoning_level": "reasoningLevel",
    "requested_model": "requestedModel",
    "response_id": "responseId",
    "response_model": "responseModel",
    "run_id": "runId",
    "server_address": "serverAddress",
    "server_port": "serverPort",
    "started_at": "startedAt",
    "stream_url": "streamUrl",
    "submission_id": "submissionId",
    "tag_name": "tagName",
    "task_id": "taskId",
    "text_signature": "textSignature",
    "thinking_signature": "thinkingSignature",
    "thought_signature": "thoughtSignature",
    "tool_call_id": "toolCallId",
    "tool_name": "toolName",
    "tool_results": "toolResults",
    "total_tokens": "totalTokens",
    "turn_id": "turnId",
    "workflow_name": "workflowName",
}
"""The key of an attribute, where it is not the attribute's name."""

PREFIXED: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "DataPart": {"name": ("type", "data-")},
}
"""The attributes of a model that hold the end of a string, with its key and the beginning of it."""
