"""Scripts: what happens to one stream, from its first event to its last. All of it follows from a seed and a number."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal

from .faulty import Planned, random_faults

PAGE_LIMITS = (2, 5, 13, 100)
"""Events in a page; each is that of one server."""
LONGEST_DELAY = 0.015
"""Seconds."""


@dataclass(frozen=True)
class Write:
    """Add events.

    Attributes:
        count: of them.
        delay: seconds; 0: before anything else happens.
        notify: whether those who wait are told.
    """

    count: int
    delay: float
    notify: bool


@dataclass(frozen=True)
class Finish:
    """Nothing will be added.

    Attributes:
        how: ``"finish"``: `run_end`, and the stream is closed; ``"close"``: no `run_end`; ``"open"``: never closed.
        delay: seconds; 0: before anything else happens.
        notify: whether those who wait are told.
    """

    how: Literal["finish", "close", "open"]
    delay: float
    notify: bool


@dataclass(frozen=True)
class Pull:
    """Read.

    Attributes:
        behind: up to the event before this one; None: to the end.
        elsewhere: on another thread or task.
    """

    behind: int | None
    elsewhere: bool


@dataclass(frozen=True)
class Leave:
    """Give up what one has.

    Attributes:
        how: ``"close"``, ``"forget"`` (no reference stays), ``"cancel"`` (from another thread, while somebody pulls):
            then a new stream is opened at `.offset`. ``"give up"``: a pull is cancelled, the same stream is read on;
            only tasks can be cancelled, so a thread has its stream cancelled.
        delay: seconds until a pull is cancelled.
    """

    how: Literal["close", "forget", "cancel", "give up"]
    delay: float


Step = Write | Finish | Pull | Leave


@dataclass(frozen=True)
class Script:
    """One stream.

    Attributes:
        number: of the script.
        live: how the stream is read.
        server: which of the servers it is on.
        theirs: whether the client sends with a session, or an HTTP client, of its caller.
        steps: in order; the last ones are a `Finish` and a `Pull` to the end.
        faults: by the number of the request, from 0.
    """

    number: int
    live: bool | Literal["long-poll", "sse"]
    server: int
    theirs: bool
    steps: tuple[Step, ...] = field(repr=False)
    faults: dict[int, Planned] = field(repr=False)

    @property
    def run_id(self) -> str:
        """Of its run."""
        return f"run_{self.number}"

    @property
    def total(self) -> int:
        """Events that the stream has in the end."""
        written = sum(step.count for step in self.steps if isinstance(step, Write))
        return written + sum(1 for step in self.steps if isinstance(step, Finish) and step.how != "close")

    def __str__(self) -> str:
        pages = f"pages of {PAGE_LIMITS[self.server]}"
        lines = [f"live={self.live!r}, {pages}, {self.total} events" + ", the caller's session" * self.theirs]
        lines += [f"  {step}" for step in self.steps]
        for at, planned in self.faults.items():
            fault = planned.events if self.live == "sse" else planned.page
            lines.append(f"  request {at}: {planned.kind}: {_said(fault)}")
        return "\n".join(lines)


def make_script(seed: int, number: int) -> Script:
    """The script of a number."""
    rng = random.Random(f"{seed}:{number}")
    live = rng.choice([True, "long-poll", "sse", "sse", False])
    server = rng.randrange(len(PAGE_LIMITS))
    total = rng.randint(3, min(40, 10 * PAGE_LIMITS[server]))
    steps = _catching_up(rng, total) if live is False else _following(rng, total)
    faults = _at_requests(rng, sse=live == "sse")
    theirs = rng.random() < 0.1
    if theirs:
        faults = {at: planned.for_any_session() for at, planned in faults.items()}
    return Script(number, live, server, theirs, tuple(steps), faults)


def _following(rng: random.Random, total: int) -> list[Step]:
    """Everything is written while somebody reads, or a moment before."""
    cuts = sorted(rng.sample(range(1, total), min(rng.randint(0, 3), total - 1)))
    steps: list[Step] = []
    begin = 0
    for end in [*cuts, total]:
        delay = 0.0 if not begin and rng.random() < 0.7 else rng.uniform(0.0005, LONGEST_DELAY)
        steps.append(Write(end - begin, delay, rng.random() > 0.03))
        begin = end
        steps += _reading(rng, begin)
    how = rng.choice(["finish", "finish", "finish", "close", "open"])
    return [*steps, Finish(how, rng.uniform(0.0005, LONGEST_DELAY), rng.random() > 0.03), _to_the_end(rng)]


def _catching_up(rng: random.Random, total: int) -> list[Step]:
    """Everything is there when the reading begins."""
    finish = Finish(rng.choice(["finish", "close", "open"]), 0.0, notify=True)
    return [Write(total, 0.0, notify=True), finish, *_reading(rng, total), _to_the_end(rng)]


def _reading(rng: random.Random, written: int) -> list[Step]:
    """Read some of what is written, and perhaps stop reading in the middle of it."""
    steps: list[Step] = []
    if rng.random() < 0.6:
        steps.append(Pull(rng.randint(1, written), rng.random() < 0.2))
    if rng.random() < 0.25:
        how = rng.choice(["close", "forget", "cancel", "give up"])
        steps.append(Leave(how, rng.uniform(0.0, LONGEST_DELAY)))
    return steps


def _to_the_end(rng: random.Random) -> Pull:
    return Pull(None, rng.random() < 0.2)


def _at_requests(rng: random.Random, *, sse: bool) -> dict[int, Planned]:
    faults: dict[int, Planned] = {}
    at = -1
    for planned in random_faults(rng, rng.randint(1, 5)):
        # A connection of server-sent events needs few requests, and often one more for each fault.
        at += rng.choice([1, 1, 1, 2]) if sse else rng.choice([1, 1, 2, 3])
        faults[at] = planned
    return faults


def _said(fault: object) -> str:
    """A fault without what is left as it is by default."""
    default = type(fault)()
    said = {name: getattr(fault, name) for name in fault.__slots__}  # type: ignore[attr-defined]  # a slotted dataclass
    return ", ".join(f"{name}={value!r}" for name, value in said.items() if value != getattr(default, name))
