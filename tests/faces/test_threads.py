"""Several consumers of one stream, several threads with one client."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest

from flue import AsyncFlueClient, FlueClient
from flue.testing import Fault, FlueTestServer

from .frames import RUN, offset
from .harness import EAGER
from .manying import made
from .reading import BOUND, PATIENT, eventually, in_threads, nothing_left


@pytest.fixture
def server():
    with FlueTestServer(page_limit=50) as running:
        yield running
        assert running.problems == []


@pytest.fixture
def eager_switching():
    """Let threads change places as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("live", [False, "long-poll", "sse"])
def test_threads_that_share_a_stream(server, live, eager_switching):
    """Each event goes to one of them, to each in order; the end comes to all."""
    made(server, {RUN: 2000})
    for cut in (700, 9000, 20_000):
        server.faults.add(Fault(cut_after=cut))
    with FlueClient(server.base_url, timeout=PATIENT) as client:
        stream = client.runs.stream(RUN, live=live, backoff_options=EAGER)
        seen: list[list[int]] = [[] for _ in range(8)]

        def pull(number: int) -> None:
            seen[number].extend(event.event_index for event in stream)
            assert next(stream, None) is None

        in_threads(8, pull)
    assert sorted(index for part in seen for index in part) == list(range(2001))
    assert all(part == sorted(part) for part in seen)
    assert (stream.offset, stream.closed) == (offset(2000), True)


def test_a_shared_stream_that_is_cancelled(server):
    """All who wait for their turn come back, not only the one that reads."""
    server.create_run(run_id=RUN)
    with nothing_left(), FlueClient(server.base_url, timeout=PATIENT) as client:
        stream = client.runs.stream(RUN, live="sse")
        readers = [threading.Thread(target=lambda: list(stream)) for _ in range(4)]
        for reader in readers:
            reader.start()
        server.wait_for_requests(1)
        stream.cancel()
        for reader in readers:
            reader.join(BOUND)
            assert not reader.is_alive()
        eventually(lambda: server.open_connections == 0, "the connection is given up")


def test_the_offset_is_read_while_others_pull(server, eager_switching):
    """From another thread, at any moment: always a checkpoint, never one behind which an event is missing."""
    made(server, {RUN: 1000})
    offsets: list[tuple[str, int]] = []
    with FlueClient(server.base_url, timeout=PATIENT) as client:
        stream = client.runs.stream(RUN)
        taken = 0
        over = threading.Event()

        def watch() -> None:
            while not over.is_set():
                offsets.append((stream.offset, taken))

        watcher = threading.Thread(target=watch)
        watcher.start()
        for _ in stream:
            taken += 1
        over.set()
        watcher.join()
    known = {"-1", *(offset(behind) for behind in range(49, 1001, 50)), offset(1000)}
    assert {where for where, _ in offsets} <= known
    # The offset moves with the last event of its batch; that one may not be counted yet.
    assert all(int(where.rpartition("_")[2]) <= count for where, count in offsets)


def test_threads_that_share_a_client(server, eager_switching):
    """Streams, calls and failures side by side; in the end one idle connection a thread at most."""
    runs = [f"run_{number}" for number in range(8)]
    made(server, dict.fromkeys(runs, 120))
    server.add_workflow("double", lambda run: run.input * 2)
    server.faults.add(Fault(cut_after=900), times=10, after=5)
    with nothing_left(), FlueClient(server.base_url, timeout=PATIENT) as client:

        def work(number: int) -> None:
            live = ("sse", "long-poll")[number % 2]
            with client.runs.stream(runs[number], live=live, backoff_options=EAGER) as stream:
                assert [event.event_index for event in stream] == list(range(121))
            assert client.runs.get(runs[number], backoff_options=EAGER).status == "completed"
            assert len(client.runs.events(runs[number], backoff_options=EAGER)) == 121
            server.faults.clear()
            assert client.workflows.run("double", input=number).result == 2 * number

        in_threads(8, work)
        assert server.open_connections <= 8


def test_tasks_that_share_a_stream(server):
    """In the order of their calls, also when a call that waits is given up."""
    made(server, {RUN: 120})

    async def main() -> None:
        async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:
            stream = client.runs.stream(RUN, live="sse")
            pulls = [asyncio.ensure_future(stream.__anext__()) for _ in range(100)]
            await asyncio.sleep(0)
            for given_up in pulls[50:60]:
                given_up.cancel()
            got = await asyncio.gather(*pulls, return_exceptions=True)
            indexes = [event.event_index for event in got if not isinstance(event, BaseException)]
            assert indexes == list(range(90))
            assert [event.event_index async for event in stream] == list(range(90, 121))
            rest = await asyncio.gather(*(anext(stream, None) for _ in range(3)))
            assert rest == [None] * 3

    asyncio.run(main())


def test_a_task_that_pulls_again_waits_behind_those_that_wait(server):
    """Also where its event is decoded already."""
    made(server, {RUN: 120})

    async def main() -> None:
        async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:
            stream = client.runs.stream(RUN, live=False)
            order: list[str] = []

            async def pull(name: str) -> None:
                for _ in range(3):
                    await anext(stream)
                    order.append(name)

            await asyncio.gather(pull("a"), pull("b"))
            assert order == ["a", "b"] * 3
            await stream.aclose()

    asyncio.run(main())


def test_tasks_that_share_a_stream_that_is_cancelled(server):
    server.create_run(run_id=RUN)

    async def main() -> None:
        async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:
            stream = client.runs.stream(RUN)

            async def read() -> list:
                return [event async for event in stream]

            readers = [asyncio.create_task(read()) for _ in range(4)]
            await asyncio.to_thread(server.wait_for_requests, 1)
            stream.cancel()
            async with asyncio.timeout(BOUND):
                assert await asyncio.gather(*readers) == [[]] * 4

    with nothing_left():
        asyncio.run(main())


def test_closing_from_another_thread_at_any_moment(server, eager_switching):
    """While events flow: the reader ends, and the offset left is that of what was handed over."""
    made(server, {RUN: 600})
    with nothing_left(), FlueClient(server.base_url, timeout=PATIENT) as client:
        for after in range(0, 600, 37):
            stream = client.runs.stream(RUN, live=("sse", "long-poll")[after % 2])
            seen: list[int] = []
            closer = threading.Thread(
                target=lambda seen=seen, after=after, stream=stream: (
                    eventually(lambda: len(seen) >= after, "events come"),
                    stream.close(),
                )
            )
            closer.start()
            for event in stream:
                seen.append(event.event_index)  # read by the closer while it grows
            closer.join()
            assert seen == list(range(len(seen)))
            behind = int(stream.offset.rpartition("_")[2])
            assert len(seen) - 51 <= behind <= len(seen) - 1
