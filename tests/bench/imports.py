"""Time and memory of importing each face, in fresh processes with warm .pyc files."""

from __future__ import annotations

import subprocess
import sys
from statistics import median
from typing import TYPE_CHECKING

from .children import ROOT, environment
from .report import Section, Target

if TYPE_CHECKING:
    from .node import Sdk
    from .scale import Scale

NOTHING = "pass"
PACKAGE = "import flue"
FACE = "from flue import FlueClient"
ASYNC_FACE = "from flue import AsyncFlueClient"
LIBRARIES = "import requests, attrs, cattrs, tenacity"
ASYNC_LIBRARIES = "import httpx, attrs, cattrs, tenacity"
STATEMENTS = [NOTHING, PACKAGE, FACE, LIBRARIES, ASYNC_FACE, ASYNC_LIBRARIES]
LIMIT = 30.0  # seconds
SCRIPT = """\
import time
begin = time.perf_counter()
{statement}
taken = time.perf_counter() - begin
from tests.bench.process import memory
print(taken * 1000, memory("VmHWM") / 1e6)
"""


def measure(scale: Scale, _sdk: Sdk | None, _base_url: str) -> list[Section]:
    """Medians over many processes, the statements in turn."""
    for statement in STATEMENTS:
        once(statement)  # writes the .pyc files
    taken: dict[str, list[tuple[float, float]]] = {statement: [] for statement in STATEMENTS}
    for _ in range(scale.imports):
        for statement, of in taken.items():
            of.append(once(statement))
    times = {statement: median(time for time, _ in of) for statement, of in taken.items()}
    sizes = {
        statement: median(size for _, size in of) - median(s for _, s in taken[NOTHING])
        for statement, of in taken.items()
    }
    rows = [[f"`{statement}`", f"{times[statement]:.1f}", f"{sizes[statement]:.1f}"] for statement in STATEMENTS[1:]]
    targets = [
        Target(f"`{PACKAGE}`, more than bare Python", (times[PACKAGE] - times[NOTHING],), (20.0,), unit=" ms"),
        Target(f"`{FACE}` against `{LIBRARIES}`", (times[FACE] / times[LIBRARIES],), (1.15,)),
    ]
    return [Section("Imports", ["", "ms", "MB more than bare Python"], rows, targets)]


def once(statement: str) -> tuple[float, float]:
    """Milliseconds that the statement takes in a new process, and the peak memory of that in MB."""
    command = [sys.executable, "-c", SCRIPT.format(statement=statement)]
    run = subprocess.run(
        command, cwd=ROOT, env=environment(), check=True, timeout=LIMIT, stdout=subprocess.PIPE, text=True
    )
    milliseconds, megabytes = map(float, run.stdout.split())
    return milliseconds, megabytes
