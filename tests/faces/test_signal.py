"""`AbortSignal`: one switch for many calls of both faces, from any thread."""

from __future__ import annotations

import threading
import time

import pytest

from flue import AbortError, AbortSignal
from flue.testing import Fault

from .frames import RUN, indexes
from .harness import on_both_faces
from .reading import BOUND, PATIENT, Reading, eventually, nothing_left
from .stations import STATIONS

LATE = BOUND
"""Seconds; the states of a reader are measured more strictly elsewhere. What it waits for lasts longer."""
CALLS = {
    "get": lambda face, **options: face.get(RUN, **options),
    "events": lambda face, **options: face.events(RUN, **options),
    "invoke": lambda face, **options: face.invoke("report", **options),
    "run": lambda face, **options: face.run("report", **options),
    "prompt": lambda face, **options: face.noted(
        "prompted", face.client.agents.prompt, "assistant", "one", message="x", **options
    ),
    "history": lambda face, **options: face.conversation().history(**options),
    "send": lambda face, **options: face.conversation().send("x", **options),
    "ask": lambda face, **options: face.conversation().ask("x", **options),
    "wait": lambda face, **options: face.conversation().wait("sub_1", **options),
    "read": lambda face, **options: face.conversation().read("sub_1", **options),
    "abort": lambda face, **options: face.conversation().abort(**options),
    "attachment": lambda face, **options: face.conversation().attachment("a", **options),
}


@on_both_faces
def test_a_signal_that_was_thrown_before(face):
    """No request is sent, and the error carries the reason."""
    signal = AbortSignal()
    signal.abort("enough")
    for call in CALLS.values():
        with pytest.raises(AbortError) as caught:
            call(face, signal=signal)
        assert (caught.value.reason, str(caught.value)) == ("enough", "aborted: enough")
    assert face.stream(RUN, signal=signal).collect() == []
    assert face.targets == []


FAULTS = {
    "headers": Fault(stall_before_headers=30.0),
    "body": Fault(stall_after=1, stall=30.0),
    "pause": Fault(status=503, headers=[("retry-after", "30")]),
}


@pytest.mark.parametrize(
    ("name", "state"),
    [
        *[(name, "headers") for name in CALLS if name not in {"events", "run"}],
        *(("get", "pause"), ("events", "body"), ("invoke", "body"), ("run", "pause")),
    ],
)
@on_both_faces(client={"timeout": PATIENT})
def test_calls_that_wait(face, name, state):
    """`AbortError` at once, wherever the call waits; behind the start of a run it carries the run."""
    face.start_run(3)
    face.server.add_workflow("report", lambda run: None)
    face.server.faults.add(FAULTS[state], method="GET" if name == "run" else None)
    signal = AbortSignal()
    thrown: list[float] = []

    def throw() -> None:
        face.server.wait_for_requests(2 if name == "run" else 1)
        if state == "pause":
            eventually(lambda: any(line[0] == "pause" for line in face.transcript), "the attempt has failed")
        thrown.append(time.monotonic())
        signal.abort()

    thrower = threading.Thread(target=throw)
    thrower.start()
    with pytest.raises(AbortError) as caught:
        CALLS[name](face, signal=signal)
    took = time.monotonic() - thrown[0]
    thrower.join()
    assert took < LATE
    assert caught.value.reason is None
    assert (caught.value.run_id is not None) == (name == "run")


@on_both_faces
def test_a_stream_ends_quietly(face):
    """Between two events, with the offset to go on from."""
    run_id = face.start_run(3)
    signal = AbortSignal()
    stream = face.stream(run_id, signal=signal)
    seen = []
    for event in stream:
        seen.append(event.event_index)
        if len(seen) == 2:
            signal.abort("enough")
    assert (seen, stream.offset, stream.interrupted_by()) == ([0, 1], "-1", "aborted")
    assert indexes(face.events(run_id, offset=stream.offset)) == [0, 1, 2]


def test_one_signal_for_many_streams_of_both_faces():
    """Thrown once, from a third thread."""
    signal = AbortSignal()
    with nothing_left():
        with STATIONS["events"]("http") as station:
            readings = [
                Reading(station.base_url, is_async=is_async, signal=signal, live="sse")
                for is_async in (False, True) * 3
            ]
            for reading in readings:
                station.wait_for(reading)
            before = time.monotonic()
            signal.abort()
            for reading in readings:
                reading.wait()
            assert max(reading.ended_at - before for reading in readings) < LATE
        for reading in readings:
            reading.join()
    assert [reading.error for reading in readings] == [None] * 6


@on_both_faces
def test_a_signal_keeps_nothing_of_what_is_over(face):
    """Ended, failed, closed, never begun: it forgets its listener; a long-lived signal does not grow."""
    run_id = face.start_run(3)
    face.server.finish_run(run_id)
    signal = AbortSignal()
    face.stream(run_id, signal=signal).collect()
    closed = face.stream(run_id, signal=signal)
    closed.next()
    closed.close()
    face.stream(run_id, signal=signal)
    face.server.faults.add(Fault(status=404), times=2)
    with pytest.raises(Exception, match="404"):
        face.stream(run_id, signal=signal).next()
    with pytest.raises(Exception, match="404"):
        face.get(run_id, signal=signal)
    face.get(run_id, signal=signal)
    assert signal._listeners == {}


@on_both_faces
def test_a_signal_with_a_time_limit(face):
    """It throws itself; the reason is a `TimeoutError`."""
    run_id = face.start_run(3)
    face.events(run_id)  # what a client does once, done before the time runs
    before = time.monotonic()
    signal = AbortSignal.timeout(1.0)
    stream = face.stream(run_id, signal=signal)
    assert indexes(stream.collect()) == [0, 1, 2]
    assert 1.0 <= time.monotonic() - before < LATE
    assert isinstance(signal.reason, TimeoutError)
    with pytest.raises(AbortError):
        face.get(run_id, signal=signal)
