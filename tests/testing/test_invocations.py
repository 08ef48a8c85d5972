"""Workflows: how they are invoked, what their functions see, how their runs end."""

from __future__ import annotations

import asyncio
import threading

import pytest

from .raw import ask, get, invoke, opened, read_all, request_bytes, split

JSON = [("content-type", "application/json")]


def post(server, body, headers, query=""):
    return ask(server, "POST", f"/workflows/echo{query}", body, headers)


@pytest.fixture
def inputs(server):
    """What the workflow ``echo`` was given, in order."""
    seen = []
    server.add_workflow("echo", lambda run: seen.append(run.input) or run.input)
    return seen


def test_accepted(server, inputs):
    got = invoke(server, "echo", {"a": "é"})
    assert (got.status, list(got.json())) == (202, ["runId"])
    assert got.header("location") is None
    assert got.header("stream-next-offset") is None
    assert get(server, f"/runs/{got.json()['runId']}?offset=-1").status == 200


def test_waiting_for_the_result(server, inputs):
    got = invoke(server, "echo", [1, None], query="?wait=result")
    assert got.status == 200
    assert list(got.json()) == ["result", "runId"]
    assert got.json()["result"] == [1, None]


@pytest.mark.parametrize(
    ("body", "headers", "given"),
    [
        (None, [], {}),
        (b"", [], {}),
        (b"", JSON, {}),
        (b" \n", JSON, {}),
        (b"null", JSON, None),
        (b"\xef\xbb\xbf1", [("content-type", "application/JSON; charset=utf-8")], 1),
        (b'"\\ud83d"', JSON, "\ud83d"),
    ],
)
def test_inputs(server, inputs, body, headers, given):
    assert post(server, body, headers, "?wait=result").status == 200
    assert inputs == [given]


def test_input_is_recorded_when_there_is_one(server, inputs):
    for body, recorded in [(None, False), (b"null", True)]:
        run_id = post(server, body, JSON if body else [], "?wait=result").json()["runId"]
        assert ("input" in server.history(run_id)[0]) is recorded
        assert ("input" in get(server, f"/runs/{run_id}?meta").json()) is recorded


@pytest.mark.parametrize(
    ("body", "headers", "refusal"),
    [
        (b"{}", [], (415, "unsupported_media_type")),
        (b"{}", [("content-type", "text/plain")], (415, "unsupported_media_type")),
        (b"{", JSON, (400, "invalid_json")),
        (b"NaN", JSON, (400, "invalid_json")),
        (b"[" * 100_000, JSON, (400, "invalid_json")),
    ],
)
def test_bodies_that_are_refused(server, inputs, body, headers, refusal):
    got = post(server, body, headers)
    assert ((got.status, got.error["type"]), inputs) == (refusal, [])


def test_wait_has_one_value(server, inputs):
    got = post(server, None, [], "?wait=no")
    assert (got.status, got.error["type"]) == (400, "invalid_request")
    details = 'Invalid query parameters: wait: Invalid type: Expected "result" but received "no"'
    assert got.error["details"] == details
    twice = post(server, None, [], "?wait=result&wait=result")
    assert twice.error["details"].endswith('Expected "result" but received Array')
    # Checked before the name is.
    assert ask(server, "POST", "/workflows/nope?wait=no").status == 400


def test_only_post(server, inputs):
    for method in ("GET", "PUT"):
        got = ask(server, method, "/workflows/echo?wait=no")
        assert (got.status, got.header("allow")) == (405, "POST")


def test_blank_name(server):
    got = ask(server, "POST", "/workflows/%20")
    assert (got.status, got.error["type"]) == (400, "invalid_request")


def test_no_input_wanted(server):
    server.add_workflow("noinput", lambda run: run.input, accepts_input=False)
    assert invoke(server, "noinput", query="?wait=result").json()["result"] is None
    for body in (b"{}", b"null"):
        got = ask(server, "POST", "/workflows/noinput", body, JSON)
        assert (got.status, got.error["type"]) == (500, "workflow_input_unexpected")


def test_validation_comes_before_the_run(server):
    def positive(value):
        if value["n"] < 1:
            raise ValueError("too small")

    server.add_workflow("checked", lambda run: run.input["n"], validate=positive)
    assert invoke(server, "checked", {"n": 2}, query="?wait=result").json()["result"] == 2
    for value in ({"n": 0}, {}, 7):
        got = invoke(server, "checked", value)
        assert (got.status, got.error["type"]) == (500, "action_input_validation")
    assert invoke(server, "checked", {"n": 0}).error["meta"] == {
        "action": "workflow",
        "issues": [{"message": "too small"}],
    }


def test_plain_functions_have_a_thread_each(server):
    """Two runs that wait for each other: neither could end if they shared one."""
    both = threading.Barrier(2)

    @server.workflow("meet")
    def meet(run):
        return both.wait(5) >= 0

    first = invoke(server, "meet")
    assert invoke(server, "meet", query="?wait=result").json()["result"] is True
    assert first.status == 202
    assert threading.current_thread() is threading.main_thread()


def test_coroutine_functions_share_the_loop(server):
    seen = set()

    @server.workflow("meet")
    async def meet(run):
        seen.add(threading.get_ident())
        run.log("here", who=run.run_id)
        await asyncio.sleep(0)
        return run.workflow_name

    got = [invoke(server, "meet", query="?wait=result").json() for _ in range(2)]
    assert [answer["result"] for answer in got] == ["meet", "meet"]
    assert len(seen) == 1
    kinds = [event["type"] for event in server.history(got[0]["runId"])]
    assert kinds == ["run_start", "log", "run_end"]


def test_log_levels_and_attributes(server):
    @server.workflow("logs")
    def logs(run):
        run.log("plain")
        run.log("loud", level="warn", n=1)
        run.emit({"type": "text_delta", "text": "é"})

    run_id = invoke(server, "logs", query="?wait=result").json()["runId"]
    _, plain, loud, delta, _ = server.history(run_id)
    assert ("attributes" in plain, plain["level"]) == (False, "info")
    assert (loud["level"], loud["attributes"]) == ("warn", {"n": 1})
    assert (delta["text"], delta["eventIndex"]) == ("é", 3)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_failure(server, asynchronous):
    def fail(run):
        raise LookupError("not here")

    async def fail_later(run):
        fail(run)

    server.add_workflow("fail", fail_later if asynchronous else fail)
    got = invoke(server, "fail", query="?wait=result")
    assert (got.status, got.error["type"]) == (500, "internal_error")
    accepted = invoke(server, "fail").json()["runId"]
    stream = get(server, f"/runs/{accepted}?offset=-1&live=sse").body
    assert b'"error":{"name":"LookupError","message":"not here"}' in stream
    record = get(server, f"/runs/{accepted}?meta").json()
    assert (record["status"], record["isError"], record["error"]["name"]) == ("errored", True, "LookupError")


@pytest.mark.parametrize("result", [float("nan"), object()])
def test_result_that_is_not_json(server, result):
    server.add_workflow("odd", lambda _: result)
    run_id = invoke(server, "odd").json()["runId"]
    get(server, f"/runs/{run_id}?offset=-1&live=sse")
    end = server.history(run_id)[-1]
    assert (end["isError"], end["error"]["name"]) == (True, "ActionOutputSerializationError")


def test_event_that_is_not_json_fails_the_run(server):
    server.add_workflow("odd", lambda run: run.emit({"type": "log", "at": object()}))
    run_id = invoke(server, "odd").json()["runId"]
    get(server, f"/runs/{run_id}?offset=-1&live=sse")
    assert server.history(run_id)[-1]["error"]["name"] == "TypeError"


def test_the_run_outlives_who_waits_for_it(server):
    release = threading.Event()
    server.add_workflow("slow", lambda _: release.wait(5))
    with opened(server) as sock:
        sock.sendall(request_bytes(server, "/workflows/slow?wait=result", method="POST", extra="Content-Length: 0\r\n"))
        server.wait_for_requests(1)
    server.wait_for_connections(0)
    release.set()
    (run_id,) = server.run_ids
    get(server, f"/runs/{run_id}?offset=-1&live=sse")
    assert server.history(run_id)[-1]["result"] is True


def test_ids_are_unlike(server, inputs):
    ids = {invoke(server, "echo").json()["runId"] for _ in range(20)}
    assert len(ids) == 20
    assert all(len(run_id) == 30 and run_id.startswith("run_0") for run_id in ids)


def test_chunked_request_body(server, inputs):
    with opened(server) as sock:
        extra = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
        sock.sendall(request_bytes(server, "/workflows/echo?wait=result", method="POST", extra=extra))
        sock.sendall(b'3\r\n{"a\r\n4;x=y\r\n":1}\r\n0\r\n\r\n')
        _, body = split(read_all(sock)[0])
    assert body.startswith(b'{"result":{"a":1}')
    assert server.requests[0].json() == {"a": 1}
