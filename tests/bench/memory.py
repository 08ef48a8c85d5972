"""Memory that is held: by streams that wait, by one big event, after a million events."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from .children import contestant
from .contest import ASYNC, BARE_ASYNC, SYNC, Contest
from .report import Section, Target, ratio

if TYPE_CHECKING:
    from .node import Sdk
    from .scale import Scale

MB = 1_000_000
WAYS = {"page": False, "SSE": "sse"}


def fresh(name: str, base_url: str, events: int, *, first: str | None = None, **command: Any) -> dict[str, Any]:
    """One measurement in a process of its own, which may read another run before it."""
    with contestant(name, base_url) as child:
        running = Contest({name: child})
        if first:
            child.ask(do="count", run=first, live=command["live"])
        answer = running.ask(name, events, **command)
        if answer is None:
            raise RuntimeError(running.notes[-1])
        return answer


def idle_streams(scale: Scale, _sdk: Sdk | None, base_url: str) -> list[Section]:
    """Memory of each of many streams that wait for an event."""
    names = [ASYNC, BARE_ASYNC]
    each: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(scale.repeats):
        for name in names:
            answer = fresh(name, base_url, scale.idle, do="idle", run=f"idle-{scale.idle}", live="sse")
            each[name].append(answer["each"])
    middle = {name: median(of) for name, of in each.items()}
    value = ratio(middle[ASYNC], middle[BARE_ASYNC])
    return [
        Section(
            f"Memory of an idle SSE stream, {scale.idle:,} at once, KB",
            ["", "KB"],
            [["flue async" if name == ASYNC else "httpx", f"{of / 1e3:.1f}"] for name, of in middle.items()],
            [Target(f"{scale.idle:,} idle SSE streams, memory of each against bare httpx", (value,), (1.2,))],
        )
    ]


def big_event(scale: Scale, _sdk: Sdk | None, base_url: str) -> list[Section]:
    """Peak memory and time of one event against half of it."""
    rows, targets = [], []
    large, small = (f"{size / 2**20:g} MB" for size in (scale.big, scale.big // 2))
    for way, live in WAYS.items():
        peaks: list[float] = []
        times: list[float] = []
        for name in (SYNC, ASYNC):
            wall: dict[int, list[float]] = {scale.big: [], scale.big // 2: []}
            peak: list[float] = []
            for _ in range(scale.repeats):
                for size, taken in wall.items():
                    run = f"big-{size}"
                    # The first event of a process pays for what is imported late; the server renders once.
                    answer = fresh(name, base_url, 1, first="big-1000", do="count", run=run, live=live)
                    taken.append(answer["wall"])
                    if size == scale.big:
                        peak.append((answer["peak"] - answer["before"]) / size)
            whole, half = (median(taken) for taken in wall.values())
            peaks.append(median(peak))
            times.append(whole / half)
            rows.append([f"{name}, {way}", f"{peaks[-1]:.2f}", f"{whole:.3f}", f"{half:.3f}", f"{times[-1]:.2f}"])
        title = f"one event of {large}, {way}"
        targets += [
            Target(f"{title}: growth to the peak of memory, against its size", tuple(peaks), (4.0, 4.0)),
            Target(f"{title}: time against {small}", tuple(times), (2.2, 2.2)),
        ]
    head = ["", "peak / size", f"s for {large}", f"s for {small}", "ratio"]
    return [Section("One big event", head, rows, targets)]


def long_run(scale: Scale, _sdk: Sdk | None, base_url: str) -> list[Section]:
    """Growth of the resident memory while a long run is read."""
    rows, targets = [], []
    run = f"all-100-{scale.million}"
    for way, live in {"pages of 100": False, "SSE, frames of 100": "sse"}.items():
        grown = []
        for name in (SYNC, ASYNC):
            answer = fresh(name, base_url, scale.million, do="growth", run=run, live=live)
            grown.append(answer["growth"] / MB)
            rows.append([f"{name}, {way}", f"{grown[-1]:.1f}", f"{scale.million / answer['wall']:,.0f}"])
        title = f"{scale.million:,} events, {way}: growth of resident memory after the first 10,000"
        targets.append(Target(title, tuple(grown), (8.0, 8.0), unit=" MB"))
    head = ["", "growth, MB", "events/s (server renders as it sends)"]
    return [Section(f"{scale.million:,} events in one stream", head, rows, targets)]
