"""Where the results of a command go: JSON lines and CSV for programs; `flue.cli.run_view` is the view for people."""

from __future__ import annotations

import csv
import json
import sys
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from flue.codec import to_json

if TYPE_CHECKING:
    import logging
    from datetime import datetime

    from flue.cli.terminal import Terminal
    from flue.cli.timeline import Timeline
    from flue.errors import FlueExecutionError
    from flue.models import FlueEvent, RunRecord, WorkflowInvokeResult, WorkflowWaitResult

__all__ = ["CsvView", "JsonLinesView", "LogLines", "View", "choose_view", "open_output", "say", "write_json"]


class View(Protocol):
    """Shows the results of a command about runs."""

    def response(self, response: WorkflowInvokeResult | WorkflowWaitResult | RunRecord) -> None:
        """Show the response to a single request."""
        ...

    def hint(self, command: str) -> None:
        """Show a command that one may want to type next."""
        ...

    def follow(self, started_at: datetime | None) -> None:
        """Events will arrive live.

        Args:
            started_at: when the run was started, if that is known.
        """
        ...

    def event(self, event: FlueEvent) -> None:
        """Show the next event."""
        ...

    def failed(self, error: FlueExecutionError) -> None:
        """The run that was followed failed."""
        ...

    def end(self, offset: str) -> None:
        """There are no more events; reading can be resumed from `offset`."""
        ...

    def timeline(self, timeline: Timeline) -> None:
        """Show a timeline."""
        ...

    def warning(self, record: logging.LogRecord) -> None:
        """Show what the library logs, such as a failed attempt."""
        ...

    def close(self) -> None:
        """Nothing more follows. Idempotent."""
        ...


class LogLines:
    """Shows what the library logs as sentences on standard error, and nothing else."""

    def warning(self, record: logging.LogRecord) -> None:
        """A sentence on standard error."""
        say(record.getMessage())

    def close(self) -> None:
        """Nothing: every line was flushed."""


class JsonLinesView(LogLines):
    """One JSON object a line, flushed line by line; everything else goes to standard error.

    Args:
        out: where the lines go.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def response(self, response: WorkflowInvokeResult | WorkflowWaitResult | RunRecord) -> None:
        """One line."""
        write_json(self._out, to_json(response))

    def hint(self, command: str) -> None:
        """Nothing."""

    def follow(self, started_at: datetime | None) -> None:
        """Nothing: the events say it."""

    def event(self, event: FlueEvent) -> None:
        """One line."""
        write_json(self._out, to_json(event))

    def failed(self, error: FlueExecutionError) -> None:
        """A sentence on standard error."""
        say(str(error))

    def end(self, offset: str) -> None:
        """Nothing."""

    def timeline(self, timeline: Timeline) -> None:
        """One line for each bar."""
        for bar in timeline.bars:
            write_json(self._out, bar.json())


class CsvView(JsonLinesView):
    """A table of events: one column for each field of the envelope, and the other fields as JSON in the last column.

    Args:
        out: where the table goes.
    """

    _COLUMNS = (
        ("event_index", "eventIndex"),
        ("timestamp", "timestamp"),
        ("type", "type"),
        ("run_id", "runId"),
        ("session", "session"),
        ("task_id", "taskId"),
        ("operation_id", "operationId"),
        ("turn_id", "turnId"),
        ("duration_ms", "durationMs"),
        ("is_error", "isError"),
    )

    def __init__(self, out: TextIO) -> None:
        super().__init__(out)
        self._table = csv.writer(out, lineterminator="\n")
        self._table.writerow([*(name for name, _ in self._COLUMNS), "data"])

    def event(self, event: FlueEvent) -> None:
        """One row."""
        fields = to_json(event)
        cells = [fields.pop(key, None) for _, key in self._COLUMNS]
        row = [cell if isinstance(cell, str) else "" if cell is None else json.dumps(cell) for cell in cells]
        self._table.writerow([*map(self._printable, row), json.dumps(fields, separators=(",", ":"))])
        self._out.flush()

    def _printable(self, cell: str) -> str:
        encoding = self._out.encoding or "utf-8"
        return cell.encode(encoding, "backslashreplace").decode(encoding)


def choose_view(*, json_lines: bool) -> View:
    """The view for standard output: JSON lines if asked for or if standard output is no terminal, else `RunView`."""
    if json_lines or not sys.stdout.isatty():
        return JsonLinesView(sys.stdout)
    from flue.cli.run_view import RunView  # noqa: PLC0415  # only if somebody looks

    return RunView(open_output())


def open_output() -> Terminal:
    """Standard output as a terminal, with a hint on standard error if colours could be had."""
    from flue.cli.terminal import HINT, PlainTerminal, open_terminal  # noqa: PLC0415  # only if somebody looks

    terminal = open_terminal(sys.stdout)
    if isinstance(terminal, PlainTerminal) and sys.stdout.isatty():
        say(HINT)
    return terminal


def write_json(out: TextIO, value: dict[str, Any]) -> None:
    """Write a JSON object as one line, and flush it.

    Lines are ASCII: everything else is escaped, so that lone surrogates and any encoding of the output are harmless.
    """
    out.write(json.dumps(value, separators=(",", ":")) + "\n")
    out.flush()


def say(*sentences: str) -> None:
    """Write sentences to standard error, one a line, the program's name before the first. They are cleaned."""
    from flue.cli.text import clean  # noqa: PLC0415  # only if there is something to say

    first, *others = (" ".join(clean(sentence).split("\n")) for sentence in sentences)
    sys.stderr.write("\n".join([f"flue: {first}", *(f"  {other}" for other in others)]) + "\n")
    sys.stderr.flush()
