"""The parts of the benchmark: each gives tables, and the ratios that the project has promised."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from tests.live.harness import BETA_9, HarnessError, application
from tests.live.server import TOKEN, LiveServer

from .contest import BARE, DURABLE, FLUE, ROOT, SDK, SDK_2, Scale, contest, environment, middle, server
from .relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MB = 1_000_000
ALL = (*FLUE, *BARE, *DURABLE, SDK)
MODES: dict[str, tuple[str, Any, str, int]] = {
    # How the run is stored, how it is followed, what is asked, and which part of the events it has.
    "catch-up, pages of 1,000": ("page-1000", False, "count", 1),
    "catch-up, pages of 100": ("page-100", False, "count", 1),
    "`events()`, pages of 100": ("page-100", False, "list", 2),
    "long poll, pages of 100": ("poll-100", "long-poll", "count", 2),
    "SSE, frames of 100": ("sse-100", "sse", "count", 2),
    "SSE, frames of 10": ("sse-10", "sse", "count", 2),
    "SSE, frames of 1": ("sse-1", "sse", "count", 4),
    "one request for each event": ("page-1", False, "count", 100),
}
NETWORKS = (20, 50)
"""Milliseconds there and back."""


@dataclass
class Section:
    """A table.

    Attributes:
        targets: What is promised of it: words, measured values (of the sync face first), the limit of each (one for
            all where there is one), and whether it is the least that is good enough.
    """

    title: str
    head: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    targets: list[tuple[str, list[float], tuple[float, ...], bool]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def table(title: str, columns: list[str], values: Mapping[str, Mapping[str, float]], form: str) -> Section:
    """A row for each name, a column for each contestant."""
    rows = [[row, *(format(of[name], form) if name in of else "n/a" for name in columns)] for row, of in values.items()]
    return Section(title, ["", *columns], rows)


def ratios(values: Mapping[str, float], references: tuple[str, str]) -> list[float]:
    """Both faces against their references, as far as these were measured."""
    return [values[face] / values[other] for face, other in zip(FLUE, references, strict=True) if other in values]


def throughput(scale: Scale) -> list[Section]:
    """Events per second, and CPU time of the client."""
    speed: dict[str, dict[str, float]] = {}
    cpu: dict[str, dict[str, float]] = {}
    with server() as url, contest(scale, ALL, url) as running:
        for title, (stored, live, do, part) in MODES.items():
            count = scale.events // part
            got = running.rounds(count, do=do, run=f"{stored}-{count}", live=live)
            speed[title] = {name: count / seconds for name, seconds in middle(got, "wall").items()}
            cpu[title] = {name: seconds / count * 1e6 for name, seconds in middle(got, "cpu").items()}
        sections = [
            table("Events per second", list(running.children), speed, ",.0f"),
            table("CPU time of the client, microseconds per event", list(running.children), cpu, ",.2f"),
        ]
        sections[0].notes = running.notes
    for title, references, limits in (
        ("catch-up, pages of 1,000", DURABLE, (2.0, 1.7)),
        ("catch-up, pages of 1,000", BARE, (1.1, 0.9)),
        ("catch-up, pages of 100", DURABLE, (1.6, 1.3)),
        ("catch-up, pages of 100", BARE, (1.3, 0.95)),
        ("SSE, frames of 1", DURABLE, (3.0,)),
        ("SSE, frames of 10", DURABLE, (1.7,)),
        ("SSE, frames of 100", DURABLE, (1.4,)),
        *((title, (SDK, SDK), (1.2,)) for title in MODES),
    ):
        sections[0].targets.append(
            (f"{title}, against {references[0]}", ratios(speed[title], references), limits, True)
        )
    return sections


def latency(scale: Scale) -> list[Section]:
    """From the server's write to the event in hand."""
    rows: dict[str, dict[str, float]] = {}
    count = scale.events // 200
    with server() as url, contest(scale, (*FLUE, *DURABLE, SDK), url) as running:
        for live in ("sse", "long-poll"):
            got = running.rounds(count, warm_up="latency", do="latency", run=f"tick-{count}", live=live)
            late = {name: [late / 1e3 for answer in given for late in answer["late"]] for name, given in got.items()}
            rows[f"{live}, median"] = {name: median(of) for name, of in late.items()}
            rows[f"{live}, 99th percentile"] = {name: quantiles(of, n=100)[98] for name, of in late.items()}
        section = table("Latency, microseconds", list(running.children), rows, ",.0f")
    for live in ("sse", "long-poll"):
        values = ratios(rows[f"{live}, median"], DURABLE)
        section.targets.append((f"latency, {live}, median against {DURABLE[0]}", values, (1.0,), False))
    return [section]


def real(scale: Scale) -> list[Section]:
    """A history on a real Flue server, where the server is the slower side: on this machine, and over networks."""
    count = scale.events // 2
    title = f"A history of {count:,} events on a real Flue server, events per second"
    rows: dict[str, dict[str, float]] = {}
    section = Section(title)
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            LiveServer(application(BETA_9), Path(folder) / "server.log") as live_server,
            ExitStack() as networks,
        ):
            relays = [networks.enter_context(Relay(live_server.port, delay / 2000)) for delay in NETWORKS]
            run = live_server.start_run("ticks", count=count - 2)
            live_server.wait_for_events(run, count)
            headers = {"authorization": f"Bearer {TOKEN}"}
            for where, port, limit in zip(
                ("loopback", *(f"{delay} ms" for delay in NETWORKS)),
                (live_server.port, *(relay.port for relay in relays)),
                (1.5, 12.0, 18.0),
                strict=True,
            ):
                with contest(scale, (*FLUE, SDK), f"http://127.0.0.1:{port}/api", headers) as running:
                    for how, do, live in (("SSE", "count", "sse"), ("`events()`", "list", False)):
                        warm_up = "check" if port == live_server.port else None
                        rows[f"{how}, {where}"] = running.speed(count, warm_up=warm_up, do=do, run=run, live=live)
                    columns = list(running.children)
                words = f"`events()` of a real server, {where}, against that of {SDK}"
                section.targets.append((words, ratios(rows[f"`events()`, {where}"], (SDK, SDK)), (limit,), True))
    except HarnessError as error:
        return [Section(title, notes=[f"Skipped: {str(error).splitlines()[0]}"])]
    section.head, section.rows = (full := table(title, columns, rows, ",.0f")).head, full.rows
    return [section]


def memory(scale: Scale) -> list[Section]:
    """What is held after a million events, by one big event, and by streams that wait."""
    rows: list[list[str]] = []
    growth, peaks, idle = [], [], {}
    run = f"all-100-{scale.million}"
    for name in FLUE:
        with server() as url, contest(scale, [name], url) as running:
            child = running.children[name]
            grown = [child.ask(do="growth", run=run, live=live)["growth"] / MB for live in (False, "sse")]
            child.ask(do="count", run="big-1000", live=False)  # pays for what is imported late
            answers = [child.ask(do="count", run=f"big-{scale.big}", live=live) for live in (False, "sse")]
            peak = [(answer["peak"] - answer["before"]) / scale.big for answer in answers]
        growth.append(max(grown))
        peaks.append(max(peak))
        rows.append([name, *(f"{value:.1f}" for value in grown), *(f"{value:.2f}" for value in peak)])
    for name in (FLUE[1], BARE[1]):
        with server() as url, contest(scale, [name], url) as running:
            idle[name] = running.children[name].ask(do="idle", run=f"idle-{scale.streams}", live="sse")["each"]
    head = ["", "MB after a million, pages", "MB, SSE", f"peak / size of an event of {scale.big >> 20} MB, page", "SSE"]
    held = [[name, f"{each / 1e3:.1f}"] for name, each in idle.items()]
    return [
        Section(
            "Memory",
            head,
            rows,
            [
                (f"{scale.million:,} events: growth in MB after the first 10,000", growth, (8.0,), False),
                ("one big event: peak of memory against its size", peaks, (4.0,), False),
            ],
        ),
        Section(
            f"Memory of an idle SSE stream, {scale.streams:,} at once",
            ["", "KB"],
            held,
            [("an idle stream against bare httpx", [idle[FLUE[1]] / idle[BARE[1]]], (1.2,), False)],
        ),
    ]


IMPORTS = {
    "pass": "pass",
    "`import flue`": "import flue",
    "`from flue import FlueClient`": "from flue import FlueClient",
    "its libraries": "import requests, attrs, cattrs, tenacity",
    "`from flue import AsyncFlueClient`": "from flue import AsyncFlueClient",
    "the libraries of that": "import httpx, attrs, cattrs, tenacity",
}


def imports(scale: Scale) -> list[Section]:
    """Milliseconds, in fresh processes with warm .pyc files, the statements in turn."""
    taken: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for number in range(scale.imports + 1):
        for name, statement in IMPORTS.items():
            script = f"import time; begin = time.perf_counter()\n{statement}\nprint(time.perf_counter() - begin)"
            command = [sys.executable, "-c", script]
            done = subprocess.run(
                command, cwd=ROOT, env=environment(), check=True, timeout=30, stdout=subprocess.PIPE, text=True
            )
            if number:  # the first one writes the .pyc files
                taken[name].append(float(done.stdout) * 1e3)
    times = {name: median(of) for name, of in taken.items()}
    rows = [[name, f"{of:.1f}"] for name, of in times.items() if name != "pass"]
    faces = [times["`from flue import FlueClient`"] / times["its libraries"]]
    faces.append(times["`from flue import AsyncFlueClient`"] / times["the libraries of that"])
    return [
        Section(
            "Imports",
            ["", "ms"],
            rows,
            [
                ("`import flue`, ms", [times["`import flue`"]], (20.0,), False),
                ("importing a face, against its libraries", faces, (1.25,), False),
            ],
        )
    ]


def conversations(scale: Scale) -> list[Section]:
    """A reply as it grows: typed chunks and states, against the states of the TypeScript SDK."""
    count = scale.events // 4
    rows: dict[str, dict[str, float]] = {}
    with server() as url, contest(scale, (*FLUE, SDK_2), url) as running:
        for size in (1, 10):
            for what in ("chunks", "states"):
                asked = {"warm_up": "talk", "do": "talk", "run": f"talk-{size}-{count}", "live": what}
                rows[f"{what}, frames of {size}"] = running.speed(count, **asked)
        title = f"A reply of {count:,} deltas, deltas per second (`@flue/sdk` has states only)"
        section = table(title, list(running.children), rows, ",.0f")
        section.notes = running.notes
    values = ratios(rows["chunks, frames of 1"], (SDK_2, SDK_2))
    section.targets = [("typed chunks, against `observe()` of `@flue/sdk` 2", values, (2.0,), True)]
    return [section]


PARTS: dict[str, Callable[[Scale], list[Section]]] = {
    "throughput": throughput,
    "conversations": conversations,
    "latency": latency,
    "real": real,
    "memory": memory,
    "imports": imports,
}
