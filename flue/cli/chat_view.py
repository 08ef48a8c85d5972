"""The view of conversations for people: messages, replies that flow as they come, tools, data and outcomes.

`message_blocks` shows a message that is complete. `ReplyView` shows one that grows: `ChatView` feeds it with the chunks
of a stream, `ObservationView` with the states of an observation.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import attrs

from flue.cli.text import (
    Markdown,
    clean,
    clock,
    compact,
    failure,
    line,
    one_line,
    paragraphs,
    tool_finished,
    tool_started,
)
from flue.models import (
    ConversationResetChunk,
    DataPart,
    DataPartChunk,
    DynamicToolPart,
    FilePart,
    MessageAppendedChunk,
    MessageCompletedChunk,
    MessageDeltaChunk,
    MessageStartedChunk,
    ReasoningPart,
    SubmissionSettledChunk,
    TextPart,
    ToolInputChunk,
    ToolOutputChunk,
    ToolOutputErrorChunk,
    UnknownChunk,
    UnknownPart,
)

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Iterator, Sequence

    from flue.cli.terminal import Terminal
    from flue.cli.text import Block, Line
    from flue.models import (
        ConversationChunk,
        ConversationMessage,
        ConversationPart,
        ConversationSettlement,
    )

__all__ = ["ChatView", "ObservationView", "ReplyView", "message_blocks", "outcome_lines", "transcript_blocks"]

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
        if isinstance(part, TextPart) and message.role == "user":
            blocks += paragraphs(part.text, mark=("» ", "cyan"), style="cyan")
        elif isinstance(part, TextPart):
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
        case TextPart():
            text = clean(part.text)
            return [Markdown(text)] if text.strip() else []
        case ReasoningPart():
            return [*paragraphs(part.text.strip("\n"), style=_REASONING)] if part.text.strip() else []
        case FilePart():
            size = "" if part.size is None else f", {part.size:,} bytes"
            name = one_line(part.filename or part.id or "file")
            return [line((name, ""), (f"  {one_line(part.media_type)}{size}", "dim"), mark=("· ", "dim"))]
        case DynamicToolPart():
            return [_tool_line(part)]
        case DataPart():
            return [_data_line(part.name, part.data)]
        case UnknownPart():
            return [_unknown_line(part.wire_type or "part", part.problem)]


def _tool_line(part: DynamicToolPart) -> Line:
    if part.state == "input-available":
        return tool_started(part.tool_name, part.input)
    failed = part.state == "output-error"
    return tool_finished(part.tool_name, part.duration_ms, part.error_text if failed else part.output, failed=failed)


def _data_line(name: str, data: Any) -> Line:
    return line((one_line(name), "bold"), (f"  {compact(data)}", ""), mark=("· ", "dim"), clip=True)


def _unknown_line(name: str, problem: str) -> Line:
    return line((f"{one_line(name)}: {one_line(problem)}", "dim"), mark=("? ", "yellow"))


# A message that grows.


@attrs.define
class _Text:
    """Text or reasoning on the terminal.

    Attributes:
        kind: `text` or `reasoning`.
        text: all of it, not cleaned.
        written: lines that are written where there is no footer.
    """

    kind: str
    text: str = ""
    written: int = 0


@attrs.define
class _Tool:
    """A tool call on the terminal."""

    id: str
    name: str
    started_at: float
    finished: bool = False


class ReplyView:
    """Shows a message of an assistant while it grows.

    On a live terminal the part in the making is drawn in the footer, and written once it is complete, as Markdown.
    Elsewhere its lines are written as they become complete.

    Args:
        terminal: where to.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._parts: list[_Text | _Tool] = []
        self._open: _Text | None = None
        self._data: dict[str, Any] = {}
        self._unwritten_data: dict[str, Any] = {}

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show so far."""
        return not self._parts and not self._data

    def delta(self, kind: str, text: str) -> None:
        """Append a piece of text or reasoning."""
        if self._open is None or self._open.kind != kind:
            self._close_part()
            self._open = _Text(kind)
            self._parts.append(self._open)
        self._open.text += text
        if not self._terminal.is_live:
            self._write_lines(self._open, clean(self._open.text).split("\n")[:-1])

    def tool_started(self, call_id: str, name: str, input_: Any) -> None:
        """A tool is called."""
        self._close_part()
        self._parts.append(_Tool(call_id, name, time.monotonic()))
        self._terminal.write(tool_started(name, input_))

    def tool_finished(self, call_id: str, milliseconds: float | None, output: Any, *, failed: bool) -> None:
        """A tool call has ended: the latest of this id that is running, since a provider may use an id twice."""
        self._close_part()
        tool = next((tool for tool in self._running() if tool.id == call_id), _Tool(call_id, "tool", 0.0))
        self._finish(tool, milliseconds, output, failed=failed)

    def data(self, name: str, value: Any) -> None:
        """Set named data. On a live terminal only its last value stays."""
        self._data[name] = value
        if self._terminal.is_live:
            self._unwritten_data[name] = value
        else:
            self._terminal.write(_data_line(name, value))

    def replace(self, parts: Sequence[ConversationPart]) -> None:
        """These are the parts now: show what is new, and mark as retracted what is no longer among them."""
        if not _is_prefix(_keys(self._parts), _keys(parts)):
            self._retract()
        shown = _keys(self._parts)  # what need not be shown again
        tools = iter([part for part in self._parts if isinstance(part, _Tool)])
        for part in parts:
            if isinstance(part, TextPart | ReasoningPart):
                text = part.text
                if shown and shown[0][0] == part.type:
                    text = text[len(shown[0][1]) :]
                    shown[0] = (part.type, shown[0][1][len(part.text) :])
                    if not shown[0][1]:
                        del shown[0]
                if text:
                    self.delta(part.type, text)
            elif isinstance(part, DynamicToolPart):
                if shown:
                    del shown[0]
                    tool = next(tools)
                else:
                    self.tool_started(part.tool_call_id, part.tool_name, part.input)
                    tool = next(self._running())
                if part.state != "input-available" and not tool.finished:
                    self._close_part()
                    failed = part.state == "output-error"
                    self._finish(tool, part.duration_ms, part.error_text if failed else part.output, failed=failed)
            elif isinstance(part, DataPart) and self._data.get(part.name, self) != part.data:
                self.data(part.name, part.data)

    def close(self) -> None:
        """The message, or a step of it, is complete: write what is in the making."""
        self._close_part()
        data, self._unwritten_data = self._unwritten_data, {}
        self._terminal.write(*(_data_line(name, value) for name, value in data.items()))

    def footer(self) -> list[Block]:
        """What is in the making. May be called from another thread."""
        blocks: list[Block] = [_data_line(name, value) for name, value in list(self._unwritten_data.items())]
        part = self._open
        if part is not None:
            style = _REASONING if part.kind == "reasoning" else ""
            blocks += [line((text, style)) for text in clean(part.text).split("\n")]
        return blocks

    def activity(self) -> str:
        """What is going on, for a status line. May be called from another thread."""
        tool = next(self._running(), None)
        if tool is not None:
            return f"{one_line(tool.name)} {clock(time.monotonic() - tool.started_at)}"
        return "" if self._open is not None else "waiting for the model"

    def _running(self) -> Iterator[_Tool]:
        """The tool calls that are running, the latest first."""
        return (part for part in reversed(list(self._parts)) if isinstance(part, _Tool) and not part.finished)

    def _finish(self, tool: _Tool, milliseconds: float | None, output: Any, *, failed: bool) -> None:
        tool.finished = True
        self._terminal.write(tool_finished(tool.name, milliseconds, output, failed=failed))

    def _close_part(self) -> None:
        part, self._open = self._open, None
        if part is None:
            return
        text = clean(part.text).strip("\n") if self._terminal.is_live else clean(part.text).rstrip("\n")
        if not text.strip():
            return
        if not self._terminal.is_live:
            self._write_lines(part, text.split("\n"))
        elif part.kind == "text":
            self._terminal.write(Markdown(text))
        else:
            self._terminal.write(*paragraphs(text, style=_REASONING))

    def _write_lines(self, part: _Text, lines: list[str]) -> None:
        style = _REASONING if part.kind == "reasoning" else ""
        self._terminal.write(*(line((text, style)) for text in lines[part.written :]))
        part.written = max(len(lines), part.written)

    def _retract(self) -> None:
        """Mark everything shown as retracted."""
        if self._open is not None and self._terminal.is_live:  # so far it is in the footer only
            part, self._open = self._open, None
            self._terminal.write(*paragraphs(part.text.strip(), style=_RETRACTED))
        self._close_part()
        self._terminal.write(
            line(("the server took back this reply; it starts again", "yellow"), mark=("↻ ", "yellow"))
        )
        self._parts.clear()
        self._data.clear()
        self._unwritten_data.clear()


def _keys(parts: Iterable[object]) -> list[tuple[str, str]]:
    """What tells whether parts are the same: kinds with their text or the id of the call.

    Adjacent blocks of one kind are joined: live they arrive as one part, in a snapshot they are several.
    """
    keys: list[tuple[str, str]] = []
    for part in parts:
        match part:
            case _Text():
                kind, value = part.kind, part.text
            case TextPart() | ReasoningPart():
                kind, value = part.type, part.text
            case _Tool():
                kind, value = "tool", part.id
            case DynamicToolPart():
                kind, value = "tool", part.tool_call_id
            case _:
                continue
        if kind != "tool" and keys and keys[-1][0] == kind:
            keys[-1] = (kind, keys[-1][1] + value)
        elif kind == "tool" or value:
            keys.append((kind, value))
    return keys


def _is_prefix(shown: list[tuple[str, str]], wanted: list[tuple[str, str]]) -> bool:
    if len(shown) > len(wanted):
        return False
    *before, (kind, value) = shown or [("", "")]
    if not shown:
        return True
    target_kind, target = wanted[len(before)]
    same = target.startswith(value) if kind != "tool" else target == value
    return before == wanted[: len(before)] and kind == target_kind and same


# Streams and observations.


class ChatView:
    """Shows the chunks of one submission after another.

    Args:
        terminal: where to.

    Attributes:
        outcome: how the submission that is followed ended; None while it has not.
    """

    def __init__(self, terminal: Terminal) -> None:
        self.outcome: str | None = None
        self._terminal = terminal
        self._reply = ReplyView(terminal)
        self._message_id: str | None = None
        self._submission_id = ""
        self._position = (-1, -1)
        self._started_at = 0.0
        self._hint = ""
        self._frames = itertools.cycle("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

    def follow(self, submission_id: str, hint: str) -> None:
        """Show a status line from now on, until `close`.

        Args:
            submission_id: that the next chunks are about.
            hint: what Ctrl-C does.
        """
        self.outcome = None
        self._submission_id = submission_id
        self._hint = hint
        self._reply, self._message_id = ReplyView(self._terminal), None
        self._started_at = time.monotonic()
        self._terminal.start(lambda: [*self._reply.footer(), self._status()])

    @property
    def has_reply(self) -> bool:
        """Whether something of a reply was shown."""
        return not self._reply.is_empty

    def chunk(self, chunk: ConversationChunk) -> None:
        """Show a chunk. One that was shown before, because its batch was read again, is ignored."""
        if isinstance(chunk, UnknownChunk):
            self._terminal.write(_unknown_line(chunk.wire_type or "chunk", chunk.problem))
            return
        position = (chunk.position.batch, chunk.position.index)
        if position <= self._position:
            return
        self._position = position
        match chunk:
            case MessageStartedChunk() | MessageDeltaChunk() | DataPartChunk() | ToolInputChunk():
                self._switch(chunk.message_id)
                self._grow(chunk)
            case ToolOutputChunk():
                self._reply.tool_finished(chunk.tool_call_id, chunk.duration_ms, chunk.output, failed=False)
            case ToolOutputErrorChunk():
                self._reply.tool_finished(chunk.tool_call_id, chunk.duration_ms, chunk.error_text, failed=True)
            case MessageCompletedChunk():
                self._reply.close()
            case MessageAppendedChunk():
                if chunk.message.role != "user" or chunk.message.submission_id != self._submission_id:
                    self._reply.close()
                    self._terminal.write(*message_blocks(chunk.message))
            case ConversationResetChunk():
                self._reset(chunk)
            case SubmissionSettledChunk():
                self._settled(chunk.submission_id, chunk.outcome, chunk.error)
            case _:
                pass

    def close(self) -> None:
        """Write what is in the making and remove the status line. Idempotent."""
        self._reply.close()
        self._terminal.close()

    def warning(self, record: logging.LogRecord) -> None:
        """Show what the library logs, such as a failed attempt."""
        self._terminal.write(line((one_line(record.getMessage()), "yellow"), mark=("! ", "yellow")))

    def _grow(self, chunk: MessageStartedChunk | MessageDeltaChunk | DataPartChunk | ToolInputChunk) -> None:
        match chunk:
            case MessageDeltaChunk():
                self._reply.delta(chunk.kind, chunk.delta)
            case DataPartChunk():
                self._reply.data(chunk.name, chunk.data)
            case ToolInputChunk():
                self._reply.tool_started(chunk.tool_call_id, chunk.tool_name, chunk.input)
            case MessageStartedChunk():
                pass

    def _switch(self, message_id: str) -> None:
        """What follows belongs to this message."""
        if message_id != self._message_id:
            self._reply.close()
            self._reply, self._message_id = ReplyView(self._terminal), message_id

    def _reset(self, chunk: ConversationResetChunk) -> None:
        for message in reversed(chunk.snapshot.messages):
            known = message.id == self._message_id
            own = message.role == "assistant" and message.submission_id == self._submission_id
            if known or (own and self._message_id is None):
                self._switch(message.id)
                self._reply.replace(message.parts)
                break
        else:
            self._reply.replace([])
        for end in chunk.snapshot.settlements:
            self._settled(end.submission_id, end.outcome, end.error)

    def _settled(self, submission_id: str, outcome: str, error: Any) -> None:
        if submission_id == self._submission_id and self.outcome is None:
            self.outcome = outcome
            self._reply.close()
            self._terminal.write(*outcome_lines(outcome, error))

    def _status(self) -> Line:
        elapsed = f"{next(self._frames)} {clock(time.monotonic() - self._started_at)}"
        activity = self._reply.activity()
        return line((elapsed, "cyan"), (f"  {activity}" if activity else "", ""), (f"  {self._hint}", "dim"), clip=True)


class ObservationView:
    """Shows the states of an observation: what is new in each.

    Args:
        terminal: where to.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._replies: dict[str, ReplyView] = {}
        self._messages: dict[str, ConversationMessage] = {}
        self._settlements: set[str] = set()
        self._phase = "loading"
        self._current: str | None = None

    def start(self) -> None:
        """Show a status line from now on, until `close`."""
        self._terminal.start(self._footer)

    def state(self, messages: Sequence[ConversationMessage], settlements: Sequence[ConversationSettlement]) -> None:
        """Show what a state adds to the last one."""
        for message in messages:
            if self._messages.get(message.id) == message:
                continue
            if message.role == "assistant":
                self._begin(message.id)
                reply = self._replies.setdefault(message.id, ReplyView(self._terminal))
                reply.replace(message.parts)
                if not any(
                    isinstance(part, TextPart | ReasoningPart) and part.state == "streaming" for part in message.parts
                ):
                    reply.close()
            else:
                self._begin(message.id)
                self._terminal.write(*message_blocks(message))
            self._messages[message.id] = message
        for end in settlements:
            if end.submission_id not in self._settlements:
                self._settlements.add(end.submission_id)
                self._terminal.write(*outcome_lines(end.outcome, end.error))

    def phase(self, phase: str) -> None:
        """The phase of the observation, for the status line."""
        self._phase = phase

    def close(self) -> None:
        """Write what is in the making and remove the status line. Idempotent."""
        for reply in self._replies.values():
            reply.close()
        self._terminal.close()

    def warning(self, record: logging.LogRecord) -> None:
        """Show what the library logs, such as a failed attempt."""
        self._terminal.write(line((one_line(record.getMessage()), "yellow"), mark=("! ", "yellow")))

    def _begin(self, message_id: str) -> None:
        """A blank line between two messages."""
        if self._current is not None and self._current != message_id:
            self._terminal.write(line())
        self._current = message_id

    def _footer(self) -> list[Block]:
        blocks = [block for reply in list(self._replies.values()) for block in reply.footer()]
        return [*blocks, line((one_line(self._phase), "cyan"), ("  Ctrl-C leaves", "dim"))]
