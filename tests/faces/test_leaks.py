"""What stays when a stream is forgotten, interrupted, or outlived by nothing: no socket, no thread, no word."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from flue import AsyncFlueClient, FlueClient
from flue.testing import Fault

from .harness import EAGER
from .reading import PATIENT, Reading, descriptors, eventually, nothing_left
from .scripts import output_of
from .stations import serving

LIVES = pytest.mark.parametrize("live", ["long-poll", "sse"])


@LIVES
def test_a_forgotten_stream(live):
    """`break`, and nothing else: the connection goes with the last reference, without the collector.

    No failed attempt keeps the stream alive, by the frames of its traceback.
    """
    with nothing_left(), serving("http") as server, FlueClient(server.base_url, timeout=PATIENT) as client:
        gc.disable()
        try:
            for _ in range(3):
                server.faults.add(Fault(refuse=True))
                if live == "long-poll":
                    server.faults.add(Fault(framing="chunked", stall_after=250, stall=30.0))
                for event in client.runs.stream("run_1", live=live, timeout=3600.0, backoff_options=EAGER):
                    assert event.event_index == 0
                    break
            eventually(lambda: server.open_connections <= 1, "connections are given up")
        finally:
            gc.enable()


@LIVES
def test_a_forgotten_async_stream(live):
    """`async for` and `break`: the loop closes the connection, and nothing complains."""

    async def main(server) -> None:
        async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:
            for _ in range(3):
                async for event in client.runs.stream("run_1", live=live, timeout=3600.0):
                    assert event.event_index == 0
                    break
            gc.collect()
            if live == "sse":
                await asyncio.to_thread(server.wait_for_connections, 0)
            assert len(await client.runs.events("run_1")) == 1

    with nothing_left(), serving("http") as server:
        asyncio.run(main(server))


def test_a_forgotten_client():
    """Never closed: its connections go when it does."""
    with serving("http") as server:
        files = len(descriptors())
        client = FlueClient(server.base_url, timeout=PATIENT)
        client.runs.events("run_1")
        assert server.open_connections == 1
        gone = weakref.ref(client)
        del client
        gc.collect()
        assert gone() is None
        server.wait_for_connections(0)
        eventually(lambda: len(descriptors()) <= files, "descriptors are closed")


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("live", ["long-poll", "sse"])
def test_many_reconnects_leave_nothing(is_async, live):
    """Failed, cut and refused attempts release what they opened."""
    kinds = [Fault(refuse=True), Fault(cut_head_after=20), Fault(cut_after=3), Fault(status=502, body=b"<html>")]
    with nothing_left():
        with serving("http") as server:
            for number in range(60):
                server.faults.add(kinds[number % 4])
            files = len(descriptors())
            options = {"backoff_options": EAGER, "live": live}
            reading = Reading(server.base_url, is_async=is_async, **options)
            server.wait_for_requests(60)
            eventually(lambda: reading.events, "the event comes")
            assert len(descriptors()) <= files + 30
            server.finish_run("run_1")
            reading.wait()
        reading.join()
        assert [event.type for event in reading.events] == ["log", "run_end"]
        assert reading.error is None


SYNC_EXIT = """
    import threading
    from flue import FlueClient
    client = FlueClient(URL)
    open_stream = client.runs.stream(RUN, live={live!r}, timeout=3600.0)
    next(open_stream)
    for event in client.runs.stream(RUN, live={live!r}):
        break
    reader = client.runs.stream(RUN, live={live!r})
    next(reader)
    threading.Thread(target=lambda: list(reader), daemon=True).start()
    print("done")
"""
ASYNC_EXIT = """
    import asyncio
    from flue import AsyncFlueClient
    async def read(stream):
        async for event in stream:
            pass
    async def main():
        global client, streams
        client = AsyncFlueClient(URL)
        streams = [client.runs.stream(RUN, live={live!r}, timeout=3600.0) for _ in range(3)]
        for stream in streams:
            await anext(stream)
        task = asyncio.create_task(read(streams[0]))
        await asyncio.sleep(0.01)
        print("done")
    asyncio.run(main())
"""


@LIVES
@pytest.mark.parametrize("script", [SYNC_EXIT, ASYNC_EXIT], ids=["sync", "async"])
def test_the_interpreter_ends_with_streams_open(script, live):
    """Nothing on standard error: no traceback, no warning of development mode, no hanging thread."""
    with serving("http") as server:
        assert output_of(server, script.format(live=live)) == "done"
