"""From the machine's batches to the caller, one event at a time; the same on both faces."""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from flue.errors import DurableStreamError, FlueError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue.core.actions import Batch
    from flue.core.follow import Follow

__all__ = ["NOTHING", "Decoder", "Handover", "Nothing"]

T = TypeVar("T")

AHEAD = 32
"""Events decoded at a time."""


class Nothing:
    """The type of `NOTHING`."""


NOTHING: Final = Nothing()
"""No event is here; the machine has to be asked for more."""


class Decoder(Protocol[T]):
    """From raw items to what the caller gets."""

    def __call__(self, item: Any) -> T:
        """Decode one item.

        Raises:
            FlueError: it cannot be decoded.
        """
        ...

    def decode_many(self, items: list[Any]) -> list[T]:
        """Decode the first of these items: up to one that cannot be decoded, or may end what the caller wanted."""
        ...


class Handover(Generic[T]):
    """Decodes items shortly before the caller pulls them.

    A few at a time, so that a slow consumer holds raw pages, not objects, and the parts of one event are reused for the
    next. A bad item fails the pull that asks for it, and the checkpoint stays before its batch. The last item of a
    batch is never decoded ahead: with it the checkpoint moves.

    Attributes:
        ready: decoded events, none of them the last of its batch. A face may pop from its left without asking further.
    """

    def __init__(self, machine: Follow, decode: Decoder[T], ends: Callable[[T, bool], bool]) -> None:
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
        if self.ready:  # decoded for a thread that waited before this one
            with contextlib.suppress(IndexError):
                return self.ready.popleft()
        left = len(self._items) - self._next
        if not left:
            batch = self._machine.next_batch()
            if batch is None:
                return NOTHING
            self.load(batch)
            left = len(batch.items)
        if left > 1:
            begin = self._next
            events = self._decode.decode_many(self._items[begin : begin + min(left - 1, AHEAD)])
            # In this order and nothing between: an exception of a signal handler could come behind the call.
            self._next += len(events)
            self.ready.extend(events)
            with contextlib.suppress(IndexError):  # other threads may have been quicker
                return self.ready.popleft()
        return self._take_one()

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
