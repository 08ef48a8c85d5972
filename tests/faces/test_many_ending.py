"""`stream_many()` ended from outside: at once, without an error, and nothing stays behind."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import signal
import threading
import time
from contextlib import contextmanager

import pytest

import flue
from flue import AbortSignal, AsyncFlueClient, BackoffOptions, FlueClient
from flue.testing import Fault, FlueTestServer

from .manying import made
from .reading import BOUND, PATIENT, eventually, nothing_left
from .scripts import Program
from .test_cancel_calls import signalled

LIMIT = BOUND
"""Seconds; what the readers wait for lasts longer. Each alone is measured more strictly elsewhere."""
OPEN = [f"open_{number}" for number in range(4)]
FACES = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@contextmanager
def serving():
    """A server with runs that wait and one that has more events than are read ahead."""
    with FlueTestServer() as server:
        for run_id in OPEN:
            server.create_run(run_id=run_id)
        made(server, {"long": 1000})
        yield server


class Following:
    """Many runs followed on a thread of its own."""

    def __init__(self, server: FlueTestServer, run_ids: list[str], *, is_async: bool, **options) -> None:
        self.server = server
        self.is_async = is_async
        self._run_ids = run_ids
        self._options = options
        self._ready = threading.Event()
        self.streams = None
        self.loop = None
        self.error: BaseException | None = None
        self.ended_at = 0.0
        self.tasks_left: set[str] = set()
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._thread.start()
        assert self._ready.wait(BOUND)

    def _main(self) -> None:
        if self.is_async:
            asyncio.run(self._follow_async())
            return
        with FlueClient(self.server.base_url, timeout=PATIENT) as client:
            self.streams = client.runs.stream_many(self._run_ids, **self._options)
            with self.streams:
                self._ready.set()
                try:
                    for _ in self.streams:
                        pass
                except Exception as error:
                    self.error = error
                self.ended_at = time.monotonic()

    async def _follow_async(self) -> None:
        self.loop = asyncio.get_running_loop()
        async with AsyncFlueClient(self.server.base_url, timeout=PATIENT) as client:
            self.streams = client.runs.stream_many(self._run_ids, **self._options)
            async with self.streams:
                self._ready.set()
                try:
                    async for _ in self.streams:
                        pass
                except Exception as error:
                    self.error = error
                self.ended_at = time.monotonic()
            self.tasks_left = {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("flue-")}

    def end(self, by: str) -> None:
        if by == "cancel":
            self.streams.cancel()
        elif by == "signal":
            self._options["signal"].abort()
        elif self.is_async:
            asyncio.run_coroutine_threadsafe(self.streams.aclose(), self.loop).result(BOUND)
        else:
            self.streams.close()

    def join(self) -> None:
        self._thread.join(BOUND)
        assert not self._thread.is_alive()


@pytest.mark.parametrize("by", ["cancel", "close", "signal"])
@pytest.mark.parametrize("live", [True, "sse"])
@FACES
def test_blocked_readers_wake(is_async, live, by):
    with nothing_left(), serving() as server:
        following = Following(server, OPEN, is_async=is_async, live=live, signal=AbortSignal())
        server.wait_for_requests(len(OPEN) * (1 if live == "sse" else 2))
        before = time.monotonic()
        following.end(by)
        following.join()
        server.wait_for_connections(0)
        assert following.error is None
        assert following.ended_at - before < LIMIT
        assert following.tasks_left == set()


@FACES
def test_readers_in_a_back_off_pause_wake(is_async):
    with nothing_left(), serving() as server:
        server.faults.add(Fault(status=503, extra_headers=[("retry-after", "60")]), times=None)
        failed = threading.Semaphore(0)
        options = BackoffOptions(on_failed_attempt=lambda _: failed.release())
        following = Following(server, OPEN, is_async=is_async, backoff_options=options)
        for _ in OPEN:
            assert failed.acquire(timeout=BOUND)
        before = time.monotonic()
        following.end("cancel")
        following.join()
        assert following.error is None
        assert following.ended_at - before < LIMIT


@FACES
def test_the_time_limit_ends_it(is_async):
    with nothing_left(), serving() as server:
        before = time.monotonic()
        following = Following(server, OPEN, is_async=is_async, timeout=0.2)
        following.join()
        assert isinstance(following.error, flue.FlueTimeoutError)
        assert 0.2 <= following.ended_at - before < 0.2 + LIMIT


@FACES
def test_a_signal_that_was_thrown_before(is_async):
    with nothing_left(), serving() as server:
        thrown = AbortSignal()
        thrown.abort()
        following = Following(server, OPEN, is_async=is_async, signal=thrown)
        following.join()
        assert following.error is None
        assert server.requests == []


def test_cancelling_from_a_signal_handler():
    """While its own thread waits for an event."""
    with nothing_left(), serving() as server, FlueClient(server.base_url, timeout=PATIENT) as client:
        streams = client.runs.stream_many(OPEN)
        before = signal.signal(signal.SIGUSR1, lambda *_: streams.cancel())
        try:
            with signalled(lambda: server.wait_for_requests(2 * len(OPEN))):
                assert list(streams) == []
        finally:
            signal.signal(signal.SIGUSR1, before)


INTERRUPTED = """
    from flue import FlueClient
    with FlueClient(URL) as client:
        try:
            with client.runs.stream_many([f"open_{number}" for number in range(4)]) as streams:
                next(streams)
        except KeyboardInterrupt:
            print("interrupted")
"""


def test_an_interrupted_main_thread_leaves_the_block():
    """`KeyboardInterrupt` while it waits for an event."""
    with serving() as server:
        program = Program(server, INTERRUPTED)
        server.wait_for_requests(2 * len(OPEN))
        program.interrupt()
        assert program.finish() == (0, "interrupted\n", "")
        server.wait_for_connections(0)


def forgotten_in_cycle(streams) -> None:
    """Make it garbage that only the collector finds."""
    cycle = [streams]
    cycle.append(cycle)


@pytest.mark.parametrize("run_ids", [[*OPEN, "long"], ["long"]], ids=["blocked", "waiting for room"])
def test_a_forgotten_iterator_is_collected(run_ids):
    with nothing_left(), serving() as server, FlueClient(server.base_url, timeout=PATIENT) as client:
        abort = AbortSignal()
        streams = client.runs.stream_many(run_ids, signal=abort, timeout=60.0)
        next(streams)
        forgotten_in_cycle(streams)
        del streams
        gc.collect()
        eventually(lambda: not [t for t in threading.enumerate() if t.name.startswith("flue-")], "threads end")
        assert abort._listeners == {}


@pytest.mark.parametrize("run_ids", [[*OPEN, "long"], ["long"]], ids=["blocked", "waiting for room"])
def test_a_forgotten_async_iterator_is_collected(run_ids, caplog):
    async def scenario() -> None:
        abort = AbortSignal()
        async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:
            streams = client.runs.stream_many(run_ids, signal=abort, timeout=60.0)
            await anext(streams)
            forgotten_in_cycle(streams)
            del streams
            gc.collect()
            deadline = time.monotonic() + BOUND
            while len(asyncio.all_tasks()) > 1:
                assert time.monotonic() < deadline, asyncio.all_tasks()
                await asyncio.sleep(0.001)
            assert abort._listeners == {}

    with nothing_left(), serving() as server:
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

    with nothing_left(), serving() as server:
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

    with nothing_left(), serving() as server:
        asyncio.run(scenario())


@FACES
def test_it_is_closed_by_a_callback_of_its_own(is_async):
    """Which is called by a reader, that cannot wait for itself."""
    streams = None
    took: list[float] = []

    def headers():
        before = time.monotonic()
        streams.close()
        took.append(time.monotonic() - before)
        return {}

    async def async_headers():
        before = time.monotonic()
        await streams.aclose()
        took.append(time.monotonic() - before)
        return {}

    async def scenario() -> None:
        nonlocal streams
        client = AsyncFlueClient(server.base_url, headers=async_headers)
        async with client, client.runs.stream_many(OPEN) as streams:
            assert [entry async for entry in streams] == []

    with nothing_left(), serving() as server:
        if is_async:
            asyncio.run(asyncio.wait_for(scenario(), BOUND))
        else:
            with FlueClient(server.base_url, headers=headers) as client, client.runs.stream_many(OPEN) as streams:
                assert list(streams) == []
        assert took
        assert max(took) < LIMIT


@pytest.mark.parametrize("client", [FlueClient, AsyncFlueClient])
def test_live_streams_cannot_be_copied(client):
    streams = client("http://127.0.0.1:9").runs.stream_many(["a"])
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match=r"save their \.offsets"):
            attempt(streams)
