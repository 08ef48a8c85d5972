"""What came of a script, against what was written."""

from __future__ import annotations

from collections import Counter
from typing import Any

TEXTS = (
    "plain",
    "line\u2028separators\u0085\u2029",
    "emoji \U0001f600 and half of one \ud83d",
    'quotes " and \\ and \x00',
    "data: x\n\nevent: control\r\n",
    "long " * 60,
)
WRONGS = ("losses", "repeats", "reorders", "altered", "errors", "hangs")
"""What must not be counted."""


def message_of(run_id: str, index: int) -> str:
    """What the event at a position says: no two say the same."""
    return f"{run_id}:{index}:{TEXTS[index % len(TEXTS)]}"


class Ledger:
    """Takes down what one stream hands over, across the objects that read it one after the other.

    Attributes:
        counts: of events and of what is wrong with them.
        behind: the position behind the last event; where the next one should be.
    """

    def __init__(self, run_id: str, total: int, page_limit: int) -> None:
        """Args: total: events that the stream has in the end; page_limit: events in one batch at most."""
        self.counts: Counter[str] = Counter()
        self.behind = 0
        self._run_id = run_id
        self._total = total
        self._page_limit = page_limit
        self._seen: set[int] = set()

    def take(self, event: Any) -> None:
        """An event was handed over."""
        index = event.event_index
        self.counts["events"] += 1
        if index in self._seen:
            self.counts["repeats"] += 1
        elif index < self.behind:
            self.counts["reorders"] += 1
            self.counts["losses"] -= 1  # counted when it was passed over
        else:
            self.counts["losses"] += index - self.behind
        self._seen.add(index)
        self.behind = max(self.behind, index + 1)
        if event.run_id != self._run_id or not self._is_as_written(event):
            self.counts["altered"] += 1

    def resume(self, offset: str) -> None:
        """Another stream begins at a checkpoint: it may repeat the batch in flight, and must skip nothing."""
        begin = int(offset.rpartition("_")[2]) + 1
        if begin > self.behind:
            self.counts["losses"] += begin - self.behind
        elif self.behind - begin >= max(self._page_limit, 1):
            self.counts["repeats"] += self.behind - begin
        self.behind = begin
        self._seen = set(range(begin))

    def end(self) -> None:
        """The stream is over."""
        self.counts["losses"] += self._total - self.behind

    @property
    def wrong(self) -> bool:
        """Whether anything is."""
        return any(self.counts[what] for what in WRONGS)

    def _is_as_written(self, event: Any) -> bool:
        if event.type == "run_end":
            return event.event_index == self._total - 1
        return event.type == "log" and event.message == message_of(self._run_id, event.event_index)
