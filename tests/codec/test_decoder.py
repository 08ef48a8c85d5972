"""One stream's decoder: the version gate, events that are not understood, JSON that a strict parser refuses."""

from __future__ import annotations

import json
import math
import pickle
from datetime import UTC, datetime
from typing import Any

import attrs
import msgspec
import pytest
from model_samples import example

from flue import codec
from flue.errors import DurableStreamError, UnsupportedFlueEventVersionError
from flue.models import FlueEvent, LogEvent, RunStartEvent, UnknownEvent
from flue.models.flue_event import EventEnvelope

LOG = {"type": "log", "level": "info", "message": "m", "v": 3, "eventIndex": 4, "timestamp": "2026-11-23T09:14:54.876Z"}


@pytest.mark.parametrize("version", [0, 1, 2, 4, "3", True, None, [3], {"v": 3}, 3.5])
def test_other_versions_are_refused(version: Any) -> None:
    with pytest.raises(UnsupportedFlueEventVersionError) as caught:
        codec.decode_event(LOG | {"v": version})
    assert (caught.value.received, caught.value.supported) == (version, 3)


@pytest.mark.parametrize("item", [None, 3, "text", [LOG], b"3", b"null", b'[{"v":3}]', b'{"type":"log"}', {}])
def test_what_is_no_event_is_refused(item: Any) -> None:
    with pytest.raises(UnsupportedFlueEventVersionError) as caught:
        codec.decode_event(item)
    assert caught.value.received is None


def test_the_version_is_looked_at_first() -> None:
    with pytest.raises(UnsupportedFlueEventVersionError):
        codec.decode_event({"v": 4, "type": "not_known"})
    assert isinstance(codec.decode_event({"v": 3.0, "type": "not_known"}), UnknownEvent)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, msgspec.Raw])
def test_raw_items(kind: Any) -> None:
    event = codec.decode_event(kind(json.dumps(LOG).encode()))
    assert event == codec.decode_event(LOG)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (rb'"cut \ud83d"', "cut \ud83d"),
        (rb'"\udc00 first"', "\udc00 first"),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (b'"bad \xff byte"', "bad � byte"),
        (b'"cut \xf0\x9f"', "cut �"),
        (b'"\xe2\x80\xa8\xc2\x85"', "\u2028\x85"),
    ],
)
def test_text_that_a_strict_parser_refuses(text: bytes, message: str) -> None:
    event = codec.decode_event(json.dumps(LOG).encode().replace(b'"m"', text))
    assert isinstance(event, LogEvent)
    assert event.message == message
    assert codec.to_json(event)["message"] == message
    assert pickle.loads(pickle.dumps(event)) == event
    repr(event).encode("utf-8")


def test_numbers_beyond_64_bits() -> None:
    numbers = [2**63, 2**64, -(2**70), 10**400, 1e308, 5e-324]
    event = codec.decode_event(json.dumps(LOG | {"attributes": {"numbers": numbers}}).encode())
    assert isinstance(event, LogEvent)
    assert event.attributes == {"numbers": numbers}
    with_both = codec.decode_event(json.dumps(LOG | {"message": "\ud83d", "attributes": {"n": 10**400}}).encode())
    assert isinstance(with_both, LogEvent)
    assert with_both.attributes == {"n": 10**400}


def test_a_number_that_is_too_large_for_a_float() -> None:
    event = codec.decode_event(json.dumps(LOG | {"attributes": {"n": 1}}).encode().replace(b"1}", b"1e999}"))
    assert isinstance(event, LogEvent)
    assert event.attributes == {"n": math.inf}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"v":3,"x":NaN}',
        b'{"v":3,"x":-Infinity}',
        b"[" * 100_000,
        b'{"v":3,"x":' + b"1" * 5000 + b"}",
    ],
    ids=["empty", "cut", "word", "nan", "infinity", "deep", "digits"],
)
def test_what_no_parser_takes(text: bytes) -> None:
    with pytest.raises(DurableStreamError) as caught:
        codec.decode_event(text)
    assert caught.value.code == "PARSE_ERROR"


def test_depth_that_only_the_checks_of_a_parser_limit() -> None:
    deep = (
        b'{"v":3,"type":"log","attributes":'
        + b'{"a":' * 200
        + b"1"
        + b"}" * 200
        + json.dumps(LOG)[1:].encode().join([b",", b""])
    )
    event = codec.decode_event(deep)
    assert isinstance(event, LogEvent)


def test_unknown_types_are_logged_once_for_each(caplog: pytest.LogCaptureFixture) -> None:
    decode = codec.EventDecoder("run", "run run_1")
    for _ in range(3):
        for wire in (
            LOG | {"type": "brand_new"},
            LOG | {"type": "other"},
            LOG | {"level": "fatal"},
            LOG | {"message": 1},
        ):
            event = decode(wire)
            assert isinstance(event, UnknownEvent)
            assert (event.raw, event.wire_type, event.type) == (wire, wire["type"], "unknown")
    expected = "$.level: expected one of error, info, warn, found 'fatal'"
    assert caplog.messages == [
        "run run_1: an event of unknown type 'brand_new'; it arrives as UnknownEvent",
        "run run_1: an event of unknown type 'other'; it arrives as UnknownEvent",
        f"run run_1: a 'log' event does not fit its schema: {expected}; it arrives as UnknownEvent",
    ]
    codec.EventDecoder()(LOG | {"type": "other"})
    assert len(caplog.messages) == 4
    assert {(record.name, record.levelname) for record in caplog.records} == {("flue", "WARNING")}


@pytest.mark.parametrize("tag", [None, 1, ["log"], {"a": 1}, "LOG", "", "x" * 10_000])
def test_tags_that_are_none(tag: Any, caplog: pytest.LogCaptureFixture) -> None:
    event = codec.decode_event(LOG | {"type": tag})
    assert isinstance(event, UnknownEvent)
    assert event.wire_type == (tag if isinstance(tag, str) else None)
    assert codec.to_json(event) == LOG | {"type": tag}
    assert len(event.problem) < 200
    assert len(caplog.messages[0]) < 300


def test_contents_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    codec.decode_event(LOG | {"message": ["secret"]})
    codec.decode_event(LOG | {"eventIndex": "secret"})
    assert len(caplog.messages) == 2
    assert "secret" not in caplog.text


def test_an_agent_stream_has_no_events_of_runs() -> None:
    wire = example("RunStartEvent", full=True)
    assert isinstance(codec.EventDecoder("run")(wire), RunStartEvent)
    assert isinstance(codec.EventDecoder("agent")(wire), UnknownEvent)


def test_the_envelope_of_an_unknown_event() -> None:
    envelope = example("LogEvent", full=True)
    known: FlueEvent = codec.decode_event(envelope)
    unknown = codec.decode_event(envelope | {"type": "new"})
    assert isinstance(known, LogEvent)
    assert isinstance(unknown, UnknownEvent)
    names = [field.name for field in attrs.fields(EventEnvelope) if field.name != "wire_extra"]
    assert len(names) == 15
    for name in names:
        assert getattr(unknown, name) == getattr(known, name) is not None
    bare = UnknownEvent("new", {}, "unknown type 'new'")
    odd = UnknownEvent("new", {key: [1] for key in envelope}, "")
    for name in names:
        assert getattr(bare, name) is getattr(odd, name) is None
    assert UnknownEvent("new", {"v": 3.0}, "").v == 3
    assert UnknownEvent("new", {"v": math.inf}, "").v is None
    assert unknown.timestamp == datetime(2026, 11, 23, 9, 14, 54, 876000, UTC)


def test_a_type_that_is_none_is_logged_as_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    codec.EventDecoder("run", "run run_1")(LOG | {"type": 1})
    sentence = "run run_1: an event whose type is an integer, not a string; it arrives as UnknownEvent"
    assert caplog.messages == [sentence]
