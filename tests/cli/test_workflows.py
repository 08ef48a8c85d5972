"""`workflows invoke` in a pipe."""

from __future__ import annotations

import io
import json

import pytest

from flue.testing import Fault


def test_invoke_prints_the_run_and_leaves_it(flue, server):
    outcome = flue("workflows", "invoke", "ticks", "--input", '{"count": 1, "pause": 0.01}')
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.objects == [{"runId": server.run_ids[0]}]


def test_wait_prints_the_result(flue, server):
    outcome = flue("workflows", "invoke", "ticks", "--input", '{"count": 2, "pause": 0.01}', "--wait")
    assert outcome.status == 0
    assert outcome.objects == [{"runId": server.run_ids[0], "result": {"ticks": 2}}]


def test_follow_prints_the_events(flue, server):
    outcome = flue("workflows", "invoke", "ticks", "--input", '{"count": 2, "pause": 0.01}', "--follow")
    assert (outcome.status, outcome.err) == (0, "")
    assert [event["type"] for event in outcome.objects] == ["run_start", "log", "log", "run_end"]
    assert outcome.objects[-1]["result"] == {"ticks": 2}


def test_a_failed_run_that_was_followed(flue, server):
    outcome = flue("workflows", "invoke", "ticks", "--input", '{"count": 1, "pause": 0, "fail": true}', "--follow")
    assert outcome.status == 1
    assert outcome.objects[-1]["type"] == "run_end"
    assert outcome.err == f"flue: workflow run {server.run_ids[0]} failed: RuntimeError: asked to fail\n"


def test_a_failed_run_that_was_waited_for(flue, server):
    outcome = flue("workflows", "invoke", "ticks", "--input", '{"count": 1, "pause": 0, "fail": true}', "--wait")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith("flue: Flue API error 500 ")


def test_a_server_that_is_away_is_not_a_failed_run(flue, server):
    server.faults.add(Fault(status=503))
    assert flue("workflows", "invoke", "ticks", "--wait").status == 3


def test_an_input_that_is_refused(flue, server):
    outcome = flue("workflows", "invoke", "ticks", "--input", '{"count": "many"}')
    assert outcome.status == 3
    assert outcome.err.startswith("flue: Flue API error 500 [action_input_validation]")


def test_a_workflow_whose_runs_cannot_be_read(flue, server):
    outcome = flue("workflows", "invoke", "hidden", "--follow")
    assert (outcome.status, outcome.out) == (3, "")
    assert f"run {server.run_ids[0]} was started, but cannot be read" in outcome.err


def test_an_unknown_workflow(flue, server):
    outcome = flue("workflows", "invoke", "nope")
    assert outcome.status == 3
    assert outcome.err == 'flue: Flue API error 404 [workflow_not_found]: Workflow "nope" is not registered.\n'


def standard_input(data, encoding="utf-8"):
    return io.TextIOWrapper(io.BytesIO(data), encoding=encoding)


@pytest.mark.parametrize("data", ['"é"'.encode(), '\ufeff"é"'.encode()])
@pytest.mark.parametrize("source", ["standard input", "file"])
def test_input_is_utf_8_whatever_the_locale(flue, server, monkeypatch, tmp_path, data, source):
    (tmp_path / "input.json").write_bytes(data)
    monkeypatch.setattr("sys.stdin", standard_input(data, "latin-1"))
    flue("workflows", "invoke", "nope", "--input", "-" if source == "standard input" else f"@{tmp_path}/input.json")
    assert json.loads(server.requests[-1].body) == "é"


def test_input_that_is_not_utf_8(flue, server, monkeypatch, tmp_path):
    (tmp_path / "input.json").write_bytes(b'"\xff\xfe"')
    monkeypatch.setattr("sys.stdin", standard_input(b'"\xff\xfe"', "latin-1"))
    for given in ("-", f"@{tmp_path}/input.json"):
        outcome = flue("workflows", "invoke", "nope", "--input", given)
        assert (outcome.status, outcome.err) == (2, "flue: the input is not UTF-8: invalid start byte at byte 1\n")
    assert server.requests == []


def test_standard_input_that_is_closed(flue, server, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    outcome = flue("workflows", "invoke", "nope", "--input", "-")
    assert (outcome.status, outcome.err) == (2, "flue: there is no standard input\n")


def test_the_input_arrives_as_it_is(flue, server, monkeypatch, tmp_path):
    file = tmp_path / "input.json"
    file.write_text('\ufeff{"from": "a file — ü"}', encoding="utf-8")
    inputs = [["--input", "null"], ["--input", '"text"'], [], ["--input", f"@{file}"], ["--input", "-"]]
    monkeypatch.setattr("sys.stdin", standard_input(b'[1, "from standard input"]'))
    bodies = []
    for given in inputs:
        flue("workflows", "invoke", "nope", *given)
        bodies.append(server.requests[-1].body)
    assert bodies == [b"null", b'"text"', b"", rb'{"from":"a file \u2014 \u00fc"}', b'[1,"from standard input"]']


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{", "the input is not JSON: "),
        ("NaN", "the input is not JSON: NaN is not JSON"),
        ('"\udce9"', "the input is not UTF-8\n"),
        ("[" * 100_000, "the input is not JSON: "),
        ("@/nowhere/at/all", "the input cannot be read: "),
    ],
)
def test_an_input_that_is_none(flue, server, given, said):
    outcome = flue("workflows", "invoke", "ticks", "--input", given)
    assert outcome.status == 2
    assert outcome.err.startswith(f"flue: {said}")
    assert server.requests == []


def test_a_lost_answer_to_a_start_is_not_asked_again(flue, server):
    server.faults.add(Fault(refuse=True))
    outcome = flue("workflows", "invoke", "ticks")
    assert outcome.status == 3
    assert "whether the server has admitted it is not known" in outcome.err
    assert len(server.requests) == 1


def test_a_followed_run_that_is_lost_can_be_found_again(flue, server):
    """Its id is printed although not one event has been read."""
    server.faults.add(Fault(status=400), live="sse")
    outcome = flue("workflows", "invoke", "ticks", "--follow")
    assert outcome.status == 3
    assert f"to resume: flue-py runs stream {server.run_ids[0]} --offset -1" in outcome.err
