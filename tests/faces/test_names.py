"""Names of hosts: dead addresses, look-ups that hang, and names that only just are some."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest
import requests
from network.resolver import dead_address, hanging, names

from flue import BackoffOptions, FlueConnectionError, Timeouts

from .frames import RUN, indexes
from .harness import BRIEF, on_both_faces
from .reading import eventually

HOST = "flue.test"
PROMPT = 5.0
"""Seconds: far more than anything here takes that works, far less than what it takes that does not."""
ONCE = BackoffOptions(max_retries=0)


@contextlib.contextmanager
def client_of(face, *, connect=0.3, read=20.0, **arguments):
    """A client of the server under its name; all that is done with it is prompt."""
    url = f"http://{HOST}:{face.server.port}/api"
    client = face.new_client(base_url=url, timeout=Timeouts(connect=connect, read=read), **arguments)
    begun = time.monotonic()
    yield client
    assert time.monotonic() - begun < PROMPT


@contextlib.contextmanager
def addresses(face, order, dead):
    """The name has these addresses, in this order; some of them are dead."""
    with contextlib.ExitStack() as stack:
        for address in dead:
            stack.enter_context(dead_address(face.server.port, address))
        stack.enter_context(names({HOST: order}))
        yield


@pytest.mark.parametrize(
    ("order", "dead"),
    [
        (["127.0.0.2", "127.0.0.3", "127.0.0.1"], ["127.0.0.2", "127.0.0.3"]),
        (["::1", "127.0.0.1"], ["::1"]),
        (["::1", "127.0.0.1"], []),
        (["127.0.0.1", "::1"], ["::1"]),
    ],
    ids=["two are dead", "IPv6 is dead", "IPv6 refuses", "IPv4 first"],
)
@on_both_faces(compare=False)
def test_a_dead_address_before_the_right_one(face, order, dead):
    """The next address is tried while the first still does not answer (async), or behind the connect time-out (sync)."""
    run_id = face.start_run(2, finish=True)
    with addresses(face, order, dead), client_of(face, connect=20.0 if face.is_async else 0.3) as client:
        for live in (False, "sse"):
            assert indexes(face.stream(run_id, client, live=live, backoff_options=ONCE).collect()) == [0, 1, 2]


@on_both_faces(compare=False)
def test_no_address_answers(face):
    """The connect time-out ends it, whatever their number; the error is ours."""
    dead = ["127.0.0.2", "127.0.0.3"]
    with addresses(face, dead, dead), client_of(face) as client, pytest.raises(FlueConnectionError):
        face.wait(client.runs.get, RUN, backoff_options=ONCE)


@pytest.mark.parametrize("theirs", [False, True], ids=["own", "theirs"])
@on_both_faces(compare=False)
def test_a_look_up_that_hangs(face, theirs):
    """The connect time-out bounds the look-up too."""
    with hanging(HOST) as state, contextlib.ExitStack() as stack:
        # A plain session bounds only what comes behind the look-up: it is given up behind both time-outs.
        arguments = {"read": 0.1 if theirs else 20.0}
        if theirs and not face.is_async:
            arguments["session"] = stack.enter_context(requests.Session())
        client = stack.enter_context(client_of(face, connect=0.1, **arguments))
        with pytest.raises(FlueConnectionError):
            face.wait(client.runs.get, RUN, backoff_options=ONCE)
        with pytest.raises(FlueConnectionError):
            face.wait(client.workflows.invoke, "report")
        assert state.asked >= 1
        state.released.set()
    eventually(
        lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("flue-")],
        "threads that look up end",
    )


@on_both_faces(compare=False)
def test_a_look_up_that_hangs_once(face):
    """The next try gets through, while the first look-up still hangs."""
    run_id = face.server.create_run()
    with hanging(HOST, times=1) as state, client_of(face) as client:
        assert face.wait(client.runs.get, run_id, backoff_options=BRIEF).run_id == run_id
        assert not state.released.is_set()
        state.released.set()


@on_both_faces(compare=False)
def test_a_look_up_that_fails_later_than_its_time(face, monkeypatch):
    """What a resolver says at last to somebody who has gone is no news, and no warning either."""
    with hanging(HOST) as state, client_of(face) as client:
        hangs = socket.getaddrinfo

        def fails(host, *arguments, **options):
            found = hangs(host, *arguments, **options)
            if host in {HOST, HOST.encode()}:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            return found

        monkeypatch.setattr(socket, "getaddrinfo", fails)
        told = []
        options = BackoffOptions(max_retries=0, on_failed_attempt=told.append)
        with pytest.raises(FlueConnectionError):
            face.wait(client.runs.get, RUN, backoff_options=options)
        state.released.set()
        monkeypatch.undo()
    assert len(told) == 1


@pytest.mark.parametrize("name", ["localhost", "a_b", f"{'x' * 63}.test", "münchen.test", "flue.test."])
@on_both_faces
def test_a_name_that_can(face, name):
    """Accepted, and looked up as IDNA writes it."""
    run_id = face.server.create_run()
    encoded = "xn--mnchen-3ya.test" if name == "münchen.test" else name
    with names({encoded: ["127.0.0.1"]}):
        client = face.new_client(base_url=f"http://{name}:{face.server.port}/api")
        assert face.wait(client.runs.get, run_id).run_id == run_id
