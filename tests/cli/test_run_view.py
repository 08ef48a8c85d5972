"""Runs as a person sees them: in a pseudo-terminal, and from the view itself, event by event."""

from __future__ import annotations

import json
import logging
import re

import pytest

from flue.cli.output import Terminal as PlainTerminal
from flue.cli.run_view import RunView
from flue.cli.terminal import RichTerminal
from flue.codec import decode_event
from flue.testing import Fault

from . import wire
from .terminal import Output, Terminal
from .wire import ended, event, log, operation, said

CHAT = """\
▶ chat  run_01M83TZPGV8F1KGCPPXZMTDCFK
input  {"text": "What is 2 + 40?"}
┌ prompt
│ ┌ turn 1
│ │ » What is 2 + 40?
│ │ let me think about it
│ └ turn 1  1 ms  m  2,072 tokens
│ ● calculator()
│ ✓ calculator  4 ms  "42"
│ ┌ turn 2
│ │ The answer is 42. Ünïcödé ✓ 🎉
│ └ turn 2  1 ms  m  2,045 tokens
└ prompt  8 ms
warn  done  text="The answer is 42. Ünïcödé ✓ 🎉"
┌ shell
│ ● bash()
│ ✓ bash  13 ms  hi
└ shell  14 ms
✓ completed in 30 ms
result   {"summary": "The answer is 42. Ünïcödé ✓ 🎉"}
35 events, 2 turns, 4,117 tokens (2,015 in, 20 out)
"""


@pytest.fixture
def shown(monkeypatch):
    """Shows events, given as on the wire, on a terminal of so many columns; returns its lines."""

    def show(*events, columns=80, kind="pipe", encoding="utf-8"):
        monkeypatch.setenv("TERM", "xterm")
        out = Output(terminal=kind == "live", encoding=encoding)
        view = RunView(PlainTerminal(out) if kind == "plain" else RichTerminal(out, width=columns))
        view.follow(None)
        for each in events:
            view.event(decode_event(each))
        view.close()
        assert ("\x1b" in out.text) == (kind == "live")
        return out.screen

    return show


def text(piece, **fields):
    return event("text_delta", text=piece, **fields)


# In a real terminal.


@pytest.fixture
def on_terminal(server):
    """Runs a command in a pseudo-terminal."""
    return lambda *arguments, **settings: Terminal(*arguments, FLUE_BASE_URL=server.base_url, **settings)


def test_a_run_is_followed_live(server, on_terminal, running):
    server.append(running, operation("op"), text("Hello, ", operationId="op"))
    with on_terminal("runs", "stream", running) as terminal:
        terminal.read_until("Hello,")
        terminal.read_until("3 events")
        assert "Ctrl-C leaves, the run continues" in terminal.raw
        server.append(running, text("Ada", operationId="op"))
        terminal.read_until("4 events")
        server.finish_run(running, result="well met")
        assert terminal.wait() == 0
    *lines, completed, result, totals = terminal.screen.text.splitlines()
    assert lines == ["info  so far", "┌ prompt", "│ Hello, Ada"]
    assert completed.startswith("✓ completed in ")
    assert (result, totals) == ("result   well met", "5 events")
    assert "\x1b[36m" in terminal.raw


@pytest.mark.parametrize("faults", [0, 1])
def test_a_resumed_run_needs_no_record(server, on_terminal, finished, faults):
    """Its start is asked for, for the clock of the status line; an error is no reason not to read the events."""
    for _ in range(faults):
        server.faults.add(Fault(status=404))
    with on_terminal("runs", "stream", finished, "--offset", f"{0:016}_{2:016}") as terminal:
        assert terminal.wait() == 0
    first, second, *_ = terminal.screen.text.splitlines()
    assert first == "info  line 2"
    assert second.startswith("✓ completed in ")
    assert "meta" in server.requests[0].target


def test_ctrl_c_leaves_a_clean_screen(server, on_terminal, running):
    server.append(running, text("half a sentence"))
    with on_terminal("runs", "stream", running) as terminal:
        terminal.read_until("2 events")
        terminal.interrupt()
        assert terminal.wait() == 130
    assert terminal.screen.text.splitlines()[:3] == [
        "info  so far",
        "half a sentence",
        f"flue: interrupted at offset {0:016}_{1:016}; the run continues",
    ]


def test_no_colour_where_none_is_wanted(on_terminal, finished):
    with on_terminal("runs", "get", finished, NO_COLOR="1") as terminal:
        assert terminal.wait() == 0
    assert not re.search(r"\x1b\[(\d+;)*[349]\d", terminal.raw)
    assert terminal.screen.text.startswith(f"✓ completed  greet  {finished}\nstarted  ")


def test_json_on_a_terminal(server, on_terminal, finished):
    with on_terminal("runs", "events", finished, "--json") as terminal:
        assert terminal.wait() == 0
    assert [json.loads(line) for line in terminal.raw.splitlines()] == server.history(finished)


def test_a_dumb_terminal_gets_plain_lines(server, on_terminal):
    """Of its own width, though rich takes it to have 80 columns."""
    run_id = server.create_run()
    server.append(run_id, log("All work and no play makes a dull day."))
    server.finish_run(run_id, error={"name": "ValueError", "message": "no name"})
    with on_terminal("runs", "stream", run_id, columns=30, TERM="dumb") as terminal:
        assert terminal.wait() == 1
    assert "\x1b" not in terminal.raw
    lines = terminal.screen.text.splitlines()
    assert lines[:2] == ["info  All work and no play", "      makes a dull day."]
    assert lines[-2:] == ["  ValueError: no name", "2 events"]


def test_invoke_says_what_to_type_next(server, on_terminal):
    with on_terminal("workflows", "invoke", "ticks", "--input", '{"count": 0}', columns=40) as terminal:
        assert terminal.wait() == 0
    run_id = server.run_ids[0]
    assert terminal.screen.text == f"▶ {run_id}\n  next: python -m flue runs stream {run_id}\n"


def test_a_terminal_of_an_old_locale(server, on_terminal):
    old = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    run_id = server.create_run("greet")
    server.append(run_id, log("née 🎉"), operation("op"))
    with on_terminal("runs", "stream", run_id, **old) as terminal:
        terminal.read_until("2 events")
        assert re.search(r"[-|/\\] 0:0\d", terminal.raw)
        server.finish_run(run_id, result="ça va")
        assert terminal.wait() == 0
    assert terminal.screen.text.splitlines()[:2] == ["info  n?e ?", ", prompt"]
    assert "result   ?a va" in terminal.screen.text
    assert terminal.raw.isascii()


def test_without_rich_there_is_plain_text_and_a_hint(on_terminal, finished, tmp_path):
    (tmp_path / "rich.py").write_text("raise ImportError('not installed')", encoding="utf-8")
    with on_terminal("runs", "get", finished, PYTHONPATH=str(tmp_path)) as terminal:
        assert terminal.wait() == 0
    hint, status, *_ = terminal.screen.text.splitlines()
    assert hint == "flue: for colours and a live view: pip install 'flue-sdk[cli]'"
    assert status == f"✓ completed  greet  {finished}"
    assert "\x1b" not in terminal.raw


# Event by event.


@pytest.mark.parametrize("kind", ["live", "pipe", "plain"])
def test_a_recorded_run(shown, kind):
    assert shown(*wire.recorded("chat_events"), kind=kind) == CHAT


def test_a_recorded_run_that_failed(shown):
    assert shown(*wire.recorded("failed_events")).endswith("✗ failed after 4 ms\n  asked to fail\n4 events\n")


def test_no_line_is_wider_than_the_terminal(shown):
    events = [log(wire.LONG, attributes={"values": "x" * 100}), operation("op"), text(wire.LONG, operationId="op")]
    lines = shown(*events, ended("run_end", result={"text": wire.LONG}), columns=40).split("\n")
    assert max(map(len, lines)) <= 40
    assert " ".join(line.strip() for line in lines[:25]).count("no play") >= 20


def test_what_one_would_copy_is_whole_on_a_narrow_terminal(shown):
    usage = {"input": 1234567, "output": 7654321, "cacheRead": 0, "cacheWrite": 0, "totalTokens": 8888888}
    usage |= {"cost": {name: 1.5 for name in usage if name != "totalTokens"} | {"total": 6.0}}
    lines = shown(
        event("run_start", workflowName="report", startedAt=wire.moment(0)),
        ended("turn", turnId="t", purpose="agent", request=wire.REQUEST, response={"usage": usage}),
        ended("run_end", result=1),
        columns=36,
    ).splitlines()
    assert lines[:2] == ["▶ report", f"  {wire.RUN}"]
    assert " ".join(lines[-3:]) == "3 events, 1 turn, 8,888,888 tokens (1,234,567 in, 7,654,321 out), cost 6.0000"


@pytest.mark.parametrize("columns", [24, 40, 80])
def test_prose_is_whole_however_deep_it_lies(shown, columns):
    """Half of a line is left for it."""
    events = [operation("op0")]
    for level in range(30):
        task = event("task_start", taskId=f"k{level}", prompt="", operationId=f"op{level}")
        events += [task, operation(f"op{level + 1}", taskId=f"k{level}")]
    words = [f"word{number}" for number in range(40)]
    lines = shown(*events, text(" ".join(words), operationId="op30"), columns=columns).splitlines()
    assert max(map(len, lines)) <= columns
    assert " ".join(line.lstrip("│ ") for line in lines[-40:]).split()[-40:] == words


@pytest.mark.parametrize("kind", ["live", "pipe", "plain"])
def test_escape_sequences_of_a_server_are_harmless(shown, kind):
    evil = wire.EVIL
    named = [event("data", name=evil, data=evil), event("tool_start", toolName=evil, toolCallId="c", args={evil: evil})]
    nested = event("task_start", taskId="k", agent=evil, prompt=evil)
    failed = ended("run_end", failed=True, error={"name": evil, "message": evil})
    assert wire.is_harmless(shown(log(evil, attributes={evil: evil}), text(evil), *named, nested, failed, kind=kind))


PROSE = "It was a bright cold day in April,\n\nand the clocks \U0001f570 were striking thirteen.\n"


@pytest.mark.parametrize("cut", range(len(PROSE.encode("utf-16-le")) // 2 + 1))
def test_text_does_not_depend_on_how_it_is_cut(shown, cut):
    """Also between the halves of a character that JavaScript stores as two."""
    units = PROSE.encode("utf-16-le")
    pieces = [part.decode("utf-16-le", "surrogatepass") for part in (units[: 2 * cut], units[2 * cut :])]
    sent = [*(text(piece, turnId="t") for piece in pieces), said(PROSE, turnId="t")]
    lines = shown(*sent, columns=20).splitlines()
    assert lines == ["It was a bright cold", "day in April,", "", "and the clocks 🕰", "were striking", "thirteen."]


@pytest.mark.parametrize(
    ("deltas", "lines"),
    [
        ([], ["All of it."]),
        (["All ", "of it."], ["All of it."]),
        (["All "], ["All", "· some of it was missing; the whole text:", "All of it."]),
    ],
)
def test_text_is_told_once_and_whole(shown, deltas, lines):
    assert shown(*(text(each, turnId="t") for each in deltas), said("All of it.", turnId="t")).splitlines() == lines


def task(kind, name, **fields):
    begun = {"prompt": f"look {name}"} if kind == "task_start" else {"durationMs": 1200, "isError": False}
    return event(kind, taskId=name, agent=name, operationId="op", **begun | fields)


def test_tasks_side_by_side_are_told_apart(shown):
    assert shown(
        operation("op"),
        task("task_start", "north"),
        log("nobody else here", taskId="north"),
        task("task_start", "south"),
        log("cold here", taskId="north"),
        log("warm here", taskId="south"),
        task("task", "north"),
        task("task", "south", isError=True, result="lost", durationMs=61_000),
    ) == (
        "┌ prompt\n"
        "│ ┌ task north  look north\n"
        "│ │ info  nobody else here\n"
        "│ ┌ task south  look south\n"
        "│ │ ─ task north\n"
        "│ │ info  cold here\n"
        "│ │ ─ task south\n"
        "│ │ info  warm here\n"
        "│ └ task north  1.2 s\n"
        '│ └ task south  1:01  failed: "lost"\n'
    )


def test_tasks_side_by_side_speak_one_at_a_time(shown):
    words = {"north": ["It ", "is cold ", "up here."], "south": ["Down ", "here it ", "is warm."]}
    about = {name: {"taskId": name, "turnId": f"turn of {name}"} for name in words}
    begun = [operation("op"), *(task("task_start", name, prompt="") for name in words)]
    mixed = [
        text(piece, **about[name])
        for pair in zip(*words.values(), strict=True)
        for name, piece in zip(words, pair, strict=True)
    ]
    north, south = (said("".join(pieces), **about[name]) for name, pieces in words.items())
    told = (
        "┌ prompt\n"
        "│ ┌ task north\n"
        "│ ┌ task south\n"
        "│ │ ─ task north\n"
        "│ │ It is cold up here.\n"
        "│ │ ─ task south\n"
        "│ │ Down here it is warm.\n"
    )
    assert shown(*begun, *mixed, north, south) == told
    assert shown(*begun, *mixed[:5], north, mixed[5], south) == told
    assert shown(*begun, *mixed) == told
    assert shown(*begun, *mixed, log("enough", taskId="south")) == f"{told}│ │ info  enough\n"
    assert shown(*begun, *mixed, south, north, columns=40) == told


def test_every_other_kind_of_event(shown):
    lines = shown(
        event("run_resume", workflowName="greet", startedAt=wire.moment(0)),
        event("compaction_start", reason="threshold", estimatedTokens=12345),
        ended("compaction", took=900, messagesBefore=40, messagesAfter=3),
        ended("compaction", failed=True, messagesBefore=40, messagesAfter=40, error={"message": "no room"}),
        event("data", name="progress", data={"done": 3}),
        event("submission_settled", submissionId="s1", outcome="completed"),
        event("tool_start", toolName="read", toolCallId="c", args={"path": "/a", "lines": [1, 2]}),
        ended("tool", took=3, failed=True, toolName="read", toolCallId="c", result="no such file"),
        log("half \ud83d"),
        event("novelty", what="ever"),
        event("idle"),
    ).splitlines()
    assert lines[:9] == [
        "↻ greet  resumed by the server",
        "· compacting the context: 12,345 tokens, threshold",
        "· context compacted: 40 messages became 3, 900 ms",
        "✗ compaction failed: no room",
        '· progress  {"done": 3}',
        "· submission s1 completed",
        '● read(path="/a", lines=[1, 2])',
        '✗ read  3 ms  "no such file"',
        "info  half \ufffd",
    ]
    assert lines[9].startswith("? novelty: ")


@pytest.mark.parametrize("kind", ["pipe", "plain"])
def test_an_encoding_without_lines_and_marks(shown, kind):
    assert shown(operation("op"), log("née", operationId="op"), kind=kind, encoding="ascii") == (
        ", prompt\n| info  n?e\n"
    )


def failed_attempt(number):
    record = logging.LogRecord("flue", logging.WARNING, "", 0, f"attempt {number} failed", None, None)
    record.flue_attempt, record.flue_delay = number, 0.5
    return record


def test_warnings_of_the_library(monkeypatch):
    """The first failed attempt in a row is told; before the first event it is no lost connection."""
    monkeypatch.setenv("TERM", "xterm")
    out = Output(terminal=True)
    view = RunView(RichTerminal(out))
    for attempt in (1, None, 1, 2, 3, None, 1):
        if attempt is None:
            view.event(decode_event(log("begun")))
        else:
            view.warning(failed_attempt(attempt))
    view.warning(logging.LogRecord("flue", logging.WARNING, "", 0, "something else", None, None))
    view.event(decode_event(ended("run_end", took=5, result=None)))
    view.close()
    assert out.screen.splitlines() == [
        "! attempt 1 failed",
        *["info  begun", "! attempt 1 failed"] * 2,
        "! something else",
        "✓ completed in 5 ms",
        "result   null",
        "3 events, 2 reconnects",
    ]


def test_what_to_type_next_is_quoted(server, on_terminal):
    """A shell must not run what a server calls a run."""
    body = b'{"runId": "run_1; touch gone"}'
    server.faults.add(Fault(status=202, headers=[("content-type", "application/json")], body=body))
    with on_terminal("workflows", "invoke", "ticks", "--base-url", server.base_url, columns=200) as terminal:
        assert terminal.wait() == 0
    next_line = terminal.screen.text.splitlines()[-1]
    assert next_line == f"  next: python -m flue runs stream 'run_1; touch gone' --base-url {server.base_url}"


def test_the_status_line_names_a_failure_until_an_event_arrives(monkeypatch):
    terminal, footers = PlainTerminal(Output()), []
    monkeypatch.setattr(terminal, "start", footers.append)
    view = RunView(terminal)
    view.follow(None)
    view.warning(failed_attempt(2))
    assert "attempt 2 failed, next in 0.5 s" in footers[0]()[-1].text
    view.event(decode_event(log("begun")))
    assert "failed" not in footers[0]()[-1].text
