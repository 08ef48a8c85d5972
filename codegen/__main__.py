"""Command line of the generator: `python -m codegen` writes the models, `python -m codegen --check` compares them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from codegen.load import SchemaError
from codegen.package import Target, differences, render, write

ROOT: Final = Path(__file__).parent.parent

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


if __name__ == "__main__":
    sys.exit(main())
