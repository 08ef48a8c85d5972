"""What only a process of its own can show: Ctrl-C, a pipe that is closed, the server, the demo."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from flue import Conversation, FlueClient
from flue.testing import Fault

from .terminal import PATH, PATIENCE, ROOT


@contextmanager
def process(*arguments, base_url=None, path=PATH, **streams):
    """A command in a process of its own; killed in the end if it is still there."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLUE_")}
    environment["PATH"] = path
    if base_url is not None:
        environment["FLUE_BASE_URL"] = base_url
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    command = [sys.executable, "-W", "error", "-m", "flue", *arguments]
    with subprocess.Popen(command, env=environment, cwd=ROOT, text=True, **pipes) as running:
        try:
            yield running
        finally:
            running.kill()


def finish(running):
    out, err = running.communicate(timeout=PATIENCE)
    return running.returncode, out, err


def test_ctrl_c_says_how_to_go_on_and_nothing_is_lost_or_repeated(server):
    run_id = server.create_run()
    server.append(run_id, *({"type": "log", "level": "info", "message": f"line {number}"} for number in range(3)))
    with process("runs", "stream", run_id, base_url=server.base_url) as running:
        before = [running.stdout.readline() for _ in range(3)]
        running.send_signal(signal.SIGINT)
        status, rest, err = finish(running)
    assert (status, rest) == (130, "")
    first, second = err.splitlines()
    assert first == f"flue: interrupted at offset {0:016}_{2:016}; the run continues"
    prefix, _, command = second.partition(": ")
    assert prefix == "  to resume"

    server.append(run_id, {"type": "log", "level": "info", "message": "line 3"})
    server.finish_run(run_id)
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "flue"]
    with process(*words[3:], base_url=server.base_url) as running:
        status, out, err = finish(running)
    assert (status, err) == (0, "")
    assert [json.loads(line) for line in [*before, *out.splitlines()]] == server.history(run_id)


def test_what_to_type_names_the_environment_where_it_is_not_activated(server, running):
    with process("runs", "stream", running, base_url=server.base_url, path="/usr/bin:/bin") as command:
        assert command.stdout.readline()
        command.send_signal(signal.SIGINT)
        _, _, err = finish(command)
    program, *_ = shlex.split(err.splitlines()[1].partition(": ")[2])
    assert (ROOT / program).samefile(sys.executable)
    assert (ROOT / program).parent == Path(sys.executable).parent


STREAM = "runs stream run_1 --tail 5 --live long-poll"
RESUMED = "runs stream run_1 --offset -1 --tail 5 --live long-poll"


@pytest.mark.parametrize(
    ("words", "requests", "said"),
    [
        ("runs get run_1", 1, "interrupted\n"),
        ("workflows invoke ticks --wait", 1, "interrupted; if the run was started, it continues\n"),
        ("send agents/support/1 hello", 1, "interrupted; if the message was delivered, the agent continues\n"),
        # What there is, which is nothing, and what comes: there is nothing to go on from but what was given.
        (STREAM, 2, f"interrupted at offset -1; the run continues\n  to resume: python -m flue {RESUMED}\n"),
    ],
)
def test_ctrl_c_while_nothing_comes(server, words, requests, said):
    server.create_run(run_id="run_1")
    server.faults.add(Fault(stall_before_headers=PATIENCE), after=requests - 1)
    with process(*words.split(), base_url=server.base_url) as running:
        server.wait_for_requests(requests, PATIENCE)
        running.send_signal(signal.SIGINT)
        assert finish(running) == (130, "", f"flue: {said}")


def test_a_pipe_that_is_closed_ends_it_quietly(server):
    run_id = server.create_run()
    server.append(run_id, *({"type": "log", "level": "info", "message": "x" * 1000} for _ in range(500)))
    server.finish_run(run_id)
    with process("runs", "stream", run_id, base_url=server.base_url) as running:
        assert running.stdout.readline()
        running.stdout.close()
        assert running.wait(PATIENCE) == 0
        assert running.stderr.read() == ""


@pytest.mark.parametrize(
    ("redirection", "status", "lines", "said"),
    [
        (">&-", 0, 0, ""),
        ("2>&-", 0, 5, ""),
        (">/dev/full", 3, 0, "flue: [Errno 28] No space left on device\n"),
    ],
)
def test_an_output_that_takes_nothing(server, finished, redirection, status, lines, said):
    """It is closed from the start, or the disk is full."""
    done = subprocess.run(
        ["sh", "-c", f"{shlex.quote(sys.executable)} -W error -m flue runs events {finished} {redirection}"],
        env=os.environ | {"FLUE_BASE_URL": server.base_url},
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE,
    )
    assert (done.returncode, len(done.stdout.splitlines()), done.stderr) == (status, lines, said)


def test_serve(tmp_path):
    """It says where it listens, asks for its token, and keeps its runs in its database."""
    arguments = ["serve", "--token", "t0k", "--database", str(tmp_path / "runs.db")]
    with process(*arguments) as running:
        told = json.loads(running.stdout.readline())
        assert told["workflows"] == ["report", "ticks", "hidden"]
        with Conversation(told["conversationUrl"], token="t0k") as conversation:
            assert "Brest" in conversation.ask("How high is the tide at Brest?").text
        with FlueClient(told["baseUrl"], token="t0k") as client:
            done = client.workflows.run("ticks", input={"count": 1, "pause": 0})
        with process("runs", "get", done.run_id, base_url=told["baseUrl"]) as stranger:
            status, _, err = finish(stranger)
        assert status == 3
        assert err.startswith("flue: Flue API error 401")
        assert "t0k" not in err
        running.send_signal(signal.SIGINT)
        assert finish(running) == (130, "", "flue: stopped\n")
    with process(*arguments) as running:
        told = json.loads(running.stdout.readline())
        with process("--token", "t0k", "runs", "get", done.run_id, base_url=told["baseUrl"]) as reader:
            status, out, _ = finish(reader)
        assert (status, json.loads(out)["result"]) == (0, {"ticks": 1})
        with Conversation(told["conversationUrl"], token="t0k") as conversation:
            assert len(conversation.history().messages) == 2


@pytest.mark.parametrize(("option", "status"), [("--port", 3), ("--database", 2)])
def test_serve_with_what_cannot_be_used(server, tmp_path, option, status):
    """A port that is taken, a file that is no database."""
    file = tmp_path / "notes.txt"
    file.write_text("not a database, but long enough to look like something" * 100)
    with process("serve", option, {"--port": str(server.port), "--database": str(file)}[option]) as running:
        ended, out, err = finish(running)
    assert (ended, out) == (status, "")
    assert err.startswith("flue: ")
    assert len(err.splitlines()) == 1
    assert (str(file) in err) == (option == "--database")


def test_demo(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")  # its server is on loopback: no proxy leads to it
    with process("demo") as running:
        status, out, err = finish(running)
    assert (status, err) == (0, "")
    assert "\x1b" not in out
    assert (
        out.index("RunStartEvent")
        < out.index("attempt 1 failed")
        < out.index("connected again")
        < out.index("RunEndEvent")
    )
    assert '{"highest": "Saint-Malo", "metres": 12.2, "stations": 3}' in out
    assert "26 events written, 26 received over 2 connections: each once, in order." in out


def test_nobody_reads_what_is_said(server, finished):
    """The results and the exit status are the same: a warning that cannot be written is not the end."""
    reader, writer = os.pipe()
    os.close(reader)
    server.faults.add(Fault(status=503), path="/runs/")
    outcomes = []
    for run_id in (finished, "run_none"):
        with process("runs", "events", run_id, base_url=server.base_url, stderr=writer) as running:
            out, _ = running.communicate(timeout=PATIENCE)
            outcomes.append((running.returncode, len(out.splitlines())))
    os.close(writer)
    assert outcomes == [(0, 5), (3, 0)]
