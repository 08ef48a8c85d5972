"""From the server's write to the event in hand."""

from __future__ import annotations

from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from .contest import ASYNC, DS_ASYNC, DS_SYNC, SOCKET, SYNC, contest
from .report import UNKNOWN, Section, Target, ratio

if TYPE_CHECKING:
    from .node import Sdk
    from .scale import Scale

NAMES = [SYNC, ASYNC, SOCKET, DS_SYNC, DS_ASYNC]
WAYS = {"SSE": "sse", "long poll": "long-poll"}


def measure(scale: Scale, sdk: Sdk | None, base_url: str) -> list[Section]:
    """Median and 99th percentile of all rounds, in microseconds."""
    rows: dict[str, list[str]] = {}
    targets = []
    with contest(NAMES, sdk, base_url) as running:
        for title, live in WAYS.items():
            run = f"tick-{scale.ticks}"
            got = running.rounds(scale, scale.ticks, warm_up="latency", do="latency", run=run, live=live)
            late = {name: delays(answers) for name, answers in got.items()}
            middle = {name: median(of) for name, of in late.items()}
            values = tuple(ratio(middle.get(face), middle.get(SOCKET)) for face in (SYNC, ASYNC))
            targets.append(Target(f"latency, {title}, median against a bare socket", values, (1.5, 1.5)))
            for name in running.children:
                of = late.get(name)
                cells = [f"{middle[name]:.0f}", f"{quantiles(of, n=100)[98]:.0f}"] if of else [UNKNOWN, UNKNOWN]
                rows.setdefault(name, []).extend(cells)
        head = ["", *(f"{title}, {what}" for title in WAYS for what in ("median", "p99"))]
        table = [[name, *cells] for name, cells in rows.items()]
        return [Section("Latency, microseconds", head, table, targets, running.notes)]


def delays(answers: list[dict[str, Any]]) -> list[float]:
    """All of them, in microseconds."""
    return [nanoseconds / 1e3 for answer in answers for nanoseconds in answer["late"]]
