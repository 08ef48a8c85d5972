"""A client's own life: made, used, closed, used again; what it receives can be copied, what is alive cannot."""

from __future__ import annotations

import copy
import pickle

import pytest
from network.relay import Relay

from flue import AbortSignal
from flue.testing import Fault

from .frames import RUN, empty_poll, log, logs, offset, page, run_end
from .harness import BRIEF, EAGER, on_both_faces


@on_both_faces
def test_a_client_is_a_context_manager(face):
    """Leaving the block closes its connections; what was read is there."""
    run_id = face.server.create_run()
    client = face.new_client()
    with face.inside(client) as entered:
        assert entered is client
        assert face.wait(client.runs.get, run_id).run_id == run_id
    face.server.wait_for_connections(0)


@on_both_faces
def test_a_closed_client_says_so(face):
    """At every call, and in a stream at its next request. Closing twice is harmless."""
    face.server.create_run(run_id=RUN)
    face.server.append(RUN, *logs(0, 150))
    client = face.new_client()
    stream = face.stream(RUN, client)
    assert stream.next().event_index == 0
    face.release(client)
    face.release(client)
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
    """One connection for one call after the other: records, pages, refusals, polls that ran out."""
    face.server.create_run(run_id=RUN)
    face.server.append(RUN, *logs(0, 250))
    face.server.add_workflow("report", lambda _run: 1)
    polled = page(log(0), next_offset=offset(0)), *[empty_poll(0)] * 2, page(run_end(1), next_offset=offset(1))
    with Relay(face.server.port) as relay:
        client = face.new_client(base_url=f"http://{relay.address}/api")
        for number in range(3):
            assert len(face.wait(client.runs.events, RUN)) == 250
            face.server.faults.add(Fault(status=503, body=b"busy"))
            assert face.wait(client.runs.get, RUN, backoff_options=BRIEF).run_id == RUN
            face.wait(client.workflows.invoke, "report")
            face.server.script(f"polled_{number}", polled)
            assert len(face.stream(f"polled_{number}", client, backoff_options=EAGER).collect()) == 2
        assert relay.accepted == 1
        face.release(client)


def refuses(value) -> None:
    """Neither pickle nor copy."""
    for way in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            way(value)


@on_both_faces
def test_what_is_alive_cannot_be_pickled(face):
    """Clients, conversations, streams (untouched, open, over) and signals: a clear error; they are none the worse."""
    face.server.script(RUN, [page(log(0), log(1), run_end(2), next_offset="0_2", closed=True)])
    signal = AbortSignal()
    stream = face.stream(RUN, signal=signal)
    refuses(stream.inner)
    stream.next()
    talk, many = face.conversation(), face.client.runs.stream_many([RUN])
    for value in (face.client, stream.inner, signal, many, talk.inner, talk.stream().inner, talk.observe().inner):
        refuses(value)
    for holds_the_token in (face.client.runs, face.client.workflows, face.client.agents):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(holds_the_token)
    assert len(stream.collect()) == 2
    refuses(stream.inner)


@on_both_faces
def test_what_was_received_can_be_pickled(face):
    """Equal again, known or not, copied shallow and deep."""
    run_id = face.server.create_run(run_id=RUN)
    face.server.append(run_id, *logs(0, 2), log(2, type="news"), log(3, level=7), raw=True)
    face.server.finish_run(run_id, result={"a": [1, "\ud83d"]})
    for value in [*face.events(run_id), face.get(run_id)]:
        for again in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
            assert again == value
            assert type(again) is type(value)
