"""Workflows: how they are invoked, what their functions see, how their runs end."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest

from .raw import JSON, ask, get, invoke, requested

PLAIN = [("content-type", "text/plain")]


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
    assert (got.header("location"), got.header("stream-next-offset")) == (None, None)
    assert get(server, f"/runs/{got.json()['runId']}?offset=-1").status == 200
    got = invoke(server, "echo", [1, None], query="?wait=result")
    assert (got.status, list(got.json()), got.json()["result"]) == (200, ["result", "runId"], [1, None])
    ids = {invoke(server, "echo").json()["runId"] for _ in range(20)}
    assert len(ids) == 20
    assert all(len(run_id) == 30 and run_id.startswith("run_0") for run_id in ids)


@pytest.mark.parametrize(
    ("body", "headers", "given", "recorded"),
    [
        (None, [], {}, None),
        (b"", [], {}, None),
        (b"", JSON, {}, None),
        (b" \n", JSON, {}, None),
        (b"null", JSON, None, [None]),
        (b"\xef\xbb\xbf1", [("content-type", "application/JSON; charset=utf-8")], 1, [1]),
        (b'"\\ud83d"', JSON, "\ud83d", ["\ud83d"]),
    ],
)
def test_inputs(server, inputs, body, headers, given, recorded):
    """They are recorded when there is one; no input is given as an empty object."""
    run_id = post(server, body, headers, "?wait=result").json()["runId"]
    assert inputs == [given]
    for place in (server.history(run_id)[0], get(server, f"/runs/{run_id}?meta").json()):
        assert ([place["input"]] if "input" in place else None) == recorded


WAIT = 'Invalid query parameters: wait: Invalid type: Expected "result" but received '


@pytest.mark.parametrize(
    ("method", "target", "body", "headers", "status", "kind", "details"),
    [
        ("POST", "echo", b"{}", [], 415, "unsupported_media_type", "No Content-Type header was sent."),
        ("POST", "echo", b"{}", PLAIN, 415, "unsupported_media_type", 'Received Content-Type: "text/plain".'),
        ("POST", "echo", b"{", JSON, 400, "invalid_json", ""),
        ("POST", "echo", b"NaN", JSON, 400, "invalid_json", ""),
        ("POST", "echo", b"[" * 100_000, JSON, 400, "invalid_json", ""),
        ("POST", "echo?wait=no", None, [], 400, "invalid_request", f'{WAIT}"no"'),
        ("POST", "echo?wait=result&wait=result", None, [], 400, "invalid_request", f"{WAIT}Array"),
        # Checked before the name is, and after the method.
        ("POST", "nope?wait=no", None, [], 400, "invalid_request", ""),
        ("GET", "echo?wait=no", None, [], 405, "method_not_allowed", ""),
        ("PUT", "nope", None, [], 405, "method_not_allowed", ""),
        ("POST", "%20", None, [], 400, "invalid_request", "Workflow URLs must have the shape"),
    ],
)
def test_refusals(server, inputs, method, target, body, headers, status, kind, details):
    got = ask(server, method, f"/workflows/{target}", body, headers)
    assert (got.status, got.error["type"], inputs) == (status, kind, [])
    assert got.error["details"].startswith(details)
    assert got.header("allow") == ("POST" if status == 405 else None)


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
    server.add_workflow("meet", lambda run: both.wait(5) >= 0)
    assert invoke(server, "meet").status == 202
    assert invoke(server, "meet", query="?wait=result").json()["result"] is True


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


async def fail_later(run):
    raise LookupError("not here")


@pytest.mark.parametrize(
    ("function", "error"),
    [
        (lambda run: {}["not here"], {"name": "KeyError", "message": "'not here'"}),
        (fail_later, {"name": "LookupError", "message": "not here"}),
        # What would end the server's thread, or cannot leave a coroutine.
        (lambda run: sys.exit(3), {"name": "RuntimeError", "message": "SystemExit(3)"}),
        (lambda run: next(iter([])), {"name": "RuntimeError", "message": "StopIteration()"}),
    ],
)
def test_failure(server, function, error):
    server.add_workflow("fail", function)
    got = invoke(server, "fail", query="?wait=result")
    assert (got.status, got.error["type"]) == (500, "internal_error")
    run_id = invoke(server, "fail").json()["runId"]
    get(server, f"/runs/{run_id}?offset=-1&live=sse")
    assert server.history(run_id)[-1]["error"] == error
    record = get(server, f"/runs/{run_id}?meta").json()
    assert (record["status"], record["isError"], record["error"]) == ("errored", True, error)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda _: float("nan"), "ActionOutputSerializationError"),
        (lambda _: object(), "ActionOutputSerializationError"),
        (lambda run: run.emit({"type": "log", "at": object()}), "TypeError"),
    ],
)
def test_what_is_not_json_fails_the_run(server, function, name):
    server.add_workflow("odd", function)
    run_id = invoke(server, "odd").json()["runId"]
    get(server, f"/runs/{run_id}?offset=-1&live=sse")
    end = server.history(run_id)[-1]
    assert (end["isError"], end["error"]["name"]) == (True, name)


def test_the_run_outlives_who_waits_for_it(server, gate):
    server.add_workflow("slow", lambda _: gate())
    with requested(server, "/workflows/slow?wait=result", method="POST", extra="Content-Length: 0\r\n"):
        gate.reached()
    server.wait_for_connections(0)
    gate.open()
    (run_id,) = server.run_ids
    get(server, f"/runs/{run_id}?offset=-1&live=sse")
    assert server.history(run_id)[-1]["isError"] is False
