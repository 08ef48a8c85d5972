"""Events decoded from JSON text, without a dictionary in between, are those that the dictionary would have given."""

from __future__ import annotations

import copy
import json
import typing
from typing import Any

import attrs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_samples import exact, example, recorded_events

from flue import codec
from flue.codec._base import NO_EXTRA
from flue.errors import FlueError, UnsupportedFlueEventVersionError
from flue.models import FlueEvent, RunEndEvent, UnknownEvent, _decode

KINDS = ("run", "agent")
NAMES = {event.type: event.__name__ for event in typing.get_args(FlueEvent) if event is not UnknownEvent}
SAMPLES = [example(name, full=full) for name in NAMES.values() for full in (True, False)] + recorded_events()
VALUES = [None, True, 0, 3, -1, 3.0, 2.5, 10**30, "", "text", [], [1], {}, {"a": None}, {"type": "text", "text": "x"}]
TIMES = [
    "2026-11-23T09:14:54.883Z",
    "2026-11-23T09:14:54Z",
    "2026-11-23T09:14:54.883123Z",
    "2026-11-23T09:14:54.883+00:00",
    "2026-11-23 09:14:54.883Z",
    "2026-11-23T09:14:54,883Z",
    "2026-13-23T09:14:54.883Z",
    "20261123T091454.88300Z..",
    "2026-W48-1T09:14:54.883Z",
]


def outcome(item: Any, kind: str = "run") -> Any:
    """What becomes of an item, in full."""
    try:
        event = codec.EventDecoder(kind)(item)
    except FlueError as error:
        return type(error), str(error)
    if isinstance(event, UnknownEvent):
        return event.wire_type, event.raw, event.problem
    fields = {name: getattr(event, name) for name in (field.name for field in attrs.fields(type(event)))}
    return type(event), repr(fields), dict(event.wire_extra), exact(codec.to_json(event))


def check(text: bytes, kind: str = "run") -> Any:
    """Both ways to the same event; what it is."""
    direct = outcome(text, kind)
    assert direct == outcome(json.loads(text), kind)
    assert outcome(msgspec.Raw(text), kind) == direct
    return direct


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sample", SAMPLES, ids=[sample["type"] for sample in SAMPLES])
def test_samples(sample: dict[str, Any], kind: str) -> None:
    check(json.dumps(sample).encode(), kind)


def test_they_go_the_direct_way() -> None:
    """Every recorded event does but those with a null: only the dictionary's way keeps what the model says by absence."""
    parse = msgspec.json.Decoder(_decode.FLUE_EVENT).decode
    for event in recorded_events():
        if None in event.values():
            continue
        wire = parse(json.dumps(event).encode())
        built = _decode.BUILDERS[type(wire)](wire)
        assert built.wire_extra is NO_EXTRA
        assert codec.to_json(built) == event
    seen = {parse(json.dumps(example(name, full=True)).encode()).__class__.__name__ for name in NAMES.values()}
    assert seen == set(NAMES.values())


def test_every_event_has_code_of_its_own() -> None:
    """What sets the envelope sees one class only: for code that sees many, CPython's attribute caches do not work."""
    copies = [value for name, value in vars(_decode).items() if name.startswith("_base_of_") and "event" in name]
    assert len({id(copy.__code__) for copy in copies}) == len(NAMES)


@pytest.mark.parametrize("tag", NAMES)
def test_every_key_in_every_way(tag: str) -> None:
    """Missing, null, of any other type, written twice or with escapes; and one that nobody knows."""
    sample = example(NAMES[tag], full=True)
    for key, value in sample.items():
        check(json.dumps({name: other for name, other in sample.items() if name != key}).encode())
        for other in [*VALUES, *(TIMES if isinstance(value, str) else [])]:
            check(json.dumps({**sample, key: other}).encode())
        text = json.dumps(sample)
        check(f"{text[:-1]}, {json.dumps(key)}: {json.dumps(value)}}}".encode())
        check(text.replace(json.dumps(key), json.dumps(key).replace("t", "\\u0074", 1)).encode())
    check(json.dumps({**sample, "novel": 1}).encode())
    check(json.dumps({"novel": None, **sample}).encode())


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything inside a JSON value."""
    found = [path] if path else []
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        found += places(inner, (*path, key))
    return found


@settings(max_examples=400, derandomize=True, deadline=None, database=None)
@given(st.data())
def test_changed_anywhere_inside(data: st.DataObject) -> None:
    sample = copy.deepcopy(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(1, 2))):
        *path, last = data.draw(st.sampled_from(places(sample)))
        inner = sample
        for key in path:
            inner = inner[key]
        how = data.draw(st.sampled_from(["change", "remove", "add"]))
        if how == "change":
            inner[last] = copy.deepcopy(data.draw(st.sampled_from([*VALUES, *TIMES])))
        elif how == "add" and isinstance(inner, dict):
            inner["novel"] = copy.deepcopy(data.draw(st.sampled_from(VALUES)))
        elif isinstance(inner, dict):
            del inner[last]
        if not places(sample):
            break
    check(json.dumps(sample).encode(), data.draw(st.sampled_from(["run", "agent"])))


@pytest.mark.parametrize(
    "text",
    [
        b"null",
        b"[]",
        b"{",
        b"",
        b'{"v":3}',
        b'{"v":4,"type":"log"}',
        b'{"v":3,"type":"log","level":"info","message":"\\ud800","eventIndex":0,"timestamp":"2026-11-23T09:14:54.883Z"}',
        b'{"v":3,"type":"log","level":"info","message":"\xff","eventIndex":0,"timestamp":"2026-11-23T09:14:54.883Z"}',
        b'{"v":3,"type":"log","level":"info","message":"","eventIndex":0,"timestamp":"2026-11-23T09:14:54.883Z",'
        b'"attributes":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    ],
)
def test_what_is_refused_or_taken_leniently(text: bytes) -> None:
    """The same as ever: an error, or what JavaScript makes of it."""
    one = outcome(text)
    decoder = codec.EventDecoder()
    assert (decoder.decode_many([text]) == []) == issubclass(one[0] or Exception, FlueError)


def test_decode_many() -> None:
    """Many at once are the same as one by one, up to what has to be looked at."""
    events = recorded_events()[:30]
    raw = [json.dumps(event).encode() for event in events]
    assert all(event["type"] != "run_end" for event in events)
    decoder = codec.EventDecoder()
    one_by_one = [decoder(item) for item in raw]
    assert decoder.decode_many([msgspec.Raw(item) for item in raw]) == one_by_one
    assert decoder.decode_many(events) == one_by_one
    odd = json.dumps({"type": "novel", "v": 3}).encode()
    assert [type(event) for event in decoder.decode_many([odd, raw[0]])] == [UnknownEvent, type(one_by_one[0])]
    end = json.dumps(example("RunEndEvent", full=False)).encode()
    assert isinstance(decoder(end), RunEndEvent)
    assert decoder.decode_many([*raw[:3], end, raw[3]]) == one_by_one[:3]
    assert decoder.decode_many([*raw[:3], b'{"v":9}', raw[3]]) == one_by_one[:3]
    assert decoder.decode_many([]) == []
    text = json.dumps(events[0])
    assert decoder.decode_many([text]) == []  # a string of a page is no event, whatever is in it
    assert outcome(text)[0] is UnsupportedFlueEventVersionError
