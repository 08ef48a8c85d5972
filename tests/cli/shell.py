"""A shell that a person types into, in a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time

from .terminal import PATIENCE, ROOT, OnTerminal

READY = "READY> "
COMMANDS = {
    "bash": ["--norc", "--noprofile", "-i"],
    "zsh": ["-f", "-i"],
    "tcsh": ["-f"],
}


class Shell(OnTerminal):
    """An interactive shell in which `flue-py` is completed, and tells its words in place of working.

    Args:
        name: `bash` or `zsh`.
        binary: of the shell.
        home: a directory to be in.
        before: lines to type before that is set up.
    """

    def __init__(self, name, binary, home, before=()):
        self._read = ""
        self._master, slave = pty.openpty()
        environment = {"HOME": str(home), "PATH": os.environ["PATH"], "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        self._process = subprocess.Popen(
            [binary, *COMMANDS[name]],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=home,
            env=environment | {"PS1": READY, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
        os.close(slave)
        self._until(READY)
        source = f'eval "$({sys.executable} -m flue completion {name})"'
        # Quoted, so that the echo of this line is not taken for what it does.
        tell = """flue-py() { printf '<''%s''>' "$@"; printf '<''>\\n'; }"""
        for line in (*before, source, tell):
            said = self._run(f"{line} && printf '%s\\n' O''K", "OK")
            assert "not found" not in said, said

    def words(self, typed):
        """The words that `flue-py` is called with when this is typed, tabs and all, and then the return key."""
        said = self._run(f"flue-py {typed}", "<>")
        return re.findall(r"<([^<>]+)>", said)

    def _run(self, line, mark):
        """Type a line; what is on the terminal when it has written a mark and the shell is ready again."""
        self._read = ""
        os.write(self._master, f"{line}\r".encode())
        return self._until(f"{mark}[^\0]*{READY}")

    def _until(self, pattern):
        deadline = time.monotonic() + PATIENCE
        while re.search(pattern, self._read) is None:
            ready, _, _ = select.select([self._master], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"the shell is not ready: {self._read!r}"
            self._read += os.read(self._master, 65536).decode(errors="replace")
        return self._read
