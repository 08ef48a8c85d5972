"""An exception out of a signal handler, as Ctrl-C is one: it goes through, and the stream can be read on without a scar."""

from __future__ import annotations

import contextlib
import signal
import threading
import time

import pytest
import requests

from flue import BackoffOptions, FlueClient
from flue.testing import Fault

from .frames import RUN, logs
from .reading import PATIENT, eventually, nothing_left
from .stations import serving
from .test_cancel_calls import signalled

LIVES = pytest.mark.parametrize("live", ["long-poll", "sse"])


@pytest.fixture
def interrupting():
    """Let SIGUSR1 raise `KeyboardInterrupt` once."""
    before = signal.getsignal(signal.SIGUSR1)

    def handle(*_: object) -> None:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        raise KeyboardInterrupt

    yield lambda: signal.signal(signal.SIGUSR1, handle)
    signal.signal(signal.SIGUSR1, before)


@LIVES
@pytest.mark.parametrize("theirs", [False, True], ids=["own", "theirs"])
def test_reading_on(theirs, live, interrupting):
    """Edge case 124. Several times, in the wait for headers or in the body; no attempt counts as failed on its account."""
    failed = []
    options = BackoffOptions(on_failed_attempt=failed.append)
    with nothing_left(), serving("http") as server, requests.Session() as session:
        arguments = {"session": session} if theirs else {}
        with FlueClient(server.base_url, timeout=PATIENT, **arguments) as client:
            stream = client.runs.stream(RUN, live=live, backoff_options=options)
            seen = [next(stream).event_index]
            for written in range(1, 6):
                interrupting()
                asked = len(server.requests)
                with pytest.raises(KeyboardInterrupt), signalled(lambda: None):
                    next(stream)
                # What was left behind ends now; that must not look like an answer to the next question.
                server.append(RUN, *logs(written, written + 1), raw=True)
                eventually(lambda: server.open_connections <= 1, "the connection is given up")
                seen.append(next(stream).event_index)
                assert len(server.requests) > asked or live == "sse"
            stream.close()
    assert seen == list(range(6))
    assert failed == []


def test_a_pause_behind_an_interrupt(interrupting):
    """Edge case 124. A request that was left behind and ends late cuts no later pause short."""
    delays = []
    options = BackoffOptions(initial_delay=0.001, on_failed_attempt=lambda attempt: delays.append(attempt.delay))
    with contextlib.ExitStack() as stack:
        stack.enter_context(nothing_left())
        server = stack.enter_context(serving("http"))
        session = stack.enter_context(requests.Session())
        client = stack.enter_context(FlueClient(server.base_url, session=session, timeout=PATIENT))
        stream = client.runs.stream(RUN, backoff_options=options)
        next(stream)
        interrupting()
        with pytest.raises(KeyboardInterrupt), signalled(lambda: server.wait_for_requests(2)):
            next(stream)
        assert requests_under_way()
        server.append(RUN, *logs(1, 2), raw=True)  # the request that was left behind is answered
        eventually(lambda: not requests_under_way(), "it ends")
        server.faults.add(Fault(status=503, headers=[("retry-after", "0.2")]))
        begun = time.monotonic()
        assert next(stream).event_index == 1
        assert time.monotonic() - begun >= 0.2
        stream.close()
    assert delays == [0.2]


def requests_under_way() -> bool:
    """Whether a thread sends with a session of the caller's."""
    return any(thread.name == "flue-request" for thread in threading.enumerate())
