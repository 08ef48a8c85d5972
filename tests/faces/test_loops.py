"""One async client, several event loops, one after the other and side by side."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from flue import AbortSignal, AsyncFlueClient

from .frames import RUN, logs
from .reading import BOUND, PATIENT, eventually, nothing_left
from .stations import serving


@pytest.fixture
def server():
    with serving("http") as running:
        yield running


def test_loop_after_loop(server):
    """A client outlives its loop: in the next one it has connections of its own, and those of the last are closed.

    So does a stream, which goes on where it was.
    """
    client = AsyncFlueClient(server.base_url, timeout=PATIENT)
    lasting = client.runs.stream(RUN, live="sse", timeout=60.0)

    async def use() -> tuple[int, int]:
        await anext(client.runs.stream(RUN, live="sse"))
        return (await anext(lasting)).event_index, len(await client.runs.events(RUN))

    with nothing_left():
        for index in range(5):
            assert asyncio.run(use()) == (index, index + 1)
            server.append(RUN, *logs(index + 1, index + 2), raw=True)
            gc.collect()
        eventually(lambda: server.open_connections == 0, "each loop closed what it had opened")
        asyncio.run(lasting.aclose())
        asyncio.run(client.aclose())


def test_loops_side_by_side(server):
    """Two threads, each with a loop, one client."""
    client = AsyncFlueClient(server.base_url, timeout=PATIENT)
    counted: list[int] = []
    together = threading.Barrier(2)

    async def use() -> None:
        for _ in range(10):
            await asyncio.to_thread(together.wait, BOUND)
            counted.append(len(await client.runs.events(RUN)))

    threads = [threading.Thread(target=asyncio.run, args=(use(),)) for _ in range(2)]
    with nothing_left():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        gc.collect()
    assert counted == [1] * 20


def test_a_loop_that_is_closed_without_ceremony(server):
    """`run_until_complete`, `close`: the same client works in the next loop."""
    client = AsyncFlueClient(server.base_url, timeout=PATIENT)
    with nothing_left():
        for _ in range(3):
            loop = asyncio.new_event_loop()
            try:
                assert len(loop.run_until_complete(client.runs.events(RUN))) == 1
                loop.run_until_complete(loop.shutdown_asyncgens())
            finally:
                loop.close()


def test_a_stream_made_outside_of_any_loop(server):
    """It belongs to the loop of its first pull."""
    client = AsyncFlueClient(server.base_url, timeout=PATIENT)
    streams = [client.runs.stream(RUN)]

    async def read() -> list[int]:
        return [(await anext(streams[0])).event_index]

    with nothing_left():
        assert asyncio.run(read()) == [0]
        streams[0].cancel()  # its loop is gone, and its connection with it
        asyncio.run(streams[0].aclose())
        streams.clear()


def test_cancelled_from_a_thread_while_its_loop_ends(server):
    """The canceller is late: no error for it either."""
    server.append(RUN, *logs(1, 40), raw=True)
    with nothing_left():
        for _ in range(10):
            signal = AbortSignal()
            made = threading.Event()
            streams: list = []

            async def read(signal=signal, made=made, streams=streams) -> None:
                async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:
                    streams.append(client.runs.stream(RUN, signal=signal))
                    await anext(streams[0])
                    made.set()

            def cancel(signal=signal, made=made, streams=streams) -> None:
                assert made.wait(BOUND)
                streams[0].cancel()
                signal.abort()

            canceller = threading.Thread(target=cancel)
            canceller.start()
            asyncio.run(read())
            canceller.join()
            streams.clear()
