"""Many streams at once: a thousand tasks, a hundred threads."""

from __future__ import annotations

import asyncio
import logging
import resource
import threading
import time

import pytest

from flue import AsyncFlueClient, FlueClient, Timeouts
from flue.testing import Fault, FlueTestServer

from .frames import logs
from .harness import EAGER
from .reading import nothing_left

TIMEOUTS = Timeouts(connect=20.0, read=20.0)
TASKS, THREADS = 1000, 100
EVENTS = 5


@pytest.fixture
def many_descriptors():
    """Room for both ends of a thousand connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this machine allows {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(autouse=True)
def _without_a_word(caplog):
    """Hundreds of failed attempts are no news here."""
    caplog.set_level(logging.ERROR, "flue")


def write(server: FlueTestServer, run_ids: list[str], first: int, behind: int) -> None:
    for run_id in run_ids:
        server.append(run_id, *({**event, "runId": run_id} for event in logs(first, behind)), raw=True)


def cut(server: FlueTestServer, every: int) -> None:
    """Every so many answers breaks off, early or late, or is not given."""
    kinds = [Fault(cut_after=40), Fault(refuse=True), Fault(cut_after=0, end="close"), Fault(status=503)]
    server.faults.add(lambda request: kinds[request.number % 4] if request.number % every == 0 else None, times=None)


def test_a_thousand_streams_in_one_loop(many_descriptors):
    """Each gets its events, live and in order, although every tenth answer fails; then nothing is left."""
    with nothing_left(), FlueTestServer() as server:
        run_ids = [server.create_run(run_id=f"run_{number}") for number in range(TASKS)]
        write(server, run_ids, 0, 2)
        cut(server, every=10)
        begun = time.monotonic()

        async def read(client: AsyncFlueClient, number: int) -> list[int]:
            live = ("sse", "long-poll")[number % 2]
            async with client.runs.stream(run_ids[number], live=live, backoff_options=EAGER) as stream:
                return [event.event_index async for event in stream]

        async def main() -> list[list[int]]:
            async with AsyncFlueClient(server.base_url, timeout=TIMEOUTS) as client:
                readers = [asyncio.create_task(read(client, number)) for number in range(TASKS)]
                await asyncio.to_thread(server.wait_for_requests, TASKS, 20.0)
                await asyncio.to_thread(write, server, run_ids, 2, EVENTS)
                await asyncio.to_thread(lambda: [server.finish_run(run_id) for run_id in run_ids])
                return await asyncio.gather(*readers)

        seen = asyncio.run(main(), debug=False)  # not even where development mode is on: it times every callback
        print(f"{TASKS} streams: {time.monotonic() - begun:.1f} s, {len(server.requests)} requests")
        assert seen == [list(range(EVENTS + 1))] * TASKS
        assert server.problems == []


def test_a_hundred_threads():
    """One client, a stream a thread, every tenth answer fails; then nothing is left."""
    with nothing_left(), FlueTestServer() as server, FlueClient(server.base_url, timeout=TIMEOUTS) as client:
        run_ids = [server.create_run(run_id=f"run_{number}") for number in range(THREADS)]
        write(server, run_ids, 0, 2)
        cut(server, every=10)
        begun = time.monotonic()
        seen: list[list[int]] = [[] for _ in range(THREADS)]

        def read(number: int) -> None:
            live = ("sse", "long-poll")[number % 2]
            with client.runs.stream(run_ids[number], live=live, backoff_options=EAGER) as stream:
                seen[number].extend(event.event_index for event in stream)

        threads = [threading.Thread(target=read, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        server.wait_for_requests(THREADS, 20.0)
        write(server, run_ids, 2, EVENTS)
        for run_id in run_ids:
            server.finish_run(run_id)
        for thread in threads:
            thread.join(20.0)
        print(f"{THREADS} threads: {time.monotonic() - begun:.1f} s, {len(server.requests)} requests")
        assert seen == [list(range(EVENTS + 1))] * THREADS
        assert server.problems == []
