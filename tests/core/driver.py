"""Plays a machine against a server made of values, on a clock that only sleeps move.

A scenario is data: the answers that the server gives in turn, or a function from request to answer. `play()` performs what the machine asks for,
as the faces do, and returns what happened. At every step it holds the machine to its first invariant: the checkpoint is never beyond what was
handed over.

Offsets are Flue's: `at(n)` is the offset behind n items.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flue.core import wire
from flue.core.actions import Deliver, Done, Fail, Fault, Head, Open, Read, Request, Sleep
from flue.core.follow import Follow
from flue.core.retry import BackoffOptions, Budget
from flue.errors import FlueConnectionError, FlueError

RECORDINGS = Path(__file__).parents[1] / "recordings"
URL = "https://flue.test/api/runs/run_1"
WALL = 1_800_000_000.0
READ_TIMEOUT = 90.0
"""Seconds that pass before a transport calls it silence."""

RESET = Fault(FlueConnectionError("the connection was reset"))
REFUSED = Fault(FlueConnectionError("the connection was refused"))
SILENCE = Fault(FlueConnectionError("nothing was heard for 90 s"), silent=True)
UNTRUSTED = Fault(FlueConnectionError("certificate verify failed"), retry=False)


def recorded_answers(name: str) -> list[bytes]:
    """The bodies of a recording's answers, in the order of the wire."""
    answers = (RECORDINGS / name).read_bytes().split(b"HTTP/1.1 ")[1:]
    return [answer.partition(b"\r\n\r\n")[2] for answer in answers]


def at(count: int) -> str:
    """The offset behind `count` items, as Flue writes it."""
    return "-1" if count == 0 else f"{0:016d}_{count - 1:016d}"


def count_at(offset: str) -> int:
    return 0 if offset in {"-1", "now"} else int(offset.partition("_")[2]) + 1


@dataclass(frozen=True)
class Answer:
    """One answer of the server.

    `body` is what the machine is told, step by step: bytes, a `Fault`, or a number of seconds that pass. A body without a fault ends cleanly.
    A silence lasts `READ_TIMEOUT`.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: tuple[bytes | Fault | float, ...] = ()
    after: float = 0.0  # seconds until the head is there

    def head(self) -> Head:
        headers = wire.WireHeaders(self.headers)
        return Head(self.status, headers, wire.framed(headers), WALL)

    def chunked_by(self, size: int) -> Answer:
        body = b"".join(step for step in self.body if isinstance(step, bytes))
        return replace(self, body=tuple(body[i : i + size] for i in range(0, len(body), size)))

    def cut(self, position: int, fault: Fault | None = RESET) -> Answer:
        """The same answer, its body cut: by a fault, or (what no length betrays) by a clean end."""
        body = b"".join(step for step in self.body if isinstance(step, bytes))
        rest = () if fault is None else (fault,)
        return replace(self, body=(body[:position], *rest) if position else rest)


FRAMINGS = {
    "length": (("content-length", "1"),),
    "chunked": (("transfer-encoding", "chunked"),),
    "close": (("connection", "close"),),
    "gzip": (("content-length", "1"), ("content-encoding", "gzip")),
}


def facts(offset: str | None, *, up_to_date: bool, closed: bool, cursor: str | None) -> tuple[tuple[str, str], ...]:
    said = {
        "Stream-Next-Offset": offset,
        "Stream-Up-To-Date": "true" if up_to_date else None,
        "Stream-Closed": "true" if closed else None,
        "Stream-Cursor": cursor,
    }
    return tuple((name, value) for name, value in said.items() if value is not None)


def page(
    items: Iterable[Any] | bytes,
    offset: str | None,
    *,
    up_to_date: bool = False,
    closed: bool = False,
    cursor: str | None = None,
    framing: str = "length",
    content_type: str | None = "application/json",
    after: float = 0.0,
) -> Answer:
    """A page, or a long poll that brought something."""
    body = items if isinstance(items, bytes) else json.dumps(list(items)).encode()
    headers = (
        *(() if content_type is None else (("Content-Type", content_type),)),
        *FRAMINGS[framing],
        *facts(offset, up_to_date=up_to_date, closed=closed, cursor=cursor),
    )
    return Answer(200, headers, (body,) if body else (), after)


def nothing(
    offset: str | None,
    *,
    up_to_date: bool = True,
    closed: bool = False,
    cursor: str | None = None,
    after: float = 0.0,
) -> Answer:
    """A 204: a long poll that ran out."""
    return Answer(204, facts(offset, up_to_date=up_to_date, closed=closed, cursor=cursor), (), after)


def events(*steps: bytes | Fault | float, framing: str = "chunked", after: float = 0.0) -> Answer:
    """An answer of server-sent events."""
    return Answer(200, (("Content-Type", "text/event-stream"), *FRAMINGS[framing]), steps, after)


def data_frame(items: Iterable[Any] | bytes) -> bytes:
    payload = items if isinstance(items, bytes) else json.dumps(list(items)).encode()
    return b"event: data\ndata:" + payload + b"\n\n"


def control_frame(offset: Any = None, **flags: Any) -> bytes:
    said = flags if offset is None else {"streamNextOffset": offset, **flags}
    return b"event: control\ndata:" + json.dumps(said).encode() + b"\n\n"


def frames(items: Iterable[Any], offset: str, **flags: Any) -> bytes:
    """Items and the control frame behind them."""
    return data_frame(items) + control_frame(offset, **flags)


def refusal(status: int, body: bytes = b"", **headers: str) -> Answer:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(status, (("Content-Length", str(len(body))), *pairs), (body,) if body else ())


def follow(
    live: str | None = "long-poll",
    *,
    offset: str = "-1",
    tail: int | None = None,
    limit: int | None = None,
    options: BackoffOptions | None = None,
    refreshable: bool = False,
) -> Follow:
    budget = Budget(options, follows=live is not None, refreshable=refreshable)
    return Follow(URL, budget, offset=offset, tail=tail, live=live, limit=limit)


Server = Callable[[Request, float], Answer | Fault]


@dataclass
class Played:
    """What happened. `end` is `Done`, `Fail`, or None where the play stopped while the machine would have gone on."""

    items: list[Any] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)
    pauses: list[Sleep] = field(default_factory=list)
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


class Torn(Exception):  # noqa: N818
    """The caller is torn out of an action, as by a KeyboardInterrupt."""


class Player:
    """Performs the actions of one machine. A play can be stopped and gone on with: what happened is collected in `played`."""

    def __init__(
        self,
        machine: Any,
        server: Server | Sequence[Answer | Fault],
        *,
        terminal: Any = None,
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
        self._body: Iterator[bytes | Fault | float] = iter(())

    def run(self, *, until: float = 1e9, items: int | None = None, actions: int = 100_000) -> Played:
        """Go on to the end, to the end of the script, to a time, or until so many items are here.

        Invariant 7 is what makes this a loop without a way to hang: every action ends, with an event that the machine is told.
        """
        played, machine = self.played, self.machine
        for _ in range(actions):
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
                machine.dropped()
            self._look()
        raise AssertionError(f"still going on after {actions} actions")

    def _perform(self, action: Any, until: float) -> bool:
        played = self.played
        if isinstance(action, Deliver):
            self._deliver(action)
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
            assert isinstance(action, Sleep)
            assert 0.0 < action.delay <= 3600.0 or action.attempt is not None
            played.pauses.append(action)
            played.now += action.delay
        return True

    def _open(self, action: Open, answer: Answer | Fault) -> None:
        played = self.played
        played.requests.append(action.request)
        played.opened.append(played.now)
        if isinstance(answer, Fault):
            self._fault(answer)
            return
        played.now += answer.after
        self._body = iter(answer.body)
        self.machine.head(answer.head(), played.now)

    def _read(self) -> None:
        played = self.played
        for step in self._body:
            if isinstance(step, float):
                played.now += step
                continue
            if isinstance(step, Fault):
                self._fault(step)
            else:
                self.machine.data(step, played.now)
            return
        self.machine.end(played.now)

    def _fault(self, fault: Fault) -> None:
        if fault.silent:
            self.played.now += READ_TIMEOUT
        self.machine.fault(fault, self.played.now)

    def _deliver(self, action: Deliver) -> None:
        batch, machine, before = action.batch, self.machine, self.machine.offset
        assert batch.items
        terminal = False
        for item in batch.items:
            assert machine.offset == before
            value = item if isinstance(item, dict | list | str | int | float | None) else json.loads(bytes(item))
            self.played.items.append(value)
            terminal = terminal or (self._terminal is not None and value == self._terminal)
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


def _in_turn(answers: Sequence[Answer | Fault]) -> Server:
    script = iter(answers)
    return lambda request, now: next(script)


def play(machine: Any, server: Server | Sequence[Answer | Fault], *, until: float = 1e9, **options: Any) -> Played:
    """Play a machine to its end, to the end of the script, or to a time on its clock (seconds)."""
    return Player(machine, server, **options).run(until=until)
