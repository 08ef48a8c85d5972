"""The view of runs for people: a tree that grows, text as it is written, and a status line below."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, TypeAlias

import attrs

from flue.cli.text import (
    arguments,
    clean,
    clock,
    compact,
    count,
    duration,
    failure,
    line,
    message_text,
    one_line,
    paragraphs,
    pretty,
    tool_finished,
    tool_started,
)
from flue.models import (
    CompactionEvent,
    CompactionStartEvent,
    DataEvent,
    LogEvent,
    MessageEndEvent,
    OperationEvent,
    OperationStartEvent,
    RunEndEvent,
    RunRecord,
    RunResumeEvent,
    RunStartEvent,
    SubmissionSettledEvent,
    TaskEvent,
    TaskStartEvent,
    TextDeltaEvent,
    ThinkingDeltaEvent,
    ThinkingEndEvent,
    ToolEvent,
    ToolStartEvent,
    TurnEvent,
    TurnStartEvent,
    UnknownEvent,
    WorkflowWaitResult,
)

if TYPE_CHECKING:
    import logging
    from collections.abc import Sequence
    from datetime import datetime

    from flue.cli.terminal import Terminal
    from flue.cli.text import Line
    from flue.cli.timeline import Timeline
    from flue.errors import FlueExecutionError
    from flue.models import FlueEvent, PromptUsage, WorkflowInvokeResult

__all__ = ["RunTree", "RunView", "render_event"]

_LOG_STYLES = {"info": "cyan", "warn": "bold yellow", "error": "bold red"}
_THINKING = "dim italic"
_STATUSES = {"completed": ("✓", "bold green"), "errored": ("✗", "bold red")}


# The state of a run.


@attrs.define
class Totals:
    """Sums over the events of a run so far.

    Attributes:
        events: number of events.
        turns: number of model turns that have ended.
        input: tokens read by the models, cached ones not counted.
        output: tokens written by the models.
        tokens: all tokens, cached ones included.
        cost: in the currency of the provider's price list.
    """

    events: int = 0
    turns: int = 0
    input: int = 0
    output: int = 0
    tokens: int = 0
    cost: float = 0.0

    def add(self, usage: PromptUsage) -> None:
        """Add the usage of one turn. The usage on operations sums up the same tokens and is not added."""
        self.input += usage.input
        self.output += usage.output
        self.tokens += usage.total_tokens
        self.cost += usage.cost.total

    def text(self) -> str:
        """Events, turns, tokens and cost, as far as there are any."""
        if not self.turns:
            return count(self.events, "event")
        cost = f", cost {self.cost:.4f}" if self.cost else ""
        tokens = f"{count(self.tokens, 'token')} ({self.input:,} in, {self.output:,} out)"
        return f"{count(self.events, 'event')}, {count(self.turns, 'turn')}, {tokens}{cost}"


class RunTree:
    """The nesting of operations, turns, tools and tasks, kept up to date event by event.

    Attributes:
        totals: of the events so far.
    """

    def __init__(self) -> None:
        self.totals = Totals()
        self._running: dict[str, tuple[str, datetime]] = {}
        self._levels: dict[str, int] = {}
        self._turns: dict[str, int] = {}
        self._turn_count = 0
        self._tasks: dict[str, str] = {}

    def level(self, event: FlueEvent) -> int:
        """The depth of an event. Call it before `add`."""
        parent = self.parent(event)
        return 0 if parent is None else self._levels[parent]

    def parent(self, event: FlueEvent) -> str | None:
        """The id of the operation, turn or task that encloses an event. Call it before `add`."""
        parents: tuple[str | None, ...]
        match event:
            case OperationStartEvent() | OperationEvent():
                parents = (event.task_id,)
            case TurnStartEvent() | TurnEvent() | CompactionStartEvent() | CompactionEvent():
                parents = (event.operation_id, event.task_id)
            case TaskStartEvent() | TaskEvent():
                parents = (event.turn_id, event.operation_id)
            case _:
                parents = (event.turn_id, event.operation_id, event.task_id)
        return next((key for key in parents if key is not None and key in self._levels), None)

    def parallel_task(self, task_id: str | None) -> str | None:
        """The title of a task if several tasks run at once, else None."""
        return self._tasks.get(task_id) if task_id is not None and len(self._tasks) > 1 else None

    def current_work(self) -> tuple[str, datetime] | None:
        """What was started last and is still running, and since when. May be called from another thread."""
        return next(reversed(list(self._running.values())), None)

    def turn_number(self, turn_id: str) -> int:
        """The number of a turn in the order of their starts, from 1."""
        return self._turns.get(turn_id, self._turn_count)

    def add(self, event: FlueEvent) -> None:
        """Record what an event starts or ends."""
        self.totals.events += 1
        match event:
            case OperationStartEvent():
                self._levels[event.operation_id] = self.level(event) + 1
            case OperationEvent():
                self._levels.pop(event.operation_id, None)
            case TurnStartEvent():
                self._turn_count += 1
                self._turns[event.turn_id] = self._turn_count
                self._levels[event.turn_id] = self.level(event) + 1
                self._running[event.turn_id] = ("waiting for the model", event.timestamp)
            case TurnEvent():
                self._levels.pop(event.turn_id, None)
                self._turns.pop(event.turn_id, None)
                self._running.pop(event.turn_id, None)
                self.totals.turns += 1
                if event.response.usage is not None:
                    self.totals.add(event.response.usage)
            case ToolStartEvent():
                self._running[event.tool_call_id] = (event.tool_name, event.timestamp)
            case ToolEvent():
                self._running.pop(event.tool_call_id, None)
            case TaskStartEvent():
                self._levels[event.task_id] = self.level(event) + 1
                self._tasks[event.task_id] = f"task {event.agent or event.task_id}"
                self._running[event.task_id] = (self._tasks[event.task_id], event.timestamp)
            case TaskEvent():
                self._levels.pop(event.task_id, None)
                self._tasks.pop(event.task_id, None)
                self._running.pop(event.task_id, None)
            case _:
                pass


class Status:
    """The status line: elapsed time by the server's clock, events, reconnects, and what is running.

    Args:
        tree: of the run.

    Attributes:
        started_at: when the run started, or the time of the first event seen; None before that.
        reconnects: how often the connection was lost.
    """

    def __init__(self, tree: RunTree) -> None:
        self.started_at: datetime | None = None
        self.reconnects = 0
        self._tree = tree
        self._problem = ""
        self._frames = itertools.cycle("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
        self._opened_at = time.monotonic()
        self._latest: tuple[datetime, float] | None = None

    def event_received(self, timestamp: datetime | None) -> None:
        """An event has arrived: the connection works."""
        self._problem = ""
        if timestamp is not None:
            self._latest = (timestamp, time.monotonic())
            self.started_at = self.started_at or timestamp

    def attempt_failed(self, record: logging.LogRecord) -> bool:
        """Record a warning of the library. Returns whether it is worth a line: the first failed attempt in a row is."""
        attempt: int | None = getattr(record, "flue_attempt", None)
        if attempt is None:
            return True
        self._problem = f"attempt {attempt} failed, next in {getattr(record, 'flue_delay', 0.0):.1f} s"
        if attempt == 1 and self._tree.totals.events:
            self.reconnects += 1
        return attempt == 1

    def line(self) -> Line:
        """The line as of now."""
        spans = [
            (f"{next(self._frames)} {clock(self._seconds_since(self.started_at))}", "cyan"),
            (f"  {count(self._tree.totals.events, 'event')}", "dim"),
        ]
        if self.reconnects:
            spans.append((f"  {count(self.reconnects, 'reconnect')}", "yellow"))
        work = self._tree.current_work()
        if self._problem:
            spans.append((f"  {self._problem}", "yellow"))
        elif work is not None:
            name, since = work
            spans.append((f"  {one_line(name)} {clock(self._seconds_since(since))}", ""))
        return line(*spans, ("  Ctrl-C leaves, the run continues", "dim"), clip=True)

    def _seconds_since(self, moment: datetime | None) -> float:
        # The server's clock need not agree with ours: only differences on one clock count.
        if self._latest is None or moment is None:
            return time.monotonic() - self._opened_at
        timestamp, arrived = self._latest
        return (timestamp - moment).total_seconds() + time.monotonic() - arrived


# Events as lines.


def render_event(event: FlueEvent, tree: RunTree) -> list[Line]:
    """The lines that an event adds to the tree, at level 0.

    Args:
        event: to be shown.
        tree: its state before the event.

    Returns:
        An empty list for events that are shown by others, or as text.
    """
    match event:
        case RunStartEvent():
            name = (one_line(event.workflow_name), "bold")
            return [
                line(name, (f"  {one_line(event.run_id)}", "dim"), mark=("▶ ", "green")),
                *([] if event.input is None else [line(("input  ", "dim"), (compact(event.input), ""), clip=True)]),
            ]
        case RunResumeEvent():
            name = (one_line(event.workflow_name), "bold")
            return [line(name, ("  resumed by the server", "yellow"), mark=("↻ ", "yellow"))]
        case LogEvent():
            return _log(event)
        case OperationStartEvent():
            return [_start(event.operation_kind)]
        case OperationEvent():
            return [_end(event.operation_kind, event.duration_ms, failed=event.is_error, error=event.error)]
        case TurnStartEvent():
            purpose = "" if event.purpose == "agent" else one_line(event.purpose)
            return [_start(f"turn {tree.turn_number(event.turn_id) + 1}", purpose)]
        case TurnEvent():
            return [_turn(event, tree)]
        case ToolStartEvent():
            return [tool_started(event.tool_name, event.args)]
        case ToolEvent():
            return [tool_finished(event.tool_name, event.duration_ms, event.result, failed=event.is_error)]
        case TaskStartEvent():
            return [_start(f"task {one_line(event.agent or '')}".rstrip(), one_line(event.prompt[:2000]))]
        case TaskEvent():
            task = f"task {one_line(event.agent or '')}".rstrip()
            return [_end(task, event.duration_ms, failed=event.is_error, error=event.result)]
        case CompactionStartEvent():
            text = f"compacting the context: {event.estimated_tokens:,.0f} tokens, {event.reason}"
            return [line((text, "dim"), mark=("· ", "dim"))]
        case CompactionEvent():
            return [_compaction(event)]
        case DataEvent():
            data = (f"  {compact(event.data)}", "")
            return [line((one_line(event.name), "bold"), data, mark=("· ", "dim"), clip=True)]
        case SubmissionSettledEvent():
            return [line((f"submission {one_line(event.submission_id)} {event.outcome}", "dim"), mark=("· ", "dim"))]
        case UnknownEvent():
            text = f"{one_line(event.wire_type or 'event')}: {one_line(event.problem)}"
            return [line((text, "dim"), mark=("? ", "yellow"))]
        case _:
            return []


def _start(name: str, detail: str = "") -> Line:
    return line((name, "bold"), (f"  {detail}" if detail else "", "dim"), mark=("┌ ", "dim"), clip=True)


def _end(name: str, milliseconds: float, *, failed: bool, error: object) -> Line:
    spans = [(name, "red" if failed else "dim"), (f"  {duration(milliseconds)}", "dim")]
    if failed:
        spans.append((f"  failed: {failure(error)}", "red"))
    return line(*spans, mark=("└ ", "dim"))


def _turn(event: TurnEvent, tree: RunTree) -> Line:
    name = f"turn {tree.turn_number(event.turn_id)}"
    if event.is_error:
        error = event.response.error
        reason = None if error is None else {"name": error.name or error.type, "message": error.message or error.type}
        return _end(name, event.duration_ms, failed=True, error=reason)
    usage = event.response.usage
    tokens = "" if usage is None else f"  {count(usage.total_tokens, 'token')}"
    model = one_line(event.response.response_model or event.request.requested_model)
    return line((f"{name}  {duration(event.duration_ms)}  {model}{tokens}", "dim"), mark=("└ ", "dim"))


def _compaction(event: CompactionEvent) -> Line:
    if event.is_error:
        return line((f"compaction failed: {failure(event.error)}", "red"), mark=("✗ ", "red"))
    change = f"{event.messages_before} messages became {event.messages_after}, {duration(event.duration_ms)}"
    return line((f"context compacted: {change}", "dim"), mark=("· ", "dim"))


def _log(event: LogEvent) -> list[Line]:
    """The message, whole, and the attributes behind it."""
    lines = paragraphs(event.message, mark=(f"{event.level:<5} ", _LOG_STYLES.get(event.level, "")))
    if event.attributes:
        last = lines[-1]
        lines[-1] = attrs.evolve(last, spans=(*last.spans, (f"  {arguments(event.attributes)}", "dim")))
    return lines


# Text that arrives in pieces.


_Source: TypeAlias = "tuple[str, str | None]"
"""Whose text it is: `text` or `thinking`, and the turn."""


@attrs.define
class _Text:
    """Text in the making.

    Attributes:
        style: of its lines.
        level: in the tree.
        task: the task that it belongs to.
        title: of that task, if several run at once.
        pieces: received so far.
        written: how many of them are on the terminal.
    """

    style: str
    level: int
    task: str | None = None
    title: str | None = None
    pieces: list[str] = attrs.field(factory=list[str])
    written: int = 0


class TextFlow:
    """Writes text as it arrives. While one turn writes, the text of others waits: parallel tasks would mix their words.

    Args:
        terminal: where the text is written.

    Attributes:
        task: whose lines or text were written last.
    """

    def __init__(self, terminal: Terminal) -> None:
        self.task: str | None = None
        self._terminal = terminal
        self._texts: dict[_Source, _Text] = {}
        self._source: _Source | None = None
        self._current = _Text("", 0)
        self._rest: str = ""
        self._held: str = ""

    def delta(self, source: _Source, piece: str, text: _Text) -> None:
        """A piece has arrived; `text` says how to show it, if its source is new."""
        text = self._texts.setdefault(source, text)
        text.pieces.append(piece)
        if self._source is None or self._source[1] == source[1]:
            self._write_pending(source, text)

    def complete(self, source: _Source, whole: str, text: _Text) -> None:
        """The whole text is known: write it, unless its pieces said it. Pieces are best effort: some may be missing."""
        text = self._texts.pop(source, text)
        written = clean("".join(text.pieces[: text.written]))
        if source == self._source:
            self._end_line()
        if whole and written != clean(whole):
            self._begin(source, text)
            if written:
                note = line(("· some of it was missing; the whole text:", "dim"))
                self._terminal.write(attrs.evolve(note, level=text.level))
            self._write(whole)
            self._end_line()
        if self._source is None:  # the source that has waited longest continues
            for waiting, other in self._texts.items():
                if other.written < len(other.pieces):
                    self._write_pending(waiting, other)
                    break

    def flush(self) -> None:
        """End the line in the making, if there is one, and write all text that waits."""
        self._end_line()
        for source, text in self._texts.items():
            if text.written < len(text.pieces):
                self._write_pending(source, text)
                self._end_line()

    def switch_task(self, task: str | None, title: str | None) -> list[Line]:
        """What follows belongs to this task: a line that says so, if it is another and has a title."""
        if task == self.task:
            return []
        self.task = task
        return [] if title is None else [line((one_line(title), "dim"), mark=("─ ", "dim"))]

    def unfinished(self) -> Sequence[Line]:
        """The line in the making: none or one. May be called from another thread."""
        if self._source is None or not self._rest:
            return []
        return [attrs.evolve(line((self._rest, self._current.style)), level=self._current.level)]

    def _write_pending(self, source: _Source, text: _Text) -> None:
        if source != self._source:
            self._begin(source, text)
        pieces = text.pieces[text.written :]
        text.written = len(text.pieces)
        self._write("".join(pieces))

    def _begin(self, source: _Source, text: _Text) -> None:
        self._end_line()
        for switch in self.switch_task(text.task, text.title):
            self._terminal.write(attrs.evolve(switch, level=text.level))
        self._current = text
        self._source = source

    def _end_line(self) -> None:
        unfinished = self.unfinished()
        self._source = None
        self._rest = self._held = ""
        self._terminal.write(*unfinished)

    def _write(self, text: str) -> None:
        """Write the lines that are complete; keep the last one."""
        text, self._held = self._held + text, ""
        # JavaScript cuts text between UTF-16 code units: a piece may end with the first half of a character.
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        *complete, self._rest = [
            piece
            for part in (self._rest + clean(text)).split("\n")
            for piece in self._terminal.wrap(part, self._current.level)
        ]
        style, level = self._current.style, self._current.level
        self._terminal.write(*(attrs.evolve(line((piece, style)), level=level) for piece in complete))


# The view.


class RunView:
    """Shows runs on a terminal.

    Args:
        terminal: where to.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._tree = RunTree()
        self._status = Status(self._tree)
        self._flow = TextFlow(terminal)
        self._ended = False

    # Single responses.

    def response(self, response: WorkflowInvokeResult | WorkflowWaitResult | RunRecord) -> None:
        """Show the response as a block of lines."""
        if isinstance(response, RunRecord):
            self._record(response)
            return
        self._terminal.write(line((one_line(response.run_id), "bold"), mark=("▶ ", "green")))
        if isinstance(response, WorkflowWaitResult):
            self._value("result", response.result)

    def hint(self, command: str) -> None:
        """Show a command on a line of its own."""
        self._terminal.write_command(("  next: ", "dim"), command)

    def _record(self, record: RunRecord) -> None:
        mark, style = _STATUSES.get(record.status, ("▶", "bold yellow"))
        workflow, run_id = one_line(record.workflow_name), one_line(record.run_id)
        self._terminal.write(
            line((record.status, style), (f"  {workflow}", "bold"), (f"  {run_id}", "dim"), mark=(f"{mark} ", style)),
            line(("started  ", "dim"), (f"{record.started_at:%Y-%m-%d %H:%M:%S} UTC", "")),
        )
        if record.duration_ms is not None:
            self._terminal.write(line(("took     ", "dim"), (duration(record.duration_ms), "")))
        values = {"input": record.input, "result": record.result, "error": record.error}
        for name, value in values.items():
            if value is not None:
                self._value(name, value)

    def _value(self, name: str, value: object) -> None:
        """A JSON value: beside its name if it fits, else below it."""
        brief = pretty(value, indent=None)
        if len(brief) == 1 and self._terminal.width(brief[0]) + 9 <= self._terminal.columns:
            self._terminal.write(line((f"{name:<9}", "dim"), (brief[0], "")))
            return
        lines = (line((text, ""), mark=("  ", "")) for text in pretty(value))
        self._terminal.write(line((name, "dim")), *lines)

    def timeline(self, timeline: Timeline) -> None:
        """Show a bar for everything that took time."""
        from flue.cli.timeline import draw  # noqa: PLC0415  # only for this command

        self._terminal.write(*draw(timeline, self._terminal))

    # Following.

    def follow(self, started_at: datetime | None) -> None:
        """Show a status line from now on."""
        self._status.started_at = started_at
        self._terminal.start(lambda: [*self._flow.unfinished(), self._status.line()])

    def event(self, event: FlueEvent) -> None:
        """Show an event."""
        self._status.event_received(event.timestamp)
        level = self._tree.level(event)
        match event:
            case TextDeltaEvent():
                self._flow.delta(_source("text", event), event.text, self._text(event, level))
            case ThinkingDeltaEvent():
                self._flow.delta(_source("thinking", event), event.delta, self._text(event, level, _THINKING))
            case ThinkingEndEvent():
                self._flow.complete(_source("thinking", event), event.content, self._text(event, level, _THINKING))
            case MessageEndEvent():
                self._message(event, level)
            case RunEndEvent():
                self._tree.add(event)
                self._end_of_run(event)
                return
            case _:
                if isinstance(event, RunStartEvent):
                    self._status.started_at = event.started_at
                self._lines(event, level)
        self._tree.add(event)

    def _message(self, event: MessageEndEvent, level: int) -> None:
        role, text = message_text(event.message)
        if role == "user" and text:
            self._write(level, paragraphs(text, mark=("» ", "cyan"), style="cyan"))
        elif role == "assistant":
            self._flow.complete(_source("text", event), text, self._text(event, level))

    def _text(self, event: FlueEvent, level: int, style: str = "") -> _Text:
        return _Text(style, level, event.task_id, self._tree.parallel_task(event.task_id))

    def _lines(self, event: FlueEvent, level: int) -> None:
        lines = render_event(event, self._tree)
        if not lines:
            return
        self._flow.flush()
        if isinstance(event, TaskStartEvent | TaskEvent):
            self._flow.task = None
        else:
            lines = [*self._flow.switch_task(event.task_id, self._tree.parallel_task(event.task_id)), *lines]
        self._write(level, lines)

    def _write(self, level: int, lines: Sequence[Line]) -> None:
        self._flow.flush()
        self._terminal.write(*(attrs.evolve(each, level=level) for each in lines))

    # The end.

    def _end_of_run(self, event: RunEndEvent) -> None:
        self._ended = True
        took = duration(event.duration_ms)
        if event.is_error:
            reason = line((failure(event.error), "red"), mark=("  ", ""))
            self._write(0, [line((f"failed after {took}", "bold red"), mark=("✗ ", "bold red")), reason])
        else:
            self._write(0, [line((f"completed in {took}", "bold green"), mark=("✓ ", "bold green"))])
            self._value("result", event.result)
        self._write(0, [line((self._totals(), "dim"))])

    def _totals(self) -> str:
        reconnects = self._status.reconnects
        return self._tree.totals.text() + (f", {count(reconnects, 'reconnect')}" if reconnects else "")

    def failed(self, error: FlueExecutionError) -> None:
        """Show why the run failed, unless its last event did."""
        if not self._ended:
            self._write(0, paragraphs(str(error), mark=("✗ ", "red"), style="red"))

    def end(self, offset: str) -> None:
        """Show the offset to resume from, unless the run has ended."""
        if not self._ended:
            self._write(0, [line((f"{self._totals()}; to resume: --offset {offset}", "dim"))])

    def warning(self, record: logging.LogRecord) -> None:
        """Show the first failed attempt in a row; the status line shows the others."""
        if self._status.attempt_failed(record) or not self._terminal.is_live:
            self._write(0, [line((one_line(record.getMessage()), "yellow"), mark=("! ", "yellow"))])

    def close(self) -> None:
        """Write what is pending and remove the status line. Idempotent."""
        self._flow.flush()
        self._terminal.close()


def _source(kind: str, event: FlueEvent) -> _Source:
    return kind, event.turn_id or event.session
