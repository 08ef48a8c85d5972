"""Following a run by long polls: which requests, in which order, and how a stream ends."""

from __future__ import annotations

import time

import pytest

from flue import BackoffOptions, Timeouts
from flue.testing import Fault

from .frames import RUN, empty_poll, indexes, log, logs, offset
from .harness import on_both_faces


def while_polling(face, *steps):
    """Have each step done when a long poll has come in, one after the other."""
    pending = list(steps)

    def step(_request):
        if pending:
            pending.pop(0)()

    face.server.faults.add(step, live="long-poll", times=None)


def without_cursors(face):
    """What was asked, without what the server made up."""
    targets = [
        (request.first("live"), request.first("offset"), request.first("tail")) for request in face.server.requests
    ]
    assert all(request.method == "GET" for request in face.server.requests)
    return targets


@pytest.mark.parametrize("live", [True, "long-poll"])
@on_both_faces(page_limit=2)
def test_pages_first_then_polls(face, live):
    """No poll before the stream is up to date; `True` and `"long-poll"` are the same."""
    face.server.create_run(run_id=RUN)
    face.server.append(RUN, *logs(0, 3))
    while_polling(face, lambda: face.server.append(RUN, log(3)), lambda: face.server.finish_run(RUN))
    stream = face.stream(RUN, live=live)
    assert indexes(stream.collect()) == [0, 1, 2, 3, 4]
    assert without_cursors(face) == [
        (None, "-1", None),
        (None, offset(1), None),
        ("long-poll", offset(2), None),
        ("long-poll", offset(3), None),
    ]
    assert (stream.closed, stream.up_to_date, stream.offset) == (True, True, offset(4))


@on_both_faces
def test_a_poll_that_says_closed_before_the_end_was_read(face):
    """Flue looks at `closed` behind a poll's time-out and answers with the old offset: one plain page shows the rest."""
    face.server.create_run(run_id=RUN)
    face.server.append(RUN, log(0))
    face.server.faults.add(Fault(status=204, extra_headers=empty_poll(0, closed=True).headers), live="long-poll")
    stream = face.stream(RUN)
    assert stream.next().event_index == 0
    face.server.finish_run(RUN, result=42)
    assert [event.result for event in stream.collect()] == [42]
    assert without_cursors(face) == [(None, "-1", None), ("long-poll", offset(0), None), (None, offset(0), None)]


@on_both_faces(client={"timeout": Timeouts(connect=2.0, read=0.15)}, compare=False)
def test_a_hold_that_outlasts_the_read_time_out(face):
    """Silence while waiting for headers is asked again, however often; the stream shows none of it.

    It does count as a failed attempt, told to `on_failed_attempt`: a server that is never heard of should be noticed
    by somebody. Not compared: the pause depends on how long the silence lasted.
    """
    face.server.create_run(run_id=RUN)
    face.server.append(RUN, log(0))
    failures = []
    options = BackoffOptions(initial_delay=30.0, on_failed_attempt=failures.append)
    stream = face.stream(RUN, backoff_options=options)
    assert stream.next().event_index == 0
    polls = []

    def finish_at_the_third(_request):
        polls.append(time.monotonic())
        if len(polls) == 3:
            face.server.finish_run(RUN)

    face.server.faults.add(finish_at_the_third, live="long-poll", times=None)
    begun = time.monotonic()
    assert [event.type for event in stream.collect()] == ["run_end"]
    assert time.monotonic() - begun >= 0.3
    assert len(failures) >= 2
    assert all("nothing was heard for the read time-out" in str(failure.error) for failure in failures)
    assert all(failure.will_retry for failure in failures)
    assert sum(failure.delay for failure in failures) <= polls[-1] - begun


@on_both_faces(poll_hold=0.1)
def test_an_idle_run_is_polled_on(face):
    """The time-out is longer than the server's hold: each empty answer is followed by the next poll, with its cursor."""
    face.server.create_run(run_id=RUN)
    face.server.append(RUN, log(0))
    stream = face.stream(RUN)
    stream.next()
    while_polling(face, lambda: None, lambda: None, lambda: face.server.finish_run(RUN))
    assert [event.type for event in stream.collect()] == ["run_end"]
    assert [live for live, _, _ in without_cursors(face)] == [None, "long-poll", "long-poll", "long-poll"]
    assert [request.first("cursor") is None for request in face.server.requests] == [True, True, False, False]
