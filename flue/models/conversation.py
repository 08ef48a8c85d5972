"""Conversations of Flue 2: messages and their parts, the chunks of the update stream, answers to requests.

Generated from schemas/conversation.json by `python -m codegen`: do not edit.
"""

# ruff: noqa: TC001, TC003  (whoever resolves the annotations at run time finds their names here)

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal, TypeAlias

import attrs

from flue.codec._base import JSON, WireModel
from flue.codec._unknown import UnknownChunk, UnknownPart
from flue.models.common import SubmissionOutcome

MessageRole: TypeAlias = Literal["user", "assistant", "system"]
"""Who a message is from."""

PartState: TypeAlias = Literal["streaming", "done"]
"""Whether a text is complete: `streaming` while its block is still open."""

ToolState: TypeAlias = Literal["input-available", "output-available", "output-error"]
"""How far a tool call has come: recorded, returned or failed."""

DeltaKind: TypeAlias = Literal["text", "reasoning"]
"""What kind of part a piece of text belongs to."""


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class ChunkEnvelope(WireModel):
    """What every chunk has.

    Attributes:
        conversation_id: The conversation that the chunk belongs to.
        position: Where it stands in its stream.
    """

    conversation_id: str
    position: ChunkPosition


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class TextPart(WireModel):
    """Text of a message.

    Attributes:
        type: The kind of part.
        text: The text.
        state: Whether a text is complete: `streaming` while its block is still open.
    """

    type: ClassVar[Literal["text"]] = "text"

    text: str
    state: PartState


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class ReasoningPart(WireModel):
    """What a model thought before it answered.

    Attributes:
        type: The kind of part.
        text: The text.
        state: Whether a text is complete: `streaming` while its block is still open.
    """

    type: ClassVar[Literal["reasoning"]] = "reasoning"

    text: str
    state: PartState


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class FilePart(WireModel):
    """An attachment of a user's message. `Conversation.attachment()` reads its bytes.

    Attributes:
        type: The kind of part.
        media_type: Media type, as it was uploaded.
        id: Id of the attachment; servers always send it.
        size: Size in bytes.
        filename: Name of the file, where it was given one.
        url: Never sent by a server: clients derive it from the id.
    """

    type: ClassVar[Literal["file"]] = "file"

    media_type: str
    id: str | None = None
    size: int | None = None
    filename: str | None = None
    url: str | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class DynamicToolPart(WireModel):
    """A tool call, with its outcome once it has one.

    Attributes:
        type: The kind of part.
        tool_name: Name of the tool.
        tool_call_id: Id of the call. A provider may use one twice.
        state: How far a tool call has come: recorded, returned or failed.
        input: Arguments of the call.
        output: What the tool returned, in the state `output-available`.
        error_text: Why it failed, in the state `output-error`.
        duration_ms: How long it took, in milliseconds.
    """

    type: ClassVar[Literal["dynamic-tool"]] = "dynamic-tool"

    tool_name: str
    tool_call_id: str
    state: ToolState
    input: JSON
    output: JSON = None
    error_text: str | None = None
    duration_ms: float | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class DataPart(WireModel):
    """Named data that the agent wrote. On the wire its type is `data-` and the name.

    Attributes:
        type: Always `data`, so that comparing it narrows.
        name: Name of the data, unique within the message.
        data: The data.
    """

    type: ClassVar[Literal["data"]] = "data"

    name: str
    data: JSON


ConversationPart: TypeAlias = TextPart | ReasoningPart | FilePart | DynamicToolPart | DataPart | UnknownPart
"""A part of a message.

Parts of a type that is not known here, or that do not fit their schema, arrive as `UnknownPart`.
"""


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class MessageSignal(WireModel):
    """What a message says about the signal that it was delivered as.

    Attributes:
        tag_name: Name of the tag that the model sees around the text.
        attributes: Attributes of that tag, by name: strings.
    """

    tag_name: str | None = None
    attributes: dict[str, JSON] | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class MessageSettlement(WireModel):
    """What a message says about the submission that it reports the end of.

    Attributes:
        outcome: How it ended: `failed` or `aborted`.
    """

    outcome: SubmissionOutcome


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class ConversationMessage(WireModel):
    """A message. One of an assistant is a whole response: all model steps that answered a submission.

    Attributes:
        id: Id of the message.
        role: Who a message is from.
        purpose: What it is for: `user`, `assistant`, `dispatch` (a signal), `advisory` (from the runtime), or one that
            later versions add.
        display: To whom it is to be shown: `visible`, `hidden`, `diagnostic`, or one that later versions add.
        parts: What it consists of, in order. Empty where the model failed at once.
        submission_id: The submission that it delivers or answers.
        turn_id: The response that it belongs to.
        signal: For a signal and for what the runtime reports: its tag.
        settlement: For a report of the runtime that a submission has failed or was aborted: its outcome.
        metadata: What the agent attached.
    """

    id: str
    role: MessageRole
    purpose: str
    display: str
    parts: list[ConversationPart]
    submission_id: str | None = None
    turn_id: str | None = None
    signal: MessageSignal | None = None
    settlement: MessageSettlement | None = None
    metadata: dict[str, JSON] | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class ConversationSettlement(WireModel):
    """The end of a submission.

    Attributes:
        submission_id: The submission.
        outcome: How it ended.
        error: Why it failed or was aborted: an object with a `message`, often with `name`, `type`, `details` and
            `meta`.
        answered_by_submission_id: The submission whose response carries the reply: another one where this one joined a
            running response. None where there was no response.
    """

    submission_id: str
    outcome: SubmissionOutcome
    error: JSON = None
    answered_by_submission_id: str | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class ConversationSnapshot(WireModel):
    """All of a conversation as it was at an offset.

    Attributes:
        v: Version of the format.
        conversation_id: The conversation.
        offset: Where its updates go on.
        messages: Its messages, oldest first.
        settlements: The ends of its submissions, in their order.
        incarnation: Generation of its stream: another one has other offsets. None inside a reset.
    """

    v: Literal[1] = 1
    conversation_id: str
    offset: str
    messages: list[ConversationMessage]
    settlements: list[ConversationSettlement]
    incarnation: str | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class ChunkPosition(WireModel):
    """Where a chunk stands in its stream: compare `batch`, then `index`. Gaps are normal.

    Attributes:
        batch: Number of the batch.
        index: Number within the batch.
    """

    batch: int
    index: int


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class ConversationResetChunk(ChunkEnvelope):
    """The state of the conversation is replaced: when it begins, after compaction, or when the server takes text back.

    Attributes:
        type: Wire name of the chunk.
        snapshot: The new state.
    """

    type: ClassVar[Literal["conversation-reset"]] = "conversation-reset"

    snapshot: ConversationSnapshot


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class MessageAppendedChunk(ChunkEnvelope):
    """A complete message of a user or of the system was added.

    Attributes:
        type: Wire name of the chunk.
        message: The message.
    """

    type: ClassVar[Literal["message-appended"]] = "message-appended"

    message: ConversationMessage


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class MessageStartedChunk(ChunkEnvelope):
    """A response of the assistant begins, or goes on with another model step where its id is known.

    Attributes:
        type: Wire name of the chunk.
        message_id: The message.
        submission_id: The submission that it answers.
        turn_id: The response that it belongs to.
        metadata: What the agent attached.
        timestamp: When it began.
    """

    type: ClassVar[Literal["message-started"]] = "message-started"

    message_id: str
    submission_id: str | None = None
    turn_id: str | None = None
    metadata: dict[str, JSON] | None = None
    timestamp: datetime | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class MessageMetadataChunk(ChunkEnvelope):
    """Metadata of a message, to be merged deeply into what it has.

    Attributes:
        type: Wire name of the chunk.
        message_id: The message.
        metadata: What is new.
    """

    type: ClassVar[Literal["message-metadata"]] = "message-metadata"

    message_id: str
    metadata: dict[str, JSON]


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class DataPartChunk(ChunkEnvelope):
    """The agent wrote named data, in place of what the message had under this name.

    Attributes:
        type: Wire name of the chunk.
        message_id: The message.
        name: Name of the data.
        data: The data.
    """

    type: ClassVar[Literal["data-part"]] = "data-part"

    message_id: str
    name: str
    data: JSON


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class MessageDeltaChunk(ChunkEnvelope):
    """A piece of text or reasoning.

    Attributes:
        type: Wire name of the chunk.
        message_id: The message.
        kind: What kind of part a piece of text belongs to.
        delta: The piece.
    """

    type: ClassVar[Literal["message-delta"]] = "message-delta"

    message_id: str
    kind: DeltaKind
    delta: str


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class ToolInputChunk(ChunkEnvelope):
    """A tool is called.

    Attributes:
        type: Wire name of the chunk.
        message_id: The message.
        tool_call_id: Id of the call. A provider may use one twice.
        tool_name: Name of the tool.
        input: Arguments of the call.
        timestamp: When it was called.
    """

    type: ClassVar[Literal["tool-input"]] = "tool-input"

    message_id: str
    tool_call_id: str
    tool_name: str
    input: JSON
    timestamp: datetime | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class ToolOutputChunk(ChunkEnvelope):
    """A tool call has returned.

    Attributes:
        type: Wire name of the chunk.
        tool_call_id: Id of the call.
        output: What it returned.
        duration_ms: How long it took, in milliseconds.
        timestamp: When it returned.
    """

    type: ClassVar[Literal["tool-output"]] = "tool-output"

    tool_call_id: str
    output: JSON
    duration_ms: float | None = None
    timestamp: datetime | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class ToolOutputErrorChunk(ChunkEnvelope):
    """A tool call has failed.

    Attributes:
        type: Wire name of the chunk.
        tool_call_id: Id of the call.
        error_text: Why it failed.
        duration_ms: How long it took, in milliseconds.
        timestamp: When it failed.
    """

    type: ClassVar[Literal["tool-output-error"]] = "tool-output-error"

    tool_call_id: str
    error_text: str
    duration_ms: float | None = None
    timestamp: datetime | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class MessageCompletedChunk(ChunkEnvelope):
    """A model step of a response is complete; more may follow under the same message id.

    Attributes:
        type: Wire name of the chunk.
        message_id: The message.
        timestamp: When it was complete.
    """

    type: ClassVar[Literal["message-completed"]] = "message-completed"

    message_id: str
    timestamp: datetime | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class SubmissionSettledChunk(ChunkEnvelope):
    """A submission has ended.

    Attributes:
        type: Wire name of the chunk.
        submission_id: The submission.
        outcome: How it ended.
        error: Why it failed or was aborted: an object with a `message`, often with `name`, `type`, `details` and
            `meta`.
        answered_by_submission_id: The submission whose response carries the reply. None where there was no response.
        timestamp: When it ended.
    """

    type: ClassVar[Literal["submission-settled"]] = "submission-settled"

    submission_id: str
    outcome: SubmissionOutcome
    error: JSON = None
    answered_by_submission_id: str | None = None
    timestamp: datetime | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class StreamCheckpointChunk(WireModel):
    """The first item of every answer and of every event connection. Callers never get it.

    Attributes:
        type: Wire name of the chunk.
        incarnation: Generation of the stream: another one has other offsets.
    """

    type: ClassVar[Literal["stream-checkpoint"]] = "stream-checkpoint"

    incarnation: str


ConversationChunk: TypeAlias = (
    ConversationResetChunk
    | MessageAppendedChunk
    | MessageStartedChunk
    | MessageMetadataChunk
    | DataPartChunk
    | MessageDeltaChunk
    | ToolInputChunk
    | ToolOutputChunk
    | ToolOutputErrorChunk
    | MessageCompletedChunk
    | SubmissionSettledChunk
    | UnknownChunk
)
"""A change of a conversation: one class for each wire `type`.

Chunks of a type that is not known here, or that do not fit their schema, arrive as `UnknownChunk`.
"""

ConversationStreamItem: TypeAlias = (
    ConversationResetChunk
    | MessageAppendedChunk
    | MessageStartedChunk
    | MessageMetadataChunk
    | DataPartChunk
    | MessageDeltaChunk
    | ToolInputChunk
    | ToolOutputChunk
    | ToolOutputErrorChunk
    | MessageCompletedChunk
    | SubmissionSettledChunk
    | StreamCheckpointChunk
    | UnknownChunk
)
"""What a conversation's stream consists of: its chunks, and checkpoints between them."""


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class SendResult(WireModel):
    """A message that a conversation has admitted.

    Attributes:
        submission_id: The submission, to wait for.
        uid: The incarnation of the agent instance.
        offset: Where to follow the submission from: before the message itself, or `-1` for one that was admitted
            before.
        stream_url: URL of the conversation, as the server sees itself; behind a proxy it may differ from the one asked.
        deduplicated: Whether its idempotency key was known, so that nothing new was admitted.
    """

    submission_id: str
    uid: str
    offset: str
    stream_url: str
    deduplicated: bool = False


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class AbortResult(WireModel):
    """The answer to a request to abort.

    Attributes:
        aborted: Whether anything was running or waiting.
    """

    aborted: bool
