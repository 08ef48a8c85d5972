"""What the status line says while a run is followed."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

from flue.cli.describe import clock, count
from flue.cli.text import SPINNER, one_line

if TYPE_CHECKING:
    import logging
    from datetime import datetime

    from flue.cli.text import Line, Span
    from flue.cli.tree import RunTree

__all__ = ["RunClock", "Status"]


class RunClock:
    """How long a run has been going on, by the server's clock, which need not agree with ours.

    Attributes:
        since: when the run was started, or the moment of its first event that was seen; None before that.
    """

    def __init__(self) -> None:
        self.since: datetime | None = None
        self._begun = time.monotonic()
        self._last: tuple[datetime, float] | None = None

    def saw(self, timestamp: datetime | None) -> None:
        """An event of that moment has arrived now."""
        if timestamp is not None:
            self._last = (timestamp, time.monotonic())
            self.since = self.since or timestamp

    def seconds_since(self, moment: datetime | None) -> float:
        """Seconds from a moment on the server to now."""
        if self._last is None or moment is None:
            return time.monotonic() - self._begun
        timestamp, arrived = self._last
        return (timestamp - moment).total_seconds() + time.monotonic() - arrived


class Status:
    """Elapsed time, events, reconnects, and what is going on.

    Args:
        tree: of the run.

    Attributes:
        clock: of the run.
        reconnects: how often the connection was lost.
    """

    def __init__(self, tree: RunTree) -> None:
        self.clock = RunClock()
        self.reconnects = 0
        self._tree = tree
        self._trouble = ""
        self._spinner = itertools.cycle(SPINNER)

    def event(self, timestamp: datetime | None) -> None:
        """An event of that moment has arrived: all is well."""
        self.clock.saw(timestamp)
        self._trouble = ""

    def warned(self, record: logging.LogRecord) -> bool:
        """Take note of a warning. Whether it is news: not the first failed attempt of a row is not."""
        attempt: int | None = getattr(record, "flue_attempt", None)
        if attempt is None:
            return True
        self._trouble = f"attempt {attempt} failed, next in {getattr(record, 'flue_delay', 0.0):.1f} s"
        if attempt == 1 and self._tree.totals.events:
            self.reconnects += 1
        return attempt == 1

    def line(self) -> Line:
        """The line, as of now."""
        line: list[Span] = [
            (f"{next(self._spinner)} {clock(self.clock.seconds_since(self.clock.since))}", "cyan"),
            (f"  {count(self._tree.totals.events, 'event')}", "dim"),
        ]
        if self.reconnects:
            line.append((f"  {count(self.reconnects, 'reconnect')}", "yellow"))
        work = self._tree.latest_work()
        if self._trouble:
            line.append((f"  {self._trouble}", "yellow"))
        elif work is not None:
            what, since = work
            line.append((f"  {one_line(what)} {clock(self.clock.seconds_since(since))}", ""))
        return [*line, ("  Ctrl-C leaves, the run goes on", "dim")]
