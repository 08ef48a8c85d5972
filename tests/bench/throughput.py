"""Events per second, CPU time of the client for each event and each request, and its peak memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .contest import ASYNC, BARE_ASYNC, BARE_SYNC, DS_ASYNC, DS_SYNC, SDK, SYNC, contest, middle
from .report import UNKNOWN, Section, Target, ratio

if TYPE_CHECKING:
    from .contest import Answers
    from .node import Sdk
    from .scale import Scale

NAMES = [SYNC, ASYNC, BARE_SYNC, BARE_ASYNC, DS_SYNC, DS_ASYNC]
FACES = (SYNC, ASYNC)
BARE = (BARE_SYNC, BARE_ASYNC)
DS = (DS_SYNC, DS_ASYNC)
MB = 1_000_000


@dataclass(frozen=True)
class Mode:
    """A way to read."""

    title: str
    stored: str
    live: Literal["long-poll", "sse", False] = False
    do: str = "count"


PAGES_1000 = Mode("catch-up, pages of 1,000", "page-1000")
PAGES_100 = Mode("catch-up, pages of 100", "page-100")
SSE_10 = Mode("SSE, frames of 10", "sse-10", "sse")
SSE_1 = Mode("SSE, frames of 1", "sse-1", "sse")
MODES = [
    PAGES_1000,
    PAGES_100,
    Mode("`events()`, pages of 1,000", "page-1000", do="list"),
    Mode("`events()`, pages of 100", "page-100", do="list"),
    Mode("long poll, pages of 1,000", "poll-1000", "long-poll"),
    Mode("long poll, pages of 100", "poll-100", "long-poll"),
    Mode("SSE, frames of 100", "sse-100", "sse"),
    SSE_10,
    SSE_1,
]


def measure(scale: Scale, sdk: Sdk | None, base_url: str) -> list[Section]:
    """All modes, all contestants."""
    speed: dict[Mode, dict[str, float]] = {}
    cpu: dict[Mode, dict[str, float]] = {}
    with contest(NAMES, sdk, base_url) as running:
        for mode in MODES:
            count = events_of(mode, scale)
            got = running.rounds(scale, count, do=mode.do, run=f"{mode.stored}-{count}", live=mode.live)
            speed[mode] = {name: count / seconds for name, seconds in medians(got, "wall").items()}
            cpu[mode] = {name: seconds / count * 1e6 for name, seconds in medians(got, "cpu").items()}
        pages = scale.requests
        got = running.rounds(scale, pages, do="count", run=f"page-1-{pages}", live=False)
        requests = {name: seconds / pages * 1e3 for name, seconds in medians(got, "cpu").items()}
        present = list(running.children)
        sections = [
            by_contestant("Events per second", present, speed, ",.0f", running.notes),
            by_contestant("CPU time of the client, microseconds per event", present, cpu, ".2f", []),
        ]
    sections[0].targets = targets(speed, cpu, sdk)
    sections.append(
        Section(
            "CPU time of the client per request, milliseconds",
            ["pages of one event", "ms"],
            [[name, cell(requests.get(name), ".2f")] for name in present],
        )
    )
    return [*sections, peaks(scale, sdk, base_url)]


def events_of(mode: Mode, scale: Scale) -> int:
    """How long a run is read in this mode."""
    if mode is SSE_1:
        return scale.frames
    return scale.events if mode in {PAGES_1000, PAGES_100} else scale.fewer


def medians(answers: Answers, key: str) -> dict[str, float]:
    """Of each contestant that has answers."""
    return {name: value for name, given in answers.items() if (value := middle(given, key)) is not None}


def by_contestant(
    title: str, names: list[str], values: dict[Mode, dict[str, float]], form: str, notes: list[str]
) -> Section:
    """A line for each mode, a column for each contestant."""
    rows = [[mode.title, *(cell(got.get(name), form) for name in names)] for mode, got in values.items()]
    return Section(title, ["", *names], rows, notes=notes)


def cell(value: float | None, form: str) -> str:
    """A number, or that there is none."""
    return UNKNOWN if value is None else format(value, form)


def targets(speed: dict[Mode, dict[str, float]], cpu: dict[Mode, dict[str, float]], sdk: Sdk | None) -> list[Target]:
    """The ratios that the project has promised."""

    def against(mode: Mode, references: tuple[str, ...], label: str, *limits: float) -> Target:
        pairs = list(zip(FACES, references, strict=True))
        values = tuple(ratio(speed[mode].get(face), speed[mode].get(reference)) for face, reference in pairs)
        less = tuple(ratio(cpu[mode].get(reference), cpu[mode].get(face)) for face, reference in pairs)
        return Target(f"{mode.title}, against {label}", values, limits, at_least=True, cpu=less)

    found = [
        against(PAGES_1000, DS, "`durable-streams`", 2.0, 2.0),
        against(PAGES_1000, BARE, "the bare loop", 1.0, 1.0),
        against(PAGES_100, BARE, "the bare loop", 1.3, 1.0),
        against(SSE_10, DS, "`durable-streams`", 2.0, 2.0),
        against(SSE_1, DS, "`durable-streams`", 2.0, 2.0),
    ]
    if sdk is not None:
        found += [against(mode, (SDK, SDK), "`@flue/sdk`", 1.3, 1.3) for mode in MODES]
    return found


def peaks(scale: Scale, sdk: Sdk | None, base_url: str) -> Section:
    """Peak memory of a fresh process that reads one run."""
    modes = [PAGES_1000, MODES[2], SSE_10]
    rows: dict[str, list[str]] = {}
    notes = []
    for mode in modes:
        with contest(NAMES, sdk, base_url) as running:
            for name in running.children:
                count = events_of(mode, scale)
                run = f"{mode.stored}-{count}"
                answer = running.ask(name, count, do=mode.do, run=run, live=mode.live)
                rows.setdefault(name, []).append(cell(answer and answer["peak"] / MB, ".0f"))
            notes += running.notes
    head = ["fresh processes", *(mode.title for mode in modes)]
    return Section(
        "Peak memory of the whole process, MB", head, [[name, *row] for name, row in rows.items()], [], notes
    )
