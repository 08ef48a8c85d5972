"""What every model can do: copies, comparison, a bounded repr, and being taken for what it is by other libraries."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import typing
import weakref
from datetime import UTC, datetime
from typing import Any

import attrs
import cattrs
import pytest
from model_samples import MODELS, exact, example

import flue
import flue.models
from flue import codec
from flue.codec._base import NO_EXTRA, WireModel
from flue.models import (
    AttachedAgentEvent,
    FlueEvent,
    LlmAssistantContent,
    LogEvent,
    PromptUsage,
    RunRecord,
    UnknownEvent,
)

NOW = datetime(2026, 11, 23, 9, 14, 54, 876000, UTC)


def test_all_names_are_exported() -> None:
    public = {
        name
        for module in ("common", "conversation", "flue_event", "operations", "public_error", "run_record")
        for name, value in vars(importlib.import_module(f"flue.models.{module}")).items()
        if name not in ("ChunkEnvelope", "EventEnvelope")
        and (getattr(value, "__module__", "").startswith("flue.models.") or (name[0].isupper() and "|" in str(value)))
    }
    assert public <= set(flue.models.__all__)
    assert {"FlueEvent", "UnknownEvent", "LogLevel", "RunStatus", *MODELS} <= set(flue.models.__all__)


def test_flue_event_is_the_union_of_all_events() -> None:
    events = {model for name, model in MODELS.items() if name.endswith("Event")} | {UnknownEvent}
    assert set(typing.get_args(FlueEvent)) == events
    assert len(events) == 27
    assert set(typing.get_args(AttachedAgentEvent)) == {
        event for event in events if not event.__name__.startswith("Run")
    }


@pytest.mark.parametrize("name", MODELS)
def test_pickle_copy_and_compare(name: str) -> None:
    one = codec.decode(MODELS[name], example(name, full=True) | {"later": [1]})
    bare = codec.decode(MODELS[name], example(name, full=False))
    for model in (one, bare):
        others = [copy.copy(model), copy.deepcopy(model), attrs.evolve(model)]
        others += [pickle.loads(pickle.dumps(model, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
        for other in others:
            assert other == model
            assert other is not model
            assert exact(codec.to_json(other)) == exact(codec.to_json(model))
    assert pickle.loads(pickle.dumps(bare)).wire_extra is copy.deepcopy(bare).wire_extra is NO_EXTRA
    assert one != bare
    assert one != codec.to_json(one)
    assert weakref.ref(one)() is one
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)
    with pytest.raises(AttributeError):
        one.not_there = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", MODELS)
def test_the_repr_is_one_bounded_line(name: str) -> None:
    text = repr(codec.decode(MODELS[name], example(name, full=True)))
    assert text.startswith(f"{name}(")
    assert len(text) <= 200
    assert text.isprintable()


def test_the_repr_of_large_and_odd_values() -> None:
    usage = codec.decode(PromptUsage, example("PromptUsage", full=True))
    for value in (
        "x" * 10**6,
        "line\n\r\x1b[31m \ud83d",
        {"a" * 1000: "b" * 1000},
        {str(key): {"deep": {"deeper": {"deepest": 1}}} for key in range(1000)},
        [[[[[[1]]]]]] * 1000,
        10**5000,
        -(10**5000),
        1e300,
        usage,
        [usage],
        None,
    ):
        text = repr(codec.decode(RunRecord, example("RunRecord", full=False) | {"result": value, "input": value}))
        assert len(text) <= 200
        assert text.isprintable()


def test_the_repr_shows_what_matters() -> None:
    event = LogEvent(level="info", message="tick 1", attributes={"i": 1}, event_index=2, timestamp=NOW, run_id="run_1")
    assert repr(event) == (
        "LogEvent(level='info', message='tick 1', attributes={'i': 1}, event_index=2, "
        "timestamp=2026-11-23T09:14:54.876000+00:00, run_id='run_1')"
    )
    assert repr(UnknownEvent("x", {"v": 3, "deep": {"er": 1}}, "unknown type 'x'")) == (
        "UnknownEvent(wire_type='x', raw={'v': 3, 'deep': {'er': 1}}, problem=\"unknown type 'x'\")"
    )


def test_models_can_be_made_by_hand() -> None:
    event = LogEvent(level="info", message="m", event_index=0, timestamp=NOW)
    assert (event.type, event.v, event.run_id, event.wire_extra) == ("log", 3, None, {})
    wire = codec.to_json(event)
    assert wire == {
        "type": "log",
        "level": "info",
        "message": "m",
        "v": 3,
        "eventIndex": 0,
        "timestamp": "2026-11-23T09:14:54.876Z",
    }
    assert codec.decode_event(wire) == event
    with pytest.raises(TypeError):
        LogEvent("info", "m", 0, NOW)  # type: ignore[misc]
    with pytest.raises(ValueError, match="no time zone"):
        codec.to_json(attrs.evolve(event, timestamp=datetime(2026, 1, 1)))  # noqa: DTZ001


def test_an_empty_wire_extra_cannot_be_changed() -> None:
    event: Any = LogEvent(level="info", message="m", event_index=0, timestamp=NOW)
    with pytest.raises(TypeError):
        event.wire_extra["x"] = 1
    with pytest.raises(KeyError):
        event.wire_extra["x"]
    assert (len(event.wire_extra), list(event.wire_extra), repr(event.wire_extra)) == (0, [], "{}")


@pytest.mark.parametrize("value", [None, {}, "text", LogEvent, object()])
def test_to_json_takes_models_only(value: Any) -> None:
    with pytest.raises(TypeError, match="takes a model"):
        codec.to_json(value)


def test_to_json_gives_an_object_of_its_own() -> None:
    wire = example("RunRecord", full=True)
    record = codec.decode_run_record(wire)
    codec.to_json(record)["runId"] = "changed"
    assert record.run_id != "changed"
    unknown = UnknownEvent("x", {"v": 3}, "")
    codec.to_json(unknown)["v"] = 4
    assert unknown.raw == {"v": 3}


@pytest.mark.parametrize("name", MODELS)
def test_annotations_resolve_at_run_time(name: str) -> None:
    hints = typing.get_type_hints(MODELS[name])
    assert {field.name for field in attrs.fields(MODELS[name])} <= hints.keys()


@pytest.mark.parametrize("name", [name for name in flue.models.__all__ if name in MODELS])
def test_every_attribute_is_documented(name: str) -> None:
    bases = [base for base in MODELS[name].__mro__ if issubclass(base, WireModel)]
    doc = "\n".join(inspect.getdoc(base) or "" for base in bases)  # Python 3.13 has no indentation in `__doc__`
    summary, _, attributes = doc.partition("Attributes:")
    assert summary.strip()
    tags = [key for key in typing.get_type_hints(MODELS[name]) if key in ("type", "role")]
    for attribute in [*(field.name for field in attrs.fields(MODELS[name])), *tags]:
        assert f"\n    {attribute}: " in attributes


def test_the_converter_knows_models_inside_other_classes() -> None:
    @attrs.define
    class Page:
        record: RunRecord
        events: list[FlueEvent]
        part: LlmAssistantContent
        extra: dict[str, PromptUsage]

    wire = {
        "record": example("RunRecord", full=True),
        "events": [example("LogEvent", full=True), {"type": "new", "v": 3}],
        "part": {"type": "text", "text": "hi"},
        "extra": {"a": example("PromptUsage", full=True) | {"later": 1}},
    }
    page = codec.converter.structure(wire, Page)
    assert isinstance(page.record, RunRecord)
    assert [type(event).__name__ for event in page.events] == ["LogEvent", "UnknownEvent"]
    assert page.part.type == "text"
    assert codec.converter.unstructure(page) == wire
    with pytest.raises(cattrs.errors.ClassValidationError):
        codec.converter.structure(wire | {"record": {}}, Page)


@pytest.mark.parametrize("value", [None, [], "text", 1])
def test_what_is_no_object_is_refused(value: Any) -> None:
    with pytest.raises(codec.DecodeError, match=r"^\$: expected an object, found ") as caught:
        codec.decode_run_record(value)
    assert isinstance(caught.value, ValueError)
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args


def test_an_agents_answer_is_typed_where_it_fits() -> None:
    wire = example("AgentPromptResponse", full=True)
    answer = codec.decode_agent_prompt_response(wire)
    assert isinstance(answer, flue.models.AgentPromptResponse)
    assert codec.to_json(answer) == wire
    for value in (None, 1, "text", [wire], {"data": {"x": 1}}, wire | {"text": None}):
        assert codec.decode_agent_prompt_response(value) is value
