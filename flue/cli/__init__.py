"""The command line: `python -m flue`, installed as `flue-py`.

From arguments to an exit status: `main` runs a command and turns whatever it raises into a sentence. Importing this
package loads nothing of the rest of the library; each command loads what it needs when it is called.
"""

from __future__ import annotations

import contextlib
import enum
import importlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from flue.cli.parser import Options

__all__ = ["Exit", "Interrupted", "UsageError", "discard", "main"]


class Exit(enum.IntEnum):
    """Exit statuses."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    INTERRUPTED = 130


class UsageError(ValueError):
    """An argument or an input that cannot be used."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C. The arguments are sentences about it, for example where reading stopped and how to resume."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The arguments without the program's name; default: those of the process.

    Returns:
        The exit status: 0 success, 1 a run that was followed or waited for failed, 2 usage, 3 the server could not be
        reached or read, 130 interrupted.
    """
    from flue.cli.parser import Options, build_parser  # noqa: PLC0415  # importing flue.cli stays cheap

    _replace_closed_outputs()
    parser = build_parser()
    try:
        options = parser.parse_args(argv, namespace=Options())
    except SystemExit as error:  # argparse has said why
        return error.code if isinstance(error.code, int) else Exit.USAGE
    if options.handler is None:
        parser.print_help(sys.stderr)
        return Exit.USAGE
    module, _, name = options.handler.partition(":")
    try:
        command: Callable[[Options], Exit] = getattr(importlib.import_module(module), name)
        status = command(options)
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)
        return Exit.OK
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001  # whatever it is, it becomes a sentence
        if os.environ.get("FLUE_DEBUG"):
            import traceback  # noqa: PLC0415  # with what it loads, a seventh of the start of the command line

            with contextlib.suppress(OSError):
                traceback.print_exception(error)
        status, sentences = _explain(error)
        from flue.cli.output import say  # noqa: PLC0415  # only if there is something to say

        say(*sentences)
        try:  # the interpreter's last flush would fail with an exit status of its own
            sys.stdout.flush()
        except (OSError, ValueError):
            discard(sys.stdout)
    return status


def _explain(error: BaseException) -> tuple[Exit, list[str]]:
    """The exit status and the sentences for what a command raised."""
    if isinstance(error, KeyboardInterrupt):
        return Exit.INTERRUPTED, list(error.args) or ["interrupted"]
    from flue.errors import FlueError  # noqa: PLC0415  # only if something went wrong

    if isinstance(error, FlueError):
        # If nothing has been read yet, there is nothing to resume from.
        notes = [note for note in getattr(error, "__notes__", []) if not note.endswith("offset '-1'")]
        return Exit.UNREACHABLE, [str(error), *notes]
    if isinstance(error, ValueError):
        return Exit.USAGE, [str(error)]
    if isinstance(error, OSError):
        return Exit.UNREACHABLE, [str(error)]
    bug = f"a bug in this program: {type(error).__name__}: {error}"
    hint = "set FLUE_DEBUG=1 in the environment for the traceback"
    return Exit.UNREACHABLE, [bug] if os.environ.get("FLUE_DEBUG") else [bug, hint]


def _replace_closed_outputs() -> None:
    """Discard what is written to an output that the caller has closed (`>&-`), for which Python has None."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # Never closed, like what it replaces.
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8", closefd=False))


def discard(output: TextIO) -> None:
    """Let what is written to an output go nowhere, the interpreter's last flush too: its reader has gone."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())
