"""The caller's values as the input of a workflow."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import types
import uuid
from collections import OrderedDict
from typing import Any

import attrs
import pytest
from model_samples import example

from flue.codec import decode_event, decode_run_record, dumps_input


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Word(enum.StrEnum):
    YES = "yes"


@attrs.define
class Point:
    x: int
    tags: tuple[str, ...] = ()


@dataclasses.dataclass
class Order:
    point: Point
    price: decimal.Decimal
    _note: str = "n"


class Text(str):
    __slots__ = ()


class Settings:
    """What dumps_input sees of a pydantic model."""

    def __init__(self, dumped: Any) -> None:
        self.dumped = dumped

    def model_dump(self, *, mode: str) -> Any:
        assert mode == "json"
        return self.dumped


class NaTType(datetime.datetime):
    """What dumps_input sees of pandas' NaT: a datetime that differs from itself."""

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return "NaT"


UTC = datetime.UTC


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0, "0"),
        (2**100, str(2**100)),
        (1.5, "1.5"),
        ("ü\n", r'"\u00fc\n"'),
        ("\ud83d", r'"\ud83d"'),
        ({"\ud83d": 1}, r'{"\ud83d":1}'),
        ([], "[]"),
        ((1, [2]), "[1,[2]]"),
        ({}, "{}"),
        ({"a": {"b": [None]}}, '{"a":{"b":[null]}}'),
        (OrderedDict(b=1, a=2), '{"b":1,"a":2}'),
        (types.MappingProxyType({"a": 1}), '{"a":1}'),
        (Colour.RED, '"red"'),
        (Level.HIGH, "3"),
        ({Word.YES: Word.YES}, '{"yes":"yes"}'),
        (Text("t"), '"t"'),
        (Point(1, ("a",)), '{"x":1,"tags":["a"]}'),
        (Order(Point(1), decimal.Decimal("1.10")), '{"point":{"x":1,"tags":[]},"price":"1.10","_note":"n"}'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (datetime.datetime(2026, 1, 2, 3, 4, 5, 6, UTC), '"2026-01-02T03:04:05.000006+00:00"'),
        (datetime.datetime(2026, 1, 2, 3), '"2026-01-02T03:00:00"'),  # noqa: DTZ001
        (datetime.date(2026, 1, 2), '"2026-01-02"'),
        (datetime.time(1, 2), '"01:02:00"'),
        (decimal.Decimal("1E+3"), '"1E+3"'),
        (Settings({"a": [1]}), '{"a":[1]}'),
        ([Settings([1, 2])], "[[1,2]]"),
    ],
)
def test_values(value: Any, text: str) -> None:
    assert dumps_input(value) == text.encode()


def test_models_become_their_wire_objects() -> None:
    event, record = example("LogEvent", full=True) | {"later": 1}, example("RunRecord", full=True)
    value = {"event": decode_event(event), "records": [decode_run_record(record)]}
    assert json.loads(dumps_input(value)) == {"event": event, "records": [record]}


def cycle(kind: str) -> Any:
    holder: Any = {"list": [], "dict": {}, "attrs": Point(1)}[kind]
    match holder:
        case list():
            holder.append((holder,))
        case dict():
            holder["a"] = [holder]
        case _:
            holder.x = {"p": holder}
    return {"top": holder}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "input is nan, which JSON cannot express"),
        ({"a": [1, float("-inf")]}, "input.a[1] is -inf, which JSON cannot express"),
        (Point(float("nan")), "input.x is nan"),  # type: ignore[arg-type]
        (decimal.Decimal("NaN"), "input is NaN, which JSON cannot express"),
        ([decimal.Decimal("sNaN")], "input[0] is sNaN, which JSON cannot express"),
        ({"a": decimal.Decimal("-Infinity")}, "input.a is -Infinity, which JSON cannot express"),
        ({"at": NaTType(1, 1, 1)}, "input.at is NaT, which JSON cannot express"),
        (Settings({"x": float("nan")}), "input.x is nan, which JSON cannot express"),
        (Settings, "input is of type type, which cannot be JSON"),
        (cycle("list"), "input.top[0][0] contains itself"),
        (cycle("dict"), "input.top.a[0] contains itself"),
        (cycle("attrs"), "input.top.x.p contains itself"),
        ({1: 2}, "input has a key of type int; JSON keys are strings"),
        ({"a": {None: 2}}, "input.a has a key of type NoneType"),
        (b"bytes", "input is of type bytes, which cannot be JSON"),
        ({"a": {1, 2}}, "input.a is of type set, which cannot be JSON"),
        (object(), "input is of type object"),
        (Point, "input is of type type"),
        (Order, "input is of type type"),
        (lambda: 1, "input is of type function"),
        (1j, "input is of type complex"),
        (decode_event({"v": 3, "type": "x", "y": float("nan")}), "input.y is nan"),
    ],
)
def test_what_cannot_be_json(value: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        dumps_input(value)
    assert message in str(caught.value)


def test_depth_without_end() -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError, match="too deep"):
        dumps_input(value)


def test_an_integer_of_thousands_of_digits() -> None:
    with pytest.raises(ValueError, match="digits"):
        dumps_input(10**5000)


def test_one_value_in_two_places_is_no_cycle() -> None:
    shared = [1]
    assert dumps_input({"a": shared, "b": [shared, shared]}) == b'{"a":[1],"b":[[1],[1]]}'
