"""`python -m tests.soak`: random fault scripts on both faces; exit status 1 when anything is wrong.

A script is one stream or one conversation that is read from its first event to its last, while its responses are
spoilt, its readers cancelled, and its server restarted. What must not happen: an event lost, repeated, out of order or altered, a
state that is not what the history says, an error, a hang, a descriptor, thread or task left behind, a warning.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import itertools
import logging
import random
import sys
import threading
import time
import warnings
from collections import Counter
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import requests

from flue import BackoffOptions, Timeouts
from flue.testing import FlueTestServer
from tests.faces.harness import Face
from tests.faces.reading import nothing_left

from .play import HANG, WRONGS, Play, RunPlay
from .script import PAGE_LIMITS, READ_TIMEOUT, make_run_script, make_talk_script
from .talk import AGENT, TalkPlay, soak_agent

if TYPE_CHECKING:
    from collections.abc import Iterator

FACES = ("sync", "async")
KINDS: dict[str, tuple[int, Any, Any]] = {
    "runs": (1, make_run_script, RunPlay),
    "conversations": (2, make_talk_script, TalkPlay),
}
"""What is read: the version of Flue, how a script is made, and how it is played. Numbers of scripts take turns."""
READERS = 12
"""Scripts that each face plays at the same time."""
ROUND = 1000
"""Scripts of a face before the servers, which remember all that they did, are replaced."""
CALM = (0.02, 0.06)
"""Seconds between two disasters, at least and at most."""
SETTLE = 5.0
"""Seconds that connections and threads may take to go."""
DONE = ("scripts", "events", "requests", "faults")
MUST_NOT_BE = (*WRONGS, "leaks", "complaints")
CLIENT: dict[str, Any] = {
    "timeout": Timeouts(connect=2.0, read=READ_TIMEOUT),
    "headers": lambda: {"x-soak": "1"},  # made for each attempt, so that a 401 is retried
    "backoff_options": BackoffOptions(initial_delay=0.002, max_delay=0.01),
}


class Report:
    """What the faces did, and what went wrong."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {face: Counter() for face in FACES}
        self.failures: list[str] = []
        self._lock = threading.Lock()

    def add(self, face: str, play: Play) -> None:
        """A script is over."""
        with self._lock:
            self.counts[face].update({"scripts": 1, **play.ledger.counts})
            if play.ledger.wrong:
                script = play.script
                what = "conversations" if isinstance(play, TalkPlay) else "runs"
                known = f"--what {what} --face {face} --script {script.number}"
                self.failures.append("\n".join([known, *play.notes, str(script)]))

    def complain(self, what: str, kind: str = "complaints", count: int = 1) -> None:
        """Something was left, or said where nobody listens: a warning, an exception in a thread or a finaliser."""
        with self._lock:
            self.counts[FACES[0]][kind] += count
            self.failures.append(what)

    @property
    def wrong(self) -> bool:
        """Whether anything is."""
        return bool(self.failures) or any(counts[what] for counts in self.counts.values() for what in MUST_NOT_BE)

    def __str__(self) -> str:
        rows = [["", *self.counts], *([what, *(f"{c[what]:,}" for c in self.counts.values())] for what in DONE)]
        rows += [[what, *(f"{c[what]:,}" for c in self.counts.values())] for what in MUST_NOT_BE]
        return "\n".join(row[0].ljust(12) + "".join(cell.rjust(12) for cell in row[1:]) for row in rows)


class Round:
    """Servers that fail every few dozen milliseconds, each with pages of another size, and the readers of both faces."""

    def __init__(self, report: Report, seed: int, deadline: float, what: list[str]) -> None:
        self._report = report
        self._what = what
        self._seed = seed
        self._deadline = deadline
        self._over = threading.Event()
        self._plays: dict[str, Play] = {}

    def run(self, numbers: dict[str, Iterator[int]]) -> None:
        """Play scripts of these numbers, until there are no more or the time is up."""
        options: dict[str, Any] = {"poll_hold": 1.1, "heartbeat": READ_TIMEOUT / 4, "keep_alive": 0.5}
        with ExitStack() as stack:
            servers: dict[str, list[FlueTestServer]] = {what: [] for what in self._what}
            for what, limit in itertools.product(self._what, PAGE_LIMITS):
                server = FlueTestServer(page_limit=limit, flue_version=KINDS[what][0], **options)
                server.faults.add(self._choose, times=None)
                if what == "conversations":
                    server.add_agent(AGENT, soak_agent)
                servers[what].append(stack.enter_context(server))
            weather = threading.Thread(target=self._rage, args=(list(servers.values()),), name="weather")
            readers = [
                threading.Thread(target=self._read, args=(face, servers, some), name=f"{face} reader", daemon=True)
                for face, some in numbers.items()
                for _ in range(READERS)
            ]
            for thread in (weather, *readers):
                thread.start()
            for reader in readers:
                reader.join()
            self._over.set()
            weather.join()
            for server in itertools.chain.from_iterable(servers.values()):
                for problem in server.problems:
                    self._report.complain(f"in a test server: {problem}")

    def _choose(self, request: Any) -> Any:
        return self._plays[request.path.rpartition("/")[2]].next_fault(request)

    def _rage(self, servers: list[list[FlueTestServer]]) -> None:
        rng = random.Random(f"weather {self._seed}")
        while not self._over.wait(rng.uniform(*CALM)):
            some = rng.choice(servers)
            server = rng.choice(some)
            kind = rng.choices(["drop", "refuse", "restart"], [6, 2, 2])[0]
            if kind == "drop" or server is some[-1]:
                server.drop_connections()
            elif kind == "restart":
                server.restart()
            else:
                server.pause_listening()
                self._over.wait(rng.uniform(0.001, 0.02))
                server.resume_listening()

    def _read(self, name: str, servers: dict[str, list[FlueTestServer]], numbers: Iterator[int]) -> None:
        with ExitStack() as stack:
            readers = {
                what: [stack.enter_context(self._reader(server, is_async=name == "async")) for server in some]
                for what, some in servers.items()
            }
            while time.monotonic() < self._deadline and (number := next(numbers, None)) is not None:
                what = self._what[number % len(self._what)]
                _, make, play_of = KINDS[what]
                script = make(self._seed, number)
                face, clients = readers[what][script.server]
                play = play_of(script, face, clients[script.shared])
                self._plays[play.id] = play
                play.run()
                self._report.add(name, play)

    @contextmanager
    def _reader(self, server: FlueTestServer, *, is_async: bool) -> Iterator[tuple[Face, tuple[Any, Any]]]:
        """A face, and two clients of it: one of its own, and one with a session of its caller."""
        face = Face(is_async=is_async, server=server, **CLIENT)
        own: Any = httpx.AsyncClient() if is_async else requests.Session()
        yield face, (face.client, face.new_client(**{"http_client" if is_async else "session": own}))
        face.wait(own.aclose if is_async else own.close)
        self._look_for_tasks(face)
        face.close()

    def _look_for_tasks(self, face: Face) -> None:
        deadline = time.monotonic() + SETTLE
        while face._loop is not None and (left := asyncio.all_tasks(face._loop)):
            if time.monotonic() > deadline:
                self._report.complain(f"tasks are left: {left}", "leaks", len(left))
                return
            face.idle(0.01)


def main() -> int:
    """Soak, print, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=120.0, help="how long new scripts are begun")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(1_000_000), help="of the scripts; random unless given"
    )
    parser.add_argument("--script", type=int, metavar="N", help="only this script of the seed")
    parser.add_argument("--what", choices=KINDS, help="only streams of runs, or only conversations")
    parser.add_argument("--face", choices=FACES, help="only this face")
    given = parser.parse_args()
    faulthandler.dump_traceback_later(given.seconds + 2 * (HANG + SETTLE), exit=True)
    warnings.simplefilter("error")
    for name in ("flue", "urllib3"):  # every retry would be told, and every connection that a pool has no room for
        logging.getLogger(name).setLevel(logging.CRITICAL)
    report = Report()
    sys.unraisablehook = lambda what: report.complain(f"unraisable: {what.exc_value!r} in {what.object!r}")
    threading.excepthook = lambda what: report.complain(f"in thread {what.thread}: {what.exc_value!r}")
    deadline = time.monotonic() + given.seconds
    faces = [given.face] if given.face else list(FACES)
    what = [given.what] if given.what else list(KINDS)
    first = 0
    while time.monotonic() < deadline:
        some = range(first, first + ROUND) if given.script is None else [given.script]
        try:
            with nothing_left():
                Round(report, given.seed, deadline, what).run({face: iter(some) for face in faces})
        except AssertionError as error:
            report.complain(f"left behind: {error}", "leaks")
        if given.script is not None:
            print(KINDS[what[given.script % len(what)]][1](given.seed, given.script))
            break
        first += ROUND
    print(f"seed {given.seed}\n{report}")
    for failure in report.failures[:10]:
        print(f"\n--seed {given.seed} {failure}")
    return int(report.wrong)


if __name__ == "__main__":
    sys.exit(main())
