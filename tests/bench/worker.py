"""One contestant in a process of its own: ``python -m tests.bench.worker NAME BASE_URL HEADERS``.

Reads commands, a line of JSON each, and answers each by a line; ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import resource
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from . import idle
from .bare_socket import BareSocket
from .process import forget_peak, memory
from .readers import DurableStreamsAsync, DurableStreamsSync, FlueAsync, FlueSync, HttpxOrjson, Reader, RequestsOrjson

if TYPE_CHECKING:
    from collections.abc import Callable

    Visit = Callable[[Any], object]

READERS: dict[str, type[Reader]] = {
    "flue sync": FlueSync,
    "flue async": FlueAsync,
    "requests + orjson": RequestsOrjson,
    "httpx + orjson": HttpxOrjson,
    "durable-streams sync": DurableStreamsSync,
    "durable-streams async": DurableStreamsAsync,
    "bare socket": BareSocket,
}
SAMPLE = 10_000  # events between two looks at the memory


class Worker:
    """Carries out commands with one reader, in one event loop."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    async def read(self, run: str, live: Any, visit: Visit | None) -> int:
        """Read a run to its end, calling `visit` with each event, and count the events."""
        source = self.reader.open(run, live)
        if not self.reader.asynchronous:
            with source as events:
                return each(events, visit)
        count = 0
        async with source as events:
            if self.reader.paged:
                async for page in events:
                    count += each(page, visit)
            elif visit is None:
                async for _ in events:
                    count += 1
            else:
                async for event in events:
                    visit(event)
                    count += 1
        return count

    async def listed(self, run: str) -> int:
        """Read a run into a list."""
        events = self.reader.listed(run)
        return len(await events if self.reader.asynchronous else events)

    async def count(self, run: str, live: Any) -> dict[str, Any]:
        return {"events": await self.read(run, live, None)}

    async def list(self, run: str, live: Any) -> dict[str, Any]:
        return {"events": await self.listed(run)}

    async def check(self, run: str, live: Any) -> dict[str, Any]:
        """Read once with a look at every event: in order, typed if ours."""
        numbers: list[int] = []
        await self.read(run, live, lambda event: numbers.append(self.checked(event)))
        if numbers != list(range(len(numbers))):
            raise AssertionError(f"{len(numbers)} events out of order")
        return {"events": len(numbers)}

    async def latency(self, run: str, live: Any) -> dict[str, Any]:
        """Nanoseconds from each event's writing to its being here."""
        late: list[int] = []
        now = time.monotonic_ns
        if self.reader.typed:
            count = await self.read(run, live, lambda event: late.append(now() - event.attributes["sent"]))
        else:
            count = await self.read(run, live, lambda event: late.append(now() - event["attributes"]["sent"]))
        return {"events": count, "late": late}

    async def growth(self, run: str, live: Any) -> dict[str, Any]:
        """The largest resident memory after the first events against that at them."""
        resident: list[int] = []
        state = [0]

        def sample(_event: Any) -> None:
            state[0] += 1
            if state[0] % SAMPLE == 0:
                resident.append(memory("VmRSS"))

        count = await self.read(run, live, sample)
        return {"events": count, "growth": max(resident) - resident[0]}

    async def idle(self, run: str, live: Any) -> dict[str, Any]:
        """Bytes of memory for each of many streams that wait; the number of streams is the run's second part."""
        streams = int(run.partition("-")[2])
        return {"events": streams, "each": await idle.hold(self.reader, streams)}

    def checked(self, event: Any) -> int:
        """The number of an event that is what it should be."""
        if not self.reader.typed:
            return event["eventIndex"]
        from flue import UnknownEvent
        from flue.models import FlueEvent

        if isinstance(event, UnknownEvent) or not isinstance(event, FlueEvent):
            raise TypeError(f"not a typed event: {event!r}")
        return event.event_index


def each(events: Any, visit: Visit | None) -> int:
    count = 0
    if visit is None:
        for _ in events:
            count += 1
    else:
        for event in events:
            visit(event)
            count += 1
    return count


def listen(commands: queue.SimpleQueue[str]) -> None:
    """Pass commands on; when there are no more, end the process, in whatever it is: flue reconnects for ever."""
    for line in sys.stdin:
        commands.put(line)
    os._exit(0)


def main(name: str, base_url: str, headers: str) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    commands: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=listen, args=(commands,), daemon=True).start()
    with asyncio.Runner() as runner:
        worker = Worker(READERS[name](base_url, json.loads(headers)))
        while True:
            command = json.loads(commands.get())
            forget_peak()
            before = memory("VmRSS")
            wall, cpu = time.perf_counter(), time.process_time()
            try:
                answer = runner.run(getattr(worker, command["do"])(command["run"], command["live"]))
            except Exception as error:
                answer = {"error": repr(error)}
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            answer |= {"wall": wall, "cpu": cpu, "before": before, "peak": memory("VmHWM")}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
