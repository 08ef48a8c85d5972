"""Connections that are not made, or not verified."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from pathlib import Path

import httpx
import pytest
import requests

from flue import BackoffOptions, FlueClient, FlueConnectionError, Timeouts
from flue.testing import Fault

from .frames import RUN
from .harness import BRIEF, EAGER, on_both_faces
from .reading import nothing_left

CERTIFICATE = Path(__file__).parents[1] / "testing" / "loopback.pem"
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
TLS.load_cert_chain(CERTIFICATE)


def is_theirs(face, error):
    """Whether an exception is of the library behind the face."""
    return isinstance(error, httpx.HTTPError if face.is_async else requests.RequestException)


def closed_port():
    """A port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextlib.contextmanager
def full_port():
    """A port whose queue is full: the kernel answers nobody who knocks."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@on_both_faces
def test_nobody_listens(face):
    """Asked again until the budget is used up; the library's own exception is the cause, and does not escape."""
    client = face.new_client(base_url=f"http://127.0.0.1:{closed_port()}")
    for call in (client.runs.get, client.runs.events):
        told = []
        options = BackoffOptions(initial_delay=0.001, max_retries=2, on_failed_attempt=told.append)
        with pytest.raises(FlueConnectionError, match="ConnectionRefusedError") as caught:
            face.wait(call, RUN, backoff_options=options)
        assert [failure.will_retry for failure in told] == [True, True, False]
        assert is_theirs(face, caught.value.__cause__)
        assert caught.value.__notes__[0].startswith("gave up after 3 attempts")
    with pytest.raises(FlueConnectionError) as caught:
        face.wait(client.workflows.invoke, "report")
    assert caught.value.__notes__ == ["the request is not retried: whether the server has admitted it is not known"]


@on_both_faces
def test_a_host_without_an_address(face, monkeypatch):
    """A resolver that fails may recover."""
    asked = []

    def nobody(host, *_arguments, **_options):
        asked.append(host if isinstance(host, str) else host.decode())
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    client = face.new_client(base_url="http://flue.invalid/api")
    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with pytest.raises(FlueConnectionError, match="Temporary failure in name resolution"):
        face.wait(client.runs.get, RUN, backoff_options=BRIEF)
    monkeypatch.undo()
    assert set(asked) == {"flue.invalid"}
    assert len(asked) >= 4


@on_both_faces
def test_a_host_that_does_not_answer(face):
    """The connect time-out bounds each try."""
    with full_port() as port:
        client = face.new_client(base_url=f"http://127.0.0.1:{port}", timeout=Timeouts(connect=0.1, read=5.0))
        told = []
        options = BackoffOptions(initial_delay=0.001, max_retries=1, on_failed_attempt=told.append)
        begun = time.monotonic()
        with pytest.raises(FlueConnectionError, match=r": (ConnectTimeout|TimeoutError: timed out)\n") as caught:
            face.wait(client.runs.get, RUN, backoff_options=options)
        assert 0.2 <= time.monotonic() - begun < 5.0
        assert len(told) == 2
        assert is_theirs(face, caught.value.__cause__)


@on_both_faces
def test_a_handshake_without_an_answer(face):
    """The connect time-out bounds TLS, too; that is no silence of a response."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        client = face.new_client(base_url=url, timeout=Timeouts(connect=0.1, read=30.0))
        begun = time.monotonic()
        with pytest.raises(FlueConnectionError) as caught:
            face.wait(client.runs.get, RUN, backoff_options=BackoffOptions(max_retries=0))
        assert time.monotonic() - begun < 5.0
        assert not caught.value.is_read_timeout
        assert caught.value.retryable
        assert is_theirs(face, caught.value.__cause__)


@on_both_faces(ssl_context=TLS)
def test_a_certificate_that_is_not_trusted(face):
    """The same at every try, so there is one, without any limit; nothing reaches the server."""
    for call, options in (
        (face.get, {"backoff_options": EAGER}),
        (face.events, {"backoff_options": EAGER}),
        (face.invoke, {}),
    ):
        with pytest.raises(FlueConnectionError, match="CERTIFICATE_VERIFY_FAILED") as caught:
            call(RUN, **options)
        assert is_theirs(face, caught.value.__cause__)
    assert face.targets == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault(refuse=True),
        Fault(cut_head_after=0, end="close"),
        Fault(cut_head_after=10),
        Fault(cut_head_after=40, end="close"),
    ],
    ids=["reset", "closed", "reset in the head", "closed in the head"],
)
@on_both_faces
def test_a_connection_that_ends_before_its_answer(face, fault):
    """A read is asked again; a start is not, since nobody knows whether the server has heard it."""
    face.server.add_workflow("report", lambda _run: 1)
    face.server.create_run(run_id=RUN)
    face.server.faults.add(fault, times=3)
    assert face.get(RUN, backoff_options=EAGER).run_id == RUN
    assert len(face.targets) == 4
    face.server.faults.add(fault, times=None, method="POST")
    for call in (face.invoke, face.run):
        with pytest.raises(FlueConnectionError) as caught:
            call("report")
        assert caught.value.__notes__ == ["the request is not retried: whether the server has admitted it is not known"]
        assert caught.value.run_id is None
    assert len(face.targets) == 6


@pytest.mark.parametrize(
    "nonsense", [b"SSH-2.0-OpenSSH_9.6\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b"HTTP/1.1 abc\r\n\r\n", b"\r\n\r\n\r\n"]
)
@on_both_faces
def test_an_answer_that_is_not_http(face, nonsense):
    """Another program behind the port: retried like a lost connection, never an exception of the library."""
    face.server.script(RUN, [nonsense], repeat_last=True)
    with pytest.raises(FlueConnectionError) as caught:
        face.events(RUN, backoff_options=BRIEF)
    assert is_theirs(face, caught.value.__cause__)
    assert len(face.targets) == 4


def test_gone_before_the_handshake(monkeypatch):
    """A server that resets the connection before TLS begins: nothing is left of it, also not for the collector."""
    wrap = ssl.SSLContext.wrap_socket

    def late(self, sock, *arguments, **options):
        """As one that is preempted until the reset has come."""
        with contextlib.suppress(OSError):
            while True:
                sock.getpeername()
        return wrap(self, sock, *arguments, **options)

    with socket.create_server(("127.0.0.1", 0)) as listener, nothing_left(), requests.Session() as session:
        monkeypatch.setattr(ssl.SSLContext, "wrap_socket", late)
        options = BackoffOptions(max_retries=0)
        for arguments in ({}, {"session": session}):
            thread = threading.Thread(target=reset_next, args=(listener,))
            thread.start()
            client = FlueClient(f"https://127.0.0.1:{listener.getsockname()[1]}", **arguments)
            with client, pytest.raises(FlueConnectionError):
                client.runs.get(RUN, backoff_options=options)
            thread.join()


def reset_next(listener):
    """Take a connection and throw it away."""
    accepted, _ = listener.accept()
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    accepted.close()
