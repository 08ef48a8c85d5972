"""`runs get`, `runs events`, `runs stream` in a pipe."""

from __future__ import annotations

import csv
import io
import json

import pytest

from flue.testing import Fault


def indices(outcome):
    return [event["eventIndex"] for event in outcome.objects]


def test_get_prints_the_record(flue, server, finished):
    outcome = flue("runs", "get", finished)
    assert outcome.status == 0
    assert outcome.err == ""
    (record,) = outcome.objects
    assert record["status"] == "completed"
    assert record["result"] == {"greeting": "Hello, Ada"}


def test_get_of_a_failed_run_is_a_success(flue, server, failed):
    outcome = flue("runs", "get", failed)
    assert outcome.status == 0
    assert outcome.objects[0]["error"] == {"name": "ValueError", "message": "no name was given"}


def test_get_of_an_unknown_run(flue, server):
    outcome = flue("runs", "get", "run_nope")
    assert (outcome.status, outcome.out) == (3, "")
    assert outcome.err == 'flue: Flue API error 404 [run_not_found]: Run "run_nope" was not found.\n'


def test_events_are_those_of_the_server(flue, server, finished):
    outcome = flue("runs", "events", finished)
    assert outcome.status == 0
    assert outcome.objects == server.history(finished)


def test_events_of_a_failed_run_are_a_success(flue, server, failed):
    outcome = flue("runs", "events", failed)
    assert outcome.status == 0
    assert outcome.objects[-1]["isError"] is True


def test_events_of_a_run_that_goes_on_end(flue, server):
    run_id = server.create_run()
    server.append(run_id, {"type": "log", "level": "info", "message": "so far"})
    outcome = flue("runs", "events", run_id)
    assert outcome.status == 0
    assert [event["message"] for event in outcome.objects] == ["so far"]


def test_tail_and_offset(flue, server, finished):
    assert indices(flue("runs", "events", finished, "--tail", "2")) == [3, 4]
    assert indices(flue("runs", "events", finished, "--offset", f"{0:016}_{1:016}")) == [2, 3, 4]
    assert indices(flue("runs", "events", finished, "--offset", "-1")) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("live", ["sse", "long-poll", "off"])
def test_stream_to_the_end(flue, server, finished, live):
    outcome = flue("runs", "stream", finished, "--live", live)
    assert outcome.status == 0
    assert outcome.objects == server.history(finished)
    modes = {request.first("live") for request in server.requests}
    assert modes - {None} == ({"sse"} if live == "sse" else set())
    assert not any("meta" in request.target for request in server.requests)  # the record is not needed


def test_stream_of_a_failed_run_fails(flue, server, failed):
    outcome = flue("runs", "stream", failed)
    assert outcome.status == 1
    assert len(outcome.objects) == 2
    assert outcome.err == f"flue: workflow run {failed} failed: ValueError: no name was given\n"


def test_stream_from_behind_the_end_goes_by_the_record(flue, server, finished, failed):
    end = f"{0:016}_{4:016}"
    assert flue("runs", "stream", finished, "--offset", end).status == 0
    outcome = flue("runs", "stream", failed, "--offset", f"{0:016}_{1:016}")
    assert (outcome.status, outcome.out) == (1, "")
    assert "no name was given" in outcome.err


def test_stream_that_is_not_live_leaves_a_run_that_goes_on(flue, server):
    run_id = server.create_run()
    server.append(run_id, {"type": "log", "level": "info", "message": "so far"})
    outcome = flue("runs", "stream", run_id, "--live", "off")
    assert (outcome.status, len(outcome.objects), outcome.err) == (0, 1, "")


def test_stream_survives_a_cut_and_says_so(flue, server, finished):
    server.faults.add(Fault(cut_after=400), live="sse")
    outcome = flue("runs", "stream", finished)
    assert outcome.status == 0
    assert outcome.objects == server.history(finished)
    assert outcome.err.startswith(f"flue: run {finished}: attempt 1 failed (")


def test_timeout_says_where_to_go_on(flue, server):
    run_id = server.create_run()
    server.append(run_id, {"type": "log", "level": "info", "message": "so far"})
    outcome = flue("runs", "stream", run_id, "--timeout", "2", "--live", "long-poll")
    offset = f"{0:016}_{0:016}"
    assert outcome.status == 3
    first, second = outcome.err.splitlines()
    assert first.startswith("flue: the stream did not end within")
    assert second == f"  to resume: flue-py runs stream {run_id} --offset {offset} --live long-poll"


def test_the_resume_command_keeps_the_address_and_leaves_secrets_out(flue, server, monkeypatch):
    monkeypatch.delenv("FLUE_BASE_URL")
    run_id = server.create_run()
    server.append(run_id, {"type": "log", "level": "info", "message": "so far"})
    secrets = ["--token", "s3cret", "--header", "X-Api-Key: hush"]
    server.faults.add(Fault(status=400), live="long-poll")
    outcome = flue("--base-url", server.base_url, *secrets, "runs", "stream", run_id, "--live", "long-poll", "--json")
    expected = (
        f"flue-py runs stream {run_id} --offset {0:016}_{0:016} --live long-poll --base-url {server.base_url} --json"
        "  (and --token and --header as before)"
    )
    assert expected in outcome.err
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


def test_lone_surrogates_come_through(flue, server):
    run_id = server.create_run()
    server.append(
        run_id,
        rf'{{"type":"log","level":"info","message":"half \ud83d","v":3,"eventIndex":0,"runId":"{run_id}",'
        r'"timestamp":"2026-11-23T09:00:00.000Z"}',
        raw=True,
    )
    outcome = flue("runs", "events", run_id)
    assert outcome.out.isascii()
    assert outcome.objects[0]["message"] == "half \ud83d"


def test_lines_are_lines_for_everybody(flue, server):
    message = "one\u2028two\u0085three\nfour"
    run_id = server.create_run()
    server.append(run_id, {"type": "log", "level": "info", "message": message})
    outcome = flue("runs", "events", run_id)
    assert len(outcome.out.splitlines()) == 1
    assert outcome.objects[0]["message"] == message


def test_csv(flue, server, finished):
    outcome = flue("runs", "events", finished, "--csv")
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    assert [row["type"] for row in rows] == ["run_start", "log", "log", "log", "run_end"]
    assert [row["event_index"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert rows[-1]["is_error"] == "false"
    assert json.loads(rows[1]["data"]) == {"level": "info", "message": "line 0", "v": 3}
