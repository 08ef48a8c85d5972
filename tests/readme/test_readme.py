"""What the README shows works as it is printed."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from flue.cli import main
from flue.cli.parser import Options, build_parser
from flue.cli.run_view import RunView
from flue.cli.terminal import RichTerminal

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
SCRIPTS = [block for language, block in BLOCKS if language == "python" and "def test_" not in block]
TESTS = [block for language, block in BLOCKS if language == "python" and "def test_" in block]
ACTIVATE, EXPORT = "source .venv/bin/activate", "export FLUE_BASE_URL=http://127.0.0.1:8787/api"
COMMANDS = [line for language, block in BLOCKS if language == "sh" for line in block.splitlines()]


@pytest.fixture
def server(sample_server):
    return sample_server


def test_there_is_something_to_test():
    assert len(SCRIPTS) >= 6
    assert len(TESTS) == 1
    assert len(COMMANDS) >= 10


@pytest.mark.parametrize("block", SCRIPTS, ids=range(len(SCRIPTS)))
def test_scripts_run(server, capsys, block):
    exec(compile(block, "README.md", "exec"), {"__name__": "__main__"})
    captured = capsys.readouterr()
    assert captured.out
    assert captured.err == ""


def test_the_script_prints_what_it_promises(server, capsys):
    exec(compile(SCRIPTS[0], "README.md", "exec"), {})
    assert capsys.readouterr().out == (
        "[info] looking for the figures\n"
        "The highest tide of the day is expected at Brest: 7.3 metres. Mind the rocks! 🌊\n"
        "[warn] tides run high today\n"
        "result: {'highest': 'Brest', 'metres': 7.3, 'stations': 2}\n"
    )


def test_the_errors_script_meets_the_error(server, capsys):
    (block,) = [block for block in SCRIPTS if "except FlueExecutionError" in block]
    exec(compile(block, "README.md", "exec"), {})
    assert capsys.readouterr().out == (
        f"the run failed: {server.run_ids[0]} {{'name': 'RuntimeError', 'message': 'asked to fail'}}\n"
    )


def test_the_tests_pass(tmp_path):
    (tmp_path / "test_example.py").write_text(TESTS[0], encoding="utf-8")
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("make ")])
def test_make_knows_its_targets(line):
    target = shlex.split(line, comments=True)[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("python -m flue ")])
def test_commands_run(server, capsys, line):
    words = shlex.split(line.partition(" > ")[0])[3:]
    if words[0] == "serve":
        assert build_parser().parse_args(words, namespace=Options()).port == 8787
        return
    run_id = server.create_run()
    server.append(run_id, {"type": "log", "level": "info", "message": "hello"})
    server.finish_run(run_id)
    assert main([run_id if word == "RUN_ID" else word for word in words]) == 0
    captured = capsys.readouterr()
    assert captured.out or Path("timeline.html").exists()
    assert captured.err == ""


def test_every_command_is_of_a_kind_that_is_tested():
    assert all(line.startswith(("make ", "python -m flue ")) or line in {ACTIVATE, EXPORT} for line in COMMANDS)


def test_the_picture_is_what_the_program_draws(server):
    from flue import FlueClient

    out = io.StringIO()
    view = RunView(RichTerminal(out, width=80))
    with FlueClient() as client:
        run_id = client.workflows.invoke("report").run_id
        for event in client.runs.stream(run_id):
            view.event(event)
    view.close()

    (picture,) = [block for language, block in BLOCKS if language == "text"]
    took = r"completed in [\d.]+ m?s"
    assert re.sub(took, "", out.getvalue().replace(run_id, "ID")) == re.sub(
        took, "", re.sub(r"run_\w{26}", "ID", picture)
    )


def test_every_name_of_the_tables_exists():
    import inspect

    from flue import BackoffOptions, FlueClient
    from flue.sync.runs import Runs

    tables = {"The client;": FlueClient.__init__, "`runs.stream()`;": Runs.stream}
    for heading, function in tables.items():
        table = TEXT.split(heading)[1].split("\n\n")[1]
        names = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
        assert names == set(inspect.signature(function).parameters) - {"self", "run_id"}
    options = re.search(r"`BackoffOptions\((.*?)\)`", TEXT, re.DOTALL)
    assert str(inspect.signature(BackoffOptions)).count("=") == options.group(1).count("=")
