"""The view of conversations for people: messages, replies that flow as they come, tools, data and outcomes.

`message_blocks` shows a message that is complete. `ReplyView` shows one that grows: `ChatView` feeds it with the chunks
of a stream, `ObservationView` with the states of an observation.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from flue import models
from flue.cli.output import (
    GrowingText,
    LogLines,
    Markdown,
    clean,
    clock,
    data_line,
    failure,
    line,
    one_line,
    paragraphs,
    status_line,
    tool_finished,
    tool_started,
    unknown_line,
    warning_line,
)

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flue.cli.output import Block, Line, Terminal
    from flue.models import ConversationChunk, ConversationMessage, ConversationPart, ConversationSettlement

_REASONING = "dim italic"
_RETRACTED = "dim strike"


# Complete messages.


def transcript_blocks(
    messages: Sequence[ConversationMessage], settlements: Sequence[ConversationSettlement]
) -> list[Block]:
    """A conversation: its messages, and below the last message of a submission that it failed or was aborted."""
    last = {message.submission_id: message.id for message in messages if message.submission_id is not None}
    ends = {last[end.submission_id]: end for end in settlements if end.submission_id in last}
    blocks: list[Block] = []
    for message in messages:
        shown = message_blocks(message)
        if message.id in ends:
            shown += outcome_lines(ends[message.id].outcome, ends[message.id].error)
        blocks += [line(), *shown] if blocks and shown else shown
    for end in settlements:
        if end.submission_id not in last:
            blocks += outcome_lines(end.outcome, end.error)
    return blocks


def message_blocks(message: ConversationMessage) -> list[Block]:
    """A message that is complete; hidden ones give an empty list."""
    if message.display == "hidden":
        return []
    if message.role == "assistant":
        return [block for part in message.parts for block in _part_blocks(part)]
    blocks: list[Block] = []
    for part in message.parts:
        if isinstance(part, models.TextPart) and message.role == "user":
            blocks += paragraphs(part.text, mark=("» ", "cyan"), style="cyan")
        elif isinstance(part, models.TextPart):
            tag = None if message.signal is None else message.signal.tag_name
            title = f"{one_line(tag)}: " if tag else ""
            blocks += paragraphs(f"{title}{part.text}", mark=("· ", "dim"), style="dim")
        else:
            blocks += _part_blocks(part)
    return blocks


def outcome_lines(outcome: str, error: Any) -> list[Line]:
    """How a submission ended, unless it completed."""
    if outcome == "completed":
        return []
    if outcome == "aborted":
        return [line(("aborted", "bold yellow"), mark=("■ ", "bold yellow"))]
    text = f"  {failure(error)}" if error is not None else ""
    return [line((one_line(outcome), "bold red"), (text, "red"), mark=("✗ ", "bold red"))]


def _part_blocks(part: ConversationPart) -> list[Block]:
    match part:
        case models.TextPart():
            text = clean(part.text)
            return [Markdown(text)] if text.strip() else []
        case models.ReasoningPart():
            return [*paragraphs(part.text.strip("\n"), style=_REASONING)] if part.text.strip() else []
        case models.FilePart():
            size = "" if part.size is None else f", {part.size:,} bytes"
            name = one_line(part.filename or part.id or "file")
            return [line((name, ""), (f"  {one_line(part.media_type)}{size}", "dim"), mark=("· ", "dim"))]
        case models.DynamicToolPart():
            return [_tool_line(part)]
        case models.DataPart():
            return [data_line(part.name, part.data)]
        case models.UnknownPart():
            return [unknown_line(part.wire_type or "part", part.problem)]


def _tool_line(part: models.DynamicToolPart) -> Line:
    if part.state == "input-available":
        return tool_started(part.tool_name, part.input)
    failed = part.state == "output-error"
    return tool_finished(part.tool_name, part.duration_ms, part.error_text if failed else part.output, failed=failed)


# A message that grows.


@attrs.define
class _Tool:
    """A tool call on the terminal."""

    id: str
    name: str
    started_at: float
    finished: bool = False


_Part: TypeAlias = tuple[str, str, Any]
"""What tells whether parts are the same: the kind with the text or the id of the call; and the call itself."""


class ReplyView:
    """Shows a message of an assistant while it grows.

    On a live terminal the part in the making is drawn in the footer, and written once it is complete, as Markdown.
    Elsewhere its lines are written as they become complete.

    Args:
        terminal: Where to.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._parts: list[tuple[str, GrowingText | _Tool]] = []
        self._open: GrowingText | None = None
        self._data: dict[str, Any] = {}
        self._unwritten_data: dict[str, Any] = {}

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show so far."""
        return not self._parts and not self._data

    def delta(self, kind: str, text: str) -> None:
        """Append a piece of text or reasoning."""
        if self._open is None or self._parts[-1][0] != kind:
            self._close_part()
            style = _REASONING if kind == "reasoning" else ""
            self._open = GrowingText(self._terminal, style, whole=True)
            self._parts.append((kind, self._open))
        self._open.received += text
        self._open.flow()

    def tool_started(self, call_id: str, name: str, input_: Any) -> _Tool:
        """A tool is called."""
        self._close_part()
        tool = _Tool(call_id, name, time.monotonic())
        self._parts.append(("tool", tool))
        self._terminal.write(tool_started(name, input_))
        return tool

    def tool_finished(self, call_id: str, milliseconds: float | None, output: Any, *, failed: bool) -> None:
        """A tool call has ended: the latest of this id that is running, since a provider may use an id twice."""
        self._close_part()
        tool = next((tool for tool in self._running() if tool.id == call_id), _Tool(call_id, "tool", 0.0))
        tool.finished = True
        self._terminal.write(tool_finished(tool.name, milliseconds, output, failed=failed))

    def data(self, name: str, value: Any) -> None:
        """Set named data. Its last value is written behind the text."""
        self._data[name] = self._unwritten_data[name] = value

    def replace(self, parts: Sequence[ConversationPart]) -> None:
        """These are the parts now: show what is new, and mark as retracted what is no longer among them."""
        wanted: list[_Part] = []
        for part in parts:
            if isinstance(part, models.DynamicToolPart):
                wanted.append(("tool", part.tool_call_id, part))
            elif isinstance(part, models.TextPart | models.ReasoningPart):
                wanted.append((part.type, part.text, None))
        wanted = _joined(wanted)
        shown = self._shown()
        if not _is_prefix(shown, wanted):
            self._retract()
            shown = []
        for index, (kind, value, part) in enumerate(wanted):
            known = shown[index] if index < len(shown) else None
            if part is None:
                rest = value[0 if known is None else len(known[1]) :]
                if rest:
                    self.delta(kind, rest)
                continue
            tool = self.tool_started(value, part.tool_name, part.input) if known is None else known[2]
            if part.state != "input-available" and not tool.finished:
                self._close_part()
                tool.finished = True
                self._terminal.write(_tool_line(part))
        for part in parts:
            if isinstance(part, models.DataPart) and self._data.get(part.name, self) != part.data:
                self.data(part.name, part.data)

    def close(self) -> None:
        """The message, or a step of it, is complete: write what is in the making."""
        self._close_part()
        data, self._unwritten_data = self._unwritten_data, {}
        self._terminal.write(*(data_line(name, value) for name, value in data.items()))

    def footer(self) -> list[Block]:
        """What is in the making. May be called from another thread."""
        data: list[Block] = [data_line(name, value) for name, value in list(self._unwritten_data.items())]
        part = self._open
        return data if part is None else data + part.footer()

    def activity(self) -> str:
        """What is going on, for a status line. May be called from another thread."""
        tool = next(self._running(), None)
        if tool is not None:
            return f"{one_line(tool.name)} {clock(time.monotonic() - tool.started_at)}"
        return "" if self._open is not None else "waiting for the model"

    def _running(self) -> Iterator[_Tool]:
        """The tool calls that are running, the latest first."""
        return (part for _, part in reversed(list(self._parts)) if isinstance(part, _Tool) and not part.finished)

    def _shown(self) -> list[_Part]:
        return _joined(
            (kind, part.id, part) if isinstance(part, _Tool) else (kind, part.received, None)
            for kind, part in self._parts
        )

    def _close_part(self) -> None:
        part, self._open = self._open, None
        if part is not None:
            part.end()

    def _retract(self) -> None:
        """Mark everything shown as retracted."""
        part, self._open = self._open, None
        if part is not None:  # on a live terminal it is in the footer only so far
            part.end(_RETRACTED if self._terminal.is_live else "")
        taken = "the server took back this reply; it starts again"
        self._terminal.write(line((taken, "yellow"), mark=("↻ ", "yellow")))
        self._parts.clear()
        self._data.clear()
        self._unwritten_data.clear()


def _joined(parts: Iterable[_Part]) -> list[_Part]:
    """Parts that are not empty, adjacent ones of one kind of text as one.

    Live such ones arrive as one part, in a snapshot they are several.
    """
    joined: list[_Part] = []
    for kind, value, call in parts:
        if call is None and joined and joined[-1][0] == kind:
            joined[-1] = (kind, joined[-1][1] + value, None)
        elif call is not None or value:
            joined.append((kind, value, call))
    return joined


def _is_prefix(shown: list[_Part], wanted: list[_Part]) -> bool:
    """Whether what is wanted begins with what is shown; the last text that is shown may grow."""
    pairs = list(zip(shown, wanted, strict=False))
    same = [one[:2] == other[:2] for one, other in pairs]
    if pairs and not same[-1]:
        (kind, value, call), (wanted_kind, wanted_value, _) = pairs[-1]
        same[-1] = kind == wanted_kind and call is None and wanted_value.startswith(value)
    return len(shown) <= len(wanted) and all(same)


# Streams and observations.


class _View(LogLines):
    """What the views of streams and of observations have in common.

    Args:
        terminal: Where to.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def warning(self, record: logging.LogRecord) -> None:
        """Show what the library logs, such as a failed attempt."""
        self._terminal.write(warning_line(record))


class ChatView(_View):
    """Shows the chunks of one submission after another.

    Args:
        terminal: Where to.

    Attributes:
        outcome: How the submission that is followed ended; None while it has not.
    """

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(terminal)
        self.outcome: str | None = None
        self._reply = ReplyView(terminal)
        self._message_id: str | None = None
        self._submission_id = ""
        self._position = (-1, -1)

    def follow(self, submission_id: str, hint: str) -> None:
        """Show a status line from now on, until `close`.

        Args:
            submission_id: That the next chunks are about.
            hint: What Ctrl-C does.
        """
        self.outcome = None
        self._submission_id = submission_id
        self._reply, self._message_id = ReplyView(self._terminal), None
        started_at = time.monotonic()

        def footer() -> list[Block]:
            activity = self._reply.activity()
            spans = [(f"  {activity}", "")] if activity else []
            status = status_line(time.monotonic() - started_at, *spans, hint=hint)
            return [*self._reply.footer(), status]

        self._terminal.start(footer)

    @property
    def has_reply(self) -> bool:
        """Whether something of a reply was shown."""
        return not self._reply.is_empty

    def chunk(self, chunk: ConversationChunk) -> None:
        """Show a chunk. One that was shown before, because its batch was read again, is ignored."""
        if isinstance(chunk, models.UnknownChunk):
            self._terminal.write(unknown_line(chunk.wire_type or "chunk", chunk.problem))
            return
        position = (chunk.position.batch, chunk.position.index)
        if position <= self._position:
            return
        self._position = position
        match chunk:
            case models.MessageStartedChunk():
                self._switch(chunk.message_id)
            case models.MessageDeltaChunk():
                self._switch(chunk.message_id).delta(chunk.kind, chunk.delta)
            case models.DataPartChunk():
                self._switch(chunk.message_id).data(chunk.name, chunk.data)
            case models.ToolInputChunk():
                self._switch(chunk.message_id).tool_started(chunk.tool_call_id, chunk.tool_name, chunk.input)
            case models.ToolOutputChunk():
                self._reply.tool_finished(chunk.tool_call_id, chunk.duration_ms, chunk.output, failed=False)
            case models.ToolOutputErrorChunk():
                self._reply.tool_finished(chunk.tool_call_id, chunk.duration_ms, chunk.error_text, failed=True)
            case models.MessageCompletedChunk():
                self._reply.close()
            case models.MessageAppendedChunk():
                if chunk.message.role != "user" or chunk.message.submission_id != self._submission_id:
                    self._reply.close()
                    self._terminal.write(*message_blocks(chunk.message))
            case models.ConversationResetChunk():
                self._reset(chunk)
            case models.SubmissionSettledChunk():
                self._settled(chunk)
            case _:
                pass

    def close(self) -> None:
        """Write what is in the making and remove the status line. Idempotent."""
        self._reply.close()
        self._terminal.close()

    def _switch(self, message_id: str) -> ReplyView:
        """What follows belongs to this message."""
        if message_id != self._message_id:
            self._reply.close()
            self._reply, self._message_id = ReplyView(self._terminal), message_id
        return self._reply

    def _reset(self, chunk: models.ConversationResetChunk) -> None:
        for message in reversed(chunk.snapshot.messages):
            known = message.id == self._message_id
            own = message.role == "assistant" and message.submission_id == self._submission_id
            if known or (own and self._message_id is None):
                self._switch(message.id).replace(message.parts)
                break
        else:
            self._reply.replace([])
        for end in chunk.snapshot.settlements:
            self._settled(end)

    def _settled(self, end: models.SubmissionSettledChunk | ConversationSettlement) -> None:
        if end.submission_id == self._submission_id and self.outcome is None:
            self.outcome = end.outcome
            self._reply.close()
            self._terminal.write(*outcome_lines(end.outcome, end.error))


class ObservationView(_View):
    """Shows the states of an observation: what is new in each.

    Args:
        terminal: Where to.
    """

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(terminal)
        self._replies: dict[str, ReplyView] = {}
        self._messages: dict[str, ConversationMessage] = {}
        self._settlements: set[str] = set()
        self._current: str | None = None

    def start(self, phase: Callable[[], str]) -> None:
        """Show a status line from now on, until `close`.

        Args:
            phase: Returns that of the observation; called from another thread.
        """

        def footer() -> list[Block]:
            blocks = [block for reply in list(self._replies.values()) for block in reply.footer()]
            return [*blocks, line((one_line(phase()), "cyan"), ("  Ctrl-C leaves", "dim"))]

        self._terminal.start(footer)

    def state(self, messages: Sequence[ConversationMessage], settlements: Sequence[ConversationSettlement]) -> None:
        """Show what a state adds to the last one."""
        for message in messages:
            if self._messages.get(message.id) == message:
                continue
            self._messages[message.id] = message
            if self._current not in {None, message.id}:
                self._terminal.write(line())
            self._current = message.id
            if message.role == "assistant":
                self._grow(message)
            else:
                self._terminal.write(*message_blocks(message))
        for end in settlements:
            if end.submission_id not in self._settlements:
                self._settlements.add(end.submission_id)
                self._terminal.write(*outcome_lines(end.outcome, end.error))

    def close(self) -> None:
        """Write what is in the making and remove the status line. Idempotent."""
        for reply in self._replies.values():
            reply.close()
        self._terminal.close()

    def _grow(self, message: ConversationMessage) -> None:
        reply = self._replies.setdefault(message.id, ReplyView(self._terminal))
        reply.replace(message.parts)
        texts = [part for part in message.parts if isinstance(part, models.TextPart | models.ReasoningPart)]
        if all(part.state != "streaming" for part in texts):
            reply.close()
