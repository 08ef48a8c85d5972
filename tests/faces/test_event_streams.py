"""Event connections that end, break, fall silent or are delayed: the stream goes on where it was."""

from __future__ import annotations

import threading
import time

import pytest

from flue import Timeouts
from flue.core import protocol
from flue.testing import Fault, Reply

from .frames import RUN, SSE, control, data, indexes, log, logs, offset, run_end
from .harness import EAGER, later, on_both_faces
from .reading import eventually, memory_below

IMPATIENT = Timeouts(connect=2.0, read=1.0)


@on_both_faces(client={"timeout": IMPATIENT}, heartbeat=0.05)
def test_heartbeats_count_as_sound(face):
    """Longer than the read time-out without an event, on one connection."""
    run_id = face.start_run(1)
    stream = face.stream(run_id, live="sse")
    stream.next()
    began = time.monotonic()
    later(lambda: face.server.finish_run(run_id), 1.5 * IMPATIENT.read)
    assert stream.next().type == "run_end"
    assert time.monotonic() - began > IMPATIENT.read
    assert len(face.targets) == 1


@on_both_faces
def test_heartbeats_take_no_memory(face):
    """Thirty megabytes of comments: uvloop reads up to eight ahead of its reader."""
    heartbeats = (b": heartbeat".ljust(1000) + b"\n\n") * 50

    def frames():
        yield data(log(0)) + control(0)
        yield from [heartbeats] * (30_000_000 // len(heartbeats))
        yield data(log(1)) + control(1, streamClosed=True)

    face.server.script(RUN, [Reply(200, [SSE], frames())])
    stream = face.stream(RUN, live="sse")
    stream.next()
    with memory_below(15_000_000):
        assert stream.next().event_index == 1


@on_both_faces(client={"timeout": IMPATIENT}, compare=False)
def test_silence_reconnects(face):
    """No byte for the read time-out, as on a half-open connection: reconnected at the checkpoint.

    The pause depends on how long the silence was measured to be, so the transcripts may differ.
    """
    run_id = face.start_run(2)
    face.server.faults.add(Fault(stall_after=0, stall=30.0), live="sse", after=1)
    face.server.faults.add(Fault(cut_after=len(data(*logs(0, 2))), end="clean"), live="sse")
    stream = face.stream(run_id, live="sse", backoff_options=EAGER)
    began = time.monotonic()
    later(lambda: face.server.finish_run(run_id), 0.05)
    assert indexes(stream.collect()) == [0, 1, 2]
    assert IMPATIENT.read <= time.monotonic() - began < 20.0
    assert [request.first("offset") for request in face.server.requests] == ["-1", "-1", "-1"]
    assert [line[2] for line in face.transcript if line[0] == "pause"].count("FlueConnectionError") == 1


@pytest.mark.parametrize(
    "fault", [Fault(framing="close"), Fault(gzip=True), Fault(gzip=True, framing="close")], ids=str
)
@on_both_faces
def test_events_come_when_they_are_sent(face, fault):
    """Also without a length, as behind an HTTP/1.0 proxy, and compressed by one that was not asked to."""
    run_id = face.start_run(1)
    face.server.faults.add(fault, live="sse")
    stream = face.stream(run_id, live="sse")
    assert stream.next().event_index == 0
    for index in range(1, 4):
        face.server.append(run_id, *logs(index, index + 1), raw=True)
        assert stream.next().event_index == index
    face.server.finish_run(run_id)
    assert stream.next().type == "run_end"
    assert len(face.targets) == 1


@on_both_faces
def test_the_last_event_gives_the_connection_up(face):
    """Nothing follows a `run_end`, also where the server never closes the stream: at once, not at the next pull."""
    run_id = face.start_run(0)
    face.server.append(run_id, run_end(0), raw=True)
    stream = face.stream(run_id, live="sse")
    assert stream.next().type == "run_end"
    eventually(lambda: face.idle() or face.server.open_connections == 0, "the connection is given up")
    assert (stream.closed, stream.offset) == (True, offset(0))


@on_both_faces
def test_a_compressed_connection_that_breaks(face):
    run_id = face.start_run(30, finish=True)
    for cut in (1, 9, 20, 60, 100):
        face.server.faults.add(Fault(gzip=True, cut_after=cut, end="close"), live="sse")
    stream = face.stream(run_id, live="sse", backoff_options=EAGER)
    assert indexes(stream.collect()) == list(range(31))


@on_both_faces
def test_an_endless_stream_waits_for_a_slow_consumer(face):
    """Nothing is read ahead without bound: what the consumer does not take stays with the server."""
    made = 0
    stopped = threading.Event()

    def frames():
        nonlocal made
        while not stopped.is_set():
            yield data(log(made, message="x" * 50_000)) + control(made)
            made += 1

    face.server.script(RUN, [Reply(200, [SSE], frames())])
    stream = face.stream(RUN, live="sse")
    try:
        assert stream.next().event_index == 0
        # What the two kernels and the pieces under way hold is a matter of megabytes, however long one waits.
        seen = -1
        while seen != made:
            seen = made
            time.sleep(0.05)
            face.idle()
        assert made * 50_000 < 32_000_000
        assert stream.next().event_index == 1
    finally:
        stopped.set()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=406),
        Fault(stall_before_headers=30.0),
        Fault(stall_after=0, stall=30.0),
        Fault(body=b": waiting\n\n" * 60, trickle=11, trickle_pause=0.1),
    ],
    ids=["406", "no head", "no body", "comments only"],
)
@on_both_faces(page_limit=5)
def test_a_long_history_where_events_do_not_come_through(face, fault, monkeypatch):
    """It goes on by pages, and the client remembers. A proxy that buffers a response until its end is silent, too."""
    monkeypatch.setattr(protocol, "HISTORY_READ_TIMEOUT", 0.5)
    run_id = face.start_run(59, finish=True)
    face.server.faults.add(fault, live="sse", times=None)
    pages = ["page"] * protocol.MAX_FULL_PAGES
    for _ in range(2):
        assert indexes(face.events(run_id)) == list(range(60))
    modes = [request.first("live") or "page" for request in face.server.requests]
    assert modes[: len(pages) + 2] == [*pages, "sse", "page"]
    assert modes.count("sse") == 1
    assert [line for line in face.transcript if line[0] == "pause"] == []
