"""What the schemas say, as values: the only thing that the emitter knows; and `build`, which reads it out of them.

`build` is the only place that knows what each keyword means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from codegen import names
from codegen.load import DOCUMENT_KEYWORDS, SchemaError, definitions, references, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from codegen.load import Node

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


_SCALARS: Final[Mapping[str, ScalarKind]] = {
    "string": "string",
    "boolean": "boolean",
    "integer": "integer",
    "number": "number",
}
_OBJECT_KEYWORDS: Final = ("type", "title", "description", "properties", "required", "allOf")

_Fields: TypeAlias = tuple[tuple[Tag, ...], tuple[Field, ...]]


def build(roots: Mapping[str, Node], fallbacks: Mapping[str, str]) -> list[Module]:
    """Build all modules.

    Args:
        roots: The schema documents by file name.
        fallbacks: For each open union the class that stands for a tag it does not know.

    Returns:
        One module for each file, in the order of `roots`.

    Raises:
        SchemaError: A document uses something unsupported, or its names cannot become Python.
    """
    return _Builder(roots, fallbacks).modules()


class _Builder:
    def __init__(self, roots: Mapping[str, Node], fallbacks: Mapping[str, str]) -> None:
        self.roots = roots
        self.fallbacks = fallbacks
        self.nodes: dict[str, Node] = {}
        self.places: dict[str, list[str]] = {}
        for file, root in roots.items():
            self.places[file] = []
            for name, node in definitions(root):
                _named(node, names.class_name, name)
                if name in self.nodes:
                    node.fail(f"{name!r} is defined in {self.nodes[name].file} too")
                for other in self.nodes:
                    if names.function_name(other) == names.function_name(name):
                        node.fail(f"{name!r} and {other!r} both become {names.function_name(name)!r}")
                self.nodes[name] = node
                self.places[file].append(name)
        self.bases = self._bases()
        for name, fallback in fallbacks.items():
            if name not in self.nodes or "oneOf" not in self.nodes[name].value:
                raise SchemaError(f"there is no union {name!r} that {fallback!r} could belong to")

    def modules(self) -> list[Module]:
        modules = [
            Module(
                name=file.removesuffix(".json"),
                source=file,
                title=root.text("title"),
                description=root.text("description"),
                definitions=tuple(self.definition(name) for name in self.places[file] if name not in self.bases),
                bases=tuple(self.model(name, self.nodes[name]) for name in self.places[file] if name in self.bases),
            )
            for file, root in self.roots.items()
        ]
        self._check_wire_names(modules)
        return modules

    def _check_wire_names(self, modules: list[Module]) -> None:
        """Refuse two properties of different models that become one attribute: there is one table of their keys."""
        wires: dict[str, str] = {}
        for model in (item for module in modules for item in module.definitions if isinstance(item, Model)):
            for name, wire in wire_names(model):
                if wires.setdefault(name, wire) != wire:
                    self.nodes[model.name].fail(f"{wire!r} becomes {name!r} here, and {wires[name]!r} does elsewhere")

    def _bases(self) -> set[str]:
        """Find the definitions that occur nowhere but in `allOf`: they become base classes, which nobody else sees."""
        lent: set[str] = set()
        used: set[str] = set()
        for node in self.nodes.values():
            for reference in references(node):
                name = resolve(self.roots, reference)
                (lent if "/allOf/" in reference.pointer else used).add(name)
        return lent - used

    def definition(self, name: str) -> Definition:
        node = self.nodes[name]
        description = node.text("description")
        if "enum" in node.value:
            node.only("type", "description", "enum")
            if node.text("type") != "string":
                node.at("type").fail("an enumeration has to be of strings")
            values = node.strings("enum")
            if not values:
                node.at("enum").fail("an enumeration has to have a value")
            return Enum(name, description, tuple(values))
        if "oneOf" in node.value:
            node.only("description", "oneOf", *(() if node.pointer else DOCUMENT_KEYWORDS))
            return self.union(name, description, node)
        return self.model(name, node)

    def model(self, name: str, node: Node) -> Model:
        tags, own = self.properties(node)
        base = ""
        base_fields: tuple[Field, ...] = ()
        for parent in node.members("allOf"):
            if base:
                parent.fail("only one definition can be inherited from")
            parent.only("$ref")
            base = resolve(self.roots, parent.at("$ref"))
            base_node = self.nodes[base]
            if base_node.get("allOf"):
                parent.fail(f"{base!r} inherits itself")
            base_tags, base_fields = self.properties(base_node)
            if base_tags:
                parent.fail(f"{base!r} has a constant string, which cannot be inherited")
        if base not in self.bases:  # a class of its own: what inherits its properties is no kind of it
            mine = {field.wire for field in own}
            own += tuple(field for field in base_fields if field.wire not in mine)
            base, base_fields = "", ()
        model = Model(name, node.text("description"), tags, own, base, base_fields)
        _check_collisions(node, model)
        return model

    def properties(self, node: Node) -> _Fields:
        """Read the properties of one object schema, without those it inherits."""
        node.only(*_OBJECT_KEYWORDS, *(() if node.pointer else DOCUMENT_KEYWORDS))
        if node.text("type") != "object":
            node.at("type").fail("a definition has to be an object, an enumeration or a union")
        properties = node.get("properties")
        if properties is None:
            node.fail("'properties' is missing")
        required = node.strings("required")
        for index, wire in enumerate(required):
            if wire not in properties.value:
                node.at("required").at(index).fail(f"{wire!r} is no property")
        tags: list[Tag] = []
        own: list[Field] = []
        for wire in properties.value:
            prop = properties.at(wire)
            name = _named(prop, names.attribute_name, wire)
            description = prop.text("description") if prop.keys() != {"$ref"} else self._described(prop)
            if isinstance(prop.value.get("const"), str):
                prop.only("const", "description")
                if wire not in required:
                    prop.fail("a constant has to be required")
                tags.append(Tag(wire, name, prop.value["const"], description))
            elif {"pattern", "title"} <= prop.keys():
                tag, rest = self.prefixed(prop, wire, name)
                if wire not in required:
                    prop.fail("a string with a prefix has to be required")
                tags.append(tag)
                own.append(rest)
            else:
                type_ = self.type_of(prop)
                if "const" in prop.value and wire not in required:
                    prop.fail("a constant has to be required")
                if isinstance(type_, Flag) and wire in required:
                    prop.fail("a property with a default cannot be required")
                own.append(Field(wire, name, type_, wire in required, description))
        return tuple(tags), tuple(own)

    def prefixed(self, prop: Node, wire: str, name: str) -> tuple[Tag, Field]:
        """Read a string that begins with a prefix; its title names the attribute that holds the rest."""
        prop.only("type", "pattern", "title", "description")
        if prop.text("type") != "string":
            prop.at("type").fail("only a string has a pattern")
        found = re.fullmatch(r"\^([A-Za-z0-9_]+)([-_:/])", prop.text("pattern"))
        if found is None:
            prop.at("pattern").fail("expected '^', letters and digits, and one of '-_:/'")
        rest = _named(prop, names.attribute_name, prop.text("title"))
        prefix = "".join(found.groups())
        description = prop.text("description")
        tag = Tag(wire, name, found[1], f"Always `{found[1]}`, so that comparing it narrows.", prefix)
        return tag, Field(wire, rest, Prefixed(prefix), required=True, description=description)

    def _described(self, reference: Node) -> str:
        return self.nodes[resolve(self.roots, reference.at("$ref"))].text("description")

    def type_of(self, node: Node) -> Type:
        """Read the type of a property, an item or an alternative."""
        node.keys()
        if "$ref" in node.value:
            node.only("$ref", "description")
            return Ref(resolve(self.roots, node.at("$ref")))
        if "anyOf" in node.value:
            node.only("anyOf", "description")
            return self.either(node)
        if "type" not in node.value:
            node.only("description")
            return AnyJson()
        kind = node.text("type")
        if kind == "array":
            node.only("type", "description", "items")
            return self.array(node)
        if kind == "object":
            node.only("type", "description")
            return FreeObject()
        if kind not in _SCALARS:
            node.at("type").fail(f"unsupported type {kind!r}")
        if kind == "string" and "format" in node.value:
            node.only("type", "description", "format")
            if node.text("format") != "date-time":
                node.at("format").fail(f"unsupported format {node.value['format']!r}")
            return Scalar("timestamp")
        if kind == "integer" and "const" in node.value:
            node.only("type", "description", "const")
            if type(node.value["const"]) is not int:
                node.at("const").fail("expected an integer")
            return Scalar("integer", node.value["const"])
        if kind == "boolean" and "default" in node.value:
            node.only("type", "description", "default")
            if node.value["default"] is not False:
                node.at("default").fail("expected false")
            return Flag()
        node.only("type", "description")
        return Scalar(_SCALARS[kind])

    def array(self, node: Node) -> Array:
        items = node.get("items")
        if items is None:
            node.fail("'items' is missing")
        item = self.type_of(items)
        if isinstance(item, Ref) and "enum" not in self.nodes[item.name].value:
            return Array(item)
        if not isinstance(item, AnyJson):
            items.fail("the items of an array have to be a model, a union of models, or any JSON")
        return Array(item)

    def either(self, node: Node) -> Either:
        alternatives = [self.type_of(alternative) for alternative in node.members("anyOf")]
        match alternatives:
            case [Scalar("string") as text, Array() as array]:
                found: Either | None = Either(text, array)
            case [Ref() as reference, AnyJson() as anything]:
                found = Either(reference, anything)
            case _:
                found = None
        return found or node.at("anyOf").fail("expected a string and an array, or a definition and {}")

    def union(self, name: str, description: str, node: Node) -> Union:
        references = node.members("oneOf")
        models: list[Model] = []
        for reference in references:
            reference.only("$ref")
            member = self.definition(resolve(self.roots, reference.at("$ref")))
            if not isinstance(member, Model):
                reference.fail(f"{member.name!r} is no object")
            models.append(member)
        tags = [{tag.wire for tag in model.tags} for model in models]
        shared = [wire for wire in tags[0] if all(wire in others for others in tags)] if tags else []
        if len(shared) != 1:
            node.at("oneOf").fail("the members have to share one required constant string that tells them apart")
        wire = shared[0]
        members = [(tag.value, model.name) for model in models for tag in model.tags if tag.wire == wire]
        values = [value for value, _ in members]
        for index, reference in enumerate(references):
            if values[index] in values[:index]:
                reference.fail(f"{wire!r} is {values[index]!r} in another member too")
        return Union(name, description, wire, tuple(members), self.fallbacks.get(name, ""))


def wire_names(model: Model) -> list[tuple[str, str]]:
    """List the attributes of a model with their properties, but for those that share a property with another."""
    tags = [(tag.name, tag.wire) for tag in model.tags if not tag.prefix]
    return [*tags, *((f.name, f.wire) for f in model.fields if not isinstance(f.type, Prefixed))]


def _named(node: Node, make: Callable[[str], str], name: str) -> str:
    """Make a Python name, or refuse the place."""
    try:
        return make(name)
    except ValueError as error:
        node.fail(str(error))


def _check_collisions(node: Node, model: Model) -> None:
    """Refuse two properties that become one attribute."""
    wires: dict[str, str] = {}
    members: list[Tag | Field] = [*model.tags, *model.fields]
    for field in members:
        if field.name in wires:
            node.fail(f"properties {wires[field.name]!r} and {field.wire!r} both become {field.name!r}")
        wires[field.name] = field.wire
