"""Nothing of the wire is lost, whatever a server makes of an object; and what fits a schema is typed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from model_samples import MODELS, exact, example, properties, validator

import flue
from flue import codec
from flue.codec._base import NO_EXTRA, Model
from flue.models import (
    DataEvent,
    LlmAssistantMessage,
    LogEvent,
    ModelResponse,
    RunEndEvent,
    UnknownContent,
    UnknownEvent,
)

if TYPE_CHECKING:
    from pathlib import Path

OPTIONAL = [(name, key) for name in MODELS for key, (_, _, required) in properties(name).items() if not required]
REQUIRED = [(name, key) for name in MODELS for key, (_, _, required) in properties(name).items() if required]


@pytest.mark.parametrize("full", [True, False], ids=["full", "minimal"])
@pytest.mark.parametrize("name", MODELS)
def test_round_trip(name: str, *, full: bool) -> None:
    wire = example(name, full=full)
    validator(name).validate(wire)
    model: Model = codec.decode(MODELS[name], wire)
    assert exact(codec.to_json(model)) == exact(wire)
    assert codec.decode(MODELS[name], codec.to_json(model)) == model
    assert getattr(model, "wire_extra") is NO_EXTRA  # noqa: B009


@pytest.mark.parametrize(("name", "key"), OPTIONAL)
def test_an_optional_key_may_be_absent_or_null(name: str, key: str) -> None:
    present = example(name, full=True)
    absent = {other: value for other, value in present.items() if other != key}
    null = {**present, key: None}
    decoded = [codec.decode(MODELS[name], wire) for wire in (present, absent, null)]
    for model, wire in zip(decoded, (present, absent, null), strict=True):
        assert exact(codec.to_json(model)) == exact(wire)
    assert getattr(decoded[2], "wire_extra") == {key: None}  # noqa: B009
    assert decoded[0] != decoded[1] != decoded[2]


@pytest.mark.parametrize(("name", "key"), REQUIRED)
def test_a_required_key_has_to_be_there(name: str, key: str) -> None:
    wire = example(name, full=True)
    del wire[key]
    assert not validator(name).is_valid(wire)
    with pytest.raises(codec.DecodeError, match=rf"^\$\.{key}: expected .*, found null or nothing$"):
        codec.decode(MODELS[name], wire)


@pytest.mark.parametrize("name", MODELS)
def test_every_property_is_checked(name: str) -> None:
    for key, (_, schema, _) in properties(name).items():
        open_ended = not {"type", "$ref", "const"} & schema.keys() and {} in schema.get("anyOf", [{}])
        for value in (b"bytes", object()):
            wire = {**example(name, full=True), key: value}
            if open_ended:
                assert getattr(codec.decode(MODELS[name], wire), _attribute(name, key)) is value
            else:
                with pytest.raises(codec.DecodeError) as caught:
                    codec.decode(MODELS[name], wire)
                assert caught.value.path == (key,)


def _attribute(name: str, key: str) -> str:
    """The attribute of a property: the one that a sentinel in its place turns up in."""
    marked = codec.decode(MODELS[name], {**example(name, full=True), key: (marker := object())})
    return next(field.name for field in attrs.fields(MODELS[name]) if getattr(marked, field.name) is marker)


@pytest.mark.parametrize("name", MODELS)
def test_unknown_keys_are_kept(name: str) -> None:
    wire = example(name, full=True) | {"later": {"x": [1, None]}, "wireExtra": 1, "wire_extra": 2}
    model: Model = codec.decode(MODELS[name], wire)
    assert exact(codec.to_json(model)) == exact(wire)
    assert getattr(model, "wire_extra") == {"later": {"x": [1, None]}, "wireExtra": 1, "wire_extra": 2}  # noqa: B009


LOG = {"type": "log", "level": "info", "message": "m", "v": 3, "eventIndex": 0, "timestamp": "2026-11-23T09:14:54.876Z"}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T09:14:54.876Z", datetime(2026, 11, 23, 9, 14, 54, 876000, UTC)),
        ("2026-11-23T09:14:54Z", datetime(2026, 11, 23, 9, 14, 54, tzinfo=UTC)),
        ("2026-11-23T09:14:54.876543Z", datetime(2026, 11, 23, 9, 14, 54, 876543, UTC)),
        ("2026-11-23T09:14:54.876543210Z", datetime(2026, 11, 23, 9, 14, 54, 876543, UTC)),
        ("2026-11-23T09:14:54.876+00:00", datetime(2026, 11, 23, 9, 14, 54, 876000, UTC)),
        ("2026-11-23T11:14:54.876+02:00", datetime(2026, 11, 23, 9, 14, 54, 876000, UTC)),
        ("2026-11-23 09:14:54.876Z", datetime(2026, 11, 23, 9, 14, 54, 876000, UTC)),
        ("2026-11-23T09:14:54,876Z", datetime(2026, 11, 23, 9, 14, 54, 876000, UTC)),
        ("0001-01-01T00:00:00.000Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("0001-01-01T01:00:00+01:00", datetime(1, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00-00:01", datetime(1, 1, 1, 0, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999Z", datetime(9999, 12, 31, 23, 59, 59, 999000, UTC)),
        ("9999-12-31T23:59:59.999999999+14:00", datetime(9999, 12, 31, 9, 59, 59, 999999, UTC)),
        (f"2026-11-23T09:14:54.{'9' * 300}Z", datetime(2026, 11, 23, 9, 14, 54, 999999, UTC)),
        ("2026-11-23T09:14:54.876+23:59", datetime(2026, 11, 22, 9, 15, 54, 876000, UTC)),
    ],
)
def test_timestamps_keep_their_spelling(text: str, moment: datetime) -> None:
    event = codec.decode_event(LOG | {"timestamp": text})
    assert isinstance(event, LogEvent)
    assert event.timestamp == moment
    assert event.timestamp.utcoffset() is not None
    assert codec.to_json(event)["timestamp"] == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-23",
        "2026-11-23T09:14:54.876",
        "2026-13-23T09:14:54.876Z",
        "\uff12026-11-23T09:14:54.876Z",  # a full-width digit
        "0001-01-01T00:00:00+01:00",  # in UTC before the year 1
        "0001-01-01T00:00:00.000+23:59",
        "9999-12-31T23:59:59.999-00:01",
        "9999-12-31T23:59:59.999-23:59",
        "0000-12-31T23:59:59.999Z",
        "0000-01-01T00:00:00.000Z",
        "10000-01-01T00:00:00.000Z",
        "+010000-01-01T00:00:00.000Z",
        "-000001-01-01T00:00:00.000Z",
        "2026-11-23T23:59:60.000Z",  # a leap second
        "2026-11-23T09:14:54.876+24:00",
        "2026-11-23T09:14:54.876-99:99",
        "2026-02-30T09:14:54.876Z",
        1795425294876,
    ],
)
def test_what_is_no_moment_in_time_does_not_fit(text: Any) -> None:
    event = codec.decode_event(LOG | {"timestamp": text})
    assert isinstance(event, UnknownEvent)
    assert event.problem.startswith("$.timestamp: expected a timestamp")
    assert event.timestamp is None


@pytest.mark.parametrize("text", ["2026-11-23T24:00:00.000Z", "2026-11-23T24:00:00Z", "9999-12-31T24:00:00.000Z"])
def test_the_hour_24_loses_nothing(text: str) -> None:
    """Some versions of Python take it for the next day's 0."""
    wire = LOG | {"timestamp": text}
    for item in (wire, json.dumps(wire).encode()):
        assert exact(codec.to_json(codec.decode_event(item))) == exact(wire)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59.999-01:00"])
def test_moments_without_a_year_in_utc_end_nothing(text: str, tmp_path: Path) -> None:
    good, bad = json.dumps(LOG), json.dumps(LOG | {"timestamp": text})
    decoder = codec.EventDecoder()
    assert [event.type for event in decoder.decode_many([item.encode() for item in (good, bad, good)])] == [
        "log",
        "unknown",
        "log",
    ]
    path = tmp_path / "run.jsonl"
    path.write_text(f"{good}\n{bad}\n{good}\n")
    replayed = list(flue.replay(path))
    assert [event.type for event in replayed] == ["log", "unknown", "log"]
    assert replayed[1].timestamp is None
    assert codec.to_json(replayed[1]) == json.loads(bad)
    with pytest.raises(codec.DecodeError, match=r"^\$\.startedAt: expected a timestamp, found one outside the years"):
        codec.decode_run_record(example("RunRecord", full=False) | {"startedAt": text})
    made = attrs.evolve(codec.decode_event(LOG), timestamp=datetime.fromisoformat(text))
    with pytest.raises(ValueError, match="outside the years 1 to 9999"):
        codec.to_json(made)


def test_numbers_keep_their_spelling() -> None:
    big = 2**64 + 1
    wire = LOG | {"v": 3.0, "eventIndex": 7.0, "attributes": {"big": big, "float": 1.0}}
    event = codec.decode_event(wire)
    assert isinstance(event, LogEvent)
    assert (event.v, event.event_index) == (3, 7)
    assert type(event.event_index) is int
    assert exact(codec.to_json(event)) == exact(wire)
    assert isinstance(codec.decode_event(LOG | {"eventIndex": 7.5}), UnknownEvent)
    assert isinstance(codec.decode_event(LOG | {"eventIndex": True}), UnknownEvent)
    assert codec.to_json(codec.decode_event(LOG | {"eventIndex": big}))["eventIndex"] == big


def test_a_changed_attribute_counts_more_than_what_was_on_the_wire() -> None:
    event = codec.decode_event(
        LOG | {"timestamp": "2026-11-23T11:14:54+02:00", "runId": None, "later": 1, "eventIndex": 7.0}
    )
    assert isinstance(event, LogEvent)
    changed = attrs.evolve(
        event, message="x", timestamp=event.timestamp + timedelta(microseconds=1), run_id="run_1", event_index=8
    )
    assert codec.to_json(changed) == LOG | {
        "message": "x",
        "timestamp": "2026-11-23T09:14:54.000001Z",
        "runId": "run_1",
        "later": 1,
        "eventIndex": 8,
    }
    same_moment = attrs.evolve(event, timestamp=event.timestamp.astimezone(timezone(timedelta(hours=-5))))
    assert codec.to_json(same_moment)["timestamp"] == "2026-11-23T11:14:54+02:00"


def test_a_moment_that_was_null_can_be_set() -> None:
    wire = example("RunRecord", full=False) | {"endedAt": None}
    record = codec.decode_run_record(wire)
    assert exact(codec.to_json(record)) == exact(wire)
    ended = attrs.evolve(record, ended_at=datetime(2026, 11, 23, tzinfo=UTC))
    assert codec.to_json(ended)["endedAt"] == "2026-11-23T00:00:00.000Z"


def test_null_and_absent_results_differ() -> None:
    end = {**LOG, "type": "run_end", "runId": "r", "isError": False, "durationMs": 1}
    del end["level"], end["message"]
    absent, null = codec.decode_event(end), codec.decode_event(end | {"result": None})
    assert isinstance(absent, RunEndEvent)
    assert isinstance(null, RunEndEvent)
    assert absent.result is null.result is None
    assert "result" not in codec.to_json(absent)
    assert codec.to_json(null)["result"] is None
    assert codec.to_json(attrs.evolve(null, result=0))["result"] == 0


def test_nested_objects_keep_their_own_extra_fields() -> None:
    wire = {
        "usage": example("PromptUsage", full=True)
        | {"reasoning": 5, "cost": example("PromptCost", full=True) | {"tax": 1}},
        "finishReason": None,
        "output": {"role": "assistant", "content": [{"type": "text", "text": "hi", "citations": []}], "model": "m"},
    }
    response = codec.decode(ModelResponse, wire)
    assert response.usage is not None
    assert (response.usage.wire_extra, response.usage.cost.wire_extra) == ({"reasoning": 5}, {"tax": 1})
    assert exact(codec.to_json(response)) == exact(wire)


def test_content_of_an_unknown_kind_leaves_the_message_typed() -> None:
    wire = {
        "role": "assistant",
        "content": [{"type": "audio", "data": "…"}, {"type": "text", "text": "hi"}, {"kind": 1}],
    }
    message = codec.decode(LlmAssistantMessage, wire)
    assert message.content[0] == UnknownContent("audio", {"type": "audio", "data": "…"}, "unknown type 'audio'")
    assert message.content[2] == UnknownContent(None, {"kind": 1}, "type is null or nothing, not a string")
    assert exact(codec.to_json(message)) == exact(wire)
    with pytest.raises(codec.DecodeError, match=r"^\$\.content\[0\]\.text: expected a string, found an integer$"):
        codec.decode(LlmAssistantMessage, {"role": "assistant", "content": [{"type": "text", "text": 1}]})
    with pytest.raises(codec.DecodeError, match=r"^\$\.content\[1\]: expected an object, found a string$"):
        codec.decode(LlmAssistantMessage, {"role": "assistant", "content": [{"type": "x"}, "text"]})


def test_data_may_be_anything() -> None:
    for value in (None, False, 0, "", [], {}, [None]):
        wire = {**LOG, "type": "data", "name": "n", "data": value}
        del wire["level"], wire["message"]
        event = codec.decode_event(wire)
        assert isinstance(event, DataEvent)
        assert event.data == value
        assert exact(codec.to_json(event)) == exact(wire)
