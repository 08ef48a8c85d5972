"""Pulls that are given up, on asyncio's own loop and on uvloop, and on a connection that others use too (HTTP/2)."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading

import httpx
import pytest
import uvloop
from network.http2 import Http2Server

from flue import AsyncFlueClient

from .frames import RUN, control, data, log, logs, offset
from .reading import AUTHORITY, BOUND, PATIENT, eventually, nothing_left
from .stations import serving

LOOPS = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
LIVES = pytest.mark.parametrize("live", ["long-poll", "sse"])
SHORT = 0.05
FAR = 2 * BOUND


@pytest.fixture(scope="module", autouse=True)
def _pipe_of_uvloop():
    """The first loop of uvloop opens a pipe that it never closes."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.sleep(0))


def run_in(loop: str, main) -> None:
    """Run a coroutine function on a loop of this kind, within a limit; behind it nothing is left."""

    async def whole() -> None:
        async with asyncio.timeout(4 * BOUND):
            await main()

    factory = uvloop.new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    factory().close()  # the first loop of its kind opens what the process keeps
    with nothing_left(), asyncio.Runner(loop_factory=factory) as runner:
        runner.run(whole())


async def until(met) -> None:
    """Let the others work until something is so."""
    async with asyncio.timeout(BOUND):
        while not met():  # nobody tells
            await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def client_of(server, *, theirs: bool):
    """A client, on top of an `httpx.AsyncClient` of the caller's or not."""
    async with contextlib.AsyncExitStack() as stack:
        arguments = {}
        if theirs:
            context = ssl.create_default_context(cafile=AUTHORITY)
            arguments["http_client"] = await stack.enter_async_context(httpx.AsyncClient(verify=context))
        yield await stack.enter_async_context(AsyncFlueClient(server.base_url, timeout=PATIENT, **arguments))


async def by_wait_for(stream) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(stream), SHORT)


async def by_timeout(stream) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SHORT):
            await anext(stream)


async def by_task_group(stream) -> None:
    async def fail() -> None:
        await asyncio.sleep(SHORT)
        raise KeyError

    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            group.create_task(anext(stream))
            group.create_task(fail())
    assert [type(error) for error in caught.value.exceptions] == [KeyError]


async def by_task(stream) -> None:
    task = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(SHORT)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


GIVING_UP = {"wait_for": by_wait_for, "timeout": by_timeout, "task group": by_task_group, "task": by_task}


@pytest.mark.parametrize("theirs", [False, True], ids=["own", "theirs"])
@pytest.mark.parametrize("scheme", ["http", "https"])
@LIVES
@pytest.mark.parametrize("way", GIVING_UP)
@LOOPS
def test_the_next_pull_goes_on(loop, way, live, scheme, theirs, monkeypatch):
    """An idle stream is given up three times; each time the next pull brings what comes next, once."""
    monkeypatch.setenv("SSL_CERT_FILE", AUTHORITY)

    async def main() -> None:
        with serving(scheme) as server:
            async with client_of(server, theirs=theirs) as client:
                stream = client.runs.stream(RUN, live=live)
                seen = [(await anext(stream)).event_index]
                for written in range(1, 4):
                    await GIVING_UP[way](stream)
                    server.append(RUN, *logs(written, written + 1), raw=True)
                    seen.append((await anext(stream)).event_index)
                assert seen == [0, 1, 2, 3]
                await stream.aclose()
                await asyncio.to_thread(eventually, lambda: server.open_connections <= 1, "connections are given up")

    run_in(loop, main)


@pytest.mark.parametrize("by", ["task", "thread", "close"])
@pytest.mark.parametrize("scheme", ["http", "https"])
@LIVES
@LOOPS
def test_a_cancelled_stream_ends(loop, live, scheme, by, monkeypatch):
    """Without an error, and soon, while it waits."""
    monkeypatch.setenv("SSL_CERT_FILE", AUTHORITY)

    async def main() -> None:
        with serving(scheme) as server:
            async with client_of(server, theirs=False) as client:
                stream = client.runs.stream(RUN, live=live)
                await anext(stream)
                rest = asyncio.ensure_future(_collect(stream))
                await until(lambda: len(server.requests) == (2 if live == "long-poll" else 1))
                await asyncio.sleep(SHORT)
                if by == "close":
                    await stream.aclose()
                elif by == "task":
                    stream.cancel()
                else:
                    thread = threading.Thread(target=stream.cancel)
                    thread.start()
                    await asyncio.to_thread(thread.join)
                assert await asyncio.wait_for(rest, FAR / 5) == []
                await asyncio.to_thread(server.wait_for_connections, 0)

    run_in(loop, main)


async def _collect(stream) -> list:
    return [event async for event in stream]


def batch(index: int) -> bytes:
    return data(log(index)) + control(index)


def beginning(target: str) -> bytes:
    """What a new event stream begins with: the first event, or nothing for who has it."""
    return b": nothing new\n\n" if f"offset={offset(0)}" in target else batch(0)


async def cancel(stream, task) -> None:
    stream.cancel()
    with contextlib.suppress(StopAsyncIteration):
        await task


async def cancel_task(stream, task) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await stream.aclose()


async def close(stream, task) -> None:
    await stream.aclose()
    with contextlib.suppress(StopAsyncIteration):
        await task


ENDINGS = {"cancel": cancel, "task": cancel_task, "close": close}


@contextlib.asynccontextmanager
async def over_http2():
    """A server of HTTP/2, a client of the caller's that speaks nothing else, and ours on top of it."""
    with Http2Server("text/event-stream", beginning) as server:
        async with (
            httpx.AsyncClient(http1=False, http2=True, timeout=20.0) as theirs,
            AsyncFlueClient(server.base_url, http_client=theirs, timeout=PATIENT) as client,
        ):
            yield server, theirs, client


@pytest.mark.parametrize("ending", ENDINGS)
@LOOPS
def test_http2_only_this_stream_is_closed(loop, ending):
    """Two streams and a request of the caller's share one connection; one stream goes, the others go on."""

    async def main() -> None:
        async with over_http2() as (server, theirs, client):
            doomed, lasting = (client.runs.stream(run_id, live="sse") for run_id in ("doomed", "lasting"))
            assert (await anext(doomed)).event_index == 0
            assert (await anext(lasting)).event_index == 0
            async with theirs.stream("GET", f"{server.base_url}/other") as other:
                pulls = other.aiter_raw()
                assert await anext(pulls) == batch(0)
                waiting = asyncio.ensure_future(anext(doomed))
                await asyncio.sleep(SHORT)
                await ENDINGS[ending](doomed, waiting)
                _, second, third = server.requests
                second.send(batch(1))
                assert (await anext(lasting)).event_index == 1
                third.send(b"still here")
                assert await anext(pulls) == b"still here"
            assert server.accepted == 1
            assert not second.reset.is_set()
            await lasting.aclose()

    run_in(loop, main)


@pytest.mark.parametrize("way", GIVING_UP)
@LOOPS
def test_http2_a_pull_that_was_given_up(loop, way):
    """The stream goes on, from its checkpoint, on the same connection, and the others notice nothing."""

    async def main() -> None:
        async with over_http2() as (server, _, client):
            first, lasting = (client.runs.stream(run_id, live="sse") for run_id in ("first", "lasting"))
            assert (await anext(lasting)).event_index == 0
            assert (await anext(first)).event_index == 0
            await GIVING_UP[way](first)
            pull = asyncio.ensure_future(anext(first))
            told: set[int] = set()
            while not pull.done():  # the connection may have been kept, or the stream opened again
                for request in [one for one in server.requests if "first" in one.target]:
                    if request.stream_id not in told:
                        told.add(request.stream_id)
                        request.send(batch(1))
                await asyncio.sleep(0.001)
            assert (await pull).event_index == 1
            next(request for request in server.requests if "lasting" in request.target).send(batch(1))
            assert (await anext(lasting)).event_index == 1
            assert server.accepted == 1
            await first.aclose()
            await lasting.aclose()

    run_in(loop, main)
