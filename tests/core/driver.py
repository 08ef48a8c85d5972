"""Plays a machine against a server made of values, on a clock that only sleeps move.

A scenario is data: the answers that the server gives in turn, or a function from request to answer. `play()` performs
what the machine asks for, as the faces do, and returns what happened. At every step it holds the machine to its first
invariant: the checkpoint is never beyond what was handed over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from flue.core.actions import Deliver, Done, Fail, LiveModeChanged, Open, Read, Request, Retry, Sleep
from flue.core.protocol import StreamProtocol
from flue.core.retry import BackoffOptions, Budget
from flue.errors import FlueConnectionError

from .script import READ_TIMEOUT, URL, Response, count_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flue.core.retry import FailedAttempt
    from flue.errors import FlueError


def follow(
    live: str | None = "long-poll",
    *,
    offset: str = "-1",
    tail: int | None = None,
    limit: int | None = None,
    options: BackoffOptions | None = None,
    refreshable: bool = False,
) -> StreamProtocol:
    budget = Budget(options, endless=live is not None, refreshable=refreshable)
    return StreamProtocol(URL, budget, offset=offset, tail=tail, live=live, limit=limit)


Server = Callable[[Request, float], Response | FlueConnectionError]


@dataclass(frozen=True)
class Pause:
    """A wait in seconds, and the failed attempt behind it, if there is one."""

    delay: float
    attempt: FailedAttempt | None


@dataclass
class Played:
    """What happened. `end` is `Done`, `Fail`, or None where the play stopped while the machine would have gone on."""

    items: list[Any] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    live_modes: list[str | None] = field(default_factory=list)  # that it changed to
    offsets: list[str] = field(default_factory=list)  # each new checkpoint
    end: Done | Fail | None = None
    now: float = 0.0

    @property
    def queries(self) -> list[dict[str, str]]:
        return [dict(parse_qsl(urlsplit(request.url).query)) for request in self.requests]

    @property
    def modes(self) -> list[str]:
        """How each request asked: `plain`, `long-poll` or `sse`."""
        return [query.get("live", "plain") for query in self.queries]

    @property
    def asked_from(self) -> list[str]:
        return [query["offset"] for query in self.queries]

    @property
    def error(self) -> FlueError:
        assert isinstance(self.end, Fail), f"ended with {self.end}"
        return self.end.error

    @property
    def code(self) -> str:
        """Of the `DurableStreamError` it failed with."""
        return self.error.code

    @property
    def done(self) -> bool:
        return isinstance(self.end, Done)

    @property
    def delays(self) -> list[float]:
        return [pause.delay for pause in self.pauses]

    def requests_before(self, seconds: float) -> int:
        return sum(moment < seconds for moment in self.opened)


MOST_ACTIONS = 100_000
_NEVER = object()


class Torn(Exception):
    """The caller is torn out of an action, as by a KeyboardInterrupt."""


class Player:
    """Performs the actions of one machine.

    A play can be stopped and gone on with: what happened is collected in `played`.
    """

    def __init__(
        self,
        machine: Any,
        server: Server | Sequence[Response | FlueConnectionError],
        *,
        terminal: Any = _NEVER,
        tear_at: int | None = None,
        count: Callable[[str], int] = count_at,
        start: int | None = None,
    ) -> None:
        self.machine = machine
        self.played = Played()
        self._serve = server if callable(server) else _in_turn(server)
        self._terminal = terminal
        self._tear_at = tear_at
        self._actions = 0
        self._count = count
        self._checkpoint = getattr(machine, "offset", None)
        self._start = count(self._checkpoint) if start is None and self._checkpoint else start or 0
        self._body: Iterator[bytes | FlueConnectionError | float] | None = None  # of the open answer

    def run(self, *, until: float = 1e9, items: int | None = None) -> Played:
        """Go on to the end, to the end of the script, to a time, or until so many items are here.

        Invariant 7 is what makes this a loop without a way to hang: every action ends, and the machine is told how.
        """
        played, machine = self.played, self.machine
        for _ in range(MOST_ACTIONS):
            if items is not None and len(played.items) >= items:
                return played
            action = machine.next_action(played.now)
            self._look()
            if isinstance(action, Done | Fail):
                played.end = action
                return played
            try:
                if not self._perform(action, until):
                    return played
            except Torn:
                self._body = None
                machine.connection_interrupted()
            self._look()
        raise AssertionError(f"still going on after {MOST_ACTIONS} actions")

    def _perform(self, action: Any, until: float) -> bool:
        played = self.played
        if isinstance(action, Deliver):
            self._deliver()
            return True
        if isinstance(action, LiveModeChanged):
            played.live_modes.append(action.mode)
            return True
        self._actions += 1
        if self._actions == self._tear_at:
            raise Torn
        if isinstance(action, Open):
            if played.now >= until:
                return False
            try:
                answer = self._serve(action.request, played.now)
            except StopIteration:
                return False
            self._open(action, answer)
        elif isinstance(action, Read):
            self._read()
        else:
            assert isinstance(action, Retry | Sleep)
            delay = action.attempt.delay if isinstance(action, Retry) else action.delay
            assert 0.0 < delay <= 3600.0 or isinstance(action, Retry)
            self._body = None
            played.pauses.append(Pause(delay, action.attempt if isinstance(action, Retry) else None))
            played.now += delay
        return True

    def _open(self, action: Open, answer: Response | FlueConnectionError) -> None:
        played = self.played
        played.requests.append(action.request)
        played.opened.append(played.now)
        if isinstance(answer, FlueConnectionError):
            self._fault(answer)
            return
        played.now += answer.after
        self._body = iter(answer.body)
        self.machine.response_started(answer.head(), played.now)

    def _read(self) -> None:
        played = self.played
        assert self._body is not None, "nothing is open that could be read"
        for step in self._body:
            if isinstance(step, float):
                played.now += step
                continue
            if isinstance(step, FlueConnectionError):
                self._fault(step)
            else:
                self.machine.data_received(step, played.now)
            return
        self._body = None
        self.machine.response_ended(played.now)

    def _fault(self, fault: FlueConnectionError) -> None:
        self._body = None
        if fault.is_read_timeout:
            self.played.now += READ_TIMEOUT
        self.machine.connection_failed(fault, self.played.now)

    def _deliver(self) -> None:
        machine, before = self.machine, self.machine.offset
        batch = machine.next_batch()
        assert batch.items
        assert machine.next_batch() is batch  # what was not handed over is still to be handed over
        terminal = False
        for item in batch.items:
            assert machine.offset == before
            value = item if isinstance(item, dict | list | str | int | float | None) else json.loads(bytes(item))
            self.played.items.append(value)
            terminal = terminal or (self._terminal(value) if callable(self._terminal) else value == self._terminal)
        machine.handed_over(terminal=terminal)

    def _look(self) -> None:
        """Invariant 1, after every single step."""
        offset = getattr(self.machine, "offset", None)
        if offset != self._checkpoint:
            self._checkpoint = offset
            self.played.offsets.append(offset)
            assert self._count(offset) <= self._start + len(self.played.items), (
                "the checkpoint is beyond what was handed over"
            )


def _in_turn(answers: Sequence[Response | FlueConnectionError]) -> Server:
    script = iter(answers)
    return lambda request, now: next(script)


def play(
    machine: Any, server: Server | Sequence[Response | FlueConnectionError], *, until: float = 1e9, **options: Any
) -> Played:
    """Play a machine to its end, to the end of the script, or to a time on its clock (seconds)."""
    return Player(machine, server, **options).run(until=until)
