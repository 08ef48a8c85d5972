"""`timeline` and `runs timeline`: what happened when, as bars, as JSON, as a page and as a trace."""

from __future__ import annotations

import io
import json
import re
from xml.etree import ElementTree

import pytest

from flue.cli.output import Terminal as PlainTerminal
from flue.cli.terminal import RichTerminal
from flue.cli.timeline import draw, page, trace
from flue.testing import FlueTestServer

from . import wire
from .terminal import Terminal
from .wire import ended, event, operation, run_timeline


def audit(**fields):
    """A run of two seconds in which a tool fails and a task does not end."""
    inside = {"operationId": "op"}
    call = {"toolName": "bash", "toolCallId": "c"} | inside
    return run_timeline(
        operation("op", 200),
        event("turn_start", 200, turnId="t", purpose="agent", **inside),
        ended("turn", 700, 500, turnId="t", purpose="agent", request=wire.REQUEST, response={}, **inside),
        event("tool_start", 800, args={"command": "<ls>"}, **call),
        ended("tool", 1200, 400, failed=True, **call),
        event("task_start", 1200, taskId="k", agent="scout", prompt="look", **inside),
        ended("operation", 1800, 1600, operationKind="prompt", **inside),
        ended("run_end", 2000, 2000),
        **fields,
    )


def steps(timeline):
    """Labels, starts and durations in milliseconds, and which failed."""
    return [
        ("  " * bar.depth + bar.label, bar.start, bar.end and bar.end - bar.start, bar.failed) for bar in timeline.bars
    ]


def test_bars():
    timeline = audit()
    assert steps(timeline) == [
        ("audit", 0.0, 2000.0, False),
        ("  prompt", 200.0, 1600.0, False),
        ("    turn 1", 200.0, 500.0, False),
        ('    bash(command="<ls>")', 800.0, 400.0, True),
        ("    task scout", 1200.0, None, False),
    ]
    assert timeline.bars[3].json() == {
        "kind": "tool", "label": 'bash(command="<ls>")', "depth": 2, "startMs": 800.0, "durationMs": 400.0, "isError": True
    }  # fmt: skip


@pytest.mark.parametrize(("start", "seen"), [(0, (1100.0, 400.0)), (2000, (0.0, 0.0))])
def test_an_end_without_a_beginning(start, seen):
    """Nothing is before the start, whatever the clocks of record and events say."""
    call = ended("tool", 1500, 400, toolName="bash", toolCallId="c")
    assert steps(run_timeline(call, startedAt=wire.moment(start)))[1] == ("  bash", *seen, False)


# On a terminal.


def drawn(timeline, columns):
    return [line.text for line in draw(timeline, RichTerminal(io.StringIO(), width=columns))]


def test_drawn_on_a_terminal():
    assert drawn(audit(), 60) == [
        "audit                 ██████████████████████████       2.0 s",
        "  prompt                █████████████████████          1.6 s",
        "    turn 1              ███████                       500 ms",
        '    bash(command="<…            ██████                400 ms',
        "    task scout                       ░░░░░░░░░░░  unfinished",
    ]
    assert drawn(run_timeline(), 40) == ["audit  " + "░" * 21 + "  unfinished"]


@pytest.mark.parametrize("columns", [33, 40, 80, 200])
def test_a_drawing_fits(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = drawn(audit(), columns)
    assert set(map(len, lines)) == {columns}
    assert lines == [line.text for line in draw(audit(), PlainTerminal(io.StringIO()))]


# As a page; `test_timeline_page.py` looks at it.


def test_the_page():
    text = page(audit(status="errored", error={"name": "Error", "message": "<b>&"}, isError=True, durationMs=2000))
    assert "&lt;b&gt;&amp;" in text
    assert "<ls>" not in text
    assert not re.search(r"<(script|link|img)|\b(src|href|data)=|url\(|@import", text)
    rows = ElementTree.fromstring(text[text.index("<tbody>") : text.index("</tbody>") + len("</tbody>")])
    bars = {row.findtext("th"): row.find("td/svg/rect") for row in rows}
    assert {name: (bar.get("x"), bar.get("width")) for name, bar in bars.items()} == {
        "audit": ("0.00%", "100.00%"),
        "prompt": ("10.00%", "80.00%"),
        "turn 1": ("10.00%", "25.00%"),
        'bash(command="<ls>")': ("40.00%", "20.00%"),
        "task scout": ("60.00%", "40.00%"),
    }
    assert [row.get("class") for row in rows] == ["run", "operation", "turn", "tool failed", "task open"]
    assert rows[3].get("title") == 'bash(command="<ls>"): 400 ms, failed, 800 ms after the start'
    marks = text[text.index("<thead>") : text.index("</thead>")]
    assert re.findall(r">([^<]+)</text>", marks) == ["0", "500 ms", "1.0 s", "1.5 s", "2.0 s"]


@pytest.mark.parametrize(
    ("milliseconds", "last"),
    [(0, "1 ms"), (7, "6 ms"), (59_999, "50.0 s"), (3_725_000, "1:00:00"), (8 * 86_400_000, "192:00:00")],
)
def test_the_axis_counts_as_people_do(milliseconds, last):
    text = page(run_timeline(status="completed", durationMs=milliseconds))
    assert re.findall(r">([^<]+)</text>", text)[-1] == last


# As a trace.


def traced(timeline):
    """The complete events of a trace, and the names of their threads."""
    document = json.loads(trace(timeline))
    events = [event for event in document["traceEvents"] if event["ph"] == "X"]
    metadata = [event for event in document["traceEvents"] if event["ph"] == "M"]
    assert len(events) + len(metadata) == len(document["traceEvents"])
    assert [event["args"]["name"] for event in metadata if event["name"] == "process_name"] == [
        f"{timeline.bars[0].label} {timeline.name}"
    ]
    assert document["otherData"] == timeline.about()
    threads = {event["tid"]: event["args"]["name"] for event in metadata if event["name"] == "thread_name"}
    assert {event["tid"] for event in events} == set(threads)
    return events, [threads[event["tid"]] for event in events]


def recorded(name):
    """The timeline of a recorded run, or of the recorded updates of a conversation."""
    if name.isidentifier() and not name.endswith("_updates"):
        return run_timeline(*wire.recorded(f"{name}_events"), **wire.recorded(f"{name}_record"))
    return wire.conversation_timeline(*wire.recorded_chunks(*name.split()))


@pytest.mark.parametrize(
    "name",
    [
        *("chat", "failed", "noinput", "41 42", "49_", "55_", "70_"),
        *(f"{name}_updates" for name in ("abort_in_tool", "failed_joined", "joined_at_tool", "retracted")),
    ],
)
def test_the_trace_of_a_recording(name):
    timeline = recorded(name)
    events, _ = traced(timeline)
    assert sorted(event["name"] for event in events) == sorted(bar.label for bar in timeline.bars)
    for one in events:
        assert set(one) == {"name", "cat", "ph", "ts", "dur", "pid", "tid", "args"}
        assert all(isinstance(one[key], int) for key in ("ts", "dur", "pid", "tid"))
        # On one thread, two steps either follow each other or one encloses the other.
        for other in events:
            if one["tid"] == other["tid"] and one["ts"] < other["ts"] < one["ts"] + one["dur"]:
                assert other["ts"] + other["dur"] <= one["ts"] + one["dur"]


def test_a_trace_has_microseconds_and_failures():
    events, threads = traced(audit())
    assert [(event["name"], event["cat"], event["ts"], event["dur"], event["args"]) for event in events] == [
        ("audit", "run", 0, 2_000_000, {}),
        ("prompt", "operation", 200_000, 1_600_000, {}),
        ("turn 1", "turn", 200_000, 500_000, {}),
        ('bash(command="<ls>")', "tool", 800_000, 400_000, {"failed": True}),
        ("task scout", "task", 1_200_000, 800_000, {"unfinished": True}),
    ]
    # The task outlives the operation that started it: there is no room for it on the same thread.
    assert threads == ["run", "run", "run", "run", "parallel 1"]


def test_parallel_tasks_have_threads_of_their_own():
    seen = [operation("op")]
    for later, name in ((0, "north"), (1000, "south")):
        task = {"taskId": name, "agent": name, "prompt": "", "operationId": "op"}
        call = {"taskId": name, "toolName": "look", "toolCallId": name}
        seen += [
            event("task_start", 1000 + later, **task),
            event("tool_start", 3000 + later, args={"at": name}, **call),
            ended("tool", 5000 + later, 2000, **call),
            ended("task", 7000 + later, 6000, **task),
        ]
    timeline = run_timeline(*sorted(seen, key=lambda each: each["timestamp"]))
    events, threads = traced(timeline)
    assert {event["name"]: thread for event, thread in zip(events, threads, strict=True)} == {
        "audit": "run",
        "prompt": "run",
        "task north": "run",
        'look(at="north")': "run",
        "task south": "parallel 1",
        'look(at="south")': "parallel 1",
    }


# Conversations.


def test_a_conversation():
    """Tool calls have the durations that the server measured; turn 1 ended when the call was written."""
    timeline = recorded("49_")
    assert steps(timeline) == [
        ("ticket 42", 0.0, 454.0, False),
        ("  go", 0.0, 454.0, False),
        ("    turn 1", 0.0, 89.0, False),
        ("    build()", 90.0, 305.0, False),
        ("    turn 2", 398.0, 53.0, False),
    ]
    assert timeline.about() == {"conversation": wire.URL, "startedAt": "2026-11-23T09:30:41.881000+00:00"}
    assert "settled, 454 ms, started 2026-11-23 09:30:41 UTC, 4 steps" in page(timeline)


def test_submissions_that_join_a_running_one():
    assert [step for step in steps(recorded("joined_at_tool_updates")) if not step[0].startswith("    ")] == [
        ("ticket 42", 0.0, 3589.0, False),
        ("  nap 1500", 0.0, 3589.0, False),
        ("  please talk no more nap 10", 2302.0, 1286.0, False),
        ("  third nap 10", 2302.0, 1286.0, False),
    ]


def test_failures_of_a_conversation():
    failed = [bar.label for bar in recorded("41 42").bars if bar.failed]
    assert failed == ['explode(why="asked")', "please fail"]
    failed = [bar.label for bar in recorded("abort_in_tool_updates").bars if bar.failed]
    assert failed[:2] == ["nap 20000", "nap(ms=20000)"]


def test_a_conversation_that_runs_or_is_empty():
    timeline = recorded("55_")
    assert (timeline.status, steps(timeline)[-1]) == ("running", ("    turn 1", 0.0, None, False))
    for empty in (wire.conversation_timeline(), recorded("43_")):
        assert steps(empty) == [("ticket 42", 0.0, 0.0, False)]
        assert "empty, 0 ms, 0 steps" in page(empty)
        assert json.loads(trace(empty))["otherData"] == {"conversation": wire.URL}


def test_a_call_id_that_is_used_twice():
    """Both calls are shown; outcomes go to the newest one, the rest ends with its submission."""
    begun = ("message-started", {"submissionId": wire.SUBMISSION})
    look = "tool-input", {"toolCallId": "c", "toolName": "look", "input": 1}
    again = "tool-input", {"toolCallId": "c", "toolName": "look", "input": 2}
    done = "tool-output", {"toolCallId": "c", "output": 1, "durationMs": 1500}
    sent = wire.chunks(begun, look, again, done, begun, wire.settled("aborted"))
    timed = (chunk | {"timestamp": wire.moment(1000 * number)} for number, chunk in enumerate(sent))
    assert steps(wire.conversation_timeline(*timed)) == [
        ("ticket 42", 0.0, 5000.0, False),
        ("  sub_1", 0.0, 5000.0, True),
        ("    turn 1", 0.0, 4000.0, True),
        ("    look(1)", 1000.0, 4000.0, True),
        ("    look(2)", 2000.0, 1000.0, False),
        ("    turn 2", 4000.0, 1000.0, True),
    ]


# The commands.


@pytest.fixture
def chat(server):
    """The words that draw a run with the events of a recording, and the labels of its bars."""
    run_id = server.create_run("chat")
    server.append(run_id, *(each | {"runId": run_id} for each in wire.recorded("chat_events")[:-1]))
    server.finish_run(run_id)
    command = ["--base-url", server.base_url, "runs", "timeline", run_id]
    return command, ["chat", "prompt", "turn 1", "calculator()", "turn 2", "shell", "bash()"]


@pytest.fixture
def ticket(flue):
    """The same of a conversation."""
    with FlueTestServer(flue_version=2) as server:

        @server.agent("support")
        def support(turn):
            with turn.tool("look", {"at": turn.message.body}) as call:
                call.succeed("seen")
            return "done"

        url = f"{server.base_url}/agents/support/ticket-42"
        for text in ("north", "south"):
            assert flue("send", url, text).status == 0
        steps = [[name, "turn 1", f'look(at="{name}")', "turn 2"] for name in ("north", "south")]
        yield ["timeline", url], ["ticket-42", *steps[0], steps[1][0], "turn 3", steps[1][2], "turn 4"]


@pytest.mark.parametrize("drawn", ["chat", "ticket"])
def test_the_command(flue, request, tmp_path, drawn):
    command, labels = request.getfixturevalue(drawn)
    outcome = flue(*command)
    assert (outcome.status, outcome.err) == (0, "")
    assert [bar["label"] for bar in outcome.objects] == labels
    assert all(bar["durationMs"] is not None for bar in outcome.objects)
    html, perfetto = tmp_path / "timeline.html", tmp_path / "trace.json"
    assert flue(*command, "--html", str(html), "--trace", str(perfetto)).out == ""
    assert f"<h1>{labels[0]}</h1>" in html.read_text(encoding="utf-8")
    events = json.loads(perfetto.read_text(encoding="utf-8"))["traceEvents"]
    assert sum(event["ph"] == "X" for event in events) == len(labels)
    for option in ("--html", "--trace"):
        assert flue(*command, option, str(tmp_path)).status == 3
    assert flue(*command[:-1], f"{command[-1]}-nope").status == 3


def test_the_command_on_a_terminal(server, finished):
    with Terminal("runs", "timeline", finished, FLUE_BASE_URL=server.base_url) as terminal:
        assert terminal.wait() == 0
    # A run that began and ended in one millisecond has a bar of one cell.
    assert terminal.screen.text.startswith("greet  █")
