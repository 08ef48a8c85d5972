"""The buffer between the machine's batches and the caller, who pulls one event at a time; the same on both faces."""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from flue.errors import DurableStreamError, FlueError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue.core.protocol import BatchMachine

__all__ = ["NEED_DATA", "Decoder", "EventBuffer", "NeedData"]

T = TypeVar("T")

DECODE_BATCH = 32
"""How many events are decoded at a time."""


class NeedData:
    """The type of `NEED_DATA`."""


NEED_DATA: Final = NeedData()
"""No event is buffered; perform the machine's actions until `Deliver`, then call again."""


class Decoder(Protocol[T]):
    """Turns raw items into what the caller gets."""

    def __call__(self, item: Any) -> T:
        """Decode one item.

        Raises:
            FlueError: It cannot be decoded.
        """
        ...

    def decode_many(self, items: list[Any]) -> list[T]:
        """Decode the first of these items: up to one that cannot be decoded or may be terminal."""
        ...


class EventBuffer(Generic[T]):
    """Decodes items shortly before the caller pulls them.

    A few at a time, so that a slow consumer holds raw pages, not objects. An item that cannot be decoded fails the pull
    that asks for it, and the checkpoint stays before its batch. The last item of a batch is always decoded alone: with
    it the checkpoint moves.

    Attributes:
        decoded: Decoded events, none of them the last of its batch. A face may pop from its left without a call.
    """

    def __init__(self, machine: BatchMachine, decode: Decoder[T], is_terminal: Callable[[T, bool], bool]) -> None:
        """Connect a machine to its caller.

        Args:
            machine: Whose batches are handed over.
            decode: From a raw item to what the caller gets.
            is_terminal: Whether an event ends what the caller wanted; its second argument says whether the event is the
                last that the server had.
        """
        self._machine = machine
        self._decode = decode
        self._is_terminal = is_terminal
        self._items: list[Any] = []
        self._next = 0
        self._up_to_date = False
        self._terminal = False
        self.decoded: deque[T] = deque()

    def next_event(self) -> T | NeedData:
        """The next event, or `NEED_DATA`. With the last event of a batch the checkpoint moves.

        Raises:
            FlueError: The item cannot be handed over, now or ever.
        """
        if self.decoded:  # decoded for a thread that waited before this one
            with contextlib.suppress(IndexError):
                return self.decoded.popleft()
        left = len(self._items) - self._next
        if not left:
            batch = self._machine.next_batch()
            if batch is None:
                return NEED_DATA
            self._up_to_date, self._terminal = batch.up_to_date, False
            self._items, self._next = batch.items, 0
            left = len(batch.items)
        if left > 1:
            begin = self._next
            events = self._decode.decode_many(self._items[begin : begin + min(left - 1, DECODE_BATCH)])
            # In this order and nothing between: an exception of a signal handler could come behind the call.
            self._next += len(events)
            self.decoded.extend(events)
            with contextlib.suppress(IndexError):  # other threads may have been quicker
                return self.decoded.popleft()
        return self._decode_one()

    def _decode_one(self) -> T:
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
        self._terminal = self._terminal or self._is_terminal(event, last and self._up_to_date)
        if last:
            self._items = []
            self._next = 0
            self._machine.handed_over(terminal=self._terminal)
        return event
