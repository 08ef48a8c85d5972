"""Many streams of one client that have read their first event and wait for the next."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

from .process import memory

if TYPE_CHECKING:
    from .readers import Reader

WARM = 10  # streams opened before the first look, for what is made only once
AT_ONCE = 50  # connections made at the same time


async def hold(reader: Reader, streams: int) -> float:
    """Open so many streams of a reader and give the resident memory of each, in bytes."""
    stream = _flue_stream if reader.typed else _httpx_stream
    client: Any = reader.client if reader.typed else _unlimited_httpx()  # type: ignore[attr-defined]
    doors = asyncio.Semaphore(AT_ONCE)
    waiting: set[asyncio.Task[None]] = set()

    async def open_more(count: int) -> None:
        ready = [asyncio.Event() for _ in range(count)]
        waiting.update(asyncio.create_task(stream(client, reader, doors, event)) for event in ready)
        async with asyncio.timeout(60):
            await asyncio.gather(*(event.wait() for event in ready))

    try:
        await open_more(WARM)
        gc.collect()
        before = memory("VmRSS")
        await open_more(streams)
        gc.collect()
        after = memory("VmRSS")
        if failed := [task for task in waiting if task.done()]:
            raise AssertionError(f"{len(failed)} streams ended: {failed[0]!r}")
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return (after - before) / streams


def _unlimited_httpx() -> Any:
    import httpx

    return httpx.AsyncClient(limits=httpx.Limits(max_connections=None), timeout=60)


async def _flue_stream(client: Any, _reader: Reader, doors: asyncio.Semaphore, ready: asyncio.Event) -> None:
    async with client.runs.stream("idle-0", live="sse") as stream:
        async with doors:
            await anext(stream)
        ready.set()
        await anext(stream)


async def _httpx_stream(client: Any, reader: Reader, doors: asyncio.Semaphore, ready: asyncio.Event) -> None:
    await doors.acquire()
    query = {"offset": "-1", "live": "sse"}
    async with client.stream("GET", reader.url("idle-0"), params=query) as response:
        chunks = response.aiter_raw()
        await anext(chunks)
        doors.release()
        ready.set()
        await anext(chunks)
