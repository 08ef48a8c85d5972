"""Where results go: JSON lines and CSV for programs, plain text for people; `flue.cli.terminal` has the colours."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import logging
import shutil
import sys
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias, TypeVar

from flue.cli import discard
from flue.cli.text import Markdown, clean, paragraphs
from flue.codec import to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from datetime import datetime

    from flue.cli.parser import Options
    from flue.cli.run_view import RunView
    from flue.cli.text import Block, Line
    from flue.errors import FlueExecutionError
    from flue.models import FlueEvent, RunRecord, WorkflowInvokeResult, WorkflowWaitResult


# For programs.


def write_json(value: dict[str, Any]) -> None:
    """Write a JSON object to standard output as one line, and flush it.

    Lines are ASCII: everything else is escaped, so that lone surrogates and any encoding of the output are harmless.
    """
    sys.stdout.write(json.dumps(value, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def say(*sentences: str) -> None:
    """Write sentences to standard error, one a line, the program's name before the first. They are cleaned.

    Where nobody reads them, the results and the exit status are the same.
    """
    first, *others = (" ".join(clean(sentence).split("\n")) for sentence in sentences)
    try:
        sys.stderr.write("\n".join([f"flue: {first}", *(f"  {other}" for other in others)]) + "\n")
        sys.stderr.flush()
    except OSError:
        discard(sys.stderr)


class LogLines:
    """Shows what the library logs as sentences on standard error, and nothing else. The base of all views."""

    def warning(self, record: logging.LogRecord) -> None:
        """Show what the library logs, such as a failed attempt."""
        say(record.getMessage())

    def close(self) -> None:
        """Write what is pending. Idempotent."""


class JsonLinesView(LogLines):
    """The results of a command about runs as JSON objects, one a line; everything else goes to standard error."""

    def response(
        self,
        response: WorkflowInvokeResult | WorkflowWaitResult | RunRecord,
        hint: str = "",  # noqa: ARG002  # the interface of views
    ) -> None:
        """One line."""
        write_json(to_json(response))

    def follow(self, started_at: datetime | None) -> None:
        """Nothing: the events say it."""

    def event(self, event: FlueEvent) -> None:
        """One line."""
        write_json(to_json(event))

    def failed(self, error: FlueExecutionError) -> None:
        """A sentence on standard error."""
        say(str(error))

    def end(self, offset: str) -> None:
        """Nothing."""


class CsvView(JsonLinesView):
    """A table of events: one column for each field of the envelope, and the other fields as JSON in the last column."""

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

    def __init__(self) -> None:
        self._table = csv.writer(sys.stdout, lineterminator="\n")
        self._table.writerow([*(name for name, _ in self._COLUMNS), "data"])

    def event(self, event: FlueEvent) -> None:
        """One row."""
        fields = to_json(event)
        cells = [fields.pop(key, None) for _, key in self._COLUMNS]
        row = [cell if isinstance(cell, str) else "" if cell is None else json.dumps(cell) for cell in cells]
        self._table.writerow([*map(self._printable, row), json.dumps(fields, separators=(",", ":"))])
        sys.stdout.flush()

    def _printable(self, cell: str) -> str:
        encoding = sys.stdout.encoding or "utf-8"
        return cell.encode(encoding, "backslashreplace").decode(encoding)


# For people.

# The drawing characters of this program, and replacements for an output whose encoding lacks them.
_ASCII = str.maketrans("│┌└─✓✗▶»↻…●·✂█░⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|,`-+x>>@.*.%#:|/-\\|/-\\|/")


class Terminal:
    """Writes cleaned text for people to read, here plain text whose lines are broken by whatever shows them.

    Args:
        out: Where the text goes. It gets `?` for what its encoding lacks.

    Attributes:
        is_live: Whether a footer can be drawn.
    """

    is_live = False

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._glyphs: dict[int, int] = {}
        try:
            "".join(map(chr, _ASCII)).encode(out.encoding or "utf-8")
        except UnicodeEncodeError:
            self._glyphs = _ASCII
        if isinstance(out, io.TextIOWrapper):
            out.reconfigure(errors="replace")

    @property
    def columns(self) -> int:
        """Columns of the terminal, as of now; 80 where there is none."""
        return shutil.get_terminal_size().columns

    def write(self, *blocks: Block) -> None:
        """Write lines, and Markdown as it is."""
        for block in blocks:
            if isinstance(block, Markdown):
                self._out.write(f"{block.text}\n")
            else:
                text = f"{'│ ' * block.level}{block.mark[0]}{block.text}".rstrip()
                self._out.write(f"{text}\n".translate(self._glyphs))
        self._out.flush()

    def width(self, text: str) -> int:
        """Columns that the text occupies; the number of characters is exact for most alphabets."""
        return len(text)

    def fit(self, text: str, columns: int) -> str:
        """The text on exactly so many columns: padded, or cut with an ellipsis."""
        return text.ljust(columns) if len(text) <= columns else f"{text[: columns - 1]}…"

    def start(self, footer: Callable[[], Sequence[Block]]) -> None:
        """Draw a footer below the last line from now on, where that is possible.

        Args:
            footer: Returns its blocks as of now; called from another thread too.
        """

    def close(self) -> None:
        """Write what is pending and remove the footer. Idempotent; `start` may follow."""


def open_output() -> Terminal:
    """Standard output for people: with colours if somebody looks at it and rich is installed, else with a hint."""
    if not sys.stdout.isatty():
        return Terminal(sys.stdout)
    try:
        from flue.cli.terminal import RichTerminal  # noqa: PLC0415  # rich is of the extra `cli`
    except ImportError:
        say("for colours and a live view: pip install 'flue-sdk[cli]'")
        return Terminal(sys.stdout)
    return RichTerminal(sys.stdout)


class GrowingText:
    """Text that arrives in pieces: lines are written when they are complete, and in the footer until then.

    Args:
        terminal: Where to.
        style: Of the text.
        level: In the tree.
        whole: On a live terminal nothing is written before the end, and then as Markdown if there is no style.

    Attributes:
        received: The text so far, not cleaned.
        written: How many characters of it are on the terminal.
    """

    def __init__(self, terminal: Terminal, style: str = "", level: int = 0, *, whole: bool = False) -> None:
        self.received = ""
        self.written = 0
        self._terminal = terminal
        self._style = style
        self._level = level
        self._whole = whole and terminal.is_live

    def flow(self) -> None:
        """Write the lines that are complete."""
        end = self.received.rfind("\n") + 1
        if end > self.written and not self._whole:
            self._terminal.write(*self._lines(self.received[self.written : end - 1]))
            self.written = end

    def end(self, style: str = "") -> None:
        """Write the rest, perhaps in another style."""
        self.flow()
        rest = self.received[self.written :]
        self.written = len(self.received)
        self._style = style or self._style
        if self._whole:
            rest = rest.strip("\n")
        if self._whole and not self._style and rest.strip():
            self._terminal.write(Markdown(clean(rest)))
        elif rest.strip():
            self._terminal.write(*self._lines(rest))

    def footer(self) -> list[Block]:
        """What has not been written. May be called from another thread."""
        rest = self.received[self.written :]
        return [*self._lines(rest)] if rest else []

    def _lines(self, text: str) -> list[Line]:
        return paragraphs(text, style=self._style, level=self._level)


# Views.

View: TypeAlias = "JsonLinesView | RunView"
"""Shows the results of a command about runs."""


def choose_view(options: Options) -> View:
    """The view that the options ask for."""
    if options.json_lines:
        return JsonLinesView()
    from flue.cli.run_view import RunView  # noqa: PLC0415  # only if somebody looks

    return RunView(open_output())


_V = TypeVar("_V", bound=LogLines)


@contextlib.contextmanager
def shown_on(view: _V) -> Generator[_V]:
    """While entered, a view shows what the library logs; it is closed at the end."""
    handler = _ViewHandler(view)
    logger = logging.getLogger("flue")
    logger.addHandler(handler)
    try:
        yield view
    finally:
        logger.removeHandler(handler)
        view.close()


class _ViewHandler(logging.Handler):
    """Passes log records to a view."""

    def __init__(self, view: LogLines) -> None:
        super().__init__(logging.WARNING)
        self._view = view

    def emit(self, record: logging.LogRecord) -> None:
        self._view.warning(record)
