"""The terminal with colours, wrapping and a live footer, drawn by rich (extra `cli`)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TextIO

import attrs
from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.markdown import Markdown as RichMarkdown
from rich.segment import SegmentLines
from rich.text import Text

from flue.cli.output import Markdown, Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import ConsoleOptions, RenderResult

    from flue.cli.output import Block, Span

_FRAMES_PER_SECOND = 12


class RichTerminal(Terminal):
    """A terminal drawn by rich, which knows its width, its colours (`NO_COLOR`) and whether it can redraw.

    Args:
        out: The terminal.
        width: Columns; default: those of the terminal.
    """

    def __init__(self, out: TextIO, *, width: int | None = None) -> None:
        super().__init__(out)
        self._console = Console(file=out, width=width, highlight=False, markup=False, emoji=False)
        if self._console.is_dumb_terminal:  # for which rich assumes 80 columns
            self._console.size = (width or super().columns, self._console.height)
        self.is_live = self._console.is_terminal and not self._console.is_dumb_terminal
        self._footer: _Footer | None = None

    @property
    def columns(self) -> int:
        """Columns of the terminal, as of now."""
        return self._console.width

    def write(self, *blocks: Block) -> None:
        """Write lines and rendered Markdown that stay: at once, or with the next frame of the footer."""
        rendered = self._rendered(blocks)
        if self._footer is not None:
            self._footer.write(rendered)
        else:
            _print(self._console, rendered)

    def width(self, text: str) -> int:
        """Columns that the text occupies."""
        return cell_len(text)

    def fit(self, text: str, columns: int) -> str:
        """The text on exactly so many columns: padded, or cut with an ellipsis."""
        fitted = Text(text)
        fitted.truncate(columns, overflow="ellipsis", pad=True)
        return fitted.plain

    def start(self, footer: Callable[[], Sequence[Block]]) -> None:
        """Draw a footer from now on, on a terminal that can redraw."""
        if self.is_live and self._footer is None:
            self._footer = _Footer(self._console, lambda: _Tail(self._rendered(footer())))
            self._footer.start()

    def close(self) -> None:
        """Write what is pending and remove the footer. Idempotent; `start` may follow."""
        footer, self._footer = self._footer, None
        if footer is not None:
            footer.stop()
            footer.write([])

    def _rendered(self, blocks: Sequence[Block]) -> list[_Rendered]:
        return [_Rendered(block, self._glyphs) for block in blocks]


class _Footer(Live):
    """A live display whose thread writes the lines above it, too: each write draws the footer again."""

    def __init__(self, console: Console, footer: Callable[[], _Tail]) -> None:
        self._pending: deque[_Rendered] = deque()
        self._error: OSError | None = None
        super().__init__(
            console=console,
            get_renderable=footer,
            refresh_per_second=_FRAMES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="visible",  # `_Tail` keeps it within the terminal
        )

    def write(self, blocks: list[_Rendered]) -> None:
        """Write blocks with the next frame.

        Raises:
            OSError: The terminal is gone.
        """
        if self._error is not None:
            raise self._error
        self._pending.extend(blocks)

    def refresh(self) -> None:
        """Write what is pending, and the footer as of now. Called for every frame, and at the end."""
        pending = [self._pending.popleft() for _ in range(len(self._pending))]
        try:
            with self.console:  # one write to the terminal
                _print(self.console, pending)
                super().refresh()
        except OSError as error:
            self._error = error


def _print(console: Console, blocks: list[_Rendered]) -> None:
    if blocks:  # some versions of rich write a blank line for nothing
        console.print(*blocks, sep="", end="", crop=False)


@attrs.frozen
class _Rendered:
    """A block for rich: rules for the level of a line, its mark, and its text broken to the room that is left."""

    block: Block
    glyphs: dict[int, int]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The protocol of rich for what it can print."""
        if isinstance(self.block, Markdown):
            # A link shows its address: none can be followed unseen. Code keeps the background of the terminal.
            yield RichMarkdown(self.block.text, hyperlinks=False, code_theme="ansi_dark")
            return
        line = self.block
        # Half of the columns are left for the text, however deep it lies.
        rules = "│ " * min(line.level, options.max_width // 4)
        mark, style = line.mark
        room = max(options.max_width - len(rules) - len(mark), 1)
        text = self._assemble(*line.spans)
        if line.overflow == "ellipsis":
            text.truncate(room, overflow="ellipsis")
        pieces = [text] if line.overflow == "ignore" else text.wrap(console, room, overflow="fold") or [text]
        for piece in pieces:
            piece.rstrip()
            before = self._assemble((rules, "dim"), (mark, style))
            yield Text.assemble(before, piece, no_wrap=True, overflow="ignore")
            mark, style = " " * len(mark), ""

    def _assemble(self, *spans: Span) -> Text:
        return Text.assemble(*((text.translate(self.glyphs), style) for text, style in spans))


@attrs.frozen
class _Tail:
    """Lines of which only the last are shown where the terminal is too low for all of them."""

    blocks: list[_Rendered]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The protocol of rich for what it can print."""
        lines = console.render_lines(Group(*self.blocks), options, pad=False)
        yield SegmentLines(lines[-max(console.height - 1, 1) :], new_lines=True)
