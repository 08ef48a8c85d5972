"""``python -m tests.bench``: how fast the client is, against others on the same machine in the same run."""

from __future__ import annotations

import argparse
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

from .contest import QUICK, SDKS, Scale
from .measures import PARTS, Section

RESULTS = Path(__file__).with_name("RESULTS.md")
PACKAGES = ("flue-sdk", "msgspec", "attrs", "requests", "urllib3", "httpx", "orjson", "durable-streams")
LIMIT = 480.0
"""Seconds after which no part begins."""


def main() -> None:
    """Measure, print, and write the results if asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="show that every part works, in a minute; ratios are rough"
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="this part only; may be given again")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}; all parts, full size")
    given = parser.parse_args()
    if given.write and (given.only or given.quick):
        parser.error("--write is for all parts at full size")
    scale = QUICK if given.quick else Scale()
    begin = time.monotonic()
    sections: list[Section] = []
    for name in given.only or PARTS:
        if time.monotonic() - begin > LIMIT:
            sections.append(Section(f"Part `{name}`", notes=["Not measured: out of time."]))
            continue
        sections += PARTS[name](scale)
        print(f"{name}: {time.monotonic() - begin:.0f} s", flush=True)
    text = document(sections, scale)
    print(text)
    if given.write:
        RESULTS.write_text(text)


def document(sections: list[Section], scale: Scale) -> str:
    """The results as Markdown."""
    rows = []
    for words, values, limits, at_least in (target for section in sections for target in section.targets):
        of_each = limits * len(values) if len(limits) == 1 else limits
        met = [value >= limit if at_least else value <= limit for value, limit in zip(values, of_each, strict=True)]
        target = f"{'≥' if at_least else '≤'} {' / '.join(f'{limit:g}' for limit in limits)}"
        shown = " / ".join(f"{value:.2f}" for value in values) or "n/a"
        rows.append([words, target, shown, " / ".join("met" if one else "**missed**" for one in met)])
    parts = ["# Results of `make bench`", machine(), settings(scale), "## Targets"]
    parts.append(table(["measure (sync / async where there are two)", "target", "measured", ""], rows))
    for section in sections:
        parts += [f"## {section.title}", *section.notes, *([table(section.head, section.rows)] if section.rows else [])]
    return "\n\n".join(parts) + "\n"


def table(head: list[str], rows: list[list[str]]) -> str:
    """The first column to the left, the others to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine() -> str:
    """Cores, processor, memory and versions."""
    names = Path("/proc/cpuinfo").read_text().splitlines()
    processor = next((line.partition(":")[2].strip() for line in names if line.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{len(os.sched_getaffinity(0))} cores of {processor}, {memory:.0f} GiB, Python {platform.python_version()}; "
        f"{versions}, @flue/sdk of Flue {' and '.join(SDKS.values())}."
    )


def settings(scale: Scale) -> str:
    """What the numbers stand for."""
    return (
        f"Runs of up to {scale.events:,} recorded events, from a server on the same machine that rendered its responses "
        "beforehand. Every contestant and the server is a process of its own; contestants take turns, "
        f"{scale.rounds[0]} to {scale.rounds[1]} rounds; medians. flue gives typed events, the others dictionaries or "
        "plain objects."
    )


if __name__ == "__main__":
    main()
