"""Reads of a stream: pages, offsets, tails, live modes, and what they do at the edges."""

from __future__ import annotations

import asyncio
import json

import pytest

from flue.testing import FlueTestServer

from .raw import CLOSE, CLOSED, RESET, ask, dechunk, get, log, raw, read_all, read_until, requested, split


def offset(position):
    return f"{0:016d}_{position:016d}"


def messages(got):
    return [int(event["message"]) for event in got.json()]


@pytest.fixture
def history(server):
    """A run of 250 events, its stream still open."""
    run_id = server.create_run()
    server.append(run_id, *map(log, range(250)))
    return run_id


@pytest.fixture
def impatient():
    """A server whose long polls and heartbeats take no time worth waiting for."""
    with FlueTestServer(poll_hold=0.05, heartbeat=0.02) as running:
        yield running
    assert running.problems == []


@pytest.mark.parametrize(
    ("query", "expected", "next_position", "up_to_date"),
    [
        ("", range(100), 99, None),
        (f"?offset={offset(99)}", range(100, 200), 199, None),
        (f"?offset={offset(149)}", range(150, 250), 249, "true"),  # exactly one page
        (f"?offset={offset(199)}", range(200, 250), 249, "true"),
        # Padding and the first half mean nothing; beyond the tail there is nothing, and no complaint.
        ("?offset=7_248", [249], 249, "true"),
        ("?offset=0_249", [], 249, "true"),
        ("?offset=0_300", [], 300, "true"),
        ("?offset=now", [], 249, "true"),
        # A tail counts from the start of the stream only.
        ("?tail=1", [249], 249, "true"),
        ("?offset=-1&tail=3", [247, 248, 249], 249, "true"),
        (f"?offset=-1&tail={'9' * 30}", range(100), 99, None),
        ("?tail=120", range(130, 230), 229, None),
        (f"?offset={offset(244)}&tail=2", [245, 246, 247, 248, 249], 249, "true"),
        # At once, as there is something.
        ("?offset=-1&live=long-poll", range(100), 99, None),
    ],
)
def test_pages(server, history, query, expected, next_position, up_to_date):
    got = get(server, f"/runs/{history}{query}")
    assert messages(got) == list(expected)
    assert got.header("stream-next-offset") == offset(next_position)
    assert (got.header("stream-up-to-date"), got.header("stream-closed")) == (up_to_date, None)
    server.close_run(history)
    assert get(server, f"/runs/{history}{query}").header("stream-closed") == up_to_date


def test_page_limit():
    with FlueTestServer(page_limit=3) as server:
        run_id = server.create_run()
        server.append(run_id, *map(log, range(4)))
        assert messages(get(server, f"/runs/{run_id}?offset=-1")) == [0, 1, 2]


def test_empty_stream(server):
    """The one place where a server gives the sentinel itself as the next offset."""
    got = get(server, f"/runs/{server.create_run()}?offset=-1")
    assert (got.body, got.header("stream-next-offset"), got.header("stream-up-to-date")) == (b"[]", "-1", "true")


def test_now_of_a_closed_stream(server, history):
    server.close_run(history)
    polled = get(server, f"/runs/{history}?offset=now&live=long-poll")
    assert (polled.status, polled.header("stream-closed")) == (204, "true")
    assert polled.header("stream-next-offset") == offset(249)
    streamed = get(server, f"/runs/{history}?offset=now&live=sse").body
    assert streamed == b'event: control\ndata:{"streamNextOffset":"%s","streamClosed":true}\n\n' % offset(249).encode()


def test_head(server, history):
    got = ask(server, "HEAD", f"/runs/{history}")
    assert (got.status, got.body, got.header("content-length")) == (200, b"", None)
    names = [name for name, _ in got.headers]
    assert names[: names.index("Date")] == sorted(name.lower() for name in names[: names.index("Date")])
    assert (got.header("stream-next-offset"), got.header("stream-closed")) == (offset(249), None)
    server.close_run(history)
    assert ask(server, "HEAD", f"/runs/{history}?meta").header("stream-closed") == "true"
    missing = ask(server, "HEAD", "/runs/nope")
    assert (missing.status, missing.body) == (404, b"")


def test_entity_tags(server, history):
    got = get(server, f"/runs/{history}?offset=-1")
    again = get(server, f"/runs/{history}?offset=-1", headers=[("if-none-match", got.header("etag"))])
    assert (again.status, again.body, again.header("etag")) == (304, b"", got.header("etag"))
    assert get(server, f"/runs/{history}?offset=-1", headers=[("if-none-match", '"x"')]).status == 200
    assert get(server, f"/runs/{history}?offset=now").header("etag") is None
    server.close_run(history)
    assert get(server, f"/runs/{history}?offset={offset(199)}").header("etag").endswith(':c"')


@pytest.mark.parametrize(
    ("query", "details"),
    [
        ("offset=-1&offset=-1", "Duplicate offset parameters are not allowed."),
        ("tail=1&tail=1", "Duplicate tail parameters are not allowed."),
        ("tail=01", "Tail must be an integer greater than or equal to 1."),
        ("live=", "Offset is required for live mode."),
        ("offset=-1&live=true", 'Invalid live mode. Use "long-poll" or "sse".'),
        ("offset=-1&live=", 'Invalid live mode. Use "long-poll" or "sse".'),
        ("offset=", "Invalid offset format."),
        ("offset=-2", "Invalid offset format."),
        ("offset=%D9%A1_%D9%A1", "Invalid offset format."),
        ("offset=NOW", "Invalid offset format."),
    ],
)
def test_malformed(server, query, details):
    got = get(server, f"/runs/{server.create_run()}?{query}")
    assert (got.status, got.error["type"], got.error["details"]) == (400, "invalid_request", details)
    assert get(server, f"/runs/nope?{query}").status == 404


@pytest.mark.parametrize("target", ["/runs/", "/runs", "/runs/x/", "/runs/x/x", "/workflows/", "/"])
def test_routes_that_do_not_exist(server, target):
    server.create_run(run_id="x")
    got = get(server, target)
    assert (got.status, got.body) == (404, b"404 Not Found")
    assert got.header("content-type") == "text/plain; charset=UTF-8"


def test_ids_are_decoded_once(server):
    server.create_run(run_id="a/b %é")
    assert get(server, "/runs/a%2Fb%20%25%C3%A9").status == 200
    assert get(server, "/runs/a%252Fb%20%25%C3%A9").status == 404
    assert 'Run \\"%E0%A4%A b\\" was' in get(server, "/runs/%E0%A4%A%20b").body.decode()


def test_meta_wins(server, history):
    """Present is enough, whatever its value and whatever else is asked."""
    got = get(server, f"/runs/{history}?offset=zzz&live=sse&meta=")
    assert (got.status, got.json()["status"], got.header("stream-next-offset")) == (200, "active", None)


def test_runs_of_a_workflow_that_hides_them(server):
    server.add_workflow("hidden", lambda _: None, runs=False)
    run_id = server.create_run("hidden")
    for method, query in (("GET", ""), ("GET", "?meta"), ("HEAD", ""), ("DELETE", "")):
        assert ask(server, method, f"/runs/{run_id}{query}").status == 404


def polled(server, run_id, offset, meanwhile):
    """Poll behind an offset, and do something while the poll waits: the head and the body of the answer."""
    seen = len(server.requests)
    with requested(server, f"/runs/{run_id}?offset={offset}&live=long-poll", extra=CLOSE) as sock:
        server.wait_for_requests(seen + 1)
        get(server, "/nope")  # answered once the poll waits
        meanwhile()
        return split(read_all(sock)[0])


class TestLongPoll:
    def test_nothing_new_answers_with_the_offset_asked_for(self, impatient):
        run_id = impatient.create_run()
        impatient.append(run_id, log(1))
        got = get(impatient, f"/runs/{run_id}?offset=now&live=long-poll")
        assert (got.status, got.body, got.header("stream-next-offset")) == (204, b"", offset(0))
        assert (got.header("stream-up-to-date"), got.header("stream-closed")) == ("true", None)
        assert got.header("content-length") is None

    def test_closing_ends_the_wait(self, server):
        run_id = server.create_run()
        head, _ = polled(server, run_id, "-1", lambda: server.close_run(run_id))
        assert head.startswith(b"HTTP/1.1 204 No Content\r\n")
        assert b"Stream-Closed: true" in head

    def test_closed_by_another_process_with_events_unread(self):
        """Flue looks at "closed" when the poll times out, and at nothing else: the tail is lost on who believes it."""
        with FlueTestServer(poll_hold=1) as server:
            run_id = server.create_run()

            def write_elsewhere():
                server.append(run_id, log(1), notify=False)
                server.close_run(run_id, notify=False)

            head, _ = polled(server, run_id, "-1", write_elsewhere)
            assert head.startswith(b"HTTP/1.1 204 ")
            assert b"Stream-Next-Offset: -1\r\n" in head
            assert b"Stream-Closed: true\r\n" in head
            assert messages(get(server, f"/runs/{run_id}?offset=-1")) == [1]

    def test_cursor_runs_ahead_of_the_clients(self, server, history):
        now = int(get(server, f"/runs/{history}?offset=-1&live=long-poll").header("stream-cursor"))
        for echoed, low, high in [("1", now, now + 1), ("junk", now, now + 1), (str(now + 50), now + 51, now + 230)]:
            got = get(server, f"/runs/{history}?offset=-1&live=long-poll&cursor={echoed}")
            assert low <= int(got.header("stream-cursor")) <= high

    def test_a_run_that_ends_is_told_before_its_stream_is_closed(self, server):
        """The normal case of a live run: ``run_end`` in a page that does not say closed, then 204 that does."""

        @server.workflow("short")
        async def short(run):
            run.log("waits")
            await asyncio.to_thread(server.wait_for_requests, 2)
            return 1

        run_id = ask(server, "POST", "/workflows/short").json()["runId"]
        last = get(server, f"/runs/{run_id}?offset={offset(1)}&live=long-poll")
        assert [event["type"] for event in last.json()] == ["run_end"]
        assert last.header("stream-closed") is None
        end = get(server, f"/runs/{run_id}?offset={offset(2)}&live=long-poll")
        assert (end.status, end.header("stream-closed")) == (204, "true")


class TestServerSentEvents:
    def test_history_in_frames_of_a_page(self, server, history):
        server.close_run(history)
        body = get(server, f"/runs/{history}?offset=-1&live=sse").body.decode()
        frames = [frame.split("\ndata:") for frame in body.split("\n\n")[:-1]]
        assert [kind for kind, _ in frames] == ["event: data", "event: control"] * 3
        sizes = [len(json.loads(data)) for kind, data in frames if kind == "event: data"]
        controls = [json.loads(data) for kind, data in frames if kind == "event: control"]
        assert sizes == [100, 100, 50]
        assert [set(control) - {"streamNextOffset"} for control in controls] == [
            {"streamCursor"}, {"streamCursor"}, {"streamClosed"},
        ]  # fmt: skip

    def test_a_run_that_ends_is_told_with_the_close_of_its_stream(self, server, gate):
        """Unlike to a long poll: a stream looks a little later."""
        server.add_workflow("short", lambda run: gate())
        run_id = ask(server, "POST", "/workflows/short").json()["runId"]
        with requested(server, f"/runs/{run_id}?offset=-1&live=sse", extra=CLOSE) as sock:
            data = read_until(sock, b"upToDate")
            gate.open()
            data += read_all(sock)[0]
        frames = dechunk(split(data)[1])[0].split(b"\n\n")
        kinds = [b"run_start", b"upToDate", b"run_end", b"streamClosed", b""]
        assert [kind in frame for kind, frame in zip(kinds, frames, strict=True)] == [True] * 5

    def test_heartbeats_and_keep_alive(self, impatient):
        run_id = impatient.create_run()
        with requested(impatient, f"/runs/{run_id}?offset=-1&live=sse") as sock:
            data = read_until(sock, b": heartbeat\n\n")
            while data.count(b"event: control") < 3:
                data += sock.recv(65536)
        _, body = split(data)
        payload, _ = dechunk(body)
        assert payload.startswith(b'event: control\ndata:{"streamNextOffset":"-1"')
        # After each idle wait two control frames follow each other.
        assert b'"upToDate":true}\n\nevent: control\n' in payload

    def test_unread_events_of_another_process_arrive(self, impatient):
        """Unlike a long poll, a stream reads again after each wait."""
        run_id = impatient.create_run()
        with requested(impatient, f"/runs/{run_id}?offset=-1&live=sse", extra=CLOSE) as sock:
            impatient.wait_for_requests(1)
            impatient.append(run_id, log(1), notify=False)
            impatient.close_run(run_id, notify=False)
            data, how = read_all(sock)
        assert (b'"message":"1"' in data, b"streamClosed" in data, how) == (True, True, CLOSED)


class TestEvents:
    def test_envelope(self, server):
        run_id = server.create_run()
        server.append(run_id, {"type": "idle"}, {"type": "idle", "v": 9, "eventIndex": 70, "runId": "other"})
        first, second = server.history(run_id)
        assert list(first) == ["type", "runId", "v", "eventIndex", "timestamp"]
        assert (first["runId"], first["v"], first["eventIndex"]) == (run_id, 3, 0)
        assert (second["runId"], second["v"], second["eventIndex"]) == ("other", 9, 70)

    def test_raw(self, server):
        run_id = server.create_run()
        texts = [b'{ "spaced" : 1.0 }', '{"lone":"\\ud83d"}', b'{"big":123456789012345678901234567890}']
        server.append(run_id, *texts, {"a": "\ud83d é\u2028"}, raw=True)
        body = get(server, f"/runs/{run_id}").body
        expected = [b'{ "spaced" : 1.0 }', b'{"lone":"\\ud83d"}', b'{"big":123456789012345678901234567890}']
        assert body == b"[" + b",".join([*expected, b'{"a":"\\ud83d \xc3\xa9\xe2\x80\xa8"}']) + b"]"

    def test_closed_stream_takes_nothing(self, server):
        run_id = server.create_run()
        server.finish_run(run_id, error={"name": "Error", "message": "no"})
        with pytest.raises(ValueError, match="closed"):
            server.append(run_id, log(1))
        end = server.history(run_id)[-1]
        assert (end["type"], end["result"], end["isError"], end["error"]["message"]) == ("run_end", None, True, "no")
        record = get(server, f"/runs/{run_id}?meta").json()
        assert (record["status"], record["durationMs"]) == ("errored", end["durationMs"])
        assert "result" not in record

    def test_record_apart_from_the_stream(self, server):
        """The last word counts."""
        run_id = server.create_run()
        server.append(run_id, {"type": "run_end", "result": 1, "isError": False})
        server.close_run(run_id)
        for outcome in (
            {"status": "active"},
            {"status": "errored", "error": "no"},
            {"status": "completed", "result": 1},
        ):
            if outcome["status"] != "active":
                server.complete_record(run_id, result=outcome.get("result"), error=outcome.get("error"))
            record = get(server, f"/runs/{run_id}?meta").json()
            assert {name: record[name] for name in ("status", "result", "error") if name in record} == outcome

    def test_unknown_and_repeated_runs(self, server):
        for call in (server.history, server.append, server.close_run, server.finish_run, server.complete_record):
            with pytest.raises(KeyError):
                call("nope")
        server.create_run(run_id="one")
        with pytest.raises(ValueError, match="exists"):
            server.create_run(run_id="one")

    @pytest.mark.parametrize(
        ("event", "stored"), [('{"v":2}', 2), ('{"v":true}', True), ('{"v":"3"}', "3"), ("[]", None)]
    )
    def test_versions_are_checked_when_asked(self, event, stored):
        with FlueTestServer(check_versions=True) as server:
            run_id = server.create_run()
            server.append(run_id, '{"v":3.0}', event, raw=True)
            for query in ("", "?offset=-1&live=long-poll"):
                got = get(server, f"/runs/{run_id}{query}")
                assert (got.status, got.error["type"]) == (500, "product_event_version_unsupported")
                assert got.error["meta"].get("storedVersion") == stored
            data, how = raw(server, f"/runs/{run_id}?offset=-1&live=sse")
            assert (data[:15], how) == (b"HTTP/1.1 200 OK", RESET)
            assert server.problems == []

    def test_versions_are_not_checked_otherwise(self, server):
        run_id = server.create_run()
        server.append(run_id, '{"v":2}', raw=True)
        assert get(server, f"/runs/{run_id}").json() == [{"v": 2}]
