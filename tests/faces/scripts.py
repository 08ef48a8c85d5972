"""Programs of their own that use the library: for what can only be seen when a process ends, forks or is interrupted."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from .reading import BOUND, eventually, sleeping

if TYPE_CHECKING:
    from flue.testing import FlueTestServer

ROOT = Path(__file__).parents[2]
# From Python 3.12 on, a fork of a process with threads is warned of, which is what the tests of forks are about.
STRICT = ["-W", "default", "-W", "ignore:This process:DeprecationWarning"]
"""Every warning is shown: of each socket and transport that was forgotten. (`-X dev` would also time the loop.)"""


class Program:
    """A running script; it finds the server's address in `URL`."""

    def __init__(self, server: FlueTestServer, script: str, *, flags: list[str] = STRICT) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV"))}
        prelude = f"URL = {server.base_url!r}\nRUN = 'run_1'\n"
        self._process = subprocess.Popen(
            [sys.executable, "-u", *flags, "-c", prelude + textwrap.dedent(script)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
            start_new_session=True,
        )
        self._watchdog = threading.Timer(4 * BOUND, self._kill)
        self._watchdog.start()

    def _kill(self) -> None:
        """End it and the children that it has forked, which hold its output open."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def line(self) -> str:
        """The next line that it prints."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def interrupt(self) -> None:
        """Do what Ctrl-C does, once it waits.

        A signal that comes right before a blocking call is handled only when that call returns.
        """
        eventually(lambda: sleeping(self._process.pid), "the program waits")
        self._process.send_signal(signal.SIGINT)

    def finish(self) -> tuple[int, str, str]:
        """Exit status, standard output, standard error; a program that does not end has been killed."""
        with self._process:
            assert self._process.stdout is not None
            assert self._process.stderr is not None
            # Not communicate(): it would pass over what line() has buffered. The programs of these tests say little.
            out, err = self._process.stdout.read(), self._process.stderr.read()
        self._watchdog.cancel()
        self._watchdog.join()
        return self._process.returncode, out, err


def output_of(server: FlueTestServer, script: str, *, flags: list[str] = STRICT) -> str:
    """What a script prints that ends well and says nothing on standard error."""
    status, out, err = Program(server, script, flags=flags).finish()
    assert (status, err) == (0, "")
    return out.strip()


FORKED_CHILD = """
    import os, sys
    def child(work):
        '''Run it in a forked child; say how that ended.'''
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                work()
                sys.stdout.flush()
                status = 0
            finally:
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""
#: In a program of its own: a test process has threads, and a fork of such a one is nobody's business.
