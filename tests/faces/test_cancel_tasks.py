"""asyncio's own cancellation: it goes through, releases the connection, and the next pull goes on where it was."""

from __future__ import annotations

import asyncio
import contextlib
import random

import anyio
import pytest

from flue import AsyncFlueClient, FlueTimeoutError
from flue.testing import Fault

from .frames import RUN, indexes, logs
from .harness import EAGER
from .reading import AUTHORITY, BOUND, PATIENT, nothing_left
from .stations import STATIONS, serving

BLOCKED = [
    (name, scheme) for name in STATIONS for scheme in ("http", "https") if (name, scheme) != ("handshake", "http")
]


def in_loop(main) -> None:
    """Run a test's coroutine; behind it there is no task, no thread and no descriptor left."""

    async def whole() -> None:
        async with asyncio.timeout(2 * BOUND):
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
        awaited = self._task.get_coro()
        while awaited is not None:
            if getattr(awaited, "__name__", "") == step:
                return True
            awaited = getattr(awaited, "cr_await", None)
        return False


@pytest.mark.parametrize(("name", "scheme"), BLOCKED, ids=[f"{name}-{scheme}" for name, scheme in BLOCKED])
def test_a_cancelled_task(name, scheme, monkeypatch):
    """Wherever it waits, also cancelled twice in a row. The error is `CancelledError`, the connection goes."""
    monkeypatch.setenv("SSL_CERT_FILE", AUTHORITY)

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

    in_loop(main)


@pytest.mark.parametrize("live", ["long-poll", "sse"])
def test_wait_for_around_single_pulls(live):
    """A pull that was given up loses nothing: the next one goes on, event by event, each once."""
    chance = random.Random(7)

    async def main() -> None:
        with serving("http") as server:
            async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:
                stream = client.runs.stream(RUN, live=live, backoff_options=EAGER)
                seen, given_up, written = [], 0, 1
                while len(seen) < 31:
                    if given_up % 2 and written < 30:
                        server.append(RUN, *logs(written, written + 3), raw=True)
                        written += 3
                    elif written >= 30:
                        server.append(RUN, *logs(written, 31), raw=True)
                        written = 31
                    try:
                        seen.append((await asyncio.wait_for(anext(stream), chance.uniform(0.0, 0.02))).event_index)
                    except TimeoutError:
                        given_up += 1
                assert seen == list(range(31))
                assert given_up > 0
                await stream.aclose()

    in_loop(main)


@pytest.mark.parametrize("scope", ["asyncio.timeout", "anyio"])
def test_a_scope_that_ends(scope):
    """Of asyncio, and of anyio on asyncio; the stream goes on behind it."""

    async def main() -> None:
        with serving("http") as server:
            async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:
                stream = client.runs.stream(RUN, live="sse")
                seen: list[int] = []

                async def read() -> None:
                    async for event in stream:
                        seen.append(event.event_index)  # what came counts also when it is cut short

                if scope == "anyio":
                    with anyio.move_on_after(0.05) as moved:
                        await read()
                    assert moved.cancelled_caught
                else:
                    with pytest.raises(TimeoutError) as caught:
                        async with asyncio.timeout(0.05):
                            await read()
                    assert not isinstance(caught.value, FlueTimeoutError)
                await asyncio.to_thread(server.wait_for_connections, 0)
                server.finish_run(RUN)
                assert [*seen, *indexes([event async for event in stream])] == [0, 1]

    in_loop(main)


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

    in_loop(main)


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

    in_loop(main)


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

    in_loop(main)


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

    in_loop(main)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_cancelled_at_any_turn_of_the_loop(scheme, monkeypatch):
    """Also between a connection that is there and the first byte on it, when nobody else knows of it."""
    monkeypatch.setenv("SSL_CERT_FILE", AUTHORITY)

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

    in_loop(main)
