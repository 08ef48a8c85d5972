"""What the blocking face relies on in requests, urllib3 and http.client, and how it uses its connections."""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import threading
import time
import types

import pytest
import requests
import responses
import urllib3.connection
from requests.adapters import BaseAdapter

from flue import FlueClient, FlueConnectionError
from flue.config import resolve
from flue.core.actions import Request
from flue.sync import _connection
from flue.sync._connection import CancelToken, Connection, call_in_thread
from flue.sync.transport import Transport
from flue.testing import FlueTestServer

from .frames import RUN, logs, offset, page
from .reading import BOUND, eventually, nothing_left


@pytest.fixture
def server():
    with FlueTestServer() as running:
        running.create_run(run_id=RUN)
        yield running


@contextlib.contextmanager
def transport():
    settings = resolve("http://flue.test", None, None, 5.0, None, trust_env=False, allow_async=False)
    made = Transport(settings, None)
    yield made
    made.close()


@contextlib.contextmanager
def answering(*pieces):
    """A server that answers one request with these bytes, each sent when it is told to."""
    proceed = threading.Semaphore(0)

    def serve(listener):
        accepted, _ = listener.accept()
        with accepted:
            accepted.recv(65536)
            for piece in pieces:
                accepted.sendall(piece)
                proceed.acquire(timeout=10.0)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/", proceed
        for _ in pieces:
            proceed.release()
        thread.join()


EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKS = b"".join(b"5\r\n" + text + b"\r\n" for text in (b"one\n\n", b"two\n\n", b"six\n\n"))


def test_chunks_that_arrive_together_are_read_together():
    """Fails when http.client's response can no longer be had from the connection that made it."""
    token = CancelToken()
    with answering(EVENTS + b"transfer-encoding: chunked\r\n\r\n" + CHUNKS) as (url, _), transport() as own:
        response = own.open(Request("GET", url), {}, token)
        assert response.read() == b"one\n\ntwo\n\nsix\n\n"
        response.close()


@pytest.mark.parametrize("extra", [b"content-encoding: gzip\r\n", b"content-type: application/json\r\n"])
def test_what_is_not_plainly_an_event_stream_is_read_by_the_library(extra):
    with (
        answering(
            EVENTS.replace(b"content-type: text/event-stream\r\n", extra) + b"transfer-encoding: chunked\r\n\r\n"
        ) as (
            url,
            _,
        ),
        transport() as own,
    ):
        response = own.open(Request("GET", url), {}, CancelToken())
        assert not hasattr(response._read, "__self__")
        response.close()


def test_the_private_names_that_are_overridden():
    """Fails when urllib3 makes its sockets, or finds its host, in another way."""
    assert callable(urllib3.connection.HTTPConnection._new_conn)
    made = Connection("flue.test.", 80)
    assert made._dns_host == "flue.test."
    assert "_new_conn" in urllib3.connection.HTTPSConnection.connect.__code__.co_names
    assert "response_class" in http.client.HTTPConnection.getresponse.__code__.co_names


def test_interim_responses_are_skipped():
    head = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
    body = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]"
    with answering(head + body) as (url, _), transport() as own:
        response = own.open(Request("GET", url), {}, CancelToken())
        assert (response.head.status, response.head.headers.get("link")) == (200, None)
        assert response.read() == b"[]"
        response.close()


def test_keep_alive_is_on(server, monkeypatch):
    made = []
    connect = socket.socket.connect

    def connect_and_note(sock, address):
        made.append(sock)
        return connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", connect_and_note)
    with FlueClient(server.base_url) as client:
        client.runs.get(RUN)
        assert made[-1].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert made[-1].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_a_connection_is_used_again_until_it_has_been_idle(server, monkeypatch):
    """Whatever the response that was read last: a page, an empty one, a record."""
    opened = []
    new = Connection._new_conn
    monkeypatch.setattr(Connection, "_new_conn", lambda self: opened.append(1) or new(self))
    server.script("run_2", [page(*logs(0, 2), next_offset=offset(1), closed=True)], repeat_last=True)
    with FlueClient(server.base_url) as client:
        for _ in range(3):
            client.runs.get(RUN)
            client.runs.events(RUN)
            client.runs.events("run_2")
        assert len(opened) == 1
        real = time.monotonic
        monkeypatch.setattr(_connection.time, "monotonic", lambda: real() + 5.0)
        client.runs.get(RUN)
        assert len(opened) == 2


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
    """On Windows a lock is waited for piece by piece, so that Ctrl-C is noticed."""
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


class Files(BaseAdapter):
    """Answers with a file of the caller's."""

    def __init__(self, file):
        super().__init__()
        self.file = file

    def send(self, request, **_options):
        response = requests.Response()
        response.status_code = 200
        response.headers["content-type"] = "application/json"
        response.headers["stream-next-offset"] = offset(1)
        response.headers["stream-closed"] = "true"
        response.raw = self.file
        response.request, response.url = request, request.url
        return response

    def close(self):
        """Nothing is open."""


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


def test_a_plain_file_as_the_body():
    """Of an adapter of the caller's that knows nothing of urllib3."""
    for file in (io.BytesIO(page(*logs(0, 2), next_offset=offset(1)).body), page_file()):
        with requests.Session() as mine, FlueClient("http://flue.test", session=mine) as client:
            mine.mount("http://", Files(file))
            assert [event.event_index for event in client.runs.events(RUN)] == [0, 1]
        assert file.closed


def page_file():
    """One without `read1`."""

    class File(io.RawIOBase):
        inner = io.BytesIO(page(*logs(0, 2), next_offset=offset(1)).body)

        def readable(self):
            return True

        def read(self, size=-1):
            return self.inner.read(size)

    return File()


def test_a_plain_file_that_hangs_is_left_behind():
    file = Hanging()
    with nothing_left(), requests.Session() as mine, FlueClient("http://flue.test", session=mine) as client:
        mine.mount("http://", Files(file))
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


@responses.activate
def test_a_mocked_session_answers():
    responses.get(
        f"http://flue.test/runs/{RUN}",
        body=page(*logs(0, 2), next_offset=offset(1)).body,
        headers={"stream-next-offset": offset(1), "stream-closed": "true"},
        content_type="application/json",
    )
    with requests.Session() as mine, FlueClient("http://flue.test", session=mine) as client:
        assert [event.event_index for event in client.runs.events(RUN)] == [0, 1]
    assert len(responses.calls) == 1
