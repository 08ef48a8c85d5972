"""What was measured, as Markdown."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ["msgspec", "attrs", "cattrs", "requests", "urllib3", "httpx", "tenacity", "orjson", "durable-streams"]
UNKNOWN = "n/a"


@dataclass(frozen=True)
class Target:
    """One line of the table of targets; where it has two values, the first is the sync face's.

    `cpu` has the same ratios by the clients' CPU time: what a busy machine disturbs less.
    """

    measure: str
    values: tuple[float | None, ...]
    limits: tuple[float, ...]
    at_least: bool = False
    unit: str = ""
    cpu: tuple[float | None, ...] = ()

    @property
    def met(self) -> bool | None:
        """None if a value is missing."""
        known = [pair for pair in zip(self.values, self.limits, strict=True) if pair[0] is not None]
        if len(known) < len(self.limits):
            return None
        return all(value >= limit if self.at_least else value <= limit for value, limit in known)

    def row(self) -> list[str]:
        """Its line."""
        sign = "≥" if self.at_least else "≤"
        wanted = " / ".join(f"{limit:g}" for limit in self.limits)
        verdict = {True: "met", False: "**missed**", None: "not measured"}[self.met]
        return [
            self.measure,
            f"{sign} {wanted}{self.unit}",
            f"{listed(self.values)}{self.unit}",
            listed(self.cpu),
            verdict,
        ]


@dataclass
class Section:
    """One part of the benchmark."""

    title: str
    head: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Title, notes and table."""
        parts = [f"## {self.title}", *self.notes]
        if self.rows:
            parts.append(table(self.head, self.rows))
        return "\n\n".join(parts)


def listed(values: tuple[float | None, ...]) -> str:
    """One or two values in a cell."""
    return " / ".join(UNKNOWN if value is None else f"{value:.2f}" for value in values)


def ratio(value: float | None, reference: float | None) -> float | None:
    """One against the other, when both are known."""
    return None if value is None or reference is None else value / reference


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def targets(sections: list[Section]) -> str:
    """The table of all ratios against their targets."""
    rows = [target.row() for section in sections for target in section.targets]
    return table(["measure (sync / async where there are two)", "target", "measured", "by CPU time", ""], rows)


def machine(others: list[str]) -> str:
    """Cores, processor, memory and versions."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = [f"Python {platform.python_version()}", f"flue-sdk {installed('flue-sdk')}"]
    versions += [f"{name} {installed(name)}" for name in PACKAGES]
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    return f"{cores} cores of {processor()}, {memory:.0f} GiB, {system}. {', '.join(versions + others)}."


def processor() -> str:
    """The model's name."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def installed(name: str) -> str:
    """A package's version, or that it is missing."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def document(sections: list[Section], settings: str, others: list[str]) -> str:
    """The whole result."""
    parts = ["# Results of `make bench`", machine(others), settings, "## Targets", targets(sections)]
    return "\n\n".join([*parts, *(section.text() for section in sections)]) + "\n"
