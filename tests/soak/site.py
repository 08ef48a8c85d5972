"""The servers of a soak, the scripts that are played on them, and the weather over them."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from flue import BackoffOptions, Timeouts
from flue.testing import FlueTestServer

from .author import Author
from .faulty import READ_TIMEOUT
from .ledger import Ledger, message_of
from .script import PAGE_LIMITS, Finish, Write

if TYPE_CHECKING:
    from flue.testing import Fault, RecordedRequest

    from .script import Script

CALM = (0.02, 0.06)
"""Seconds between two disasters, at least and at most."""
EAGER = BackoffOptions(initial_delay=0.002, max_delay=0.01)


def client_options(server: FlueTestServer) -> dict[str, Any]:
    """Arguments of a client. Its headers are made for each attempt, so that a 401 is asked again."""
    return {
        "base_url": server.base_url,
        "timeout": Timeouts(connect=2.0, read=READ_TIMEOUT),
        "headers": lambda: {"x-soak": "1"},
        "backoff_options": EAGER,
    }


class Play:
    """One script as it is played: its run on a server, and what its reader saw.

    Attributes:
        script: that is played.
        ledger: of its reader.
        stream: that is read now.
        begin: when it began.
        notes: what else happened.
    """

    def __init__(self, script: Script, server: FlueTestServer, author: Author) -> None:
        self.script = script
        self.ledger = Ledger(script.run_id, script.total, PAGE_LIMITS[script.server])
        self.stream: Any = None
        self.begin = time.monotonic()
        self.notes: list[str] = []
        self._server = server
        self._author = author
        self._requests = 0
        self._due = 0.0
        self._written = 0
        server.create_run(run_id=script.run_id)

    def write(self, step: Write | Finish) -> None:
        """Have events added, or the stream ended, behind what was asked for before."""
        if not step.delay:
            self._perform(step, self._written)
        else:
            self._due = max(self._due, time.monotonic() + step.delay)
            self._author.at(self._due, lambda begin=self._written: self._perform(step, begin))
        if isinstance(step, Write):
            self._written += step.count

    def cancel_in(self, seconds: float) -> None:
        """Have the stream cancelled from the author's thread."""
        self._author.at(time.monotonic() + seconds, self.stream.cancel)

    def _perform(self, step: Write | Finish, begin: int) -> None:
        run_id, server = self.script.run_id, self._server
        if isinstance(step, Write):
            texts = [message_of(run_id, index) for index in range(begin, begin + step.count)]
            events = [{"type": "log", "level": "info", "message": text} for text in texts]
            server.append(run_id, *events, notify=step.notify)
            return
        if step.how != "close":
            run_end = {"type": "run_end", "isError": False, "result": None, "durationMs": 1}
            server.append(run_id, run_end, notify=step.notify)
        if step.how != "open":
            server.close_run(run_id, notify=step.notify)

    def next_fault(self, request: RecordedRequest) -> Fault | None:
        """What happens to the next answer."""
        planned = self.script.faults.get(self._requests)
        self._requests += 1
        self.ledger.counts["requests"] += 1
        if planned is None:
            return None
        self.ledger.counts["faults"] += 1
        return planned.fault_for(request)


class Site:
    """Servers that fail every few dozen milliseconds, each with pages of another size.

    Attributes:
        servers: in the order of `PAGE_LIMITS`.
        disasters: how many of each kind befell them.
    """

    def __init__(self, seed: str) -> None:
        self.servers = [
            FlueTestServer(page_limit=limit, poll_hold=1.1, heartbeat=READ_TIMEOUT / 4, keep_alive=0.5)
            for limit in PAGE_LIMITS
        ]
        self.disasters: Counter[str] = Counter()
        self._rng = random.Random(f"weather {seed}")
        self._author = Author()
        self._plays: dict[str, Play] = {}
        self._over = threading.Event()
        self._weather = threading.Thread(target=self._rage, name="weather", daemon=True)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for server in self.servers:
            self._stack.enter_context(server)
            server.faults.add(self._choose, times=None)
        self._stack.enter_context(self._author)
        self._weather.start()
        self._stack.callback(self._weather.join)
        self._stack.callback(self._over.set)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def begin(self, script: Script) -> Play:
        """Make the run of a script."""
        play = Play(script, self.servers[script.server], self._author)
        self._plays[script.run_id] = play
        return play

    @property
    def problems(self) -> list[str]:
        """What went wrong on this side: in a good soak, nothing."""
        return [*self._author.problems, *(problem for server in self.servers for problem in server.problems)]

    def _choose(self, request: RecordedRequest) -> Fault | None:
        return self._plays[request.path.rpartition("/")[2]].next_fault(request)

    def _rage(self) -> None:
        while not self._over.wait(self._rng.uniform(*CALM)):
            server = self._rng.choice(self.servers)
            kind = self._rng.choices(["drop", "refuse", "restart"], [6, 2, 2])[0]
            self.disasters[kind] += 1
            if kind == "drop":
                server.drop_connections()
            elif kind == "restart":
                server.restart()
            else:
                server.pause_listening()
                self._over.wait(self._rng.uniform(0.001, 0.02))
                server.resume_listening()
