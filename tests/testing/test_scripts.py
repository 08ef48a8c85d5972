"""Answers written by hand."""

from __future__ import annotations

import re

from flue.testing import Fault, FlueTestServer, Reply

from .raw import CLOSE, CLOSED, RESET, ask, dechunk, get, raw, split


def test_running_out_is_loud():
    with FlueTestServer() as server:
        server.script("/runs/x", [Reply(204)])
        assert [get(server, "/runs/x").status for _ in range(2)] == [204, 599]
        assert server.problems == ["no reply left for GET /api/runs/x"]


def test_last_reply_for_all_that_follow(server):
    server.script(re.compile(r"/runs/\d+$"), [Reply(500), Reply(200, body=b"[]")], repeat_last=True)
    assert [get(server, f"/runs/{i}").status for i in range(4)] == [500, 200, 200, 200]


def test_method_and_order(server):
    server.script("/runs/x", [Reply(201)], method="POST")
    server.script("/runs/x", [Reply(202)], repeat_last=True)
    assert [ask(server, method, "/runs/x").status for method in ("GET", "POST", "GET")] == [202, 201, 202]


def test_raw_bytes(server):
    for data in (b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\nstrange", b""):
        server.script(f"/{len(data)}", [data])
        assert raw(server, f"/{len(data)}") == (data, CLOSED)


def test_raw_bytes_cut(server):
    server.script("/x", [b"HTTP/1.1 200 OK\r\n\r\nabcdef"], repeat_last=True)
    server.faults.add(Fault(cut_after=21))
    assert raw(server, "/x") == (b"HTTP/1.1 200 OK\r\n\r\nab", RESET)
    server.faults.add(Fault(cut_after=21, end="clean"))
    assert raw(server, "/x") == (b"HTTP/1.1 200 OK\r\n\r\nab", CLOSED)


def test_pieces_are_chunks(server):
    server.script("/x", [Reply(body=[b"a", b"", b"bc"])])
    head, body = split(raw(server, "/x", extra=CLOSE)[0])
    assert b"Transfer-Encoding: chunked" in head
    assert body == b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"


def test_own_framing_is_taken_as_it_stands(server):
    server.script("/x", [Reply(headers=[("Content-Length", "100")], body=b"short")])
    data, how = raw(server, "/x")
    assert (split(data)[1], how, data.lower().count(b"content-length")) == (b"short", CLOSED, 1)


def test_reply_with_a_fault(server):
    server.script("/x", [Reply(body=b"abcdef", fault=Fault(cut_after=3, framing="chunked"))], repeat_last=True)
    data, how = raw(server, "/x")
    assert (dechunk(split(data)[1]), how) == ((b"abc", False), RESET)
    # A fault of the queue comes before that of the reply.
    server.faults.add(Fault(cut_after=1, end="close"))
    data, how = raw(server, "/x")
    assert (split(data)[1], how) == (b"a", CLOSED)


def test_no_token_is_asked_for():
    with FlueTestServer("secret") as server:
        server.script("/runs/x", [Reply(204)])
        assert get(server, "/runs/x").status == 204
