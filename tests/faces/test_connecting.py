"""Connections that are not made, that end before their answer, that have been idle; and answers that are not Flue's."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import struct
import threading
import time
import traceback

import httpx
import pytest
import requests
from network.loopback import closed_port
from network.relay import Relay

from flue import BackoffOptions, FlueApiError, FlueClient, FlueConnectionError, NotFoundError, Timeouts
from flue.testing import Fault, FlueTestServer, Reply

from .frames import JSON, NOT_REPEATED, RUN, dumps
from .harness import BRIEF, EAGER, face_on, on_both_faces
from .reading import descriptors, nothing_left
from .stations import server_context

PROMPT = 5.0
"""Seconds: far below the read time-out."""
HTML = b"<html><head><title>404 Not Found</title></head><body>nginx</body></html>"


def is_theirs(face, error):
    """Whether an exception is of the library behind the face."""
    return isinstance(error, httpx.HTTPError if face.is_async else requests.RequestException)


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
    assert caught.value.__notes__ == [NOT_REPEATED]


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
def test_what_the_caller_was_handling_is_no_cause(face):
    """It is at the end of the chain of each exception that is raised meanwhile, and keeps the frames that it shows."""

    def fail():
        local = "of the caller"
        raise ssl.SSLCertVerificationError(local)

    async def get_while_handling():
        try:
            fail()
        except ssl.SSLError as handled:
            with pytest.raises(FlueConnectionError) as caught:
                got = client.runs.get(RUN, backoff_options=BackoffOptions(max_retries=0))
                await got if face.is_async else got
            return handled, caught.value

    client = face.new_client(base_url=f"http://127.0.0.1:{closed_port()}")
    handled, error = face.wait(get_while_handling) if face.is_async else asyncio.run(get_while_handling())
    assert error.retryable
    assert "ConnectionRefusedError" in str(error)
    assert [frame.f_locals.get("local") for frame, _ in traceback.walk_tb(handled.__traceback__)][-1] == "of the caller"


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
        assert caught.value.__notes__ == [NOT_REPEATED]
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

    def reset_next():
        accepted, _ = listener.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        accepted.close()

    with socket.create_server(("127.0.0.1", 0)) as listener, nothing_left(), requests.Session() as session:
        monkeypatch.setattr(ssl.SSLContext, "wrap_socket", late)
        for arguments in ({}, {"session": session}):
            thread = threading.Thread(target=reset_next)
            thread.start()
            client = FlueClient(f"https://127.0.0.1:{listener.getsockname()[1]}", **arguments)
            with client, pytest.raises(FlueConnectionError):
                client.runs.get(RUN, backoff_options=BackoffOptions(max_retries=0))
            thread.join()


# Idle connections, and silence.


def test_a_connection_that_a_nat_has_forgotten(trusting, monkeypatch):
    """Both faces, http and https, starts and reads: all idle for six seconds by the clock, then used again."""
    skipped = 0.0
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + skipped)
    patient = Timeouts(connect=5.0, read=60.0)
    with contextlib.ExitStack() as stack:
        stack.enter_context(nothing_left())
        used = []
        for is_async in (False, True):
            for context in (None, server_context()):
                server = stack.enter_context(FlueTestServer(ssl_context=context, keep_alive=600.0))
                server.add_workflow("report", lambda _run: 1)
                relay = stack.enter_context(Relay(server.port))
                url = server.base_url.replace(str(server.port), str(relay.port))
                face = stack.enter_context(face_on(server, is_async=is_async, base_url=url, timeout=patient))
                run_id = face.invoke("report").run_id
                assert face.get(run_id).run_id == run_id
                assert relay.accepted == 1
                used.append((face, relay, server, run_id))
        skipped = 6.0
        for face, relay, server, run_id in used:
            relay.forget()
            begun = time.monotonic()
            assert face.invoke("report").run_id != run_id
            assert face.get(run_id).run_id == run_id
            assert time.monotonic() - begun < PROMPT
            assert relay.swallowed <= 100  # a goodbye of TLS, but no request
            assert len(server.requests) == 4


@on_both_faces
def test_tcp_keep_alive(face):
    """The system asks a silent peer whether it is still there, and waits for nothing before it sends."""
    run_id = face.server.create_run()
    with Relay(face.server.port) as relay:
        client = face.new_client(base_url=f"http://{relay.address}/api")
        face.wait(client.runs.get, run_id)
        options = {
            (
                sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY),
            )
            for sock in sockets_to(relay.port)
        }
        assert options == {(1, 1)}


def sockets_to(port):
    """Duplicates of this process' sockets that are connected to a port, until the next one is asked for."""
    for number, target in descriptors().items():
        if target.startswith("socket:"):
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(number))) as sock:
                if sock.family == socket.AF_INET and sock.getpeername()[1] == port:
                    yield sock


# Another program.


@pytest.mark.parametrize("body", [HTML, b"", b'{"error": "no"}'], ids=["html", "empty", "json"])
@on_both_faces
def test_an_error_of_another_program(face, body):
    """The URL that was asked is what the user has to mend; an error that is Flue's own says all without one."""
    face.server.script(RUN, [Reply(404, [("content-type", "text/html")], body)], repeat_last=True)
    face.server.script("workflows", [Reply(501, [("content-type", "text/html")], body)], repeat_last=True)
    for read in (
        lambda: face.get(RUN),
        lambda: face.events(RUN),
        lambda: face.stream(RUN, live="sse").next(),
        lambda: face.stream(RUN, live="long-poll").next(),
    ):
        with pytest.raises(NotFoundError, match=f"{face.server.base_url}/runs/{RUN}") as caught:
            read()
        assert "resumed" not in "".join(getattr(caught.value, "__notes__", []))
    for start in (face.invoke, face.run):
        with pytest.raises(FlueApiError, match=f"{face.server.base_url}/workflows/report") as caught:
            start("report")
        assert caught.value.status == 501
    own = dumps({"error": {"type": "run_not_found", "message": "No such run.", "details": "", "dev": None}})
    face.server.script("run_2", [Reply(404, [JSON], own)])
    with pytest.raises(NotFoundError) as caught:
        face.get("run_2")
    assert str(caught.value) == "Flue API error 404 [run_not_found]: No such run."


@pytest.mark.parametrize("is_async", [False, True])
def test_a_connection_that_a_long_poll_held_for_longer(is_async, monkeypatch):
    """The poll brought nothing, but its answer has just been heard: the next poll uses the connection again."""
    monkeypatch.setattr("flue.sync._connection.MAX_IDLE", 1.0)
    with FlueTestServer(poll_hold=1.5) as server, Relay(server.port) as relay:
        run_id = server.create_run()
        with face_on(server, is_async=is_async, base_url=f"http://{relay.address}/api") as face:
            stream = face.stream(run_id)
            face.after(3, lambda: server.finish_run(run_id))
            assert [event.type for event in stream.collect()] == ["run_end"]
            assert relay.accepted == 1
