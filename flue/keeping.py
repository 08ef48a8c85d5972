"""What a stream with a checkpoint store does besides reading; the same on both faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flue.core import wire

if TYPE_CHECKING:
    from flue.checkpoints import CheckpointStore
    from flue.core.follow import Follow

__all__ = ["Keeper", "check_keeper"]


class Keeper:
    """One consumer's checkpoint in a store.

    Saved when the consumer asks for more: what it was handed is then behind it. (Saved on handing over, a consumer
    that dies
    in the middle of its work would skip an event.)
    """

    def __init__(self, store: CheckpointStore, consumer: str, stream: str) -> None:
        self._store = store
        self._consumer = consumer
        self._stream = stream
        self._saved: str | None = None

    def resume(self, machine: Follow) -> None:
        """Have the machine start where the consumer stopped, if it has been here before. Asks the store."""
        offset = self._store.load(self._consumer, self._stream)
        if offset is not None:
            machine.start_at(wire.check_offset(offset))
        self._saved = machine.offset

    def due(self, machine: Follow) -> bool:
        """Whether there is something to save. An offset that is only a question (`now`) is nothing."""
        return machine.offset not in {self._saved, wire.NOW}

    def keep(self, machine: Follow) -> None:
        """Save the checkpoint. Asks the store."""
        offset = machine.offset
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

    if not isinstance(checkpoint, CheckpointStore):
        raise TypeError(f"checkpoint must have load() and save(), {type(checkpoint).__name__} has not")
    return Keeper(checkpoint, consumer, stream)
