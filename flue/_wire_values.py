"""The steps that the generated decoding functions call: checks beyond a plain type, nested values, and the residue.

A decoding function takes a JSON object that was parsed already and returns a model; its fast path neither calls nor
allocates more than it must. It counts the keys that the model reproduces, and only when the object has others does it
ask `leftover` for the residue.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from flue._wire_model import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flue._wire_model import JSON, Model, Shape

T = TypeVar("T")


class _New(Protocol):
    def __call__(self, cls: type[T], /) -> T: ...


new: _New = object.__new__
"""Makes an instance without calling its constructor, which the decoding functions do not need."""

from_iso = datetime.fromisoformat

_JSON_TYPES: Final[Mapping[type[Any], str]] = {
    type(None): "null or nothing",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
}


def misfit(key: str, expected: str, value: Any) -> DecodeError:
    """Return the error that says what was expected under `key` and what type of value was found."""
    return DecodeError((key,), f"expected {expected}, found {type_name(value)}")


def type_name(value: Any) -> str:
    """Return the JSON name of the type of a value, with its article."""
    kind = value.__class__
    return _JSON_TYPES.get(kind, f"a Python {kind.__name__}")


def no_member(key: str, members: frozenset[str], value: Any) -> DecodeError:
    """Return the error for a value that is none of an enumeration's."""
    found = repr(value[:40]) if isinstance(value, str) else type_name(value)
    return DecodeError((key,), f"expected one of {', '.join(sorted(members))}, found {found}")


def unknown_tag(name: str, tag: Any) -> str:
    """Return the sentence that says that a union has no member with this tag."""
    if not isinstance(tag, str):
        return f"{name} is {type_name(tag)}, not a string"
    return f"unknown {name} {tag!r}" if len(tag) <= 80 else f"unknown {name} {tag[:80]!r}…"


def integer(key: str, value: Any) -> int:
    """Return the int that a value other than an int stands for: 3.0 is an integer in JSON Schema, True is none.

    Raises:
        DecodeError: The value is not a number, or has a fraction.
    """
    if type(value) is float and value.is_integer():
        return int(value)
    raise misfit(key, "an integer", value)


def parse_time(key: str, value: Any) -> datetime:
    """Return the aware datetime that an RFC 3339 timestamp stands for.

    Raises:
        DecodeError: The value is no timestamp, or one without an offset.
    """
    if type(value) is not str:
        raise misfit(key, "a timestamp", value)
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise DecodeError((key,), "expected a timestamp, found another string") from None
    if time.tzinfo is None:
        raise DecodeError((key,), "expected a timestamp with an offset, found one without")
    return time


def format_time(time: datetime) -> str:
    """Return the spelling of a moment that JavaScript uses, with microseconds only where there are some.

    Raises:
        ValueError: The datetime is naive.
    """
    if time.tzinfo is None:
        raise ValueError(f"{time!r} has no time zone")
    text = time.astimezone(UTC).isoformat(timespec="microseconds" if time.microsecond % 1000 else "milliseconds")
    return f"{text[:-6]}Z"


def nested(key: str, decode: Callable[[dict[str, Any]], T], value: Any) -> T:
    """Decode the object under `key`."""
    if value.__class__ is not dict:
        raise misfit(key, "an object", value)
    try:
        return decode(value)
    except DecodeError as error:
        raise error.inside(key) from None


def items(key: str, decode: Callable[[dict[str, Any]], T], value: Any) -> list[T]:
    """Decode the objects of the array under `key`."""
    if value.__class__ is not list:
        raise misfit(key, "an array", value)
    decoded: list[T] = []
    for index, element in enumerate(value):
        if element.__class__ is not dict:
            raise DecodeError((key, index), f"expected an object, found {type_name(element)}")
        try:
            decoded.append(decode(element))
        except DecodeError as error:
            raise error.inside(key, index) from None
    return decoded


def fitting(decode: Callable[[dict[str, Any]], T], value: Any) -> T | JSON:
    """Decode a value that has the shape of the model, return any other as it is."""
    try:
        return decode(value) if value.__class__ is dict else value
    except DecodeError:
        return value


def leftover(model: Model, obj: dict[str, Any], shape: Shape) -> dict[str, Any]:
    """Return the part of a JSON object that the attributes of the model decoded from it cannot reproduce."""
    fields = {key: (name, kind) for key, name, kind in shape}
    extra: dict[str, Any] = {}
    for key, value in obj.items():
        name, kind = fields.get(key, ("", "plain"))
        if not name:
            extra[key] = value
        elif value is None:
            if kind != "json":
                extra[key] = None
        elif kind == "integer":
            if type(value) is not int:
                extra[key] = value
        elif kind == "time" and value != format_time(getattr(model, name)):
            extra[key] = value
    return extra
