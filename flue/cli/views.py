"""Where the outcome of a command goes: JSON lines for programs; `flue.cli.terminal` has the view for people."""

from __future__ import annotations

import csv
import json
import os
import sys
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from flue.codec import to_json

if TYPE_CHECKING:
    import logging
    from datetime import datetime

    from flue.cli.bars import Timeline
    from flue.errors import FlueExecutionError
    from flue.models import FlueEvent, RunRecord, WorkflowInvokeResult, WorkflowWaitResult

__all__ = ["CsvView", "JsonLinesView", "View", "choose_view"]


class View(Protocol):
    """Shows what a command finds out."""

    def answer(self, answer: WorkflowInvokeResult | WorkflowWaitResult | RunRecord) -> None:
        """What the server answered to one question."""
        ...

    def hint(self, command: str) -> None:
        """What one might want to type next."""
        ...

    def follow(self, since: datetime | None) -> None:
        """Events will come, live.

        Args:
            since: when the run was started, if that is known.
        """
        ...

    def event(self, event: FlueEvent) -> None:
        """The next event."""
        ...

    def failed(self, error: FlueExecutionError) -> None:
        """The run that was followed failed."""
        ...

    def end(self, offset: str) -> None:
        """There are no more events; one can go on from `offset`."""
        ...

    def timeline(self, timeline: Timeline) -> None:
        """What a run did when."""
        ...

    def warning(self, record: logging.LogRecord) -> None:
        """What the library logs, such as an attempt that failed."""
        ...

    def close(self) -> None:
        """Nothing more comes. Idempotent."""
        ...


class JsonLinesView:
    """One JSON object a line, flushed line by line; everything else goes to standard error.

    Lines are ASCII: what is not is escaped, so that lone surrogates and any encoding of the output are harmless.

    Args:
        out: where the lines go.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def answer(self, answer: WorkflowInvokeResult | WorkflowWaitResult | RunRecord) -> None:
        """One line."""
        self._write(to_json(answer))

    def hint(self, command: str) -> None:
        """Nothing."""

    def follow(self, since: datetime | None) -> None:
        """Nothing: the events say it."""

    def event(self, event: FlueEvent) -> None:
        """One line."""
        self._write(to_json(event))

    def failed(self, error: FlueExecutionError) -> None:
        """A sentence on standard error."""
        say(str(error))

    def end(self, offset: str) -> None:
        """Nothing."""

    def timeline(self, timeline: Timeline) -> None:
        """One line for each bar."""
        for bar in timeline.bars:
            self._write(bar.json())

    def warning(self, record: logging.LogRecord) -> None:
        """A sentence on standard error."""
        say(record.getMessage())

    def close(self) -> None:
        """Nothing: every line was flushed."""

    def _write(self, value: dict[str, Any]) -> None:
        self._out.write(json.dumps(value, separators=(",", ":")) + "\n")
        self._out.flush()


class CsvView(JsonLinesView):
    """A table of events: their envelope in columns, the rest as JSON in the last one.

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
    """The view for standard output: JSON lines when asked for or when nobody looks, else one for people."""
    if json_lines or not sys.stdout.isatty():
        return JsonLinesView(sys.stdout)
    from flue.cli.terminal import TerminalView  # noqa: PLC0415  # only when somebody looks

    smart = os.environ.get("TERM") != "dumb"
    return TerminalView(sys.stdout, colour=smart and not os.environ.get("NO_COLOR"), live=smart)


def say(*sentences: str) -> None:
    """Sentences on standard error, one a line, the first with the program's name. Nothing in them steers a terminal."""
    from flue.cli.text import clean  # noqa: PLC0415  # only when there is something to say

    first, *others = (" ".join(clean(sentence).split("\n")) for sentence in sentences)
    sys.stderr.write("\n".join([f"flue: {first}", *(f"  {other}" for other in others)]) + "\n")
    sys.stderr.flush()
