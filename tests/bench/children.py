"""The processes of the benchmark: started, asked, and ended for sure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ANSWER_LIMIT = 60.0  # seconds


class BenchError(Exception):
    """A process failed, or was silent for too long."""


def environment() -> dict[str, str]:
    """The caller's, without what would change a measurement: proxies, Flue's settings, missing .pyc files."""
    unwanted = ("FLUE_", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONPROFILE", "NODE_OPTIONS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}


class Child:
    """A process that answers each line of JSON by one, and ends when its standard input does."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def running(self) -> bool:
        """Whether it can still be asked."""
        return self._process.poll() is None

    def ask(self, limit: float = ANSWER_LIMIT, /, **command: Any) -> dict[str, Any]:
        """Send a command and wait for its answer.

        Raises:
            BenchError: the process failed at it, or gave no answer within `limit` seconds.
        """
        try:
            print(json.dumps(command), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise BenchError("the process has ended") from None
        return self.answer(limit)

    def answer(self, limit: float = ANSWER_LIMIT) -> dict[str, Any]:
        """Wait for a line; errors as those of `ask`."""
        timer = threading.Timer(limit, self._process.kill)
        timer.start()
        try:
            line = self._process.stdout.readline() if self._process.stdout else ""
        finally:
            timer.cancel()
        if not line:
            self._process.wait(limit)  # it has ended, or is about to
            raise BenchError(f"no answer within {limit:g} s, or the process has ended")
        answer = json.loads(line)
        if "error" in answer:
            raise BenchError(answer["error"])
        return answer


@contextmanager
def server() -> Iterator[str]:
    """The loopback server; gives its base URL."""
    with Child([sys.executable, "-m", "tests.bench.server"]) as child:
        yield f"http://127.0.0.1:{child.answer()['port']}"


def contestant(name: str, base_url: str, headers: dict[str, str] | None = None) -> Child:
    """A Python contestant, by its name in `worker.READERS`."""
    return Child([sys.executable, "-m", "tests.bench.worker", name, base_url, json.dumps(headers or {})])
