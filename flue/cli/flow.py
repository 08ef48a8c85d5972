"""Prose on a terminal: texts that arrive in pieces, told once, one speaker at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

from flue.cli.text import Prose, clean, indented, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flue.cli.screen import Screen
    from flue.cli.text import Line

__all__ = ["Flow", "Source", "Text"]

Source: TypeAlias = "tuple[str, str | None]"
"""Whose text it is: `text` or `thinking`, and the speaker, which is a turn."""


@attrs.define
class Text:
    """A text that is being told.

    Attributes:
        style: of its lines.
        level: how deep in the tree it lies.
        task: that it belongs to.
        title: of that task, where several go on at once.
        pieces: that have arrived.
        told: how many of them are on the screen.
    """

    style: str
    level: int
    task: str | None = None
    title: str | None = None
    pieces: list[str] = attrs.field(factory=list[str])
    told: int = 0


class Flow:
    """Tells texts. While one speaker's text flows that of others is held: tasks side by side would mix their words.

    Args:
        screen: where the text flows.

    Attributes:
        task: whose lines or prose were written last.
    """

    def __init__(self, screen: Screen) -> None:
        self.task: str | None = None
        self._screen = screen
        self._texts: dict[Source, Text] = {}
        self._source: Source | None = None
        self._prose = Prose(1)
        self._style = ""
        self._level = 0

    def delta(self, source: Source, piece: str, text: Text) -> None:
        """Go on with a text; `text` says how to show it, if it is new."""
        text = self._texts.setdefault(source, text)
        text.pieces.append(piece)
        if self._source is None or self._source[1] == source[1]:
            self._tell(source, text)

    def whole(self, source: Source, words: str, text: Text) -> None:
        """A text is complete: tell it, unless its pieces did. They are best effort: some may be missing, or all."""
        text = self._texts.pop(source, text)
        told = clean("".join(text.pieces[: text.told]))
        if source == self._source:
            self._end_line()
        if words and told != clean(words):
            self._begin(source, text)
            if told:
                self._screen.write(indented(text.level, [("· this was not all of it; the whole text:", "dim")]))
            self._write(self._prose.feed(words))
            self._end_line()
        if self._source is None:  # who has waited longest goes on
            for waiting, held in self._texts.items():
                if held.told < len(held.pieces):
                    self._tell(waiting, held)
                    break

    def stop(self) -> None:
        """End the line in the making, if there is one, and tell what was held."""
        self._end_line()
        for source, text in self._texts.items():
            if text.told < len(text.pieces):
                self._tell(source, text)
                self._end_line()

    def turn_to(self, task: str | None, title: str | None) -> list[Line]:
        """What follows belongs to this task: a line that says so, where another had the word and it has a title."""
        if task == self.task:
            return []
        self.task = task
        return [] if title is None else [[(f"─ {one_line(title)}", "dim")]]

    def unfinished(self) -> Sequence[Line]:
        """The line in the making: none or one. Called from the screen's thread too."""
        if self._source is None or not self._prose.rest:
            return []
        return [indented(self._level, [(self._prose.rest, self._style)])]

    def _tell(self, source: Source, text: Text) -> None:
        """What has arrived of a text and is not on the screen."""
        if source != self._source:
            self._begin(source, text)
        pieces = text.pieces[text.told :]
        text.told = len(text.pieces)
        self._write(self._prose.feed("".join(pieces)))

    def _begin(self, source: Source, text: Text) -> None:
        self._end_line()
        for line in self.turn_to(text.task, text.title):
            self._screen.write(indented(text.level, line))
        self._prose = Prose(self._screen.columns - 2 * text.level)
        self._style = text.style
        self._level = text.level
        self._source = source

    def _end_line(self) -> None:
        unfinished = self.unfinished()
        self._source = None
        if unfinished:
            self._screen.write(*unfinished)

    def _write(self, lines: list[str]) -> None:
        if lines:
            self._screen.write(*(indented(self._level, [(line, self._style)]) for line in lines))
        else:
            self._screen.refresh()
