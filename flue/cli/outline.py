"""Events as lines of a tree. What flows as prose is in `flue.cli.flow`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flue.cli.describe import arguments, compact, count, duration, failure, tool_result
from flue.cli.text import one_line, width, wrapped
from flue.models import (
    CompactionEvent,
    CompactionStartEvent,
    DataEvent,
    OperationEvent,
    OperationStartEvent,
    RunResumeEvent,
    RunStartEvent,
    SubmissionSettledEvent,
    TaskEvent,
    TaskStartEvent,
    ToolEvent,
    ToolStartEvent,
    TurnEvent,
    TurnStartEvent,
    UnknownEvent,
)

if TYPE_CHECKING:
    from flue.cli.text import Line, Span
    from flue.cli.tree import RunTree
    from flue.models import FlueEvent, LogEvent

__all__ = ["log_lines", "outline"]

_LEVELS = {"info": "cyan", "warn": "bold yellow", "error": "bold red"}


def outline(event: FlueEvent, tree: RunTree) -> list[Line]:
    """The lines that an event adds, without the indentation that its level asks for.

    Args:
        event: to be shown.
        tree: as it was before the event.

    Returns:
        Not a single one for many events: what they say is said by others, or is prose.
    """
    match event:
        case RunStartEvent():
            given = [] if event.input is None else [[("input  ", "dim"), (compact(event.input), "")]]
            return [[("▶ ", "green"), (one_line(event.workflow_name), "bold"), (f"  {event.run_id}", "dim")], *given]
        case RunResumeEvent():
            return [[("↻ ", "yellow"), (one_line(event.workflow_name), "bold"), ("  resumed by the server", "yellow")]]
        case OperationStartEvent():
            return [_opening(event.operation_kind)]
        case OperationEvent():
            return [_closing(event.operation_kind, event.duration_ms, failed=event.is_error, error=event.error)]
        case TurnStartEvent():
            return [
                _opening(
                    f"turn {tree.turn_number(event.turn_id) + 1}", "" if event.purpose == "agent" else event.purpose
                )
            ]
        case TurnEvent():
            return [_turn(event, tree)]
        case ToolStartEvent():
            call = f"{one_line(event.tool_name)}({arguments(event.args)})"
            return [[("● ", "blue"), (call, "")]]
        case ToolEvent():
            return [_tool(event)]
        case TaskStartEvent():
            return [_opening(f"task {one_line(event.agent or '')}".rstrip(), one_line(event.prompt[:2000]))]
        case TaskEvent():
            name = f"task {one_line(event.agent or '')}".rstrip()
            return [_closing(name, event.duration_ms, failed=event.is_error, error=event.result)]
        case CompactionStartEvent():
            return [
                [
                    ("· ", "dim"),
                    (f"context is being compacted: {event.estimated_tokens:,.0f} tokens, {event.reason}", "dim"),
                ]
            ]
        case CompactionEvent():
            return [_compaction(event)]
        case DataEvent():
            return [[("· ", "dim"), (one_line(event.name), "bold"), (f"  {compact(event.data)}", "")]]
        case SubmissionSettledEvent():
            return [[("· ", "dim"), (f"submission {event.submission_id} {event.outcome}", "dim")]]
        case UnknownEvent():
            return [[("? ", "yellow"), (f"{one_line(event.wire_type or 'event')}: {one_line(event.problem)}", "dim")]]
        case _:
            return []


def _opening(name: str, more: str = "") -> Line:
    return [("┌ ", "dim"), (name, "bold"), (f"  {more}" if more else "", "dim")]


def _closing(name: str, milliseconds: float, *, failed: bool, error: object) -> Line:
    line: list[Span] = [("└ ", "dim"), (name, "red" if failed else "dim"), (f"  {duration(milliseconds)}", "dim")]
    return [*line, (f"  failed: {failure(error)}", "red")] if failed else line


def _turn(event: TurnEvent, tree: RunTree) -> Line:
    name = f"turn {tree.turn_number(event.turn_id)}"
    if event.is_error:
        error = event.response.error
        reason = None if error is None else {"name": error.name or error.type, "message": error.message or error.type}
        return _closing(name, event.duration_ms, failed=True, error=reason)
    usage = event.response.usage
    tokens = "" if usage is None else f"  {count(usage.total_tokens, 'token')}"
    model = one_line(event.response.response_model or event.request.requested_model)
    return [("└ ", "dim"), (f"{name}  {duration(event.duration_ms)}  {model}{tokens}", "dim")]


def _tool(event: ToolEvent) -> Line:
    mark, style = ("✗ ", "red") if event.is_error else ("✓ ", "green")
    line: list[Span] = [(mark, style), (one_line(event.tool_name), ""), (f"  {duration(event.duration_ms)}", "dim")]
    said = "" if event.result is None else tool_result(event.result)
    return [*line, (f"  {said}", "red" if event.is_error else "dim")] if said else line


def _compaction(event: CompactionEvent) -> Line:
    if event.is_error:
        return [("✗ ", "red"), (f"compaction failed: {failure(event.error)}", "red")]
    what = f"{event.messages_before} messages became {event.messages_after}, {duration(event.duration_ms)}"
    return [("· ", "dim"), (f"context compacted: {what}", "dim")]


def log_lines(event: LogEvent, columns: int) -> list[Line]:
    """A line of a log, whole, however many lines of the terminal that takes.

    Args:
        event: to be shown.
        columns: that there are.
    """
    mark = f"{event.level:<5} "
    lines = wrapped(event.message, columns, mark=mark, mark_style=_LEVELS.get(event.level, ""))
    if not event.attributes:
        return lines
    values = arguments(event.attributes)
    *others, last = lines
    if sum(width(text) for text, _ in last) + 2 + width(values) <= columns:
        return [*others, [*last, (f"  {values}", "dim")]]
    return [*lines, *wrapped(values, columns, mark=" " * len(mark), style="dim")]
