"""`python -m tests.soak`: random fault scripts on both faces, one process each; exit status 1 when anything is wrong.

A script is one stream that is read from its first event to its last, while its answers are spoilt, its readers
cancelled, and its server restarted. What is not to be: an event lost, repeated, out of order or altered, an error, a
hang, a descriptor, thread or task left behind.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from collections import Counter

from .face import HANG, SETTLE, Report, soak

FACES = ("sync", "async")
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
    parser.add_argument("--face", choices=FACES, help="only this face")
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)  # what a face's process prints
    arguments = parser.parse_args()
    seed = random.randrange(1_000_000) if arguments.seed is None else arguments.seed
    if arguments.json:
        print(json.dumps(_soaked(arguments.face, seed, arguments.seconds, arguments.script).as_json()))
        sys.stdout.flush()
        os._exit(0)  # also with a thread that hangs
    faces = FACES if arguments.face is None else (arguments.face,)
    if arguments.script is not None:
        from .script import make_script

        print(make_script(seed, arguments.script))
    reports = _in_processes(faces, seed, arguments.seconds, arguments.script)
    print(_table(reports, seed))
    for face, report in reports.items():
        for failure in report.failures:
            print(f"\n{face}, --seed {seed} {failure}")
    return int(any(report.failures or any(report.counts[what] for what in NOT_TO_BE) for report in reports.values()))


def _soaked(face: str, seed: int, seconds: float, script: int | None) -> Report:
    try:
        return soak(face, seed, seconds, script)
    except TimeoutError as error:
        return Report(Counter(hangs=1), [str(error)])


def _in_processes(faces: tuple[str, ...], seed: int, seconds: float, script: int | None) -> dict[str, Report]:
    """Soak each face in a process of its own, in which warnings are errors."""
    command = [sys.executable, "-W", "error", "-m", "tests.soak", "--json", f"--seed={seed}", f"--seconds={seconds}"]
    if script is not None:
        command.append(f"--script={script}")
    running = {face: subprocess.Popen([*command, f"--face={face}"], stdout=subprocess.PIPE) for face in faces}
    reports = {}
    try:
        for face, process in running.items():
            try:
                out, _ = process.communicate(timeout=seconds + 2 * (HANG + SETTLE))
                said = json.loads(out)
                reports[face] = Report(Counter(said["counts"]), said["failures"], said["seconds"])
            except (subprocess.TimeoutExpired, ValueError) as error:
                reports[face] = Report(Counter(hangs=1), [f"its process gave no report: {error}"])
    finally:
        for process in running.values():
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
