"""A pull that is cancelled at any moment has either handed its event over or left it for the next pull."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from flue import AsyncFlueClient
from flue.testing import FlueTestServer

EVENTS = 3


@pytest.mark.parametrize("live", [False, True, "sse"])
def test_a_cancelled_pull_loses_nothing(live):
    """Each pull is cancelled once, after so many turns of the loop."""

    async def read(client: AsyncFlueClient, run_id: str, turns: int) -> tuple[list[int], bool]:
        seen: list[int] = []
        cancelled = False
        stream = client.runs.stream(run_id, live=live)
        while True:
            pull = asyncio.ensure_future(anext(stream, None))
            for _ in range(turns):
                await asyncio.sleep(0)
            if pull.cancel():
                cancelled = True
                with contextlib.suppress(asyncio.CancelledError):
                    await pull
            event = await anext(stream, None) if pull.cancelled() else pull.result()
            if event is None:
                return seen, cancelled
            seen.append(event.event_index)

    async def main() -> None:
        async with AsyncFlueClient(server.base_url) as client:
            turns, cancelled = 0, True
            while cancelled or turns < 40:
                seen, cancelled = await read(client, run_id, turns)
                assert seen == list(range(EVENTS)), turns
                turns += 1

    with FlueTestServer() as server:
        run_id = server.create_run()
        server.append(run_id, *({"type": "log", "level": "info", "message": "."} for _ in range(EVENTS - 1)))
        server.finish_run(run_id)
        asyncio.run(asyncio.wait_for(main(), 30))
