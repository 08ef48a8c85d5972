"""Ctrl-C: it goes through, and a stream of the blocking face can be read on without a scar.

In programs of their own: an exception out of a signal handler may come between any two instructions of a process, those
of the test itself included.
"""

from __future__ import annotations

import pytest

from flue.testing import Fault

from .frames import RUN, logs
from .reading import eventually
from .scripts import Program
from .stations import serving

TIMES = 5
COMMON = """
    import contextlib, threading, time
    import requests
    from flue import BackoffOptions, FlueClient, Timeouts
    failed = []
    options = BackoffOptions(initial_delay=0.001, on_failed_attempt=failed.append)
    with requests.Session() as session:
        with FlueClient(URL, timeout=Timeouts(connect=2.0, read=20.0), session={session}) as client:
            stream = client.runs.stream(RUN, live={live!r}, backoff_options=options)
            print(next(stream).event_index)
"""
READING_ON = """
            for _ in range({times}):
                try:
                    next(stream)
                except KeyboardInterrupt:
                    print("interrupted")
                print(next(stream).event_index)
            stream.close()
    print(failed)
"""
PAUSING = """
            try:
                next(stream)
            except KeyboardInterrupt:
                print("interrupted")
            while any(thread.name == "flue-request" for thread in threading.enumerate()):
                time.sleep(0.001)  # until the request that was left behind has ended
            begun = time.monotonic()
            print(next(stream).event_index, time.monotonic() - begun >= 0.2)
            stream.close()
    print([attempt.delay for attempt in failed])
"""


@pytest.mark.parametrize("live", ["long-poll", "sse"])
@pytest.mark.parametrize("session", ["None", "session"], ids=["own", "theirs"])
def test_reading_on(session, live):
    """Several times, in the wait for headers or in the body; no attempt counts as failed on its account."""
    with serving("http") as server:
        program = Program(server, (COMMON + READING_ON).format(session=session, live=live, times=TIMES))
        assert program.line() == "0"
        for written in range(1, TIMES + 1):
            server.wait_for_requests(2 * written if live == "long-poll" else written)
            program.interrupt()
            assert program.line() == "interrupted"
            # What was left behind ends now; that must not look like a response to the next request.
            server.append(RUN, *logs(written, written + 1), raw=True)
            assert program.line() == str(written)
            eventually(lambda: server.open_connections <= 1, "the connection is given up")
        assert program.finish() == (0, "[]\n", "")


def test_a_pause_behind_an_interrupt():
    """A request that was left behind and ends late cuts no later pause short."""
    with serving("http") as server:
        program = Program(server, (COMMON + PAUSING).format(session="session", live="long-poll"))
        assert program.line() == "0"
        server.wait_for_requests(2)
        program.interrupt()
        assert program.line() == "interrupted"
        server.faults.add(Fault(status=503, headers=[("retry-after", "0.2")]))
        server.append(RUN, *logs(1, 2), raw=True)  # the request that was left behind is answered
        status, out, err = program.finish()
        assert (status, out.split()) == (0, ["1", "True", "[0.2]"])
        assert "attempt 1 failed" in err


ASYNC_INTERRUPTED = """
    import asyncio
    from flue import AsyncFlueClient, BackoffOptions
    async def main():
        async with AsyncFlueClient(URL) as client:
            async with client.runs.stream(RUN, {options}) as stream:
                try:
                    async for event in stream:
                        print(event.type, flush=True)
                finally:
                    print("interrupted at", stream.offset)
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print("over")
"""
STATES = {
    "headers": "",
    "events": "live='sse'",
    "pause": "backoff_options=BackoffOptions(initial_delay=30.0, max_delay=30.0)",
}


@pytest.mark.parametrize("state", STATES)
def test_the_asyncio_face(state):
    """Ctrl-C goes through, is never retried, and releases the connection."""
    with serving("http") as server:
        if state == "pause":
            server.faults.add(Fault(status=503), live="long-poll", times=1)
        program = Program(server, ASYNC_INTERRUPTED.format(options=STATES[state]))
        assert program.line() == "log"
        server.wait_for_requests(1 if state == "events" else 2)
        program.interrupt()
        status, out, err = program.finish()
        assert (status, out.split("\n")[1:]) == (0, ["over", ""])
        assert out.startswith("interrupted at ")
        # Every retry is logged, and a plain script shows it.
        assert err.count("\n") == (state == "pause")


MANY_INTERRUPTED = """
    from flue import FlueClient
    with FlueClient(URL) as client:
        try:
            with client.runs.stream_many([RUN]) as streams:
                next(streams)
                next(streams)
        except KeyboardInterrupt:
            print("interrupted")
"""


def test_many_streams():
    """The thread that waits for their events leaves the block."""
    with serving("http") as server:
        program = Program(server, MANY_INTERRUPTED)
        server.wait_for_requests(2)
        program.interrupt()
        assert program.finish() == (0, "interrupted\n", "")
        server.wait_for_connections(0)
