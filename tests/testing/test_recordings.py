"""The answers of the server against those of a real Flue 1.0, header by header and byte by byte."""

from __future__ import annotations

import json
import re

import pytest

from flue.testing import FlueTestServer, InvalidInputError

from .raw import CLOSE, JSON, ask, dechunk, get, invoke, read_all, read_until, recorded, requested, split

ERRORS = dict(recorded("errors.http"))


def comparable(headers):
    """Header pairs with what the clock decides taken out."""
    varying = {"Date", "Stream-Cursor", "etag"}
    return [(name, "*" if name in varying else value) for name, value in headers]


def ticks_events():
    """The events of the live recording, in the groups in which they arrived."""
    ((_, got),) = recorded("ticks_live_sse.http")
    return [json.loads(line[5:]) for line in got.body.decode().splitlines() if line.startswith("data:[")]


def without_cursor(body):
    return re.sub(rb'"streamCursor":"[0-9]+"', b'"streamCursor":"*"', body)


def count_needed(value):
    if "count" not in value:
        raise InvalidInputError('Invalid key: Expected "count" but received undefined', ["count"])


def fails(run):
    raise RuntimeError("asked to fail")


@pytest.mark.parametrize(
    "title",
    [
        *(title for title in ERRORS if title.startswith(("GET /runs/run_nope", "GET /runs/RUN?"))),
        "DELETE /runs/RUN",
        "POST /workflows/nope",
        'POST /workflows/ticks {"bad":2}',
        'POST /workflows/ticks?wait=result {"count":1,"fail":true}',
    ],
)
def test_errors(server, title):
    server.add_workflow("ticks", fails, validate=count_needed)
    method, target, *body = title.replace("RUN", server.create_run()).split(" ")
    sent = "".join(body) or ("{}" if method == "POST" else None)
    got = ask(server, method, target, sent, JSON if sent else [])
    assert got.status == ERRORS[title].status
    assert comparable(got.headers) == comparable(ERRORS[title].headers)
    assert got.body == ERRORS[title].body


def test_no_token():
    expected = ERRORS["GET /runs/RUN without a token"]
    with FlueTestServer("secret") as server:
        run_id = server.create_run()
        for headers in ([], [("authorization", "Bearer wrong")]):
            got = get(server, f"/runs/{run_id}", headers=headers)
            assert (got.status, got.body) == (expected.status, expected.body)
            assert comparable(got.headers) == comparable(expected.headers)
        assert get(server, f"/runs/{run_id}", headers=[("authorization", "Bearer secret")]).status == 200


def test_history_as_one_frame(server):
    """A whole history read by server-sent events: the very bytes of the recording."""
    ((_, expected),) = recorded("chat_sse.http")
    events = json.loads(expected.body.partition(b"data:")[2].partition(b"\n")[0])
    run_id = server.create_run("chat", run_id=events[0]["runId"])
    server.append(run_id, *events, raw=True)
    server.close_run(run_id)
    got = get(server, f"/runs/{run_id}?offset=-1&live=sse")
    assert comparable(got.headers) == comparable(expected.headers)
    assert got.body == expected.body


def test_live_frames(server):
    """Events that are written while somebody reads: the very bytes, but for the cursor."""
    ((_, expected),) = recorded("ticks_live_sse.http")
    first, *groups, last = ticks_events()
    run_id = server.create_run("ticks", run_id=first[0]["runId"])
    server.append(run_id, *first, raw=True)
    with requested(server, f"/runs/{run_id}?offset=-1&live=sse", extra=CLOSE) as sock:
        data = read_until(sock, b'"upToDate":true}\n\n')
        for group in groups:
            server.append(run_id, *group, raw=True)
            data += read_until(sock, b'"upToDate":true}\n\n')
        server.append(run_id, *last, raw=True, notify=False)
        server.close_run(run_id)
        data += read_all(sock)[0]
    payload, complete = dechunk(split(data)[1])
    assert complete
    assert without_cursor(payload) == without_cursor(expected.body)


def test_long_poll(server):
    """The four answers of a reader that polls a run of two ticks, from its start to its close."""
    expected = [got for _, got in recorded("ticks_long_poll.http")]
    groups = [json.loads(got.body) for got in expected[:3]]
    run_id = server.create_run("ticks", run_id=groups[0][0]["runId"])
    server.append(run_id, *groups[0], raw=True)
    got = [get(server, f"/runs/{run_id}?offset=-1")]
    for group in groups[1:]:
        target = f"/runs/{run_id}?offset={got[-1].header('stream-next-offset')}&live=long-poll"
        with requested(server, target) as sock:
            server.wait_for_requests(len(got) + 1)
            server.append(run_id, *group, raw=True)
            head = read_until(sock, b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        got.append(get(server, target))
        assert got[-1].body == expected[len(got) - 1].body
    server.close_run(run_id)
    got.append(get(server, f"/runs/{run_id}?offset={got[-1].header('stream-next-offset')}&live=long-poll"))
    assert [answer.status for answer in got] == [200, 200, 200, 204]
    for answer, real in zip(got, expected, strict=True):
        assert comparable(answer.headers) == comparable(real.headers)
        assert answer.header("etag") == real.header("etag")
        assert answer.body == real.body


def test_events_of_a_workflow(server):
    """The events that a Python workflow leaves have the fields of the recording, in its order."""

    @server.workflow("ticks")
    def ticks(run):
        for i in range(run.input["count"]):
            run.log(f"tick {i}", i=i, pad="")
        return {"ticks": run.input["count"]}

    run_id = invoke(server, "ticks", {"count": 5, "delayMs": 300}).json()["runId"]
    get(server, f"/runs/{run_id}?offset=-1&live=sse")
    expected = [event for group in ticks_events() for event in group]
    history = server.history(run_id)
    assert [list(event) for event in history] == [list(event) for event in expected]
    for event, real in zip(history, expected, strict=True):
        for name in ("startedAt", "timestamp", "runId", "durationMs"):
            event.pop(name, None), real.pop(name, None)
        assert event == real


def test_record_of_a_workflow(server):
    server.add_workflow("chat", lambda _: {"summary": "Ünïcödé ✓ 🎉"})
    got = invoke(server, "chat", {"text": "What is 2 + 40?"}, query="?wait=result")
    record = get(server, f"/runs/{got.json()['runId']}?meta")
    names = "runId workflowName status startedAt input endedAt isError durationMs result"
    assert list(record.json()) == names.split()
    assert "Ünïcödé ✓ 🎉".encode() in record.body
