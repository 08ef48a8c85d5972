"""The view of runs for people: a tree that grows, text as it is written, and a status line below."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import attrs

from flue import models
from flue.cli.output import (
    GrowingText,
    LogLines,
    arguments,
    clean,
    clock,
    command_line,
    compact,
    count,
    data_line,
    duration,
    failure,
    line,
    message_text,
    one_line,
    paragraphs,
    pretty,
    status_line,
    tool_finished,
    tool_started,
    unknown_line,
    warning_line,
)
from flue.cli.timeline import RunTimeline

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable
    from datetime import datetime

    from flue.cli.output import Block, Line, Terminal
    from flue.errors import FlueExecutionError
    from flue.models import FlueEvent, RunRecord, WorkflowInvokeResult, WorkflowWaitResult

_LOG_STYLES = {"info": "cyan", "warn": "bold yellow", "error": "bold red"}
_THINKING = "dim italic"
_STATUSES = {"completed": ("✓", "bold green"), "errored": ("✗", "bold red")}


# Events as lines.


def render_event(event: FlueEvent, tree: RunTimeline) -> list[Line]:
    """The lines that an event adds to the tree, at level 0.

    Args:
        event: To be shown.
        tree: Its state before the event.

    Returns:
        An empty list for events that are shown by others, or as text.
    """
    match event:
        case models.RunStartEvent():
            name, run_id = (one_line(event.workflow_name), "bold"), (f"  {one_line(event.run_id)}", "dim")
            given = line(("input  ", "dim"), (compact(event.input), ""), overflow="ellipsis")
            return [line(name, run_id, mark=("▶ ", "green")), *([] if event.input is None else [given])]
        case models.RunResumeEvent():
            name = (one_line(event.workflow_name), "bold")
            return [line(name, ("  resumed by the server", "yellow"), mark=("↻ ", "yellow"))]
        case models.LogEvent():
            attributes = [(f"  {arguments(event.attributes)}", "dim")] if event.attributes else []
            *lines, last = paragraphs(event.message, mark=(f"{event.level:<5} ", _LOG_STYLES.get(event.level, "")))
            return [*lines, line(*last.spans, *attributes, mark=last.mark)]
        case models.OperationStartEvent():
            return [_start(event.operation_kind)]
        case models.OperationEvent():
            return [_end(event.operation_kind, event, event.error)]
        case models.TurnStartEvent():
            purpose = "" if event.purpose == "agent" else one_line(event.purpose)
            return [_start(f"turn {tree.turns_begun + 1}", purpose)]
        case models.TurnEvent():
            return [_turn(event, tree.turn_label(event.turn_id))]
        case models.ToolStartEvent():
            return [tool_started(event.tool_name, event.args)]
        case models.ToolEvent():
            return [tool_finished(event.tool_name, event.duration_ms, event.result, failed=event.is_error)]
        case models.TaskStartEvent():
            return [_start(f"task {one_line(event.agent or '')}".rstrip(), one_line(event.prompt[:2000]))]
        case models.TaskEvent():
            return [_end(f"task {one_line(event.agent or '')}".rstrip(), event, event.result)]
        case models.CompactionStartEvent():
            return [_note(f"compacting the context: {event.estimated_tokens:,.0f} tokens, {event.reason}")]
        case models.CompactionEvent() if event.is_error:
            return [line((f"compaction failed: {failure(event.error)}", "red"), mark=("✗ ", "red"))]
        case models.CompactionEvent():
            change = f"{event.messages_before} messages became {event.messages_after}, {duration(event.duration_ms)}"
            return [_note(f"context compacted: {change}")]
        case models.DataEvent():
            return [data_line(event.name, event.data)]
        case models.SubmissionSettledEvent():
            return [_note(f"submission {one_line(event.submission_id)} {event.outcome}")]
        case models.UnknownEvent():
            return [unknown_line(event.wire_type or "event", event.problem)]
        case _:
            return []


def _note(text: str) -> Line:
    return line((text, "dim"), mark=("· ", "dim"))


def _start(name: str, detail: str = "") -> Line:
    return line((name, "bold"), (f"  {detail}" if detail else "", "dim"), mark=("┌ ", "dim"), overflow="ellipsis")


def _end(name: str, event: models.OperationEvent | models.TurnEvent | models.TaskEvent, error: object) -> Line:
    spans = [(name, "red" if event.is_error else "dim"), (f"  {duration(event.duration_ms)}", "dim")]
    if event.is_error:
        spans.append((f"  failed: {failure(error)}", "red"))
    return line(*spans, mark=("└ ", "dim"))


def _turn(event: models.TurnEvent, label: str) -> Line:
    if event.is_error:
        error = event.response.error
        reason = None if error is None else {"name": error.name or error.type, "message": error.message or error.type}
        return _end(label, event, reason)
    usage = event.response.usage
    tokens = "" if usage is None else f"  {count(usage.total_tokens, 'token')}"
    model = one_line(event.response.response_model or event.request.requested_model)
    return line((f"{label}  {duration(event.duration_ms)}  {model}{tokens}", "dim"), mark=("└ ", "dim"))


# Text that arrives in pieces.


class _TurnText(GrowingText):
    """What one turn says or thinks.

    Attributes:
        source: Whose text it is: its style, and the turn.
        level: In the tree.
        task: The task that it belongs to.
        title: Of that task, if several run at once.
    """

    def __init__(self, style: str, event: FlueEvent, tree: RunTimeline, terminal: Terminal) -> None:
        self.source = style, event.turn_id or event.session
        self.level = tree.parent(event).depth
        self.task = event.task_id
        self.title = tree.parallel_task(event.task_id)
        super().__init__(terminal, style, self.level)

    @property
    def waits(self) -> bool:
        """Whether some of it has not been written."""
        return self.written < len(self.received)


class TextFlow:
    """Writes text as it arrives. While one turn writes, the text of others waits: parallel tasks would mix their words.

    Args:
        terminal: Where the text is written.
        tree: Of the run.

    Attributes:
        task: Whose lines or text were written last.
    """

    def __init__(self, terminal: Terminal, tree: RunTimeline) -> None:
        self.task: str | None = None
        self._terminal = terminal
        self._tree = tree
        self._texts: dict[tuple[str, str | None], _TurnText] = {}
        self._writing: _TurnText | None = None

    def delta(self, style: str, event: FlueEvent, piece: str) -> None:
        """A piece has arrived."""
        text = self._text(style, event)
        self._texts[text.source] = text
        text.received += piece
        if self._writing is None or self._writing.source[1] == text.source[1]:
            self._write(text)

    def complete(self, style: str, event: FlueEvent, whole: str) -> None:
        """The whole text is known: write it, unless its pieces said it. Pieces are best effort: some may be missing."""
        text = self._text(style, event)
        self._texts.pop(text.source, None)
        if text is self._writing:
            self._end_line()
        written = text.received[: text.written]
        if whole and clean(written) != clean(whole):
            self._begin(text)
            if written:
                note = "· some of it was missing; the whole text:"
                self._terminal.write(line((note, "dim"), level=text.level))
            self._terminal.write(*paragraphs(whole, style=style, level=text.level))
            self._writing = None
        if self._writing is None:  # the text that has waited longest continues
            waiting = next((other for other in self._texts.values() if other.waits), None)
            if waiting is not None:
                self._write(waiting)

    def flush(self) -> None:
        """End the line in the making, if there is one, and write all text that waits."""
        self._end_line()
        for text in self._texts.values():
            if text.waits:
                self._write(text)
                self._end_line()

    def switch_task(self, task: str | None, title: str | None, level: int) -> None:
        """What follows belongs to this task: write a line that says so, if it is another and has a title."""
        if task != self.task and title is not None:
            self._terminal.write(line((one_line(title), "dim"), mark=("─ ", "dim"), level=level))
        self.task = task

    def footer(self) -> list[Block]:
        """The line in the making. May be called from another thread."""
        text = self._writing
        return [] if text is None else text.footer()

    def _text(self, style: str, event: FlueEvent) -> _TurnText:
        """The text that an event is about; an empty one if it is new."""
        known = self._texts.get((style, event.turn_id or event.session))
        return _TurnText(style, event, self._tree, self._terminal) if known is None else known

    def _write(self, text: _TurnText) -> None:
        if text is not self._writing:
            self._begin(text)
        text.flow()

    def _begin(self, text: _TurnText) -> None:
        self._end_line()
        self.switch_task(text.task, text.title, text.level)
        self._writing = text

    def _end_line(self) -> None:
        text, self._writing = self._writing, None
        if text is not None:
            text.end()


# The view.


class RunView(LogLines):
    """Shows runs on a terminal.

    Args:
        terminal: Where to.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._tree = RunTimeline()
        self._flow = TextFlow(terminal, self._tree)
        self._ended = False
        self._reconnects = 0
        self._problem = ""
        self._arrived_at = time.monotonic()

    # Single responses.

    def response(self, response: WorkflowInvokeResult | WorkflowWaitResult | RunRecord, hint: str = "") -> None:
        """Show the response as a block of lines, and a command that one may want to type next."""
        if isinstance(response, models.RunRecord):
            self._record(response)
            return
        self._terminal.write(line((one_line(response.run_id), "bold"), mark=("▶ ", "green")))
        if isinstance(response, models.WorkflowWaitResult):
            self._value("result", response.result)
        if hint:
            self._terminal.write(command_line(hint, "  next: "))

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

    # Following.

    def follow(self, started_at: datetime | None) -> None:
        """Show a status line from now on."""
        self._tree.started_at = started_at
        self._terminal.start(lambda: [*self._flow.footer(), self._status()])

    def _status(self) -> Line:
        """Elapsed time by the server's clock, events, reconnects, and what is running, as of now."""
        spans = [(f"  {count(self._tree.events, 'event')}", "dim")]
        if self._reconnects:
            spans.append((f"  {count(self._reconnects, 'reconnect')}", "yellow"))
        work = self._tree.current_work()
        if self._problem:
            spans.append((f"  {self._problem}", "yellow"))
        elif work is not None:
            spans.append((f"  {one_line(work.name)} {clock(self._seconds_since(work.start))}", ""))
        return status_line(self._seconds_since(0.0), *spans, hint="Ctrl-C leaves, the run continues")

    def _seconds_since(self, milliseconds: float) -> float:
        # The server's clock need not agree with ours: only differences on one clock count.
        return (self._tree.until - milliseconds) / 1000 + time.monotonic() - self._arrived_at

    def event(self, event: FlueEvent) -> None:
        """Show an event."""
        level = self._tree.parent(event).depth
        match event:
            case models.TextDeltaEvent():
                self._flow.delta("", event, event.text)
            case models.ThinkingDeltaEvent():
                self._flow.delta(_THINKING, event, event.delta)
            case models.ThinkingEndEvent():
                self._flow.complete(_THINKING, event, event.content)
            case models.MessageEndEvent():
                role, text = message_text(event.message)
                if role == "user" and text:
                    self._write(paragraphs(text, mark=("» ", "cyan"), style="cyan"), level)
                elif role == "assistant":
                    self._flow.complete("", event, text)
            case models.RunStartEvent():
                self._tree.started_at = event.started_at
                self._lines(event, level)
            case models.RunEndEvent():
                pass
            case _:
                self._lines(event, level)
        self._tree.add(event)
        self._problem = ""  # the connection works
        if event.timestamp is not None:
            self._arrived_at = time.monotonic()
        if isinstance(event, models.RunEndEvent):
            self._end_of_run(event)

    def _lines(self, event: FlueEvent, level: int) -> None:
        lines = render_event(event, self._tree)
        if not lines:
            return
        self._flow.flush()
        if isinstance(event, models.TaskStartEvent | models.TaskEvent):
            self._flow.task = None
        else:
            self._flow.switch_task(event.task_id, self._tree.parallel_task(event.task_id), level)
        self._write(lines, level)

    def _write(self, lines: Iterable[Line], level: int = 0) -> None:
        self._flow.flush()
        self._terminal.write(*(attrs.evolve(each, level=level) for each in lines))

    # The end.

    def _end_of_run(self, event: models.RunEndEvent) -> None:
        self._ended = True
        took = duration(event.duration_ms)
        if event.is_error:
            reason = line((failure(event.error), "red"), mark=("  ", ""))
            self._write([line((f"failed after {took}", "bold red"), mark=("✗ ", "bold red")), reason])
        else:
            self._write([line((f"completed in {took}", "bold green"), mark=("✓ ", "bold green"))])
            self._value("result", event.result)
        self._write([line((self._totals(), "dim"))])

    def _totals(self) -> str:
        """Events, turns, tokens, cost and reconnects, as far as there are any."""
        usages = self._tree.usages
        totals = [count(self._tree.events, "event")]
        if self._tree.turns:
            read, written = sum(usage.input for usage in usages), sum(usage.output for usage in usages)
            tokens = count(sum(usage.total_tokens for usage in usages), "token")
            totals += [count(self._tree.turns, "turn"), f"{tokens} ({read:,} in, {written:,} out)"]
        if cost := sum(usage.cost.total for usage in usages):
            totals.append(f"cost {cost:.4f}")
        if self._reconnects:
            totals.append(count(self._reconnects, "reconnect"))
        return ", ".join(totals)

    def failed(self, error: FlueExecutionError) -> None:
        """Show why the run failed, unless its last event did."""
        if not self._ended:
            self._write(paragraphs(str(error), mark=("✗ ", "red"), style="red"))

    def end(self, offset: str) -> None:
        """Show the offset to resume from, unless the run has ended."""
        if not self._ended:
            self._write([line((f"{self._totals()}; to resume: --offset {offset}", "dim"))])

    def warning(self, record: logging.LogRecord) -> None:
        """Show the first failed attempt in a row; the status line shows the others."""
        attempt: int | None = getattr(record, "flue_attempt", None)
        if attempt is not None:
            self._problem = f"attempt {attempt} failed, next in {getattr(record, 'flue_delay', 0.0):.1f} s"
        if attempt == 1 and self._tree.events:
            self._reconnects += 1
        if attempt in {None, 1} or not self._terminal.is_live:
            self._write([warning_line(record)])

    def close(self) -> None:
        """Write what is pending and remove the status line. Idempotent."""
        self._flow.flush()
        self._terminal.close()
