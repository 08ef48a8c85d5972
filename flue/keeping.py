"""What a stream with a checkpoint store does besides reading; the same on both faces."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from flue.core import wire

if TYPE_CHECKING:
    from flue.checkpoints import CheckpointStore
    from flue.core.follow import Follow

__all__ = ["Keeper", "check_keeper"]


class Keeper:
    """One consumer's checkpoint in a store.

    Saved when the consumer asks for more: what it was handed is then behind it. (Saved on handing over, a consumer
    that dies in the middle of its work would skip an event.)

    What asks the store (`load`, `save`) is apart from what touches the machine (`start`, `due`), so that the store may
    be asked on another thread.
    """

    def __init__(self, store: CheckpointStore, consumer: str, stream: str) -> None:
        self._store = store
        self._consumer = consumer
        self._stream = stream
        self._saved: str | None = None

    def load(self) -> str | None:
        """The checkpoint of an earlier process, or None.

        Raises:
            ValueError: what the store has is no offset.
            Exception: whatever the store raises.
        """
        offset = self._store.load(self._consumer, self._stream)
        try:
            return None if offset is None else wire.check_offset(offset)
        except (TypeError, ValueError) as error:
            raise ValueError(f"the checkpoint of consumer {self._consumer!r} of {self._stream}: {error}") from None

    def start(self, machine: Follow, saved: str | None) -> None:
        """Have the machine start where the consumer stopped, if it has been here before."""
        if saved is not None:
            machine.start_at(saved)
        self._saved = machine.offset

    def due(self, machine: Follow) -> str | None:
        """The checkpoint that is to be saved now, if any. Where the stream began (`now`, say) is none."""
        return None if machine.offset == self._saved else machine.offset

    def save(self, offset: str) -> None:
        """Save a checkpoint; raises whatever the store raises, and the checkpoint stays due."""
        self._store.save(self._consumer, self._stream, offset)
        self._saved = offset


def check_keeper(checkpoint: object, consumer: object, stream: str) -> Keeper | None:
    """The keeper for what the caller gave.

    Raises:
        TypeError: no store, or no str.
        ValueError: an empty consumer.
    """
    if not isinstance(consumer, str):
        raise TypeError(f"consumer must be str, not {type(consumer).__name__}")
    if not consumer:
        raise ValueError("consumer must not be empty")
    if checkpoint is None:
        return None
    from flue.checkpoints import CheckpointStore  # noqa: PLC0415  # sqlite3 is loaded by those who use it

    if isinstance(checkpoint, type):
        raise TypeError(f"checkpoint must be a store, not the class {checkpoint.__name__}")
    if not isinstance(checkpoint, CheckpointStore):
        raise TypeError(f"checkpoint must have load() and save(), {type(checkpoint).__name__} has not")
    # An awaitable that nobody awaits would never save anything.
    if inspect.iscoroutinefunction(checkpoint.load) or inspect.iscoroutinefunction(checkpoint.save):
        raise TypeError("load() and save() of a checkpoint store must be plain functions, not async ones")
    return Keeper(checkpoint, consumer, stream)
