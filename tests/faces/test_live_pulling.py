"""The caller's side of a stream: checkpoints, pauses of its own, callbacks that fail, a clock that jumps."""

from __future__ import annotations

import threading
import time

import pytest

from flue import BackoffOptions, FlueConnectionError
from flue.testing import Fault, Reply

from .frames import RUN, empty_poll, indexes, log, logs, offset, page, run_end
from .harness import EAGER, Face, on_both_faces

LIVES = pytest.mark.parametrize("live", [False, "long-poll", "sse"])


def finished(face: Face, count: int) -> str:
    """A run of so many events and its end."""
    run_id = face.server.create_run(run_id=RUN)
    face.server.append(run_id, *logs(0, count), raw=True)
    face.server.finish_run(run_id)
    return run_id


@LIVES
@on_both_faces(page_limit=7)
def test_the_offset_is_that_of_what_was_handed_over(face, live):
    """It can be read by any thread, and a stream that begins there goes on with the next batch: no event is skipped."""
    run_id = finished(face, 20)
    stream = face.stream(run_id, live=live)
    seen = []
    while len(seen) < 21:
        at = stream.offset
        behind = -1 if at == "-1" else int(at[-16:])
        assert behind + 1 <= len(seen) <= behind + 7
        read_elsewhere: list[str] = []
        reader = threading.Thread(target=lambda into=read_elsewhere: into.append(stream.offset))
        reader.start()
        reader.join()
        assert read_elsewhere == [at]
        seen.append(stream.next().event_index)
    assert seen == list(range(21))
    assert (stream.offset, stream.up_to_date, stream.closed) == (offset(20), True, True)


@LIVES
@on_both_faces(page_limit=7)
def test_every_checkpoint_is_one_to_resume_from(face, live):
    run_id = finished(face, 20)
    for taken in (0, 1, 6, 7, 8, 13, 14, 20):
        first = face.stream(run_id, live=live)
        first.collect(taken)
        first.close()
        again = indexes(face.stream(run_id, live=live, offset=first.offset).collect())
        assert again == list(range(taken - taken % 7, 21))


@on_both_faces(page_limit=10)
def test_no_page_is_requested_before_the_caller_needs_it(face):
    """What the caller has not asked for stays with the server."""
    run_id = finished(face, 100)
    stream = face.stream(run_id)
    for taken in range(1, 102):
        stream.next()
        face.idle()
        assert len(face.targets) == min((taken + 9) // 10, 6)  # after five full pages, one event connection


@on_both_faces(keep_alive=0.05)
def test_a_consumer_that_stops_for_long(face):
    """Its connection is gone when it comes back; it goes on without a failed attempt."""
    run_id = finished(face, 150)
    stream = face.stream(run_id)
    stream.collect(100)
    face.server.wait_for_connections(0)
    assert indexes(stream.collect()) == list(range(100, 151))
    assert [line for line in face.transcript if line[0] == "pause"] == []


class Mistake(Exception):  # of nobody's library
    """Of the caller's own code."""


@on_both_faces
def test_a_header_callable_that_fails(face):
    """Its exception goes through, once and at once: it is not a failed attempt."""
    calls = 0

    def headers():
        nonlocal calls
        calls += 1
        if calls == 2:
            raise Mistake
        return {}

    run_id = finished(face, 150)
    stream = face.stream(run_id, client=face.new_client(headers=headers), backoff_options=EAGER)
    stream.collect(100)
    with pytest.raises(Mistake):
        stream.next()
    assert (calls, len(face.targets)) == (2, 1)
    assert indexes(stream.collect()) == list(range(100, 151))


@on_both_faces
def test_a_callback_for_failed_attempts_that_fails(face):
    """The next pull asks again."""
    run_id = finished(face, 3)
    failures = []

    def told(attempt):
        failures.append(attempt)
        raise Mistake

    face.server.faults.add(Fault(status=503))
    stream = face.stream(run_id, backoff_options=BackoffOptions(initial_delay=0.001, on_failed_attempt=told))
    with pytest.raises(Mistake):
        stream.next()
    assert (len(failures), failures[0].will_retry, len(face.targets)) == (1, True, 1)
    assert indexes(stream.collect()) == [0, 1, 2, 3]
    assert len(failures) == 1


@on_both_faces
def test_a_callback_that_fails_on_the_last_attempt(face):
    """The caller's exception is what is raised; the stream's own error is there at the next pull."""

    def told(attempt):
        if not attempt.will_retry:
            raise Mistake

    face.server.faults.add(Fault(refuse=True), times=None)
    options = BackoffOptions(initial_delay=0.001, max_retries=1, on_failed_attempt=told)
    stream = face.stream(RUN, backoff_options=options)
    with pytest.raises(Mistake):
        stream.next()
    with pytest.raises(FlueConnectionError):
        stream.next()
    assert len(face.targets) == 2


@on_both_faces
def test_an_event_callback_that_fails(face):
    """`run()` ends with the caller's exception; the run itself goes on."""
    finished(face, 3)
    face.server.script("/workflows/report", [Reply(202, [("content-type", "application/json")], b'{"runId":"run_1"}')])
    seen = []

    def told(event):
        seen.append(event)
        raise Mistake

    with pytest.raises(Mistake):
        face.run("report", on_event=told)
    assert len(seen) == 1
    face.idle()
    assert face.server.run_ids == [RUN]


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0], ids=["ahead", "back"])
@on_both_faces
def test_a_clock_that_jumps(face, jump, monkeypatch):
    """NeedData is measured with the time of day: a jump neither ends a budget nor prolongs a pause."""
    now = time.time
    shift = 0.0
    monkeypatch.setattr(time, "time", lambda: now() + shift)
    face.server.faults.add(Fault(status=503), times=3)
    poll = empty_poll(0)
    face.server.script(RUN, [page(log(0), next_offset=offset(0)), poll, page(run_end(1), next_offset=offset(1))])
    jumped = []

    def told(attempt):
        nonlocal shift
        shift += jump
        jumped.append(attempt.delay)

    options = BackoffOptions(initial_delay=0.001, max_elapsed=30.0, on_failed_attempt=told)
    assert indexes(face.stream(RUN, backoff_options=options, timeout=30.0).collect()) == [0, 1]
    assert len(jumped) == 3
    assert max(jumped) < 0.1


@on_both_faces
def test_a_retry_date_seen_from_a_clock_that_is_wrong(face, monkeypatch):
    """The date form of `Retry-After` is the one thing that needs the time of day; what comes of it is bounded by an
    hour.
    """
    monkeypatch.setattr(time, "time", lambda: 0.0)
    face.server.faults.add(Fault(status=503, headers=[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")]))
    delays = []

    def told(attempt):
        delays.append(attempt.delay)
        stream.inner.cancel()

    stream = face.stream(RUN, backoff_options=BackoffOptions(on_failed_attempt=told))
    assert stream.collect() == []
    assert delays == [3600.0]
