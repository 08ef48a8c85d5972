"""What the generated models and their decoding functions share.

The code generator writes one class for each JSON object (`flue.models`) and one decoding function beside it,
straight-line and without reflection. What is the same for all of them is written here once, by hand.

Nothing of the wire is lost: what the typed attributes of a model cannot reproduce is kept as its *residue*, the
attribute `wire_extra`: unknown keys, an explicit `null` where the attribute only says None, and the original spelling
of a value that has another canonical one (a timestamp with an offset, `3.0` for 3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeAlias, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON: TypeAlias = Any
"""A JSON value: None, bool, int, float, str, a list of them, or a dict of them with `str` keys."""

Get: TypeAlias = Callable[[str], Any]
"""`dict.get` of a decoded JSON object."""

Structure: TypeAlias = Callable[[dict[str, Any]], Any]
"""A generated decoding function."""

FieldKind: TypeAlias = Literal["plain", "json", "time", "integer", "nested"]
"""How an attribute's value becomes JSON.

`plain` as it is; `json` too, but None is written as `null`; `time` and `integer` have a canonical spelling; `nested`
holds models.
"""

Shape: TypeAlias = tuple[tuple[str, str, FieldKind], ...]
"""The fields of a model in schema order: key on the wire, attribute, kind."""

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
    """The residue of a model that has none: one immutable object, the same after copying and unpickling."""

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
    """Base of the generated classes: equality and a bounded, one-line `repr`.

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
        for field in self.__attrs_attrs__:
            value = getattr(self, field.name)
            if value is not field.default:
                shown.append(f"{field.name}={_shorten(value)}")
        text = f"{type(self).__name__}({', '.join(shown)})"
        return text if len(text) <= _REPR_LIMIT else f"{text[: _REPR_LIMIT - 2]}…)"


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
