"""`stream_many()` of either face, pulled by plain calls."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .frames import logs
from .harness import Stream
from .reading import BOUND, in_threads

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flue.testing import FlueTestServer

    from .harness import Face


def made(server: FlueTestServer, lengths: Mapping[str, int]) -> None:
    """Runs of so many events and their end."""
    for run_id, count in lengths.items():
        server.create_run(run_id=run_id)
        server.append(run_id, *(event | {"runId": run_id} for event in logs(0, count)), raw=True)
        server.finish_run(run_id)


class Many(Stream):
    """The streams and what came of them."""

    def __init__(self, face: Face, inner: Any) -> None:
        super().__init__(face, inner)
        self.seen: list[tuple[str, Any]] = []

    def next(self) -> tuple[str, Any]:
        """The next entry; `StopIteration` at the end."""
        try:
            entry = self._face.wait(self._anext) if self._face.is_async else next(self.inner)
        except StopAsyncIteration:
            raise StopIteration from None
        self.seen.append(entry)
        return entry

    async def _anext(self) -> Any:
        return await asyncio.wait_for(anext(self.inner), 4 * BOUND)

    def requests_at_rest(self) -> int:
        """How many requests have come in when no more come, with the loop turning."""

        async def waited() -> None:
            await asyncio.to_thread(self._face.server.wait_for_requests, count + 1, 0.2)

        while True:
            count = len(self._face.targets)
            try:
                if self._face.is_async:
                    self._face.wait(waited)
                else:
                    self._face.server.wait_for_requests(count + 1, 0.2)
            except TimeoutError:
                return count

    def shared(self, consumers: int) -> list[list[tuple[str, Any]]]:
        """What each of several consumers got of the rest."""
        shares: list[list[tuple[str, Any]]] = [[] for _ in range(consumers)]
        if self._face.is_async:

            async def take(share: list[tuple[str, Any]]) -> None:
                share.extend([entry async for entry in self.inner])

            async def all_take() -> None:
                await asyncio.gather(*(take(share) for share in shares))

            self._face.wait(all_take)
            return shares
        in_threads(consumers, lambda number: shares[number].extend(self.inner))
        return shares


@contextmanager
def many(face: Face, run_ids: Iterable[str], *, client: dict[str, Any] | None = None, **options: Any) -> Iterator[Many]:
    """The streams inside their block, over a client of their own."""
    made_client = face.new_client(**(client or {}))
    with face.inside(made_client), face.inside(made_client.runs.stream_many(run_ids, **options)) as inner:
        yield Many(face, inner)
