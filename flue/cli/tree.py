"""What is open in a run, how deep it lies, and what it has cost so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from flue.models import (
    CompactionEvent,
    CompactionStartEvent,
    OperationEvent,
    OperationStartEvent,
    TaskEvent,
    TaskStartEvent,
    ToolEvent,
    ToolStartEvent,
    TurnEvent,
    TurnStartEvent,
)

if TYPE_CHECKING:
    from datetime import datetime

    from flue.models import FlueEvent, PromptUsage

__all__ = ["RunTree", "Totals"]


@attrs.define
class Totals:
    """What has been seen of a run so far.

    Attributes:
        events: how many there were.
        turns: how many model turns have ended.
        input: tokens that the models have read, cached ones not counted.
        output: tokens that they have written.
        tokens: all tokens, cached ones too.
        cost: in the currency of the provider's price list.
    """

    events: int = 0
    turns: int = 0
    input: int = 0
    output: int = 0
    tokens: int = 0
    cost: float = 0.0

    def add(self, usage: PromptUsage) -> None:
        """Count what one turn used. The sums on operations are of the same tokens and are not added."""
        self.input += usage.input
        self.output += usage.output
        self.tokens += usage.total_tokens
        self.cost += usage.cost.total


class RunTree:
    """Follows the nesting of operations, turns, tools and tasks, event by event.

    Attributes:
        totals: of the events so far.
    """

    def __init__(self) -> None:
        self.totals = Totals()
        self._work: dict[str, tuple[str, datetime]] = {}
        self._inside: dict[str, int] = {}
        self._turns: dict[str, int] = {}
        self._turn_count = 0
        self._tasks: dict[str, str] = {}

    def level(self, event: FlueEvent) -> int:
        """How many things lie around an event. To be asked before `follow`."""
        around: tuple[str | None, ...]
        match event:
            case OperationStartEvent() | OperationEvent():
                around = (event.task_id,)
            case TurnStartEvent() | TurnEvent() | CompactionStartEvent() | CompactionEvent():
                around = (event.operation_id, event.task_id)
            case TaskStartEvent() | TaskEvent():
                around = (event.turn_id, event.operation_id)
            case _:
                around = (event.turn_id, event.operation_id, event.task_id)
        return next((self._inside[key] for key in around if key is not None and key in self._inside), 0)

    def title_among_several(self, task_id: str | None) -> str | None:
        """What a task is called, when it is one of several that are going on at once."""
        return self._tasks.get(task_id) if task_id is not None and len(self._tasks) > 1 else None

    def latest_work(self) -> tuple[str, datetime] | None:
        """What was begun last and goes on, and since when. May be called from another thread."""
        return next(reversed(list(self._work.values())), None)

    def turn_number(self, turn_id: str) -> int:
        """The number of a turn in the order of their beginnings, from 1."""
        return self._turns.get(turn_id, self._turn_count)

    def follow(self, event: FlueEvent) -> None:
        """Take note of what an event opens or ends."""
        self.totals.events += 1
        match event:
            case OperationStartEvent():
                self._inside[event.operation_id] = self.level(event) + 1
            case OperationEvent():
                self._inside.pop(event.operation_id, None)
            case TurnStartEvent():
                self._turn_count += 1
                self._turns[event.turn_id] = self._turn_count
                self._inside[event.turn_id] = self.level(event) + 1
                self._work[event.turn_id] = ("the model is at work", event.timestamp)
            case TurnEvent():
                self._inside.pop(event.turn_id, None)
                self._turns.pop(event.turn_id, None)
                self._work.pop(event.turn_id, None)
                self.totals.turns += 1
                if event.response.usage is not None:
                    self.totals.add(event.response.usage)
            case ToolStartEvent():
                self._work[event.tool_call_id] = (event.tool_name, event.timestamp)
            case ToolEvent():
                self._work.pop(event.tool_call_id, None)
            case TaskStartEvent():
                self._inside[event.task_id] = self.level(event) + 1
                self._tasks[event.task_id] = f"task {event.agent or event.task_id}"
                self._work[event.task_id] = (self._tasks[event.task_id], event.timestamp)
            case TaskEvent():
                self._inside.pop(event.task_id, None)
                self._tasks.pop(event.task_id, None)
                self._work.pop(event.task_id, None)
            case _:
                pass
