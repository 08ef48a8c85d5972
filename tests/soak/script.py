"""Scripts: what happens to one stream or conversation, from its beginning to its end.

All of it follows from a seed and a number.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, replace
from pprint import pformat
from typing import Any, Literal, NamedTuple

from flue.testing import Fault

PAGE_LIMITS = (2, 5, 13, 100, 100)
"""Events in a page; each is that of one server. The last server is never restarted."""
LONGEST_DELAY = 0.015
"""Seconds until something is written or cancelled."""
READ_TIMEOUT = 0.6
"""Seconds of silence after which a client retries. Long for these servers, short enough to be waited for."""
SILENCE = 0.9
"""Seconds of a silence that is longer than that."""
BREAKS = ("close", "forget", "cancel", "give up")
"""How a stream is left: a `cancel` comes from another thread, and a pull is given up where tasks can be cancelled."""
ACTS = ("user", "say", "say", "say", "think", "call", "return", "fail", "data", "describe", "complete", "settle")
"""What may be written into a conversation."""


class Planned(NamedTuple):
    """What goes wrong with one response: with a page or a long poll, or with server-sent events."""

    kind: str
    page: Fault
    events: Fault


@dataclass(frozen=True)
class Script:
    """One stream of a run, or one conversation.

    Attributes:
        number: Of the script.
        way: How it is read.
        live: How news are waited for.
        server: The index of its server in `PAGE_LIMITS`.
        shared: Whether the client sends with a session, or an HTTP client, of its caller.
        batches: What is written, batch by batch: each a list of acts. The last one ends it.
        ready: How many of them are there before anything is read.
        delays: Seconds before each of the others.
        breaks: After how many events a stream is left, how, and after how many seconds; it is opened again at its
            offset.
        faults: By the number of the request, from 0.
    """

    number: int
    way: Literal["stream", "read", "observe", "ask"]
    live: bool | Literal["long-poll", "sse"]
    server: int
    shared: bool
    batches: tuple[tuple[str, ...], ...]
    ready: int
    delays: tuple[float, ...]
    breaks: tuple[tuple[int, str, float], ...]
    faults: dict[int, Planned]

    def __str__(self) -> str:
        return pformat(self, width=120, compact=True)


def make_run_script(seed: int, number: int) -> Script:
    """The script of a number, of a run: `log` events, some of which nobody is told of (`quiet`), and an end.

    That is `finish` (`run_end` and a close), `end` (a close alone) or `leave open` (`run_end` alone).
    """
    rng = random.Random(f"{seed}:{number}")
    live = rng.choice([True, "long-poll", "sse", "sse", False])
    server = rng.randrange(len(PAGE_LIMITS))
    total = rng.randint(3, min(40, 10 * PAGE_LIMITS[server]))
    cuts = [0, *sorted(rng.sample(range(1, total), rng.randint(0, min(3, total - 1)))), total]
    batches = [("log",) * (end - begin) for begin, end in itertools.pairwise(cuts)]
    batches.append((rng.choice(["finish", "finish", "finish", "end", "leave open"]),))
    batches = [batch if rng.random() > 0.03 else ("quiet", *batch) for batch in batches]
    # What is only caught up with is written before it is read.
    ready = len(batches) if live is False else rng.randrange(len(batches))
    return _script(rng, number, "stream", live, server, batches, ready, rng.randint(0, 3), total - 1)


def make_talk_script(seed: int, number: int) -> Script:
    """The script of a number, of a conversation."""
    rng = random.Random(f"talk {seed}:{number}")
    way = rng.choice(["stream", "stream", "read", "observe", "observe", "ask"])
    batches: list[tuple[str, ...]] = [("user", "start")]
    for _ in range(rng.randint(1, 25)):
        kind = rng.random()
        if kind < 0.04:
            batches.append(())
        elif kind < 0.1:
            batches.append(("compact",))
        elif kind < 0.13 and way in {"read", "observe"} and ("replace",) not in batches:
            batches.append(("replace",))
        else:
            batches.append(tuple(rng.choices(ACTS, k=rng.randint(1, 4))))
    batches += [("complete",), ("target",)]
    # Work of an agent that a restart interrupts never ends.
    server = len(PAGE_LIMITS) - 1 if way == "ask" else rng.randrange(len(PAGE_LIMITS))
    live = rng.choice(["sse", "sse", "long-poll"])
    return _script(rng, number, way, live, server, batches, rng.randrange(len(batches)), rng.randint(0, 2), 30)


def _script(
    rng: random.Random, number: int, way: Any, live: Any, server: int, batches: Any, ready: int, leaves: int, last: int
) -> Script:
    """What all scripts have: delays, streams that are left (no later than behind the event `last`), and faults."""
    delays = tuple(rng.uniform(0.0, LONGEST_DELAY) for _ in batches[ready:])
    breaks = sorted(
        (rng.randint(1, last), rng.choice(BREAKS), rng.uniform(0.0005, LONGEST_DELAY)) for _ in range(leaves)
    )
    shared = rng.random() < 0.1
    faults = planned_faults(rng, shared=shared, dense=live == "sse" or way != "stream")
    return Script(number, way, live, server, shared, tuple(batches), ready, delays, tuple(breaks), faults)


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
