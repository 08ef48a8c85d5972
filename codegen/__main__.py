"""Command line of the generator: `python -m codegen` writes the models, `python -m codegen --check` compares them."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from codegen import ir
from codegen.emit import emit
from codegen.load import SchemaError, load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT: Final = Path(__file__).parent.parent


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


FLUE: Final = Target(
    schemas=ROOT / "schemas",
    directory=ROOT / "flue" / "models",
    package="flue.models",
    fallbacks={
        "FlueEvent": "UnknownEvent",
        "AttachedAgentEvent": "UnknownEvent",
        "LlmAssistantContent": "UnknownContent",
        "LlmUserContent": "UnknownContent",
        "ConversationPart": "UnknownPart",
        "ConversationChunk": "UnknownChunk",
        "ConversationStreamItem": "UnknownChunk",
    },
    raw=("FlueEvent", "AttachedAgentEvent", "ConversationStreamItem"),
)


def main(arguments: list[str] | None = None, target: Target = FLUE) -> int:
    """Run the command line.

    Returns:
        The exit status: 0 when the files are (now) those of the schemas, 1 when `--check` found a difference, 2 when a
        schema is not understood.
    """
    parser = argparse.ArgumentParser(prog="python -m codegen", description="Write flue.models from schemas/.")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; name the files that differ and exit with 1"
    )
    options = parser.parse_args(arguments)
    try:
        if not options.check:
            for line in write(target):
                print(line)
            return 0
        found = differences(render(target), target.directory)
    except SchemaError as error:
        print(error, file=sys.stderr)
        return 2
    for path, problem in found:
        print(f"{problem}: {path.relative_to(target.directory.parent)}", file=sys.stderr)
    if found:
        print("run `python -m codegen` and commit what it writes", file=sys.stderr)
    return 1 if found else 0


def render(target: Target) -> dict[Path, str]:
    """Return the text of every generated file.

    Raises:
        SchemaError: A schema is not understood.
    """
    modules = ir.build(load(target.schemas), target.fallbacks)
    files = emit(modules, target.package, target.fallbacks.values(), target.raw)
    return {target.directory / name: text for name, text in files.items()}


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


if __name__ == "__main__":
    sys.exit(main())
