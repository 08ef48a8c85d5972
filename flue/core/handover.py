"""From the machine's batches to the caller, one event at a time; the same on both faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from flue.errors import DurableStreamError, FlueError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue.core.actions import Batch
    from flue.core.follow import Follow

__all__ = ["NOTHING", "Handover", "Nothing"]

T = TypeVar("T")


class Nothing:
    """The type of `NOTHING`."""


NOTHING: Final = Nothing()
"""No event is here; the machine has to be asked for more."""


class Handover(Generic[T]):
    """Decodes each item as the caller pulls it.

    So a bad event fails the pull that asked for it, and the checkpoint stays before its batch.
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
        items, index = self._items, self._next
        if index >= len(items):
            return NOTHING
        try:
            event = self._decode(items[index])
        except FlueError as error:
            if isinstance(error, DurableStreamError) and error.offset is None:
                error.offset = self._machine.offset
            error.add_note(f"the checkpoint is offset {self._machine.offset!r}")
            self._items = []
            self._machine.fail(error)
            raise
        items[index] = None  # one page may be large, and its consumer slow
        self._next = index = index + 1
        last = index == len(items)
        self._terminal = self._terminal or self._ends(event, last and self._up_to_date)
        if last:
            self._items = []
            self._machine.handed_over(terminal=self._terminal)
        return event
