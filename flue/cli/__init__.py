"""The command line: `python -m flue`, installed as `flue-py`.

Importing this package loads nothing of the rest of the library; each command loads what it needs when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments without the program's name; default: those of the process.

    Returns:
        The exit status: 0 success, 1 a run that was followed or waited for failed, 2 usage, 3 the server could not be
        reached or read, 130 interrupted.
    """
    from flue.cli._main import run  # noqa: PLC0415  # importing flue.cli stays cheap

    return run(argv)
