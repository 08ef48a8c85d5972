"""The events that the benchmark's server sends: those of a recorded run, over and over, numbered anew."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

RECORDING = Path(__file__).parents[1] / "recordings" / "chat_events.json"

Template = tuple[bytes, bytes]  # what stands before and behind the event's number


@cache
def templates() -> tuple[Template, list[Template], Template]:
    """`run_start`, the events between, `run_end`."""
    first, *middle, last = (template(event) for event in json.loads(RECORDING.read_bytes()))
    return first, middle, last


def template(event: dict[str, object]) -> Template:
    """One event as compact JSON, cut where its number goes."""
    text = json.dumps({**event, "eventIndex": -1}, separators=(",", ":"), ensure_ascii=False).encode()
    before, behind = text.split(b'"eventIndex":-1')
    return before + b'"eventIndex":', behind


def items(begin: int, end: int, count: int) -> bytes:
    """Events `begin` to `end` of a run of `count`, separated by commas."""
    first, middle, last = templates()
    chosen = (first if i == 0 else last if i == count - 1 else middle[i % len(middle)] for i in range(begin, end))
    return b",".join([b"%s%d%s" % (before, i, behind) for i, (before, behind) in enumerate(chosen, begin)])


def log_event(index: int, message: bytes, sent: int) -> bytes:
    """A `log` event; `sent` is the monotonic clock in nanoseconds."""
    return (
        b'{"type":"log","level":"info","message":"%s","attributes":{"sent":%d},"runId":"run_bench","v":3,'
        b'"eventIndex":%d,"timestamp":"2026-11-23T09:14:54.883Z"}'
    ) % (message, sent, index)


def mean_size(count: int) -> float:
    """Bytes of an event, in a run of `count`."""
    return (len(items(0, count, count)) - count + 1) / count
