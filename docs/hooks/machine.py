"""mkdocs hook: puts the machine's transitions into the page that has their marks, as a picture and as a table."""

from __future__ import annotations

import functools
import sys
from html import escape
from math import hypot
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from transitions import explore

WIDTH, HEIGHT, BOX = 860, 340, (150, 44)
#: The middle of each box, and the states that it stands for. A state without a box is an error: find a place for it.
BOXES = {
    "request": ((90, 170), {"request: page", "request: long poll", "request: server-sent events"}),
    "read": ((430, 110), {"read: page", "read: events"}),
    "read: error": ((430, 230), {"read: error"}),
    "pause": ((270, 310), {"pause", "pause: failure"}),
    "deliver": ((600, 40), {"deliver"}),
    "done": ((770, 130), {"done"}),
    "fail": ((770, 270), {"fail"}),
}
BOX_OF = {state: box for box, (_, states) in BOXES.items() for state in states}
HEAD = """<div class="machine"><svg viewBox="0 0 {} {}" role="img" aria-label="The states of the machine"
 font-size="13" text-anchor="middle" fill="currentColor" stroke="currentColor">"""
TIP = """<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">
<path d="M0 0L8 4L0 8z" stroke="none"/></marker>"""


@functools.cache
def transitions() -> dict[tuple[str, str], list[str]]:
    """Those of the machine as it is now."""
    return explore()


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by mkdocs for every page."""
    if "<!-- machine: picture -->" in markdown:
        markdown = markdown.replace("<!-- machine: picture -->", picture(transitions()))
        markdown = markdown.replace("<!-- machine: table -->", table(transitions()))
    return markdown


def table(found: dict[tuple[str, str], list[str]]) -> str:
    """One row for each transition."""
    rows = [f"| {old} | {'; '.join(causes)} | {new} |" for (old, new), causes in found.items()]
    return "\n".join(["| in | when | next |", "|---|---|---|", *rows])


def picture(found: dict[tuple[str, str], list[str]]) -> str:
    """The states as boxes, the transitions as arrows in the colours of the page; an arrow's tool tip has its causes."""
    lines = [HEAD.format(WIDTH, HEIGHT), TIP]
    merged: dict[tuple[str, str], set[str]] = {}
    for (old, new), causes in found.items():
        merged.setdefault((BOX_OF[old], BOX_OF[new]), set()).update(causes)
    lines += [_arrow(old, new, sorted(causes)) for (old, new), causes in merged.items() if old != new]
    for name, ((x, y), _) in BOXES.items():
        left, top = x - BOX[0] / 2, y - BOX[1] / 2
        thick = 2.5 if name in {"done", "fail"} else 1
        lines.append(
            f'<rect x="{left}" y="{top}" width="{BOX[0]}" height="{BOX[1]}" rx="6" stroke-width="{thick}" '
            'fill="var(--md-default-bg-color, white)"/>'
        )
        lines.append(f'<text x="{x}" y="{y + 4}" stroke="none">{name}{" ↻" if (name, name) in merged else ""}</text>')
    return "\n".join([*lines, "</svg></div>"])


def _arrow(old: str, new: str, causes: list[str]) -> str:
    (x1, y1), (x2, y2) = BOXES[old][0], BOXES[new][0]
    # Bent to its right, so that the way back is another line.
    length = hypot(x2 - x1, y2 - y1)
    bend = 14 + length / 14
    cx, cy = (x1 + x2) / 2 - (y2 - y1) / length * bend, (y1 + y2) / 2 + (x2 - x1) / length * bend
    (x1, y1), (x2, y2) = _edge(x1, y1, cx, cy), _edge(x2, y2, cx, cy)
    title = escape(f"{old} → {new}: {'; '.join(causes)}")
    path = f"M{x1:.0f} {y1:.0f}Q{cx:.0f} {cy:.0f} {x2:.0f} {y2:.0f}"
    return f'<path d="{path}" fill="none" opacity="0.6" marker-end="url(#tip)"><title>{title}</title></path>'


def _edge(x: float, y: float, towards_x: float, towards_y: float) -> tuple[float, float]:
    """Where the line from the middle of a box to a point leaves the box."""
    dx, dy = towards_x - x, towards_y - y
    scale = min(side / 2 / abs(step) for side, step in zip(BOX, (dx, dy), strict=True) if step)
    return x + dx * min(scale, 1), y + dy * min(scale, 1)
