"""An event of a workflow run: one class for each wire `type`.

Events of a type that is not known here, or that do not fit their schema, arrive as `UnknownEvent`.

Generated from schemas/flue_event.json by `python -m codegen`: do not edit.
"""

# ruff: noqa: TC001, TC003  (whoever resolves the annotations at run time finds their names here)

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal, TypeAlias

import attrs

from flue.codec._base import JSON, WireModel
from flue.codec._unknown import UnknownEvent
from flue.models.common import (
    FlueSerializedError,
    LlmTurnPurpose,
    ModelRequestInfo,
    ModelResponse,
    PromptUsage,
    SubmissionOutcome,
)

LogLevel: TypeAlias = Literal["info", "warn", "error"]
"""How serious a log line is."""

OperationKind: TypeAlias = Literal["prompt", "skill", "task", "shell", "compact"]
"""Kind of a session's operation."""

CompactionReason: TypeAlias = Literal["threshold", "overflow", "manual"]
"""What made a compaction necessary: the context neared its limit, overflowed it, or a program asked."""


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class EventEnvelope(WireModel):
    """What every event carries.

    Attributes:
        v: Version of the event format.
        event_index: Position of the event in its context. Has gaps, and is not a stream offset.
        timestamp: When the event was emitted.
        run_id: The workflow run that the event belongs to.
        conversation_id: The conversation that the event belongs to.
        session: Name of the session.
        harness: Name of the harness that runs the session.
        operation_id: The operation that the event belongs to.
        turn_id: The model turn that the event belongs to.
        instance_id: The agent instance that the event belongs to, where it is not part of a run.
        agent_name: Name of the agent.
        submission_id: The prompt that caused the event.
        dispatch_id: The dispatched input that caused the event.
        task_id: The delegated task that the event belongs to.
        parent_session: Name of the session that delegated to this one.
    """

    v: Literal[3] = 3
    event_index: int
    timestamp: datetime
    run_id: str | None = None
    conversation_id: str | None = None
    session: str | None = None
    harness: str | None = None
    operation_id: str | None = None
    turn_id: str | None = None
    instance_id: str | None = None
    agent_name: str | None = None
    submission_id: str | None = None
    dispatch_id: str | None = None
    task_id: str | None = None
    parent_session: str | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class AgentStartEvent(EventEnvelope):
    """An agent began to work on a prompt.

    Attributes:
        type: Wire name of the event.
    """

    type: ClassVar[Literal["agent_start"]] = "agent_start"


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class AgentEndEvent(EventEnvelope):
    """An agent has finished its work on a prompt.

    Attributes:
        type: Wire name of the event.
        messages: The messages that the work added. Its shape is that of the agent library underneath and not stable,
            hence JSON.
    """

    type: ClassVar[Literal["agent_end"]] = "agent_end"

    messages: list[JSON]


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class TurnStartEvent(EventEnvelope):
    """A model turn has started.

    Attributes:
        type: Wire name of the event.
        turn_id: The turn.
        purpose: Why the turn was made.
    """

    type: ClassVar[Literal["turn_start"]] = "turn_start"

    turn_id: str  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    purpose: LlmTurnPurpose


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class TurnEvent(EventEnvelope):
    """A model turn has ended: the request in short, and the normalized response.

    Count model work from these events, or from `turn_messages` and `message_end`, but not from both.

    Attributes:
        type: Wire name of the event.
        turn_id: The turn.
        purpose: Why the turn was made.
        duration_ms: How long it took, in milliseconds.
        request: What was asked of which model.
        response: What the model answered.
        is_error: Whether the turn failed or was aborted.
    """

    type: ClassVar[Literal["turn"]] = "turn"

    turn_id: str  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    purpose: LlmTurnPurpose
    duration_ms: float
    request: ModelRequestInfo
    response: ModelResponse
    is_error: bool


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class TurnMessagesEvent(EventEnvelope):
    """The raw messages of a model turn.

    Attributes:
        type: Wire name of the event.
        turn_id: The turn.
        purpose: Why the turn was made.
        message: The assistant's message. Its shape is that of the agent library underneath and not stable, hence JSON.
        tool_results: The messages of the tools that the turn called. Its shape is that of the agent library underneath
            and not stable, hence JSON.
    """

    type: ClassVar[Literal["turn_messages"]] = "turn_messages"

    turn_id: str  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    purpose: LlmTurnPurpose
    message: JSON = None
    tool_results: list[JSON]


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class MessageStartEvent(EventEnvelope):
    """A message has begun.

    Attributes:
        type: Wire name of the event.
        turn_id: The turn that the message belongs to.
        message: The message as far as it is known. Its shape is that of the agent library underneath and not stable,
            hence JSON.
    """

    type: ClassVar[Literal["message_start"]] = "message_start"

    turn_id: str  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    message: JSON = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class MessageEndEvent(EventEnvelope):
    """A message is complete. For the assistant's messages this is the authoritative text; deltas are not.

    Attributes:
        type: Wire name of the event.
        turn_id: The turn that the message belongs to.
        message: The whole message. Its shape is that of the agent library underneath and not stable, hence JSON.
    """

    type: ClassVar[Literal["message_end"]] = "message_end"

    turn_id: str  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    message: JSON = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class TextDeltaEvent(EventEnvelope):
    """A piece of text, while the model writes.

    Deltas are best effort and may be missed or joined; `message_end` has the whole message.

    Attributes:
        type: Wire name of the event.
        text: The text to append.
    """

    type: ClassVar[Literal["text_delta"]] = "text_delta"

    text: str


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class ThinkingStartEvent(EventEnvelope):
    """The model has begun to reason.

    Attributes:
        type: Wire name of the event.
        content_index: Index of the thinking block in the assistant's message, from zero; None in old events.
    """

    type: ClassVar[Literal["thinking_start"]] = "thinking_start"

    content_index: int | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class ThinkingDeltaEvent(EventEnvelope):
    """A piece of reasoning, while the model thinks. Best effort, as `text_delta` is.

    Attributes:
        type: Wire name of the event.
        content_index: Index of the thinking block in the assistant's message, from zero; None in old events.
        delta: The text to append.
    """

    type: ClassVar[Literal["thinking_delta"]] = "thinking_delta"

    content_index: int | None = None
    delta: str


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class ThinkingEndEvent(EventEnvelope):
    """The model has finished a block of reasoning.

    Attributes:
        type: Wire name of the event.
        content_index: Index of the thinking block in the assistant's message, from zero; None in old events.
        content: The whole reasoning text of the block.
    """

    type: ClassVar[Literal["thinking_end"]] = "thinking_end"

    content_index: int | None = None
    content: str


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class ToolStartEvent(EventEnvelope):
    """A tool call has started, made by the model or by the program.

    Attributes:
        type: Wire name of the event.
        tool_name: Name of the tool.
        tool_call_id: The call; the `tool` event that ends it has the same.
        args: The arguments, where the server sends them.
    """

    type: ClassVar[Literal["tool_start"]] = "tool_start"

    tool_name: str
    tool_call_id: str
    args: JSON = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class ToolEvent(EventEnvelope):
    """A tool call has ended.

    Attributes:
        type: Wire name of the event.
        tool_name: Name of the tool.
        tool_call_id: The call.
        is_error: Whether the tool failed.
        result: What the tool returned.
        duration_ms: How long it took, in milliseconds.
    """

    type: ClassVar[Literal["tool"]] = "tool"

    tool_name: str
    tool_call_id: str
    is_error: bool
    result: JSON = None
    duration_ms: float


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class TaskStartEvent(EventEnvelope):
    """A task was delegated to a child session.

    Attributes:
        type: Wire name of the event.
        task_id: The task.
        prompt: What the child is asked to do.
        agent: Name of the subagent profile, where one was chosen.
        cwd: Working directory of the child.
    """

    type: ClassVar[Literal["task_start"]] = "task_start"

    task_id: str  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    prompt: str
    agent: str | None = None
    cwd: str | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class TaskEvent(EventEnvelope):
    """A delegated task has ended.

    Attributes:
        type: Wire name of the event.
        task_id: The task.
        agent: Name of the subagent profile, where one was chosen.
        is_error: Whether the task failed.
        result: What the task returned.
        duration_ms: How long it took, in milliseconds.
    """

    type: ClassVar[Literal["task"]] = "task"

    task_id: str  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    agent: str | None = None
    is_error: bool
    result: JSON = None
    duration_ms: float


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class CompactionStartEvent(EventEnvelope):
    """Older context is about to be replaced by a summary.

    Attributes:
        type: Wire name of the event.
        reason: What made it necessary.
        estimated_tokens: Estimated size of the context, in tokens.
    """

    type: ClassVar[Literal["compaction_start"]] = "compaction_start"

    reason: CompactionReason
    estimated_tokens: float


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class CompactionEvent(EventEnvelope):
    """Older context was replaced by a summary.

    Attributes:
        type: Wire name of the event.
        messages_before: Messages in the context before.
        messages_after: Messages in the context after.
        duration_ms: How long it took, in milliseconds.
        is_error: Whether it failed.
        error: Why it failed.
        usage: Tokens and cost of writing the summary.
    """

    type: ClassVar[Literal["compaction"]] = "compaction"

    messages_before: int
    messages_after: int
    duration_ms: float
    is_error: bool
    error: JSON = None
    usage: PromptUsage | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class OperationStartEvent(EventEnvelope):
    """An operation of a session has started.

    Attributes:
        type: Wire name of the event.
        operation_id: The operation.
        operation_kind: What kind of operation it is.
    """

    type: ClassVar[Literal["operation_start"]] = "operation_start"

    operation_id: str  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    operation_kind: OperationKind


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class OperationEvent(EventEnvelope):
    """An operation of a session has ended.

    Attributes:
        type: Wire name of the event.
        operation_id: The operation.
        operation_kind: What kind of operation it was.
        duration_ms: How long it took, in milliseconds.
        is_error: Whether it failed.
        error: Why it failed.
        result: What it returned.
        usage: Tokens and cost of its model work.
    """

    type: ClassVar[Literal["operation"]] = "operation"

    operation_id: str  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    operation_kind: OperationKind
    duration_ms: float
    is_error: bool
    error: JSON = None
    result: JSON = None
    usage: PromptUsage | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class LogEvent(EventEnvelope):
    """A line that the application logged.

    Attributes:
        type: Wire name of the event.
        level: How serious it is.
        message: The message.
        attributes: Structured values logged with it.
    """

    type: ClassVar[Literal["log"]] = "log"

    level: LogLevel
    message: str
    attributes: dict[str, JSON] | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class DataEvent(EventEnvelope):
    """Data that the application sent to its user interface. Known to 1.0.0-beta.7 only.

    Repeated events of one `name` and `id` replace each other, the last one wins; those without an id stand alone.

    Attributes:
        type: Wire name of the event.
        name: Name of the data.
        id: Identity of the data among those of its name.
        data: The data.
    """

    type: ClassVar[Literal["data"]] = "data"

    name: str
    id: str | None = None
    data: JSON = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class IdleEvent(EventEnvelope):
    """A session has nothing left to do.

    Attributes:
        type: Wire name of the event.
    """

    type: ClassVar[Literal["idle"]] = "idle"


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class SubmissionSettledEvent(EventEnvelope):
    """A prompt sent to an agent has come to its end.

    Attributes:
        type: Wire name of the event.
        submission_id: The prompt, as its admission named it.
        outcome: How it ended.
        result: The answer, where it completed.
        error: Why it failed or was aborted.
    """

    type: ClassVar[Literal["submission_settled"]] = "submission_settled"

    submission_id: str  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    outcome: SubmissionOutcome
    result: JSON = None
    error: FlueSerializedError | None = None


AttachedAgentEvent: TypeAlias = (
    AgentStartEvent
    | AgentEndEvent
    | TurnStartEvent
    | TurnEvent
    | TurnMessagesEvent
    | MessageStartEvent
    | MessageEndEvent
    | TextDeltaEvent
    | ThinkingStartEvent
    | ThinkingDeltaEvent
    | ThinkingEndEvent
    | ToolStartEvent
    | ToolEvent
    | TaskStartEvent
    | TaskEvent
    | CompactionStartEvent
    | CompactionEvent
    | OperationStartEvent
    | OperationEvent
    | LogEvent
    | DataEvent
    | IdleEvent
    | SubmissionSettledEvent
    | UnknownEvent
)
"""An event of an agent's stream: the same classes, without those of a run's start and end.

These events carry `instance_id` and no `run_id`.
"""


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class RunStartEvent(EventEnvelope):
    """A workflow run has started.

    Attributes:
        type: Wire name of the event.
        run_id: The run.
        workflow_name: Name of the workflow.
        started_at: When the run was admitted.
        input: The input of the workflow; None when it was invoked without.
    """

    type: ClassVar[Literal["run_start"]] = "run_start"

    run_id: str  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    workflow_name: str
    started_at: datetime
    input: JSON = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class RunResumeEvent(EventEnvelope):
    """A recovered server went on with an interrupted run.

    The workflow's code was neither resumed nor repeated; the run is being brought to its end. May be the first event of
    a run.

    Attributes:
        type: Wire name of the event.
        run_id: The run.
        workflow_name: Name of the workflow.
        started_at: When the run was admitted.
    """

    type: ClassVar[Literal["run_resume"]] = "run_resume"

    run_id: str  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    workflow_name: str
    started_at: datetime


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class RunEndEvent(EventEnvelope):
    """A workflow run has ended. The last event of its stream.

    Attributes:
        type: Wire name of the event.
        run_id: The run.
        result: What the workflow returned; None when it returned nothing or failed.
        is_error: Whether the run failed.
        error: Why the run failed, usually an object with `name` and `message`.
        duration_ms: How long it took, in milliseconds.
    """

    type: ClassVar[Literal["run_end"]] = "run_end"

    run_id: str  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    result: JSON = None
    is_error: bool
    error: JSON = None
    duration_ms: float


FlueEvent: TypeAlias = (
    RunStartEvent
    | RunResumeEvent
    | RunEndEvent
    | AgentStartEvent
    | AgentEndEvent
    | TurnStartEvent
    | TurnEvent
    | TurnMessagesEvent
    | MessageStartEvent
    | MessageEndEvent
    | TextDeltaEvent
    | ThinkingStartEvent
    | ThinkingDeltaEvent
    | ThinkingEndEvent
    | ToolStartEvent
    | ToolEvent
    | TaskStartEvent
    | TaskEvent
    | CompactionStartEvent
    | CompactionEvent
    | OperationStartEvent
    | OperationEvent
    | LogEvent
    | DataEvent
    | IdleEvent
    | SubmissionSettledEvent
    | UnknownEvent
)
"""An event of a workflow run: one class for each wire `type`.

Events of a type that is not known here, or that do not fit their schema, arrive as `UnknownEvent`.
"""
