"""`python -m tests.soak`: random fault scripts on both faces; exit status 1 when anything is wrong.

A script is one stream that is read from its first event to its last, while its answers are spoilt, its readers
cancelled, and its server restarted. What is not to be: an event lost, repeated, out of order or altered, an error, a
hang, a descriptor, thread or task left behind.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter

from .face import HANG, SETTLE, Report, soak
from .script import make_script

PROCESSES = {"sync": 1, "async": 2}
"""Of each face: a request of the asyncio face costs twice as much time of the processor."""
DONE = ("scripts", "events", "requests", "faults", "disasters")
NOT_TO_BE = (
    "losses",
    "repeats",
    "reorders",
    "altered",
    "errors",
    "hangs",
    "leaked descriptors",
    "leaked threads",
    "leaked tasks",
    "complaints",
)


def main() -> int:
    """Soak, print, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=120.0, help="how long new scripts are begun")
    parser.add_argument("--seed", type=int, help="of the scripts; random unless given")
    parser.add_argument("--script", type=int, metavar="N", help="only this script of the seed")
    parser.add_argument("--face", choices=PROCESSES, help="only this face")
    parser.add_argument("--part", type=int, help=argparse.SUPPRESS)  # in a process of a face: which one it is
    arguments = parser.parse_args()
    if arguments.part is not None:
        print(json.dumps(_soaked(arguments).as_json()))
        sys.stdout.flush()
        os._exit(0)  # also with a thread that hangs
    if arguments.seed is None:
        arguments.seed = random.randrange(1_000_000)
    if arguments.script is not None:
        print(make_script(arguments.seed, arguments.script))
    reports = _in_processes(arguments)
    print(_table(reports, arguments.seed))
    for face, report in reports.items():
        for failure in report.failures:
            print(f"\n--seed {arguments.seed} --face {face} {failure}")
    return int(any(report.failures or any(report.counts[what] for what in NOT_TO_BE) for report in reports.values()))


def _soaked(arguments: argparse.Namespace) -> Report:
    one = arguments.script
    numbers = itertools.count(arguments.part, PROCESSES[arguments.face]) if one is None else iter([one])
    try:
        return soak(arguments.face, arguments.seed, arguments.seconds, numbers)
    except TimeoutError as error:
        return Report(Counter(hangs=1), [str(error)])


def _in_processes(arguments: argparse.Namespace) -> dict[str, Report]:
    """Soak the faces in processes of their own, in which warnings are errors."""
    command = [sys.executable, "-W", "error", "-m", "tests.soak"]
    command += [f"--seed={arguments.seed}", f"--seconds={arguments.seconds}"]
    if arguments.script is not None:
        command.append(f"--script={arguments.script}")
    faces = [arguments.face] if arguments.face else list(PROCESSES)
    parts = [(face, part) for face in faces for part in range(PROCESSES[face] if arguments.script is None else 1)]
    running = [
        (face, subprocess.Popen([*command, f"--face={face}", f"--part={part}"], stdout=subprocess.PIPE))
        for face, part in parts
    ]
    reports = {face: Report() for face in faces}
    deadline = time.monotonic() + arguments.seconds + 2 * (HANG + SETTLE)
    try:
        for face, process in running:
            try:
                out, _ = process.communicate(timeout=max(0.0, deadline - time.monotonic()))
                said = json.loads(out)
                report = Report(Counter(said["counts"]), said["failures"], said["seconds"])
            except (subprocess.TimeoutExpired, ValueError) as error:
                report = Report(Counter(hangs=1), [f"its process gave no report: {error}"])
            reports[face].merge(report)
    finally:
        for _, process in running:
            process.kill()
            process.wait()
    return reports


def _table(reports: dict[str, Report], seed: int) -> str:
    lines = [f"seed {seed}".ljust(20) + "".join(face.rjust(12) for face in reports)]
    for what in (*DONE, *NOT_TO_BE):
        lines.append(what.ljust(20) + "".join(f"{report.counts[what]:,}".rjust(12) for report in reports.values()))
    lines.append("seconds".ljust(20) + "".join(f"{report.seconds:.1f}".rjust(12) for report in reports.values()))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
