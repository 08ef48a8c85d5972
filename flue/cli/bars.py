"""What a run did when: one bar for the run and for each operation, turn, tool and task of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from flue.cli.describe import arguments, duration
from flue.cli.text import clip, one_line, width
from flue.cli.tree import RunTree
from flue.models import (
    OperationEvent,
    OperationStartEvent,
    RunEndEvent,
    TaskEvent,
    TaskStartEvent,
    ToolEvent,
    ToolStartEvent,
    TurnEvent,
    TurnStartEvent,
)

if TYPE_CHECKING:
    from datetime import datetime

    from flue.cli.text import Line
    from flue.models import FlueEvent, RunRecord

__all__ = ["Bar", "Timeline", "draw"]

Kind: TypeAlias = Literal["run", "operation", "turn", "tool", "task"]

_STYLES: dict[Kind, str] = {"run": "bold", "operation": "blue", "turn": "magenta", "tool": "cyan", "task": "green"}
_LABEL = 0.4
"""How much of the room beside the times the labels may take up."""


@attrs.define
class Bar:
    """Something that took time.

    Attributes:
        kind: what it is.
        label: what it is called.
        depth: how many others lie around it.
        start: milliseconds from the start of the run.
        end: the same; None while it goes on.
        failed: whether it ended badly.
    """

    kind: Kind
    label: str
    depth: int
    start: float
    end: float | None = None
    failed: bool = False

    def json(self) -> dict[str, Any]:
        """The bar as a JSON object; `durationMs` is null while it goes on."""
        return {
            "kind": self.kind,
            "label": self.label,
            "depth": self.depth,
            "startMs": round(self.start, 3),
            "durationMs": None if self.end is None else round(self.end - self.start, 3),
            "isError": self.failed,
        }


class Timeline:
    """The bars of a run, in the order of their beginnings.

    Args:
        record: of the run.

    Attributes:
        record: of the run.
        bars: the first one is the run's own.
        until: milliseconds from the start of the run to its end, or to the last that is known of it.
    """

    def __init__(self, record: RunRecord) -> None:
        whole = Bar("run", record.workflow_name, 0, 0.0, record.duration_ms, record.status == "errored")
        self.record = record
        self.bars = [whole]
        self.until = record.duration_ms or 0.0
        self._open: dict[str, Bar] = {"run": whole}
        self._tree = RunTree()

    def add(self, event: FlueEvent) -> None:
        """Take note of an event."""
        if event.timestamp is not None:
            now = self._at(event.timestamp)
            self.until = max(self.until, now)
            self._add(event, now)
        self._tree.follow(event)

    def _add(self, event: FlueEvent, now: float) -> None:
        match event:
            case OperationStartEvent():
                self._begin("operation", event.operation_id, event.operation_kind, event, now)
            case TurnStartEvent():
                self._begin("turn", event.turn_id, f"turn {self._tree.turn_number(event.turn_id) + 1}", event, now)
            case ToolStartEvent():
                call = f"{one_line(event.tool_name)}({arguments(event.args)})"
                self._begin("tool", event.tool_call_id, call, event, now)
            case TaskStartEvent():
                self._begin("task", event.task_id, f"task {event.agent or event.prompt}", event, now)
            case OperationEvent():
                self._end("operation", event.operation_id, event.operation_kind, event, now)
            case TurnEvent():
                self._end("turn", event.turn_id, "turn", event, now)
            case ToolEvent():
                self._end("tool", event.tool_call_id, event.tool_name, event, now)
            case TaskEvent():
                self._end("task", event.task_id, f"task {event.agent or event.task_id}", event, now)
            case RunEndEvent():
                self._end("run", "run", "run", event, now)
            case _:
                pass

    def _begin(self, kind: Kind, key: str, label: str, event: FlueEvent, now: float) -> None:
        bar = Bar(kind, one_line(label), self._tree.level(event) + 1, now)
        self._open[key] = bar
        self.bars.append(bar)

    def _end(
        self,
        kind: Kind,
        key: str,
        label: str,
        event: OperationEvent | TurnEvent | ToolEvent | TaskEvent | RunEndEvent,
        now: float,
    ) -> None:
        if key not in self._open:  # its beginning was not seen
            self._begin(kind, key, label, event, max(now - event.duration_ms, 0.0))
        bar = self._open.pop(key)
        bar.end = now
        bar.failed = event.is_error

    def _at(self, moment: datetime) -> float:
        # The record and the events need not be of one clock; nothing of a run is before its start.
        return max((moment - self.record.started_at).total_seconds() * 1000, 0.0)


def draw(timeline: Timeline, columns: int) -> list[Line]:
    """The bars for a terminal of so many columns."""
    labels = ["  " * bar.depth + bar.label for bar in timeline.bars]
    times = ["unfinished" if bar.end is None else duration(bar.end - bar.start) for bar in timeline.bars]
    time_columns = max(map(len, times))
    label_columns = min(max(map(width, labels)), int((columns - time_columns) * _LABEL))
    room = max(columns - label_columns - time_columns - 4, 4)
    lines: list[Line] = []
    for bar, label, took in zip(timeline.bars, labels, times, strict=True):
        first, last = _cells(bar, timeline.until, room)
        style = "red" if bar.failed else _STYLES[bar.kind]
        [(shown, _), *_] = clip([(label, "")], label_columns) or [("", "")]
        padding = " " * (label_columns - width(shown) + 2 + first)
        drawn = ("░" if bar.end is None else "█") * (last - first)
        after = " " * (room - last + 2) + f"{took:>{time_columns}}"
        lines.append([(shown, "red" if bar.failed else ""), (padding, ""), (drawn, style), (after, "dim")])
    return lines


def _cells(bar: Bar, until: float, room: int) -> tuple[int, int]:
    """First cell of a bar and the one behind its last; every bar has one cell at least."""
    if until <= 0:
        return 0, room
    scale = room / until
    first = min(int(bar.start * scale), room - 1)
    end = until if bar.end is None else bar.end
    return first, min(max(round(end * scale), first + 1), room)
