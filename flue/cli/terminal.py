"""The view for people: a run as a tree that grows, its texts as prose, and a status line that lives."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, TextIO

from flue.cli import describe
from flue.cli.outline import outline
from flue.cli.screen import Screen
from flue.cli.text import Prose, clean, one_line, width, wrap
from flue.cli.tree import RunTree
from flue.models import (
    MessageEndEvent,
    RunEndEvent,
    RunRecord,
    RunStartEvent,
    TextDeltaEvent,
    ThinkingDeltaEvent,
    ThinkingEndEvent,
    WorkflowWaitResult,
)

if TYPE_CHECKING:
    import logging
    from datetime import datetime

    from flue.cli.text import Line, Span
    from flue.errors import FlueExecutionError
    from flue.models import FlueEvent, WorkflowInvokeResult

__all__ = ["TerminalView"]

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_WRAPPED = frozenset({"log"})


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
        self._flow = Flow(self._screen)
        self._clock = RunClock()
        self._spinner = itertools.cycle(_SPINNER)
        self._reconnects = 0
        self._trouble = ""
        self._ended = False
        self._task: str | None = None

    # Answers to one question.

    def answer(self, answer: WorkflowInvokeResult | WorkflowWaitResult | RunRecord) -> None:
        """The answer as a block of lines."""
        if isinstance(answer, RunRecord):
            self._record(answer)
            return
        self._screen.write([("▶ ", "green"), (answer.run_id, "bold")])
        if isinstance(answer, WorkflowWaitResult):
            self._value("result", answer.result)

    def _record(self, record: RunRecord) -> None:
        mark, style = {"completed": ("✓", "green"), "errored": ("✗", "red")}.get(record.status, ("▶", "yellow"))
        self._screen.write(
            [(f"{mark} {record.status}", f"bold {style}"), (f"  {one_line(record.workflow_name)}", "bold"), (f"  {record.run_id}", "dim")],
            [("started  ", "dim"), (f"{record.started_at:%Y-%m-%d %H:%M:%S} UTC", "")],
        )
        if record.duration_ms is not None:
            self._screen.write([("took     ", "dim"), (describe.duration(record.duration_ms), "")])
        for name in ("input", "result", "error"):
            value = getattr(record, name)
            if value is not None:
                self._value(name, value)

    def _value(self, name: str, value: object) -> None:
        """A JSON value: beside its name where it fits, else below it, whole."""
        short = describe.compact(value)
        if not isinstance(value, str) and width(short) + 9 <= self._screen.columns:
            self._screen.write([(f"{name:<8} ", "dim"), (short, "")])
            return
        lines = describe.pretty(value)
        broken = [piece for line in lines for piece in wrap(line, self._screen.columns - 2)]
        self._screen.write([(name, "dim")], *([("  ", ""), (line, "")] for line in broken))

    # Following.

    def follow(self, run_id: str, workflow: str, since: datetime | None) -> None:
        """Draw a status line from now on."""
        self._clock.since = since
        if self._live:
            self._screen.start(self._footer)

    def event(self, event: FlueEvent) -> None:
        """Add what the event says."""
        self._trouble = ""
        self._clock.saw(event.timestamp)
        level = self._tree.level(event)
        match event:
            case TextDeltaEvent():
                self._flow.delta(("text", event.turn_id or event.session), event.text, "", level)
            case ThinkingDeltaEvent():
                self._flow.delta(("thinking", event.turn_id or event.session), event.delta, "dim italic", level)
            case ThinkingEndEvent():
                self._flow.whole(("thinking", event.turn_id or event.session), event.content, "dim italic", level)
            case MessageEndEvent():
                self._message(event, level)
            case RunEndEvent():
                self._flow.stop()
                self._tree.follow(event)
                self._end_of_run(event)
                return
            case _:
                if isinstance(event, RunStartEvent):
                    self._clock.since = event.started_at
                self._lines(event, level)
        self._tree.follow(event)

    def _message(self, event: MessageEndEvent, level: int) -> None:
        """A message that is complete. Its deltas are best effort; where they did not tell it all, it is told here."""
        role, text = describe.message_text(event.message)
        if role == "user" and text:
            self._flow.stop()
            lines = [piece for line in clean(text).split("\n") for piece in wrap(line, self._room(level) - 2)]
            self._screen.write(*(_indented(level, [("› " if not index else "  ", "cyan"), (line, "")]) for index, line in enumerate(lines)))
        elif role == "assistant":
            self._flow.whole(("text", event.turn_id or event.session), text, "", level)

    def _lines(self, event: FlueEvent, level: int) -> None:
        lines = outline(event, self._tree)
        if not lines:
            return
        self._flow.stop()
        if event.task_id != self._task:
            self._task = event.task_id
            if event.task_id is not None and self._tree.tasks() > 1 and event.type != "task_start":
                self._screen.write(_indented(level, [(f"─ {one_line(self._tree.work[event.task_id][0])}", "dim")]))
        if event.type in _WRAPPED:
            lines = [piece for line in lines for piece in _wrapped(line, self._room(level))]
        self._screen.write(*(_indented(level, line) for line in lines))

    def _end_of_run(self, event: RunEndEvent) -> None:
        self._ended = True
        took = describe.duration(event.duration_ms)
        if event.is_error:
            self._screen.write([(f"✗ failed after {took}", "bold red"), (f"  {describe.failure(event.error)}", "red")])
        else:
            self._screen.write([(f"✓ completed in {took}", "bold green")])
            self._value("result", event.result)
        self._screen.write([(self._sums(), "dim")])

    def _sums(self) -> str:
        seen = self._tree.totals
        parts = [describe.totals(seen), describe.count(seen.events, "event")]
        if self._reconnects:
            parts.append(describe.count(self._reconnects, "reconnect"))
        return ", ".join(part for part in parts if part)

    def failed(self, error: FlueExecutionError) -> None:
        """Say why, unless the run's own last event did."""
        self._flow.stop()
        if not self._ended:
            self._screen.write([("✗ ", "bold red"), (one_line(str(error)), "red")])

    def end(self, offset: str) -> None:
        """Say from where one can go on, unless the run is over."""
        self._flow.stop()
        if not self._ended:
            self._screen.write([(f"{self._sums()}; the next come after offset {offset}", "dim")])

    def warning(self, record: logging.LogRecord) -> None:
        """A line for the first failed attempt of a row; the status line shows the others."""
        attempt: int | None = getattr(record, "flue_attempt", None)
        if attempt is not None:
            self._trouble = f"attempt {attempt} failed, next in {getattr(record, 'flue_delay', 0.0):.1f} s"
        if attempt is None or attempt == 1 or not self._live:
            self._flow.stop()
            line = wrap(one_line(record.getMessage()), self._screen.columns - 2)
            self._screen.write(*([("! " if not index else "  ", "yellow"), (piece, "yellow")] for index, piece in enumerate(line)))
        if attempt == 1 and self._tree.totals.events:
            self._reconnects += 1

    def close(self) -> None:
        """End the prose, take the status line away."""
        self._flow.stop()
        self._screen.close()

    # The status line.

    def _footer(self) -> list[Line]:
        status: list[Span] = [(f"{next(self._spinner)} {describe.clock(self._clock.elapsed())}", "cyan")]
        status.append((f"  {describe.count(self._tree.totals.events, 'event')}", "dim"))
        if self._reconnects:
            status.append((f"  {describe.count(self._reconnects, 'reconnect')}", "yellow"))
        if self._trouble:
            status.append((f"  {self._trouble}", "yellow"))
        elif self._tree.work:
            what, since = list(self._tree.work.values())[-1]
            status.append((f"  {one_line(what)} {describe.clock(self._clock.seconds_since(since))}", ""))
        status.append(("  Ctrl-C leaves, the run goes on", "dim"))
        return [*self._flow.unfinished(), status]

    def _room(self, level: int) -> int:
        return max(self._screen.columns - 2 * level, 20)


class RunClock:
    """How long a run has been going on by the server's clock, which need not agree with ours."""

    def __init__(self) -> None:
        self.since: datetime | None = None
        self._begun = time.monotonic()
        self._last: tuple[datetime, float] | None = None

    def saw(self, timestamp: datetime | None) -> None:
        """An event of that moment has arrived now."""
        if timestamp is not None:
            self._last = (timestamp, time.monotonic())
            self.since = self.since or timestamp

    def seconds_since(self, moment: datetime) -> float:
        """Seconds from a moment on the server to now."""
        if self._last is None:
            return time.monotonic() - self._begun
        timestamp, arrived = self._last
        return (timestamp - moment).total_seconds() + time.monotonic() - arrived

    def elapsed(self) -> float:
        """Seconds since the run was started."""
        return time.monotonic() - self._begun if self.since is None else self.seconds_since(self.since)


class Flow:
    """Prose that arrives in pieces, at most one at a time; it stops when anything else is to be written."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
