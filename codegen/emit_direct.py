"""Writes the direct decoding: a msgspec struct beside each model, and the function that turns one into the other.

msgspec checks types and unknown keys while it parses, in C; what it hands over needs no check any more. Whatever it
refuses, and what a model keeps a residue of, is left to the decoding functions of `emit_structure`: both give the same
model, or the direct way gives none.
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
_VALUES: Final = ("fitting", "from_iso", "nested", "new")


def emit_direct(modules: Sequence[ir.Module], package: str, roots: Sequence[str]) -> str:
    """Write the module with the structs and functions of some definitions and of what they contain."""
    definitions = [item for module in modules for item in module.definitions]
    writer = _Writer(definitions, roots)
    lines = writer.lines()
    body = "\n".join(lines)
    used = {item.name for item in writer.order}
    slow = sorted(f"structure_{name}" for name in writer.slow)
    head = header("Direct decoding: JSON text becomes a model without a dictionary in between.", "schemas/")
    head += ["from __future__ import annotations", "", "from typing import Any, Final, Literal", ""]
    if "UNSET" in body:
        head += ["from msgspec import UNSET", ""]
    head += import_from("flue._wire_model", ["NO_EXTRA"])
    head += import_from("flue._wire_struct", ["struct", *(["Indirect"] if "raise Indirect" in body else [])])
    head += import_from("flue._wire_values", [name for name in _VALUES if f"{name}(" in body])
    head += import_from(f"{package}._structure", slow) if slow else []
    for module in sorted(modules, key=lambda module: module.name):
        names = [item.name for item in module.definitions if item.name in used and not isinstance(item, ir.Union)]
        head += import_from(f"{package}.{module.name}", names) if names else []
    if "Literal[" not in body:
        head = [line.replace(", Literal", "") for line in head]
    return "\n".join([*head, *lines]) + "\n"


class _Writer:
    def __init__(self, definitions: Sequence[ir.Definition], roots: Sequence[str]) -> None:
        self.definitions = {item.name: item for item in definitions}
        self.order: list[ir.Definition] = []  # contents first
        self.slow: set[str] = set()  # what is decoded by the functions of `_structure`
        for root in roots:
            self.visit(root)

    def visit(self, name: str) -> None:
        """List a definition behind all that it needs."""
        item = self.definitions[name]
        if item in self.order:
            return
        if isinstance(item, ir.Union):
            for _, member in item.members:
                self.visit(member)
        elif isinstance(item, ir.Model):
            for field in item.fields:
                for needed in self.needs(field.type):
                    self.visit(needed)
        self.order.append(item)

    def needs(self, type_: ir.Type) -> list[str]:
        match type_:
            case ir.Array(item):
                return self.needs(item)
            case ir.Either(ir.Scalar(), second):
                return self.needs(second)
            case ir.Either(ir.Ref(name), _):
                self.slow.add(function_name(name))
            case ir.Ref(name):
                if self.is_tagged(name):
                    self.slow.add(function_name(name))
                else:
                    return [name]
            case _:
                pass
        return []

    def is_tagged(self, name: str) -> bool:
        """Tell whether a definition is a model with a tag: msgspec asks for the tag in unions only."""
        item = self.definitions[name]
        return isinstance(item, ir.Model) and bool(item.tags)

    def lines(self) -> list[str]:
        models = [item for item in self.order if isinstance(item, ir.Model)]
        lines: list[str] = []
        for item in self.order:
            if isinstance(item, ir.Model):
                lines += ["", *self.struct(item)]
            elif isinstance(item, ir.Union):
                members = list(dict.fromkeys(f"_{constant_name(name)}" for _, name in item.members))
                lines += ["", *alternatives(f"{constant_name(item.name)}: Final[Any] = ", members)]
        for model in models:
            lines += ["", "", *self.function(model)]
        entries = [f"_{constant_name(model.name)}: _{function_name(model.name)}" for model in models]
        return [*lines, "", "", *bracketed("READ: Final[dict[Any, Any]] = {", entries, "}", explode=True)]

    def struct(self, model: ir.Model) -> list[str]:
        """Write the struct of a model: same attributes, the keys of the wire, no key beside them."""
        first, *others = model.tags or (None,)
        parts = [quoted(model.name), quoted(first.wire) if first else '""', quoted(first.value) if first else '""']
        for tag in others:
            assert tag is not None  # noqa: S101  # for the type checkers: only the first may be
            parts.append(f'("{tag.name}", "{tag.wire}", Literal[{quoted(tag.value)}])')
        for field in model.fields:
            default = "" if field.required else ", UNSET" if _is_free(field.type) else ", None"
            parts.append(f'("{field.name}", "{field.wire}", {self.type(field.type)}{default})')
        return bracketed(f"_{constant_name(model.name)}: Final[Any] = struct(", parts, ")", explode=True)

    def type(self, type_: ir.Type) -> str:
        match type_:
            case ir.Scalar(_, const) if const is not None:
                return f"Literal[{const}]"
            case ir.Scalar(kind):
                return _TYPES[kind]
            case ir.FreeObject():
                return "dict"
            case ir.Array(ir.AnyJson()):
                return "list"
            case ir.Array(element):
                return f"list[{self.type(element)}]"
            case ir.Either(ir.Scalar(), second):
                return f"str | {self.type(second)}"
            case ir.Ref(name) if not self.is_tagged(name):
                item = self.definitions[name]
                prefix = "_" if isinstance(item, ir.Model) else ""
                return name if isinstance(item, ir.Enum) else f"{prefix}{constant_name(name)}"
            case _:
                return "Any"

    def function(self, model: ir.Model) -> list[str]:
        """Write the function from a struct to its model."""
        lines = [f"def _{function_name(model.name)}(wire: Any) -> {model.name}:", f"    built = new({model.name})"]
        for field in model.fields:
            lines += [f"    {line}" for line in self.assignment(field)]
        return [*lines, "    built.wire_extra = NO_EXTRA", "    return built"]

    def assignment(self, field: ir.Field) -> list[str]:
        target, source = f"built.{field.name}", f"wire.{field.name}"
        match field.type:
            case ir.Scalar("timestamp"):
                # Separators at every third place from the fourth, and a Z at the end: the spelling of JavaScript.
                lines = [
                    'if value[4:20:3] != "--T::." or value[23:] != "Z":',
                    "    raise Indirect",
                    f"{target} = from_iso(value)",
                ]
            case ir.AnyJson() if field.required:
                return [f"{target} = {source}"]
            case ir.AnyJson() | ir.Either(ir.Ref(), _):
                missing = [] if field.required else ["if value is UNSET:", f"    {target} = None"]
                null = [f"{'if' if field.required else 'elif'} value is None:", "    raise Indirect"]
                return [
                    f"value = {source}",
                    *missing,
                    *null,
                    *([] if field.required else ["else:"]),
                    f"{'' if field.required else '    '}{target} = {self.value(field.type, field.wire)}",
                ]
            case _:
                made = self.value(field.type, field.wire)
                if made == "value":
                    const = field.type.const if isinstance(field.type, ir.Scalar) and field.required else None
                    return [f"{target} = {source if const is None else const}"]
                lines = [f"{target} = {made}"]
        if field.required:
            return [f"value = {source}", *lines]
        indented = [f"    {line}" for line in lines]
        return [f"value = {source}", "if value is None:", f"    {target} = None", "else:", *indented]

    def value(self, type_: ir.Type, wire: str) -> str:
        """Return the expression of a value that is there and is in the variable `value`."""
        match type_:
            case ir.Array(ir.Ref(name)):
                return f"[{self.read(name, 'element', wire)} for element in value]"
            case ir.Either(ir.Scalar(), ir.Array(ir.Ref())):
                return f"value if value.__class__ is str else {self.value(type_.second, wire)}"
            case ir.Either(ir.Ref(name), _):
                return f"fitting(structure_{function_name(name)}, value)"
            case ir.Ref(name):
                return self.read(name, "value", wire)
            case _:
                return "value"

    def read(self, name: str, variable: str, wire: str) -> str:
        item = self.definitions[name]
        if isinstance(item, ir.Enum):
            return variable
        if isinstance(item, ir.Union):
            return f"READ[{variable}.__class__]({variable})"
        if item.tags:
            return f'nested("{wire}", structure_{function_name(name)}, {variable})'
        return f"_{function_name(name)}({variable})"


def _is_free(type_: ir.Type) -> bool:
    """Tell whether null is a value of its own: then a missing one needs another sign."""
    return isinstance(type_, ir.AnyJson) or (isinstance(type_, ir.Either) and isinstance(type_.first, ir.Ref))
