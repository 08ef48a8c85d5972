"""`timeline` and `runs timeline`: what happened when, as bars, as JSON, as a page and as a trace."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from flue.cli.output import Terminal as PlainTerminal
from flue.cli.terminal import RichTerminal
from flue.cli.timeline import ConversationTimeline, RunTimeline, draw, page, trace
from flue.codec import ConversationChunkDecoder, decode_event, decode_run_record
from flue.testing import FlueTestServer

from .terminal import ROOT, Terminal

BEGUN = "2026-11-23T09:00:0"


def record(**fields):
    begun = {"runId": "run_1", "workflowName": "audit", "status": "active", "startedAt": f"{BEGUN}0.000Z"}
    return decode_run_record(begun | fields)


def event(kind, at, **fields):
    stamp = {"v": 3, "eventIndex": 0, "runId": "run_1", "timestamp": f"{BEGUN}{at:.3f}Z"}
    return decode_event({"type": kind} | stamp | fields)


def audit(**fields):
    """A run of two seconds in which a tool fails and a task does not end."""
    timeline = RunTimeline(record(**fields))
    for seen in [
        event("operation_start", 0.2, operationId="op", operationKind="prompt"),
        event("turn_start", 0.2, turnId="t", purpose="agent", operationId="op"),
        event(
            "turn",
            0.7,
            turnId="t",
            operationId="op",
            purpose="agent",
            durationMs=500,
            isError=False,
            request=REQUEST,
            response={},
        ),
        event("tool_start", 0.8, toolName="bash", toolCallId="c", args={"command": "<ls>"}, operationId="op"),
        event("tool", 1.2, toolName="bash", toolCallId="c", isError=True, durationMs=400, operationId="op"),
        event("task_start", 1.2, taskId="k", agent="scout", prompt="look", operationId="op"),
        event("operation", 1.8, operationId="op", operationKind="prompt", isError=False, durationMs=1600),
        event("run_end", 2.0, isError=False, durationMs=2000),
    ]:
        timeline.add(seen)
    return timeline


REQUEST = {"providerId": "p", "providerName": "p", "requestedModel": "m", "api": "a"}


def test_bars():
    assert [bar.json() for bar in audit().bars] == [
        {"kind": kind, "label": label, "depth": depth, "startMs": start, "durationMs": took, "isError": failed}
        for kind, label, depth, start, took, failed in [
            ("run", "audit", 0, 0.0, 2000.0, False),
            ("operation", "prompt", 1, 200.0, 1600.0, False),
            ("turn", "turn 1", 2, 200.0, 500.0, False),
            ("tool", 'bash(command="<ls>")', 2, 800.0, 400.0, True),
            ("task", "task scout", 2, 1200.0, None, False),
        ]
    ]


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


@pytest.mark.parametrize("columns", [33, 40, 80, 200])
def test_a_drawing_fits(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = drawn(audit(), columns)
    assert set(map(len, lines)) == {columns}
    assert lines == [line.text for line in draw(audit(), PlainTerminal(io.StringIO()))]


def test_a_run_that_has_only_begun():
    timeline = RunTimeline(record())
    assert drawn(timeline, 40) == ["audit  " + "░" * 21 + "  unfinished"]
    assert "audit" in page(timeline)


def test_an_end_without_a_beginning():
    timeline = RunTimeline(record())
    timeline.add(event("tool", 1.5, toolName="bash", toolCallId="c", isError=False, durationMs=400))
    assert timeline.bars[1].json()["startMs"] == 1100.0
    assert timeline.bars[1].label == "bash"


class Page(HTMLParser):
    """Collects what a page would load, and its pictures."""

    def __init__(self, text):
        super().__init__()
        self.tags = set()
        self.loads = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.loads += [(name, value) for name, value in attributes if name in {"src", "href", "xlink:href", "data"}]


def test_the_page_needs_nothing_else():
    text = page(audit())
    parsed = Page(text)
    assert "script" not in parsed.tags
    assert "link" not in parsed.tags
    assert parsed.loads == []
    assert "url(" not in text
    assert "@import" not in text


def test_the_picture_on_the_page():
    text = page(audit(status="errored", error={"name": "Error", "message": "<b>&"}, isError=True, durationMs=2000))
    assert "&lt;b&gt;&amp;" in text
    assert "<ls>" not in text
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
    text = page(RunTimeline(record(status="completed", durationMs=milliseconds)))
    assert re.findall(r">([^<]+)</text>", text)[-1] == last


def test_nothing_is_before_the_start():
    timeline = RunTimeline(record(startedAt=f"{BEGUN}2.000Z"))
    timeline.add(event("tool", 0.5, toolName="bash", toolCallId="c", isError=False, durationMs=400))
    assert timeline.bars[1].json() | {"label": ""} == {
        "kind": "tool", "label": "", "depth": 1, "startMs": 0.0, "durationMs": 0.0, "isError": False,
    }  # fmt: skip


RECORDINGS = ROOT / "tests" / "recordings"


def recorded(name):
    events = json.loads((RECORDINGS / f"{name}_events.json").read_text(encoding="utf-8"))
    timeline = RunTimeline(
        decode_run_record(json.loads((RECORDINGS / f"{name}_record.json").read_text(encoding="utf-8")))
    )
    for each in events:
        timeline.add(decode_event(each))
    return timeline


URL = "https://example.org/agents/support/ticket%2042"


def conversation(*names):
    """The timeline of the recorded updates of a conversation."""
    timeline, decode = ConversationTimeline(URL), ConversationChunkDecoder()
    for name in names:
        (path,) = [path for path in (RECORDINGS / "flue2").glob(f"{name}_*.http") if "history" not in path.name]
        head, _, body = path.read_bytes().replace(b"\r\n", b"\n").decode().partition("\n\n")
        batches = (
            [line[5:] for line in body.splitlines() if line.startswith("data:[")] if "event-stream" in head else [body]
        )
        for batch in batches:
            for item in json.loads(batch):
                if (chunk := decode(json.dumps(item).encode())).type != "stream-checkpoint":
                    timeline.add(chunk)
    return timeline


def traced(timeline):
    """The complete events of a trace, and the names of its threads."""
    document = json.loads(trace(timeline))
    events = [event for event in document["traceEvents"] if event["ph"] == "X"]
    metadata = [event for event in document["traceEvents"] if event["ph"] != "X"]
    assert {event["ph"] for event in metadata} == {"M"}
    assert [event["args"]["name"] for event in metadata if event["name"] == "process_name"] == [
        f"{timeline.bars[0].label} {timeline.name}"
    ]
    assert document["otherData"] == timeline.about()
    threads = {event["tid"]: event["args"]["name"] for event in metadata if event["name"] == "thread_name"}
    assert {event["tid"] for event in events} == set(threads)
    return events, threads


CONVERSATIONS = ["41 42", "49", "55", "70", "abort_in_tool", "failed_joined", "joined_at_tool", "retracted"]


@pytest.mark.parametrize("name", ["chat", "failed", "noinput", *CONVERSATIONS])
def test_the_trace_of_a_recording(name):
    timeline = conversation(*name.split()) if name in CONVERSATIONS else recorded(name)
    events, _ = traced(timeline)
    assert sorted(event["name"] for event in events) == sorted(bar.label for bar in timeline.bars)
    for event in events:
        assert set(event) == {"name", "cat", "ph", "ts", "dur", "pid", "tid", "args"}
        assert all(isinstance(event[key], int) for key in ("ts", "dur", "pid", "tid"))
    # On one thread, two steps either follow each other or one encloses the other.
    for one in events:
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
    assert [threads[event["tid"]] for event in events] == ["run", "run", "run", "run", "parallel 1"]


def test_parallel_tasks_have_threads_of_their_own():
    timeline = RunTimeline(record())
    task = {"prompt": "", "operationId": "op"}
    for each in [
        event("operation_start", 0.0, operationId="op", operationKind="prompt"),
        event("task_start", 1.0, taskId="n", agent="north", **task),
        event("task_start", 2.0, taskId="s", agent="south", **task),
        event("tool_start", 3.0, toolName="look", toolCallId="c1", args={"at": "south"}, taskId="s"),
        event("tool_start", 4.0, toolName="look", toolCallId="c2", args={"at": "north"}, taskId="n"),
        event("tool", 5.0, toolName="look", toolCallId="c1", isError=False, durationMs=2000, taskId="s"),
        event("tool", 6.0, toolName="look", toolCallId="c2", isError=False, durationMs=2000, taskId="n"),
        event("task", 7.0, taskId="n", agent="north", isError=False, durationMs=6000, operationId="op"),
        event("task", 8.0, taskId="s", agent="south", isError=False, durationMs=6000, operationId="op"),
        event("run_end", 9.0, isError=False, durationMs=9000),
    ]:
        timeline.add(each)
    events, threads = traced(timeline)
    assert {event["name"]: threads[event["tid"]] for event in events} == {
        "audit": "run",
        "prompt": "run",
        "task north": "run",
        'look(at="north")': "run",
        "task south": "parallel 1",
        'look(at="south")': "parallel 1",
    }


def steps(timeline):
    return [
        ("  " * bar.depth + bar.label, bar.start, bar.end and bar.end - bar.start, bar.failed) for bar in timeline.bars
    ]


def test_a_conversation():
    """Tool calls have the durations that the server measured; turn 1 ended when the call was written."""
    timeline = conversation("49")
    assert steps(timeline) == [
        ("ticket 42", 0.0, 454.0, False),
        ("  go", 0.0, 454.0, False),
        ("    turn 1", 0.0, 89.0, False),
        ("    build()", 90.0, 305.0, False),
        ("    turn 2", 398.0, 53.0, False),
    ]
    assert timeline.about() == {"conversation": URL, "startedAt": "2026-11-23T09:30:41.881000+00:00"}
    text = page(timeline)
    assert "<h1>ticket 42</h1>" in text
    assert "settled, 454 ms, started 2026-11-23 09:30:41 UTC, 4 steps" in text


def test_submissions_that_join_a_running_one():
    assert [step for step in steps(conversation("joined_at_tool")) if not step[0].startswith("    ")] == [
        ("ticket 42", 0.0, 3589.0, False),
        ("  nap 1500", 0.0, 3589.0, False),
        ("  please talk no more nap 10", 2302.0, 1286.0, False),
        ("  third nap 10", 2302.0, 1286.0, False),
    ]


def test_failures_of_a_conversation():
    failed = [bar.label for bar in conversation("41", "42").bars if bar.failed]
    assert failed == ['explode(why="asked")', "please fail"]
    failed = [bar.label for bar in conversation("abort_in_tool").bars if bar.failed]
    assert failed[:2] == ["nap 20000", "nap(ms=20000)"]


def test_a_conversation_that_runs_or_is_empty():
    timeline = conversation("55")
    assert (timeline.status, steps(timeline)[-1]) == ("running", ("    turn 1", 0.0, None, False))
    for empty in (ConversationTimeline(URL), conversation("43")):
        assert steps(empty) == [("ticket 42", 0.0, 0.0, False)]
        assert "empty, 0 ms, 0 steps" in page(empty)
        assert json.loads(trace(empty))["otherData"] == {"conversation": URL}


def test_a_call_id_that_is_used_twice():
    """Both calls are shown; outcomes go to the newest one, the rest ends with its submission."""
    timeline, decode = ConversationTimeline(URL), ConversationChunkDecoder()
    call = {"toolCallId": "c", "toolName": "look", "messageId": "m"}
    for index, (kind, at, fields) in enumerate(
        [
            ("message-started", 0, {"messageId": "m", "submissionId": "s"}),
            ("tool-input", 1, call | {"input": 1}),
            ("tool-input", 2, call | {"input": 2}),
            ("tool-output", 4, {"toolCallId": "c", "output": 1, "durationMs": 1500}),
            ("message-started", 5, {"messageId": "m", "submissionId": "s"}),
            ("submission-settled", 6, {"submissionId": "s", "outcome": "aborted"}),
        ]
    ):
        common = {"conversationId": "conv", "position": {"batch": index, "index": 0}, "timestamp": f"{BEGUN}{at}.000Z"}
        timeline.add(decode(json.dumps({"type": kind} | common | fields).encode()))
    assert steps(timeline) == [
        ("ticket 42", 0.0, 6000.0, False),
        ("  s", 0.0, 6000.0, True),
        ("    turn 1", 0.0, 5000.0, True),
        ("    look(1)", 1000.0, 5000.0, True),
        ("    look(2)", 2500.0, 1500.0, False),
        ("    turn 2", 5000.0, 1000.0, True),
    ]


@pytest.fixture
def chat(server):
    """The id of a run with the events of a recording."""
    run_id = server.create_run("chat")
    for each in json.loads((RECORDINGS / "chat_events.json").read_text(encoding="utf-8"))[:-1]:
        server.append(run_id, each | {"runId": run_id})
    server.finish_run(run_id)
    return run_id


def test_the_command(flue, server, chat):
    outcome = flue("runs", "timeline", chat)
    assert outcome.status == 0
    labels = ["chat", "prompt", "turn 1", "calculator()", "turn 2", "shell", "bash()"]
    assert [bar["label"] for bar in outcome.objects] == labels
    assert flue("runs", "timeline", "run_nope").status == 3


def test_the_command_writes_files(flue, server, chat, tmp_path):
    html, perfetto = tmp_path / "timeline.html", tmp_path / "trace.json"
    assert flue("runs", "timeline", chat, "--html", str(html), "--trace", str(perfetto)).out == ""
    assert html.read_text(encoding="utf-8").startswith("<!doctype html>")
    events = json.loads(perfetto.read_text(encoding="utf-8"))["traceEvents"]
    assert sum(event["ph"] == "X" for event in events) == 7
    for option in ("--html", "--trace"):
        assert flue("runs", "timeline", chat, option, str(tmp_path)).status == 3


def test_the_command_on_a_terminal(server, finished):
    with Terminal("runs", "timeline", finished, FLUE_BASE_URL=server.base_url) as terminal:
        assert terminal.wait() == 0
    # A run that began and ended in one millisecond has a bar of one cell.
    assert terminal.screen.text.startswith("greet  █")


def test_the_command_for_a_conversation(flue, tmp_path):
    with FlueTestServer(flue_version=2) as server:

        @server.agent("support")
        def support(turn):
            with turn.tool("look", {"at": turn.message.body}) as call:
                call.succeed("seen")
            return "done"

        url = f"{server.base_url}/agents/support/ticket-42"
        assert flue("timeline", url).status == 3
        assert flue("timeline").status == 2
        for text in ("north", "south"):
            assert flue("send", url, text).status == 0
        outcome = flue("timeline", url)
        assert (outcome.status, outcome.err) == (0, "")
        labels = [bar["label"] for bar in outcome.objects]
        assert labels[0] == "ticket-42"
        assert [label for label in labels if label.startswith("look")] == ['look(at="north")', 'look(at="south")']
        assert [bar["label"] for bar in outcome.objects if bar["kind"] == "submission"] == ["north", "south"]
        assert all(bar["durationMs"] is not None for bar in outcome.objects)
        html, perfetto = tmp_path / "timeline.html", tmp_path / "trace.json"
        assert flue("timeline", url, "--html", str(html), "--trace", str(perfetto)).out == ""
        assert "<h1>ticket-42</h1>" in html.read_text(encoding="utf-8")
        events = json.loads(perfetto.read_text(encoding="utf-8"))["traceEvents"]
        assert sum(each["ph"] == "X" for each in events) == len(labels)
