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
class Flag:
    """A boolean that stands for False where it is absent."""


@dataclass(frozen=True)
class Prefixed:
    """What follows the prefix that a string of the wire has."""

    prefix: str


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


Type: TypeAlias = Scalar | Flag | Prefixed | AnyJson | FreeObject | Array | Ref | Either


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
    """A property that is the same string in every instance; with a prefix, one that begins with it in every instance.

    With a prefix, the rest of the string is a field of its own, and `value` is what the attribute says on the wire's
    behalf: `data` for `data-<name>`.
    """

    wire: str
    name: str
    value: str
    description: str
    prefix: str = ""


@dataclass(frozen=True)
class Model:
    """An object schema: one class.

    `base` is the definition that it inherits from through `allOf`, `base_fields` are that definition's fields. A field
    of the model's own replaces one of the same property.
    """

    name: str
    description: str
    tags: tuple[Tag, ...]
    own: tuple[Field, ...]
    base: str = ""
    base_fields: tuple[Field, ...] = ()

    @property
    def fields(self) -> tuple[Field, ...]:
        """All fields, the model's own first."""
        return (*self.own, *(field for field in self.base_fields if not self.replaces(field)))

    def replaces(self, field: Field) -> bool:
        """Tell whether a field of the base is replaced by one of the model's own."""
        return any(field.wire == own.wire for own in self.own)

    @property
    def is_prefixed(self) -> bool:
        """Whether the model is told by the beginning of its tag."""
        return any(tag.prefix for tag in self.tags)


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
    """One schema file. `bases` are the definitions that only others inherit from."""

    name: str
    source: str
    title: str
    description: str
    definitions: tuple[Definition, ...]
    bases: tuple[Model, ...] = ()
