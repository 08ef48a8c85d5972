"""Which generated file holds what, and how the files on disk differ from those of the schemas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codegen.build import build
from codegen.emit_direct import emit_direct
from codegen.emit_models import emit_module, header, import_from, isorted
from codegen.emit_structure import emit_structure
from codegen.load import load
from codegen.text import bracketed, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from codegen import ir


@dataclass(frozen=True)
class Target:
    """What to generate from where.

    Attributes:
        schemas: Directory of the schema files.
        directory: Directory of the generated package; it holds nothing else.
        package: Dotted name of that package.
        names: File that lists the names of all models, readable without importing them.
        fallbacks: For each open union the class that stands for a tag it does not know.
        raw: The unions that are decoded from JSON text, in great numbers.
    """

    schemas: Path
    directory: Path
    package: str
    names: Path
    fallbacks: Mapping[str, str]
    raw: Sequence[str] = ()


def render(target: Target) -> dict[Path, str]:
    """Return the text of every generated file.

    Raises:
        SchemaError: A schema is not understood.
    """
    modules = build(load(target.schemas), target.fallbacks)
    homes = {definition.name: module.name for module in modules for definition in module.definitions}
    files = {target.directory / f"{module.name}.py": emit_module(module, homes, target.package) for module in modules}
    if target.raw:
        files[target.directory / "_direct.py"] = emit_direct(modules, target.package, target.raw)
    files[target.directory / "_structure.py"] = emit_structure(modules, target.package)
    files[target.directory / "__init__.py"] = _init(modules, target)
    files[target.names] = _names([*homes, *set(target.fallbacks.values())])
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
    fallbacks = set(target.fallbacks.values())
    exported = [definition.name for module in modules for definition in module.definitions] + sorted(fallbacks)
    lines = header("Typed models of what Flue sends, one class for each JSON object.", "schemas/")
    lines += ["from __future__ import annotations", ""]
    lines += import_from("flue._unknown", fallbacks) if fallbacks else []
    for module in sorted(modules, key=lambda module: module.name):
        names = [definition.name for definition in module.definitions]
        lines += import_from(f"{target.package}.{module.name}", names) if names else []
    lines += ["", *bracketed("__all__ = [", map(quoted, isorted(exported)), "]", explode=True)]
    return "\n".join(lines) + "\n"


def _names(names: Sequence[str]) -> str:
    lines = header("Names of all models, for whoever must not import the models to know them.", "schemas/")
    lines += ["from __future__ import annotations", "", "from typing import Final", ""]
    lines += bracketed("NAMES: Final = (", map(quoted, isorted(names)), ")", explode=True)
    return "\n".join(lines) + "\n"
