"""Writes the direct decoding: a msgspec struct beside each model, and the function that builds the model from one.

msgspec checks types and unknown keys while it parses, in C; what it hands over needs no check any more. Whatever it
refuses, and what a model needs extra fields for, is left to cattrs: both give the same model, or the direct way gives
none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from codegen import ir
from codegen.emit_models import header, import_from
from codegen.names import constant_name, function_name
from codegen.text import alternatives, bracketed, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TYPES: Final[Mapping[ir.ScalarKind, str]] = {
    "string": "str",
    "boolean": "bool",
    "integer": "int",
    "number": "int | float",
    "timestamp": "str",
}
_BASE: Final = ("NO_EXTRA", "NeedsSlowPath", "from_iso", "new", "struct")


def emit_decode(modules: Sequence[ir.Module], package: str, roots: Sequence[str]) -> str:
    """Write the module with the structs and functions of some unions and of what they contain."""
    writer = _Writer([item for module in modules for item in module.definitions], roots)
    lines = writer.lines()
    body = "\n".join(lines)
    used = {item.name for item in writer.order}
    head = header("Direct decoding: JSON text becomes a model without a dictionary in between.", "schemas/")
    typing = [name for name in ("Any", "Final", "Literal") if f"{name}[" in body or f"{name}," in body or name == "Any"]
    head += ["from __future__ import annotations", "", f"from typing import {', '.join(typing)}", ""]
    if "UNSET" in body:
        head += ["from msgspec import UNSET", ""]
    head += import_from("flue.codec._base", [name for name in _BASE if name in body])
    for module in sorted(modules, key=lambda module: module.name):
        names = [item.name for item in module.definitions if item.name in used and not isinstance(item, ir.Union)]
        head += import_from(f"{package}.{module.name}", names) if names else []
    return "\n".join([*head, *lines]) + "\n"


class _Writer:
    def __init__(self, definitions: Sequence[ir.Definition], roots: Sequence[str]) -> None:
        self.definitions = {item.name: item for item in definitions}
        self.order: list[ir.Definition] = []  # contents first
        self.alone: set[str] = set()  # models with a tag that occur outside unions
        for root in roots:
            self.visit(root)

    def visit(self, name: str) -> None:
        """List a definition behind all that it needs."""
        item = self.definitions[name]
        if item in self.order:
            return
        if isinstance(item, ir.Union):
            for member in self.members(item):
                self.visit(member)
        elif isinstance(item, ir.Model):
            for field in item.fields:
                for needed in self.needs(field.type):
                    self.visit(needed)
        self.order.append(item)

    def members(self, union: ir.Union) -> list[str]:
        """List the members of a union that msgspec can tell by their tags: those with a prefix are decoded slowly."""
        names = dict.fromkeys(name for _, name in union.members)
        return [name for name in names if not self.model(name).is_prefixed]

    def model(self, name: str) -> ir.Model:
        item = self.definitions[name]
        assert isinstance(item, ir.Model)  # noqa: S101  # for the type checkers: members of unions are models
        return item

    def needs(self, type_: ir.Type) -> list[str]:
        match type_:
            case ir.Array(item):
                return self.needs(item)
            case ir.Either(ir.Scalar(), second):
                return self.needs(second)
            case ir.Ref(name):
                if self.is_tagged(name):
                    self.alone.add(name)
                return [name]
            case _:
                return []

    def is_tagged(self, name: str) -> bool:
        item = self.definitions[name]
        return isinstance(item, ir.Model) and bool(item.tags)

    def lines(self) -> list[str]:
        models = [item for item in self.order if isinstance(item, ir.Model)]
        lines: list[str] = []
        written: set[str] = set()
        for item in self.order:
            if isinstance(item, ir.Model):
                if item.base and item.base not in written:
                    written.add(item.base)
                    head = f"_{constant_name(item.base)}: Final = ("
                    lines += ["", *bracketed(head, map(self.spec, item.base_fields), ")", explode=True)]
                lines += ["", *self.struct(item)]
                if item.name in self.alone:
                    lines += ["", *self.struct(item, alone=True)]
            elif isinstance(item, ir.Union):
                members = [f"_{constant_name(name)}" for name in self.members(item)]
                lines += ["", *alternatives(f"{constant_name(item.name)}: Final[Any] = ", members)]
        for model in models:
            lines += ["", "", *self.function(model)]
        entries = [f"_{constant_name(model.name)}: _{function_name(model.name)}" for model in models]
        entries += [f"_{constant_name(name)}_ALONE: _{function_name(name)}" for name in sorted(self.alone)]
        return [*lines, "", "", *bracketed("BUILDERS: Final[dict[Any, Any]] = {", entries, "}", explode=True)]

    def struct(self, model: ir.Model, *, alone: bool = False) -> list[str]:
        """Write the struct of a model: same attributes, the keys of the wire, no key beside them.

        msgspec asks for a tag in unions only: where the model occurs alone, its tag is a field like any other.
        """
        first, others = (None, model.tags) if alone or not model.tags else (model.tags[0], model.tags[1:])
        parts = [quoted(model.name), quoted(first.wire) if first else '""', quoted(first.value) if first else '""']
        parts += [f'("{tag.name}", "{tag.wire}", Literal[{quoted(tag.value)}])' for tag in others]
        parts += [self.spec(field) for field in model.own]
        parts += [f"shared=_{constant_name(model.base)}"] if model.base else []
        suffix = "_ALONE" if alone else ""
        return bracketed(f"_{constant_name(model.name)}{suffix}: Final[Any] = struct(", parts, ")", explode=True)

    def spec(self, field: ir.Field) -> str:
        default = "" if field.required else ", UNSET" if _is_free(field.type) else ", None"
        return f'("{field.name}", "{field.wire}", {self.type(field.type)}{default})'

    def type(self, type_: ir.Type) -> str:
        match type_:
            case ir.Scalar(_, const) if const is not None:
                return f"Literal[{const}]"
            case ir.Scalar(kind):
                return _TYPES[kind]
            case ir.Flag():
                return "bool"
            case ir.FreeObject():
                return "dict"
            case ir.Array(ir.AnyJson()):
                return "list"
            case ir.Array(element):
                return f"list[{self.type(element)}]"
            case ir.Either(ir.Scalar(), second):
                return f"str | {self.type(second)}"
            case ir.Ref(name):
                if isinstance(self.definitions[name], ir.Enum):
                    return name
                prefix = "_" if isinstance(self.definitions[name], ir.Model) else ""
                return f"{prefix}{constant_name(name)}{'_ALONE' if self.is_tagged(name) else ''}"
            case _:
                return "Any"

    def function(self, model: ir.Model) -> list[str]:
        """Write the function from a struct to its model.

        What events have in common is set by each function for itself: one that all of them call would see ever changing
        classes, which makes its attribute accesses twice as slow.
        """
        lines = [f"def _{function_name(model.name)}(wire: Any) -> {model.name}:", f"    model = new({model.name})"]
        lines += [f"    {line}" for field in model.fields for line in self.assignment(field)]
        return [*lines, "    model.wire_extra = NO_EXTRA", "    return model"]

    def assignment(self, field: ir.Field) -> list[str]:
        target, source = f"model.{field.name}", f"wire.{field.name}"
        match field.type:
            case ir.Scalar("timestamp"):
                # Separators at every third place from the fourth, and a Z at the end: the spelling of JavaScript.
                lines = [
                    'if value[4:20:3] != "--T::." or value[23:] != "Z":',
                    "    raise NeedsSlowPath",
                    f"{target} = from_iso(value)",
                ]
            case ir.AnyJson() if field.required:
                return [f"{target} = {source}"]
            case ir.AnyJson():
                return [
                    f"value = {source}",
                    "if value is None:",
                    "    raise NeedsSlowPath",
                    f"{target} = None if value is UNSET else value",
                ]
            case ir.Either(ir.Ref(), _):  # any JSON where it is no such model: msgspec cannot tell
                lines = ["raise NeedsSlowPath"]
                return (
                    lines if field.required else [f"if {source} is not UNSET:", *_indented(lines), f"{target} = None"]
                )
            case ir.Flag():
                return [f"if {source} is False:", "    raise NeedsSlowPath", f"{target} = {source} is True"]
            case _:
                made = self.value(field.type)
                if made == "value":
                    const = field.type.const if isinstance(field.type, ir.Scalar) and field.required else None
                    return [f"{target} = {source if const is None else const}"]
                if not field.required:
                    made = f"None if value is None else {made}"
                return [f"value = {source}", f"{target} = {made}"]
        if field.required:
            return [f"value = {source}", *lines]
        return [f"value = {source}", "if value is None:", f"    {target} = None", "else:", *_indented(lines)]

    def value(self, type_: ir.Type) -> str:
        """Return the expression of a value that is there and is in the variable `value`."""
        match type_:
            case ir.Array(ir.Ref(name)):
                return f"[{self.build(name, 'item')} for item in value]"
            case ir.Either(ir.Scalar(), ir.Array(ir.Ref())):
                return f"value if value.__class__ is str else {self.value(type_.second)}"
            case ir.Ref(name):
                return self.build(name, "value")
            case _:
                return "value"

    def build(self, name: str, variable: str) -> str:
        item = self.definitions[name]
        if isinstance(item, ir.Enum):
            return variable
        if isinstance(item, ir.Union):
            return f"BUILDERS[{variable}.__class__]({variable})"
        return f"_{function_name(name)}({variable})"


def _is_free(type_: ir.Type) -> bool:
    """Tell whether null is a value of its own: then a missing one needs another sign."""
    return isinstance(type_, ir.AnyJson) or (isinstance(type_, ir.Either) and isinstance(type_.first, ir.Ref))


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]
