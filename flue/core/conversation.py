"""A conversation's state from its chunks, how a submission was settled, and the reply to it.

No I/O and no clock: what `flue.core.conversation_protocol` reads is given a meaning here.

Theory of operation. A server keeps a conversation as messages of parts and sends what changes as *chunks*. The reducer
starts from a snapshot, or from nothing at the stream's origin (where the first chunk is a reset), and applies chunk
after chunk. While text grows it is kept in pieces, in a draft of its message; drafts give models when a state is asked
for, and only the messages that changed since the last state become new ones.

Invariants, each with a test of its own:

1. A chunk is applied once: one at or before the last position (batch, then index) is dropped. Gaps are normal.
2. A reset replaces messages and settlements and does not move the last position back.
3. The outcome of a tool belongs to the newest *pending* call with its id. (Some providers use a call id twice in one
   response; pairing by the id alone would overwrite the first outcome and drop the second call.)
4. A state that was handed out never changes. Messages that did not change are shared between states.
5. A chunk costs O(1): messages are found by id, calls by call id, and nothing is copied before a state is asked for.
   A state makes new objects for the messages that changed, not for others.
6. At rest the state is what `history()` says, but for two adjacent blocks of one kind: the wire does not show the
   border between them, so they arrive live as one part.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # whoever resolves the annotations at run time finds it here
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, TypeGuard, cast

import attrs

from flue.errors import FlueExecutionError
from flue.models import (
    ConversationMessage,
    ConversationResetChunk,
    ConversationSettlement,
    ConversationSnapshot,
    DataPart,
    DataPartChunk,
    DynamicToolPart,
    MessageAppendedChunk,
    MessageCompletedChunk,
    MessageDeltaChunk,
    MessageMetadataChunk,
    MessageStartedChunk,
    ReasoningPart,
    StreamCheckpointChunk,
    SubmissionSettledChunk,
    TextPart,
    ToolInputChunk,
    ToolOutputChunk,
    ToolOutputErrorChunk,
    UnknownChunk,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue.models import ConversationStreamItem

__all__ = [
    "ConversationReducer",
    "ConversationState",
    "Outcome",
    "Position",
    "Reply",
    "chunk_outcome",
    "chunk_position",
    "execution_error",
    "merge_metadata",
    "read_submission_reply",
    "snapshot_outcome",
]

Position: TypeAlias = tuple[int, int]
"""Where a chunk stands in its stream: batch, then index in the batch."""

# They would reach a JavaScript object's prototype; the reference client drops them from what it merges.
_UNSAFE_KEYS = frozenset({"__proto__", "constructor", "prototype"})
_TEXT_PARTS: dict[str, type[TextPart | ReasoningPart]] = {"text": TextPart, "reasoning": ReasoningPart}


@attrs.frozen
class ConversationState:
    """A conversation at one moment, as `Observation` hands it over.

    A value: later states are other objects, which share the messages that did not change.

    Attributes:
        conversation_id: The conversation's id on the server.
        messages: Its messages in order.
        settlements: How its submissions ended, in the order in which they did.

    Example:
        >>> state = ConversationState("conv_1", [], [])
        >>> state
        ConversationState(conversation_id='conv_1', messages=<0 messages>, settlements=<0 settlements>)
    """

    conversation_id: str
    messages: list[ConversationMessage] = attrs.field(repr=lambda value: f"<{len(value)} messages>")
    settlements: list[ConversationSettlement] = attrs.field(repr=lambda value: f"<{len(value)} settlements>")

    def _repr_html_(self) -> str | None:
        from flue._notebook import render  # noqa: PLC0415  # only IPython calls this

        return render(self)


@attrs.frozen
class Reply:
    """The answer to one submission.

    Attributes:
        text: All text of the response, its blocks separated by a blank line; what was said before a tool call is part
            of it. Empty when nothing was said.
        data: The values of the response's data parts by name, in order.
        metadata: The response's metadata; None when the agent attached none.
        submission_id: The submission.
        uid: The conversation's incarnation as `send()` returned it; None when only the submission's id was known.

    Example:
        >>> Reply("The answer is 42.", submission_id="sub_1").text
        'The answer is 42.'
    """

    text: str
    data: Mapping[str, list[Any]] = attrs.field(factory=dict[str, list[Any]])
    metadata: Mapping[str, Any] | None = None
    submission_id: str = ""
    uid: str | None = None


@attrs.frozen
class Outcome:
    """How a submission ended.

    Attributes:
        outcome: `completed`, `failed`, `aborted`, or what a newer server says.
        error: What the server recorded as the error, a JSON value.
    """

    outcome: str
    error: Any = None


# Settlements and replies.


def snapshot_outcome(snapshot: ConversationSnapshot | ConversationState, submission_id: str) -> Outcome | None:
    """How a submission ended, if the snapshot says so."""
    settlement = _settlement(snapshot, submission_id)
    return None if settlement is None else Outcome(settlement.outcome, settlement.error)


def chunk_outcome(chunk: ConversationStreamItem, submission_id: str) -> Outcome | None:
    """How a submission ended, if this chunk says so: its settlement, or a reset that holds it.

    A chunk that does not fit its schema is read as far as that: a follower must not wait for ever because a newer
    server says more than this version knows.
    """
    kind = chunk.__class__
    if kind is SubmissionSettledChunk:
        settled = cast("SubmissionSettledChunk", chunk)
        return Outcome(settled.outcome, settled.error) if settled.submission_id == submission_id else None
    if kind is ConversationResetChunk:
        return snapshot_outcome(cast("ConversationResetChunk", chunk).snapshot, submission_id)
    if kind is UnknownChunk:
        return _unknown_outcome(cast("UnknownChunk", chunk), submission_id)
    return None


def _unknown_outcome(chunk: UnknownChunk, submission_id: str) -> Outcome | None:
    settlements: list[Any] = []
    if chunk.wire_type == "submission-settled":
        settlements = [chunk.raw]
    elif chunk.wire_type == "conversation-reset":
        listed = _object(chunk.raw.get("snapshot")).get("settlements")
        settlements = listed if isinstance(listed, list) else []  # pyright: ignore[reportUnknownVariableType]
    for settlement in map(_object, settlements):
        if settlement.get("submissionId") == submission_id:
            return Outcome(str(settlement.get("outcome")), settlement.get("error"))
    return None


def execution_error(submission_id: str, outcome: Outcome | None) -> FlueExecutionError | None:
    """The error of a submission that did not complete; None for one that did.

    Args:
        submission_id: The submission.
        outcome: How it ended; None when its stream ended and nothing says how it went.
    """
    if outcome is None:
        return FlueExecutionError("agent_submission", submission_id, "terminal_event_missing")
    if outcome.outcome == "completed":
        return None
    if outcome.outcome == "aborted":
        return FlueExecutionError("agent_submission", submission_id, "aborted", outcome.error)
    error = FlueExecutionError("agent_submission", submission_id, "failed", outcome.error)
    if outcome.outcome != "failed":
        error.add_note(f"the outcome of the submission is {outcome.outcome!r}")
    return error


def read_submission_reply(
    snapshot: ConversationSnapshot | ConversationState, submission_id: str, *, uid: str | None = None
) -> Reply:
    """Return the reply to a submission, as far as a snapshot or a state holds it.

    That is the last assistant message of the submission; for one that joined a running response, the message of the
    submission that it joined (`answered_by_submission_id`); else the last assistant message; else an empty reply.

    Args:
        snapshot: What `history()` returned, or a state of `observe()`.
        submission_id: The submission.
        uid: Becomes the reply's `uid`.

    Raises:
        TypeError: The submission's id is no str; what `send()` returned has it as `.submission_id`.
    """
    if not isinstance(submission_id, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"submission_id must be str, not {type(submission_id).__name__}")
    message = _reply_message(snapshot, submission_id)
    if message is None:
        return Reply("", submission_id=submission_id, uid=uid)
    texts: list[str] = []
    data: dict[str, list[Any]] = {}
    for part in message.parts:
        if isinstance(part, TextPart):
            texts.append(part.text)
        elif isinstance(part, DataPart):
            data.setdefault(part.name, []).append(part.data)
    return Reply("\n\n".join(texts), data, message.metadata, submission_id, uid)


def _reply_message(
    snapshot: ConversationSnapshot | ConversationState, submission_id: str
) -> ConversationMessage | None:
    answers = {message.submission_id: message for message in snapshot.messages if message.role == "assistant"}
    own = answers.get(submission_id)
    if own is not None:
        return own
    settlement = _settlement(snapshot, submission_id)
    host = None if settlement is None else settlement.answered_by_submission_id
    if host is not None and host in answers:
        return answers[host]
    return next((message for message in reversed(snapshot.messages) if message.role == "assistant"), None)


def _settlement(
    snapshot: ConversationSnapshot | ConversationState, submission_id: str
) -> ConversationSettlement | None:
    return next((entry for entry in snapshot.settlements if entry.submission_id == submission_id), None)


# The reducer.


def chunk_position(chunk: ConversationStreamItem) -> Position | None:
    """Where the chunk stands; None for a checkpoint, and for an unknown chunk that does not say."""
    kind = chunk.__class__
    if kind is StreamCheckpointChunk:
        return None
    if kind is UnknownChunk:
        position = _object(cast("UnknownChunk", chunk).raw.get("position"))
        batch, index = position.get("batch"), position.get("index")
        return (batch, index) if type(batch) is int and type(index) is int else None
    # Every other class of the union has one.
    at = cast("MessageDeltaChunk", chunk).position
    return at.batch, at.index


class _Text:
    """A text or reasoning part that is still growing."""

    __slots__ = ("_part", "_pieces", "kind")

    def __init__(self, part: TextPart | ReasoningPart) -> None:
        self.kind = part.__class__
        self._part = part
        self._pieces = [part.text]

    def append(self, text: str) -> None:
        self._pieces.append(text)

    def to_part(self, state: Literal["streaming", "done"]) -> TextPart | ReasoningPart:
        if len(self._pieces) > 1 or self._part.state != state:
            self._pieces = ["".join(self._pieces)]
            self._part = attrs.evolve(self._part, text=self._pieces[0], state=state)
        return self._part


class _Draft:
    """A message that changes.

    Attributes:
        metadata: Of the message.
        parts: Its parts. Where text still grows, what stands here is out of date.
    """

    __slots__ = ("_data", "_growing", "_message", "metadata", "parts")

    def __init__(self, message: ConversationMessage) -> None:
        self._message = message
        self.metadata = message.metadata
        self.parts: list[Any] = list(message.parts)
        self._growing: dict[int, _Text] = {}
        self._data: dict[str, int] = {}
        for place, part in enumerate(message.parts):
            if _is_growing(part):
                self._growing[place] = _Text(part)
            elif isinstance(part, DataPart):
                self._data.setdefault(part.name, place)

    @property
    def grows(self) -> bool:
        """Whether some of its text does."""
        return bool(self._growing)

    def open_text(self) -> _Text | None:
        """The last part, if it is text that still grows. An older one is closed by the end of the step only."""
        return self._growing.get(len(self.parts) - 1)

    def begin_text(self, part: TextPart | ReasoningPart) -> None:
        self._growing[len(self.parts)] = _Text(part)
        self.parts.append(part)

    def close_text(self) -> None:
        text = self._growing.pop(len(self.parts) - 1, None)
        if text is not None:
            self.parts[-1] = text.to_part("done")

    def close_all(self) -> None:
        for place, text in self._growing.items():
            self.parts[place] = text.to_part("done")
        self._growing.clear()

    def write_data(self, part: DataPart) -> None:
        place = self._data.setdefault(part.name, len(self.parts))
        self.parts[place : place + 1] = [part]

    def to_message(self) -> ConversationMessage:
        for place, text in self._growing.items():
            self.parts[place] = text.to_part("streaming")
        self._message = attrs.evolve(self._message, parts=self.parts.copy(), metadata=self.metadata)
        return self._message


def _is_growing(part: Any) -> TypeGuard[TextPart | ReasoningPart]:
    return isinstance(part, TextPart | ReasoningPart) and part.state == "streaming"


class ConversationReducer:
    """From a snapshot and the chunks that follow it to the conversation's state.

    Attributes:
        position: Of the last chunk; None before the first.

    Example:
        >>> reducer = ConversationReducer()
        >>> reducer.state.messages
        []
    """

    def __init__(self, snapshot: ConversationSnapshot | None = None) -> None:
        """Args: snapshot: where to start; None to start from nothing, at the stream's origin."""
        self.position: Position | None = None
        self._conversation_id = ""
        self._messages: list[ConversationMessage] = []  # as of the last state
        self._index: dict[str, int] = {}
        # By index in `_messages`: those that have changed since the last state, and for a while those that had before,
        # so that a message with many parts is taken apart once, not for every state in which it grows.
        self._drafts: dict[int, _Draft] = {}
        self._changed: set[int] = set()
        # Pending calls by call id: where each stands (message, part).
        self._pending: dict[str, list[tuple[int, int]]] = {}
        self._settlements: dict[str, ConversationSettlement] = {}
        self._state: ConversationState | None = None
        if snapshot is not None:
            self.load(snapshot)

    @property
    def state(self) -> ConversationState:
        """The conversation now: the same object until something changes."""
        if self._state is None:
            settlements = list(self._settlements.values())
            self._state = ConversationState(self._conversation_id, self._finished_messages(), settlements)
        return self._state

    def load(self, snapshot: ConversationSnapshot) -> bool:
        """Start again from a snapshot of `history()`: positions count from there.

        Returns:
            Whether the state is another one now.
        """
        self.position = None
        return self._replace(snapshot)

    def apply(self, chunk: ConversationStreamItem) -> bool:
        """Apply one chunk.

        Returns:
            Whether the state is another one now. A checkpoint, an unknown chunk and one that was applied already
            change nothing.
        """
        position = chunk_position(chunk)
        if position is not None:
            if self.position is not None and position <= self.position:
                return False
            self.position = position
        rule = self._rules.get(chunk.__class__)
        if rule is None or not rule(self, chunk):
            return False
        self._state = None
        return True

    def _finished_messages(self) -> list[ConversationMessage]:
        if self._changed:
            self._drafts = {index: self._drafts[index] for index in self._changed}
            for index, draft in self._drafts.items():
                self._messages[index] = draft.to_message()
            self._changed.clear()
        return self._messages.copy()

    def _draft(self, index: int) -> _Draft:
        draft = self._drafts.get(index)
        if draft is None:
            draft = self._drafts[index] = _Draft(self._messages[index])
        self._changed.add(index)
        return draft

    def _find(self, message_id: str) -> _Draft | None:
        index = self._index.get(message_id)
        return None if index is None else self._draft(index)

    def _append(self, message: ConversationMessage) -> None:
        index = len(self._messages)
        self._messages.append(message)
        self._index.setdefault(message.id, index)
        self._find_pending(index, message)

    def _find_pending(self, index: int, message: ConversationMessage) -> None:
        for place, part in enumerate(message.parts):
            if isinstance(part, DynamicToolPart) and part.state == "input-available":
                self._pending.setdefault(part.tool_call_id, []).append((index, place))

    # One method a rule.

    def _reset(self, chunk: ConversationResetChunk) -> bool:
        return self._replace(chunk.snapshot)

    def _replace(self, snapshot: ConversationSnapshot) -> bool:
        old = self._finished_messages()
        old_settlements = self._settlements
        known = {message.id: message for message in old}
        self._messages, self._index, self._pending, self._drafts = [], {}, {}, {}
        for message in snapshot.messages:
            same = known.get(message.id)
            self._append(message if same is None or same != message else same)
        self._settlements = {entry.submission_id: entry for entry in snapshot.settlements}
        changed = (
            self._conversation_id != snapshot.conversation_id
            or len(old) != len(self._messages)
            or any(new is not before for new, before in zip(self._messages, old, strict=True))
            or list(old_settlements.values()) != list(self._settlements.values())
        )
        self._conversation_id = snapshot.conversation_id
        if changed:
            self._state = None
        return changed

    def _appended(self, chunk: MessageAppendedChunk) -> bool:
        message = chunk.message
        index = self._index.get(message.id)
        if index is None:
            self._append(message)
            return True
        self._drafts.pop(index, None)
        self._changed.discard(index)
        self._messages[index] = message
        for places in self._pending.values():
            places[:] = [place for place in places if place[0] != index]
        self._find_pending(index, message)
        return True

    def _started(self, chunk: MessageStartedChunk) -> bool:
        if chunk.message_id in self._index:  # another step of a response that is known
            return False
        self._append(
            ConversationMessage(
                id=chunk.message_id,
                role="assistant",
                purpose="assistant",
                display="visible",
                parts=[],
                submission_id=chunk.submission_id,
                turn_id=chunk.turn_id,
                metadata=chunk.metadata,
            )
        )
        return True

    def _metadata(self, chunk: MessageMetadataChunk) -> bool:
        draft = self._find(chunk.message_id)
        if draft is None:
            return False
        draft.metadata = merge_metadata(draft.metadata, chunk.metadata)
        return True

    def _data_part(self, chunk: DataPartChunk) -> bool:
        draft = self._find(chunk.message_id)
        if draft is None:
            return False
        draft.write_data(DataPart(name=chunk.name, data=chunk.data))
        return True

    def _delta(self, chunk: MessageDeltaChunk) -> bool:
        draft = self._find(chunk.message_id)
        if draft is None:
            return False
        kind = _TEXT_PARTS[chunk.kind]
        text = draft.open_text()
        if text is not None and text.kind is kind:
            text.append(chunk.delta)
        else:
            draft.close_text()
            draft.begin_text(kind(text=chunk.delta, state="streaming"))
        return True

    def _tool_input(self, chunk: ToolInputChunk) -> bool:
        index = self._index.get(chunk.message_id)
        if index is None:
            return False
        if any(message == index for message, _ in self._pending.get(chunk.tool_call_id, ())):
            return False
        draft = self._draft(index)
        draft.close_text()
        self._pending.setdefault(chunk.tool_call_id, []).append((index, len(draft.parts)))
        draft.parts.append(
            DynamicToolPart(
                tool_name=chunk.tool_name,
                tool_call_id=chunk.tool_call_id,
                state="input-available",
                input=chunk.input,
            )
        )
        return True

    def _tool_output(self, chunk: ToolOutputChunk) -> bool:
        outcome = {"state": "output-available", "output": chunk.output}
        if chunk.output is None:  # an output of null: the attribute alone cannot tell it from none
            outcome["wire_extra"] = {"output": None}
        return self._tool_ended(chunk, **outcome)

    def _tool_error(self, chunk: ToolOutputErrorChunk) -> bool:
        return self._tool_ended(chunk, state="output-error", error_text=chunk.error_text)

    def _tool_ended(self, chunk: ToolOutputChunk | ToolOutputErrorChunk, **outcome: Any) -> bool:
        pending = self._pending.get(chunk.tool_call_id)
        if not pending:
            return False
        newest = max(pending)
        pending.remove(newest)
        if not pending:
            del self._pending[chunk.tool_call_id]
        index, place = newest
        parts = self._draft(index).parts
        parts[place] = attrs.evolve(parts[place], duration_ms=chunk.duration_ms, **outcome)
        return True

    def _completed(self, chunk: MessageCompletedChunk) -> bool:
        index = self._index.get(chunk.message_id)
        if index is None:
            return False
        draft = self._drafts.get(index)
        if not (any(map(_is_growing, self._messages[index].parts)) if draft is None else draft.grows):
            return False
        self._draft(index).close_all()
        return True

    def _settled(self, chunk: SubmissionSettledChunk) -> bool:
        self._settlements[chunk.submission_id] = ConversationSettlement(
            submission_id=chunk.submission_id,
            outcome=chunk.outcome,
            error=chunk.error,
            answered_by_submission_id=chunk.answered_by_submission_id,
        )
        return True

    _rules: ClassVar[dict[type[Any], Callable[[Any, Any], bool]]] = {
        ConversationResetChunk: _reset,
        MessageAppendedChunk: _appended,
        MessageStartedChunk: _started,
        MessageMetadataChunk: _metadata,
        DataPartChunk: _data_part,
        MessageDeltaChunk: _delta,
        ToolInputChunk: _tool_input,
        ToolOutputChunk: _tool_output,
        ToolOutputErrorChunk: _tool_error,
        MessageCompletedChunk: _completed,
        SubmissionSettledChunk: _settled,
    }


def merge_metadata(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> dict[str, Any]:
    """Merge metadata deeply: the later value wins, only objects merge, arrays and null replace. A new dict.

    Example:
        >>> merge_metadata({"usage": {"input": 1}, "tags": [1]}, {"usage": {"output": 2}, "tags": [2]})
        {'usage': {'input': 1, 'output': 2}, 'tags': [2]}
    """
    merged = dict(old or {})
    for key, value in new.items():
        if key not in _UNSAFE_KEYS:
            merged[key] = merge_metadata(_object(merged.get(key)), _object(value)) if isinstance(value, dict) else value
    return merged


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
