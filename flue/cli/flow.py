"""Prose on a terminal: texts that arrive in pieces, told once."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from flue.cli.text import Prose, clean, indented

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flue.cli.screen import Screen
    from flue.cli.text import Line

__all__ = ["Flow"]

Source: TypeAlias = "tuple[str, str | None]"
"""Whose text it is: `text` or `thinking`, and the turn."""


class Flow:
    """Tells one text at a time; it stops when anything else is to be written.

    Args:
        screen: where the text flows.
    """

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._told: dict[Source, list[str]] = {}
        self._source: Source | None = None
        self._prose = Prose(1)
        self._style = ""
        self._level = 0

    def delta(self, source: Source, text: str, style: str, level: int) -> None:
        """Go on with a text."""
        self._told.setdefault(source, []).append(text)
        if source != self._source:
            self._begin(source, style, level)
        self._write(self._prose.feed(text))

    def whole(self, source: Source, text: str, style: str, level: int) -> None:
        """A text is complete: tell it, unless its pieces did. They are best effort: some may be missing, or all."""
        told = clean("".join(self._told.pop(source, ())))
        if source == self._source:
            self.stop()
        if not text or told == clean(text):
            return
        self._begin(source, style, level)
        if told:
            self._screen.write(indented(level, [("· this was not all of it; the whole text:", "dim")]))
        self._write(self._prose.feed(text))
        self.stop()

    def stop(self) -> None:
        """End the line in the making, if there is one."""
        unfinished = self.unfinished()
        self._source = None
        if unfinished:
            self._screen.write(*unfinished)

    def unfinished(self) -> Sequence[Line]:
        """The line in the making: none or one. Called from the screen's thread too."""
        if self._source is None or not self._prose.rest:
            return []
        return [indented(self._level, [(self._prose.rest, self._style)])]

    def _begin(self, source: Source, style: str, level: int) -> None:
        self.stop()
        self._prose = Prose(self._screen.columns - 2 * level)
        self._style = style
        self._level = level
        self._source = source

    def _write(self, lines: list[str]) -> None:
        if lines:
            self._screen.write(*(indented(self._level, [(line, self._style)]) for line in lines))
        else:
            self._screen.refresh()
