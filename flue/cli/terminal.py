"""Terminals: `RichTerminal` with colours, wrapping and a live footer, `PlainTerminal` where rich is not installed.

Both take cleaned text only (`flue.cli.text.clean`).
"""

from __future__ import annotations

import io
import shutil
import threading
import time
from typing import TYPE_CHECKING, Protocol, TextIO

import attrs

from flue.cli.text import Markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.live import Live

    from flue.cli.text import Block, Span

__all__ = ["HINT", "Footer", "PlainTerminal", "RichTerminal", "Terminal", "open_terminal"]

HINT = "for colours and a live view: pip install 'flue-sdk[cli]'"

_FLUSH_INTERVAL = 0.05
"""Seconds for which lines are collected below a live footer, since each write draws the footer again."""
_REFRESH_INTERVAL = 0.1
"""Seconds between two frames of a live footer."""

# The drawing characters of this program, and replacements for an output whose encoding lacks them.
_ASCII = str.maketrans("│┌└─✓✗▶»↻…●·✂█░⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|,`-+x>>@.*.%#:|/-\\|/-\\|/")


class Footer(Protocol):
    """What is drawn below the last line and redrawn all the time."""

    def __call__(self) -> Sequence[Block]:
        """The blocks as of now. Called from another thread too."""
        ...


class Terminal(Protocol):
    """Writes lines for people to read."""

    def write(self, *blocks: Block) -> None:
        """Write lines and Markdown that stay."""
        ...

    def write_command(self, mark: Span, command: str) -> None:
        """Write a line that can be copied: it is never broken by line feeds."""
        ...

    def wrap(self, text: str, level: int) -> list[str]:
        """Text without line feeds as the pieces that fit on one line at this level of the tree; at least one."""
        ...

    def width(self, text: str) -> int:
        """Columns that the text occupies."""
        ...

    def fit(self, text: str, columns: int) -> str:
        """The text on exactly so many columns: padded, or cut with an ellipsis."""
        ...

    @property
    def columns(self) -> int:
        """Columns of the terminal."""
        ...

    @property
    def is_live(self) -> bool:
        """Whether a footer can be drawn."""
        ...

    def start(self, footer: Footer) -> None:
        """Draw a footer from now on, where that is possible."""
        ...

    def close(self) -> None:
        """Write what is pending and remove the footer. Idempotent."""
        ...


def open_terminal(out: TextIO) -> Terminal:
    """The best terminal for an output: `RichTerminal` if somebody looks at it and rich is installed."""
    if out.isatty():
        try:
            return RichTerminal(out)
        except ImportError:
            pass
    return PlainTerminal(out)


def _glyphs(out: TextIO) -> dict[int, int]:
    """A translation for `str.translate`: empty where the output's encoding has all drawing characters."""
    try:
        "".join(map(chr, _ASCII)).encode(out.encoding or "utf-8")
    except UnicodeEncodeError:
        return _ASCII
    return {}


def _replace_unencodable(out: TextIO) -> None:
    """Write `?` for what the encoding of the output lacks, instead of failing."""
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="replace")


class PlainTerminal:
    """Writes plain text. Lines are not broken: that is left to whatever shows them.

    Args:
        out: where the text goes.
    """

    is_live = False

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._glyphs = _glyphs(out)
        _replace_unencodable(out)

    @property
    def columns(self) -> int:
        """Columns of the terminal; 80 where there is none."""
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

    def write_command(self, mark: Span, command: str) -> None:
        """Write a line that can be copied."""
        self._out.write(f"{mark[0]}{command}\n".translate(self._glyphs))
        self._out.flush()

    def wrap(self, text: str, level: int) -> list[str]:  # noqa: ARG002  # the interface of terminals
        """One piece."""
        return [text]

    def width(self, text: str) -> int:
        """The number of characters: exact for most alphabets."""
        return len(text)

    def fit(self, text: str, columns: int) -> str:
        """The text on exactly so many columns."""
        return text.ljust(columns) if len(text) <= columns else f"{text[: columns - 1]}…"

    def start(self, footer: Footer) -> None:
        """Nothing: there is no footer."""

    def close(self) -> None:
        """Nothing: every line was flushed."""


class RichTerminal:
    """A terminal drawn by rich, which knows its width, its colours (`NO_COLOR`) and whether it can redraw.

    Args:
        out: the terminal.
        width: columns; default: those of the terminal.

    Raises:
        ImportError: rich is not installed.
    """

    def __init__(self, out: TextIO, *, width: int | None = None) -> None:
        from rich.console import Console  # noqa: PLC0415  # of the extra `cli`

        self.console: Console = Console(file=out, width=width, highlight=False, markup=False, emoji=False)
        self.is_live = self.console.is_terminal and not self.console.is_dumb_terminal
        self._glyphs = _glyphs(out)
        self._live: Live | None = None
        self._ticker: threading.Thread | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._pending: list[Block] = []
        self._flushed_at = 0.0
        _replace_unencodable(out)

    @property
    def columns(self) -> int:
        """Columns of the terminal, as of now."""
        return self.console.width

    def write(self, *blocks: Block) -> None:
        """Write lines and rendered Markdown that stay."""
        with self._lock:
            self._pending += blocks
        if self._live is None or time.monotonic() - self._flushed_at >= _FLUSH_INTERVAL:
            self._flush()

    def write_command(self, mark: Span, command: str) -> None:
        """Write a line that can be copied: the terminal breaks it, not a line feed."""
        from rich.text import Text  # noqa: PLC0415  # of the extra `cli`

        self._flush()
        self.console.print(Text.assemble(*_translated([mark], self._glyphs), command), soft_wrap=True)

    def wrap(self, text: str, level: int) -> list[str]:
        """Text without line feeds as the pieces that fit on one line at this level; white space at the end is kept."""
        from rich.text import Text  # noqa: PLC0415  # of the extra `cli`

        body = text.rstrip(" ")
        room = _room(self.columns, level, 0)
        *pieces, last = [piece.plain for piece in Text(body).wrap(self.console, room, overflow="fold")] or [""]
        return [*pieces, last + text[len(body) :]]

    def width(self, text: str) -> int:
        """Columns that the text occupies."""
        from rich.cells import cell_len  # noqa: PLC0415  # of the extra `cli`

        return cell_len(text)

    def fit(self, text: str, columns: int) -> str:
        """The text on exactly so many columns."""
        from rich.text import Text  # noqa: PLC0415  # of the extra `cli`

        fitted = Text(text)
        fitted.truncate(columns, overflow="ellipsis", pad=True)
        return fitted.plain

    def start(self, footer: Footer) -> None:
        """Draw a footer from now on, on a terminal that can redraw."""
        if not self.is_live or self._live is not None:
            return
        from rich.live import Live  # noqa: PLC0415  # of the extra `cli`

        self._live = Live(
            console=self.console,
            get_renderable=lambda: _Tail([_Rendered(block, self._glyphs) for block in footer()]),
            auto_refresh=False,  # its thread would not write what is pending
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="visible",  # `_Tail` keeps it within the terminal
        )
        self._live.start()
        self._stop.clear()
        self._ticker = threading.Thread(target=self._tick, args=(self._live,), name="flue terminal", daemon=True)
        self._ticker.start()

    def close(self) -> None:
        """Write what is pending and remove the footer. Idempotent; `start` may follow."""
        self._stop.set()
        ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.join()
        self._flush()
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _tick(self, live: Live) -> None:
        while not self._stop.wait(_REFRESH_INTERVAL):
            try:
                self._flush()
                live.refresh()
            except OSError:  # the terminal is gone; the next line that is written says so
                return

    def _flush(self) -> None:
        with self._lock:
            pending, self._pending = self._pending, []
            if pending:
                self.console.print(*(_Rendered(block, self._glyphs) for block in pending), sep="", end="")
                self._flushed_at = time.monotonic()


@attrs.frozen
class _Rendered:
    """A block for rich: rules for the level of a line, its mark, and its text broken to the room that is left."""

    block: Block
    glyphs: dict[int, int]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The protocol of rich for what it can print."""
        if isinstance(self.block, Markdown):
            from rich.markdown import Markdown as RichMarkdown  # noqa: PLC0415  # of the extra `cli`

            # A link shows its address: none can be followed unseen. Code keeps the background of the terminal.
            yield RichMarkdown(self.block.text, hyperlinks=False, code_theme="ansi_dark")
            return
        from rich.text import Text  # noqa: PLC0415  # of the extra `cli`

        line = self.block
        text = Text.assemble(*_translated(line.spans, self.glyphs))
        room = _room(options.max_width, line.level, len(line.mark[0]))
        if line.clip:
            text.truncate(room, overflow="ellipsis")
        before = _translated([("│ " * _depth(options.max_width, line.level), "dim"), line.mark], self.glyphs)
        for piece in text.wrap(console, room, overflow="fold") or [text]:
            piece.rstrip()
            yield Text.assemble(*before, piece, no_wrap=True, overflow="ignore")
            before = [before[0], (" " * len(line.mark[0]), "")]


@attrs.frozen
class _Tail:
    """Lines of which only the last are shown where the terminal is too low for all of them."""

    blocks: list[_Rendered]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The protocol of rich for what it can print."""
        from rich.console import Group  # noqa: PLC0415  # of the extra `cli`
        from rich.segment import Segment, SegmentLines  # noqa: PLC0415  # of the extra `cli`

        lines: list[list[Segment]] = console.render_lines(Group(*self.blocks), options, pad=False)
        yield SegmentLines(lines[-max(console.height - 1, 1) :], new_lines=True)


def _translated(spans: Sequence[Span], glyphs: dict[int, int]) -> list[Span]:
    return [(text.translate(glyphs), style) for text, style in spans]


def _depth(columns: int, level: int) -> int:
    """Rules that are drawn for a level: half of the columns are left for the text, however deep it is."""
    return min(level, columns // 4)


def _room(columns: int, level: int, mark: int) -> int:
    """Columns for the text of a line."""
    return max(columns - 2 * _depth(columns, level) - mark, 1)
