"""A client's own life: made, used, closed, used again."""

from __future__ import annotations

import time

import pytest

from flue import (
    BackoffOptions,
    FlueConnectionError,
    ServerError,
)
from flue.testing import Fault, Reply

from .frames import RUN, logs, offset
from .harness import BRIEF, on_both_faces


def close(face, client):
    face.wait(client.aclose if face.is_async else client.close)


@on_both_faces
def test_a_client_is_a_context_manager(face):
    """Leaving the block closes its connections; what was read is there."""
    run_id = face.server.create_run()
    client = face.new_client()
    if face.is_async:

        async def use():
            async with client as entered:
                assert entered is client
                return await entered.runs.get(run_id)

        record = face.wait(use)
    else:
        with client as entered:
            assert entered is client
            record = entered.runs.get(run_id)
    assert record.run_id == run_id
    face.server.wait_for_connections(0)


@on_both_faces
def test_a_closed_client_says_so(face):
    """At every call, and in a stream at its next request. Closing twice is harmless."""
    face.server.create_run(run_id=RUN)
    face.server.append(RUN, *logs(0, 150))
    client = face.new_client()
    stream = face.stream(RUN, client)
    assert stream.next().event_index == 0
    close(face, client)
    close(face, client)
    for call in (client.runs.get, client.runs.events, client.workflows.invoke):
        with pytest.raises(RuntimeError, match="the client is closed"):
            face.wait(call, RUN)
    assert len(stream.collect(99)) == 99
    with pytest.raises(RuntimeError, match="the client is closed"):
        stream.next()
    assert stream.offset == offset(99)
    assert len(face.targets) == 1


@on_both_faces
def test_connections_are_used_again(face):
    """One connection for one call after the other, however many pages they read."""
    face.server.create_run(run_id=RUN)
    face.server.append(RUN, *logs(0, 250))
    for _ in range(3):
        assert len(face.events(RUN)) == 250
        assert face.get(RUN).run_id == RUN
        assert face.server.open_connections == 1


@on_both_faces
def test_a_refusal_does_not_cost_its_connection(face):
    """Its body was read to the end."""
    face.server.create_run(run_id=RUN)
    for _ in range(3):
        face.server.faults.add(Fault(status=503, body=b"busy"))
        assert face.get(RUN, backoff_options=BRIEF).run_id == RUN
    assert face.server.open_connections == 1


@on_both_faces(compare=False)
def test_one_number_for_both_time_outs(face):
    """For silence as for connecting. Not compared: pauses are as long as silences."""
    face.server.faults.add(Fault(stall_before_headers=5.0), times=None)
    client = face.new_client(timeout=0.1)
    begun = time.monotonic()
    with pytest.raises(FlueConnectionError, match="nothing was heard for the read time-out"):
        face.wait(client.runs.get, RUN, backoff_options=BackoffOptions(max_retries=0))
    assert 0.1 <= time.monotonic() - begun < 5.0


@on_both_faces
def test_back_off_options_of_the_client(face):
    """For every read that is given none of its own."""
    told = []
    options = BackoffOptions(initial_delay=0.001, max_retries=1, on_failed_attempt=told.append)
    client = face.new_client(backoff_options=options)
    face.server.script(RUN, [Reply(500)], repeat_last=True)
    for number, call in enumerate((client.runs.get, client.runs.events), 1):
        with pytest.raises(ServerError):
            face.wait(call, RUN)
        assert len(told) == len(face.targets) == 2 * number
    with pytest.raises(ServerError):
        face.wait(client.runs.get, RUN, backoff_options=BackoffOptions(max_retries=0))
    assert (len(told), len(face.targets)) == (4, 5)
