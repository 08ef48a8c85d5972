"""What the blocking face relies on in requests, urllib3 and http.client, and how it uses its connections."""

from __future__ import annotations

import http.client
import io
import sys
import threading
import time
import types
from functools import partial

import pytest
import requests
import urllib3.connection

import flue.sync.transport
from flue import FlueClient, FlueConnectionError
from flue.sync._connection import CancelToken, Connection, call_in_thread
from flue.testing import Fault, FlueTestServer

from .frames import RUN, indexes
from .reading import BOUND, eventually, nothing_left
from .stations import serving
from .test_mocks import Files


@pytest.fixture
def server():
    with FlueTestServer() as running:
        running.create_run(run_id=RUN)
        yield running


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_event_stream_is_read_as_it_arrives(sync_face, scheme, trusting, monkeypatch):
    """And nothing else is. Fails when http.client's response can no longer be had from the connection that made it."""
    ours: list[bool] = []
    real = flue.sync.transport._chunked_reader

    def spy(head, connection):
        ours.append(real(head, connection) is not None)
        return real(head, connection)

    monkeypatch.setattr(flue.sync.transport, "_chunked_reader", spy)
    with serving(scheme) as server:
        server.finish_run(RUN)
        client = sync_face.new_client(base_url=server.base_url)
        server.faults.add(Fault(gzip=True), live="sse", after=1)
        for live in ("sse", "sse", False):
            assert indexes(sync_face.stream(RUN, client, live=live).collect()) == [0, 1]
    assert ours == [True, False, False]


def test_the_private_names_that_are_overridden():
    """Fails when urllib3 makes its sockets, or finds its host, in another way."""
    assert callable(urllib3.connection.HTTPConnection._new_conn)
    made = Connection("flue.test.", 80)
    assert made._dns_host == "flue.test."
    assert "_new_conn" in urllib3.connection.HTTPSConnection.connect.__code__.co_names
    assert "response_class" in http.client.HTTPConnection.getresponse.__code__.co_names


def test_what_cannot_be_interrupted_runs_on_a_thread_that_is_left_behind():
    release, discarded = threading.Event(), []
    token = CancelToken()

    def work():
        release.wait(10.0)
        return "late"

    with nothing_left():
        with pytest.raises(TimeoutError):
            call_in_thread(work, token, "flue-test", timeout=0.01, discard=discarded.append)
        threading.Timer(0.01, lambda: token.cancel("cancelled")).start()
        with pytest.raises(OSError, match="cancelled"):
            call_in_thread(work, token, "flue-test", discard=discarded.append)
        release.set()
        eventually(lambda: discarded == ["late", "late"], "late results are thrown away")


def interrupted_at(number, call):
    """Whether Ctrl-C came at this line of the wait: it has fewer lines otherwise."""
    lines = 0
    waiting = False

    def trace(frame, event, _):
        nonlocal lines, waiting
        if frame.f_code.co_name == "wait_for" and event in {"call", "return"}:
            waiting = event == "call"
        lines += waiting and event == "line"
        if waiting and lines == number:
            raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    except TimeoutError:
        return False
    finally:
        sys.settrace(None)


def test_ctrl_c_at_any_line_of_the_wait_leaves_no_thread_behind():
    """A lock that stays taken would hold the thread for ever, and what it has opened."""
    for number in range(1, 100):
        proceed, discarded = threading.Event(), []
        work = partial(proceed.wait, BOUND)
        call = partial(call_in_thread, work, CancelToken(), "flue-test", timeout=0.001, discard=discarded.append)
        interrupted = interrupted_at(number, call)
        proceed.set()
        eventually(lambda discarded=discarded: discarded == [True], "the late result is thrown away")
        if not interrupted:
            break
    assert 5 < number < 99


def test_no_thread_can_be_started(server, monkeypatch):
    """Limits of the system, or an interpreter that is about to exit: an attempt that failed, like others."""

    def refuse(self):
        raise RuntimeError("can't start new thread")

    with requests.Session() as mine, FlueClient(server.base_url, session=mine) as client:
        monkeypatch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(FlueConnectionError, match="can't start new thread"):
            client.workflows.invoke("report")
        monkeypatch.undo()


def test_a_wait_in_slices_lasts_as_long(monkeypatch):
    """A lock is waited for piece by piece, so that Ctrl-C is noticed."""
    monkeypatch.setattr("flue.sync._connection.MAX_LOCK_WAIT", 0.01)
    token, begun = CancelToken(), time.monotonic()
    token.sleep(0.05)
    assert time.monotonic() - begun >= 0.05
    canceller = threading.Timer(0.05, token.cancel, ["cancelled"])
    canceller.start()
    token.wait_for(lambda: False)
    assert token.cause == "cancelled"
    canceller.join()


def test_a_pause_with_a_clock_that_stands_still(monkeypatch):
    """As users' tests freeze it: the pause ends when it has been waited for; a wake-up in between changes nothing."""
    token = CancelToken()
    monkeypatch.setattr("flue.sync._connection.time", types.SimpleNamespace(monotonic=lambda: 100.0))
    waiting = threading.Thread(target=token.sleep, args=(0.1,), daemon=True)
    waiting.start()
    token.wake()
    waiting.join(BOUND)
    assert not waiting.is_alive()
    token.cancel("cancelled")


def test_no_thread_for_a_time_limit(server, monkeypatch):
    """The call fails before any request and says why; a stream can be pulled again when there are threads."""

    def refuse(self):
        raise RuntimeError("can't start new thread")

    server.create_run(run_id="run_2")
    server.finish_run("run_2")
    with FlueClient(server.base_url) as client:
        stream = client.runs.stream("run_2", timeout=60.0)
        many = client.runs.stream_many(["run_2"], timeout=60.0)
        reason = "no thread can be started for a time limit of 60 s: can't start new thread"
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            for call in (lambda: client.runs.get("run_2", timeout=60.0), stream.__next__, many.__next__, many.__next__):
                with pytest.raises(RuntimeError, match=reason):
                    call()
        assert server.requests == []
        with stream:
            assert [event.type for event in stream] == ["run_end"]
        many.close()


class Hanging(io.RawIOBase):
    """A file that nobody writes to, until it is released."""

    def __init__(self):
        self.reading, self.released = threading.Event(), threading.Event()

    def readable(self):
        return True

    def read(self, _size=-1):
        self.reading.set()
        self.released.wait(10.0)
        return b""


def test_a_plain_file_that_hangs_is_left_behind():
    file = Hanging()
    with nothing_left(), requests.Session() as mine, FlueClient("http://flue.test", session=mine) as client:
        mine.mount("http://", Files(lambda _body: file))
        stream = client.runs.stream(RUN)
        reader = threading.Thread(target=lambda: list(stream))
        reader.start()
        assert file.reading.wait(10.0)
        begun = time.monotonic()
        stream.cancel()
        reader.join(10.0)
        assert time.monotonic() - begun < 5.0
        assert not file.closed
        file.released.set()
        eventually(lambda: file.closed, "its own thread closes the file")
