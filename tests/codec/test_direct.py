"""Events decoded from JSON text, without a dictionary in between, are those that the dictionary would have given."""

from __future__ import annotations

import copy
import json
import typing
from typing import Any

import attrs
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_samples import CHUNKS, exact, example, recorded_events, validator

from flue import codec
from flue.codec._base import NO_EXTRA
from flue.codec._unknown import Unknown
from flue.errors import FlueError, UnsupportedFlueEventVersionError
from flue.models import FlueEvent, RunEndEvent, UnknownEvent, _decode

EVENTS = codec.EventDecoder()
STREAM = codec.ConversationChunkDecoder()
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


def outcome(item: Any, decode: Any = EVENTS) -> Any:
    """What becomes of an item, in full."""
    try:
        typed = decode(item)
    except FlueError as error:
        return type(error), str(error)
    if isinstance(typed, Unknown):
        return typed.wire_type, typed.raw, typed.problem
    fields = {name: getattr(typed, name) for name in (field.name for field in attrs.fields(type(typed)))}
    return type(typed), repr(fields), dict(typed.wire_extra), exact(codec.to_json(typed))


def check(text: bytes, decode: Any = EVENTS) -> None:
    """Both ways give the same."""
    direct = outcome(text, decode)
    assert direct == outcome(json.loads(text), decode)
    assert outcome(msgspec.Raw(text), decode) == direct


@pytest.mark.parametrize("decode", [EVENTS, codec.EventDecoder("agent")], ids=["run", "agent"])
@pytest.mark.parametrize("sample", SAMPLES, ids=[sample["type"] for sample in SAMPLES])
def test_samples(sample: dict[str, Any], decode: Any) -> None:
    check(json.dumps(sample).encode(), decode)


def test_they_go_the_direct_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """All but what only the dictionary's way can keep: a null that the model says by absence, and names in tags."""
    monkeypatch.setattr("flue.codec._decoder._Decoder._decode_slow", None)
    for event in [*recorded_events(), *(example(name, full=True) for name in NAMES.values())]:
        if None not in event.values():
            typed = EVENTS(json.dumps(event).encode())
            assert typed.wire_extra is NO_EXTRA
            assert codec.to_json(typed) == event
    for name, chunk in CHUNKS:
        if "data-" not in json.dumps(chunk):
            assert codec.to_json(STREAM(json.dumps(chunk).encode())) == chunk, name


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


def respelled(value: Any) -> Any:
    if type(value) is int and abs(value) < 2**53:
        return float(value)
    return value.replace("Z", "+00:00") if isinstance(value, str) and value.startswith("2026-") else value


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=6,
)


@st.composite
def mutated(draw: st.DrawFn, samples: list[dict[str, Any]]) -> dict[str, Any]:
    """A sample that was changed in some places."""
    sample = copy.deepcopy(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(1, 3))):
        *path, last = draw(st.sampled_from(places(sample) or [("type",)]))
        inner: Any = sample
        for key in path:
            inner = inner[key]
        how = draw(st.sampled_from(["change", "respell", "remove", "add"]))
        if how == "change":
            inner[last] = copy.deepcopy(draw(st.sampled_from([None, *VALUES, *TIMES]) | json_values))
        elif how == "respell" and last in inner:
            inner[last] = respelled(inner[last])
        elif how == "add" and isinstance(inner, dict):
            inner[draw(st.text(max_size=5))] = draw(json_values)
        elif isinstance(inner, dict):
            inner.pop(last, None)
    return sample


@settings(
    derandomize=True, database=None, deadline=None, max_examples=800, suppress_health_check=[HealthCheck.too_slow]
)
@given(
    mutated(SAMPLES).map(lambda wire: (EVENTS, "FlueEvent", wire))
    | mutated([chunk for _, chunk in CHUNKS if len(str(chunk)) < 5000]).map(
        lambda wire: (STREAM, "ConversationStreamItem", wire)
    )
)
def test_changed_anywhere_inside(case: tuple[Any, str, dict[str, Any]]) -> None:
    """Both ways give the same, nothing is lost, and only what does not fit its schema is unknown."""
    decode, union, wire = case
    text = json.dumps(wire)
    check(text.encode(), decode)
    try:
        typed = decode(wire)
    except UnsupportedFlueEventVersionError:
        assert wire.get("v") != 3
        return
    assert exact(codec.to_json(typed)) == exact(wire)
    assert json.dumps(wire) == text
    assert len(repr(typed)) <= 200
    if not isinstance(typed, Unknown):
        assert decode(codec.to_json(typed)) == typed
    elif not any(word in typed.problem for word in ("timestamp", "startedAt")):
        assert not validator(union).is_valid(wire), typed.problem


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
    assert (EVENTS.decode_many([text]) == []) == issubclass(one[0] or Exception, FlueError)


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
