"""Faults: each knob by itself and together, the requests they are for, the bytes that leave."""

from __future__ import annotations

import gzip
import re
import time
import typing
import zlib

import pytest

from flue.testing import Fault, FlueTestServer, ReceivedAttachment, ReceivedMessage, RecordedRequest, Reply

from .raw import CLOSED, RESET, ask, dechunk, get, invoke, opened, raw, read_all, read_until, request_bytes, split


@pytest.fixture
def run_id(server):
    """A run whose stream is closed: two pages, the same bytes at every read."""
    run_id = server.create_run()
    server.append(run_id, *({"type": "log", "level": "info", "message": str(i)} for i in range(3)))
    server.close_run(run_id)
    return run_id


@pytest.fixture
def whole(server, run_id):
    """The body of a catch-up of that run."""
    return get(server, f"/runs/{run_id}").body


def test_nothing_wrong(server, run_id, whole):
    assert server.faults.pending == 0
    assert get(server, f"/runs/{run_id}").body == whole


class TestWhatIsAnswered:
    def test_status_is_answered_instead_of_the_route(self, server):
        ran = []
        server.add_workflow("w", ran.append)
        fault = Fault(status=502, body=b"<h1>bad</h1>", content_type="text/html", extra_headers=[("Retry-After", "1")])
        server.faults.add(fault)
        got = invoke(server, "w", query="?wait=result")
        assert (got.status, got.body, ran) == (502, b"<h1>bad</h1>", [])
        assert got.headers[0] == ("content-type", "text/html")
        assert got.headers[-1] == ("Retry-After", "1")
        assert invoke(server, "w", query="?wait=result").status == 200

    def test_status_unknown_to_the_library(self, server):
        server.faults.add(Fault(status=799))
        assert get(server, "/runs/x").status == 799

    def test_body_replaced_headers_kept(self, server, run_id):
        server.faults.add(Fault(body=b"[oops"))
        got = get(server, f"/runs/{run_id}")
        assert (got.status, got.body, got.header("stream-closed")) == (200, b"[oops", "true")

    def test_headers(self, server, run_id):
        fault = Fault(drop_headers=["STREAM-NEXT-OFFSET", "date"], extra_headers=[("X", "1"), ("X", "2")])
        server.faults.add(fault)
        headers = get(server, f"/runs/{run_id}").headers
        names = [name.lower() for name, _ in headers]
        assert "stream-next-offset" not in names
        assert "date" not in names
        assert headers[-2:] == [("X", "1"), ("X", "2")]
        server.faults.add(Fault(headers=[("Stream-Next-Offset", "a"), ("Stream-Next-Offset", "b")]))
        headers = get(server, f"/runs/{run_id}").headers
        assert headers[:2] == [("Stream-Next-Offset", "a"), ("Stream-Next-Offset", "b")]
        assert "stream-closed" not in [name.lower() for name, _ in headers]

    def test_header_bytes_that_are_no_text(self, server, run_id):
        server.faults.add(Fault(extra_headers=[("Stream-Cursor", "\xff\xe9")]))
        assert b"Stream-Cursor: \xff\xe9\r\n" in raw(server, f"/runs/{run_id}", extra="Connection: close\r\n")[0]

    def test_content_type(self, server, run_id):
        server.faults.add(Fault(content_type="text/html"))
        assert get(server, f"/runs/{run_id}").header("content-type") == "text/html"

    def test_gzip(self, server, run_id, whole):
        server.faults.add(Fault(gzip=True))
        got = get(server, f"/runs/{run_id}")
        assert (got.header("content-encoding"), gzip.decompress(got.body)) == ("gzip", whole)
        assert got.header("content-length") == str(len(got.body))

    def test_gzip_of_a_live_stream_is_readable_as_it_comes(self, server):
        run_id = server.create_run()
        server.faults.add(Fault(gzip=True))
        with opened(server) as sock:
            sock.sendall(request_bytes(server, f"/runs/{run_id}?offset=-1&live=sse"))
            data, seen = b"", b""
            while b"upToDate" not in seen:
                data += sock.recv(65536)
                seen = zlib.decompressobj(wbits=31).decompress(dechunk(split(data)[1])[0])
            server.append(run_id, {"type": "idle"})
            while b'"idle"' not in seen:
                data += sock.recv(65536)
                seen = zlib.decompressobj(wbits=31).decompress(dechunk(split(data)[1])[0])
            server.close_run(run_id)
            data += read_until(sock, b"\r\n0\r\n\r\n")
        assert gzip.decompress(dechunk(split(data)[1])[0]).endswith(b'"streamClosed":true}\n\n')

    def test_framings(self, server, run_id, whole):
        server.faults.add(Fault(framing="chunked"))
        head, body = split(raw(server, f"/runs/{run_id}", extra="Connection: close\r\n")[0])
        assert (b"Transfer-Encoding: chunked" in head, dechunk(body)) == (True, (whole, True))
        server.faults.add(Fault(framing="close"))
        data, how = raw(server, f"/runs/{run_id}")
        head, body = split(data)
        assert (body, how) == (whole, CLOSED)
        assert b"Connection: close" in head
        assert b"Content-Length" not in head
        server.faults.add(Fault(framing="close"))
        data, how = raw(server, f"/runs/{run_id}?offset=-1&live=sse")
        assert (split(data)[1].endswith(b'"streamClosed":true}\n\n'), how) == (True, CLOSED)

    def test_live_streams_have_no_length(self, run_id, server):
        with FlueTestServer() as other:
            other.create_run(run_id=run_id)
            other.faults.add(Fault(framing="length"))
            assert raw(other, f"/runs/{run_id}?offset=-1&live=sse") == (b"", RESET)
            assert "a live stream has no length" in other.problems[0]


class TestHowItTravels:
    def test_refuse(self, server):
        ran = []
        server.add_workflow("w", ran.append)
        server.faults.add(Fault(refuse=True))
        assert raw(server, "/workflows/w", method="POST", extra="Content-Length: 0\r\n") == (b"", RESET)
        assert (len(server.requests), ran) == (1, [])

    def test_stalled_headers(self, server, run_id):
        server.faults.add(Fault(stall_before_headers=0.1))
        start = time.monotonic()
        assert get(server, f"/runs/{run_id}").status == 200
        assert time.monotonic() - start >= 0.1

    def test_work_is_done_before_the_headers_stall(self, server):
        server.add_workflow("w", lambda _: 1)
        server.faults.add(Fault(stall_before_headers=30))
        with opened(server) as sock:
            sock.sendall(
                request_bytes(server, "/workflows/w?wait=result", method="POST", extra="Content-Length: 0\r\n")
            )
            server.wait_for_requests(1)
        server.wait_for_connections(0)
        assert server.open_connections == 0

    def test_stall_in_the_body(self, server, run_id, whole):
        server.faults.add(Fault(stall_after=5, stall=0.1))
        with opened(server) as sock:
            sock.sendall(request_bytes(server, f"/runs/{run_id}", extra="Connection: close\r\n"))
            data = read_until(sock, b"\r\n\r\n" + whole[:5])
            assert data.endswith(b"\r\n\r\n" + whole[:5])
            start = time.monotonic()
            assert read_all(sock)[0] == whole[5:]
            assert time.monotonic() - start >= 0.05

    def test_stall_right_behind_the_head(self, server, run_id, whole):
        server.faults.add(Fault(stall_after=0, stall=0.1))
        with opened(server) as sock:
            sock.sendall(request_bytes(server, f"/runs/{run_id}", extra="Connection: close\r\n"))
            assert read_until(sock, b"\r\n\r\n").endswith(b"\r\n\r\n")
            assert read_all(sock)[0] == whole

    @pytest.mark.parametrize("framing", ["length", "chunked", "close"])
    @pytest.mark.parametrize("size", [1, 7])
    def test_trickle(self, server, run_id, whole, size, framing):
        server.faults.add(Fault(trickle=size, framing=framing))
        body = split(raw(server, f"/runs/{run_id}", extra="Connection: close\r\n")[0])[1]
        assert (dechunk(body)[0] if framing == "chunked" else body) == whole

    def test_trickle_pauses(self, server, run_id):
        server.faults.add(Fault(body=b"12345", trickle=2, trickle_pause=0.03))
        start = time.monotonic()
        assert get(server, f"/runs/{run_id}").body == b"12345"
        assert time.monotonic() - start >= 0.06


class TestHowItEnds:
    @pytest.mark.parametrize("end", [None, "reset", "close"])
    @pytest.mark.parametrize("framing", ["length", "chunked", "close"])
    def test_every_byte_of_a_page(self, server, run_id, whole, framing, end):
        how = CLOSED if end == "close" else RESET
        for cut in range(len(whole) + 1):
            server.faults.add(Fault(cut_after=cut, end=end, framing=framing))
            data, ended = raw(server, f"/runs/{run_id}")
            body = split(data)[1]
            if framing == "chunked":
                body, complete = dechunk(body)
                assert not complete
            assert (body, ended) == (whole[:cut], how)

    @pytest.mark.parametrize("live", [False, True])
    def test_clean(self, server, run_id, live):
        """The body ends in order, and early: nothing on the HTTP level shows that more was to come."""
        query = "?offset=-1&live=sse" if live else ""
        whole = get(server, f"/runs/{run_id}{query}").body
        for cut in range(len(whole) + 1):
            server.faults.add(Fault(cut_after=cut, end="clean"))
            assert get(server, f"/runs/{run_id}{query}").body == whole[:cut]

    def test_clean_end_of_a_live_stream_comes_at_once(self, server):
        """Though there is nothing more to send for the time being."""
        run_id = server.create_run()
        server.faults.add(Fault(cut_after=20, end="clean"))
        assert get(server, f"/runs/{run_id}?offset=-1&live=sse").body == b"event: control\ndata:"

    def test_every_byte_of_a_stream(self, server, run_id):
        whole = get(server, f"/runs/{run_id}?offset=-1&live=sse").body
        for cut in range(len(whole) + 1):
            server.faults.add(Fault(cut_after=cut))
            data, how = raw(server, f"/runs/{run_id}?offset=-1&live=sse")
            assert (dechunk(split(data)[1]), how) == ((whole[:cut], False), RESET)

    def test_shorter_answers_are_let_through(self, server, run_id, whole):
        server.faults.add(Fault(cut_after=len(whole) + 1))
        assert get(server, f"/runs/{run_id}").body == whole

    @pytest.mark.parametrize(("end", "how"), [("reset", RESET), ("close", CLOSED)])
    def test_end_behind_the_whole_body(self, server, run_id, whole, end, how):
        server.faults.add(Fault(end=end))
        data, ended = raw(server, f"/runs/{run_id}")
        assert (split(data)[1], ended) == (whole, how)
        server.faults.add(Fault(end=end, framing="chunked"))
        data, ended = raw(server, f"/runs/{run_id}")
        assert (dechunk(split(data)[1]), ended) == ((whole, False), how)

    def test_head(self, server, run_id):
        for cut in (0, 1, 15, 40):
            for end, how in ((None, RESET), ("close", CLOSED)):
                server.faults.add(Fault(cut_head_after=cut, end=end))
                data, ended = raw(server, f"/runs/{run_id}")
                assert (data, ended) == (b"HTTP/1.1 200 OK\r\ncontent-type: application/json"[:cut], how)

    def test_gzip_cut_short(self, server, run_id, whole):
        server.faults.add(Fault(gzip=True, cut_after=30, end="close", framing="close"))
        body = split(raw(server, f"/runs/{run_id}")[0])[1]
        assert len(body) == 30
        assert whole.startswith(zlib.decompressobj(wbits=31).decompress(body))

    def test_all_at_once(self, server, run_id, whole):
        server.faults.add(Fault(stall_after=10, stall=0.02, trickle=3, cut_after=25, end="close", framing="chunked"))
        data, how = raw(server, f"/runs/{run_id}")
        assert (dechunk(split(data)[1]), how) == ((whole[:25], False), CLOSED)


class TestWhoseTheyAre:
    def statuses(self, server, *requests):
        return [ask(server, method, target).status for method, target in requests]

    def test_queue_in_order(self, server, run_id):
        server.faults.add(Fault(status=500), times=2)
        server.faults.add(Fault(status=502))
        assert server.faults.pending == 3
        assert self.statuses(server, *[("GET", f"/runs/{run_id}")] * 4) == [500, 500, 502, 200]
        assert server.faults.pending == 0

    def test_after(self, server, run_id):
        server.faults.add(Fault(status=500))
        server.faults.add(Fault(status=502), after=1, times=2)
        assert self.statuses(server, *[("GET", f"/runs/{run_id}")] * 5) == [500, 200, 502, 502, 200]

    def test_always_until_cleared(self, server, run_id):
        rule = server.faults.add(Fault(status=500), times=None)
        assert (server.faults.pending, rule.exhausted) == (0, False)
        assert self.statuses(server, *[("GET", f"/runs/{run_id}")] * 3) == [500, 500, 500]
        assert rule.applied == 3
        server.faults.clear()
        assert self.statuses(server, ("GET", f"/runs/{run_id}")) == [200]

    def test_filters(self, server, run_id):
        server.faults.add(Fault(status=501), method="head", times=None)
        server.faults.add(Fault(status=502), path="meta", times=None)
        server.faults.add(Fault(status=503), path=re.compile(r"tail=\d\d"), times=None)
        server.faults.add(Fault(status=504), live="sse", times=None)
        server.faults.add(Fault(status=505), live=True, times=None)
        server.faults.add(Fault(status=506), live=False, path="?", times=None)
        requests = [
            ("HEAD", f"/runs/{run_id}"), ("GET", f"/runs/{run_id}?meta"), ("GET", f"/runs/{run_id}?tail=10"),
            ("GET", f"/runs/{run_id}?offset=-1&live=sse"), ("GET", f"/runs/{run_id}?offset=-1&live=long-poll"),
            ("GET", f"/runs/{run_id}?tail=1"), ("GET", f"/runs/{run_id}"),
        ]  # fmt: skip
        assert self.statuses(server, *requests) == [501, 502, 503, 504, 505, 506, 200]

    def test_chosen_by_a_function(self, server, run_id):
        rule = server.faults.add(lambda request: Fault(status=500) if request.number % 2 else None, times=None)
        assert self.statuses(server, *[("GET", f"/runs/{run_id}")] * 4) == [500, 200, 500, 200]
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


@pytest.mark.parametrize("value", [Fault, Reply, RecordedRequest, ReceivedMessage, ReceivedAttachment])
def test_annotations_resolve(value):
    """For libraries that read those of data classes at run time."""
    assert typing.get_type_hints(value)
