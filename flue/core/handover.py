"""From the machine's batches to the caller, one event at a time; the same on both faces."""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from flue.errors import DurableStreamError, FlueError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue.core.actions import Batch
    from flue.core.follow import Follow

__all__ = ["NOTHING", "Handover", "Nothing"]

T = TypeVar("T")

AHEAD = 32
"""Events decoded at a time."""


class Nothing:
    """The type of `NOTHING`."""


NOTHING: Final = Nothing()
"""No event is here; the machine has to be asked for more."""


class Handover(Generic[T]):
    """Decodes items shortly before the caller pulls them.

    A few at a time, so that a slow consumer holds raw pages, not objects, and the parts of one event are reused for the
    next. A bad item fails the pull that asks for it, and the checkpoint stays before its batch. The last item of a
    batch is never decoded ahead: with it the checkpoint moves.

    Attributes:
        ready: decoded events, none of them the last of its batch. A face may pop from its left without asking further.
    """

    def __init__(self, machine: Follow, decode: Callable[[Any], T], ends: Callable[[T, bool], bool]) -> None:
        """Connect a machine to its caller.

        Args:
            machine: whose batches are handed over.
            decode: from a raw item to what the caller gets.
            ends: whether an event ends what the caller wanted; told also whether it is the last that the server had.
        """
        self._machine = machine
        self._decode = decode
        self._ends = ends
        self._items: list[Any] = []
        self._next = 0
        self._up_to_date = False
        self._terminal = False
        self.ready: deque[T] = deque()

    def load(self, batch: Batch) -> None:
        """Take over a batch that the machine delivers."""
        self._items = batch.items
        self._next = 0
        self._up_to_date = batch.up_to_date
        self._terminal = False

    def take(self) -> T | Nothing:
        """The next event, or `NOTHING`. With the last one of a batch the checkpoint moves.

        Raises:
            FlueError: the item cannot be handed over, now or ever.
        """
        with contextlib.suppress(IndexError):  # decoded for a thread that waited before this one
            return self.ready.popleft()
        left = len(self._items) - self._next
        if left > 1:
            self._decode_ahead(min(left - 1, AHEAD))
            with contextlib.suppress(IndexError):  # other threads may have been quicker
                return self.ready.popleft()
        # Not `left`: what was decoded may be gone already.
        return self._take_one() if self._next < len(self._items) else NOTHING

    def _decode_ahead(self, count: int) -> None:
        """Decode some items, up to the first one that cannot be: that one is for the pull that gets there."""
        decode, ends, ready = self._decode, self._ends, self.ready
        try:
            for item in self._items[self._next : self._next + count]:
                event = decode(item)
                self._terminal = self._terminal or ends(event, False)  # not the last of its batch
                ready.append(event)
                self._next += 1
        except FlueError:
            pass

    def _take_one(self) -> T:
        index = self._next
        try:
            event = self._decode(self._items[index])
        except FlueError as error:
            if isinstance(error, DurableStreamError) and error.offset is None:
                error.offset = self._machine.offset
            error.add_note(f"the checkpoint is offset {self._machine.offset!r}")
            self._items = []
            self._machine.fail(error)
            raise
        self._next = index + 1
        last = self._next == len(self._items)
        self._terminal = self._terminal or self._ends(event, last and self._up_to_date)
        if last:
            self._items = []
            self._next = 0
            self._machine.handed_over(terminal=self._terminal)
        return event
