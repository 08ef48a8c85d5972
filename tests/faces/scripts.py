"""Programs of their own that use the library: for what can only be seen when a process ends, forks or is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from .reading import BOUND

if TYPE_CHECKING:
    from flue.testing import FlueTestServer

ROOT = Path(__file__).parents[2]
STRICT = ["-X", "dev", "-W", "error"]
"""Development mode tells of every socket and transport that was forgotten; to be told is to fail."""


class Program:
    """A running script; it finds the server's address in `URL`."""

    def __init__(self, server: FlueTestServer, script: str, *, flags: list[str] = STRICT) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV"))}
        prelude = f"URL = {server.base_url!r}\nRUN = 'run_1'\n"
        self._process = subprocess.Popen(
            [sys.executable, *flags, "-c", prelude + textwrap.dedent(script)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        )

    def interrupt(self) -> None:
        """What Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def finish(self) -> tuple[int, str, str]:
        """Exit status, standard output, standard error; killed when it does not end."""
        try:
            out, err = self._process.communicate(timeout=4 * BOUND)
        except subprocess.TimeoutExpired:
            self._process.kill()
            out, err = self._process.communicate()
            err += "\n(killed)"
        return self._process.returncode, out, err


def output_of(server: FlueTestServer, script: str, *, flags: list[str] = STRICT) -> str:
    """What a script prints that ends well and says nothing on standard error."""
    status, out, err = Program(server, script, flags=flags).finish()
    assert (status, err) == (0, "")
    return out.strip()
