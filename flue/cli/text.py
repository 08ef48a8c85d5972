"""Text for people: server text made safe to print, values in words, and the lines that terminals show."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import attrs

if TYPE_CHECKING:
    import logging

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
