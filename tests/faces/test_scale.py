"""Many streams at once: hundreds of tasks, a hundred threads."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import contextmanager

import pytest

from flue import AsyncFlueClient, FlueClient, Timeouts
from flue.testing import Fault, FlueTestServer

from .frames import logs
from .harness import EAGER
from .reading import nothing_left

PATIENCE = 60.0
"""Seconds that hundreds of streams may take on a machine that has other work."""
TIMEOUTS = Timeouts(connect=PATIENCE, read=PATIENCE)
TASKS, THREADS = 300, 100
EVENTS = 5
KINDS = [Fault(cut_after=40), Fault(refuse=True), Fault(cut_after=0, end="close"), Fault(status=503)]


@pytest.fixture(autouse=True)
def _without_a_word(caplog):
    """Hundreds of failed attempts are no news here."""
    caplog.set_level(logging.ERROR, "flue")


@contextmanager
def serving(count: int):
    """A server with so many runs; every tenth answer breaks off, early or late, or is not given."""
    with nothing_left(), FlueTestServer() as server:
        run_ids = [server.create_run(run_id=f"run_{number}") for number in range(count)]
        write(server, run_ids, 0, 2)
        server.faults.add(lambda request: KINDS[request.number % 4] if request.number % 10 == 0 else None, times=None)
        yield server, run_ids
        assert server.problems == []


def write(server: FlueTestServer, run_ids: list[str], first: int, behind: int) -> None:
    for run_id in run_ids:
        server.append(run_id, *({**event, "runId": run_id} for event in logs(first, behind)), raw=True)


def write_the_rest(server: FlueTestServer, run_ids: list[str]) -> None:
    """While all of them are read."""
    server.wait_for_requests(len(run_ids), PATIENCE)
    write(server, run_ids, 2, EVENTS)
    for run_id in run_ids:
        server.finish_run(run_id)


def options_of(number: int) -> dict:
    return {"live": ("sse", "long-poll")[number % 2], "backoff_options": EAGER}


def test_hundreds_of_streams_in_one_loop():
    """More than a pool keeps. Each gets its events, live and in order; then nothing is left."""
    with serving(TASKS) as (server, run_ids):

        async def read(client: AsyncFlueClient, number: int) -> list[int]:
            async with client.runs.stream(run_ids[number], **options_of(number)) as stream:
                return [event.event_index async for event in stream]

        async def main() -> list[list[int]]:
            async with AsyncFlueClient(server.base_url, timeout=TIMEOUTS) as client:
                readers = [asyncio.create_task(read(client, number)) for number in range(TASKS)]
                await asyncio.to_thread(write_the_rest, server, run_ids)
                return await asyncio.gather(*readers)

        seen = asyncio.run(main(), debug=False)  # not even where development mode is on: it times every callback
        assert seen == [list(range(EVENTS + 1))] * TASKS


def test_a_hundred_threads():
    """One client, a stream a thread; then nothing is left."""
    seen: list[list[int]] = [[] for _ in range(THREADS)]
    with serving(THREADS) as (server, run_ids), FlueClient(server.base_url, timeout=TIMEOUTS) as client:

        def read(number: int) -> None:
            with client.runs.stream(run_ids[number], **options_of(number)) as stream:
                seen[number].extend(event.event_index for event in stream)

        threads = [threading.Thread(target=read, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        write_the_rest(server, run_ids)
        for thread in threads:
            thread.join(PATIENCE)
    assert seen == [list(range(EVENTS + 1))] * THREADS
