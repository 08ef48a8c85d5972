"""The asynchronous face on httpx: the one private look behind it, and what it leaves to be awaited."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import httpx
import pytest

import flue.aio._network
from flue import AsyncFlueClient, BackoffOptions, FlueError
from flue.testing import Fault

from .frames import RUN, indexes
from .reading import PATIENT
from .stations import serving


@pytest.fixture
def bodies(monkeypatch):
    """How the body of each response is read: the reader of event streams, or None where httpx reads it.

    `bodies.response` stands for each response where it is set.
    """
    found = SimpleNamespace(all=[], response=None)
    real = flue.aio._network.event_stream_body

    def spy(response, headers, read_timeout):
        found.all.append(real(found.response or response, headers, read_timeout))
        return found.all[-1]

    monkeypatch.setattr(flue.aio._network, "event_stream_body", spy)
    return found


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_event_stream_is_read_as_it_arrives(async_face, scheme, bodies, trusting):
    """Fails when httpx or httpcore keep what has arrived with the head under another name."""
    with serving(scheme) as server:
        server.finish_run(RUN)
        client = async_face.new_client(base_url=server.base_url)
        for live in ("sse", False):
            assert indexes(async_face.stream(RUN, client, live=live).collect()) == [0, 1]
        async_face.wait(client.aclose)
    assert [body is not None for body in bodies.all] == [True, False]


@pytest.mark.parametrize(
    "response",
    [
        SimpleNamespace(stream=object(), extensions={}),
        SimpleNamespace(stream=SimpleNamespace(_httpcore_stream=SimpleNamespace(_stream=iter(()))), extensions={}),
    ],
    ids=["httpx", "httpcore"],
)
def test_httpx_reads_what_is_not_plainly_ours(async_face, response, bodies):
    """Another name, a mock: the same events come."""
    bodies.response = response
    async_face.start_run(3, finish=True)
    assert indexes(async_face.stream(RUN, live="sse").collect()) == [0, 1, 2, 3]
    assert bodies.all == [None]


def test_the_bodies_of_a_callers_client_are_left_to_it(async_face, bodies):
    """Whoever counts or records them sees them."""
    seen: list[str] = []

    async def note(response: httpx.Response) -> None:
        seen.append(response.headers["content-type"])

    async_face.start_run(1, finish=True)
    theirs = httpx.AsyncClient(event_hooks={"response": [note]})
    client = async_face.new_client(http_client=theirs)
    assert indexes(async_face.stream(RUN, client, live="sse").collect()) == [0, 1]
    async_face.wait(theirs.aclose)
    assert bodies.all == []
    assert [value.partition(";")[0] for value in seen] == ["text/event-stream"]


def test_an_async_callback_is_awaited():
    """For every failed attempt, the last one too; a stream that is cancelled does not wait for it."""

    async def main(server) -> None:
        told: list[bool] = []

        async def note(attempt) -> None:
            await asyncio.sleep(0)
            told.append(attempt.will_retry)

        options = BackoffOptions(initial_delay=0.001, max_delay=0.002, max_retries=2, on_failed_attempt=note)
        async with AsyncFlueClient(server.base_url, timeout=PATIENT, backoff_options=options) as client:
            server.faults.add(Fault(status=503), times=2)
            assert (await client.runs.get(RUN)).run_id == RUN
            assert told == [True, True]
            server.faults.add(Fault(status=503), times=3)
            with pytest.raises(FlueError):
                await client.runs.events(RUN)
            assert told == [True, True, True, True, False]

        held = asyncio.Event()

        async def hold(attempt) -> None:
            held.set()
            await asyncio.sleep(3600.0)

        async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:
            server.faults.add(Fault(status=503), times=1)
            stream = client.runs.stream(RUN, backoff_options=BackoffOptions(on_failed_attempt=hold))
            pull = asyncio.ensure_future(anext(stream, None))
            await held.wait()
            stream.cancel()
            assert await asyncio.wait_for(pull, 5.0) is None

    with serving("http") as server:
        asyncio.run(main(server))
