"""What the schemas say, as values: the only thing that the emitters know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

ScalarKind: TypeAlias = Literal["string", "boolean", "integer", "number", "timestamp"]


@dataclass(frozen=True)
class Scalar:
    """A string, boolean or number; an integer may be a constant."""

    kind: ScalarKind
    const: int | None = None


@dataclass(frozen=True)
class AnyJson:
    """Any JSON value, null included."""


@dataclass(frozen=True)
class FreeObject:
    """A JSON object whose keys the schema does not name."""


@dataclass(frozen=True)
class Array:
    """A JSON array. Its items are any JSON, or one named definition."""

    item: AnyJson | Ref


@dataclass(frozen=True)
class Ref:
    """A definition by its name."""

    name: str


@dataclass(frozen=True)
class Either:
    """Two alternatives: a string or an array; or a model where it fits, else any JSON."""

    first: Scalar | Ref
    second: Array | AnyJson


Type: TypeAlias = Scalar | AnyJson | FreeObject | Array | Ref | Either


@dataclass(frozen=True)
class Field:
    """A property that becomes an attribute."""

    wire: str
    name: str
    type: Type
    required: bool
    description: str


@dataclass(frozen=True)
class Tag:
    """A property that is the same string in every instance."""

    wire: str
    name: str
    value: str
    description: str


@dataclass(frozen=True)
class Model:
    """An object schema: one class.

    `inherited` are the fields that came through `allOf`, from the definition named `base`.
    """

    name: str
    description: str
    tags: tuple[Tag, ...]
    own: tuple[Field, ...]
    inherited: tuple[Field, ...] = ()
    base: str = ""

    @property
    def fields(self) -> tuple[Field, ...]:
        """All fields, the model's own first."""
        return self.own + self.inherited


@dataclass(frozen=True)
class Enum:
    """A closed set of strings: a `Literal`."""

    name: str
    description: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Union:
    """Models told apart by a tag. `fallback` names the class for tags that the schema does not know."""

    name: str
    description: str
    tag: str
    members: tuple[tuple[str, str], ...]
    fallback: str = ""


Definition: TypeAlias = Model | Enum | Union


@dataclass(frozen=True)
class Module:
    """One schema file."""

    name: str
    source: str
    title: str
    description: str
    definitions: tuple[Definition, ...]
