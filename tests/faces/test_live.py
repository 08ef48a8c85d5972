"""A stream that is followed: checkpoints, pauses, callbacks that fail, a clock that jumps, servers that go and come."""

from __future__ import annotations

import time

import pytest

from flue import BackoffOptions, FlueConnectionError, NotFoundError, ServerError, Timeouts
from flue.testing import Fault, Reply

from .frames import RUN, empty_poll, indexes, log, logs, offset, page, run_end
from .harness import EAGER, on_both_faces
from .reading import Reading, eventually
from .stations import serving

LIVES = pytest.mark.parametrize("live", ["long-poll", "sse"])


@on_both_faces(page_limit=10)
def test_no_page_is_requested_before_the_caller_needs_it(face):
    """What the caller has not asked for stays with the server."""
    run_id = face.start_run(100, finish=True)
    stream = face.stream(run_id)
    for taken in range(1, 102):
        stream.next()
        face.idle()
        assert len(face.targets) == min((taken + 9) // 10, 6)  # after five full pages, one event connection


@LIVES
@on_both_faces(client={"timeout": Timeouts(connect=2.0, read=5.0)})
def test_a_consumer_that_stops_for_long(face, live):
    """Its connection is gone when it comes back; between two pages that is no failed attempt."""
    run_id = face.start_run(250)
    stream = face.stream(run_id, live=live, backoff_options=EAGER)
    assert indexes(stream.collect(30)) == list(range(30))
    face.server.drop_connections()
    face.server.wait_for_connections(0)
    face.server.finish_run(run_id)
    assert indexes(stream.collect()) == list(range(30, 251))
    assert live == "sse" or "pause" not in {line[0] for line in face.transcript}


# Failures.


@on_both_faces
def test_a_pause_is_as_long_as_the_server_asked_for(face):
    run_id = face.start_run(1)
    face.server.faults.add(Fault(status=503, extra_headers=[("Retry-After", "0.2")]))
    begun = time.monotonic()
    assert len(face.events(run_id, backoff_options=EAGER)) == 1
    assert time.monotonic() - begun >= 0.2
    assert ("pause", 0.2, "ServerError") in face.transcript


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_pause_holds_no_connection(is_async):
    """That of a refusal whose body goes on for ever is closed before the pause, not behind it."""
    with serving("http") as server:
        endless = (b"busy " * 10_000 for _ in iter(int, 1))
        server.script(RUN, [Reply(503, [("retry-after", "60")], endless)])
        reading = Reading(server.base_url, is_async=is_async)
        server.wait_for_requests(1)
        eventually(lambda: reading.is_at("_pause"), "the reader pauses")
        server.wait_for_connections(0)
        reading.cancel("thread")
        reading.join()
        assert reading.error is None


@on_both_faces
def test_the_last_failure_is_told_once(face):
    """With the error that is raised, now and at every later pull."""
    face.server.script(RUN, [page(*logs(0, 2), next_offset=offset(1)), *[Reply(500)] * 2])
    told = []
    options = BackoffOptions(initial_delay=0.001, max_delay=0.002, max_retries=1, on_failed_attempt=told.append)
    stream = face.stream(RUN, backoff_options=options)
    assert len(stream.collect(2)) == 2
    for _ in range(2):
        with pytest.raises(ServerError) as caught:
            stream.next()
        assert caught.value is told[-1].error
    tries, where = caught.value.__notes__
    assert tries.startswith("gave up after 2 attempts")
    assert where == f"the stream can be resumed from offset '{offset(1)}'"
    facts = [(failure.attempt, failure.offset, failure.will_retry) for failure in told]
    assert facts == [(1, offset(1), True), (2, offset(1), False)]
    assert len(face.targets) == 3


@on_both_faces(client={"timeout": Timeouts(connect=2.0, read=0.15)}, compare=False)
def test_a_hold_that_outlasts_the_read_time_out(face):
    """Silence while waiting for headers is asked again, however often; the stream shows none of it.

    It does count as a failed attempt, told to `on_failed_attempt`: a server that is never heard of should be noticed
    by somebody. Not compared: the pause depends on how long the silence lasted.
    """
    run_id = face.start_run(1)
    failures = []
    options = BackoffOptions(initial_delay=30.0, on_failed_attempt=failures.append)
    stream = face.stream(run_id, backoff_options=options)
    assert stream.next().event_index == 0
    polls = []

    def finish_at_the_third(_request):
        polls.append(time.monotonic())
        if len(polls) == 3:
            face.server.finish_run(run_id)

    face.server.faults.add(finish_at_the_third, live="long-poll", times=None)
    begun = time.monotonic()
    assert [event.type for event in stream.collect()] == ["run_end"]
    assert time.monotonic() - begun >= 0.3
    assert len(failures) >= 2
    assert all("nothing was heard for the read time-out" in str(failure.error) for failure in failures)
    assert all(failure.will_retry for failure in failures)
    assert sum(failure.delay for failure in failures) <= polls[-1] - begun


# Callbacks.


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

    run_id = face.start_run(150, finish=True)
    stream = face.stream(run_id, client=face.new_client(headers=headers), backoff_options=EAGER)
    stream.collect(100)
    with pytest.raises(Mistake):
        stream.next()
    assert (calls, len(face.targets)) == (2, 1)
    assert indexes(stream.collect()) == list(range(100, 151))


@on_both_faces
def test_a_callback_for_failed_attempts_that_fails(face):
    """The next pull asks again."""
    run_id = face.start_run(3, finish=True)
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


# The time of day.


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0], ids=["ahead", "back"])
@on_both_faces
def test_a_clock_that_jumps(face, jump, monkeypatch):
    """Nothing is measured with the time of day: a jump neither ends a budget nor prolongs a pause."""
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
    """The date form of `Retry-After` needs the time of day; what comes of it is bounded by an hour."""
    monkeypatch.setattr(time, "time", lambda: 0.0)
    face.server.faults.add(Fault(status=503, headers=[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")]))
    delays = []

    def told(attempt):
        delays.append(attempt.delay)
        stream.inner.cancel()

    stream = face.stream(RUN, backoff_options=BackoffOptions(on_failed_attempt=told))
    assert stream.collect() == []
    assert delays == [3600.0]


# Restarts.


@LIVES
@on_both_faces(poll_hold=0.2)
def test_a_restart_of_a_server_that_remembers(face, live):
    """The stream goes on where it was, while the port was closed and with everything that was written meanwhile."""
    run_id = face.start_run(3)
    stream = face.stream(run_id, live=live, backoff_options=EAGER)
    assert indexes(stream.collect(3)) == [0, 1, 2]
    face.server.restart()
    face.server.append(run_id, *logs(3, 5), raw=True)
    assert indexes(stream.collect(2)) == [3, 4]
    face.server.stop()
    face.server.finish_run(run_id)
    face.server.start()
    assert indexes(stream.collect()) == [5]


@LIVES
@on_both_faces(poll_hold=0.2)
def test_a_restart_of_a_server_that_forgets(face, live):
    """404 after data was handed over is the end, and the error says from where one could have gone on."""
    run_id = face.start_run(3)
    stream = face.stream(run_id, live=live, backoff_options=EAGER)
    stream.collect(3)
    face.server.restart(lose_state=True)
    with pytest.raises(NotFoundError) as caught:
        stream.next()
    assert f"the stream can be resumed from offset {offset(2)!r}" in caught.value.__notes__
    assert (caught.value.error.type, stream.offset, stream.closed) == ("run_not_found", offset(2), False)
