"""From arguments to an exit status: runs a command and turns whatever it raises into a sentence.

The module is not called `main`, since importing it would replace the function `flue.cli.main`.
"""

from __future__ import annotations

import contextlib
import enum
import importlib
import logging
import os
import sys
from typing import TYPE_CHECKING, Protocol, TypeVar

from flue.cli.parser import Options, build_parser

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from flue import FlueClient

__all__ = ["Exit", "Interrupted", "UsageError", "open_client", "run", "shown_on"]


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
    """Ctrl-C, with what there is to say about it.

    Args:
        sentences: for example where reading stopped and how to resume.
    """

    def __init__(self, *sentences: str) -> None:
        super().__init__(*sentences)
        self.sentences = sentences


class _LogView(Protocol):
    def warning(self, record: logging.LogRecord) -> None: ...

    def close(self) -> None: ...


_V = TypeVar("_V", bound=_LogView)


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command; see `flue.cli.main`."""
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
        _discard_stdout()
        return Exit.OK
    except (KeyboardInterrupt, Exception) as error:
        if os.environ.get("FLUE_DEBUG"):
            raise
        status, sentences = _explain(error)
        from flue.cli.output import say  # noqa: PLC0415  # only if there is something to say

        say(*sentences)
        _discard_unwritten()
    return status


def open_client(options: Options) -> FlueClient:
    """The client that the options describe."""
    from flue import FlueClient  # noqa: PLC0415  # only for commands that talk to a server

    return FlueClient(options.base_url, token=options.token, headers=options.headers)


@contextlib.contextmanager
def shown_on(view: _V) -> Generator[_V]:
    """While entered, a view shows what the library logs; it is closed at the end."""
    handler = _ViewHandler(view)
    logger = logging.getLogger("flue")
    logger.addHandler(handler)
    try:
        yield view
    finally:
        logger.removeHandler(handler)
        view.close()


class _ViewHandler(logging.Handler):
    """Passes log records to a view."""

    def __init__(self, view: _LogView) -> None:
        super().__init__(logging.WARNING)
        self._view = view

    def emit(self, record: logging.LogRecord) -> None:
        self._view.warning(record)


def _explain(error: BaseException) -> tuple[Exit, list[str]]:
    """The exit status and the sentences for what a command raised."""
    if isinstance(error, KeyboardInterrupt):
        return Exit.INTERRUPTED, list(error.args) or ["interrupted"]
    from flue.errors import FlueError  # noqa: PLC0415  # only if something went wrong

    notes: list[str] = getattr(error, "__notes__", [])
    if isinstance(error, FlueError):
        # If nothing has been read yet, there is nothing to resume from.
        return Exit.UNREACHABLE, [str(error), *(note for note in notes if not note.endswith("offset '-1'"))]
    if isinstance(error, ValueError):
        return Exit.USAGE, [str(error)]
    if isinstance(error, OSError):
        return Exit.UNREACHABLE, [str(error)]
    bug = f"a bug in this program: {type(error).__name__}: {error}"
    return Exit.UNREACHABLE, [bug, "set FLUE_DEBUG=1 in the environment for the traceback"]


def _replace_closed_outputs() -> None:
    """Discard what is written to an output that the caller has closed (`>&-`), for which Python has None."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # Never closed, like what it replaces.
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8", closefd=False))


def _discard_unwritten() -> None:
    """Discard what cannot be written, since the interpreter's last flush would fail with an exit status of its own."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        _discard_stdout()


def _discard_stdout() -> None:
    """Let the interpreter's last flush go nowhere: the reader of our output has gone."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
