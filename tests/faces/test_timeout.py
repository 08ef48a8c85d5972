"""The overall limit of a call, and the limit of silence inside one: neither can be outwitted by a slow server."""

from __future__ import annotations

import time

import httpx
import pytest
import requests

from flue import BackoffOptions, FlueConnectionError, FlueTimeoutError, Timeouts
from flue.testing import Fault

from .frames import NOT_REPEATED, RUN, indexes, logs, offset, page
from .harness import EAGER, on_both_faces
from .reading import Reading, nothing_left
from .stations import STATIONS

LIMIT = 0.15
"""The overall limit of these tests, in seconds."""
SLACK = 10.0
"""Seconds in which a blocked reader must have noticed, on a machine that has other work; what it waits for lasts longer."""
OWN = [(name, "https" if name == "handshake" else "http", False) for name in STATIONS]
THEIRS = [("connecting", "http", True), ("headers", "https", True), ("page", "http", True), ("events", "https", True)]


@pytest.mark.parametrize(("name", "scheme", "theirs"), OWN + THEIRS)
def test_the_overall_limit_in_every_state(name, scheme, theirs, trusting):
    """`FlueTimeoutError` with the offset reached, at once wherever the reader is blocked."""
    with nothing_left():
        for is_async in (False, True):
            with STATIONS[name](scheme) as station:
                begun = time.monotonic()
                reading = Reading(station.base_url, is_async=is_async, theirs=theirs, timeout=LIMIT, **station.options)
                reading.wait()
                # The clients' own making is not part of the limit; it is only a lower bound here.
                assert reading.ended_at - begun >= LIMIT
            reading.join()
            assert isinstance(reading.error, FlueTimeoutError)
            assert isinstance(reading.error, TimeoutError)
            assert reading.error.offset == (offset(0) if reading.events else "-1")
            assert reading.tasks_left == set()


CALLS = {
    "get": lambda face: face.get(RUN, timeout=LIMIT),
    "stream": lambda face: face.stream(RUN, timeout=LIMIT).collect(),
    "invoke": lambda face: face.invoke("report", timeout=LIMIT),
}


@pytest.mark.parametrize("name", CALLS)
@on_both_faces(compare=False)  # a busy machine may not get to sending the request
def test_headers_byte_by_byte(face, name):
    """Every byte is sound, so only the overall limit ends it: in time, on every call."""
    face.start_run(3)
    face.get(RUN)  # what a client does once, done before the time runs
    face.server.script("", [b"HTTP/1.1 200 OK\r\n" + b"x-slow: very\r\n" * 500])
    face.server.faults.add(Fault(trickle=1, trickle_pause=0.01))
    begun = time.monotonic()
    with pytest.raises(FlueTimeoutError):
        CALLS[name](face)
    assert LIMIT <= time.monotonic() - begun < LIMIT + SLACK
    assert len(face.targets) <= 2


@on_both_faces(compare=False)
def test_a_body_byte_by_byte(face):
    face.start_run(3)
    face.server.faults.add(Fault(trickle=1, trickle_pause=0.01), times=None)
    begun = time.monotonic()
    with pytest.raises(FlueTimeoutError) as caught:
        face.events(RUN, timeout=LIMIT)
    assert time.monotonic() - begun < LIMIT + SLACK
    assert caught.value.offset == "-1"


@on_both_faces(compare=False)
def test_the_limit_runs_over_all_attempts(face):
    """Neither retries nor progress begin it anew. How many attempts fit in is a matter of time."""
    face.start_run(50)
    face.server.faults.add(Fault(status=503), times=None)
    begun = time.monotonic()
    with pytest.raises(FlueTimeoutError):
        face.events(RUN, timeout=LIMIT, backoff_options=BackoffOptions(initial_delay=0.01, max_delay=0.01))
    assert LIMIT <= time.monotonic() - begun < LIMIT + SLACK
    face.server.faults.clear()
    face.server.faults.add(lambda _: face.server.append(RUN, *logs(0, 1), raw=True), live="long-poll", times=None)
    stream = face.stream(RUN, timeout=6 * LIMIT)
    begun = time.monotonic()
    with pytest.raises(FlueTimeoutError) as caught:
        stream.collect()
    assert time.monotonic() - begun < 6 * LIMIT + SLACK
    assert caught.value.offset == stream.offset != "-1"


@on_both_faces
def test_a_stream_that_is_out_of_time(face):
    """The same error at every later pull; another stream goes on from its offset."""
    run_id = face.start_run(3)
    stream = face.stream(run_id, timeout=10 * LIMIT)
    assert indexes(stream.collect(3)) == [0, 1, 2]
    errors = []
    for _ in range(2):
        with pytest.raises(FlueTimeoutError) as caught:
            stream.next()
        errors.append(caught.value)
    assert errors[0] is errors[1]
    assert (errors[0].offset, stream.offset) == (offset(2), offset(2))
    stream.close()
    face.server.finish_run(run_id)
    assert indexes(face.stream(run_id, offset=errors[0].offset).collect()) == [3]


@on_both_faces
def test_a_limit_that_is_not_reached(face):
    """Its timer goes with the stream."""
    run_id = face.start_run(3)
    face.server.finish_run(run_id)
    face.get(run_id)  # over the one connection that stays
    with nothing_left():
        assert len(face.stream(run_id, timeout=3600.0).collect()) == 4
        assert len(face.events(run_id, timeout=3600.0)) == 4
        face.get(run_id, timeout=3600.0)


@on_both_faces(client={"timeout": Timeouts(connect=2.0, read=0.1)}, compare=False)
def test_silence_inside_a_page_and_before_it(face):
    """Asked again, within the budget; a POST is not."""
    face.start_run(3)
    face.server.faults.add(Fault(stall_after=5, stall=30.0))
    face.server.faults.add(Fault(stall_before_headers=30.0))
    assert indexes(face.events(RUN, backoff_options=EAGER)) == [0, 1, 2]
    assert len(face.targets) >= 3
    face.server.faults.add(Fault(stall_before_headers=30.0), method="POST")
    begun = time.monotonic()
    with pytest.raises(FlueConnectionError, match="nothing was heard") as caught:
        face.invoke("report")
    assert 0.1 <= time.monotonic() - begun < 0.1 + SLACK
    assert NOT_REPEATED in caught.value.__notes__
    assert [request.method for request in face.server.requests].count("POST") == 1


@on_both_faces(client={"timeout": Timeouts(connect=2.0, read=0.1)}, compare=False)
def test_silence_inside_the_headers(face):
    face.server.script(
        RUN, [b"HTTP/1.1 200 OK\r\n", page(*logs(0, 2), next_offset=offset(1), closed=True)], repeat_last=True
    )
    face.server.faults.add(Fault(stall_after=17, stall=30.0))
    assert indexes(face.events(RUN, backoff_options=EAGER)) == [0, 1]


@on_both_faces(client={"timeout": Timeouts(connect=0.1, read=30.0)}, compare=False)
def test_a_connection_that_is_not_made(face):
    """A full queue of the kernel; a TLS handshake without an answer, which is no silence of a response."""
    for name, scheme in (("connecting", "http"), ("handshake", "https")):
        with STATIONS[name](scheme) as station:
            client = face.new_client(base_url=station.base_url)
            begun = time.monotonic()
            with pytest.raises(FlueConnectionError) as caught:
                face.wait(client.runs.get, RUN, backoff_options=BackoffOptions(max_retries=0))
            assert (caught.value.retryable, caught.value.is_read_timeout) == (True, False)
            assert isinstance(caught.value.__cause__, httpx.HTTPError if face.is_async else requests.RequestException)
            assert 0.1 <= time.monotonic() - begun < 0.1 + SLACK
