"""Typed models of what Flue sends, one class for each JSON object.

Generated from schemas/ by `python -m codegen`: do not edit.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flue.codec._unknown import UnknownChunk as UnknownChunk
    from flue.codec._unknown import UnknownContent as UnknownContent
    from flue.codec._unknown import UnknownEvent as UnknownEvent
    from flue.codec._unknown import UnknownPart as UnknownPart
    from flue.models.common import FlueErrorInfo as FlueErrorInfo
    from flue.models.common import FlueSerializedError as FlueSerializedError
    from flue.models.common import LlmAssistantContent as LlmAssistantContent
    from flue.models.common import LlmAssistantMessage as LlmAssistantMessage
    from flue.models.common import LlmImageContent as LlmImageContent
    from flue.models.common import LlmMessage as LlmMessage
    from flue.models.common import LlmTextContent as LlmTextContent
    from flue.models.common import LlmThinkingContent as LlmThinkingContent
    from flue.models.common import LlmTool as LlmTool
    from flue.models.common import LlmToolCall as LlmToolCall
    from flue.models.common import LlmToolResultMessage as LlmToolResultMessage
    from flue.models.common import LlmTurnPurpose as LlmTurnPurpose
    from flue.models.common import LlmUserContent as LlmUserContent
    from flue.models.common import LlmUserMessage as LlmUserMessage
    from flue.models.common import ModelRequestInfo as ModelRequestInfo
    from flue.models.common import ModelResponse as ModelResponse
    from flue.models.common import PromptCost as PromptCost
    from flue.models.common import PromptUsage as PromptUsage
    from flue.models.common import SubmissionOutcome as SubmissionOutcome
    from flue.models.conversation import AbortResult as AbortResult
    from flue.models.conversation import ChunkPosition as ChunkPosition
    from flue.models.conversation import ConversationChunk as ConversationChunk
    from flue.models.conversation import ConversationMessage as ConversationMessage
    from flue.models.conversation import ConversationPart as ConversationPart
    from flue.models.conversation import ConversationResetChunk as ConversationResetChunk
    from flue.models.conversation import ConversationSettlement as ConversationSettlement
    from flue.models.conversation import ConversationSnapshot as ConversationSnapshot
    from flue.models.conversation import ConversationStreamItem as ConversationStreamItem
    from flue.models.conversation import DataPart as DataPart
    from flue.models.conversation import DataPartChunk as DataPartChunk
    from flue.models.conversation import DeltaKind as DeltaKind
    from flue.models.conversation import DynamicToolPart as DynamicToolPart
    from flue.models.conversation import FilePart as FilePart
    from flue.models.conversation import MessageAppendedChunk as MessageAppendedChunk
    from flue.models.conversation import MessageCompletedChunk as MessageCompletedChunk
    from flue.models.conversation import MessageDeltaChunk as MessageDeltaChunk
    from flue.models.conversation import MessageMetadataChunk as MessageMetadataChunk
    from flue.models.conversation import MessageRole as MessageRole
    from flue.models.conversation import MessageSettlement as MessageSettlement
    from flue.models.conversation import MessageSignal as MessageSignal
    from flue.models.conversation import MessageStartedChunk as MessageStartedChunk
    from flue.models.conversation import PartState as PartState
    from flue.models.conversation import ReasoningPart as ReasoningPart
    from flue.models.conversation import SendResult as SendResult
    from flue.models.conversation import StreamCheckpointChunk as StreamCheckpointChunk
    from flue.models.conversation import SubmissionSettledChunk as SubmissionSettledChunk
    from flue.models.conversation import TextPart as TextPart
    from flue.models.conversation import ToolInputChunk as ToolInputChunk
    from flue.models.conversation import ToolOutputChunk as ToolOutputChunk
    from flue.models.conversation import ToolOutputErrorChunk as ToolOutputErrorChunk
    from flue.models.conversation import ToolState as ToolState
    from flue.models.flue_event import AgentEndEvent as AgentEndEvent
    from flue.models.flue_event import AgentStartEvent as AgentStartEvent
    from flue.models.flue_event import AttachedAgentEvent as AttachedAgentEvent
    from flue.models.flue_event import CompactionEvent as CompactionEvent
    from flue.models.flue_event import CompactionReason as CompactionReason
    from flue.models.flue_event import CompactionStartEvent as CompactionStartEvent
    from flue.models.flue_event import DataEvent as DataEvent
    from flue.models.flue_event import FlueEvent as FlueEvent
    from flue.models.flue_event import IdleEvent as IdleEvent
    from flue.models.flue_event import LogEvent as LogEvent
    from flue.models.flue_event import LogLevel as LogLevel
    from flue.models.flue_event import MessageEndEvent as MessageEndEvent
    from flue.models.flue_event import MessageStartEvent as MessageStartEvent
    from flue.models.flue_event import OperationEvent as OperationEvent
    from flue.models.flue_event import OperationKind as OperationKind
    from flue.models.flue_event import OperationStartEvent as OperationStartEvent
    from flue.models.flue_event import RunEndEvent as RunEndEvent
    from flue.models.flue_event import RunResumeEvent as RunResumeEvent
    from flue.models.flue_event import RunStartEvent as RunStartEvent
    from flue.models.flue_event import SubmissionSettledEvent as SubmissionSettledEvent
    from flue.models.flue_event import TaskEvent as TaskEvent
    from flue.models.flue_event import TaskStartEvent as TaskStartEvent
    from flue.models.flue_event import TextDeltaEvent as TextDeltaEvent
    from flue.models.flue_event import ThinkingDeltaEvent as ThinkingDeltaEvent
    from flue.models.flue_event import ThinkingEndEvent as ThinkingEndEvent
    from flue.models.flue_event import ThinkingStartEvent as ThinkingStartEvent
    from flue.models.flue_event import ToolEvent as ToolEvent
    from flue.models.flue_event import ToolStartEvent as ToolStartEvent
    from flue.models.flue_event import TurnEvent as TurnEvent
    from flue.models.flue_event import TurnMessagesEvent as TurnMessagesEvent
    from flue.models.flue_event import TurnStartEvent as TurnStartEvent
    from flue.models.operations import AgentPromptResponse as AgentPromptResponse
    from flue.models.operations import AgentPromptResult as AgentPromptResult
    from flue.models.operations import AgentSendResult as AgentSendResult
    from flue.models.operations import PromptModel as PromptModel
    from flue.models.operations import WorkflowInvokeResult as WorkflowInvokeResult
    from flue.models.operations import WorkflowRunResult as WorkflowRunResult
    from flue.models.operations import WorkflowWaitResult as WorkflowWaitResult
    from flue.models.public_error import FluePublicError as FluePublicError
    from flue.models.run_record import RunRecord as RunRecord
    from flue.models.run_record import RunStatus as RunStatus

_LAZY = {
    "AbortResult": "flue.models.conversation",
    "AgentEndEvent": "flue.models.flue_event",
    "AgentPromptResponse": "flue.models.operations",
    "AgentPromptResult": "flue.models.operations",
    "AgentSendResult": "flue.models.operations",
    "AgentStartEvent": "flue.models.flue_event",
    "AttachedAgentEvent": "flue.models.flue_event",
    "ChunkPosition": "flue.models.conversation",
    "CompactionEvent": "flue.models.flue_event",
    "CompactionReason": "flue.models.flue_event",
    "CompactionStartEvent": "flue.models.flue_event",
    "ConversationChunk": "flue.models.conversation",
    "ConversationMessage": "flue.models.conversation",
    "ConversationPart": "flue.models.conversation",
    "ConversationResetChunk": "flue.models.conversation",
    "ConversationSettlement": "flue.models.conversation",
    "ConversationSnapshot": "flue.models.conversation",
    "ConversationStreamItem": "flue.models.conversation",
    "DataEvent": "flue.models.flue_event",
    "DataPart": "flue.models.conversation",
    "DataPartChunk": "flue.models.conversation",
    "DeltaKind": "flue.models.conversation",
    "DynamicToolPart": "flue.models.conversation",
    "FilePart": "flue.models.conversation",
    "FlueErrorInfo": "flue.models.common",
    "FlueEvent": "flue.models.flue_event",
    "FluePublicError": "flue.models.public_error",
    "FlueSerializedError": "flue.models.common",
    "IdleEvent": "flue.models.flue_event",
    "LlmAssistantContent": "flue.models.common",
    "LlmAssistantMessage": "flue.models.common",
    "LlmImageContent": "flue.models.common",
    "LlmMessage": "flue.models.common",
    "LlmTextContent": "flue.models.common",
    "LlmThinkingContent": "flue.models.common",
    "LlmTool": "flue.models.common",
    "LlmToolCall": "flue.models.common",
    "LlmToolResultMessage": "flue.models.common",
    "LlmTurnPurpose": "flue.models.common",
    "LlmUserContent": "flue.models.common",
    "LlmUserMessage": "flue.models.common",
    "LogEvent": "flue.models.flue_event",
    "LogLevel": "flue.models.flue_event",
    "MessageAppendedChunk": "flue.models.conversation",
    "MessageCompletedChunk": "flue.models.conversation",
    "MessageDeltaChunk": "flue.models.conversation",
    "MessageEndEvent": "flue.models.flue_event",
    "MessageMetadataChunk": "flue.models.conversation",
    "MessageRole": "flue.models.conversation",
    "MessageSettlement": "flue.models.conversation",
    "MessageSignal": "flue.models.conversation",
    "MessageStartedChunk": "flue.models.conversation",
    "MessageStartEvent": "flue.models.flue_event",
    "ModelRequestInfo": "flue.models.common",
    "ModelResponse": "flue.models.common",
    "OperationEvent": "flue.models.flue_event",
    "OperationKind": "flue.models.flue_event",
    "OperationStartEvent": "flue.models.flue_event",
    "PartState": "flue.models.conversation",
    "PromptCost": "flue.models.common",
    "PromptModel": "flue.models.operations",
    "PromptUsage": "flue.models.common",
    "ReasoningPart": "flue.models.conversation",
    "RunEndEvent": "flue.models.flue_event",
    "RunRecord": "flue.models.run_record",
    "RunResumeEvent": "flue.models.flue_event",
    "RunStartEvent": "flue.models.flue_event",
    "RunStatus": "flue.models.run_record",
    "SendResult": "flue.models.conversation",
    "StreamCheckpointChunk": "flue.models.conversation",
    "SubmissionOutcome": "flue.models.common",
    "SubmissionSettledChunk": "flue.models.conversation",
    "SubmissionSettledEvent": "flue.models.flue_event",
    "TaskEvent": "flue.models.flue_event",
    "TaskStartEvent": "flue.models.flue_event",
    "TextDeltaEvent": "flue.models.flue_event",
    "TextPart": "flue.models.conversation",
    "ThinkingDeltaEvent": "flue.models.flue_event",
    "ThinkingEndEvent": "flue.models.flue_event",
    "ThinkingStartEvent": "flue.models.flue_event",
    "ToolEvent": "flue.models.flue_event",
    "ToolInputChunk": "flue.models.conversation",
    "ToolOutputChunk": "flue.models.conversation",
    "ToolOutputErrorChunk": "flue.models.conversation",
    "ToolStartEvent": "flue.models.flue_event",
    "ToolState": "flue.models.conversation",
    "TurnEvent": "flue.models.flue_event",
    "TurnMessagesEvent": "flue.models.flue_event",
    "TurnStartEvent": "flue.models.flue_event",
    "UnknownChunk": "flue.codec._unknown",
    "UnknownContent": "flue.codec._unknown",
    "UnknownEvent": "flue.codec._unknown",
    "UnknownPart": "flue.codec._unknown",
    "WorkflowInvokeResult": "flue.models.operations",
    "WorkflowRunResult": "flue.models.operations",
    "WorkflowWaitResult": "flue.models.operations",
}

__all__ = [
    "AbortResult",
    "AgentEndEvent",
    "AgentPromptResponse",
    "AgentPromptResult",
    "AgentSendResult",
    "AgentStartEvent",
    "AttachedAgentEvent",
    "ChunkPosition",
    "CompactionEvent",
    "CompactionReason",
    "CompactionStartEvent",
    "ConversationChunk",
    "ConversationMessage",
    "ConversationPart",
    "ConversationResetChunk",
    "ConversationSettlement",
    "ConversationSnapshot",
    "ConversationStreamItem",
    "DataEvent",
    "DataPart",
    "DataPartChunk",
    "DeltaKind",
    "DynamicToolPart",
    "FilePart",
    "FlueErrorInfo",
    "FlueEvent",
    "FluePublicError",
    "FlueSerializedError",
    "IdleEvent",
    "LlmAssistantContent",
    "LlmAssistantMessage",
    "LlmImageContent",
    "LlmMessage",
    "LlmTextContent",
    "LlmThinkingContent",
    "LlmTool",
    "LlmToolCall",
    "LlmToolResultMessage",
    "LlmTurnPurpose",
    "LlmUserContent",
    "LlmUserMessage",
    "LogEvent",
    "LogLevel",
    "MessageAppendedChunk",
    "MessageCompletedChunk",
    "MessageDeltaChunk",
    "MessageEndEvent",
    "MessageMetadataChunk",
    "MessageRole",
    "MessageSettlement",
    "MessageSignal",
    "MessageStartEvent",
    "MessageStartedChunk",
    "ModelRequestInfo",
    "ModelResponse",
    "OperationEvent",
    "OperationKind",
    "OperationStartEvent",
    "PartState",
    "PromptCost",
    "PromptModel",
    "PromptUsage",
    "ReasoningPart",
    "RunEndEvent",
    "RunRecord",
    "RunResumeEvent",
    "RunStartEvent",
    "RunStatus",
    "SendResult",
    "StreamCheckpointChunk",
    "SubmissionOutcome",
    "SubmissionSettledChunk",
    "SubmissionSettledEvent",
    "TaskEvent",
    "TaskStartEvent",
    "TextDeltaEvent",
    "TextPart",
    "ThinkingDeltaEvent",
    "ThinkingEndEvent",
    "ThinkingStartEvent",
    "ToolEvent",
    "ToolInputChunk",
    "ToolOutputChunk",
    "ToolOutputErrorChunk",
    "ToolStartEvent",
    "ToolState",
    "TurnEvent",
    "TurnMessagesEvent",
    "TurnStartEvent",
    "UnknownChunk",
    "UnknownContent",
    "UnknownEvent",
    "UnknownPart",
    "WorkflowInvokeResult",
    "WorkflowRunResult",
    "WorkflowWaitResult",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'flue.models' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
