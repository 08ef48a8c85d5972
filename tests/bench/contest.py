"""Contestants side by side: processes of their own, asked in turn, round after round, so that noise falls on all alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Self

from tests.live.harness import BETA_9, FLUE_2, HarnessError, application, node

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[2]
PYTHON = [sys.executable, "-m"]
LIMIT = 90.0  # seconds for one answer
SDK = "@flue/sdk (Node)"
SDK_2 = "@flue/sdk 2 (Node)"
SDKS = {SDK: BETA_9, SDK_2: FLUE_2}
"""Which Flue each is of: version 1 reads runs, version 2 conversations."""
FLUE = ("flue sync", "flue async")
BARE = ("requests + orjson", "httpx + orjson")
DURABLE = ("durable-streams sync", "durable-streams async")

Answers = dict[str, list[dict[str, Any]]]


class BenchError(Exception):
    """A process failed, or was silent for too long."""


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Attributes:
        events: Of a run; a tenth of it where each event or page costs a request or a frame of its own.
        million: Events of the long run.
        streams: That are idle at the same time.
        big: Bytes of the big event.
        imports: Processes for each import statement.
        rounds: Of each measurement, at least and at most.
        patience: Seconds after which no round begins.
    """

    events: int = 40_000
    million: int = 1_000_000
    streams: int = 1_000
    big: int = 64 << 20
    imports: int = 15
    rounds: tuple[int, int] = (3, 7)
    patience: float = 5.0


QUICK = Scale(4_000, 60_000, 100, 4 << 20, 3, (1, 2), 0.5)


def environment() -> dict[str, str]:
    """The caller's, without what would change a measurement: proxies, Flue's settings, missing .pyc files."""
    unwanted = ("FLUE_", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONPROFILE", "NODE_OPTIONS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}


class Child:
    """A process that answers each line of JSON by one, and ends when its standard input does."""

    def __init__(self, command: list[str]) -> None:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment(), **pipes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; `BenchError` when the process failed at it, or is silent."""
        try:
            print(json.dumps(command), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise BenchError("the process has ended") from None
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """Wait for a line; errors as those of `ask`."""
        timer = threading.Timer(LIMIT, self._process.kill)
        timer.start()
        line = self._process.stdout.readline() if self._process.stdout else ""
        timer.cancel()
        if not line:
            raise BenchError(f"no answer within {LIMIT:g} s, or the process has ended")
        answer = json.loads(line)
        if "error" in answer:
            raise BenchError(answer["error"])
        return answer


@contextmanager
def server() -> Iterator[str]:
    """The loopback server; its base URL."""
    with Child([*PYTHON, "tests.bench.server"]) as child:
        yield f"http://127.0.0.1:{child.answer()['port']}"


@dataclass
class Contest:
    """Running contestants.

    Attributes:
        notes: Who was left out of what.
    """

    scale: Scale
    children: dict[str, Child]
    notes: list[str] = field(default_factory=list)

    def rounds(self, events: int, *, warm_up: str | None = "check", **command: Any) -> Answers:
        """All in turn, several times; who fails, or miscounts, is left out, unless it is ours."""
        answers: Answers = {name: [] for name in self.children}
        if warm_up:
            answers = {name: [] for name in answers if self._ask(name, events, **{**command, "do": warm_up})}
        begin = time.monotonic()
        least, most = self.scale.rounds
        for number in range(most):
            if number >= least and time.monotonic() - begin > self.scale.patience:
                break
            for name in list(answers):
                if (answer := self._ask(name, events, **command)) is None:
                    del answers[name]
                else:
                    answers[name].append(answer)
        return answers

    def speed(self, events: int, **command: Any) -> dict[str, float]:
        """Events per second of all who were not left out."""
        return {name: events / seconds for name, seconds in middle(self.rounds(events, **command), "wall").items()}

    def _ask(self, name: str, events: int, **command: Any) -> dict[str, Any] | None:
        try:
            answer = self.children[name].ask(**command)
            if answer["events"] != events:
                raise BenchError(f"{answer['events']} events instead of {events}")
        except BenchError as error:
            if name in FLUE:
                raise BenchError(f"{name}, {command}: {error}") from error
            self.notes.append(f"{name} is left out of `{command['run']}`: {error}.")
            return None
        return answer


@contextmanager
def contest(
    scale: Scale, names: Sequence[str], base_url: str, headers: dict[str, str] | None = None
) -> Iterator[Contest]:
    """Start these contestants."""
    with ExitStack() as running:
        children = {}
        for name in names:
            command = [*PYTHON, "tests.bench.worker", name]
            if name in SDKS:
                try:
                    folder = application(SDKS[name]).parent  # the packages of the live tests
                except (HarnessError, OSError):  # there is no npm
                    continue
                worker = Path(__file__).with_name("worker.mjs")
                command = [str(node(folder)), "--no-warnings", str(worker), str(folder)]
            children[name] = running.enter_context(Child([*command, base_url, json.dumps(headers or {})]))
        yield Contest(scale, children)


def middle(answers: Answers, key: str) -> dict[str, float]:
    """The median of a value, of each contestant that has any."""
    return {name: median(answer[key] for answer in given) for name, given in answers.items() if given}
