"""`flue.replay()`: recordings, typed again."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import pytest

import flue
from flue import DurableStreamError, UnknownEvent, UnsupportedFlueEventVersionError, replay
from flue.models import LogEvent, RunEndEvent

RECORDINGS = Path(__file__).parents[1] / "recordings"
PAGES = sorted(RECORDINGS.glob("*_events.json"))


def log(index: int, **fields: object) -> dict[str, object]:
    event = {"v": 3, "type": "log", "eventIndex": index, "timestamp": "2026-01-01T00:00:00.000Z", "level": "info"}
    return event | {"message": f"message {index}"} | fields


LOGS = [log(index) for index in range(3)]
TEXT = "".join(json.dumps(event) + "\n" for event in LOGS)


def indexes(source) -> list[int]:
    return [event.event_index for event in replay(source)]


@pytest.fixture(params=PAGES, ids=[path.stem for path in PAGES])
def recording(request):
    """The events of a real server."""
    return request.param, json.loads(request.param.read_bytes())


def test_there_are_recordings():
    assert len(PAGES) >= 3


def test_a_page_and_its_lines_give_the_same_events_and_the_same_json(recording, tmp_path):
    path, wire = recording
    events = list(replay(path))
    assert [flue.to_json(event) for event in events] == wire
    lines = tmp_path / "events.jsonl"
    lines.write_text("".join(json.dumps(flue.to_json(event)) + "\n" for event in events))
    assert list(replay(lines)) == events
    assert list(replay(wire)) == events
    if path.name.startswith("ticks") or "chat" in path.name:
        assert isinstance(events[-1], RunEndEvent)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n \n\t\n"], ids=["LF", "CRLF", "blank lines"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "BOM"])
def test_files_with_and_without(end, mark, tmp_path):
    path = tmp_path / "events.jsonl"
    for text in (TEXT, TEXT.rstrip("\n"), json.dumps(LOGS), json.dumps(LOGS, indent=2)):
        path.write_bytes((mark + text.replace("\n", end)).encode())
        assert indexes(path) == indexes(str(path)) == [0, 1, 2]


def test_an_empty_file(tmp_path):
    path = tmp_path / "empty"
    for text in ("", "\ufeff", "\n\n", "[]", " [ ] \n"):
        path.write_text(text)
        assert list(replay(path)) == []


def test_open_files_stay_open(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text(TEXT)
    for opened in (
        path.open(),
        path.open("rb"),
        path.open(encoding="utf-8-sig"),
        io.StringIO(TEXT),
        io.BytesIO(TEXT.encode()),
    ):
        with opened:
            assert indexes(opened) == [0, 1, 2]
            assert not opened.closed


def test_lines_of_any_kind():
    lines = TEXT.splitlines()
    assert indexes(lines) == [0, 1, 2]
    assert indexes(line.encode() for line in lines) == [0, 1, 2]
    assert indexes(bytearray(line.encode()) for line in lines) == [0, 1, 2]
    assert indexes([lines[0], "", lines[1].encode(), b"\n", LOGS[2]]) == [0, 1, 2]
    assert indexes([json.dumps(LOGS[:2]), json.dumps(LOGS[2:])]) == [0, 1, 2], "a page a line"
    assert indexes(["[", lines[0], ",", lines[1], "]"]) == [0, 1]


def test_events_are_decoded_as_they_are_pulled():
    def lines():
        yield from TEXT.splitlines()
        raise AssertionError("asked for a line too many")

    events = replay(lines())
    assert [next(events).event_index for _ in LOGS] == [0, 1, 2]


@pytest.mark.parametrize("number", [1, 2, 4])
@pytest.mark.parametrize(
    "bad", ['{"v": 3,', "nonsense", '{"v": 3} {"v": 3}', '{"v": NaN}', '{"v":3,"x":' + "[" * 100_000]
)
def test_a_line_that_is_not_json_is_named(number, bad):
    lines = ["", *TEXT.splitlines()]
    lines.insert(number - 1, bad)
    events = replay(lines)
    for _ in range(max(0, number - 2)):
        next(events)
    with pytest.raises(DurableStreamError, match=f"^PARSE_ERROR: line {number}: an event is ") as caught:
        next(events)
    assert caught.value.code == "PARSE_ERROR"
    assert list(events) == []


def test_a_page_that_is_not_json_is_named():
    with pytest.raises(DurableStreamError, match=r"^PARSE_ERROR: the page that begins in line 2 is not JSON") as caught:
        list(replay(["", "[", *TEXT.splitlines(), "]"]))
    assert caught.value.code == "PARSE_ERROR"


@pytest.mark.parametrize("version", [1, 2, 4, "3", True, None])
def test_an_event_of_another_version(version):
    lines = [*TEXT.splitlines()[:2], json.dumps(log(2, v=version))]
    events = replay(lines)
    assert [next(events).event_index, next(events).event_index] == [0, 1]
    with pytest.raises(UnsupportedFlueEventVersionError) as caught:
        next(events)
    assert caught.value.received == version
    assert caught.value.__notes__ == ["in the recording's line 3"]


@pytest.mark.parametrize("item", ["7", '"text"', "null", "[7]", "{}"])
def test_what_is_json_and_no_event(item):
    with pytest.raises(UnsupportedFlueEventVersionError):
        list(replay([item]))


def test_unknown_events_arrive_as_such(caplog):
    caplog.set_level(logging.WARNING, "flue")
    strange = [log(0, type="data", payload=1), log(1, type="data"), log(2, level=7)]
    events = list(replay([*map(json.dumps, strange), json.dumps(LOGS[2])]))
    assert [type(event) for event in events] == [UnknownEvent, UnknownEvent, UnknownEvent, LogEvent]
    assert [flue.to_json(event) for event in events[:3]] == strange
    assert [record.message.partition(";")[0].partition(":")[0] for record in caplog.records] == ["replay"] * 2


def test_lone_surrogates_survive():
    """Text that JavaScript cut inside an emoji, escaped or not."""
    for ascii_only in (True, False):
        (event,) = replay([json.dumps(log(0, message="cut \ud83d"), ensure_ascii=ascii_only)])
        assert event.message == "cut \ud83d"


def test_bytes_that_are_not_utf_8():
    (event,) = replay([json.dumps(log(0)).encode().replace(b"message 0", b"\xff")])
    assert event.message == "\ufffd"


def test_sources_that_are_none():
    for source in (None, 7, b"events.jsonl", bytearray(b"{}"), LOGS[0], LogEvent):
        with pytest.raises(TypeError):
            replay(source)
    with pytest.raises(TypeError, match="a line must be str, bytes or a mapping, not int"):
        list(replay([7]))
    with pytest.raises(FileNotFoundError):
        list(replay("no such file"))


def test_a_file_is_closed_when_the_events_are_forgotten(tmp_path):
    """Or pytest would be told of a ResourceWarning."""
    path = tmp_path / "events.jsonl"
    path.write_text(TEXT)
    events = replay(path)
    next(events)
    del events
