"""One contestant in a process of its own: `python -m tests.bench.worker NAME BASE_URL HEADERS`.

Reads commands, a line of JSON each, and answers each by a line; ends with its standard input. A contestant keeps its
client for its whole life, as a long-lived program does, and imports nothing but what it measures.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import queue
import resource
import sys
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

DATA = b"event: data\ndata:"
SAMPLE = 10_000  # events between two looks at the memory


def memory(field: str) -> int:
    """A field of the process's status, such as ``VmRSS`` (resident) or ``VmHWM`` (its peak), in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


class Flue:
    """Either face."""

    def __init__(self, url: str, headers: dict[str, str], *, is_async: bool) -> None:
        import flue

        self.client: Any = (flue.AsyncFlueClient if is_async else flue.FlueClient)(url, headers=headers)
        self.listed = self.client.runs.events

    def open_talk(self, run: str, what: str) -> Any:
        talk = self.client.conversation("runs", run)
        return talk.stream(offset=f"{0:016d}_{0:016d}") if what == "chunks" else talk.observe(live="sse")

    def open(self, run: str, live: Any) -> Any:
        return self.client.runs.stream(run, live=live)


class Bare:
    """requests and orjson in a loop: no retries, no checks, no types."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        import orjson
        import requests

        self.url, self.loads, self.session = f"{url}/runs/", orjson.loads, requests.Session()
        self.session.headers.update(headers)

    @contextmanager
    def open(self, run: str, live: Any) -> Iterator[Iterable[Any]]:
        yield itertools.chain.from_iterable(self.frames(run) if live == "sse" else self.pages(run, live))

    def pages(self, run: str, live: Any) -> Iterator[list[Any]]:
        query, over = asked(live)
        while True:
            response = self.session.get(self.url + run, params=query)
            yield self.loads(response.content)
            if over in response.headers:
                return
            query["offset"] = response.headers["stream-next-offset"]

    def frames(self, run: str) -> Iterator[list[Any]]:
        rest = b""
        with self.session.get(self.url + run, params=asked("sse")[0], stream=True) as response:
            for chunk in response.raw.stream(65536):
                *whole, rest = (rest + chunk).split(b"\n\n")
                yield from (self.loads(frame[len(DATA) :]) for frame in whole if frame.startswith(DATA))

    def listed(self, run: str) -> list[Any]:
        return list(itertools.chain.from_iterable(self.pages(run, live=False)))


class BareAsync:
    """The same with httpx."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        import httpx
        import orjson

        self.url, self.loads = f"{url}/runs/", orjson.loads
        self.client = httpx.AsyncClient(headers=headers, timeout=60, limits=httpx.Limits(max_connections=None))

    @asynccontextmanager
    async def open(self, run: str, live: Any) -> AsyncIterator[Any]:
        yield self.events(self.frames(run) if live == "sse" else self.pages(run, live))

    async def events(self, pages: AsyncIterator[list[Any]]) -> AsyncIterator[Any]:
        async for page in pages:
            for event in page:
                yield event

    async def pages(self, run: str, live: Any) -> AsyncIterator[list[Any]]:
        query, over = asked(live)
        while True:
            response = await self.client.get(self.url + run, params=query)
            yield self.loads(response.content)
            if over in response.headers:
                return
            query["offset"] = response.headers["stream-next-offset"]

    async def frames(self, run: str) -> AsyncIterator[list[Any]]:
        rest = b""
        async with self.client.stream("GET", self.url + run, params=asked("sse")[0]) as response:
            async for chunk in response.aiter_raw():
                *whole, rest = (rest + chunk).split(b"\n\n")
                for frame in whole:
                    if frame.startswith(DATA):
                        yield self.loads(frame[len(DATA) :])

    async def listed(self, run: str) -> list[Any]:
        return [event async for page in self.pages(run, live=False) for event in page]


class DurableStreams:
    """The Durable Streams client, either face. Version 0.1.0 polls a closed stream for ever, so events are counted."""

    def __init__(self, url: str, headers: dict[str, str], *, is_async: bool) -> None:
        import httpx

        self.url, self.is_async = f"{url}/runs/", is_async
        self.client: Any = (httpx.AsyncClient if is_async else httpx.Client)(headers=headers, timeout=60)
        self.open = self.open_async if is_async else self.open_sync

    @contextmanager
    def open_sync(self, run: str, live: Any) -> Iterator[Any]:
        import durable_streams

        with durable_streams.stream(self.url + run, offset="-1", live=live, client=self.client) as response:
            events = response.iter_json()
            yield itertools.islice(events, number_in(run)) if live == "long-poll" else events

    @asynccontextmanager
    async def open_async(self, run: str, live: Any) -> AsyncIterator[Any]:
        import durable_streams

        async with durable_streams.astream(self.url + run, offset="-1", live=live, client=self.client) as response:
            events = response.iter_json()
            yield self.first(events, number_in(run)) if live == "long-poll" else events

    async def first(self, events: AsyncIterator[Any], count: int) -> AsyncIterator[Any]:
        async for event in events:
            yield event
            count -= 1
            if not count:
                return

    def listed(self, run: str) -> Any:
        async def all_async() -> list[Any]:
            async with self.open_async(run, live=False) as events:
                return [event async for event in events]

        if self.is_async:
            return all_async()
        with self.open_sync(run, live=False) as events:
            return list(events)


def number_in(run: str) -> int:
    """How many events a run has, which is the end of its name."""
    return int(run.rpartition("-")[2])


def asked(live: Any) -> tuple[dict[str, str], str]:
    """The query of a bare loop, and the header that ends it."""
    return {"offset": "-1", **({"live": live} if live else {})}, "stream-closed" if live else "stream-up-to-date"


READERS: dict[str, Callable[[str, dict[str, str]], Any]] = {
    "flue sync": lambda url, headers: Flue(url, headers, is_async=False),
    "flue async": lambda url, headers: Flue(url, headers, is_async=True),
    "requests + orjson": Bare,
    "httpx + orjson": BareAsync,
    "durable-streams sync": lambda url, headers: DurableStreams(url, headers, is_async=False),
    "durable-streams async": lambda url, headers: DurableStreams(url, headers, is_async=True),
}


async def read(source: Any, visit: Callable[[Any], object] | None = None) -> int:
    """Read a stream of either face to its end, or to the item at which `visit` says true; how many items it gave."""
    count = 0
    if hasattr(source, "__enter__"):
        with source as items:
            for item in items:
                count += 1
                if visit is not None and visit(item):
                    break
    else:
        async with source as items:
            async for item in items:
                count += 1
                if visit is not None and visit(item):
                    break
    return count


class Worker:
    """Carries out commands with one reader, in one event loop."""

    def __init__(self, reader: Any) -> None:
        self.reader = reader

    async def count(self, run: str, live: Any, visit: Callable[[Any], object] | None = None) -> dict[str, Any]:
        """Read a run to its end."""
        return {"events": await read(self.reader.open(run, live), visit)}

    async def talk(self, run: str, live: Any) -> dict[str, Any]:
        """Read a conversation until its reply has so many words: `live` says whether as `chunks` or as `states`."""
        total = number_in(run)
        last = f"word{total - 1} "

        def is_last(item: Any) -> bool:
            if live == "chunks":
                return item.delta == last
            parts = item.messages[0].parts
            return bool(parts) and parts[0].text.endswith(last)

        return {"events": total, "handed": await read(self.reader.open_talk(run, live), is_last)}

    async def list(self, run: str, live: Any) -> dict[str, Any]:
        """Read a run into a list."""
        events = self.reader.listed(run)
        return {"events": len(await events if hasattr(events, "__await__") else events)}

    async def check(self, run: str, live: Any) -> dict[str, Any]:
        """Read once with a look at every event: in order, and typed if it is ours."""
        typed, numbers = isinstance(self.reader, Flue), []
        await self.count(run, live, lambda event: numbers.append(event.event_index if typed else event["eventIndex"]))
        if numbers != list(range(len(numbers))):
            raise AssertionError(f"{len(numbers)} events out of order")
        return {"events": len(numbers)}

    async def latency(self, run: str, live: Any) -> dict[str, Any]:
        """Nanoseconds from each event's writing to its being here."""
        late: list[int] = []
        now, typed = time.monotonic_ns, isinstance(self.reader, Flue)
        visit = lambda event: late.append(now() - (event.attributes if typed else event["attributes"])["sent"])  # noqa: E731
        return {**await self.count(run, live, visit), "late": late}

    async def growth(self, run: str, live: Any) -> dict[str, Any]:
        """The largest resident memory against that after the first events."""
        resident: list[int] = []
        numbers = itertools.count(1)
        visit = lambda event: None if next(numbers) % SAMPLE else resident.append(memory("VmRSS"))  # noqa: E731
        return {**await self.count(run, live, visit), "growth": max(resident) - resident[0]}

    async def idle(self, run: str, live: Any) -> dict[str, Any]:
        """Resident memory of each of so many streams that have read their first event and wait for the next."""
        doors, waiting = asyncio.Semaphore(50), set[asyncio.Task[None]]()

        async def follow(ready: asyncio.Event) -> None:
            async with self.reader.open("idle-0", "sse") as stream:
                async with doors:
                    await anext(stream)
                ready.set()
                await anext(stream)

        async def open_more(count: int) -> int:
            ready = [asyncio.Event() for _ in range(count)]
            waiting.update(asyncio.create_task(follow(event)) for event in ready)
            async with asyncio.timeout(60):
                await asyncio.gather(*(event.wait() for event in ready))
            gc.collect()
            return memory("VmRSS")

        streams = int(run.partition("-")[2])
        before = await open_more(10)  # for what is made only once
        each = (await open_more(streams) - before) / streams
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return {"events": streams, "each": each}


def main(name: str, base_url: str, headers: str) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    commands: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            commands.put(line)
        os._exit(0)  # whatever goes on: flue reconnects for ever

    threading.Thread(target=listen, daemon=True).start()
    with asyncio.Runner() as runner:
        worker = Worker(READERS[name](base_url, json.loads(headers)))
        while True:
            command = json.loads(commands.get())
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins at what is resident now
            before = memory("VmRSS")
            wall, cpu = time.perf_counter(), time.process_time()
            try:
                answer = runner.run(getattr(worker, command["do"])(command["run"], command["live"]))
            except Exception as error:
                answer = {"error": repr(error)}
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            print(
                json.dumps({**answer, "wall": wall, "cpu": cpu, "before": before, "peak": memory("VmHWM")}), flush=True
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
