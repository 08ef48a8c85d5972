"""Faults: each knob by itself and together, the requests they are for, the bytes that leave."""

from __future__ import annotations

import gzip
import re
import socket
import threading
import time
import zlib

import pytest

from flue.testing import Fault, FlueTestServer

from .raw import (
    CLOSE,
    CLOSED,
    RESET,
    ask,
    dechunk,
    get,
    invoke,
    opened,
    raw,
    read_all,
    read_until,
    request_bytes,
    requested,
    split,
)

WHOLE = b'[{"n":0},{"n":1},{"n":2}]'
CHUNK = b"%x\r\n%b\r\n" % (len(WHOLE), WHOLE)


@pytest.fixture
def run_id(server):
    """A run whose stream is closed, and `WHOLE` the body of a catch-up."""
    run_id = server.create_run()
    server.append(run_id, *(b'{"n":%d}' % number for number in range(3)), raw=True)
    server.close_run(run_id)
    return run_id


LIVE = "?offset=-1&live=sse"


@pytest.fixture
def answer(server, run_id):
    """Ask for the page of that run, with a fault."""

    def answer(**knobs):
        server.faults.add(Fault(**knobs))
        return get(server, f"/runs/{run_id}")

    return answer


@pytest.fixture
def answer_raw(server, run_id):
    """The same, as the head and the body on the wire, and how the connection ended."""

    def answer_raw(query="", *, extra="", **knobs):
        server.faults.add(Fault(**knobs))
        data, how = raw(server, f"/runs/{run_id}{query}", extra=extra)
        return *split(data), how

    return answer_raw


class TestWhatIsAnswered:
    @pytest.mark.parametrize(
        ("knobs", "said", "body", "how"),
        [
            ({"status": 799, "body": b"[]"}, b"HTTP/1.1 799 ", b"[]", CLOSED),
            ({"body": b"[oops"}, b"Stream-Closed: true", b"[oops", CLOSED),
            ({"content_type": "text/html"}, b"content-type: text/html", WHOLE, CLOSED),
            ({"extra_headers": [("X", "\xff\xe9")]}, b"X: \xff\xe9", WHOLE, CLOSED),
            ({"cut_after": len(WHOLE) + 1}, b"Content-Length: 25", WHOLE, CLOSED),
            ({"framing": "chunked"}, b"Transfer-Encoding: chunked", CHUNK + b"0\r\n\r\n", CLOSED),
            # These end the connection by themselves.
            ({"framing": "close"}, b"Connection: close", WHOLE, CLOSED),
            ({"end": "reset"}, b"Connection: keep-alive", WHOLE, RESET),
            ({"end": "close"}, b"Connection: keep-alive", WHOLE, CLOSED),
            ({"end": "reset", "framing": "chunked"}, b"Connection: keep-alive", CHUNK, RESET),
            ({"end": "close", "framing": "chunked"}, b"Connection: keep-alive", CHUNK, CLOSED),
        ],
    )
    def test_on_the_wire(self, answer_raw, knobs, said, body, how):
        ends = "end" in knobs or knobs.get("framing") == "close"
        head, *rest = answer_raw(extra="" if ends else CLOSE, **knobs)
        assert said in head
        assert (b"Content-Length" in head) == ("framing" not in knobs)
        assert rest == [body, how]

    def test_status_is_answered_instead_of_the_route(self, server):
        ran = []
        server.add_workflow("w", ran.append)
        fault = Fault(status=502, body=b"<h1>bad</h1>", content_type="text/html", extra_headers=[("Retry-After", "1")])
        server.faults.add(fault)
        got = invoke(server, "w", query="?wait=result")
        assert (got.status, got.body, ran) == (502, b"<h1>bad</h1>", [])
        assert (got.headers[0], got.headers[-1]) == (("content-type", "text/html"), ("Retry-After", "1"))
        assert invoke(server, "w", query="?wait=result").status == 200

    def test_headers(self, answer):
        headers = answer(drop_headers=["STREAM-NEXT-OFFSET", "date"], extra_headers=[("X", "1"), ("X", "2")]).headers
        assert {"stream-next-offset", "date"}.isdisjoint(name.lower() for name, _ in headers)
        assert headers[-2:] == [("X", "1"), ("X", "2")]
        own = [("Stream-Next-Offset", "a"), ("Stream-Next-Offset", "b")]
        headers = answer(headers=own).headers
        assert headers[:2] == own
        assert "stream-closed" not in [name.lower() for name, _ in headers]

    def test_gzip(self, answer):
        got = answer(gzip=True)
        assert (got.header("content-encoding"), gzip.decompress(got.body)) == ("gzip", WHOLE)
        assert got.header("content-length") == str(len(got.body))

    def test_gzip_of_a_live_stream_is_readable_as_it_comes(self, server):
        run_id = server.create_run()
        server.faults.add(Fault(gzip=True))
        with requested(server, f"/runs/{run_id}{LIVE}") as sock:
            data, seen = b"", b""
            for marker in (b"upToDate", b'"idle"'):
                while marker not in seen:
                    data += sock.recv(65536)
                    seen = zlib.decompressobj(wbits=31).decompress(dechunk(split(data)[1])[0])
                server.append(run_id, {"type": "idle"})
            server.close_run(run_id)
            data += read_until(sock, b"\r\n0\r\n\r\n")
        assert gzip.decompress(dechunk(split(data)[1])[0]).endswith(b'"streamClosed":true}\n\n')

    def test_a_live_stream_ends_with_its_connection(self, answer_raw):
        _, body, how = answer_raw(LIVE, framing="close")
        assert (body.endswith(b'"streamClosed":true}\n\n'), how) == (True, CLOSED)

    def test_live_streams_have_no_length(self):
        with FlueTestServer() as server:
            server.create_run(run_id="x")
            server.faults.add(Fault(framing="length"))
            assert raw(server, f"/runs/x{LIVE}") == (b"", RESET)
            assert "a live stream has no length" in server.problems[0]


class TestHowItTravels:
    def test_refuse(self, server):
        ran = []
        server.add_workflow("w", ran.append)
        server.faults.add(Fault(refuse=True))
        assert raw(server, "/workflows/w", method="POST", extra="Content-Length: 0\r\n") == (b"", RESET)
        assert (len(server.requests), ran) == (1, [])

    def test_work_is_done_before_the_headers_stall(self, server):
        done = threading.Event()
        server.add_workflow("w", lambda _: done.set())
        server.faults.add(Fault(stall_before_headers=30))
        with requested(server, "/workflows/w", method="POST", extra="Content-Length: 0\r\n"):
            assert done.wait(5)
        server.wait_for_connections(0)  # whoever leaves is not waited for

    @pytest.mark.parametrize("at", [0, 5])
    def test_stall_in_the_body(self, server, run_id, at):
        server.faults.add(Fault(stall_after=at, stall=60))
        with requested(server, f"/runs/{run_id}") as sock:
            data = read_until(sock, b"\r\n\r\n" + WHOLE[:at])
        assert data.endswith(b"\r\n\r\n" + WHOLE[:at])

    @pytest.mark.parametrize("framing", ["length", "chunked", "close"])
    @pytest.mark.parametrize("size", [1, 7])
    def test_trickle(self, answer_raw, size, framing):
        _, body, _ = answer_raw(trickle=size, framing=framing, extra=CLOSE)
        assert (dechunk(body)[0] if framing == "chunked" else body) == WHOLE

    @pytest.mark.parametrize(
        ("knobs", "seconds"),
        [
            ({"stall_before_headers": 0.1}, 0.1),
            ({"stall_after": 0, "stall": 0.1}, 0.1),
            ({"stall_after": 3, "stall": 0.1}, 0.1),
            ({"trickle": 2, "trickle_pause": 0.03}, 0.06),
        ],
    )
    def test_pauses(self, answer, knobs, seconds):
        start = time.monotonic()
        assert answer(body=b"12345", **knobs).body == b"12345"
        assert time.monotonic() - start >= seconds


class TestHowItEnds:
    @pytest.mark.parametrize("end", [None, "reset", "close"])
    @pytest.mark.parametrize(
        ("query", "framing"), [("", "length"), ("", "chunked"), ("", "close"), (LIVE, "chunked"), (LIVE, "close")]
    )
    def test_every_byte(self, server, run_id, answer_raw, query, framing, end):
        whole = get(server, f"/runs/{run_id}{query}").body
        for cut in range(len(whole) + 1):
            _, body, how = answer_raw(query, cut_after=cut, end=end, framing=framing)
            if framing == "chunked":
                body, complete = dechunk(body)
                assert not complete
            assert (body, how) == (whole[:cut], CLOSED if end == "close" else RESET)

    @pytest.mark.parametrize("query", ["", LIVE])
    def test_clean(self, server, run_id, query):
        """The body ends in order, and early: nothing on the HTTP level shows that more was to come."""
        whole = get(server, f"/runs/{run_id}{query}").body
        for cut in range(len(whole) + 1):
            server.faults.add(Fault(cut_after=cut, end="clean"))
            assert get(server, f"/runs/{run_id}{query}").body == whole[:cut]

    def test_clean_end_of_a_live_stream_comes_at_once(self, server):
        """Though there is nothing more to send for the time being."""
        run_id = server.create_run()
        server.faults.add(Fault(cut_after=20, end="clean"))
        assert get(server, f"/runs/{run_id}{LIVE}").body == b"event: control\ndata:"

    @pytest.mark.parametrize("cut", [0, 1, 15, 40])
    @pytest.mark.parametrize(("end", "how"), [(None, RESET), ("close", CLOSED)])
    def test_head(self, answer_raw, cut, end, how):
        head, body, ended = answer_raw(cut_head_after=cut, end=end)
        assert (head, body, ended) == (b"HTTP/1.1 200 OK\r\ncontent-type: application/json"[:cut], b"", how)

    def test_packets_leave_at_once(self, server, run_id):
        """To a client that takes its time to acknowledge, too: a reset would lose what waits for that.

        There are few: the kernel lets only ten or so go before the first is acknowledged.
        """
        server.faults.add(Fault(trickle=1, cut_after=5))
        with opened(server) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
            sock.sendall(request_bytes(server, f"/runs/{run_id}"))
            assert split(read_all(sock)[0])[1] == WHOLE[:5]

    def test_gzip_cut_short(self, answer_raw):
        _, body, _ = answer_raw(gzip=True, cut_after=30, end="close", framing="close")
        assert len(body) == 30
        assert WHOLE.startswith(zlib.decompressobj(wbits=31).decompress(body))

    def test_all_at_once(self, answer_raw):
        knobs = {"stall_after": 10, "stall": 0.02, "trickle": 3, "cut_after": 20, "end": "close", "framing": "chunked"}
        _, body, how = answer_raw(**knobs)
        assert (dechunk(body), how) == ((WHOLE[:20], False), CLOSED)


class TestWhoseTheyAre:
    @pytest.fixture
    def statuses(self, server, run_id):
        """The statuses of requests for that run."""
        return lambda *requests: [ask(server, method, f"/runs/{run_id}{query}").status for method, query in requests]

    def test_queue_in_order(self, server, statuses):
        server.faults.add(Fault(status=500), times=2)
        server.faults.add(Fault(status=502))
        assert server.faults.pending == 3
        assert statuses(*[("GET", "")] * 4) == [500, 500, 502, 200]
        assert server.faults.pending == 0

    def test_after(self, server, statuses):
        server.faults.add(Fault(status=500))
        server.faults.add(Fault(status=502), after=1, times=2)
        assert statuses(*[("GET", "")] * 5) == [500, 200, 502, 502, 200]

    def test_always_until_cleared(self, server, statuses):
        rule = server.faults.add(Fault(status=500), times=None)
        assert (server.faults.pending, rule.exhausted) == (0, False)
        assert statuses(*[("GET", "")] * 3) == [500, 500, 500]
        assert rule.applied == 3
        server.faults.clear()
        assert statuses(("GET", "")) == [200]

    def test_filters(self, server, statuses):
        server.faults.add(Fault(status=501), method="head", times=None)
        server.faults.add(Fault(status=502), path="meta", times=None)
        server.faults.add(Fault(status=503), path=re.compile(r"tail=\d\d"), times=None)
        server.faults.add(Fault(status=504), live="sse", times=None)
        server.faults.add(Fault(status=505), live=True, times=None)
        server.faults.add(Fault(status=506), live=False, path="?", times=None)
        queries = ["?meta", "?tail=10", LIVE, "?offset=-1&live=long-poll", "?tail=1", ""]
        expected = [501, 502, 503, 504, 505, 506, 200]
        assert statuses(("HEAD", ""), *(("GET", query) for query in queries)) == expected

    def test_chosen_by_a_function(self, server, statuses):
        rule = server.faults.add(lambda request: Fault(status=500) if request.number % 2 else None, times=None)
        assert statuses(*[("GET", "")] * 4) == [500, 200, 500, 200]
        assert rule.applied == 2


@pytest.mark.parametrize(
    "knobs",
    [
        {"cut_after": -1}, {"stall_before_headers": -0.1}, {"trickle": 0}, {"stall": 1.0},
        {"end": "politely"}, {"framing": "gzip"}, {"trickle_pause": -1.0}, {"cut_head_after": -1},
    ],
)  # fmt: skip
def test_nonsense(knobs):
    with pytest.raises(ValueError, match=next(iter(knobs))):
        Fault(**knobs)


def test_what_is_no_fault_and_no_workflow():
    """Said where it is registered: each request would be answered with a 500 that explains nothing."""
    server = FlueTestServer()
    with pytest.raises(TypeError, match="fault must be a Fault or a function, not int"):
        server.faults.add(503)
    with pytest.raises(TypeError, match="function must be callable, not dict"):
        server.add_workflow("greet", {"greeting": "Hello"})
