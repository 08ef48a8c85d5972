"""A full history on a real Flue server, where the server is the slower side."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.live.harness import BETA_9, HarnessError, application, npm_available
from tests.live.server import TOKEN, LiveServer

from .contest import ASYNC, SDK, SYNC, contest, middle
from .report import UNKNOWN, Section, Target, ratio

if TYPE_CHECKING:
    from .node import Sdk
    from .scale import Scale

WAYS = {'`live="sse"`': ("count", "sse"), "`events()`": ("list", False), "`live=False`": ("count", False)}


def measure(scale: Scale, sdk: Sdk | None, _base_url: str) -> list[Section]:
    """Events per second of a finished run; without npm there is no server."""
    title = f"A history of {scale.history:,} events on a real Flue server, events per second"
    if not npm_available():
        return [Section(title, notes=["Skipped: no npm on this machine."])]
    try:
        app = application(BETA_9)
        with tempfile.TemporaryDirectory() as folder, LiveServer(app, Path(folder) / "server.log") as server:
            run = server.start_run("ticks", count=scale.history - 2)
            server.wait_for_events(run, scale.history)
            return [read(scale, sdk, server.base_url, run, title)]
    except HarnessError as error:
        return [Section(title, notes=[f"Skipped: {str(error).splitlines()[0]}"])]


def read(scale: Scale, sdk: Sdk | None, base_url: str, run: str, title: str) -> Section:
    speed: dict[str, dict[str, float | None]] = {}
    headers = {"authorization": f"Bearer {TOKEN}"}
    with contest([SYNC, ASYNC], sdk, base_url, headers) as running:
        names = list(running.children)
        for way, (do, live) in WAYS.items():
            got = running.rounds(scale, scale.history, do=do, run=run, live=live)
            speed[way] = {name: ratio(scale.history, middle(got.get(name), "wall")) for name in names}
        notes = list(running.notes)
    rows = [
        [way, *(UNKNOWN if of[name] is None else f"{of[name]:,.0f}" for name in names)] for way, of in speed.items()
    ]
    reference = speed["`events()`"].get(SDK)
    targets = [
        Target(
            f"{scale.history:,} events on a real server: {way} against `events()` of `@flue/sdk`",
            tuple(ratio(speed[way][face], reference) for face in (SYNC, ASYNC)),
            (limit, limit),
            at_least=True,
        )
        for way, limit in {'`live="sse"`': 1.8, "`events()`": 1.2}.items()
    ]
    return Section(title, ["", *names], rows, targets, notes)
