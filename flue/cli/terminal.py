"""The view for people: a run as a tree that grows, its texts as prose, and a status line that lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from flue.cli import describe
from flue.cli.bars import draw
from flue.cli.flow import Flow, Text
from flue.cli.outline import log_lines, outline
from flue.cli.screen import Screen
from flue.cli.status import Status
from flue.cli.text import apart, indented, one_line, width, wrapped
from flue.cli.tree import RunTree
from flue.models import (
    LogEvent,
    MessageEndEvent,
    RunEndEvent,
    RunRecord,
    RunStartEvent,
    TaskEvent,
    TaskStartEvent,
    TextDeltaEvent,
    ThinkingDeltaEvent,
    ThinkingEndEvent,
    WorkflowWaitResult,
)

if TYPE_CHECKING:
    import logging
    from collections.abc import Sequence
    from datetime import datetime

    from flue.cli.bars import Timeline
    from flue.cli.flow import Source
    from flue.cli.text import Line
    from flue.errors import FlueExecutionError
    from flue.models import FlueEvent, WorkflowInvokeResult

__all__ = ["TerminalView"]

_THOUGHT = "dim italic"
_STATES = {"completed": ("✓", "bold green"), "errored": ("✗", "bold red")}


class TerminalView:
    """Shows what a command finds out to somebody who watches.

    Args:
        out: the terminal.
        colour: whether it shows colours.
        live: whether it can redraw: without, there is no status line.
    """

    def __init__(self, out: TextIO, *, colour: bool, live: bool) -> None:
        self._screen = Screen(out, colour=colour)
        self._live = live
        self._tree = RunTree()
        self._status = Status(self._tree)
        self._flow = Flow(self._screen)
        self._ended = False

    # Answers to one question.

    def answer(self, answer: WorkflowInvokeResult | WorkflowWaitResult | RunRecord) -> None:
        """The answer as a block of lines."""
        if isinstance(answer, RunRecord):
            self._record(answer)
            return
        self._screen.write([("▶ ", "green"), (one_line(answer.run_id), "bold")])
        if isinstance(answer, WorkflowWaitResult):
            self._value("result", answer.result)

    def hint(self, command: str) -> None:
        """The command on a line of its own."""
        self._screen.write([("  next: ", "dim"), (command, "")], whole=True)

    def _record(self, record: RunRecord) -> None:
        mark, style = _STATES.get(record.status, ("▶", "bold yellow"))
        workflow, run_id = one_line(record.workflow_name), one_line(record.run_id)
        heading: Line = [(f"{mark} {record.status}", style), (f"  {workflow}", "bold"), (f"  {run_id}", "dim")]
        self._screen.write(
            *apart(heading, self._screen.columns),
            [("started  ", "dim"), (f"{record.started_at:%Y-%m-%d %H:%M:%S} UTC", "")],
        )
        if record.duration_ms is not None:
            self._screen.write([("took     ", "dim"), (describe.duration(record.duration_ms), "")])
        values = {"input": record.input, "result": record.result, "error": record.error}
        for name, value in values.items():
            if value is not None:
                self._value(name, value)

    def _value(self, name: str, value: object) -> None:
        """A JSON value: beside its name where it fits, else below it, whole."""
        brief = describe.pretty(value, indent=None)
        if len(brief) == 1 and width(brief[0]) + 9 <= self._screen.columns:
            self._screen.write([(f"{name:<9}", "dim"), (brief[0], "")])
            return
        lines = wrapped("\n".join(describe.pretty(value)), self._screen.columns, mark="  ")
        self._screen.write([(name, "dim")], *lines)

    def timeline(self, timeline: Timeline) -> None:
        """A bar for everything that took time."""
        self._screen.write(*draw(timeline, self._screen.columns))

    # Following.

    def follow(self, since: datetime | None) -> None:
        """Draw a status line from now on."""
        self._status.clock.since = since
        if self._live:
            self._screen.start(lambda: [*self._flow.unfinished(), self._status.line()])

    def event(self, event: FlueEvent) -> None:
        """Add what the event says."""
        self._status.event(event.timestamp)
        level = min(self._tree.level(event), self._screen.columns // 4)  # half of a line is left for what it says
        match event:
            case TextDeltaEvent():
                self._flow.delta(_source("text", event), event.text, self._text(event, level))
            case ThinkingDeltaEvent():
                self._flow.delta(_source("thinking", event), event.delta, self._text(event, level, _THOUGHT))
            case ThinkingEndEvent():
                self._flow.whole(_source("thinking", event), event.content, self._text(event, level, _THOUGHT))
            case MessageEndEvent():
                self._message(event, level)
            case RunEndEvent():
                self._tree.follow(event)
                self._end_of_run(event)
                return
            case _:
                if isinstance(event, RunStartEvent):
                    self._status.clock.since = event.started_at
                self._lines(event, level)
        self._tree.follow(event)

    def _message(self, event: MessageEndEvent, level: int) -> None:
        role, text = describe.message_text(event.message)
        if role == "user" and text:
            self._write(level, wrapped(text, self._room(level), mark="» ", style="cyan"))
        elif role == "assistant":
            self._flow.whole(_source("text", event), text, self._text(event, level))

    def _text(self, event: FlueEvent, level: int, style: str = "") -> Text:
        return Text(style, level, event.task_id, self._tree.title_among_several(event.task_id))

    def _lines(self, event: FlueEvent, level: int) -> None:
        lines = log_lines(event, self._room(level)) if isinstance(event, LogEvent) else outline(event, self._tree)
        if not lines:
            return
        self._flow.stop()
        if isinstance(event, TaskStartEvent | TaskEvent):
            self._flow.task = None
        else:
            lines = [*self._flow.turn_to(event.task_id, self._tree.title_among_several(event.task_id)), *lines]
        if isinstance(event, RunStartEvent):
            lines = [*apart(lines[0], self._room(level)), *lines[1:]]
        self._write(level, lines)

    def _write(self, level: int, lines: Sequence[Line]) -> None:
        self._flow.stop()
        self._screen.write(*(indented(level, line) for line in lines))

    def _room(self, level: int) -> int:
        return self._screen.columns - 2 * level

    # The end.

    def _end_of_run(self, event: RunEndEvent) -> None:
        self._ended = True
        took = describe.duration(event.duration_ms)
        if event.is_error:
            reason = wrapped(describe.failure(event.error), self._room(0), mark="  ", style="red")
            self._write(0, [[(f"✗ failed after {took}", "bold red")], *reason])
        else:
            self._write(0, [[(f"✓ completed in {took}", "bold green")]])
            self._value("result", event.result)
        self._write(0, wrapped(self._sums(), self._room(0), mark="", style="dim"))

    def _sums(self) -> str:
        seen = self._tree.totals
        parts = [describe.count(seen.events, "event"), describe.totals(seen)]
        if self._status.reconnects:
            parts.append(describe.count(self._status.reconnects, "reconnect"))
        return ", ".join(part for part in parts if part)

    def failed(self, error: FlueExecutionError) -> None:
        """Say why, unless the run's own last event did."""
        if not self._ended:
            self._write(0, wrapped(str(error), self._room(0), mark="✗ ", style="red"))

    def end(self, offset: str) -> None:
        """Say from where one can go on, unless the run is over."""
        if not self._ended:
            told = f"{self._sums()}; what comes next: --offset {offset}"
            self._write(0, wrapped(told, self._room(0), mark="", style="dim"))

    def warning(self, record: logging.LogRecord) -> None:
        """A line for the first failed attempt of a row; the status line has the others."""
        if self._status.warned(record) or not self._live:
            self._write(0, wrapped(one_line(record.getMessage()), self._room(0), mark="! ", style="yellow"))

    def close(self) -> None:
        """End the prose, take the status line away."""
        self._flow.stop()
        self._screen.close()


def _source(kind: str, event: FlueEvent) -> Source:
    return kind, event.turn_id or event.session
