"""`workflows invoke`, `runs get`, `runs events` and `runs stream` in a pipe."""

from __future__ import annotations

import csv
import io
import json

import pytest

from flue.testing import Fault


def offset(number):
    return f"{0:016}_{number:016}"


def indices(outcome):
    return [event["eventIndex"] for event in outcome.objects]


# Runs.


def test_get_prints_the_record(flue, server, finished, failed):
    outcome = flue("runs", "get", finished)
    assert (outcome.status, outcome.err) == (0, "")
    (record,) = outcome.objects
    assert (record["status"], record["result"]) == ("completed", {"greeting": "Hello, Ada"})
    outcome = flue("runs", "get", failed)
    assert outcome.status == 0
    assert outcome.objects[0]["error"] == {"name": "ValueError", "message": "no name was given"}


@pytest.mark.parametrize("kind", ["finished", "failed", "running"])
@pytest.mark.parametrize("command", ["events", "stream --live off", "stream", "stream --live long-poll"])
def test_events_are_those_of_the_server(flue, server, finished, failed, running, kind, command):
    """Only a run that was followed tells the exit status, and only one that has ended is followed to its end."""
    run_id = {"finished": finished, "failed": failed, "running": running}[kind]
    name, *options = command.split()
    if kind == "running" and command in {"stream", "stream --live long-poll"}:
        server.finish_run(run_id)
    outcome = flue("runs", name, run_id, *options)
    assert outcome.objects == server.history(run_id)
    said = f"flue: workflow run {run_id} failed: ValueError: no name was given\n"
    failure = kind == "failed" and name == "stream"
    assert (outcome.status, outcome.err) == ((1, said) if failure else (0, ""))
    modes = {request.first("live") for request in server.requests} - {None}
    assert modes == ({"sse"} if command == "stream" else set())
    assert not any("meta" in request.target for request in server.requests)  # the record is not needed


def test_tail_and_offset(flue, server, finished):
    assert indices(flue("runs", "events", finished, "--tail", "2")) == [3, 4]
    assert indices(flue("runs", "events", finished, "--offset", offset(1))) == [2, 3, 4]
    assert indices(flue("runs", "events", finished, "--offset", "-1")) == [0, 1, 2, 3, 4]


def test_stream_from_behind_the_end_goes_by_the_record(flue, server, finished, failed):
    assert flue("runs", "stream", finished, "--offset", offset(4)).status == 0
    outcome = flue("runs", "stream", failed, "--offset", offset(1))
    assert (outcome.status, outcome.out) == (1, "")
    assert "no name was given" in outcome.err


def test_stream_survives_a_cut_and_says_so(flue, server, finished):
    server.faults.add(Fault(cut_after=400), live="sse")
    outcome = flue("runs", "stream", finished)
    assert outcome.status == 0
    assert outcome.objects == server.history(finished)
    assert outcome.err.startswith(f"flue: run {finished}: attempt 1 failed (")


def test_timeout_says_where_to_go_on(flue, server, running):
    outcome = flue("runs", "stream", running, "--timeout", "2", "--live", "long-poll")
    assert outcome.status == 3
    first, second = outcome.err.splitlines()
    assert first.startswith("flue: the stream did not end within")
    assert second == f"  to resume: flue-py runs stream {running} --offset {offset(0)} --live long-poll"


def test_the_resume_command_keeps_the_address_and_leaves_secrets_out(flue, server, running, monkeypatch):
    monkeypatch.delenv("FLUE_BASE_URL")
    server.faults.add(Fault(status=400), live="long-poll")
    address, secrets = ["--base-url", server.base_url], ["--token", "s3cret", "--header", "X-Api-Key: hush"]
    outcome = flue(*address, *secrets, "runs", "stream", running, "--live", "long-poll", "--json")
    assert (
        f"flue-py runs stream {running} --offset {offset(0)} --live long-poll --base-url {server.base_url} --json"
        "  (and --token and --header as before)"
    ) in outcome.err
    assert "s3cret" not in outcome.err
    assert "hush" not in outcome.err


def test_options_may_stand_on_either_side(flue, server, finished):
    before = ["--header", "X-One: 1", "--header", "X-Two: 2", "--token", "t0k"]
    assert flue(*before, "runs", "get", finished, "--header", "x-three:3", "--header", "X-One: 4").status == 0
    request = server.requests[-1]
    assert [request.header(name) for name in ("x-one", "x-two", "x-three")] == ["4", "2", "3"]
    assert request.header("authorization") == "Bearer t0k"


def test_token_from_the_environment(flue, server, finished, monkeypatch):
    monkeypatch.setenv("FLUE_TOKEN", "from-the-environment")
    assert flue("runs", "get", finished).status == 0
    assert server.requests[-1].header("authorization") == "Bearer from-the-environment"


def test_lines_are_ascii_and_lines_for_everybody(flue, server):
    """Whatever breaks lines elsewhere, and half a character too."""
    message = r"half \ud83d one\u2028two\u0085three\nfour é"
    run_id = server.create_run()
    event = f'{{"type":"log","level":"info","message":"{message}","v":3,"eventIndex":0,"runId":"{run_id}",'
    server.append(run_id, event + '"timestamp":"2026-11-23T09:00:00.000Z"}', raw=True)
    outcome = flue("runs", "events", run_id)
    assert outcome.out.isascii()
    assert len(outcome.out.splitlines()) == 1
    assert outcome.objects[0]["message"] == json.loads(f'"{message}"')


def test_csv(flue, server, finished):
    outcome = flue("runs", "events", finished, "--csv")
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    assert [row["type"] for row in rows] == ["run_start", "log", "log", "log", "run_end"]
    assert [row["event_index"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert rows[-1]["is_error"] == "false"
    assert json.loads(rows[1]["data"]) == {"level": "info", "message": "line 0", "v": 3}


# Workflows.


@pytest.fixture
def invoke(flue, server):
    """Starts `ticks`, unless another workflow is named."""
    return lambda *options, name="ticks": flue("workflows", "invoke", name, *options)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("mode", ["", "--wait", "--follow"])
def test_invoke(invoke, server, mode, fails):
    """Only a run that was waited for or followed tells the exit status."""
    value = json.dumps({"count": 2, "pause": 0, "fail": fails})
    outcome = invoke("--input", value, *mode.split())
    (run_id,) = server.run_ids
    assert outcome.status == (1 if fails and mode else 0)
    if mode == "--follow":
        assert [event["type"] for event in outcome.objects] == ["run_start", "log", "log", "run_end"]
        assert outcome.err == (f"flue: workflow run {run_id} failed: RuntimeError: asked to fail\n" if fails else "")
    elif mode and fails:
        assert outcome.out == ""
        assert outcome.err.startswith("flue: Flue API error 500 ")
    else:
        result = {"result": {"ticks": 2}} if mode else {}
        assert (outcome.objects, outcome.err) == ([{"runId": run_id} | result], "")


@pytest.mark.parametrize(
    ("fault", "words", "said"),
    [
        # A server that is away is not a failed run.
        (Fault(status=503), ["ticks", "--wait"], "flue: Flue API error 503"),
        (None, ["ticks", "--input", '{"count": "many"}'], "flue: Flue API error 500 [action_input_validation]"),
        (None, ["hidden", "--follow"], "RUN was started, but cannot be read"),
        # The id is told although not one event has been read.
        (Fault(status=400), ["ticks", "--follow"], "to resume: flue-py runs stream RUN --offset -1"),
        (None, ["nope"], 'flue: Flue API error 404 [workflow_not_found]: Workflow "nope" is not registered.\n'),
        # A lost answer is not asked for again.
        (Fault(refuse=True), ["ticks"], "whether the server has admitted it is not known"),
    ],
)
def test_a_start_that_goes_wrong(flue, server, fault, words, said):
    if fault is not None:
        server.faults.add(fault, live="--follow" in words or None)
    outcome = flue("workflows", "invoke", *words)
    assert (outcome.status, outcome.out) == (3, "")
    assert said.replace("RUN", server.run_ids[0] if server.run_ids else "") in outcome.err
    assert sum(request.method == "POST" for request in server.requests) == 1


@pytest.fixture
def given(monkeypatch, tmp_path):
    """Puts bytes into standard input, whose encoding is another, and into a file; returns what names them."""

    def give(data):
        (tmp_path / "input.json").write_bytes(data)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding="latin-1"))
        return "-", f"@{tmp_path}/input.json"

    return give


@pytest.mark.parametrize("data", ["null", '"text"', '[1, "é"]', '\ufeff{"from": "a file — ü"}'])
def test_the_input_is_utf_8_whatever_the_locale(invoke, server, given, data):
    value = json.loads(data.removeprefix("\ufeff"))
    for argument in (*given(data.encode()), json.dumps(value)):
        invoke("--input", argument, name="nope")
        assert json.loads(server.requests[-1].body) == value
    invoke(name="nope")
    assert server.requests[-1].body == b""


def test_input_that_is_not_utf_8(invoke, server, given):
    for argument in given(b'"\xff\xfe"'):
        outcome = invoke("--input", argument)
        assert (outcome.status, outcome.err) == (2, "flue: the input is not UTF-8: invalid start byte at byte 1\n")
    assert server.requests == []
