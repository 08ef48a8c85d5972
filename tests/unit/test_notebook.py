"""What notebooks show: HTML that is bounded, harmless, and to be read on white and on black; and tables of pandas."""

from __future__ import annotations

import builtins
import json
import subprocess
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from IPython.core.formatters import DisplayFormatter

import flue
from flue import codec
from flue.codec import ConversationChunkDecoder, decode_run_record
from flue.core.conversation import ConversationReducer

RECORDINGS = Path(__file__).parents[1] / "recordings"
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;\x1b[31m\x00\x9b\u202eabc\u2066\ud800"
HARMLESS = {"div", "span", "bdi", "details", "summary"}


def recorded_events():
    return [
        event
        for path in sorted(RECORDINGS.glob("*_events.json"))
        for event in flue.replay(json.loads(path.read_text(encoding="utf-8")))
    ]


def recorded_flue2():
    """The JSON values of the recorded answers of a conversation, histories first."""
    bodies = []
    for path in sorted((RECORDINGS / "flue2").glob("*.http")):
        head, _, body = path.read_bytes().replace(b"\r\n", b"\n").decode("utf-8", "replace").partition("\n\n")
        if "application/json" in head and body.strip():
            bodies.append(json.loads(body))
    snapshots = [codec.decode(flue.ConversationSnapshot, body) for body in bodies if "messages" in body]
    decode = ConversationChunkDecoder()
    chunks = [
        chunk
        for body in bodies
        if isinstance(body, list)
        for item in body
        if (chunk := decode(json.dumps(item).encode())).type != "stream-checkpoint"
    ]
    return snapshots, chunks


def snapshot(*parts, count=1, settlements=(), **fields):
    message = {"id": "entry_1", "role": "assistant", "purpose": "assistant", "display": "visible", "submissionId": "s"}
    wire = {
        "v": 1,
        "conversationId": "conv_1",
        "offset": "0",
        "messages": [message | {"parts": list(parts)} | fields] * count,
        "settlements": list(settlements),
    }
    return codec.decode(flue.ConversationSnapshot, wire)


def event(**fields):
    begun = {"v": 3, "type": "log", "level": "info", "eventIndex": 1, "timestamp": "2026-11-23T09:14:54.876Z"}
    return codec.decode_event(begun | {"message": "hello"} | fields)


class Parsed(HTMLParser):
    """The elements, attributes and text of some HTML; every element must be closed."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.text, self._open = set(), set(), "", []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attributes)
        self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data


def shown(value):
    """What IPython shows of a value, checked to be harmless."""
    data, _ = DisplayFormatter().format(value)
    parsed = Parsed(data["text/html"])
    assert parsed.tags <= HARMLESS
    assert parsed.attributes <= {"style", "dir"}
    assert parsed.text.replace("\n", "").isprintable()
    assert "url(" not in data["text/html"]
    return parsed.text, data["text/html"]


def test_every_recorded_value_has_a_representation():
    snapshots, chunks = recorded_flue2()
    records = [
        decode_run_record(json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(RECORDINGS.glob("*_record.json"))
    ]
    values = [
        *recorded_events(),
        *snapshots,
        *chunks,
        *records,
        *(message for each in snapshots for message in each.messages),
    ]
    assert len(values) > 200
    for value in values:
        text, html = shown(value)
        assert text
        assert len(html) < 100_000


def test_an_event():
    text, _ = shown(event(runId="run_1", attributes={"a": [1, None]}))
    for expected in ("log", "#1", "2026-11-23 09:14:54.876 UTC", "run_1", "hello", '{"a": [1, null]}'):
        assert expected in text


def test_an_event_that_is_not_understood():
    text, _ = shown(event(type="novel", field="value"))
    assert "novel" in text
    assert "value" in text


def test_a_run():
    wire = {"runId": "run_1", "workflowName": "audit", "startedAt": "2026-11-23T09:14:54.876Z", "input": {"a": 1}}
    text, _ = shown(decode_run_record(wire | {"status": "active"}))
    assert "● active" in text
    ended = {"status": "completed", "durationMs": 1200, "result": "fine", "isError": False}
    text, _ = shown(decode_run_record(wire | ended))
    for expected in ("audit", "run_1", "✓ completed", "1.2 s", '{"a": 1}', "fine"):
        assert expected in text
    text, _ = shown(decode_run_record(wire | {"status": "errored", "error": {"name": "TypeError", "message": "no"}}))
    assert "✗ errored" in text
    assert "TypeError: no" in text


TOOL = {"type": "dynamic-tool", "toolName": "calc", "toolCallId": "t", "input": {"a": 1}}


def test_a_conversation():
    whole = snapshot(
        {"type": "reasoning", "text": "let me think", "state": "done"},
        {"type": "text", "text": "The answer\nis 42.", "state": "done"},
        TOOL | {"state": "output-available", "output": {"sum": 42}, "durationMs": 1500},
        TOOL | {"state": "output-error", "errorText": "boom"},
        {"type": "file", "mediaType": "image/png", "filename": "dot.png"},
        {"type": "data-weather", "data": {"sky": "blue"}},
        {"type": "novel", "text": "unheard of"},
        settlements=[{"submissionId": "s", "outcome": "failed", "error": {"message": "gone"}}],
    )
    expected = ["conv_1", "1 message", "assistant", "let me think", "The answer\nis 42.", "✓ calc(a=1) 1.5 s"]
    expected += ['{"sum": 42}', "✗ calc(a=1)", "boom", "dot.png", "image/png", "weather", "blue", "unheard of"]
    expected += ["✗ failed gone"]
    for value in (whole, ConversationReducer(whole).state):
        text, _ = shown(value)
        for part in expected:
            assert part in text
    text, _ = shown(whole.messages[0])
    assert "The answer" in text


def test_text_of_the_server_is_text():
    values = [
        event(message=EVIL, runId=EVIL, attributes={EVIL: EVIL, "list": [EVIL] * 9}),
        event(type=EVIL, field=EVIL),
        decode_run_record(
            {
                "runId": EVIL,
                "workflowName": EVIL,
                "status": "errored",
                "startedAt": "2026-11-23T09:14:54.876Z",
                "error": {"message": EVIL},
            }
        ),
        snapshot(
            {"type": "text", "text": EVIL, "state": "done"},
            {
                "type": "dynamic-tool",
                "toolName": EVIL,
                "toolCallId": EVIL,
                "input": {EVIL: EVIL},
                "state": "output-error",
            }
            | {"errorText": EVIL},
            {"type": f"data-{EVIL}", "data": EVIL},
            {"type": EVIL, "x": EVIL},
            {"type": "file", "mediaType": EVIL, "filename": EVIL},
            signal={"tagName": EVIL},
            settlements=[{"submissionId": "s", "outcome": "failed", "error": {"message": EVIL}}],
        ),
    ]
    for value in values:
        text, _ = shown(value)
        assert "<script>alert(1)</script>" in text


NESTED: dict = {}
for _ in range(500):
    NESTED = {"a": NESTED}


@pytest.mark.parametrize(
    "value",
    [
        event(message="x<" * 500_000),
        event(attributes={f"k{number}": "v" * 100 for number in range(10_000)}),
        event(attributes=NESTED),
        event(type="novel", **{f"k{number}": "<" * 100 for number in range(10_000)}),
        snapshot({"type": "text", "text": "&" * 500_000, "state": "done"}, count=1000),
        snapshot(*[{"type": "text", "text": "", "state": "done"}] * 10_000),
        snapshot(*[TOOL | {"state": "output-available", "output": "'" * 10_000}] * 1000, count=100),
    ],
    ids=["text", "wide", "deep", "unknown", "messages", "parts", "tools"],
)
def test_its_size_is_bounded(value):
    text, html = shown(value)
    assert "…" in text
    assert len(html) < 200_000


def test_what_is_not_understood_says_why():
    text, _ = shown(event(type="novel"))
    assert "unknown type 'novel'" in text


def test_the_last_messages_are_shown():
    whole = snapshot({"type": "text", "text": "again", "state": "done"}, count=25)
    text, _ = shown(whole)
    assert text.count("again") == 20
    assert "… 5 earlier messages" in text
    assert "hidden" not in shown(snapshot({"type": "text", "text": "hidden", "state": "done"}, display="hidden"))[0]


def test_what_cannot_be_json_has_its_repr():
    made = flue.RunRecord(
        run_id="run_1", workflow_name="audit", status="completed", started_at=datetime.now(UTC), result={1, 2}
    )
    data, _ = DisplayFormatter().format(made)
    assert set(data) == {"text/plain"}


def test_nothing_of_it_is_loaded_before_it_is_asked_for():
    script = """if True:
        import sys, flue
        from flue.codec import decode_event
        event = decode_event({"v": 3, "type": "idle", "eventIndex": 0, "timestamp": "2026-11-23T09:14:54.876Z"})
        repr(event)
        assert "flue._notebook" not in sys.modules
        event._repr_html_()
        assert "flue._notebook" in sys.modules and "pandas" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("width", [900, 390])
def test_it_can_be_read_in_a_browser(browser, tmp_path, width):
    """Nothing is asked for, no script runs, nothing is wider than the page."""
    values = [
        event(message=EVIL),
        snapshot({"type": "text", "text": EVIL + "x" * 500, "state": "done"}),
        *recorded_flue2()[0],
    ]
    body = "".join(value._repr_html_() for value in values)
    page = tmp_path / "page.html"
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><body>{body}',
        encoding="utf-8",
    )
    browser.open(page.as_uri(), width=width)
    assert browser.requests == [page.as_uri()]
    assert browser.complaints == []
    assert browser.ask("document.documentElement.scrollWidth") <= width


class TestToFrame:
    def test_events(self):
        events = recorded_events()
        frame = flue.to_frame(iter(events))
        assert list(frame.columns[:4]) == ["type", "event_index", "timestamp", "run_id"]
        assert list(frame["type"]) == [event.type for event in events]
        assert str(frame["timestamp"].dtype) == "datetime64[us, UTC]"
        assert [moment.to_pydatetime() for moment in frame["timestamp"]] == [event.timestamp for event in events]
        assert list(frame["wire"]) == [flue.to_json(event) for event in events]
        tools = frame[frame["type"] == "tool"]
        assert len(tools) > 0
        assert tools["duration_ms"].sum() == sum(event.duration_ms for event in events if event.type == "tool")
        assert frame["tool_name"].notna().sum() == sum(hasattr(event, "tool_name") for event in events)
        assert {"v", "usage", "messages"}.isdisjoint(frame.columns)

    def test_times_of_any_zone_and_year(self):
        times = ["0001-01-01T00:00:00.000Z", "2026-11-23T09:14:54.876+02:00", "9999-12-31T23:59:59.999999Z"]
        frame = flue.to_frame([event(timestamp=time) for time in times])
        assert [moment.isoformat() for moment in frame["timestamp"]] == [
            "0001-01-01T00:00:00+00:00",
            "2026-11-23T07:14:54.876000+00:00",
            "9999-12-31T23:59:59.999999+00:00",
        ]

    def test_an_unknown_event_has_its_own_type(self):
        frame = flue.to_frame([event(), event(type="novel", runId="run_1", timestamp="no time", x=1)])
        assert list(frame["type"]) == ["log", "novel"]
        assert frame["run_id"][1] == "run_1"
        assert list(frame["timestamp"].isna()) == [False, True]
        assert frame["wire"][1]["x"] == 1

    def test_chunks(self):
        _, chunks = recorded_flue2()
        unknown = ConversationChunkDecoder()(b'{"type":"novel","conversationId":"conv_1"}')
        frame = flue.to_frame([*chunks, unknown])
        assert list(frame["type"]) == [*(chunk.type for chunk in chunks), "novel"]
        assert list(frame["batch"][:-1]) == [chunk.position.batch for chunk in chunks]
        assert frame["conversation_id"].iloc[-1] == "conv_1"
        deltas = frame[frame["type"] == "message-delta"]
        assert "".join(deltas["delta"]) == "".join(chunk.delta for chunk in chunks if chunk.type == "message-delta")
        assert str(frame["timestamp"].dtype) == "datetime64[us, UTC]"

    def test_run_records(self):
        wire = json.loads((RECORDINGS / "chat_record.json").read_text(encoding="utf-8"))
        frame = flue.to_frame([decode_run_record(wire)])
        assert list(frame.columns) == [
            *("run_id", "workflow_name", "status", "started_at", "ended_at", "is_error", "duration_ms"),
            *("input", "result", "error", "wire"),
        ]
        assert str(frame["ended_at"].dtype) == "datetime64[us, UTC]"
        assert frame["result"][0] == wire["result"]
        assert frame["wire"][0] == wire

    def test_nothing(self):
        frame = flue.to_frame([])
        assert len(frame) == 0
        assert str(frame["timestamp"].dtype) == "datetime64[us, UTC]"
        assert list(frame[frame["type"] == "tool"]["run_id"]) == []

    @pytest.mark.parametrize("value", [{"type": "log"}, ("run_1", event()), None, snapshot()])
    def test_what_is_no_event_is_refused(self, value):
        with pytest.raises(TypeError, match=r"to_frame\(\) takes events, conversation chunks or run records, not "):
            flue.to_frame([value])

    def test_without_pandas(self, monkeypatch):
        load = builtins.__import__

        def refuse(name, *rest):
            if name == "pandas":
                raise ModuleNotFoundError("No module named 'pandas'")
            return load(name, *rest)

        monkeypatch.setattr(builtins, "__import__", refuse)
        with pytest.raises(ImportError, match=r"needs pandas: pip install pandas"):
            flue.to_frame([])


def test_a_timeline():
    """In a frame without scripts and of a bounded size; what a server says stays text in both."""
    record = decode_run_record(
        {"runId": EVIL, "workflowName": EVIL, "status": "active", "startedAt": "2026-11-23T09:14:54.000Z"}
    )
    tasks = [
        event(type="task_start", message=None, taskId=f"k{number}", agent=EVIL * 50, prompt="look")
        for number in range(300)
    ]
    drawn = flue.timeline(record, tasks)
    assert [bar.kind for bar in drawn.bars] == ["run"] + ["task"] * 300
    html = drawn._repr_html_()
    assert len(html) < 1_000_000
    tags = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tags.append((tag, dict(attributes)))
    parser.feed(html)
    ((tag, attributes),) = tags
    assert (tag, attributes["sandbox"]) == ("iframe", "")
    assert "the first 200 are shown" in attributes["srcdoc"]
    tags.clear()
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tags.append(tag)
    parser.feed(attributes["srcdoc"])
    assert not {"script", "img", "iframe"} & {*tags}


def test_a_timeline_of_a_conversation():
    _, chunks = recorded_flue2()
    drawn = flue.timeline("http://127.0.0.1/agents/support/ada", chunks)
    assert drawn.bars[0].label == "ada"
    assert "submission" in {bar.kind for bar in drawn.bars}
    with pytest.raises(TypeError, match="takes a run's record or a conversation's URL, not list"):
        flue.timeline(chunks, chunks)


def test_a_timeline_of_what_does_not_belong_together():
    """An id is no record: the drawing would be empty, and nobody would know why."""
    record = decode_run_record(json.loads((RECORDINGS / "chat_record.json").read_text()))
    for of, events in [("run_1", [event()]), (record, [record]), ("http://127.0.0.1/a/1", snapshot().messages)]:
        with pytest.raises(TypeError, match=r"timeline\(\) of a .+ takes its (events|chunks), not "):
            flue.timeline(of, [*events, event()])
