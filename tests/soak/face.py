"""One face, soaked: many scripts at once, in rounds with fresh servers, and a look at what each round leaves behind."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import os
import sys
import threading
import time
from collections import Counter, deque
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import requests

from flue import AsyncFlueClient, FlueClient

from .readers import read, read_async
from .script import make_script
from .site import Play, Site, client_options

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUND = 1000
"""Scripts before the servers, which remember all that they did, are replaced."""
READERS = {"sync": 24, "async": 32}
"""Scripts that are played at the same time."""
HANG = 20.0
"""Seconds that a script may take."""
SETTLE = 5.0
"""Seconds that connections and threads may take to go."""
SHOWN = 10
"""Failures that are kept."""


@dataclass
class Report:
    """What a face did.

    Attributes:
        counts: of all that happened, and of what must not have.
        failures: what went wrong, in words.
        seconds: that it took.
    """

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, play: Play, error: BaseException | None) -> None:
        """A script is over."""
        if error is not None:
            play.ledger.counts["errors"] += 1
            play.notes.append("; ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", [])]))
        with self._lock:
            self.counts["scripts"] += 1
            self.counts.update(play.ledger.counts)
        if play.ledger.wrong:
            said = ", ".join(f"{what} {count}" for what, count in play.ledger.counts.items())
            self.fail("\n".join([f"--script {play.script.number}: {said}", *play.notes, str(play.script)]))

    def merge(self, other: Report) -> None:
        """Another process of the face is over."""
        self.counts.update(other.counts)
        self.failures += other.failures
        self.seconds = max(self.seconds, other.seconds)

    def fail(self, what: str) -> None:
        """Keep what went wrong."""
        if len(self.failures) < SHOWN:
            self.failures.append(what)

    def complain(self, what: str) -> None:
        """Something was said where nobody listens: a warning, an exception in a thread or a finaliser."""
        self.counts["complaints"] += 1
        self.fail(what)

    def as_json(self) -> dict[str, Any]:
        """What `Report(**...)` takes."""
        return {"counts": dict(self.counts), "failures": self.failures, "seconds": self.seconds}


class Watch:
    """Cuts in when a script hangs."""

    def __init__(self) -> None:
        self._playing: dict[int, Play] = {}

    @contextmanager
    def over(self, play: Play) -> Iterator[None]:
        """Watch a script."""
        self._playing[play.script.number] = play
        try:
            yield
        finally:
            del self._playing[play.script.number]

    def look(self) -> None:
        """Cancel what hangs.

        Raises:
            TimeoutError: that did not help.
        """
        now = time.monotonic()
        for play in list(self._playing.values()):
            if now - play.begin > HANG + SETTLE:
                raise TimeoutError(
                    f"a script hangs, and cannot be cancelled\n--script {play.script.number}: {play.script}"
                )
            if now - play.begin > HANG and not play.ledger.counts["hangs"]:
                play.ledger.counts["hangs"] += 1
                play.notes.append(f"hung: {play.stream!r}")
                play.stream.cancel()


def soak(face: str, seed: int, seconds: float, numbers: Iterator[int]) -> Report:
    """Play scripts of these numbers, until there are no more or the time is up."""
    for name in ("flue", "urllib3"):  # every retry would be told, and every connection that a pool has no room for
        logging.getLogger(name).setLevel(logging.CRITICAL)
    report = Report()
    sys.unraisablehook = lambda what: report.complain(
        f"{what.err_msg or 'unraisable'}: {what.exc_value!r} in {what.object!r}"
    )
    threading.excepthook = lambda what: report.complain(f"in thread {what.thread}: {what.exc_value!r}")
    begin = time.monotonic()
    while time.monotonic() - begin < seconds and (some := deque(itertools.islice(numbers, ROUND))):
        with _nothing_left(report), Site(f"{seed}:{some[0]}") as site:
            play = _Round(site, seed, some, begin + seconds, report)
            if face == "async":
                asyncio.run(play.run_async())
            else:
                play.run()
            report.counts["disasters"] += site.disasters.total()
            report.counts["complaints"] += len(site.problems)
            for problem in site.problems:
                report.fail(f"in a test server: {problem}")
    report.seconds = time.monotonic() - begin
    return report


class _Round:
    """Scripts on one site."""

    def __init__(self, site: Site, seed: int, numbers: deque[int], deadline: float, report: Report) -> None:
        self._site = site
        self._seed = seed
        self._numbers = numbers
        self._deadline = deadline
        self._report = report
        self._watch = Watch()

    def run(self) -> None:
        """Play them in threads."""
        with ExitStack() as stack:
            session = stack.enter_context(requests.Session())
            clients = {
                (number, theirs): stack.enter_context(FlueClient(**client_options(server), session=given))
                for number, server in enumerate(self._site.servers)
                for theirs, given in ((False, None), (True, session))
            }
            readers = [
                threading.Thread(target=self._work, args=(clients,), daemon=True) for _ in range(READERS["sync"])
            ]
            for reader in readers:
                reader.start()
            for reader in readers:
                while reader.is_alive():
                    reader.join(1.0)
                    self._watch.look()

    def _work(self, clients: dict[tuple[int, bool], FlueClient]) -> None:
        while (play := self._next()) is not None:
            error = None
            with self._watch.over(play):
                try:
                    read(clients[play.script.server, play.script.theirs], play)
                except Exception as caught:
                    error = caught
            self._report.add(play, error)

    async def run_async(self) -> None:
        """Play them in tasks."""
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self._report.complain(str(context)))
        async with AsyncExitStack() as stack:
            http_client = await stack.enter_async_context(httpx.AsyncClient())
            clients = {
                (number, theirs): await stack.enter_async_context(
                    AsyncFlueClient(**client_options(server), http_client=given)
                )
                for number, server in enumerate(self._site.servers)
                for theirs, given in ((False, None), (True, http_client))
            }
            readers = {asyncio.create_task(self._work_async(clients)) for _ in range(READERS["async"])}
            while readers:
                _, readers = await asyncio.wait(readers, timeout=1.0)
                self._watch.look()
        await self._no_task_left()

    async def _work_async(self, clients: dict[tuple[int, bool], AsyncFlueClient]) -> None:
        while (play := self._next()) is not None:
            error = None
            with self._watch.over(play):
                try:
                    await read_async(clients[play.script.server, play.script.theirs], play)
                except Exception as caught:
                    error = caught
            self._report.add(play, error)

    async def _no_task_left(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            _, left = await asyncio.wait(left, timeout=SETTLE)
        self._report.counts["leaked tasks"] += len(left)
        for task in left:
            self._report.fail(f"a task is left: {task!r}")

    def _next(self) -> Play | None:
        if time.monotonic() >= self._deadline:
            return None
        try:
            number = self._numbers.popleft()
        except IndexError:
            return None
        return self._site.begin(make_script(self._seed, number))


@contextmanager
def _nothing_left(report: Report) -> Iterator[None]:
    """Count the descriptors and threads that are there behind the block and were not before it."""
    gc.collect()
    files, threads = _descriptors(), set(threading.enumerate())
    yield
    gc.collect()
    deadline = time.monotonic() + SETTLE
    while (len(_descriptors()) > len(files) or set(threading.enumerate()) > threads) and time.monotonic() < deadline:
        time.sleep(0.01)
    for what, left in (
        ("leaked descriptors", max(0, len(_descriptors()) - len(files))),
        ("leaked threads", len(set(threading.enumerate()) - threads)),
    ):
        report.counts[what] += left
        if left:
            report.fail(f"{what}: {left}")


def _descriptors() -> list[str]:
    return os.listdir("/proc/self/fd")
