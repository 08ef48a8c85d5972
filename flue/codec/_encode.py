"""Models and the caller's values become JSON."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import math
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import attrs

from flue.codec._base import DecodeError, Model, WireModel, field_map, format_time, parse_time
from flue.codec._unknown import Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flue.codec._base import FieldMap


def to_json(model: Model) -> dict[str, Any]:
    """Return the JSON object of a model, key for key the one that it was decoded from.

    What was changed since, by assignment or by `attrs.evolve`, is changed in the object too.

    Args:
        model: Any model of `flue.models`, an `UnknownEvent` included.

    Returns:
        A new dict; JSON values in it, such as the result of a run, are shared with the model.

    Raises:
        TypeError: The argument is no model.
        ValueError: A datetime of the model is naive, or in UTC outside the years 1 to 9999.
    """
    if isinstance(model, WireModel):
        return _object(model, field_map(type(model)))
    if isinstance(model, Unknown):
        return dict(model.raw)
    raise TypeError(f"to_json() takes a model of flue.models, not {type(model).__name__}")


def _object(model: WireModel, fields: FieldMap) -> dict[str, Any]:
    """Build the JSON object of a model: its attributes, then its `wire_extra`.

    An extra field that is another spelling of a value counts only while the attribute still has that value, and one for
    null only while the attribute is None.
    """
    extra = model.wire_extra
    obj: dict[str, Any] = {}
    for key, (attribute, kind, prefix) in fields.items():
        value = getattr(model, attribute)
        if value is None:
            if kind == "json":
                obj[key] = None
        elif kind == "nested":
            obj[key] = _nested(value)
        elif kind == "time":
            obj[key] = extra[key] if key in extra and _spells(extra[key], value) else format_time(value)
        elif kind == "integer" and key in extra and extra[key] == value:
            obj[key] = extra[key]
        elif kind == "prefixed":
            obj[key] = f"{prefix}{value}"
        elif kind != "flag" or value:
            obj[key] = value
    for key, value in extra.items():
        obj.setdefault(key, value)
    return obj


def _nested(value: Any) -> Any:
    """Return the JSON of a value that may be a model or a list of models."""
    if isinstance(value, Model):
        return to_json(value)
    return [_nested(element) for element in value] if value.__class__ is list else value


def _spells(text: Any, time: datetime.datetime) -> bool:
    """Tell whether an extra field is a spelling of this moment."""
    try:
        return parse_time(text) == time
    except DecodeError:
        return False


def dumps_input(value: Any) -> bytes:
    """Return the JSON text of a workflow's input.

    JSON values are written as they are, integers of any size included. attrs instances and dataclasses become objects
    with their attributes as keys; pydantic models what `model_dump(mode="json")` makes of them; enumerations their
    values; dates, times and datetimes ISO 8601; `Decimal` and `UUID` strings; tuples arrays. Models of this package
    become the objects of the wire.

    Returns:
        ASCII text; what is not ASCII is escaped, lone surrogates too.

    Raises:
        ValueError: The value, or something in it, cannot be JSON: NaN and infinities (of `Decimal`, too), pandas'
            `NaT`, cycles, mappings with keys that are no strings, bytes, sets, objects of other types. The message says
            where it is.
    """
    try:
        return json.dumps(_plain(value, "input", set()), separators=(",", ":")).encode("ascii")
    except RecursionError:
        raise ValueError("input is nested too deep") from None


def _plain(value: Any, path: str, holders: set[int]) -> Any:
    """Return a value made of JSON types only. `holders` are the containers around it, by identity."""
    match value:
        case enum.Enum():
            return _plain(value.value, path, holders)
        case None | bool() | str() | int():
            return value
        case float():
            if not math.isfinite(value):
                raise ValueError(f"{path} is {value}, which JSON cannot express")
            return value
        case datetime.date() | datetime.time():
            if value != value:  # noqa: PLR0124  # pandas' NaT is a datetime that differs from itself
                raise ValueError(f"{path} is {value}, which JSON cannot express")
            return value.isoformat()
        case decimal.Decimal():
            if not value.is_finite():
                raise ValueError(f"{path} is {value}, which JSON cannot express")
            return str(value)
        case uuid.UUID():
            return str(value)
        case _:
            pass
    if id(value) in holders:
        raise ValueError(f"{path} contains itself")
    inside = holders | {id(value)}
    if callable(getattr(value.__class__, "model_dump", None)):  # a pydantic model
        return _plain(value.model_dump(mode="json"), path, inside)
    if isinstance(value, list | tuple):
        elements = cast("Iterable[Any]", value)
        return [_plain(element, f"{path}[{index}]", inside) for index, element in enumerate(elements)]
    return {key: _plain(member, f"{path}.{key}", inside) for key, member in _members(value, path)}


def _members(value: Any, path: str) -> Iterable[tuple[str, Any]]:
    """List the keys and values of whatever becomes a JSON object."""
    if isinstance(value, Model):
        return to_json(value).items()
    if isinstance(value, Mapping):
        mapping = cast("dict[Any, Any]", value)
        return [(_key(key, path), mapping[key]) for key in mapping]
    kind = value.__class__
    if attrs.has(kind):
        return [(field.name, getattr(value, field.name)) for field in attrs.fields(kind)]
    if dataclasses.is_dataclass(kind):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(kind)]
    raise ValueError(f"{path} is of type {type(value).__name__}, which cannot be JSON")


def _key(key: Any, path: str) -> str:
    if isinstance(key, str):
        return key
    raise ValueError(f"{path} has a key of type {type(key).__name__}; JSON keys are strings")
