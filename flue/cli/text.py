"""Text for terminals: what is safe to print, how wide it is, where it breaks."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "SPINNER",
    "Line",
    "Paint",
    "Prose",
    "Span",
    "apart",
    "clean",
    "clip",
    "indented",
    "one_line",
    "width",
    "wrap",
    "wrapped",
]

Span: TypeAlias = tuple[str, str]
"""A piece of text and the names of its styles, separated by spaces; `""` for none."""
Line: TypeAlias = "Sequence[Span]"

_CODES = {
    "bold": "1",
    "dim": "2",
    "italic": "3",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}

# What comes from a server must not steer the terminal: escapes and other control characters are shown as U+FFFD, and
# so are the marks that make text appear in another order than it has.
_SHOWN = "\N{REPLACEMENT CHARACTER}"
_CONTROLS = {
    **dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), _SHOWN),
    **dict.fromkeys((ord("\n"), 0x85, 0x2028, 0x2029), "\n"),
    ord("\t"): "    ",
    ord("\r"): "",
}

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
"""What turns while something goes on."""

# What this program draws with, and what it uses where the output's encoding has no such characters.
_PLAIN = str.maketrans(f"│┌└─✓✗▶»↻…●·✂█░{SPINNER}", "|,`-+x>>@.*.%#:|/-\\|/-\\|/")


def clean(text: str) -> str:
    """The text with nothing in it but printable characters and line feeds; lone surrogates become U+FFFD."""
    if not text.isprintable():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").translate(_CONTROLS)
    return text


def one_line(text: str) -> str:
    """The text cleaned, its white space folded."""
    return " ".join(clean(text).split())


def width(text: str) -> int:
    """Columns that a cleaned text takes up."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.east_asian_width(character) in {"W", "F"}:
        return 2
    return 0 if unicodedata.category(character) in {"Mn", "Me", "Cf"} else 1


def clip(spans: Iterable[Span], columns: int) -> list[Span]:
    """Spans that fit into one line of so many columns; what is left out is marked by an ellipsis."""
    spans = list(spans)
    if sum(width(text) for text, _ in spans) <= columns:
        return spans
    kept: list[Span] = []
    left = columns - 1
    for text, style in spans:
        if width(text) > left:
            short = wrap(text, max(left, 1), words=False)[0] if left > 0 else ""
            return [*kept, (f"{short}…", style)]
        kept.append((text, style))
        left -= width(text)
    return kept


def wrap(text: str, columns: int, *, words: bool = True) -> list[str]:
    """Break one cleaned line into lines of at most so many columns, between words where that is possible."""
    lines: list[str] = []
    start, used, space = 0, 0, -1
    for index, character in enumerate(text):
        size = _columns(character)
        if used + size > columns and index > start:
            if words and character == " ":
                lines.append(text[start:index])
                start, used, space = index + 1, 0, -1
                continue
            end = space if words and space > start else index
            lines.append(text[start:end])
            start = end + 1 if end == space else end
            used, space = width(text[start:index]), -1
        if character == " ":
            space = index
        used += size
    return [*lines, text[start:]]


def wrapped(text: str, columns: int, *, mark: str, mark_style: str | None = None, style: str = "") -> list[Line]:
    """A text of any length as lines, with a mark before the first of them.

    Args:
        text: not cleaned yet.
        columns: of a line, the mark included.
        mark: before the first line; the others are indented by its width.
        mark_style: of the mark; by default that of the text.
        style: of the text.
    """
    indent = " " * len(mark)
    pieces = [piece for line in clean(text).split("\n") for piece in wrap(line, columns - len(mark))]
    marked = style if mark_style is None else mark_style
    return [[(indent if index else mark, marked), (piece, style)] for index, piece in enumerate(pieces)]


def apart(line: Line, columns: int) -> list[Line]:
    """The line, or two: one that does not fit has its last span, which is worth copying, on a line of its own."""
    *before, (last, style) = line
    if sum(width(text) for text, _ in line) <= columns:
        return [line]
    return [before, [(f"  {last.strip()}", style)]]


def indented(level: int, line: Line) -> Line:
    """A line of the tree, as deep as it lies."""
    return [("│ " * level, "dim"), *line]


class Prose:
    """Text that arrives in pieces, broken into lines as it comes.

    Args:
        columns: of a line.
    """

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._held: str = ""
        self.rest: str = ""

    def feed(self, text: str) -> list[str]:
        """Add a piece. Returns the lines that are complete; `rest` is the line in the making."""
        text, self._held = self._held + text, ""
        # A piece may have been cut inside a character beyond U+FFFF, as JavaScript stores it.
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        lines = (self.rest + clean(text)).split("\n")
        broken = [wrap(line, self._columns) for line in lines]
        *complete, self.rest = (piece for pieces in broken for piece in pieces)
        return complete


class Paint:
    """Puts styles on text, or leaves it plain.

    Args:
        colour: whether the terminal shows colours.
        encoding: of the output; what it cannot express is replaced.
    """

    def __init__(self, *, colour: bool, encoding: str | None = None) -> None:
        self._colour = colour
        self._encoding = encoding or "utf-8"
        try:
            "".join(map(chr, _PLAIN)).encode(self._encoding)
        except UnicodeEncodeError:
            self._drawn = _PLAIN
        else:
            self._drawn = {}

    def __call__(self, text: str, style: str = "") -> str:
        """The text in a style, ready to be written."""
        text = text.translate(self._drawn).encode(self._encoding, "replace").decode(self._encoding)
        if not self._colour or not style or not text:
            return text
        codes = ";".join(_CODES[name] for name in style.split())
        return f"\x1b[{codes}m{text}\x1b[0m"

    def line(self, spans: Iterable[Span]) -> str:
        """A line in its styles, without a line feed."""
        return "".join(self(text, style) for text, style in spans)
