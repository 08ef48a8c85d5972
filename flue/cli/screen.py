"""A terminal as this program uses it: lines that stay, and below them a few that are drawn anew all the time."""

from __future__ import annotations

import shutil
import threading
import time
from typing import TYPE_CHECKING, TextIO

from flue.cli.text import Paint, clip

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue.cli.text import Line

__all__ = ["Screen"]

_TICK = 0.1
"""Seconds between two drawings of what moves by itself."""
_AT_MOST_EVERY = 0.05
"""Seconds that must pass before news is drawn once more; the next tick brings the rest."""


class Screen:
    """Writes lines, and keeps a footer below the last of them. Usable from several threads.

    Args:
        out: the terminal.
        colour: whether it shows colours.
    """

    def __init__(self, out: TextIO, *, colour: bool) -> None:
        self._out = out
        self._paint = Paint(colour=colour, encoding=out.encoding)
        self._lock = threading.RLock()
        self._footer: Callable[[], list[Line]] | None = None
        self._drawn = 0
        self._drawn_at = 0.0
        self._stop = threading.Event()
        self._ticker: threading.Thread | None = None

    @property
    def columns(self) -> int:
        """Columns that a line may have. The last one stays free: some terminals break a line that fills it."""
        return max(shutil.get_terminal_size().columns - 1, 20)

    def write(self, *lines: Line, whole: bool = False) -> None:
        """Add lines that stay.

        Args:
            lines: expected to fit; what is too long is clipped.
            whole: leave it to the terminal to break what is too long, so that it can be copied.
        """
        with self._lock:
            columns = self.columns
            text = "".join(f"{self._paint.line(line if whole else clip(line, columns))}\n" for line in lines)
            self._out.write(self._erased() + text)
            if self._footer is not None and time.monotonic() - self._drawn_at >= _AT_MOST_EVERY:
                self._draw()
            self._out.flush()

    def refresh(self) -> None:
        """The footer has changed: draw it anew, unless that was done just now."""
        with self._lock:
            if self._footer is not None and time.monotonic() - self._drawn_at >= _AT_MOST_EVERY:
                self._out.write(self._erased())
                self._draw()
                self._out.flush()

    def start(self, footer: Callable[[], list[Line]]) -> None:
        """Draw a footer from now on.

        Args:
            footer: gives its lines; called from another thread too.
        """
        self._footer = footer
        self._ticker = threading.Thread(target=self._tick, name="flue terminal", daemon=True)
        self._ticker.start()

    def close(self) -> None:
        """Take the footer away. Idempotent."""
        self._stop.set()
        ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.join()
        with self._lock:
            self._footer = None
            self._out.write(self._erased())
            self._out.flush()

    def _tick(self) -> None:
        while not self._stop.wait(_TICK):
            with self._lock:
                try:
                    self._out.write(self._erased())
                    self._draw()
                    self._out.flush()
                except OSError:  # the terminal is gone; the next line that is written says so
                    return

    def _draw(self) -> None:
        lines = [] if self._footer is None else self._footer()
        columns = self.columns
        self._out.write("\n".join(self._paint.line(clip(line, columns)) for line in lines))
        self._drawn = len(lines)
        self._drawn_at = time.monotonic()

    def _erased(self) -> str:
        """What takes the footer off the screen: the cursor is at the end of its last line."""
        drawn, self._drawn = self._drawn, 0
        up = f"\x1b[{drawn - 1}A" if drawn > 1 else ""
        return f"\r{up}\x1b[J" if drawn else ""
