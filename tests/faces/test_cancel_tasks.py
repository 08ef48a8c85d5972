"""asyncio's own cancellation: it goes through, releases the connection, and the next pull goes on where it was.

Also on a connection that others use (HTTP/2).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl

import anyio
import httpx
import pytest
from network.http2 import Http2Server

from flue import AsyncFlueClient, BackoffOptions, FlueTimeoutError
from flue.testing import Fault

from .frames import RUN, control, data, indexes, log, logs, offset
from .reading import AUTHORITY, BOUND, PATIENT, awaiting, eventually, nothing_left
from .stations import BLOCKED, STATIONS, serving

pytestmark = pytest.mark.usefixtures("trusting")
LIVES = pytest.mark.parametrize("live", ["long-poll", "sse"])
SHORT = 0.05


def run(main) -> None:
    """Run a test's coroutine within a limit; behind it there is no task, no thread and no descriptor left."""

    async def whole() -> None:
        async with asyncio.timeout(4 * BOUND):
            await main()
        for _ in range(50):  # generators inside httpx that the loop finalizes one by one
            left = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.sleep(0)
        assert left == set()

    with nothing_left():
        asyncio.run(whole())


async def until(met) -> None:
    """Wait until something is so, and let the others work."""
    async with asyncio.timeout(BOUND):
        while not met():  # nobody tells
            await asyncio.sleep(0.001)


class _Pulling:
    """What a station asks of a reader, for a task of this loop."""

    def __init__(self, task: asyncio.Task, events: list) -> None:
        self._task = task
        self.events = events

    def is_at(self, step: str) -> bool:
        return step in awaiting(self._task)


@pytest.mark.parametrize(("name", "scheme"), BLOCKED)
def test_a_cancelled_task(name, scheme):
    """Wherever it waits, also cancelled twice in a row. The error is `CancelledError`, the connection goes."""

    async def main() -> None:
        for times in (1, 2):
            with STATIONS[name](scheme) as station:
                async with AsyncFlueClient(station.base_url, timeout=PATIENT) as client:
                    stream = client.runs.stream(RUN, **station.options)
                    events: list = []

                    async def read(stream=stream, events=events) -> None:
                        async for event in stream:
                            events.append(event)

                    task = asyncio.create_task(read())
                    pulling = _Pulling(task, events)
                    # The station's own check may block for a moment, but never on this loop.
                    await asyncio.to_thread(station.wait_for, pulling)
                    for _ in range(times):
                        task.cancel()
                        await asyncio.sleep(0)
                    with pytest.raises(asyncio.CancelledError):
                        await task
                    if station.server is not None:
                        await asyncio.to_thread(station.server.wait_for_connections, 0)

    run(main)


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
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(SHORT):
            await anext(stream)
    assert not isinstance(caught.value, FlueTimeoutError)


async def by_anyio(stream) -> None:
    with anyio.move_on_after(SHORT) as moved:
        await anext(stream)
    assert moved.cancelled_caught


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


GIVING_UP = (by_wait_for, by_timeout, by_anyio, by_task_group, by_task)


@pytest.mark.parametrize(("scheme", "theirs"), [("http", False), ("https", True)], ids=["own", "theirs over TLS"])
@LIVES
def test_the_next_pull_goes_on(live, scheme, theirs):
    """However an idle pull is given up, the next one brings what comes next, once, and no attempt has failed."""

    async def main() -> None:
        with serving(scheme) as server:
            async with client_of(server, theirs=theirs) as client:
                failed: list = []
                options = BackoffOptions(on_failed_attempt=failed.append)
                stream = client.runs.stream(RUN, live=live, backoff_options=options)
                seen = [(await anext(stream)).event_index]
                for written, give_up in enumerate(GIVING_UP, 1):
                    await give_up(stream)
                    server.append(RUN, *logs(written, written + 1), raw=True)
                    seen.append((await anext(stream)).event_index)
                assert seen == list(range(len(GIVING_UP) + 1))
                assert failed == []
                await stream.aclose()
                await asyncio.to_thread(eventually, lambda: server.open_connections <= 1, "connections are given up")

    run(main)


@pytest.mark.parametrize("live", [False, True, "sse"])
def test_a_pull_that_is_cancelled_at_any_moment(live):
    """Each pull is cancelled once, after so many turns of the loop; its event is handed over or left for the next."""

    async def read(client: AsyncFlueClient, turns: int) -> tuple[list[int], bool]:
        seen: list[int] = []
        cancelled = False
        stream = client.runs.stream(RUN, live=live)
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
        with serving("http") as server:
            server.append(RUN, *logs(1, 2), raw=True)
            server.finish_run(RUN)
            async with AsyncFlueClient(server.base_url) as client:
                turns, cancelled = 0, True
                while cancelled or turns < 40:
                    seen, cancelled = await read(client, turns)
                    assert seen == [0, 1, 2], turns
                    turns += 1

    run(main)


def test_a_task_group_whose_other_task_fails():
    """Readers in every state are cancelled with it."""

    async def read(stream) -> None:
        async for _ in stream:
            pass

    async def fail(server) -> None:
        await until(lambda: len(server.requests) == 5)  # each reader's first, and a poll behind the one good page
        raise KeyError

    async def main() -> None:
        with serving("http") as server:
            server.faults.add(Fault(stall_before_headers=30.0), times=1)
            server.faults.add(Fault(stall_after=3, stall=30.0), times=1)
            async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:
                with pytest.raises(ExceptionGroup) as caught:
                    async with asyncio.TaskGroup() as group:
                        for live in ("long-poll", "long-poll", "long-poll", "sse"):
                            group.create_task(read(client.runs.stream(RUN, live=live)))
                        group.create_task(fail(server))
                assert [type(error) for error in caught.value.exceptions] == [KeyError]
                await asyncio.to_thread(server.wait_for_connections, 0)

    run(main)


def test_both_kinds_of_cancelling_at_once():
    """The task's own cancellation is never swallowed by that of the stream."""

    async def pull(stream) -> None:
        with contextlib.suppress(StopAsyncIteration):
            await stream.__anext__()

    async def main() -> None:
        with serving("http") as server:
            async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:
                for order in range(3):
                    stream = client.runs.stream(RUN, live="sse")
                    await anext(stream)
                    task = asyncio.create_task(pull(stream))
                    await until(lambda task=task: _Pulling(task, []).is_at("_read"))
                    if order == 0:
                        stream.cancel()
                        task.cancel()
                    elif order == 1:
                        task.cancel()
                        stream.cancel()
                    else:
                        stream.cancel()
                        await asyncio.sleep(0)
                        task.cancel()
                    done, _ = await asyncio.wait([task])
                    assert done
                    if order < 2:
                        assert task.cancelled()
                    await asyncio.to_thread(server.wait_for_connections, 0)

    run(main)


def test_a_client_survives_a_hundred_cancelled_pulls():
    """No connection of the pool is lost on the way."""

    async def main() -> None:
        with serving("http") as server:
            async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:
                chance = random.Random(7)
                streams = [client.runs.stream(RUN, live=("sse", "long-poll")[n % 2]) for n in range(100)]
                tasks = [asyncio.ensure_future(stream.__anext__()) for stream in streams]
                for task in tasks:
                    await asyncio.sleep(chance.uniform(0, 0.002))
                    task.cancel()
                await asyncio.wait(tasks)
                for stream in streams:
                    await stream.aclose()
                assert indexes(await client.runs.events(RUN)) == [0]
                await until(lambda: server.open_connections <= 100)

    run(main)


def test_a_generator_around_a_stream_that_is_closed():
    """Its `GeneratorExit` meets a plain class: nothing is awaited or yielded on its account."""

    async def main() -> None:
        with serving("http") as server:
            async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:

                async def wrapped():
                    async with client.runs.stream(RUN, live="sse") as stream:
                        async for event in stream:
                            yield event

                generator = wrapped()
                assert (await anext(generator)).event_index == 0
                await generator.aclose()
                await asyncio.to_thread(server.wait_for_connections, 0)

    run(main)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_cancelled_at_any_turn_of_the_loop(scheme):
    """Also between a connection that is there and the first byte on it, when nobody else knows of it."""

    async def main() -> None:
        with serving(scheme) as server:
            server.faults.add(Fault(stall_before_headers=30.0), times=None)
            for turns in range(40):
                async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:
                    task = asyncio.create_task(client.runs.get(RUN))
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    task.cancel()
                    done, _ = await asyncio.wait([task], timeout=BOUND)
                    assert done, f"still there after {turns} turns"
                    await asyncio.to_thread(server.wait_for_connections, 0)

    run(main)


# HTTP/2.


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
def test_http2_only_this_stream_is_closed(ending):
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

    run(main)


@pytest.mark.parametrize("give_up", GIVING_UP)
def test_http2_a_pull_that_was_given_up(give_up):
    """The stream goes on, from its checkpoint, on the same connection, and the others notice nothing."""

    async def main() -> None:
        async with over_http2() as (server, _, client):
            first, lasting = (client.runs.stream(run_id, live="sse") for run_id in ("first", "lasting"))
            assert (await anext(lasting)).event_index == 0
            assert (await anext(first)).event_index == 0
            await give_up(first)
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

    run(main)
