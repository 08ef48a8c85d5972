"""Checkpoints that survive the process: `client.runs.stream(run_id, checkpoint=store)`.

A store remembers for each consumer of each stream the offset behind the last batch that the consumer is done with.
It is saved when the consumer asks for more, or leaves the `with` block without an exception, not when the batch is
handed over: a process that dies in the middle repeats at most the batch in flight, and never skips an event. So one
stream with a checkpoint is for one puller: with several, a pull says nothing about the events of the others.

A consumer that begins at `now` or with `tail` has its first checkpoint when it is done with its first batch. Started
again before that, it begins anew by the same rule.

`SqliteCheckpoints` needs nothing but a file; `RedisCheckpoints` (extra `redis`) serves consumers on several
machines. Any object with the two methods of `CheckpointStore` will do.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from flue.core import stream_state

if TYPE_CHECKING:
    import asyncio

    from flue.checkpoints.redis import RedisCheckpoints as RedisCheckpoints
    from flue.checkpoints.sqlite import SqliteCheckpoints as SqliteCheckpoints
    from flue.core.protocol import StreamProtocol

__all__ = ["CheckpointStore", "RedisCheckpoints", "SqliteCheckpoints"]


@runtime_checkable
class CheckpointStore(Protocol):
    """What `stream(checkpoint=...)` asks of a store.

    Plain functions, called from any thread; the asyncio client calls them on a worker thread. They may block for as
    long as they like, but `cancel()` does not reach into them. What they raise is raised by the pull that asked; the
    next pull asks again, and no event is lost.
    """

    def load(self, consumer: str, stream: str) -> str | None:
        """The offset that was saved last, or None.

        Args:
            consumer: Who reads.
            stream: What is read: `runs/` and the run's id.
        """
        ...

    def save(self, consumer: str, stream: str, offset: str) -> None:
        """Remember an offset; when this returns, it must survive the end of the process."""
        ...


def __getattr__(name: str) -> Any:
    if name == "RedisCheckpoints":
        from flue.checkpoints.redis import RedisCheckpoints  # noqa: PLC0415  # only where the extra is installed

        return RedisCheckpoints
    if name == "SqliteCheckpoints":
        from flue.checkpoints.sqlite import SqliteCheckpoints  # noqa: PLC0415  # sqlite3 is loaded by those who use it

        return SqliteCheckpoints
    raise AttributeError(f"module 'flue.checkpoints' has no attribute {name!r}")


# One consumer's checkpoint: loaded before the first request, saved when the consumer asks for more.


class Checkpointer:
    """One consumer's checkpoint in a store.

    Saved when the consumer asks for more: it is then done with what it was handed. (Saved on handing over, a consumer
    that dies in the middle of its work would skip an event.)

    What calls the store (`load`, `commit`) is apart from what touches the machine (`start`, `pending`), so that the
    store may be called on another thread.
    """

    def __init__(self, store: CheckpointStore, consumer: str, stream: str, machine: StreamProtocol) -> None:
        self._store = store
        self._consumer = consumer
        self._stream = stream
        self._machine = machine
        self._saved: str | None = None

    def load(self) -> str | None:
        """The checkpoint of an earlier process, or None.

        Raises:
            ValueError: What the store has is no offset.
            Exception: Whatever the store raises.
        """
        offset = self._store.load(self._consumer, self._stream)
        try:
            return None if offset is None else stream_state.check_offset(offset)
        except (TypeError, ValueError) as error:
            raise ValueError(f"the checkpoint of consumer {self._consumer!r} of {self._stream}: {error}") from None

    def start(self, saved: str | None) -> None:
        """Have the machine start where the consumer stopped, if it has been here before."""
        if saved is not None:
            self._machine.start_at(saved)
        self._saved = self._machine.offset

    def pending(self) -> str | None:
        """The checkpoint that is to be saved now, if any. Where the stream began (`now`, say) is none."""
        return None if self._machine.offset == self._saved else self._machine.offset

    def commit(self, offset: str) -> None:
        """Save a checkpoint; raises whatever the store raises, and the checkpoint stays pending."""
        self._store.save(self._consumer, self._stream, offset)
        self._saved = offset


class AsyncCheckpointer:
    """The same for an event loop: calls the store on a worker thread, which a cancelled pull does not stop."""

    def __init__(self, checkpointer: Checkpointer) -> None:
        self._checkpointer = checkpointer
        self._saving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Have the machine start where the consumer stopped, if it has been here before."""
        import asyncio  # noqa: PLC0415  # programs of the synchronous face do without

        saved = await asyncio.to_thread(self._checkpointer.load)
        self._checkpointer.start(saved)

    async def commit(self) -> None:
        """Save the checkpoint if it moved. Two saves never run at a time: the later one could be undone."""
        import asyncio  # noqa: PLC0415  # as above

        if self._saving is None:
            offset = self._checkpointer.pending()
            if offset is None:
                return
            self._saving = asyncio.create_task(asyncio.to_thread(self._checkpointer.commit, offset))
        saving = self._saving
        try:
            await asyncio.shield(saving)
        finally:
            if saving.done():
                self._saving = None


def check_checkpointer(
    checkpoint: object, consumer: object, stream: str, machine: StreamProtocol
) -> Checkpointer | None:
    """The `Checkpointer` for the caller's arguments.

    Raises:
        TypeError: No store, or no str.
        ValueError: An empty consumer.
    """
    if not isinstance(consumer, str):
        raise TypeError(f"consumer must be str, not {type(consumer).__name__}")
    if not consumer:
        raise ValueError("consumer must not be empty")
    if checkpoint is None:
        return None
    if isinstance(checkpoint, type):
        raise TypeError(f"checkpoint must be a store, not the class {checkpoint.__name__}")
    if not isinstance(checkpoint, CheckpointStore):
        raise TypeError(f"checkpoint must have load() and save(), {type(checkpoint).__name__} has not")
    # An awaitable that nobody awaits would never save anything.
    if inspect.iscoroutinefunction(checkpoint.load) or inspect.iscoroutinefunction(checkpoint.save):
        raise TypeError("load() and save() of a checkpoint store must be plain functions, not async ones")
    return Checkpointer(checkpoint, consumer, stream, machine)
