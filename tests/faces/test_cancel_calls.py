"""`cancel()` and `close()` in the caller's own thread: around the loop, from callbacks, from signal handlers."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import signal
import threading
import time

import pytest

from flue import AbortSignal, AsyncFlueClient, BackoffOptions, FlueClient
from flue.testing import Fault, FlueTestServer

from .frames import RUN, indexes, logs, offset
from .harness import on_both_faces
from .reading import PATIENT, Reading, eventually, nothing_left, signalled
from .stations import STATIONS


@on_both_faces
def test_before_the_first_request_and_behind_the_end(face):
    """Nothing is asked, nothing is given, and nothing is wrong, however often."""
    run_id = face.start_run(3, finish=True)
    begun, ended = face.stream(run_id), face.stream(run_id)
    assert len(ended.collect()) == 4
    for stream, facts in ((begun, ("-1", False, False)), (ended, (offset(3), True, True))):
        for _ in range(2):
            stream.cancel("no more")
            stream.close()
        assert stream.collect() == []
        assert (stream.offset, stream.closed, stream.up_to_date) == facts
    assert len(face.targets) == 1


@pytest.mark.parametrize("live", [False, "long-poll", "sse"])
@on_both_faces
def test_inside_the_loop(face, live):
    """The loop ends behind the event at hand, the connection goes, and the offset is one to go on from."""
    run_id = face.start_run(5, finish=True)
    stream = face.stream(run_id, live=live)
    seen = []
    for event in stream:
        seen.append(event.event_index)
        stream.cancel()
    face.idle()
    if live == "sse":  # that of a page is whole again, and kept
        face.server.wait_for_connections(0)
    assert (seen, stream.offset, len(face.targets)) == ([0], "-1", 1)
    assert indexes(face.stream(run_id, offset=stream.offset, live=live).collect()) == list(range(6))


@on_both_faces
def test_leaving_the_block(face):
    """`with` and `async with` release the connection, also when the block is left by an error."""
    run_id = face.start_run(5, finish=True)
    for kind in (KeyError, None):
        stream = face.stream(run_id, live="sse")
        with contextlib.suppress(KeyError), face.inside(stream.inner) as entered:
            assert entered is stream.inner
            stream.next()
            if kind is not None:
                raise kind
        face.server.wait_for_connections(0)
        assert stream.collect() == []


@on_both_faces
def test_from_the_callable_that_makes_the_headers(face):
    """The request that they were for is not sent."""
    stream = None

    def headers():
        stream.inner.cancel()
        return {}

    stream = face.stream(RUN, client=face.new_client(headers=headers))
    assert stream.collect() == []
    face.idle()
    assert face.targets == []


@on_both_faces
def test_from_the_callback_for_failed_attempts(face):
    """The pause that follows does not begin."""
    face.server.faults.add(Fault(status=503, headers=[("retry-after", "30")]), times=None)
    stream = face.stream(RUN, backoff_options=BackoffOptions(on_failed_attempt=lambda _: stream.inner.cancel()))
    assert stream.collect() == []
    assert len(face.targets) == 1


@on_both_faces
def test_a_pull_from_inside_a_callback(face):
    """It would wait for itself: an error at once, and the stream is none the worse for it."""
    run_id = face.start_run(2, finish=True)
    face.server.faults.add(Fault(status=503))
    refused = []

    def told(_):
        try:
            if face.is_async:
                face.stream_of_told.__anext__().send(None)
            else:
                next(face.stream_of_told)
        except RuntimeError as error:
            refused.append(str(error))

    stream = face.stream(run_id, backoff_options=BackoffOptions(initial_delay=0.001, on_failed_attempt=told))
    face.stream_of_told = stream.inner
    assert indexes(stream.collect()) == [0, 1, 2]
    assert len(refused) == 1
    assert "would wait for itself" in refused[0]


class MainReading:
    """A `Reading` that is the thread of the test: signal handlers run there and nowhere else."""

    is_at = Reading.is_at
    _inside = Reading._inside
    _task = None

    def __init__(self, stream) -> None:
        self._thread = threading.current_thread()
        self.stream = stream
        self.events: list = []

    def read(self) -> None:
        for event in self.stream:
            self.events.append(event)


@pytest.mark.parametrize("name", [name for name in STATIONS if name != "handshake"])
def test_from_a_signal_handler(name, on_signal):
    """The handler interrupts the very thread that is blocked: nothing that it holds is waited for."""
    with nothing_left(), STATIONS[name]("http") as station, FlueClient(station.base_url, timeout=PATIENT) as client:
        stream = client.runs.stream(RUN, **station.options)
        reading = MainReading(stream)
        on_signal(stream.cancel)

        with signalled(lambda: station.wait_for(reading)):
            reading.read()


@pytest.mark.parametrize("by_loop", [True, False], ids=["add_signal_handler", "signal.signal"])
def test_from_a_signal_handler_beside_a_loop(by_loop, on_signal):
    """Both kinds of handlers, with the task waiting in the body."""

    async def main(station) -> None:
        async with AsyncFlueClient(station.base_url, timeout=PATIENT) as client:
            stream = client.runs.stream(RUN, **station.options)
            if by_loop:
                asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, stream.cancel)
            else:
                on_signal(stream.cancel)
            await anext(stream)
            with signalled(lambda: None):
                assert [event async for event in stream] == []

    async def use_once() -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR2, lambda: None)
        loop.remove_signal_handler(signal.SIGUSR2)

    asyncio.run(use_once())  # libuv keeps a pipe for signals from the first use on
    with nothing_left(), STATIONS["events"]("http") as station:
        asyncio.run(main(station))


def test_signals_at_any_moment(on_signal):
    """Between any two instructions of a stream that is read, its handler cancels it or aborts it: no deadlock, no
    error.
    """
    chance = random.Random(7)
    ends = []
    with nothing_left(), FlueTestServer() as server, FlueClient(server.base_url, timeout=PATIENT) as client:
        server.create_run(run_id=RUN)
        server.append(RUN, *logs(0, 400), raw=True)
        for round_ in range(60):
            aborted = AbortSignal()
            stream = client.runs.stream(RUN, live=("sse", "long-poll")[round_ % 2], signal=aborted, timeout=60.0)
            on_signal((stream.cancel, aborted.abort, stream.close)[round_ % 3])
            with signalled(functools.partial(time.sleep, chance.uniform(0, 0.01))):
                ends.append(len(list(stream)))
        eventually(lambda: server.open_connections <= 1, "connections are given up")
    assert max(ends) > 0
