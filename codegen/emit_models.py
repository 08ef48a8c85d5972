"""Writes the modules with the classes: what a user opens in an editor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from codegen import ir
from codegen.text import WIDTH, alternatives, bracketed, docstring, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

OVERRIDE: Final = "  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]"
DECORATOR: Final = "@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)"
_SCALARS: Final[Mapping[ir.ScalarKind, str]] = {
    "string": "str",
    "boolean": "bool",
    "integer": "int",
    "number": "float",
    "timestamp": "datetime",
}


def header(description: str, source: str) -> list[str]:
    """Return the docstring of a generated module."""
    return [*docstring(f"{description}\n\nGenerated from {source} by `python -m codegen`: do not edit."), ""]


def emit_module(module: ir.Module, homes: Mapping[str, str], package: str) -> str:
    """Write one module of classes.

    Args:
        module: The module.
        homes: The module of each definition, by the definition's name.
        package: Dotted name of the package that is written.
    """
    models = [*module.bases, *(item for item in module.definitions if isinstance(item, ir.Model))]
    lines = header(module.description, f"schemas/{module.source}")
    lines += _imports(module, models, homes, package)
    for definition in module.definitions:
        if isinstance(definition, ir.Enum):
            lines += ["", *_enum(definition)]
    for model in models:
        lines += ["", "", *_model(model)]
    unions = [definition for definition in module.definitions if isinstance(definition, ir.Union)]
    if models and unions:
        lines.append("")
    for union in unions:
        lines += ["", *_union(union)]
    return "\n".join(lines) + "\n"


def annotation(type_: ir.Type) -> str:
    """Return the annotation of a value that is there."""
    match type_:
        case ir.Scalar(kind, None):
            return _SCALARS[kind]
        case ir.Scalar(_, const):
            return f"Literal[{const}]"
        case ir.Flag():
            return "bool"
        case ir.Prefixed():
            return "str"
        case ir.AnyJson():
            return "JSON"
        case ir.FreeObject():
            return "dict[str, JSON]"
        case ir.Array(item):
            return f"list[{annotation(item)}]"
        case ir.Ref(name):
            return name
        case ir.Either(first, second):
            return f"{annotation(first)} | {annotation(second)}"


def _imports(module: ir.Module, models: list[ir.Model], homes: Mapping[str, str], package: str) -> list[str]:
    types = [type_ for model in models for field in model.own for type_ in _flat(field.type)]
    scalars = {type_.kind for type_ in types if isinstance(type_, ir.Scalar)}
    used = {type_.name for type_ in types if isinstance(type_, ir.Ref)}
    used |= {model.base for model in models} - {""}
    used |= {name for union in module.definitions if isinstance(union, ir.Union) for _, name in union.members}
    json = any(isinstance(type_, ir.AnyJson | ir.FreeObject) for type_ in types)
    aliases = any(not isinstance(definition, ir.Model) for definition in module.definitions)
    literals = any(model.tags for model in models) or any(isinstance(item, ir.Enum) for item in module.definitions)
    literals = literals or any(isinstance(type_, ir.Scalar) and type_.const is not None for type_ in types)
    typing = [
        *(["ClassVar"] if any(model.tags for model in models) else []),
        *(["Literal"] if literals else []),
        *(["TypeAlias"] if aliases else []),
    ]
    fallbacks = sorted({item.fallback for item in module.definitions if isinstance(item, ir.Union) and item.fallback})
    standard = [
        *(["from datetime import datetime"] if "timestamp" in scalars else []),
        *([f"from typing import {', '.join(typing)}"] if typing else []),
    ]
    others: dict[str, list[str]] = {}
    for name in used:
        if homes[name] != module.name:
            others.setdefault(homes[name], []).append(name)
    codes = ", ".join([*(["TC001"] if others else []), *(["TC003"] if "timestamp" in scalars else [])])
    lines = [f"# ruff: noqa: {codes}  (whoever resolves the annotations at run time finds their names here)", ""]
    lines = lines if models and codes else []
    lines += ["from __future__ import annotations", ""]
    lines += [*standard, ""] if standard else []
    lines += ["import attrs", ""] if models else []
    first_party = [f"from flue.codec._base import {'JSON, ' if json else ''}WireModel"] if models else []
    first_party += [f"from flue.codec._unknown import {', '.join(fallbacks)}"] if fallbacks else []
    for home in sorted(others):
        first_party += import_from(f"{package}.{home}", others[home])
    return lines + first_party


def import_from(module: str, names: Iterable[str]) -> list[str]:
    """Lay out an import of names from a module, in the order that isort wants."""
    ordered = ", ".join(isorted(names))
    line = f"from {module} import {ordered}"
    return [line] if len(line) <= WIDTH else bracketed(f"from {module} import (", isorted(names), ")")


def isorted(names: Iterable[str]) -> list[str]:
    """Sort names as isort does: constants, then classes, then the rest."""
    return sorted(set(names), key=isort_key)


def isort_key(name: str) -> tuple[bool, bool, str, str]:
    """Return what isort sorts names by."""
    return (not name.isupper(), not name[0].isupper(), name.lower(), name)


def _flat(type_: ir.Type) -> list[ir.Type]:
    """List a type and the types within it."""
    match type_:
        case ir.Array(item):
            return [type_, item]
        case ir.Either(first, second):
            return [type_, first, *_flat(second)]
        case _:
            return [type_]


def _enum(enum: ir.Enum) -> list[str]:
    literal = bracketed(f"{enum.name}: TypeAlias = Literal[", map(quoted, enum.values), "]")
    return [*literal, *docstring(enum.description)]


def _union(union: ir.Union) -> list[str]:
    members = [name for _, name in union.members] + ([union.fallback] if union.fallback else [])
    return [*alternatives(f"{union.name}: TypeAlias = ", members), *docstring(union.description)]


def _model(model: ir.Model) -> list[str]:
    members: list[ir.Tag | ir.Field] = [*model.tags, *model.own]
    described = [(member.name, member.description) for member in members]
    lines = [DECORATOR, f"class {model.name}({model.base or 'WireModel'}):"]
    lines += [*docstring(model.description, described, "    "), ""]
    for tag in model.tags:
        lines.append(f"    {tag.name}: ClassVar[Literal[{quoted(tag.value)}]] = {quoted(tag.value)}")
    if model.tags and model.own:
        lines.append("")
    replaced = {field.name for field in model.base_fields if model.replaces(field)}
    for field in model.own:
        pyright = OVERRIDE if field.name in replaced else ""
        lines.append(f"    {_attribute(field)}{pyright}")
    return lines if members else lines[:-1]


def _attribute(field: ir.Field) -> str:
    name = annotation(field.type)
    if isinstance(field.type, ir.Scalar) and field.type.const is not None and field.required:
        return f"{field.name}: {name} = {field.type.const}"
    if field.required:
        return f"{field.name}: {name}"
    if isinstance(field.type, ir.Flag):
        return f"{field.name}: bool = False"
    if isinstance(_flat(field.type)[-1], ir.AnyJson) and not isinstance(field.type, ir.Array):
        return f"{field.name}: {name} = None"  # JSON has None among its values
    return f"{field.name}: {name} | None = None"
