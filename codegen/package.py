"""Which generated file holds what, and how the files on disk differ from those of the schemas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codegen import ir
from codegen.build import build, wire_names
from codegen.emit_decode import emit_decode
from codegen.emit_models import emit_module, header, isort_key, isorted
from codegen.load import load
from codegen.text import bracketed, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Target:
    """What to generate from where.

    Attributes:
        schemas: Directory of the schema files.
        directory: Directory of the generated package; it holds nothing else.
        package: Dotted name of that package.
        fallbacks: For each open union the class that stands for a tag it does not know.
        raw: The unions that are decoded from JSON text, in great numbers.
    """

    schemas: Path
    directory: Path
    package: str
    fallbacks: Mapping[str, str]
    raw: Sequence[str] = ()


def render(target: Target) -> dict[Path, str]:
    """Return the text of every generated file.

    Raises:
        SchemaError: A schema is not understood.
    """
    modules = build(load(target.schemas), target.fallbacks)
    homes = {item.name: module.name for module in modules for item in (*module.definitions, *module.bases)}
    files = {target.directory / f"{module.name}.py": emit_module(module, homes, target.package) for module in modules}
    if target.raw:
        files[target.directory / "_decode.py"] = emit_decode(modules, target.package, target.raw)
    files[target.directory / "_wire_names.py"] = _wire_names(modules)
    files[target.directory / "__init__.py"] = _init(modules, target)
    return files


def write(target: Target) -> list[str]:
    """Write every generated file that differs, and remove orphans.

    Returns:
        What was done, one line a file.
    """
    files = render(target)
    done: list[str] = []
    for path, problem in differences(files, target.directory):
        if path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], encoding="utf-8", newline="\n")
            done.append(f"wrote {path}")
        else:
            path.unlink()
            done.append(f"removed {path} ({problem})")
    return done


def differences(files: Mapping[Path, str], directory: Path) -> list[tuple[Path, str]]:
    """Compare whole files with what they should be.

    Returns:
        Each path with `changed`, `missing` or `orphan`, in the order of the paths.
    """
    found = {path: "orphan" for path in directory.glob("**/*.py*") if path.suffix != ".pyc" and path not in files}
    for path, text in files.items():
        if not path.is_file():
            found[path] = "missing"
        elif path.read_bytes() != text.encode():
            found[path] = "changed"
    return sorted(found.items())


def _init(modules: Sequence[ir.Module], target: Target) -> str:
    homes = {item.name: f"{target.package}.{module.name}" for module in modules for item in module.definitions}
    homes |= dict.fromkeys(target.fallbacks.values(), "flue.codec._unknown")
    lines = header("Typed models of what Flue sends, one class for each JSON object.", "schemas/")
    lines += ["from __future__ import annotations", "", "import importlib", "from typing import TYPE_CHECKING, Any", ""]
    lines += ["if TYPE_CHECKING:"]
    imports = [f"    from {home} import {name} as {name}" for name, home in homes.items()]
    lines += sorted(imports, key=lambda line: (line.split()[1], isort_key(line.split()[3])))
    entries = [f"{quoted(name)}: {quoted(homes[name])}" for name in isorted(homes)]
    lines += ["", *bracketed("_LAZY = {", entries, "}", explode=True)]
    lines += ["", "__all__ = [*_LAZY]  # noqa: PLE0604  # pyright: ignore[reportUnsupportedDunderAll]", "", ""]
    lines += ["def __getattr__(name: str) -> Any:", "    if name not in _LAZY:"]
    lines += [f'        raise AttributeError(f"module {target.package!r} has no attribute {{name!r}}")']
    lines += ["    value = getattr(importlib.import_module(_LAZY[name]), name)", "    globals()[name] = value"]
    lines += ["    return value", "", "", "def __dir__() -> list[str]:", "    return sorted(__all__)"]
    return "\n".join(lines) + "\n"


def _wire_names(modules: Sequence[ir.Module]) -> str:
    models = [item for module in modules for item in module.definitions if isinstance(item, ir.Model)]
    names = {name: wire for model in models for name, wire in wire_names(model) if name != wire}
    lines = header("Keys on the wire of the models' attributes.", "schemas/")
    lines += ["from __future__ import annotations", "", "from typing import Final", ""]
    entries = [f"{quoted(name)}: {quoted(wire)}" for name, wire in sorted(names.items())]
    lines += bracketed("WIRE_NAMES: Final[dict[str, str]] = {", entries, "}", explode=True)
    lines += ['"""The key of an attribute, where it is not the attribute\'s name."""', ""]
    entries = [
        f"{quoted(model.name)}: {{{quoted(field.name)}: ({quoted(field.wire)}, {quoted(field.type.prefix)})}}"
        for model in models
        for field in model.fields
        if isinstance(field.type, ir.Prefixed)
    ]
    lines += bracketed("PREFIXED: Final[dict[str, dict[str, tuple[str, str]]]] = {", entries, "}", explode=True)
    lines += ['"""The attributes of a model that hold the end of a string, with its key and the beginning of it."""']
    return "\n".join(lines) + "\n"
