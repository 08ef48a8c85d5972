"""The HTTP of the server: connections that are kept, bodies that are framed, requests that are none."""

from __future__ import annotations

import http.client
import time

import pytest

from flue.testing import FlueTestServer

from .raw import CLOSE, CLOSED, ask, dechunk, opened, raw, read_all, read_until, request_bytes, requested, split


def test_connections_are_kept(server):
    run_id = server.create_run()
    server.close_run(run_id)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    for target in (
        f"/runs/{run_id}",
        f"/runs/{run_id}?offset=-1&live=sse",
        "/nope",
        f"/runs/{run_id}?offset=now&live=long-poll",
    ):
        for method in ("GET", "HEAD"):
            got = ask(server, method, target, connection=connection)
            assert (got.header("connection"), got.header("keep-alive")) == ("keep-alive", "timeout=5")
    assert server.open_connections == 1
    got = ask(server, "GET", "/nope", headers=[("Connection", "close")], connection=connection)
    assert (got.header("connection"), got.header("keep-alive")) == ("close", None)
    connection.close()
    server.wait_for_connections(0)


def test_requests_sent_ahead_are_answered_in_order(server):
    with requested(server, "/nope?1") as sock:
        sock.sendall(request_bytes(server, "/nope?2", extra=CLOSE))
        assert read_all(sock)[0].count(b"HTTP/1.1 404 Not Found") == 2
    assert [request.target for request in server.requests] == ["/api/nope?1", "/api/nope?2"]


def test_idle_connections_are_closed():
    with FlueTestServer(keep_alive=0.05) as server, opened(server) as sock:
        sock.sendall(request_bytes(server, "/nope"))
        start = time.monotonic()
        data, how = read_all(sock)
        assert (data.startswith(b"HTTP/1.1 404"), how) == (True, CLOSED)
        assert time.monotonic() - start >= 0.04


def test_a_client_that_leaves_is_noticed(server):
    run_id = server.create_run()
    for number, live in enumerate(("sse", "long-poll"), 1):
        with requested(server, f"/runs/{run_id}?offset=-1&live={live}"):
            server.wait_for_requests(number)
            server.wait_for_connections(1)
        server.wait_for_connections(0)


def test_old_clients(server):
    run_id = server.create_run()
    server.close_run(run_id)
    with opened(server) as sock:
        sock.sendall(f"GET /api/runs/{run_id}?offset=-1&live=sse HTTP/1.0\r\n\r\n".encode())
        head, body = split(read_all(sock)[0])
    assert b"Transfer-Encoding" not in head
    assert body.endswith(b'"streamClosed":true}\n\n')


def test_continue(server):
    server.add_workflow("echo", lambda run: run.input)
    extra = f"Content-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n{CLOSE}"
    with requested(server, "/workflows/echo?wait=result", method="POST", extra=extra) as sock:
        assert read_until(sock, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"12")
        assert b'{"result":12' in read_all(sock)[0]


def test_chunked_request_body(server):
    server.add_workflow("echo", lambda run: run.input)
    extra = f"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n{CLOSE}"
    with requested(server, "/workflows/echo?wait=result", method="POST", extra=extra) as sock:
        sock.sendall(b'3\r\n{"a\r\n4;x=y\r\n":1}\r\n0\r\n\r\n')
        assert split(read_all(sock)[0])[1].startswith(b'{"result":{"a":1}')
    assert server.requests[0].json() == {"a": 1}


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / SPDY/3\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nspace : x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\n",
        b"GET /" + b"a" * (1 << 21) + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request(server, data):
    with opened(server) as sock:
        try:
            sock.sendall(data)
        except ConnectionError:
            return
        assert read_all(sock)[0].startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert server.requests == []


@pytest.mark.parametrize("data", [b"GET / HT", b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc", b""])
def test_half_a_request(server, data):
    with opened(server) as sock:
        sock.sendall(data)
    server.wait_for_connections(0)
    assert server.requests == []


def test_big_answers_to_slow_readers(server):
    """More than the kernel holds: the server waits for the reader, and nothing is lost."""
    run_id, text = server.create_run(), "x" * (8 << 20)
    server.append(run_id, {"type": "log", "message": text})
    for framing in ("", "?offset=-1&live=long-poll"):
        data, _ = raw(server, f"/runs/{run_id}{framing}", extra=CLOSE)
        assert text.encode() in split(data)[1]
    server.close_run(run_id)
    data, _ = raw(server, f"/runs/{run_id}?offset=-1&live=sse", extra=CLOSE)
    payload, complete = dechunk(split(data)[1])
    assert (text.encode() in payload, complete) == (True, True)
