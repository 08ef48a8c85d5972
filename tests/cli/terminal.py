"""A terminal to run programs in: a pseudo-terminal, and what its screen looks like in the end."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
"""With the environment of the tests activated."""

_TOKEN = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


class Screen:
    """Renders text, CR, LF, cursor up and erase line; drops colours. Lines never scroll out."""

    def __init__(self):
        self.lines = [""]
        self.row = self.column = 0

    def feed(self, text):
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            assert match, f"unexpected control sequence {text[position : position + 10]!r}"
            position = match.end()
            argument, command, control, printed = match.groups()
            if printed:
                self._print(printed)
            elif control == "\r":
                self.column = 0
            elif control == "\n":
                self.row += 1
                if self.row == len(self.lines):
                    self.lines.append("")
            elif command == "A":
                self.row -= int(argument or 1)
            elif command == "K":
                assert argument == "2"
                self.lines[self.row] = ""
            else:
                assert command == "m" or argument == "?25", f"unexpected control sequence {match.group()!r}"

    def _print(self, text):
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[: self.column] + text + line[self.column + len(text) :]
        self.column += len(text)

    @property
    def text(self):
        return "\n".join(line.rstrip() for line in self.lines).rstrip("\n") + "\n"


class Output(io.TextIOWrapper):
    """A text file in memory, which may claim to be a terminal."""

    def __init__(self, *, terminal=False, encoding="utf-8"):
        super().__init__(io.BytesIO(), encoding=encoding, newline="")
        self._terminal = terminal

    def isatty(self):
        return self._terminal

    @property
    def text(self):
        """All that was written."""
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)

    @property
    def screen(self):
        """What it looks like on a terminal."""
        screen = Screen()
        screen.feed(self.text.replace("\n", "\r\n"))  # as a terminal does
        return screen.text


class Terminal:
    """A program that runs in a pseudo-terminal; use it as a context manager.

    Args:
        arguments: Of the program, which is `python -m flue`.
        columns: Of the terminal.
        environment: On top of our own.
    """

    program = (sys.executable, "-m", "flue")

    def __init__(self, *arguments, columns=80, **environment):
        self._data = b""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        inherited = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR"}}
        self._process = subprocess.Popen(
            [*self.program, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env=inherited | {"TERM": "xterm", "PYTHONUTF8": "1", "PATH": PATH} | environment,
            start_new_session=True,
        )
        os.close(slave)

    @property
    def raw(self):
        """All that was written."""
        return self._data.decode(errors="ignore")  # the last character may be incomplete

    @property
    def screen(self):
        """What it looks like."""
        screen = Screen()
        screen.feed(self.raw)
        return screen

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(PATIENCE)
        with contextlib.suppress(OSError):
            os.close(self._master)

    def read_until(self, text, after=""):
        """Read until this was written, behind something else."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.raw.partition(after)[2] if after else text not in self.raw:
            assert self._read(deadline), f"{text!r} never came:\n{self.raw[-2000:]}"

    def interrupt(self):
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def type(self, text):
        """Type this; `\\n` is the return key, `\\x04` Ctrl-D, `\\udc80` and so on single bytes."""
        os.write(self._master, text.encode(errors="surrogateescape"))

    def wait(self):
        """Read to the end. Returns the exit status."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        return self._process.wait(max(deadline - time.monotonic(), 0.1))

    def _read(self, deadline):
        ready, _, _ = select.select([self._master], [], [], max(deadline - time.monotonic(), 0))
        if not ready:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # nobody has the other end open any more
            return False
        self._data += data
        return bool(data)
