"""Writes the decoding functions: straight-line code that checks every type and calls no constructor, to be fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from codegen import ir
from codegen.emit_models import header, import_from
from codegen.names import constant_name, function_name, local_name
from codegen.text import bracketed, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Python type to check for and words for the error, where a check of the type is all there is to do.
_PLAIN: Final[Mapping[str, tuple[str, str]]] = {
    "string": ("str", "a string"),
    "boolean": ("bool", "a boolean"),
    "object": ("dict", "an object"),
    "array": ("list", "an array"),
}
_HELPERS: Final = (
    "fitting",
    "from_iso",
    "integer",
    "items",
    "leftover",
    "misfit",
    "nested",
    "new",
    "no_member",
    "parse_time",
    "unknown_tag",
)

_LOOK_UPS: Final = 3
"""How many optional keys are looked up before the function asks again whether any key is left."""

_CHAIN_WIDTH: Final = 100


def emit_structure(modules: Sequence[ir.Module], package: str) -> str:
    """Write the module with a decoding function for each model and union, and the tables that list them."""
    definitions = [item for module in modules for item in module.definitions]
    body = "\n".join(_Writer(definitions).lines())
    lines = header("Decoding functions of the models: a parsed JSON object becomes a model.", "schemas/")
    lines += ["from __future__ import annotations", "", "from typing import TYPE_CHECKING, Any, Final", ""]
    fallbacks = {item.fallback for item in definitions if isinstance(item, ir.Union)} - {""}
    lines += import_from("flue._unknown", fallbacks) if fallbacks else []
    lines += import_from("flue._wire_model", ["NO_EXTRA", *(["DecodeError"] if "DecodeError(" in body else [])])
    lines += import_from("flue._wire_values", [name for name in _HELPERS if f"{name}(" in body])
    for module in sorted(modules, key=lambda module: module.name):
        names = [item.name for item in module.definitions if not isinstance(item, ir.Enum)]
        lines += import_from(f"{package}.{module.name}", names) if names else []
    lines += ["", "if TYPE_CHECKING:", "    from collections.abc import Callable", ""]
    lines += ["    from flue._wire_model import Get, Model, Shape, Structure"]
    for module in sorted(modules, key=lambda module: module.name):
        enums = [item.name for item in module.definitions if isinstance(item, ir.Enum)]
        lines += [f"    {line}" for line in import_from(f"{package}.{module.name}", enums)] if enums else []
    return "\n".join([*lines, body]) + "\n"


class _Writer:
    def __init__(self, definitions: Sequence[ir.Definition]) -> None:
        self.definitions = {item.name: item for item in definitions}
        self.models = [item for item in definitions if isinstance(item, ir.Model)]
        self.unions = [item for item in definitions if isinstance(item, ir.Union)]

    def lines(self) -> list[str]:
        lines: list[str] = []
        for item in self.definitions.values():
            if isinstance(item, ir.Enum):
                head = f"_{constant_name(item.name)}: Final[frozenset[{item.name}]] = frozenset({{"
                lines += ["", *bracketed(head, map(quoted, item.values), "})")]
        for model in self.models:
            lines += ["", *self.shape(model)]
        for model in self.models:
            lines += ["", "", *self.function(model)]
        if self.unions:
            lines.append("")
        for union in self.unions:
            lines += ["", *self.table(union)]
        for union in self.unions:
            lines += ["", "", *self.dispatch(union)]
        return [*lines, "", "", *self.registries()]

    def shape(self, model: ir.Model) -> list[str]:
        """Write the constant that lists the model's fields."""
        entries = [f'("{tag.wire}", "{tag.name}", "plain")' for tag in model.tags]
        entries += [f'("{field.wire}", "{field.name}", "{self.kind(field)}")' for field in model.fields]
        head = f"_{constant_name(model.name)}: Shape = ("
        return [f"{head}{entries[0]},)"] if len(entries) == 1 else bracketed(head, entries, ")", explode=True)

    def kind(self, field: ir.Field) -> str:
        match field.type:
            case ir.Scalar("timestamp"):
                return "time"
            case ir.Scalar("integer"):
                return "integer"
            case ir.AnyJson():
                return "json" if field.required else "plain"
            case ir.Array(ir.Ref()) | ir.Either():
                return "nested"
            case ir.Ref(name) if not isinstance(self.definitions[name], ir.Enum):
                return "nested"
            case _:
                return "plain"

    def function(self, model: ir.Model) -> list[str]:
        required = [field for field in model.fields if field.required]
        optional = [field for field in model.fields if not field.required]
        lines = [f"def structure_{function_name(model.name)}(obj: dict[str, Any]) -> {model.name}:"]
        lines += ["    get: Get = obj.get"] if model.tags or model.fields else []
        lines.append(f"    count = {len(model.tags) + len(required)}")
        lines += ["    size = len(obj)"] if optional else []
        for tag in model.tags:
            value = quoted(tag.value)
            lines.append(f'    if get("{tag.wire}") != {value}:')
            lines.append(f'        raise misfit("{tag.wire}", {quoted(value)}, get("{tag.wire}"))')
        for field in required:
            lines += [f"    {line}" for line in self.required(field)]
        # Most optional keys are absent. When all keys of the object have been counted, there is none left to look for.
        lines += [f"    {line}" for line in _nothing(optional)]
        for start in range(0, len(optional), _LOOK_UPS):
            lines.append("    if count != size:")
            for field in optional[start : start + _LOOK_UPS]:
                lines += [f"        {line}" for line in self.optional(field)]
        lines.append(f"    built = new({model.name})")
        lines += [f"    built.{field.name} = {_stored(field)}" for field in model.fields]
        lines += ["    built.wire_extra = NO_EXTRA", f"    if count != {'size' if optional else 'len(obj)'}:"]
        lines.append(f"        built.wire_extra = leftover(built, obj, _{constant_name(model.name)})")
        return [*lines, "    return built"]

    def required(self, field: ir.Field) -> list[str]:
        """Write the statements that look a required field up and check it."""
        local = local_name(field.name)
        lookup = f'{local} = get("{field.wire}")'
        if isinstance(field.type, ir.AnyJson):
            missing = f'    raise misfit("{field.wire}", "a value", None)'
            return [lookup, f'if {local} is None and "{field.wire}" not in obj:', missing]
        return [lookup, *self.check(field.type, field.wire, local)]

    def optional(self, field: ir.Field) -> list[str]:
        """Write the statements that look an optional field up, and check and count it when it is there."""
        local = local_name(field.name)
        check = [*self.check(field.type, field.wire, local), "count += 1"]
        return [f'{local} = get("{field.wire}")', f"if {local} is not None:", *(f"    {line}" for line in check)]

    def check(self, type_: ir.Type, wire: str, local: str) -> list[str]:
        """Write the statements that check a value and put what it stands for into the same variable."""
        match type_:
            case ir.AnyJson():
                return []
            case ir.Scalar("string" | "boolean" as kind):
                return _plain(kind, wire, local)
            case ir.Scalar("integer", const):
                lines = [f"if type({local}) is not int:", f'    {local} = integer("{wire}", {local})', "    count -= 1"]
                if const is not None:
                    lines += [f"if {local} != {const}:", f'    raise misfit("{wire}", "{const}", {local})']
                return lines
            case ir.Scalar("number"):
                return [
                    f"if type({local}) is not int and type({local}) is not float:",
                    f'    raise misfit("{wire}", "a number", {local})',
                ]
            case ir.Scalar("timestamp"):
                # Separators at every third place from the fourth, and a Z at the end: the spelling of JavaScript.
                return [
                    f'if type({local}) is str and {local}[4:20:3] == "--T::." and {local}[23:] == "Z":',
                    "    try:",
                    f"        {local} = from_iso({local})",
                    "    except ValueError:",
                    f'        raise misfit("{wire}", "a timestamp", {local}) from None',
                    "else:",
                    f'    {local} = parse_time("{wire}", {local})',
                    "    count -= 1",
                ]
            case ir.FreeObject():
                return _plain("object", wire, local)
            case ir.Array(ir.AnyJson()):
                return _plain("array", wire, local)
            case ir.Array(ir.Ref(name)):
                return [f'{local} = items("{wire}", structure_{function_name(name)}, {local})']
            case ir.Either(ir.Scalar(), second):
                return [f"if type({local}) is not str:", *(f"    {line}" for line in self.check(second, wire, local))]
            case ir.Either(ir.Ref(name), _):
                return [f"{local} = fitting(structure_{function_name(name)}, {local})"]
            case ir.Ref(name):
                if isinstance(self.definitions[name], ir.Enum):
                    members = f"_{constant_name(name)}"
                    return [
                        f"if type({local}) is not str or {local} not in {members}:",
                        f'    raise no_member("{wire}", {members}, {local})',
                    ]
                return [f'{local} = nested("{wire}", structure_{function_name(name)}, {local})']
            case _:
                raise AssertionError(type_)

    def table(self, union: ir.Union) -> list[str]:
        """Write the table from the values of a union's tag to the functions of its members."""
        entries = [f"{quoted(value)}: structure_{function_name(name)}" for value, name in union.members]
        head = f"{constant_name(union.name)}: Final[dict[str, Callable[[dict[str, Any]], {union.name}]]] = {{"
        return bracketed(head, entries, "}", explode=True)

    def dispatch(self, union: ir.Union) -> list[str]:
        """Write the function of a union: an unknown tag becomes the fallback where there is one."""
        unknown = f'unknown_tag("{union.tag}", tag)'
        if union.fallback:
            otherwise = f"return {union.fallback}(tag if isinstance(tag, str) else None, obj, {unknown})"
        else:
            otherwise = f'raise DecodeError(("{union.tag}",), {unknown})'
        return [
            f"def structure_{function_name(union.name)}(obj: dict[str, Any]) -> {union.name}:",
            f'    tag = obj.get("{union.tag}")',
            f"    variant = {constant_name(union.name)}.get(tag) if isinstance(tag, str) else None",
            "    if variant is None:",
            f"        {otherwise}",
            "    return variant(obj)",
        ]

    def registries(self) -> list[str]:
        """Write the tables of everything: the fields of each model, the function of each model and union."""
        shapes = [f"{model.name}: _{constant_name(model.name)}" for model in self.models]
        names = [model.name for model in self.models] + [union.name for union in self.unions]
        structures = [f"{name}: structure_{function_name(name)}" for name in names]
        return [
            *bracketed("SHAPES: Final[dict[type[Model], Shape]] = {", shapes, "}", explode=True),
            "",
            *bracketed("STRUCTURES: Final[dict[Any, Structure]] = {", structures, "}", explode=True),
        ]


def _nothing(fields: Sequence[ir.Field]) -> list[str]:
    """Write the assignment of None to the variables of all optional fields."""
    lines: list[str] = []
    line = ""
    for name in (local_name(field.name) for field in fields):
        if line and len(line) + len(name) > _CHAIN_WIDTH:
            lines.append(f"{line}None")
            line = ""
        line += f"{name} = "
    return [*lines, f"{line}None"] if line else lines


def _stored(field: ir.Field) -> str:
    """Return what is stored in the attribute: the variable, or the constant where only one value is possible."""
    if isinstance(field.type, ir.Scalar) and field.type.const is not None and field.required:
        return str(field.type.const)
    return local_name(field.name)


def _plain(kind: str, wire: str, local: str) -> list[str]:
    python, words = _PLAIN[kind]
    return [f"if type({local}) is not {python}:", f'    raise misfit("{wire}", "{words}", {local})']
