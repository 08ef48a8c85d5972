from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from flue.cli import main
from flue.cli.demo import register
from flue.testing import FlueTestServer


@dataclass
class Outcome:
    """What a command came to: exit status, standard output, standard error."""

    status: int
    out: str
    err: str

    @property
    def objects(self):
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def server():
    with FlueTestServer() as running:
        register(running)
        yield running
        problems = running.problems
    assert problems == []


@pytest.fixture
def flue(capsys, monkeypatch, request):
    """Runs a command in this process, with standard output no terminal. Asks the test's `server`, if it has one."""
    monkeypatch.setattr("sys.argv", ["flue-py"])
    monkeypatch.delenv("FLUE_TOKEN", raising=False)
    monkeypatch.delenv("FLUE_BASE_URL", raising=False)
    if "server" in request.fixturenames:
        monkeypatch.setenv("FLUE_BASE_URL", request.getfixturevalue("server").base_url)

    def run(*arguments):
        capsys.readouterr()
        status = main(arguments)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Outcome(int(status), captured.out, captured.err)

    return run


@pytest.fixture
def running(server):
    """The id of a run that goes on, with one event so far."""
    run_id = server.create_run("greet")
    server.append(run_id, {"type": "log", "level": "info", "message": "so far"})
    return run_id


@pytest.fixture
def finished(server):
    """The id of a completed run of five events."""
    run_id = server.create_run("greet", input={"name": "Ada"})
    server.append(run_id, {"type": "run_start", "workflowName": "greet", "startedAt": "2026-11-23T09:00:00.000Z"})
    server.append(run_id, *({"type": "log", "level": "info", "message": f"line {number}"} for number in range(3)))
    server.finish_run(run_id, result={"greeting": "Hello, Ada"})
    return run_id


@pytest.fixture
def failed(server):
    """The id of a failed run of two events."""
    run_id = server.create_run("greet")
    server.append(run_id, {"type": "log", "level": "error", "message": "no name"})
    server.finish_run(run_id, error={"name": "ValueError", "message": "no name was given"})
    return run_id
