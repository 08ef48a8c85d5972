"""Connections that have been idle, and servers that swallow a request."""

from __future__ import annotations

import contextlib
import os
import socket
import time

import pytest
from network.relay import Relay
from network.scripted import ScriptedServer

from flue import Timeouts
from flue.testing import FlueTestServer

from .frames import RUN, dumps
from .harness import face_on, on_both_faces
from .reading import AUTHORITY, descriptors, nothing_left
from .stations import server_context

PROMPT = 5.0
"""Seconds: far below the read time-out."""
LONG_ENOUGH = 6.0
"""Seconds behind which an idle connection is not used again."""
LAZY = Timeouts(connect=5.0, read=60.0)
RECORD = dumps({"runId": RUN, "workflowName": "w", "status": "active", "startedAt": "2026-01-01T00:00:00.000Z"})
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(RECORD), RECORD)


def sockets_to(port):
    """Duplicates of this process' sockets that are connected to a port."""
    found = []
    for number, target in descriptors().items():
        if not target.startswith("socket:"):
            continue
        with contextlib.suppress(OSError):
            sock = socket.socket(fileno=os.dup(int(number)))
            try:
                connected = sock.getpeername()[1] == port
            except (OSError, IndexError):
                connected = False
            if connected:
                found.append(sock)
            else:
                sock.close()
    return found


def test_a_connection_that_a_nat_has_forgotten(monkeypatch):
    """Both faces, http and https, starts and reads: all of them idle for the same six seconds, then used again."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", AUTHORITY)
    monkeypatch.setenv("SSL_CERT_FILE", AUTHORITY)
    with contextlib.ExitStack() as stack:
        stack.enter_context(nothing_left())
        used = []
        for is_async in (False, True):
            for context in (None, server_context()):
                server = stack.enter_context(FlueTestServer(ssl_context=context, keep_alive=600.0))
                server.add_workflow("report", lambda _run: 1)
                relay = stack.enter_context(Relay(server.port))
                url = server.base_url.replace(str(server.port), str(relay.port))
                face = stack.enter_context(face_on(server, is_async=is_async, base_url=url, timeout=LAZY))
                run_id = face.invoke("report").run_id
                assert face.get(run_id).run_id == run_id
                assert relay.accepted == 1
                used.append((face, relay, server, run_id))
        time.sleep(LONG_ENOUGH)
        for face, relay, server, run_id in used:
            relay.forget()
            begun = time.monotonic()
            assert face.invoke("report").run_id != run_id
            assert face.get(run_id).run_id == run_id
            assert time.monotonic() - begun < PROMPT
            assert relay.swallowed <= 100  # a goodbye of TLS, but no request
            assert len(server.requests) == 4


@on_both_faces
def test_a_connection_that_is_still_warm(face):
    """Used again: one connection for many requests, one after the other."""
    face.server.add_workflow("report", lambda _run: 1)
    with Relay(face.server.port) as relay:
        client = face.new_client(base_url=f"http://{relay.address}/api")
        for _ in range(3):
            run_id = face.wait(client.workflows.invoke, "report").run_id
            face.wait(client.runs.get, run_id)
        assert relay.accepted == 1
        face.wait(client.aclose if face.is_async else client.close)


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


@on_both_faces
def test_tcp_keep_alive(face):
    """The system asks a silent peer whether it is still there."""
    run_id = face.server.create_run()
    with Relay(face.server.port) as relay:
        client = face.new_client(base_url=f"http://{relay.address}/api")
        face.wait(client.runs.get, run_id)
        mine = sockets_to(relay.port)
        try:
            assert {sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) for sock in mine} == {1}
        finally:
            for sock in mine:
                sock.close()
        face.wait(client.aclose if face.is_async else client.close)


@pytest.mark.parametrize("what", ["get", "events"])
@on_both_faces(compare=False)
def test_a_second_try_behind_a_read_time_out(face, what, monkeypatch):
    """With the default options, whose limit of 60 s is shorter than the read time-out of 90 s that the first try takes.

    The clock makes these 90 s; the silence itself lasts a moment.
    """
    skipped = 0.0
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + skipped)
    page = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nstream-next-offset: 1_1\r\nstream-closed: true\r\n"
    answer = ANSWER if what == "get" else page + b"Content-Length: 2\r\n\r\n[]"

    def swallowed(request):
        nonlocal skipped
        skipped = 90.0

    with ScriptedServer([None, answer]) as server:
        server.on_silence = swallowed
        client = face.new_client(base_url=server.base_url, timeout=Timeouts(connect=5.0, read=0.5))
        result = face.wait(getattr(client.runs, what), RUN)
        assert result == [] if what == "events" else result.run_id == RUN
        assert len(server.requests) == 2
        face.wait(client.aclose if face.is_async else client.close)
