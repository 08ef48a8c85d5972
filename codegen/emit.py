"""Writes Python: the classes, which a user opens in an editor; their keys on the wire; and the direct decoding.

The direct decoding is a msgspec struct beside each model, and the function that builds the model from one. msgspec
checks types and unknown keys while it parses, in C; what it hands over needs no check any more. Whatever it refuses,
and what a model needs extra fields for, is left to cattrs: both give the same model, or the direct way gives none.

Generated files need no formatter: they are laid out the way `ruff format` does.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from codegen import ir
from codegen.names import constant_name, function_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_WIDTH: Final = 120
_OVERRIDE: Final = "  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]"
_DECORATOR: Final = "@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)"
_ANNOTATIONS: Final[Mapping[ir.ScalarKind, str]] = {
    "string": "str",
    "boolean": "bool",
    "integer": "int",
    "number": "float",
    "timestamp": "datetime",
}
_STRUCT_TYPES: Final[Mapping[ir.ScalarKind, str]] = {
    "string": "str",
    "boolean": "bool",
    "integer": "int",
    "number": "int | float",
    "timestamp": "str",
}
_BASE: Final = ("NO_EXTRA", "AFTER", "SEPARATORS", "NeedsSlowPath", "from_iso", "new", "own_copy", "struct")


def emit(modules: Sequence[ir.Module], package: str, fallbacks: Iterable[str], raw: Sequence[str]) -> dict[str, str]:
    """Write a package.

    Args:
        modules: What it consists of.
        package: Its dotted name.
        fallbacks: The classes that stand for tags which a union does not know.
        raw: The unions that are decoded from JSON text, in great numbers.

    Returns:
        The text of each file by its name.
    """
    homes = {item.name: module.name for module in modules for item in (*module.definitions, *module.bases)}
    files = {f"{module.name}.py": _emit_module(module, homes, package) for module in modules}
    if raw:
        files["_decode.py"] = _emit_decode(modules, package, raw)
    files["_wire_names.py"] = _emit_wire_names(modules)
    files["__init__.py"] = _emit_init(modules, package, fallbacks)
    return files


def _header(description: str, source: str) -> list[str]:
    """Return the docstring of a generated module."""
    return [*_docstring(f"{description}\n\nGenerated from {source} by `python -m codegen`: do not edit."), ""]


def _emit_module(module: ir.Module, homes: Mapping[str, str], package: str) -> str:
    """Write one module of classes.

    Args:
        module: The module.
        homes: The module of each definition, by the definition's name.
        package: Dotted name of the package that is written.
    """
    models = [*module.bases, *(item for item in module.definitions if isinstance(item, ir.Model))]
    lines = _header(module.description, f"schemas/{module.source}")
    lines += _imports(module, models, homes, package)
    for definition in module.definitions:
        if isinstance(definition, ir.Enum):
            lines += ["", *_enum(definition)]
    for model in module.bases:
        lines += ["", "", *_model(model)]
    previous: ir.Definition | None = None
    for item in _contents_first(module.definitions):
        if isinstance(item, ir.Model):
            lines += ["", "", *_model(item)]
        elif isinstance(item, ir.Union):
            lines += [*([""] if isinstance(previous, ir.Model) else []), "", *_union(item)]
        previous = item
    return "\n".join(lines) + "\n"


def _contents_first(definitions: Sequence[ir.Definition]) -> list[ir.Definition]:
    """Put definitions behind those that they consist of.

    attrs gives the constructor of a class the names that its module has by then: only those resolve in its annotations.
    """
    waiting = {item.name: item for item in definitions}
    ordered: list[ir.Definition] = []

    def visit(item: ir.Definition) -> None:
        types = [type_ for field in item.fields for type_ in _flat(field.type)] if isinstance(item, ir.Model) else []
        names = [name for _, name in item.members] if isinstance(item, ir.Union) else []
        for name in (*names, *(type_.name for type_ in types if isinstance(type_, ir.Ref))):
            if name in waiting:
                visit(waiting.pop(name))
        ordered.append(item)

    while waiting:
        visit(waiting.pop(next(iter(waiting))))
    return ordered


def _annotation(type_: ir.Type) -> str:
    """Return the annotation of a value that is there."""
    match type_:
        case ir.Scalar(kind, None):
            return _ANNOTATIONS[kind]
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
            return f"list[{_annotation(item)}]"
        case ir.Ref(name):
            return name
        case ir.Either(first, second):
            return f"{_annotation(first)} | {_annotation(second)}"


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
        first_party += _import_from(f"{package}.{home}", others[home])
    return lines + first_party


def _import_from(module: str, names: Iterable[str]) -> list[str]:
    """Lay out an import of names from a module, in the order that isort wants."""
    ordered = ", ".join(_isorted(names))
    line = f"from {module} import {ordered}"
    return [line] if len(line) <= _WIDTH else _bracketed(f"from {module} import (", _isorted(names), ")")


def _isorted(names: Iterable[str]) -> list[str]:
    """Sort names as isort does: constants, then classes, then the rest."""
    return sorted(set(names), key=_isort_key)


def _isort_key(name: str) -> tuple[bool, bool, str, str]:
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
    literal = _bracketed(f"{enum.name}: TypeAlias = Literal[", map(_quoted, enum.values), "]")
    return [*literal, *_docstring(enum.description)]


def _union(union: ir.Union) -> list[str]:
    members = [name for _, name in union.members] + ([union.fallback] if union.fallback else [])
    return [*_alternatives(f"{union.name}: TypeAlias = ", members), *_docstring(union.description)]


def _model(model: ir.Model) -> list[str]:
    members: list[ir.Tag | ir.Field] = [*model.tags, *model.own]
    described = [(member.name, member.description) for member in members]
    lines = [_DECORATOR, f"class {model.name}({model.base or 'WireModel'}):"]
    lines += [*_docstring(model.description, described, "    "), ""]
    for tag in model.tags:
        lines.append(f"    {tag.name}: ClassVar[Literal[{_quoted(tag.value)}]] = {_quoted(tag.value)}")
    if model.tags and model.own:
        lines.append("")
    replaced = {field.name for field in model.base_fields if model.replaces(field)}
    for field in model.own:
        pyright = _OVERRIDE if field.name in replaced else ""
        lines.append(f"    {_attribute(field)}{pyright}")
    return lines if members else lines[:-1]


def _attribute(field: ir.Field) -> str:
    name = _annotation(field.type)
    if isinstance(field.type, ir.Scalar) and field.type.const is not None and field.required:
        return f"{field.name}: {name} = {field.type.const}"
    if field.required:
        return f"{field.name}: {name}"
    if isinstance(field.type, ir.Flag):
        return f"{field.name}: bool = False"
    if isinstance(field.type.second if isinstance(field.type, ir.Either) else field.type, ir.AnyJson):
        return f"{field.name}: {name} = None"  # JSON has None among its values
    return f"{field.name}: {name} | None = None"


def _emit_init(modules: Sequence[ir.Module], package: str, fallbacks: Iterable[str]) -> str:
    homes = {item.name: f"{package}.{module.name}" for module in modules for item in module.definitions}
    homes |= dict.fromkeys(fallbacks, "flue.codec._unknown")
    lines = _header("Typed models of what Flue sends, one class for each JSON object.", "schemas/")
    lines += ["from __future__ import annotations", "", "import importlib", "from typing import TYPE_CHECKING, Any", ""]
    lines += ["if TYPE_CHECKING:"]
    imports = [f"    from {home} import {name} as {name}" for name, home in homes.items()]
    lines += sorted(imports, key=lambda line: (line.split()[1], _isort_key(line.split()[3])))
    entries = [f"{_quoted(name)}: {_quoted(homes[name])}" for name in _isorted(homes)]
    lines += ["", *_bracketed("_LAZY = {", entries, "}", explode=True)]
    # Written out: type checkers do not evaluate expressions, and mypy would find no names in `from ... import *`.
    lines += ["", *_bracketed("__all__ = [", map(_quoted, sorted(homes)), "]", explode=True), "", ""]
    lines += ["def __getattr__(name: str) -> Any:", "    if name not in _LAZY:"]
    lines += [f'        raise AttributeError(f"module {package!r} has no attribute {{name!r}}")']
    lines += ["    value = getattr(importlib.import_module(_LAZY[name]), name)", "    globals()[name] = value"]
    lines += ["    return value", "", "", "def __dir__() -> list[str]:", "    return sorted(__all__)"]
    return "\n".join(lines) + "\n"


def _emit_wire_names(modules: Sequence[ir.Module]) -> str:
    models = [item for module in modules for item in module.definitions if isinstance(item, ir.Model)]
    names = {name: wire for model in models for name, wire in ir.wire_names(model) if name != wire}
    lines = _header("Keys on the wire of the models' attributes.", "schemas/")
    lines += ["from __future__ import annotations", "", "from typing import Final", ""]
    entries = [f"{_quoted(name)}: {_quoted(wire)}" for name, wire in sorted(names.items())]
    lines += _bracketed("WIRE_NAMES: Final[dict[str, str]] = {", entries, "}", explode=True)
    lines += ['"""The key of an attribute, where it is not the attribute\'s name."""', ""]
    entries = [
        f"{_quoted(model.name)}: {{{_quoted(field.name)}: ({_quoted(field.wire)}, {_quoted(field.type.prefix)})}}"
        for model in models
        for field in model.fields
        if isinstance(field.type, ir.Prefixed)
    ]
    lines += _bracketed("PREFIXED: Final[dict[str, dict[str, tuple[str, str]]]] = {", entries, "}", explode=True)
    lines += ['"""The attributes of a model that hold the end of a string, with its key and the beginning of it."""']
    return "\n".join(lines) + "\n"


def _emit_decode(modules: Sequence[ir.Module], package: str, roots: Sequence[str]) -> str:
    """Write the module with the structs and functions of some unions and of what they contain."""
    writer = _DecodeWriter([item for module in modules for item in module.definitions], roots)
    lines = writer.lines()
    body = "\n".join(lines)
    used = {item.name for item in writer.order}
    head = _header("Direct decoding: JSON text becomes a model without a dictionary in between.", "schemas/")
    typing = [name for name in ("Any", "Final", "Literal") if f"{name}[" in body or f"{name}," in body or name == "Any"]
    head += ["from __future__ import annotations", "", f"from typing import {', '.join(typing)}", ""]
    if "UNSET" in body:
        head += ["from msgspec import UNSET", ""]
    head += _import_from("flue.codec._base", [name for name in _BASE if name in body])
    for module in sorted(modules, key=lambda module: module.name):
        names = [item.name for item in module.definitions if item.name in used and not isinstance(item, ir.Union)]
        head += _import_from(f"{package}.{module.name}", names) if names else []
    return "\n".join([*head, *lines]) + "\n"


class _DecodeWriter:
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
        bases = {model.base: model.base_fields for model in models if self.is_shared(model)}
        lines: list[str] = []
        written: set[str] = set()
        for item in self.order:
            if isinstance(item, ir.Model):
                if item.base and item.base not in written:
                    written.add(item.base)
                    head = f"_{constant_name(item.base)}: Final = ("
                    lines += ["", *_bracketed(head, map(self.spec, item.base_fields), ")", explode=True)]
                lines += ["", *self.struct(item)]
                if item.name in self.alone:
                    lines += ["", *self.struct(item, alone=True)]
            elif isinstance(item, ir.Union):
                members = [f"_{constant_name(name)}" for name in self.members(item)]
                lines += ["", *_alternatives(f"{constant_name(item.name)}: Final[Any] = ", members)]
        for base, fields in bases.items():
            lines += ["", "", *self.base_function(base, fields), "", ""]
            heirs = [function_name(model.name) for model in models if model.base == base]
            lines += [f"_base_of_{heir}: Final = own_copy(_{function_name(base)})" for heir in heirs]
        for model in models:
            lines += ["", "", *self.function(model)]
        entries = [f"_{constant_name(model.name)}: _{function_name(model.name)}" for model in models]
        entries += [f"_{constant_name(name)}_ALONE: _{function_name(name)}" for name in sorted(self.alone)]
        return [*lines, "", "", *_bracketed("BUILDERS: Final[dict[Any, Any]] = {", entries, "}", explode=True)]

    def struct(self, model: ir.Model, *, alone: bool = False) -> list[str]:
        """Write the struct of a model: same attributes, the keys of the wire, no key beside them.

        msgspec asks for a tag in unions only: where the model occurs alone, its tag is a field like any other.
        """
        first, others = (None, model.tags) if alone or not model.tags else (model.tags[0], model.tags[1:])
        parts = [_quoted(model.name)]
        parts += [f'("{tag.name}", "{tag.wire}", Literal[{_quoted(tag.value)}])' for tag in others]
        parts += [self.spec(field) for field in model.own]
        parts += [f"tag=({_quoted(first.wire)}, {_quoted(first.value)})"] if first else []
        parts += [f"shared=_{constant_name(model.base)}"] if model.base else []
        suffix = "_ALONE" if alone else ""
        return _bracketed(f"_{constant_name(model.name)}{suffix}: Final[Any] = struct(", parts, ")", explode=True)

    def spec(self, field: ir.Field) -> str:
        default = "" if field.required else ", UNSET" if _is_free(field.type) else ", None"
        return f'("{field.name}", "{field.wire}", {self.type(field.type)}{default})'

    def type(self, type_: ir.Type) -> str:
        match type_:
            case ir.Scalar(_, const) if const is not None:
                return f"Literal[{const}]"
            case ir.Scalar(kind):
                return _STRUCT_TYPES[kind]
            case ir.Flag():
                return "bool"
            case ir.FreeObject():
                return "dict"
            case ir.Array(ir.AnyJson()):
                return "list"
            case ir.Array(element):
                return f"list[{self.type(element)}]"
            case ir.Ref(name):
                if isinstance(self.definitions[name], ir.Enum):
                    return name
                prefix = "_" if isinstance(self.definitions[name], ir.Model) else ""
                return f"{prefix}{constant_name(name)}{'_ALONE' if self.is_tagged(name) else ''}"
            case _:
                return "Any"

    def is_shared(self, model: ir.Model) -> bool:
        """Tell whether a function sets what the model inherits: a few lines are not worth a call."""
        return len(self.assignments(model.base_fields)) > 4

    def base_function(self, base: str, fields: Sequence[ir.Field]) -> list[str]:
        """Write the function that sets what models inherit."""
        lines = [f"def _{function_name(base)}(model: Any, wire: Any) -> None:"]
        return [*lines, *_indented(self.assignments(fields)), "    model.wire_extra = NO_EXTRA"]

    def function(self, model: ir.Model) -> list[str]:
        """Write the function from a struct to its model."""
        name = function_name(model.name)
        lines = [f"model = new({model.name})"]
        if self.is_shared(model):
            inherited = [self.assignment(field) for field in model.base_fields]
            own = [field for field in model.own if self.assignment(field) not in inherited]
            lines += [f"_base_of_{name}(model, wire)", *self.assignments(own)]
        else:
            lines += [*self.assignments(model.fields), "model.wire_extra = NO_EXTRA"]
        return [f"def _{name}(wire: Any) -> {model.name}:", *_indented([*lines, "return model"])]

    def assignments(self, fields: Iterable[ir.Field]) -> list[str]:
        return [line for field in fields for line in self.assignment(field)]

    def assignment(self, field: ir.Field) -> list[str]:
        target, source = f"model.{field.name}", f"wire.{field.name}"
        match field.type:
            case ir.Scalar("timestamp"):
                lines = [
                    'if value[SEPARATORS] != "--T::." or value[AFTER] != "Z":',
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
            case ir.Either():  # msgspec cannot tell a model from any other JSON
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
            case ir.Ref(name):
                return self.build(name, "value")
            case _:
                return "value"

    def build(self, name: str, variable: str) -> str:
        item = self.definitions[name]
        if isinstance(item, ir.Enum):
            return variable
        if isinstance(item, ir.Union):
            return f"BUILDERS[type({variable})]({variable})"
        return f"_{function_name(name)}({variable})"


def _is_free(type_: ir.Type) -> bool:
    """Tell whether null is a value of its own: then a missing one needs another sign."""
    return isinstance(type_, ir.AnyJson | ir.Either)


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _bracketed(head: str, parts: Iterable[str], tail: str, *, explode: bool = False) -> list[str]:
    """Lay out a bracketed list: on one line where it fits, else one element a line with a trailing comma.

    Args:
        head: The text up to and with the opening bracket.
        parts: The elements.
        tail: The closing bracket and what follows it.
        explode: Give every element its line even where they would fit on one.
    """
    elements = list(parts)
    line = head + ", ".join(elements) + tail
    if not elements or (len(line) <= _WIDTH and not explode):
        return [line]
    indent = head[: len(head) - len(head.lstrip())]
    return [head, *(f"{indent}    {element}," for element in elements), indent + tail]


def _alternatives(head: str, members: list[str]) -> list[str]:
    """Lay out `Name = A | B | C`, in parentheses with one member a line where it is too long."""
    line = head + " | ".join(members)
    if len(line) <= _WIDTH:
        return [line]
    return [f"{head}(", f"    {members[0]}", *(f"    | {member}" for member in members[1:]), ")"]


def _docstring(description: str, attributes: Iterable[tuple[str, str]] = (), indent: str = "") -> list[str]:
    """Lay out a docstring in Google style: the description, then its `Attributes:` section."""
    lines: list[str] = []
    for paragraph in _paragraphs(description, _WIDTH - len(indent) - 7):
        if lines:
            lines.append("")
        lines += _wrapped(paragraph, indent, indent, reserve=0 if lines else 4)
    described = list(attributes)
    if described:
        lines += ["", f"{indent}Attributes:"]
        for name, text in described:
            lines += _wrapped(f"{name}: {text}", indent + "    ", indent + "        ")
    raw = "r" if any("\\" in line for line in lines) else ""
    lines[0] = f'{indent}{raw}"""{lines[0].lstrip()}'
    if len(lines) == 1 and len(lines[0]) + 3 <= _WIDTH and not lines[0].endswith('"'):
        return [f'{lines[0]}"""']
    return [*lines, f'{indent}"""']


def _quoted(text: str) -> str:
    """Return a string literal: in double quotes, unless single ones need less escaping."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    signs = (sign if sign in "'\"" else repr(sign)[1:-1] for sign in text)
    return quote + "".join(f"\\{sign}" if sign == quote else sign for sign in signs) + quote


def _paragraphs(description: str, width: int) -> list[str]:
    """Split a description so that its first paragraph is one line, if its first sentence is short enough."""
    first, *others = description.split("\n\n")
    summary, dot, rest = first.partition(". ")
    if len(first) > width and dot:
        return [f"{summary}.", rest, *others]
    return [first, *others]


def _wrapped(text: str, first: str, later: str, reserve: int = 0) -> list[str]:
    """Wrap a paragraph; `reserve` columns of its first line stay free for the quotes."""
    lines = textwrap.wrap(
        text.replace('"""', "'''"),
        _WIDTH,
        initial_indent=first + " " * reserve,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )
    lines[0] = first + lines[0].lstrip()
    return lines
