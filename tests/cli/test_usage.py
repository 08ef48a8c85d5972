"""What is wrong with the command line itself, and what it says of itself."""

from __future__ import annotations

import shlex

import pytest

from flue import __version__
from flue.cli import main
from flue.cli.parser import _LOCAL, _REMOTE


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("nonsense", "error: argument "),
        ("runs", "error: the following arguments are required: "),
        ("runs get", "error: the following arguments are required: "),
        ("runs get ..", "flue: run_id must not be '..'"),
        ("runs get ''", "flue: run_id must not be ''"),
        ("runs events run_1 --tail 0", "flue: tail must be >= 1"),
        ("runs events run_1 --tail some", "error: argument --tail: "),
        ("runs events run_1 --offset ''", "flue: offset must not be empty"),
        ("runs stream run_1 --live maybe", "error: argument --live: "),
        ("runs stream run_1 --offset 'two words'", "flue: offset must be one token"),
        ("runs get run_1 --timeout 0", "flue: timeout must be a finite number"),
        ("runs get run_1 --timeout nan", "flue: timeout must be a finite number"),
        ("runs get run_1 --header 'Host: elsewhere'", "flue: header 'Host' "),
        ("runs get run_1 --header hush", "error: argument --header: "),
        ("runs get run_1 --token 'hush\n'", "flue: token contains a line break"),
        ("runs get run_1 --tim 3", "error: unrecognized arguments: --tim"),
        ("runs get run_1 --base-url nowhere", "flue: base_url is relative"),
        ("workflows invoke x --wait --follow", "error: argument --follow: not allowed with argument --wait"),
        ("workflows invoke .. --follow", "flue: name must not be '..'"),
        ("workflows invoke ticks --input {", "flue: the input is not JSON: "),
        ("workflows invoke ticks --input NaN", "flue: the input is not JSON: NaN is not JSON"),
        ("workflows invoke ticks --input '\"\udce9\"'", "flue: the input is not UTF-8: "),
        (f"workflows invoke ticks --input {'[' * 100_000}", "flue: the input is not JSON: "),
        ("workflows invoke ticks --input @/nowhere/at/all", "flue: the input cannot be read: "),
        ("workflows invoke ticks --input -", "flue: there is no standard input\n"),
        ("chat", "error: the following arguments are required: URL"),
        ("send agents/support/1", "flue: nothing to send: "),
        ("send agents/support/1 --attach /nowhere/at/all", "flue: the attachment cannot be read: "),
        *((f"serve --port={port}", "argument --port: not a port number\n") for port in ("65536", "-1", "many", "")),
        ("completion nushell", "error: argument "),
    ],
)
def test_usage_is_status_2(flue, server, monkeypatch, words, said):
    """It is told before any request is made, and without secrets."""
    monkeypatch.setattr("sys.stdin", None)
    outcome = flue(*shlex.split(words))
    assert (outcome.status, outcome.out) == (2, "")
    assert said in outcome.err
    assert "hush" not in outcome.err
    assert server.requests == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("runs get run_1", "base_url is missing: pass it, or set FLUE_BASE_URL"),
        ("send agents/support/1 hi", "URL must be absolute, or a path below --base-url or FLUE_BASE_URL"),
        ("history nowhere", "URL must be absolute, or a path below --base-url or FLUE_BASE_URL"),
    ],
)
def test_a_missing_base_url_is_usage(flue, words, said):
    outcome = flue(*words.split())
    assert (outcome.status, outcome.err) == (2, f"flue: {said}\n")


def test_nobody_there(flue):
    """A start is sent once; a read gives up after its time."""
    nobody = ["--base-url", "http://127.0.0.1:1/api"]
    outcome = flue(*nobody, "workflows", "invoke", "ticks")
    assert outcome.status == 3
    assert "Connection refused" in outcome.err
    assert flue(*nobody, "runs", "get", "run_1", "--timeout", "0.2").status == 3


def test_help_and_version(flue):
    outcome = flue("--help")
    assert (flue().status, flue().err) == (2, outcome.out)
    assert outcome.status == 0
    assert all(word in outcome.out for word in ("demo", "serve", "workflows", "runs", "FLUE_BASE_URL"))
    assert flue("--version").out == f"flue-sdk {__version__}\n"


def test_a_mistake_of_the_program_is_a_sentence_too(flue, server, finished, monkeypatch, capsys):
    def broken(*_):
        raise RecursionError("too deep")

    monkeypatch.setattr("flue.cli.output.to_json", broken)
    outcome = flue("runs", "get", finished)
    assert outcome.status == 3
    assert outcome.err == (
        "flue: a bug in this program: RecursionError: too deep\n  set FLUE_DEBUG=1 in the environment for the traceback\n"
    )
    monkeypatch.setenv("FLUE_DEBUG", "1")
    assert main(["runs", "get", finished]) == 3
    err = capsys.readouterr().err
    assert err.startswith("Traceback (most recent call last):\n")
    assert err.endswith("\nflue: a bug in this program: RecursionError: too deep\n")


@pytest.mark.parametrize("command", ["", "workflows", "runs", *_REMOTE, *_LOCAL])
def test_help_fits_a_terminal(flue, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    outcome = flue(*command.split(), "--help")
    assert outcome.status == 0
    assert max(map(len, outcome.out.splitlines())) < 80
