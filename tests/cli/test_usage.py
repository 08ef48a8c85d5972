"""What is wrong with the command line itself, and what it costs to look at."""

from __future__ import annotations

import subprocess
import sys

import pytest

from flue import __version__
from flue.cli import main
from flue.cli.parser import _LOCAL, _REMOTE


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["runs"],
        ["runs", "get"],
        ["runs", "get", ".."],
        ["runs", "get", ""],
        ["runs", "events", "run_1", "--tail", "0"],
        ["runs", "events", "run_1", "--tail", "some"],
        ["runs", "events", "run_1", "--offset", ""],
        ["runs", "stream", "run_1", "--live", "maybe"],
        ["runs", "stream", "run_1", "--offset", "two words"],
        ["runs", "get", "run_1", "--timeout", "0"],
        ["runs", "get", "run_1", "--timeout", "nan"],
        ["runs", "get", "run_1", "--header", "Host: elsewhere"],
        ["runs", "get", "run_1", "--tim", "3"],
        ["runs", "get", "run_1", "--base-url", "nowhere"],
        ["workflows", "invoke", "x", "--wait", "--follow"],
        ["workflows", "invoke", "..", "--follow"],
        ["serve", "--port", "65536"],
    ],
)
def test_usage_is_status_2(flue, server, arguments):
    outcome = flue(*arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert "error: " in outcome.err or outcome.err.startswith("flue: ")
    assert server.requests == []


@pytest.mark.parametrize("port", ["65536", "-1", "many", ""])
def test_what_is_no_port(flue, port):
    assert flue("serve", f"--port={port}").err.endswith("error: argument --port: not a port number\n")


def test_a_missing_base_url_is_usage(flue):
    outcome = flue("runs", "get", "run_1")
    assert (outcome.status, outcome.err) == (2, "flue: base_url is missing: pass it, or set FLUE_BASE_URL\n")


@pytest.mark.parametrize("secret", [["--header", "hush"], ["--token", "hush\n"]])
def test_a_secret_is_not_in_the_message(flue, server, secret):
    outcome = flue("runs", "get", "run_1", *secret)
    assert outcome.status == 2
    assert "hush" not in outcome.err


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


@pytest.mark.parametrize(
    ("script", "absent"),
    [
        ("import flue.cli", ["argparse", "requests", "attrs"]),
        ("from flue.cli import main; main(['--help'])", ["requests", "httpx", "attrs", "msgspec", "asyncio"]),
    ],
)
def test_looking_loads_little(script, absent):
    script += f"; import sys; sys.stderr.write(repr(sorted(set({absent!r}) & set(sys.modules))))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stderr == "[]"


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
