"""What a person sees: in a pseudo-terminal, and from the view itself, event by event."""

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

from .terminal import ROOT, Output, Terminal

RECORDINGS = ROOT / "tests" / "recordings"

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


def recorded(name):
    return json.loads((RECORDINGS / name).read_text(encoding="utf-8"))


@pytest.fixture
def shown(monkeypatch):
    """Shows events, given as on the wire, on a terminal of so many columns; returns its lines."""

    def show(*events, columns=80, live=False):
        monkeypatch.setenv("TERM", "xterm")
        out = Output(terminal=live)
        view = RunView(RichTerminal(out, width=columns))
        view.follow(None)
        for event in events:
            view.event(decode_event(event))
        view.close()
        assert ("\x1b" in out.text) == live
        return out.screen

    return show


def plain(*events):
    """The same without rich."""
    out = Output()
    view = RunView(PlainTerminal(out))
    for event in events:
        view.event(decode_event(event))
    view.close()
    return out.text


def wire(kind, **fields):
    return {"type": kind, "v": 3, "eventIndex": 0, "timestamp": "2026-11-23T09:00:00.000Z", "runId": "run_1", **fields}


def log(message, level="info", **attributes):
    return wire("log", level=level, message=message, **({"attributes": attributes} if attributes else {}))


def operation(ident, **fields):
    return wire("operation_start", operationId=ident, operationKind="prompt", **fields)


# In a real terminal.


def test_a_run_is_followed_live(server):
    run_id = server.create_run("greet")
    server.append(run_id, log("begun"), operation("op"), wire("text_delta", text="Hello, ", operationId="op"))
    with Terminal("runs", "stream", run_id, FLUE_BASE_URL=server.base_url) as terminal:
        terminal.read_until("Hello,")
        terminal.read_until("3 events")
        assert "Ctrl-C leaves, the run continues" in terminal.raw
        server.append(run_id, wire("text_delta", text="Ada", operationId="op"))
        terminal.read_until("4 events")
        server.finish_run(run_id, result="well met")
        status = terminal.wait()
    *lines, completed, result, totals = terminal.screen.text.splitlines()
    assert status == 0
    assert lines == ["info  begun", "┌ prompt", "│ Hello, Ada"]
    assert completed.startswith("✓ completed in ")
    assert (result, totals) == ("result   well met", "5 events")
    assert "\x1b[36m" in terminal.raw


@pytest.mark.parametrize("faults", [0, 1])
def test_a_resumed_run_needs_no_record(server, finished, faults):
    """Its start is asked for, for the clock of the status line; an error is no reason not to read the events."""
    for _ in range(faults):
        server.faults.add(Fault(status=404))
    offset = f"{0:016}_{2:016}"
    with Terminal("runs", "stream", finished, "--offset", offset, FLUE_BASE_URL=server.base_url) as terminal:
        assert terminal.wait() == 0
    first, second, *_ = terminal.screen.text.splitlines()
    assert first == "info  line 2"
    assert second.startswith("✓ completed in ")
    assert "meta" in server.requests[0].target


def test_ctrl_c_leaves_a_clean_screen(server):
    run_id = server.create_run("greet")
    server.append(run_id, wire("text_delta", text="half a sentence"))
    with Terminal("runs", "stream", run_id, FLUE_BASE_URL=server.base_url) as terminal:
        terminal.read_until("1 event")
        terminal.interrupt()
        assert terminal.wait() == 130
    first, second, *_ = terminal.screen.text.split("\n")
    assert first == "half a sentence"
    assert second == f"flue: interrupted at offset {0:016}_{0:016}; the run continues"


def test_no_colour_where_none_is_wanted(server, finished):
    with Terminal("runs", "get", finished, FLUE_BASE_URL=server.base_url, NO_COLOR="1") as terminal:
        assert terminal.wait() == 0
    assert not re.search(r"\x1b\[(\d+;)*[349]\d", terminal.raw)
    assert terminal.screen.text.startswith(f"✓ completed  greet  {finished}\nstarted  ")


def test_json_on_a_terminal(server, finished):
    with Terminal("runs", "events", finished, "--json", FLUE_BASE_URL=server.base_url) as terminal:
        assert terminal.wait() == 0
    assert [json.loads(line) for line in terminal.raw.splitlines()] == server.history(finished)


def test_a_dumb_terminal_gets_plain_lines(server, failed):
    with Terminal("runs", "stream", failed, FLUE_BASE_URL=server.base_url, TERM="dumb") as terminal:
        assert terminal.wait() == 1
    assert "\x1b" not in terminal.raw
    assert "error no name" in terminal.raw
    assert "ValueError: no name was given" in terminal.raw


def test_invoke_says_what_to_type_next(server):
    with Terminal("workflows", "invoke", "ticks", "--input", '{"count": 0}', FLUE_BASE_URL=server.base_url) as terminal:
        assert terminal.wait() == 0
    run_id = server.run_ids[0]
    assert terminal.screen.text == f"▶ {run_id}\n  next: python -m flue runs stream {run_id}\n"


# Event by event.


@pytest.mark.parametrize("live", [False, True])
def test_a_recorded_run(shown, live):
    assert shown(*recorded("chat_events.json"), live=live) == CHAT


def test_a_recorded_run_that_failed(shown):
    assert shown(*recorded("failed_events.json")).endswith("✗ failed after 4 ms\n  asked to fail\n4 events\n")


def test_no_line_is_wider_than_the_terminal(shown):
    text = "All work and no play makes a dull 雨 day. " * 20
    events = [log(text, values="x" * 100), operation("op"), wire("text_delta", text=text, operationId="op")]
    lines = shown(*events, wire("run_end", isError=False, durationMs=1, result={"text": text}), columns=40).split("\n")
    assert max(map(len, lines)) <= 40
    assert " ".join(line.strip() for line in lines[:25]).count("no play") >= 20


def test_what_one_would_copy_is_whole_on_a_narrow_terminal(shown):
    run_id = f"run_{'0' * 26}"
    begun = wire("run_start", workflowName="report", startedAt="2026-11-23T09:00:00.000Z") | {"runId": run_id}
    usage = {"input": 1234567, "output": 7654321, "cacheRead": 0, "cacheWrite": 0, "totalTokens": 8888888}
    turn = wire(
        "turn",
        turnId="t",
        purpose="agent",
        durationMs=5,
        isError=False,
        request={"providerId": "p", "providerName": "p", "requestedModel": "m", "api": "a"},
        response={"usage": usage | {"cost": {name: 1.5 for name in usage if name != "totalTokens"} | {"total": 6.0}}},
    )
    lines = shown(begun, turn, wire("run_end", isError=False, durationMs=5, result=1), columns=36).splitlines()
    assert lines[:2] == ["▶ report", f"  {run_id}"]
    assert " ".join(lines[-3:]) == ("3 events, 1 turn, 8,888,888 tokens (1,234,567 in, 7,654,321 out), cost 6.0000")


@pytest.mark.parametrize("columns", [24, 40, 80])
def test_prose_is_whole_however_deep_it_lies(shown, columns):
    """Half of a line is left for it."""
    events = [operation("op0")]
    for level in range(30):
        task = wire("task_start", taskId=f"k{level}", prompt="", operationId=f"op{level}")
        events += [task, operation(f"op{level + 1}", taskId=f"k{level}")]
    words = [f"word{number}" for number in range(40)]
    lines = shown(*events, wire("text_delta", text=" ".join(words), operationId="op30"), columns=columns).splitlines()
    assert max(map(len, lines)) <= columns
    assert " ".join(line.lstrip("│ ") for line in lines[-40:]).split()[-40:] == words


def test_escape_sequences_of_a_server_are_harmless(shown):
    evil = "\x1b[2J\x1b]0;gotcha\x07 \x9b31m\u202eabc"
    shown_text = shown(log(evil, evil=evil), wire("text_delta", text=evil), wire("data", name=evil, data=evil))
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown_text)
    assert "gotcha" in shown_text


def test_a_character_that_was_cut_in_two_is_whole_again(shown):
    assert shown(wire("text_delta", text="well \ud83c"), wire("text_delta", text="\udf89 done")) == "well 🎉 done\n"


def test_half_a_character_is_shown_as_such(shown):
    assert shown(log("half \ud83d")) == "info  half \ufffd\n"


def test_text_is_told_by_the_message_where_there_were_no_deltas(shown):
    message = {"role": "assistant", "content": [{"type": "text", "text": "All of it."}]}
    assert shown(wire("message_end", message=message, turnId="t")) == "All of it.\n"


def test_text_is_told_again_where_deltas_are_missing(shown):
    message = {"role": "assistant", "content": [{"type": "text", "text": "All of it."}]}
    assert shown(wire("text_delta", text="All ", turnId="t"), wire("message_end", message=message, turnId="t")) == (
        "All\n· some of it was missing; the whole text:\nAll of it.\n"
    )


PROSE = "It was a bright cold day in April,\n\nand the clocks \U0001f570 were striking thirteen.\n"


@pytest.mark.parametrize("cut", range(len(PROSE.encode("utf-16-le")) // 2 + 1))
def test_text_does_not_depend_on_how_it_is_cut(shown, cut):
    """Also between the halves of a character that JavaScript stores as two."""
    units = PROSE.encode("utf-16-le")
    pieces = [part.decode("utf-16-le", "surrogatepass") for part in (units[: 2 * cut], units[2 * cut :])]
    lines = shown(*(wire("text_delta", text=piece) for piece in pieces), columns=20).splitlines()
    assert lines == ["It was a bright cold", "day in April,", "", "and the clocks 🕰", "were striking", "thirteen."]


def test_text_is_not_told_twice(shown):
    message = {"role": "assistant", "content": [{"type": "text", "text": "All of it."}]}
    deltas = [wire("text_delta", text="All ", turnId="t"), wire("text_delta", text="of it.", turnId="t")]
    assert shown(*deltas, wire("message_end", message=message, turnId="t")) == "All of it.\n"


def test_tasks_side_by_side_are_told_apart(shown):
    task = {"prompt": "look around", "operationId": "op"}
    lines = shown(
        operation("op"),
        wire("task_start", taskId="t1", agent="north", **task),
        wire("task_start", taskId="t2", agent="south", **task),
        {**log("cold here"), "taskId": "t1"},
        {**log("warm here"), "taskId": "t2"},
        wire("task", taskId="t1", agent="north", isError=False, durationMs=1200, operationId="op"),
        wire("task", taskId="t2", agent="south", isError=True, result="lost", durationMs=61_000, operationId="op"),
    )
    assert lines == (
        "┌ prompt\n"
        "│ ┌ task north  look around\n"
        "│ ┌ task south  look around\n"
        "│ │ ─ task north\n"
        "│ │ info  cold here\n"
        "│ │ ─ task south\n"
        "│ │ info  warm here\n"
        "│ └ task north  1.2 s\n"
        '│ └ task south  1:01  failed: "lost"\n'
    )


def test_tasks_side_by_side_speak_one_at_a_time(shown):
    task = {"prompt": "", "operationId": "op"}
    words = {"north": ["It ", "is cold ", "up here."], "south": ["Down ", "here it ", "is warm."]}
    begun = [operation("op"), *(wire("task_start", taskId=name, agent=name, **task) for name in words)]
    mixed = [
        wire("text_delta", text=piece, taskId=name, turnId=f"turn of {name}")
        for pieces in zip(*words.values(), strict=True)
        for name, piece in zip(words, pieces, strict=True)
    ]
    said = {
        name: wire(
            "message_end",
            message={"role": "assistant", "content": [{"type": "text", "text": "".join(pieces)}]},
            taskId=name,
            turnId=f"turn of {name}",
        )
        for name, pieces in words.items()
    }
    told = (
        "┌ prompt\n"
        "│ ┌ task north\n"
        "│ ┌ task south\n"
        "│ │ ─ task north\n"
        "│ │ It is cold up here.\n"
        "│ │ ─ task south\n"
        "│ │ Down here it is warm.\n"
    )
    assert shown(*begun, *mixed, said["north"], said["south"]) == told
    assert shown(*begun, *mixed[:5], said["north"], mixed[5], said["south"]) == told
    assert shown(*begun, *mixed) == told
    assert shown(*begun, *mixed, {**log("enough"), "taskId": "south"}) == f"{told}│ │ info  enough\n"
    assert shown(*begun, *mixed, said["south"], said["north"], columns=40) == told


def test_every_other_kind_of_event(shown):
    lines = shown(
        wire("run_resume", workflowName="greet", startedAt="2026-11-23T09:00:00.000Z"),
        wire("compaction_start", reason="threshold", estimatedTokens=12345),
        wire("compaction", messagesBefore=40, messagesAfter=3, durationMs=900, isError=False),
        wire(
            "compaction", messagesBefore=40, messagesAfter=40, durationMs=9, isError=True, error={"message": "no room"}
        ),
        wire("data", name="progress", data={"done": 3}),
        wire("submission_settled", submissionId="s1", outcome="completed"),
        wire("tool_start", toolName="read", toolCallId="c", args={"path": "/a", "lines": [1, 2]}),
        wire("tool", toolName="read", toolCallId="c", isError=True, result="no such file", durationMs=3),
        wire("novelty", what="ever"),
        wire("idle"),
    )
    assert lines == (
        "↻ greet  resumed by the server\n"
        "· compacting the context: 12,345 tokens, threshold\n"
        "· context compacted: 40 messages became 3, 900 ms\n"
        "✗ compaction failed: no room\n"
        '· progress  {"done": 3}\n'
        "· submission s1 completed\n"
        '● read(path="/a", lines=[1, 2])\n'
        '✗ read  3 ms  "no such file"\n'
        "? novelty: " + lines.split("? novelty: ")[1]
    )


@pytest.mark.parametrize("terminal", [RichTerminal, PlainTerminal])
def test_an_encoding_without_lines_and_marks(terminal):
    out = Output(encoding="ascii")
    view = RunView(terminal(out))
    view.event(decode_event(operation("op")))
    view.event(decode_event({**log("née"), "operationId": "op"}))
    view.close()
    assert out.text == ", prompt\n| info  n?e\n"


def test_a_terminal_of_an_old_locale(server):
    old = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    run_id = server.create_run("greet")
    server.append(run_id, log("née 🎉"), operation("op"))
    with Terminal("runs", "stream", run_id, FLUE_BASE_URL=server.base_url, **old) as terminal:
        terminal.read_until("2 events")
        assert re.search(r"[-|/\\] 0:0\d", terminal.raw)
        server.finish_run(run_id, result="ça va")
        assert terminal.wait() == 0
    assert terminal.screen.text.splitlines()[:2] == ["info  n?e ?", ", prompt"]
    assert "result   ?a va" in terminal.screen.text
    assert terminal.raw.isascii()


def test_warnings_of_the_library(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    out = Output(terminal=True)
    view = RunView(RichTerminal(out))
    view.event(decode_event(log("begun")))
    for attempt in (1, 2, 3):
        record = logging.LogRecord("flue", logging.WARNING, "", 0, f"attempt {attempt} failed", None, None)
        record.flue_attempt, record.flue_delay = attempt, 0.5
        view.warning(record)
    view.warning(logging.LogRecord("flue", logging.WARNING, "", 0, "something else", None, None))
    view.event(decode_event(wire("run_end", isError=False, durationMs=5, result=None)))
    view.close()
    assert out.screen == (
        "info  begun\n! attempt 1 failed\n! something else\n✓ completed in 5 ms\nresult   null\n2 events, 1 reconnect\n"
    )


# Without rich.


def test_a_recorded_run_in_plain_text():
    assert plain(*recorded("chat_events.json")) == CHAT


def test_without_rich_there_is_plain_text_and_a_hint(server, finished, tmp_path):
    (tmp_path / "rich.py").write_text("raise ImportError('not installed')", encoding="utf-8")
    with Terminal("runs", "get", finished, FLUE_BASE_URL=server.base_url, PYTHONPATH=str(tmp_path)) as terminal:
        assert terminal.wait() == 0
    hint, status, *_ = terminal.screen.text.splitlines()
    assert hint == "flue: for colours and a live view: pip install 'flue-sdk[cli]'"
    assert status == f"✓ completed  greet  {finished}"
    assert "\x1b" not in terminal.raw
