"""Ctrl-C in the blocking face: it goes through, and the stream can be read on without a scar.

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
