"""`stream_many()` ended from outside: at once, without an error, and nothing stays behind."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from contextlib import contextmanager

import pytest

from flue import AbortSignal, AsyncFlueClient, BackoffOptions, FlueClient
from flue.testing import Fault, FlueTestServer

from .manying import made
from .reading import BOUND, PATIENT, Reading, eventually, nothing_left, signalled

OPEN = [f"open_{number}" for number in range(4)]
FACES = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@contextmanager
def serving():
    """A server with runs that wait and one that has more events than are read ahead; behind it nothing is left."""
    with nothing_left(), FlueTestServer() as server:
        for run_id in OPEN:
            server.create_run(run_id=run_id)
        made(server, {"long": 1000})
        yield server


def follow(server: FlueTestServer, **options) -> Reading:
    """The runs that wait, on a thread of its own. What the readers wait for lasts longer than any test."""

    def read(client, *, backoff_options=None, **given):
        return client.runs.stream_many(OPEN, backoff_options=backoff_options, **given)

    return Reading(server.base_url, read=read, **options)


def ended(reading: Reading) -> None:
    """It ended in time, without an error, and without a task that reads."""
    reading.wait()
    reading.join()
    assert reading.error is None
    assert not [task for task in reading.tasks_left if "flue-stream" in task]


@pytest.mark.parametrize("by", ["thread", "close", "signal"])
@pytest.mark.parametrize("live", [True, "sse"])
@FACES
def test_blocked_readers_wake(is_async, live, by):
    with serving() as server:
        aborted = AbortSignal()
        reading = follow(server, is_async=is_async, live=live, signal=aborted)
        server.wait_for_requests(len(OPEN) * (1 if live == "sse" else 2))
        if by == "signal":
            aborted.abort()
        else:
            reading.cancel(by)
        ended(reading)
        server.wait_for_connections(0)


@FACES
def test_readers_in_a_back_off_pause_wake(is_async):
    with serving() as server:
        server.faults.add(Fault(status=503, extra_headers=[("retry-after", "60")]), times=None)
        failed = threading.Semaphore(0)
        options = BackoffOptions(on_failed_attempt=lambda _: failed.release())
        reading = follow(server, is_async=is_async, backoff_options=options)
        for _ in OPEN:
            assert failed.acquire(timeout=BOUND)
        reading.cancel("thread")
        ended(reading)


@FACES
def test_a_signal_that_was_thrown_before(is_async):
    with serving() as server:
        thrown = AbortSignal()
        thrown.abort()
        ended(follow(server, is_async=is_async, signal=thrown))
        assert server.requests == []


def test_cancelling_from_a_signal_handler(on_signal):
    """While its own thread waits for an event."""
    with serving() as server, FlueClient(server.base_url, timeout=PATIENT) as client:
        streams = client.runs.stream_many(OPEN)
        on_signal(streams.cancel)
        with signalled(lambda: server.wait_for_requests(2 * len(OPEN))):
            assert list(streams) == []


def forgotten_in_cycle(streams) -> None:
    """Make it garbage that only the collector finds."""
    cycle = [streams]
    cycle.append(cycle)


FORGOTTEN = pytest.mark.parametrize("run_ids", [[*OPEN, "long"], ["long"]], ids=["blocked", "waiting for room"])


@FORGOTTEN
def test_a_forgotten_iterator_is_collected(run_ids):
    with serving() as server, FlueClient(server.base_url, timeout=PATIENT) as client:
        abort = AbortSignal()
        streams = client.runs.stream_many(run_ids, signal=abort, timeout=60.0)
        next(streams)
        forgotten_in_cycle(streams)
        del streams
        gc.collect()
        eventually(lambda: not [t for t in threading.enumerate() if t.name.startswith("flue-")], "threads end")
        assert abort._listeners == {}


@FORGOTTEN
def test_a_forgotten_async_iterator_is_collected(run_ids, caplog):
    async def scenario() -> None:
        abort = AbortSignal()
        async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:
            streams = client.runs.stream_many(run_ids, signal=abort, timeout=60.0)
            await anext(streams)
            forgotten_in_cycle(streams)
            del streams
            gc.collect()
            async with asyncio.timeout(BOUND):
                while len(asyncio.all_tasks()) > 1:  # nobody tells
                    await asyncio.sleep(0.001)
            assert abort._listeners == {}

    with serving() as server:
        asyncio.run(scenario())
    assert caplog.records == []  # no task was destroyed while it was pending


@FACES
def test_a_block_left_while_readers_wait_for_room(is_async):
    """Nothing is left behind the block, not even for a moment."""

    async def scenario() -> None:
        async with AsyncFlueClient(server.base_url) as client:
            async with client.runs.stream_many(["long"]) as streams:
                await anext(streams)
            assert len(asyncio.all_tasks()) == 1
            assert streams.offsets == {"long": "-1"}

    with serving() as server:
        if is_async:
            asyncio.run(scenario())
            return
        with FlueClient(server.base_url) as client:
            with client.runs.stream_many(["long"]) as streams:
                next(streams)
            assert not [thread for thread in threading.enumerate() if thread.name.startswith("flue-stream")]
            assert streams.offsets == {"long": "-1"}


def test_a_cancelled_task_leaves_the_block():
    async def follow(client: AsyncFlueClient) -> None:
        async with client.runs.stream_many(OPEN) as streams:
            async for _ in streams:
                pass

    async def scenario() -> None:
        async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:
            task = asyncio.create_task(follow(client))
            await asyncio.to_thread(server.wait_for_requests, 2 * len(OPEN))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert len(asyncio.all_tasks()) == 1

    with serving() as server:
        asyncio.run(scenario())


@FACES
def test_it_is_closed_by_a_callback_of_its_own(is_async):
    """Which is called by a reader, that cannot wait for itself."""
    streams = None
    closed: list[bool] = []

    def headers():
        streams.close()
        closed.append(True)
        return {}

    async def async_headers():
        await streams.aclose()
        closed.append(True)
        return {}

    async def scenario() -> None:
        nonlocal streams
        client = AsyncFlueClient(server.base_url, headers=async_headers)
        async with asyncio.timeout(BOUND), client, client.runs.stream_many(OPEN) as streams:
            assert [entry async for entry in streams] == []

    with serving() as server:
        before = time.monotonic()
        if is_async:
            asyncio.run(scenario())
        else:
            with FlueClient(server.base_url, headers=headers) as client, client.runs.stream_many(OPEN) as streams:
                assert list(streams) == []
        assert closed
        assert time.monotonic() - before < BOUND
