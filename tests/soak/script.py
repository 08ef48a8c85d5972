"""Scripts: what happens to one stream, from its first event to its last. All of it follows from a seed and a number."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from flue.testing import Fault

PAGE_LIMITS = (2, 5, 13, 100)
"""Events in a page; each is that of one server."""
LONGEST_DELAY = 0.015
"""Seconds until something is written or cancelled."""
READ_TIMEOUT = 0.6
"""Seconds of silence after which a client retries. Long for these servers, short enough to be waited for."""
SILENCE = 0.9
"""Seconds of a silence that is longer than that."""


class Step(NamedTuple):
    """What is done next.

    `write` so many events; `finish` (`run_end` and a close), `end` (a close alone) or `leave open` (`run_end` alone);
    `pull` so many events in all, or to the end; `close` or `forget` the stream, or have it `cancel`led from another
    thread while it is pulled, and open another at its offset; `give up` a pull, where tasks can be cancelled.
    """

    kind: Literal["write", "finish", "end", "leave open", "pull", "close", "forget", "cancel", "give up"]
    count: int | None = None
    delay: float = 0.0
    notify: bool = True


class Planned(NamedTuple):
    """What goes wrong with one response: with a page or a long poll, or with server-sent events."""

    kind: str
    page: Fault
    events: Fault


@dataclass(frozen=True)
class Script:
    """One stream.

    Attributes:
        number: Of the script.
        live: How the stream is read.
        server: The index of its server in `PAGE_LIMITS`.
        shared: Whether the client sends with a session, or an HTTP client, of its caller.
        steps: In order; the last ones end the stream and pull to its end.
        faults: By the number of the request, from 0.
    """

    number: int
    live: bool | Literal["long-poll", "sse"]
    server: int
    shared: bool
    steps: tuple[Step, ...] = field(repr=False)
    faults: dict[int, Planned] = field(repr=False)

    @property
    def total(self) -> int:
        """Events that the stream has in the end."""
        written = sum(step.count or 0 for step in self.steps if step.kind == "write")
        return written + any(step.kind in {"finish", "leave open"} for step in self.steps)

    def __str__(self) -> str:
        lines = [f"live={self.live!r}, pages of {PAGE_LIMITS[self.server]}, {self.total} events, shared={self.shared}"]
        lines += [f"  {step}" for step in self.steps]
        return "\n".join([*lines, *(f"  request {number}: {planned}" for number, planned in self.faults.items())])


def make_script(seed: int, number: int) -> Script:
    """The script of a number."""
    rng = random.Random(f"{seed}:{number}")
    live = rng.choice([True, "long-poll", "sse", "sse", False])
    server = rng.randrange(len(PAGE_LIMITS))
    total = rng.randint(3, min(40, 10 * PAGE_LIMITS[server]))
    end = rng.choice(["finish", "finish", "finish", "end", "leave open"])
    # What is only caught up with is written before it is read; else while somebody reads, or a moment before.
    behind = (
        [total] if live is False else [*sorted(rng.sample(range(1, total), rng.randint(0, min(3, total - 1)))), total]
    )
    steps: list[Step] = []
    written = 0
    for count in behind:
        at_once = live is False or (not written and rng.random() < 0.7)
        steps.append(Step("write", count - written, 0.0 if at_once else _delay(rng), rng.random() > 0.03))
        written = count
        if live is not False:
            steps += _reading(rng, written)
    steps.append(Step(end, None, 0.0 if live is False else _delay(rng), rng.random() > 0.03))
    if live is False:
        steps += _reading(rng, written)
    steps.append(Step("pull"))
    shared = rng.random() < 0.1
    faults = planned_faults(rng, shared=shared, dense=live == "sse")
    return Script(number, live, server, shared, tuple(steps), faults)


def planned_faults(rng: random.Random, *, shared: bool, dense: bool) -> dict[int, Planned]:
    """What goes wrong with which request.

    Args:
        rng: Decides.
        shared: Whether a plain session sends them.
        dense: Whether there are few requests: a connection of server-sent events needs few, and often one more for
            each fault.
    """
    faults: dict[int, Planned] = {}
    at = -1
    for kind in rng.sample(list(KINDS), rng.randint(1, 5), counts=list(KINDS.values())):
        at += rng.choice([1, 1, 1, 2] if dense else [1, 1, 2, 3])
        page, events = _faults(kind, rng)
        if shared and page.cut_head_after is not None:
            # http.client takes the orderly end of a connection for the end of a head.
            page = events = replace(page, end="reset")
        faults[at] = Planned(kind, page, events)
    return faults


def _delay(rng: random.Random) -> float:
    return rng.uniform(0.0005, LONGEST_DELAY)


def _reading(rng: random.Random, written: int) -> list[Step]:
    """Read some of what is written, and perhaps stop reading in the middle of it."""
    steps: list[Step] = []
    if rng.random() < 0.6:
        steps.append(Step("pull", rng.randint(1, written)))
    if rng.random() < 0.25:
        steps.append(Step(rng.choice(["close", "forget", "cancel", "give up"]), None, _delay(rng)))
    return steps


KINDS = {
    "refuse": 4,
    "cut head": 4,
    "cut": 8,
    "end behind": 2,
    "status": 4,
    "stall": 3,
    "silence": 1,
    "trickle": 1,
    "framing": 3,
    "strange headers": 2,
    "emptied": 2,
    "no events": 1,
    # Several of these in a row would rightly be the end of a stream.
    "unsaid": 1,
    "credentials": 1,
    "redirect": 1,
}
"""Each with the number of times that a script may have it, which is also how likely it is.

A complete but malformed response is no such fault: a stream may end with an error there.
"""


def _faults(kind: str, rng: random.Random) -> tuple[Fault, Fault]:
    """A fault of a page, and of server-sent events."""
    fault: Fault
    match kind:
        case "refuse":
            fault = Fault(refuse=True)
        case "cut head":
            fault = Fault(cut_head_after=rng.randrange(400), end=rng.choice(["reset", "close"]))
        case "cut":
            framing = rng.choice([None, "chunked", "close"])
            cut: dict[str, Any] = {"cut_after": rng.randrange(1200), "gzip": rng.random() < 0.3, "framing": framing}
            # A page that is cut and finished properly is a malformed one; an event stream was recycled.
            page = Fault(**cut, end=rng.choice(["reset", "close"]))
            return page, Fault(**cut, end=rng.choice(["reset", "close", "clean"]))
        case "end behind":
            fault = Fault(end=rng.choice(["reset", "close"]))
        case "status" | "no events":
            headers = [("content-type", "text/html")]
            if rng.random() < 0.5:
                waits = ("0", "0.002", "-1", "soon", "inf", "Thu, 01 Jan 1970 00:00:00 GMT")
                headers.append(("retry-after", rng.choice(waits)))
            status = rng.choice((408, 425, 429, 500, 502, 503, 504))
            fault = Fault(status=status, headers=headers, body=rng.choice([None, b"<html><h1>Bad Gateway</h1></html>"]))
            if kind == "no events":
                refused = Fault(status=rng.choice([406, 415, 501]))
                return fault, rng.choice(
                    [refused, Fault(content_type="text/html"), Fault(drop_headers=["Content-Type"])]
                )
        case "stall" | "silence":
            seconds = SILENCE if kind == "silence" else rng.uniform(0.001, 0.04)
            early = rng.random() < 0.5
            fault = (
                Fault(stall_before_headers=seconds) if early else Fault(stall_after=rng.randrange(600), stall=seconds)
            )
        case "trickle":
            fault = Fault(trickle=rng.randrange(30, 300), trickle_pause=rng.choice([0.0, 0.001]))
        case "framing":
            framed: dict[str, Any] = {"gzip": rng.random() < 0.5, "framing": rng.choice(["chunked", "close"])}
            charset = rng.choice(["; charset=utf-8", ";charset=UTF-8; x=y"])
            page = Fault(content_type=f"application/json{charset}", **framed)
            return page, Fault(content_type=f"text/event-stream{charset}", **framed)
        case "strange headers":
            noise = [("set-cookie", "a=b"), ("Set-Cookie", "c=d"), ("x-noise", "\xe9"), ("X-Noise", "2")]
            usual = ["Date", "Connection", "Keep-Alive"]
            page = Fault(extra_headers=noise, drop_headers=["Content-Type", *usual])
            return page, Fault(extra_headers=noise, drop_headers=usual)
        case "emptied":
            fault = Fault(body=b"", framing="close")
        case "unsaid":
            fault = Fault(
                drop_headers=rng.choice([["Stream-Up-To-Date"], ["Stream-Closed"], ["Stream-Cursor", "ETag"]])
            )
        case "credentials":
            fault = Fault(status=rng.choice([401, 403]))
        case _:
            fault = Fault(status=307)  # its location is that of the request
    return fault, fault
