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

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from flue.checkpoints.redis import RedisCheckpoints as RedisCheckpoints
    from flue.checkpoints.sqlite import SqliteCheckpoints as SqliteCheckpoints

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
