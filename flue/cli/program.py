"""From arguments to an exit status: runs a command, and turns whatever it raises into a sentence."""

from __future__ import annotations

import contextlib
import enum
import importlib
import logging
import os
import sys
from typing import TYPE_CHECKING

from flue.cli.parser import Options, build_parser

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from flue import FlueClient
    from flue.cli.views import View

__all__ = ["Exit", "UsageError", "open_client", "run", "shown_on"]


class Exit(enum.IntEnum):
    """Exit statuses."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    INTERRUPTED = 130


class UsageError(ValueError):
    """An argument that cannot work."""


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command; see `flue.cli.main`."""
    _replace_closed_outputs()
    parser = build_parser()
    try:
        options = parser.parse_args(argv, namespace=Options())
    except SystemExit as ended:  # argparse has said why
        return ended.code if isinstance(ended.code, int) else Exit.USAGE
    if options.handler is None:
        parser.print_help(sys.stderr)
        return Exit.USAGE
    module, _, name = options.handler.partition(":")
    try:
        command: Callable[[Options], Exit] = getattr(importlib.import_module(module), name)
        status = command(options)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()
        return Exit.DONE
    except (KeyboardInterrupt, Exception) as error:
        if os.environ.get("FLUE_DEBUG"):
            raise
        status, sentences = _explain(error)
        from flue.cli.views import say  # noqa: PLC0415  # only when there is something to say

        say(*sentences)
        _give_up_unwritten()
    return status


def open_client(options: Options) -> FlueClient:
    """The client that the options describe."""
    from flue import FlueClient  # noqa: PLC0415  # only for commands that ask a server

    return FlueClient(options.base_url, token=options.token, headers=options.headers)


@contextlib.contextmanager
def shown_on(view: View) -> Generator[View]:
    """Have a view show what the library logs; close it in the end."""
    handler = _ToView(view)
    logger = logging.getLogger("flue")
    logger.addHandler(handler)
    try:
        yield view
    finally:
        logger.removeHandler(handler)
        view.close()


class _ToView(logging.Handler):
    """Hands log records to a view."""

    def __init__(self, view: View) -> None:
        super().__init__(logging.WARNING)
        self._view = view

    def emit(self, record: logging.LogRecord) -> None:
        self._view.warning(record)


def _explain(error: BaseException) -> tuple[Exit, list[str]]:
    """The exit status and the sentences for what a command raised."""
    if isinstance(error, KeyboardInterrupt):
        return Exit.INTERRUPTED, list(error.args) or ["interrupted"]
    from flue.errors import FlueError  # noqa: PLC0415  # only when something went wrong

    notes: list[str] = getattr(error, "__notes__", [])
    if isinstance(error, FlueError):
        # Where nothing has been read yet, going on means to begin.
        return Exit.UNREACHABLE, [str(error), *(note for note in notes if not note.endswith("offset '-1'"))]
    if isinstance(error, ValueError):
        return Exit.USAGE, [str(error)]
    if isinstance(error, OSError):
        return Exit.UNREACHABLE, [str(error)]
    mistake = f"a mistake of this program: {type(error).__name__}: {error}"
    return Exit.UNREACHABLE, [mistake, "FLUE_DEBUG=1 in the environment shows where"]


def _replace_closed_outputs() -> None:
    """Let what is written go nowhere where the caller has closed an output (`>&-`): Python has None in its place."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # Never closed, like what it replaces.
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8", closefd=False))


def _give_up_unwritten() -> None:
    """Let what cannot be written go.

    The interpreter's own last flush would fail at it again, with an exit status of its own.
    """
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        _silence_stdout()


def _silence_stdout() -> None:
    """Whoever read our output has gone; let the interpreter's own last flush go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
