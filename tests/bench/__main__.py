"""``python -m tests.bench``: how fast the client is, against others on the same machine in the same run."""

from __future__ import annotations

import argparse
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from . import corpus, imports, latency, memory, node, real, report, throughput
from .children import BenchError, server
from .scale import Scale, quick, tiny

if TYPE_CHECKING:
    from collections.abc import Callable

    from .node import Sdk
    from .report import Section

    Part = Callable[[Scale, Sdk | None, str], list[Section]]

RESULTS = Path(__file__).with_name("RESULTS.md")
PARTS: dict[str, Part] = {
    "throughput": throughput.measure,
    "real": real.measure,
    "latency": latency.measure,
    "million": memory.long_run,
    "idle": memory.idle_streams,
    "imports": imports.measure,
    "big": memory.big_event,
}


def main() -> None:
    """Measure, print, and write the results if asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a rough look, in a minute and a half")
    size.add_argument("--tiny", action="store_true", help="show that every part works, and measure nothing")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part only; may be given again")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}; all parts, full size")
    arguments = parser.parse_args()
    if arguments.write and (arguments.only or arguments.quick or arguments.tiny):
        parser.error("--write is for all parts at full size")
    if missing := [name for name in ("orjson", "durable_streams") if find_spec(name) is None]:
        parser.error(f"{' and '.join(missing)} not installed: pip install --group bench")
    sdk, others = find_sdk()
    scale = quick() if arguments.quick else tiny() if arguments.tiny else Scale()
    sections = measure(arguments.only or list(PARTS), scale, sdk)
    document = report.document(sections, settings(scale, arguments.quick or arguments.tiny), others)
    print(document)
    if arguments.write:
        RESULTS.write_text(document)


def find_sdk() -> tuple[Sdk | None, list[str]]:
    """`@flue/sdk` and what to say of it among the versions."""
    try:
        sdk = node.find()
    except BenchError as error:
        return None, [f"no `@flue/sdk` ({error})"]
    return sdk, [sdk.version, sdk.node_version]


def measure(names: list[str], scale: Scale, sdk: Sdk | None) -> list[Section]:
    """These parts, one after the other, until the time is up."""
    sections: list[Section] = []
    for name in names:
        if scale.over:
            sections.append(report.Section(f"Part `{name}`", notes=["Not measured: out of time."]))
            continue
        begin = time.monotonic()
        with server() as base_url:
            sections += PARTS[name](scale, sdk, base_url)
        print(f"{name}: {time.monotonic() - begin:.0f} s", flush=True)
    return sections


def settings(scale: Scale, rough: bool) -> str:
    """What the numbers stand for."""
    return (
        f"{scale.events:,} events of {corpus.mean_size(scale.events):.0f} bytes "
        f"({scale.fewer:,} beyond plain catch-up, {scale.frames:,} in frames of 1) from a "
        "server on the same machine that rendered its answers beforehand. Every contestant and the server is a process "
        f"of its own; contestants take turns, {scale.least} to {scale.most} rounds; medians. flue gives typed events, "
        "the others dictionaries or plain objects."
        + (" **A rough run: too small to judge the targets.**" if rough else "")
    )


if __name__ == "__main__":
    main()
