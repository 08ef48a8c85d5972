"""The contestants in Python: each gives the events of a run, as its users would read them.

A reader keeps its client for its whole life, so that a measurement pays for connections as a long-lived program does.
The libraries are imported by the reader that uses them: a process measures one contestant.
"""

from __future__ import annotations

import itertools
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    Live = Literal["long-poll", "sse", False]

DATA = b"event: data\ndata:"


class Reader:
    """A contestant.

    Args:
        base_url: where the server's routes are mounted.
        headers: sent with every request.
    """

    typed = False
    asynchronous = False
    paged = False  # gives lists of events

    def __init__(self, base_url: str, headers: dict[str, str]) -> None:
        self.base_url = base_url
        self.headers = headers

    def url(self, run: str) -> str:
        """The URL of a run."""
        return f"{self.base_url}/runs/{run}"

    def open(self, run: str, live: Live) -> Any:
        """A context manager that gives the events, or lists of them."""
        raise NotImplementedError

    def listed(self, run: str) -> Any:
        """All events in a list, where the contestant has a call for that (the asynchronous ones: awaitable)."""
        raise NotImplementedError


class FlueSync(Reader):
    typed = True

    def __init__(self, base_url: str, headers: dict[str, str]) -> None:
        from flue import FlueClient

        self.client = FlueClient(base_url, headers=headers)

    def open(self, run: str, live: Live) -> Any:
        return self.client.runs.stream(run, live=live)

    def listed(self, run: str) -> Any:
        return self.client.runs.events(run)


class FlueAsync(Reader):
    typed = asynchronous = True

    def __init__(self, base_url: str, headers: dict[str, str]) -> None:
        from flue import AsyncFlueClient

        self.client = AsyncFlueClient(base_url, headers=headers)

    def open(self, run: str, live: Live) -> Any:
        return self.client.runs.stream(run, live=live)

    def listed(self, run: str) -> Any:
        return self.client.runs.events(run)


class RequestsOrjson(Reader):
    """The bare loop: no retries, no checks, no types."""

    def __init__(self, base_url: str, headers: dict[str, str]) -> None:
        import orjson
        import requests

        super().__init__(base_url, headers)
        self.loads = orjson.loads
        self.session = requests.Session()
        self.session.headers.update(headers)

    @contextmanager
    def open(self, run: str, live: Live) -> Iterator[Iterable[Any]]:
        pages = self.frames(run) if live == "sse" else self.pages(run, live)
        yield itertools.chain.from_iterable(pages)

    def pages(self, run: str, live: Live) -> Iterator[list[Any]]:
        query = {"offset": "-1", "live": live} if live else {"offset": "-1"}
        over = "stream-closed" if live else "stream-up-to-date"
        while True:
            response = self.session.get(self.url(run), params=query)
            yield self.loads(response.content)
            if over in response.headers:
                return
            query["offset"] = response.headers["stream-next-offset"]

    def frames(self, run: str) -> Iterator[list[Any]]:
        query = {"offset": "-1", "live": "sse"}
        rest = b""
        with self.session.get(self.url(run), params=query, stream=True) as response:
            for chunk in response.raw.stream(65536):
                *whole, rest = (rest + chunk).split(b"\n\n")
                for frame in whole:
                    if frame.startswith(DATA):
                        yield self.loads(frame[len(DATA) :])

    def listed(self, run: str) -> Any:
        return list(itertools.chain.from_iterable(self.pages(run, live=False)))


class HttpxOrjson(Reader):
    """The same with httpx and asyncio."""

    asynchronous = paged = True

    def __init__(self, base_url: str, headers: dict[str, str]) -> None:
        import httpx
        import orjson

        super().__init__(base_url, headers)
        self.loads = orjson.loads
        self.client = httpx.AsyncClient(headers=headers, timeout=60)

    @asynccontextmanager
    async def open(self, run: str, live: Live) -> AsyncIterator[AsyncIterator[list[Any]]]:
        yield self.frames(run) if live == "sse" else self.pages(run, live)

    async def pages(self, run: str, live: Live) -> AsyncIterator[list[Any]]:
        query = {"offset": "-1", "live": live} if live else {"offset": "-1"}
        over = "stream-closed" if live else "stream-up-to-date"
        while True:
            response = await self.client.get(self.url(run), params=query)
            yield self.loads(response.content)
            if over in response.headers:
                return
            query["offset"] = response.headers["stream-next-offset"]

    async def frames(self, run: str) -> AsyncIterator[list[Any]]:
        query = {"offset": "-1", "live": "sse"}
        rest = b""
        async with self.client.stream("GET", self.url(run), params=query) as response:
            async for chunk in response.aiter_raw():
                *whole, rest = (rest + chunk).split(b"\n\n")
                for frame in whole:
                    if frame.startswith(DATA):
                        yield self.loads(frame[len(DATA) :])

    async def listed(self, run: str) -> Any:
        return [event async for page in self.pages(run, live=False) for event in page]


class DurableStreamsSync(Reader):
    def __init__(self, base_url: str, headers: dict[str, str]) -> None:
        import httpx

        super().__init__(base_url, headers)
        self.client = httpx.Client(headers=headers, timeout=60)

    @contextmanager
    def open(self, run: str, live: Live) -> Iterator[Iterable[Any]]:
        import durable_streams

        with durable_streams.stream(self.url(run), offset="-1", live=live, client=self.client) as response:
            yield self.first(response, run) if live == "long-poll" else response.iter_json()

    def first(self, response: Any, run: str) -> Iterator[Any]:
        """As many events as there are: durable-streams 0.1.0 polls a closed stream for ever."""
        left = int(run.rpartition("-")[2])
        for batch in response.iter_json_batches():
            yield from batch
            left -= len(batch)
            if not left:
                return

    def listed(self, run: str) -> Any:
        with self.open(run, live=False) as events:
            return list(events)


class DurableStreamsAsync(Reader):
    asynchronous = True

    def __init__(self, base_url: str, headers: dict[str, str]) -> None:
        import httpx

        super().__init__(base_url, headers)
        self.client = httpx.AsyncClient(headers=headers, timeout=60)

    @asynccontextmanager
    async def open(self, run: str, live: Live) -> AsyncIterator[AsyncIterator[Any]]:
        import durable_streams

        async with durable_streams.astream(self.url(run), offset="-1", live=live, client=self.client) as response:
            yield self.first(response, run) if live == "long-poll" else response.iter_json()

    async def first(self, response: Any, run: str) -> AsyncIterator[Any]:
        """As many events as there are."""
        left = int(run.rpartition("-")[2])
        async for batch in response.iter_json_batches():
            for event in batch:
                yield event
            left -= len(batch)
            if not left:
                return

    async def listed(self, run: str) -> Any:
        async with self.open(run, live=False) as events:
            return [event async for event in events]
