"""Names of hosts: dead addresses, look-ups that hang, and names that are none."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest
import requests
from network.loopback import wait_until
from network.relay import Relay
from network.resolver import dead_address, hanging, names

from flue import AbortError, AbortSignal, AsyncFlueClient, BackoffOptions, FlueClient, FlueConnectionError, Timeouts

from .frames import RUN, indexes, logs
from .harness import BRIEF, on_both_faces
from .reading import Reading, nothing_left

HOST = "flue.test"
PROMPT = 5.0
"""Seconds: far more than anything here takes that works, far less than what it takes that does not."""


def counting():
    """Options without a retry, and the failed attempts."""
    told = []
    return told, BackoffOptions(initial_delay=0.001, max_retries=0, on_failed_attempt=told.append)


@pytest.mark.parametrize("dead", [["127.0.0.2"], ["127.0.0.2", "127.0.0.3"]], ids=["one", "two"])
@on_both_faces(compare=False)
def test_a_dead_address_before_the_right_one(face, dead):
    """The next address is tried while the first still does not answer (async), or behind the connect time-out (sync)."""
    connect = 20.0 if face.is_async else 0.5
    run_id = face.server.create_run()
    with contextlib.ExitStack() as stack:
        for address in dead:
            stack.enter_context(dead_address(face.server.port, address))
        stack.enter_context(names({HOST: [*dead, "127.0.0.1"]}))
        url = f"http://{HOST}:{face.server.port}/api"
        client = face.new_client(base_url=url, timeout=Timeouts(connect=connect, read=20.0))
        told, options = counting()
        begun = time.monotonic()
        assert face.wait(client.runs.get, run_id, backoff_options=options).run_id == run_id
        assert time.monotonic() - begun < PROMPT
        assert told == []
        face.wait(client.aclose if face.is_async else client.close)


@pytest.mark.parametrize("order", [["::1", "127.0.0.1"], ["127.0.0.1", "::1"]], ids=["IPv6 first", "IPv4 first"])
@pytest.mark.parametrize("way", ["refuses", "is dead"])
@on_both_faces(compare=False)
def test_an_address_of_the_other_family(face, way, order):
    """The one that answers is found wherever it stands, and in a stream as in a single request."""
    run_id = face.server.create_run()
    face.server.append(run_id, *logs(0, 2), raw=True)
    face.server.finish_run(run_id)
    with contextlib.ExitStack() as stack:
        if way == "is dead":
            stack.enter_context(dead_address(face.server.port, "::1"))
        stack.enter_context(names({HOST: order}))
        connect = 20.0 if face.is_async else 0.5
        url = f"http://{HOST}:{face.server.port}/api"
        client = face.new_client(base_url=url, timeout=Timeouts(connect=connect, read=20.0))
        told, options = counting()
        begun = time.monotonic()
        for live in (False, "sse"):
            stream = face.stream(run_id, client, live=live, backoff_options=options)
            assert indexes(stream.collect()) == [0, 1, 2]
        assert time.monotonic() - begun < PROMPT
        assert told == []
        face.wait(client.aclose if face.is_async else client.close)


@on_both_faces(compare=False)
def test_no_address_answers(face):
    """The connect time-out ends it, whatever their number; the error is ours."""
    with contextlib.ExitStack() as stack:
        relay = stack.enter_context(Relay(face.server.port, "127.0.0.4"))
        dead = [stack.enter_context(dead_address(relay.port, f"127.0.0.{last}")) for last in (2, 3)]
        stack.enter_context(names({HOST: dead}))
        client = face.new_client(base_url=f"http://{HOST}:{relay.port}/api", timeout=Timeouts(connect=0.3, read=20.0))
        begun = time.monotonic()
        with pytest.raises(FlueConnectionError):
            face.wait(client.runs.get, RUN, backoff_options=BackoffOptions(max_retries=0))
        assert time.monotonic() - begun < PROMPT
        face.wait(client.aclose if face.is_async else client.close)


@pytest.mark.parametrize("theirs", [False, True], ids=["own", "theirs"])
@on_both_faces(compare=False)
def test_a_look_up_that_hangs(face, theirs):
    """The connect time-out bounds the look-up too."""
    with hanging(HOST) as state, contextlib.ExitStack() as stack:
        # A plain session bounds only what comes behind the look-up: it is given up behind both time-outs.
        timeout = Timeouts(connect=0.3, read=0.3 if theirs else 20.0)
        arguments = {"base_url": f"http://{HOST}:{face.server.port}/api", "timeout": timeout}
        if theirs and not face.is_async:
            arguments["session"] = stack.enter_context(requests.Session())
        client = face.new_client(**arguments)
        begun = time.monotonic()
        for call, given in ((client.runs.get, RUN), (client.runs.events, RUN)):
            with pytest.raises(FlueConnectionError):
                face.wait(call, given, backoff_options=BackoffOptions(max_retries=0))
        with pytest.raises(FlueConnectionError):
            face.wait(client.workflows.invoke, "report")
        assert time.monotonic() - begun < PROMPT
        assert state.asked >= 1
        state.released.set()
        face.wait(client.aclose if face.is_async else client.close)
    wait_until(lambda: not _looking_up(), "threads that look up end")


def _looking_up():
    return [thread for thread in threading.enumerate() if thread.name.startswith("flue-")]


@on_both_faces(compare=False)
def test_a_look_up_that_hangs_once(face):
    """The next try gets through, while the first look-up still hangs."""
    run_id = face.server.create_run()
    with hanging(HOST, times=1) as state:
        url = f"http://{HOST}:{face.server.port}/api"
        client = face.new_client(base_url=url, timeout=Timeouts(connect=0.3, read=20.0))
        begun = time.monotonic()
        assert face.wait(client.runs.get, run_id, backoff_options=BRIEF).run_id == run_id
        assert time.monotonic() - begun < PROMPT
        assert not state.released.is_set()
        state.released.set()
        face.wait(client.aclose if face.is_async else client.close)


@on_both_faces(compare=False)
def test_a_look_up_that_fails_later_than_its_time(face):
    """What a resolver says at last to somebody who has gone is no news, and no warning either."""
    told, options = counting()
    with hanging(HOST) as state, names_that_fail(state):
        url = f"http://{HOST}:{face.server.port}/api"
        client = face.new_client(base_url=url, timeout=Timeouts(connect=0.2, read=20.0))
        with pytest.raises(FlueConnectionError):
            face.wait(client.runs.get, RUN, backoff_options=options)
        state.released.set()
        face.wait(client.aclose if face.is_async else client.close)
    assert len(told) == 1


@contextlib.contextmanager
def names_that_fail(state):
    """Once released, the look-up fails."""
    hangs = socket.getaddrinfo

    def look_up(host, *arguments, **options):
        found = hangs(host, *arguments, **options)
        if state.released.is_set() and host in {HOST, HOST.encode()}:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return found

    socket.getaddrinfo = look_up
    try:
        yield
    finally:
        socket.getaddrinfo = hangs


@pytest.mark.parametrize("by", ["thread", "close", "task"])
@pytest.mark.parametrize("theirs", [False, True], ids=["own", "theirs"])
def test_cancelling_in_a_look_up(theirs, by):
    """The reader wakes at once; the look-up ends by itself."""
    for is_async in (False, True):
        if (by == "task" and not is_async) or (by == "close" and theirs):
            continue
        with nothing_left(), hanging(HOST) as state:
            reading = Reading(f"http://{HOST}:9/api", is_async=is_async, theirs=theirs)
            wait_until(lambda state=state: state.asked, "the name is looked up")
            begun = time.monotonic()
            reading.cancel(by)
            reading.wait()
            assert time.monotonic() - begun < 2.0
            state.released.set()
            reading.join()
            assert reading.error is None


@on_both_faces(compare=False)
def test_a_signal_in_a_look_up(face):
    """A call that cannot be cancelled otherwise."""
    signal = AbortSignal.timeout(0.2)
    with hanging(HOST) as state:
        url = f"http://{HOST}:{face.server.port}/api"
        client = face.new_client(base_url=url, timeout=Timeouts(connect=20.0, read=20.0))
        begun = time.monotonic()
        with pytest.raises(AbortError):
            face.wait(client.runs.events, RUN, signal=signal)
        assert time.monotonic() - begun < PROMPT
        state.released.set()
        face.wait(client.aclose if face.is_async else client.close)


BAD_NAMES = [
    "a..b",
    "a..b.test",
    "münchen..test",
    "x" * 64,
    f"{'x' * 64}.test",
    f"api.{'ü' * 63}.test",
    "ü" * 80,
    ".".join(["label"] * 60),
    ".test",
]
GOOD_NAMES = [
    "localhost",
    "a_b",
    "a-b.test",
    "x" * 63,
    f"{'x' * 63}.test",
    "münchen.test",
    "flue.test.",
    "xn--mnchen-3ya.test",
]


@pytest.mark.parametrize("port", ["", ":9"], ids=["no port", "port"])
@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: name[:20])
def test_a_name_that_cannot_be_encoded(name, port, monkeypatch):
    """From the constructor, and also when the environment gives it; in words that name the host."""
    url = f"http://{name}{port}/api"
    for make in (FlueClient, AsyncFlueClient):
        with pytest.raises(ValueError, match=r"base_url|host") as caught:
            make(url)
        assert not isinstance(caught.value, UnicodeError)
    monkeypatch.setenv("FLUE_BASE_URL", url)
    for make in (FlueClient, AsyncFlueClient):
        with pytest.raises(ValueError, match=r"host|FLUE_BASE_URL"):
            make()


@pytest.mark.parametrize("name", GOOD_NAMES, ids=lambda name: name[:20])
@on_both_faces
def test_a_name_that_can(face, name):
    """Accepted, and looked up as IDNA writes it."""
    run_id = face.server.create_run()
    encoded = "xn--mnchen-3ya.test" if name == "münchen.test" else name
    with names({name: ["127.0.0.1"], encoded: ["127.0.0.1"]}):
        client = face.new_client(base_url=f"http://{name}:{face.server.port}/api")
        assert face.wait(client.runs.get, run_id).run_id == run_id
        face.wait(client.aclose if face.is_async else client.close)
