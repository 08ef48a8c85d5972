"""`runs timeline`: what a run did when, as bars, as JSON and as a page."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from flue.cli.bars import Timeline, draw
from flue.cli.timeline_page import page
from flue.codec import decode_event, decode_run_record

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
    timeline = Timeline(record(**fields))
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


def test_drawn_on_a_terminal():
    lines = ["".join(text for text, _ in line) for line in draw(audit(), 60)]
    assert lines == [
        "audit                 ██████████████████████████       2.0 s",
        "  prompt                █████████████████████          1.6 s",
        "    turn 1              ███████                       500 ms",
        '    bash(command="<…            ██████                400 ms',
        "    task scout                       ░░░░░░░░░░░  unfinished",
    ]


@pytest.mark.parametrize("columns", [33, 40, 80, 200])
def test_a_drawing_fits(columns):
    assert {sum(len(text) for text, _ in line) for line in draw(audit(), columns)} <= {columns, columns - 1}


def test_a_run_that_has_only_begun():
    timeline = Timeline(record())
    assert ["".join(text for text, _ in line) for line in draw(timeline, 40)] == ["audit  " + "░" * 21 + "  unfinished"]
    assert "audit" in page(timeline)


def test_an_end_without_a_beginning():
    timeline = Timeline(record())
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
    text = page(Timeline(record(status="completed", durationMs=milliseconds)))
    assert re.findall(r">([^<]+)</text>", text)[-1] == last


def test_nothing_is_before_the_start():
    timeline = Timeline(record(startedAt=f"{BEGUN}2.000Z"))
    timeline.add(event("tool", 0.5, toolName="bash", toolCallId="c", isError=False, durationMs=400))
    assert timeline.bars[1].json() | {"label": ""} == {
        "kind": "tool", "label": "", "depth": 1, "startMs": 0.0, "durationMs": 0.0, "isError": False,
    }  # fmt: skip


def test_the_command(flue, server, tmp_path):
    run_id = server.create_run("chat")
    for recorded in json.loads((ROOT / "tests" / "recordings" / "chat_events.json").read_text(encoding="utf-8"))[:-1]:
        server.append(run_id, recorded | {"runId": run_id})
    server.finish_run(run_id)
    outcome = flue("runs", "timeline", run_id)
    assert outcome.status == 0
    assert [bar["label"] for bar in outcome.objects] == [
        "chat", "prompt", "turn 1", "calculator()", "turn 2", "shell", "bash()",
    ]  # fmt: skip
    file = tmp_path / "timeline.html"
    assert flue("runs", "timeline", run_id, "--html", str(file)).out == ""
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert flue("runs", "timeline", run_id, "--html", str(tmp_path)).status == 3
    assert flue("runs", "timeline", "run_nope").status == 3


def test_the_command_on_a_terminal(server, finished):
    with Terminal("runs", "timeline", finished, FLUE_BASE_URL=server.base_url) as terminal:
        assert terminal.wait() == 0
    # A run that began and ended in one millisecond has a bar of one cell.
    assert terminal.screen.text.startswith("greet  █")
