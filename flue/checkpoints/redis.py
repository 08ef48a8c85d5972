"""Checkpoints in Redis, for consumers on several machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, cast

try:
    import redis
    import redis.asyncio
except ModuleNotFoundError as missing:  # pragma: no cover  # the tests have it
    raise ModuleNotFoundError(
        "RedisCheckpoints needs the extra: pip install 'flue-sdk[redis]'", name="redis"
    ) from missing

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["RedisCheckpoints"]


class RedisCheckpoints:
    """Offsets under one key for each consumer of each stream. For any number of threads, processes and machines.

    How much of it survives a crash of Redis is Redis's own setting (`appendonly yes` loses a second at most): what
    is lost is repeated, never skipped. Its exceptions (`redis.RedisError`) come through.

    Example:
        >>> store = RedisCheckpoints("redis://localhost:6379/0")  # doctest: +SKIP
        >>> stream = client.runs.stream(run_id, checkpoint=store, consumer="billing")  # doctest: +SKIP
    """

    def __init__(self, client: str | redis.Redis, *, prefix: str = "flue:checkpoint") -> None:
        """Connect at the first use.

        Args:
            client: A `redis://` URL, or the caller's own client, which is never closed. The blocking one, for the
                asyncio client of flue, too.
            prefix: Of every key.

        Raises:
            TypeError: The client is an asyncio one.
            ValueError: No Redis URL.
        """
        given: object = client
        if isinstance(given, redis.asyncio.Redis):
            raise TypeError("RedisCheckpoints takes a redis.Redis, not a redis.asyncio.Redis")
        self._ours = isinstance(client, str)
        connect = cast("Any", redis.Redis.from_url)  # pyright: ignore[reportUnknownMemberType]  # untyped options
        self._client: Any = connect(client) if isinstance(client, str) else client
        self._prefix = prefix

    def load(self, consumer: str, stream: str) -> str | None:
        """The offset that was saved last, or None."""
        value = self._client.get(self._key(consumer, stream))
        return value.decode() if isinstance(value, bytes) else value

    def save(self, consumer: str, stream: str, offset: str) -> None:
        """Remember an offset in place of the one before."""
        self._client.set(self._key(consumer, stream), offset)

    def close(self) -> None:
        """Close the connections of a client of our own. Idempotent."""
        if self._ours:
            self._client.close()

    def _key(self, consumer: str, stream: str) -> str:
        # The length keeps a consumer "a:b" of "c" apart from a consumer "a" of "b:c".
        return f"{self._prefix}:{len(consumer)}:{consumer}:{stream}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"RedisCheckpoints(prefix={self._prefix!r})"
