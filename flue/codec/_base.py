"""What the generated models share: their base class, errors, times, and the map of their fields.

Nothing of the wire is lost: what the typed attributes of a model cannot reproduce is kept in its `wire_extra`: unknown
keys, an explicit `null` where the attribute only says None, and the original spelling of a value that has another
canonical one (a timestamp with an offset, `3.0` for 3).
"""

from __future__ import annotations

import importlib
import types
import typing
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NamedTuple, Protocol, TypeAlias, TypeGuard, TypeVar

import attrs
import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

JSON: TypeAlias = Any
"""A JSON value: None, bool, int, float, str, a list of them, or a dict of them with `str` keys."""

_REPR_LIMIT: Final = 200
_VALUE_LIMIT: Final = 48
_ENTRIES_SHOWN: Final = 3


class DecodeError(ValueError):
    """A decoded JSON value does not fit the schema of the model asked for.

    Attributes:
        path: Keys and indexes that lead to the value, outermost first.
        reason: What was expected there and what was found. Tells types, never contents.
    """

    path: tuple[str | int, ...]
    reason: str

    def __init__(self, path: tuple[str | int, ...], reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return f"${''.join(steps)}: {self.reason}"

    def inside(self, *steps: str | int) -> DecodeError:
        """Return the same error as seen from the value that holds this one at `steps`."""
        return DecodeError((*steps, *self.path), self.reason)


class _NoExtra(Mapping[str, Any]):
    """The `wire_extra` of a model that has none: one immutable object, the same after copying and unpickling."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "{}"

    def __reduce__(self) -> str:
        return "NO_EXTRA"


NO_EXTRA: Final[Mapping[str, Any]] = _NoExtra()


class Model:
    """Base of all values of the wire: equality, a bounded, one-line `repr`, and what notebooks show.

    attrs could write both for each class; compiling them would double the time that importing the models takes.
    """

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # mutable values have no hash, and `object` says they have
    __attrs_attrs__: ClassVar[tuple[Any, ...]]

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return all(getattr(self, field.name) == getattr(other, field.name) for field in self.__attrs_attrs__)

    def __repr__(self) -> str:
        shown: list[str] = []
        for field in sorted(self.__attrs_attrs__, key=_is_inherited):
            value = getattr(self, field.name)
            if value is not field.default:
                shown.append(f"{field.name}={_shorten(value)}")
        text = f"{type(self).__name__}({', '.join(shown)})"
        return text if len(text) <= _REPR_LIMIT else f"{text[: _REPR_LIMIT - 2]}…)"

    def __getstate__(self) -> object:
        # The same as without this method, but protocols 0 and 1 of pickle ask for one where there are slots.
        return super().__getstate__()

    def _repr_html_(self) -> str | None:
        from flue._notebook import render  # noqa: PLC0415  # only IPython calls this

        return render(self)


def _is_inherited(field: Any) -> tuple[bool, bool]:
    return field.inherited, field.name == "wire_extra"


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class WireModel(Model):
    """Base of the generated classes.

    Attributes:
        wire_extra: What came with the object and is not in the attributes: unknown keys, explicit nulls, other
            spellings of a value.
    """

    wire_extra: Mapping[str, Any] = NO_EXTRA


attrs.resolve_types(WireModel)  # so that the constructors of classes in other modules have annotations that resolve


def _shorten(value: Any, depth: int = 2) -> str:
    """Return a one-line text for a value, at a cost and of a length that do not depend on its size."""
    if isinstance(value, str):
        return repr(value) if len(value) <= _VALUE_LIMIT else f"{value[:_VALUE_LIMIT]!r}…"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Model):
        return f"{type(value).__name__}(…)"
    if _is_mapping(value):
        entries = value.items()
        return f"{{{_join((f'{_shorten(k)}: {_shorten(v, depth - 1)}' for k, v in entries), len(entries), depth)}}}"
    if _is_list(value):
        return f"[{_join((_shorten(element, depth - 1) for element in value), len(value), depth)}]"
    if isinstance(value, int) and value.bit_length() > 256:
        return f"<int of {value.bit_length()} bits>"
    text = repr(value)
    return text if len(text) <= _VALUE_LIMIT else f"{text[:_VALUE_LIMIT]}…"


def _is_mapping(value: Any) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _join(texts: Iterator[str], size: int, depth: int) -> str:
    """Join the first few texts, or none of them when nothing deeper is to be shown."""
    count = _ENTRIES_SHOWN if depth else 0
    return ", ".join([*islice(texts, count), *(["…"] if size > count else [])])


FieldKind: TypeAlias = Literal["tag", "plain", "json", "flag", "time", "integer", "prefixed", "nested"]
"""How an attribute becomes JSON.

`tag` and `plain` as they are; `json` too, but None is written as `null`; `flag` is left out when it is False; `time`
and `integer` have a canonical spelling; `prefixed` is what follows the prefix of a string; `nested` holds models.
"""


class Field(NamedTuple):
    """An attribute of a model; its key on the wire is its key in the `FieldMap`."""

    attribute: str
    kind: FieldKind
    prefix: str = ""


FieldMap: TypeAlias = Mapping[str, Field]
"""The fields of a model by their keys on the wire, in the order of the schema."""


_field_maps: Final[dict[type[WireModel], FieldMap]] = {}


def field_map(model: type[WireModel]) -> FieldMap:
    """Return the fields of a model, read off its annotations.

    Keys that differ from the name of their attribute are listed in the generated module `_wire_names` of the model's
    package.
    """
    known = _field_maps.get(model)
    if known is not None:
        return known
    names = importlib.import_module(f"{model.__module__.rpartition('.')[0]}._wire_names")
    required = {field.name for field in model.__attrs_attrs__ if field.default is attrs.NOTHING}
    prefixed: Mapping[str, tuple[str, str]] = names.PREFIXED.get(model.__name__, {})
    fields: dict[str, Field] = {}
    for attribute, hint in field_types(model).items():
        if attribute in prefixed:
            key, prefix = prefixed[attribute]
            fields[key] = Field(attribute, "prefixed", prefix)
        else:
            key = names.WIRE_NAMES.get(attribute, attribute)
            fields[key] = Field(attribute, _kind(hint, required=attribute in required))
    _field_maps[model] = fields
    return fields


def field_types(model: type[WireModel]) -> dict[str, Any]:
    """Return the resolved annotations of a model's tags and attributes, its own before those of its base."""
    hints = typing.get_type_hints(model)
    attributes = [
        field.name for field in sorted(model.__attrs_attrs__, key=_is_inherited) if field.name != "wire_extra"
    ]
    tags = [name for name, hint in hints.items() if typing.get_origin(hint) is ClassVar and not name.startswith("_")]
    return {name: hints[name] for name in (*tags, *attributes)}


def is_model(hint: Any) -> TypeGuard[type[WireModel]]:
    """Tell whether a type is a generated model. The classes for what is not understood are none."""
    return isinstance(hint, type) and issubclass(hint, WireModel)


def union_members(hint: Any) -> tuple[Any, ...]:
    """Return the members of a union without None; of any other type the type itself."""
    if typing.get_origin(hint) not in {typing.Union, types.UnionType}:
        return (hint,)
    return tuple(member for member in typing.get_args(hint) if member is not type(None))


def _kind(hint: Any, *, required: bool) -> FieldKind:
    if typing.get_origin(hint) is ClassVar:
        return "tag"
    if hint is bool and not required:
        return "flag"
    members = union_members(hint)
    items = [typing.get_args(member)[0] for member in members if typing.get_origin(member) is list]
    if any(is_model(inner) for outer in (*members, *items) for inner in union_members(outer)):
        return "nested"
    first = members[0]
    if first is datetime:
        return "time"
    if first is int or (typing.get_origin(first) is Literal and type(typing.get_args(first)[0]) is int):
        return "integer"
    return "json" if first is Any and required else "plain"


_JSON_TYPES: Final[Mapping[type[Any], str]] = {
    type(None): "null or nothing",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
}


def type_name(value: Any) -> str:
    """Return the JSON name of the type of a value, with its article."""
    kind = value.__class__
    return _JSON_TYPES.get(kind, f"a Python {kind.__name__}")


def type_error(expected: str, value: Any) -> DecodeError:
    """Return the error that says what was expected and what type of value was found."""
    return DecodeError((), f"expected {expected}, found {type_name(value)}")


def unknown_tag(name: str, tag: Any) -> str:
    """Return the sentence that says that a union has no member with this tag."""
    if not isinstance(tag, str):
        return f"{name} is {type_name(tag)}, not a string"
    return f"unknown {name} {tag!r}" if len(tag) <= 80 else f"unknown {name} {tag[:80]!r}…"


def parse_time(value: Any) -> datetime:
    """Return the aware datetime that an RFC 3339 timestamp stands for.

    Raises:
        DecodeError: The value is no timestamp, one without an offset, or one that has no year from 1 to 9999 in UTC.
    """
    if type(value) is not str:
        raise type_error("a timestamp", value)
    try:
        time = datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        raise DecodeError((), "expected a timestamp, found another string") from None
    if time.tzinfo is UTC:
        return time
    if time.tzinfo is None:
        raise DecodeError((), "expected a timestamp with an offset, found one without")
    try:
        time.astimezone(UTC)
    except OverflowError:
        raise DecodeError((), "expected a timestamp, found one outside the years 1 to 9999") from None
    return time


# Where a timestamp has its separators, and what is behind its digits, in the spelling of JavaScript.
SEPARATORS: Final = slice(4, 20, 3)
AFTER: Final = slice(23, None)


def is_canonical_time(text: str) -> bool:
    """Tell whether a timestamp that was parsed has the usual spelling: that of JavaScript, with milliseconds."""
    return text[SEPARATORS] == "--T::." and text[AFTER] == "Z" and text[11:13] != "24"


def format_time(time: datetime) -> str:
    """Return the spelling of a moment that JavaScript uses, with microseconds only where there are some.

    Raises:
        ValueError: The datetime is naive, or in UTC outside the years 1 to 9999.
    """
    if time.tzinfo is None:
        raise ValueError(f"{time!r} has no time zone")
    try:
        moment = time.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{time!r} is outside the years 1 to 9999 in UTC") from None
    return f"{moment.isoformat(timespec='microseconds' if moment.microsecond % 1000 else 'milliseconds')[:-6]}Z"


class NeedsSlowPath(ValueError):  # noqa: N818  # no fault of anybody's
    """The JSON text says more than the direct decoding can keep; `flue.codec._structure` can."""


class _New(Protocol):
    def __call__(self, cls: type[T], /) -> T: ...


new: _New = object.__new__
"""Makes an instance without calling its constructor, which the direct decoding does not need."""


def _from_iso_before_midnight(value: str) -> datetime:
    if value[11:13] == "24":  # the next day's 00, which is another spelling
        raise NeedsSlowPath
    return datetime.fromisoformat(value)


try:
    datetime.fromisoformat("2000-01-01T24:00:00.000Z")
except ValueError:
    from_iso = datetime.fromisoformat
else:
    from_iso = _from_iso_before_midnight  # later versions of Python


def own_copy(function: Any) -> Any:
    """Return a copy of a function that has code of its own.

    CPython adapts code to the classes that it has seen. Code that sees many of them takes twice as long.
    """
    return types.FunctionType(function.__code__.replace(), function.__globals__)


FieldSpec: TypeAlias = tuple[Any, ...]
"""A field of a struct: attribute, key, type, and for an optional one what stands for its absence."""


def struct(
    name: str,
    *fields: FieldSpec,
    tag: tuple[str | None, str | None] = (None, None),
    shared: tuple[FieldSpec, ...] = (),
) -> Any:
    """Make the msgspec struct that a model's JSON is parsed into.

    Args:
        name: Name of the model.
        fields: The fields.
        tag: The key of its tag, and the tag.
        shared: Fields that other models have too; one of the model's own under the same name replaces it.
    """
    own = {field[0] for field in fields}
    every = [*fields, *(field for field in shared if field[0] not in own)]
    return msgspec.defstruct(
        name,
        [(attribute, *kind) for attribute, _, *kind in every],
        rename={attribute: key for attribute, key, *_ in every},
        tag_field=tag[0],
        tag=tag[1],
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,  # lives for a moment, and holds no cycle
    )
