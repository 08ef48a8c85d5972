"""What people and programs read: server text made safe to print, values in words, lines, and where they go.

JSON lines and CSV are for programs, plain text is for people; `flue.cli.terminal` has the colours.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import logging
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, Literal, TextIO, TypeAlias, TypeVar, cast

import attrs

from flue.cli import discard
from flue.codec import to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from datetime import datetime

    from flue.cli.parser import Options
    from flue.cli.run_view import RunView
    from flue.errors import FlueExecutionError
    from flue.models import FlueEvent, RunRecord, WorkflowInvokeResult, WorkflowWaitResult

Span: TypeAlias = tuple[str, str]
"""A piece of text and its style, in the words of rich (`bold red`); `""` for none."""

Overflow: TypeAlias = Literal["fold", "ellipsis", "ignore"]
"""What is done with text that does not fit on a line, in the words of rich: break it, cut it, or let it be."""

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_MAX_VALUE = 2000
"""Characters of a value that are looked at for a single line: more than any terminal shows."""

# Text from a server must not control the terminal: escapes and other control characters are shown as U+FFFD, and so
# are the marks that reorder text (bidirectional embeddings, overrides and isolates).
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_CONTROLS = {
    **dict.fromkeys(
        (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
        _REPLACEMENT,
    ),
    **dict.fromkeys((ord("\n"), 0x85, 0x2028, 0x2029), "\n"),
    ord("\t"): "    ",
    ord("\r"): "",
}


@attrs.frozen
class Line:
    """One line of output, which a terminal may break into several.

    Attributes:
        spans: The text.
        mark: Written before the text; what does not fit on the first line is indented by its width.
        level: Depth in the tree of the run, drawn as vertical rules.
        overflow: What is done with text that does not fit; a line that is to be copied ignores it.
    """

    spans: tuple[Span, ...]
    mark: Span = ("", "")
    level: int = 0
    overflow: Overflow = "fold"

    @property
    def text(self) -> str:
        """The text without its mark and styles."""
        return "".join(text for text, _ in self.spans)


@attrs.frozen
class Markdown:
    """Text in Markdown, which a terminal renders if it can.

    Attributes:
        text: Cleaned.
    """

    text: str


Block: TypeAlias = Line | Markdown
"""What a terminal writes."""


def line(*spans: Span, mark: Span = ("", ""), level: int = 0, overflow: Overflow = "fold") -> Line:
    """A line of these spans."""
    return Line(spans, mark, level, overflow)


def paragraphs(text: str, *, mark: Span = ("", ""), style: str = "", level: int = 0) -> list[Line]:
    """Text that has not been cleaned yet as one `Line` for each of its lines; only the first has the mark visible."""
    first, *others = clean(text).split("\n")
    indent = (" " * len(mark[0]), "")
    return [Line(((first, style),), mark, level), *(Line(((other, style),), indent, level) for other in others)]


def clean(text: str) -> str:
    """The text with nothing but printable characters and line feeds; lone surrogates become U+FFFD."""
    if not text.isprintable():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").translate(_CONTROLS)
    return text


def one_line(text: str) -> str:
    """The text cleaned, each run of white space replaced by one space."""
    return " ".join(clean(text).split())


def duration(milliseconds: float) -> str:
    """A length of time with a fitting unit: `7 ms`, `1.2 s`, `2:05`."""
    if round(milliseconds) < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    return f"{seconds:.1f} s" if round(seconds, 1) < 60 else clock(round(seconds))


def clock(seconds: float) -> str:
    """A length of time as `minutes:seconds`, or `hours:minutes:seconds`."""
    minutes, rest = divmod(max(int(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def count(number: int, noun: str) -> str:
    """A number and a noun: `1 event`, `1,200 events`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def compact(value: Any) -> str:
    """A JSON value on one line."""
    return one_line(_dumps(value)[:_MAX_VALUE])


def pretty(value: Any, indent: int | None = 2) -> list[str]:
    """A JSON value as lines to be read: a string as it is, everything else indented."""
    return clean(value if isinstance(value, str) else _dumps(value, indent)).split("\n")


def arguments(value: Any) -> str:
    """The arguments of a tool call: `path="/a", lines=[1, 2]`."""
    if value is None:
        return ""
    if not isinstance(value, dict):
        return compact(value)
    members = cast("dict[str, Any]", value)
    return ", ".join(f"{one_line(name[:_MAX_VALUE])}={compact(member)}" for name, member in members.items())


def tool_started(name: str, input_: Any) -> Line:
    """The line for a tool call that begins."""
    return line((f"{one_line(name)}({arguments(input_)})", ""), mark=("● ", "blue"), overflow="ellipsis")


def tool_finished(name: str, milliseconds: float | None, output: Any, *, failed: bool) -> Line:
    """The line for a tool call that has ended."""
    mark = ("✗ ", "red") if failed else ("✓ ", "green")
    took = "" if milliseconds is None else f"  {duration(milliseconds)}"
    result = "" if output is None else f"  {tool_result(output)}"
    spans = ((one_line(name), ""), (took, "dim"), (result, "red" if failed else "dim"))
    return line(*spans, mark=mark, overflow="ellipsis")


def command_line(command: str, indent: str = "  ") -> Line:
    """The line for something to type. It can be copied: the terminal breaks it, not a line feed."""
    return line((command, ""), mark=(indent, "dim"), overflow="ignore")


def data_line(name: str, data: Any) -> Line:
    """The line for named data."""
    return line((one_line(name), "bold"), (f"  {compact(data)}", ""), mark=("· ", "dim"), overflow="ellipsis")


def unknown_line(name: str, problem: str) -> Line:
    """The line for something of an unknown type, or that does not fit its schema."""
    return line((f"{one_line(name)}: {one_line(problem)}", "dim"), mark=("? ", "yellow"))


def status_line(seconds: float, *spans: Span, hint: str) -> Line:
    """The line below what is going on: a spinner, the time since it began, and what Ctrl-C does."""
    elapsed = f"{_FRAMES[int(time.monotonic() * 10) % len(_FRAMES)]} {clock(seconds)}"
    return line((elapsed, "cyan"), *spans, (f"  {hint}", "dim"), overflow="ellipsis")


def warning_line(record: logging.LogRecord) -> Line:
    """The line for what the library logs, such as a failed attempt."""
    return line((one_line(record.getMessage()), "yellow"), mark=("! ", "yellow"))


def tool_result(value: Any) -> str:
    """The output of a tool on one line: its text if there is any, else the JSON."""
    text = _content_text(value)
    return compact(value) if text is None else one_line(text[:_MAX_VALUE])


def failure(error: Any) -> str:
    """The reason of a failure, from whatever the server recorded."""
    if isinstance(error, dict):
        members = cast("dict[str, Any]", error)
        name, message = members.get("name"), members.get("message")
        if isinstance(message, str):
            return one_line(f"{name}: {message}" if isinstance(name, str) and name != "Error" else message)
    return "no error was recorded" if error is None else compact(error)


def message_text(message: Any) -> tuple[str, str]:
    """The role and the text of a message, each `""` if there is none: Flue does not promise the shape of messages."""
    if not isinstance(message, dict):
        return "", ""
    role = cast("dict[str, Any]", message).get("role")
    return role if isinstance(role, str) else "", _content_text(message) or ""


def _content_text(value: Any) -> str | None:
    """The text of a JSON object's `content`, which is a string or a list of parts; None where there is no text."""
    if not isinstance(value, dict):
        return None
    content = cast("dict[str, Any]", value).get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    elements: Any = content  # pyright: ignore[reportUnknownVariableType]  # JSON, checked part by part below
    parts = [cast("dict[str, Any]", part) for part in elements if isinstance(part, dict)]
    texts = [part["text"] for part in parts if part.get("type") == "text" and isinstance(part.get("text"), str)]
    return "".join(texts) if texts else None


def _dumps(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


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
