"""A timeline as one HTML page that needs nothing else: to be attached to a ticket."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from flue.cli.describe import count, duration, failure
from flue.cli.text import clean

if TYPE_CHECKING:
    from flue.cli.bars import Bar, Timeline

__all__ = ["page"]

_ROW = 24
_LABELS = 300
_CHART = 800
_TIMES = 80
_INDENT = 14
_CHARACTER = 7.5
"""Pixels that most characters of a label stay below."""
_STEPS = (1, 2, 5)

_STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1c2024; --soft: #6b7280; --line: #e2e5e9; --page: #fff; --failed: #dc2626;
  --run: #4b5563; --operation: #3b82f6; --turn: #a855f7; --tool: #06a3b7; --task: #22a55a;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --soft: #9aa3ad; --line: #30363d; --page: #14171a; --run: #9aa3ad; --failed: #f05252; }
}
body { margin: 2rem; background: var(--page); color: var(--ink); font: 14px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.25rem; }
p { margin: .25rem 0; color: var(--soft); }
p.failed { color: var(--failed); }
.chart { margin-top: 1.25rem; overflow-x: auto; }
.chart svg { display: block; width: 100%; min-width: 900px; max-width: 1400px; height: auto; }
text { fill: var(--ink); font-size: 12px; }
text.soft { fill: var(--soft); }
line { stroke: var(--line); }
.run { fill: var(--run); }
.operation { fill: var(--operation); }
.turn { fill: var(--turn); }
.tool { fill: var(--tool); }
.task { fill: var(--task); }
rect.failed, text.failed { fill: var(--failed); }
rect.open { opacity: .45; }
ul { display: flex; gap: 1.25rem; margin: 1rem 0 0; padding: 0; list-style: none; color: var(--soft); }
li svg { width: 12px; height: 12px; margin-right: .4rem; vertical-align: -1px; }
"""


def page(timeline: Timeline) -> str:
    """The page, complete: no script, nothing from elsewhere."""
    record = timeline.record
    facts = [record.status, duration(timeline.until), f"started {record.started_at:%Y-%m-%d %H:%M:%S} UTC"]
    facts.append(count(len(timeline.bars) - 1, "step"))
    error = f'<p class="failed">{_text(failure(record.error))}</p>' if record.status == "errored" else ""
    kinds = dict.fromkeys(bar.kind for bar in timeline.bars)
    legend = "".join(
        f'<li><svg viewBox="0 0 12 12"><rect class="{kind}" width="12" height="12" rx="3"/></svg>{kind}</li>'
        for kind in kinds
    )
    name, run_id = _text(record.workflow_name), _text(record.run_id)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name} {run_id}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{name}</h1>\n<p>{run_id}</p>\n<p>{_text(', '.join(facts))}</p>\n{error}\n"
        f'<div class="chart">\n{_chart(timeline)}\n</div>\n<ul>{legend}</ul>\n</body>\n</html>\n'
    )


def _chart(timeline: Timeline) -> str:
    height = _ROW * (len(timeline.bars) + 1)
    scale = _CHART / timeline.until if timeline.until > 0 else 0.0
    parts = [f'<svg viewBox="0 0 {_LABELS + _CHART + _TIMES} {height}" role="img" aria-label="Timeline of the run">']
    for mark in _marks(timeline.until):
        x = _LABELS + mark * scale
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_ROW}" y2="{height}"/>')
        parts.append(f'<text class="soft" x="{x:.1f}" y="{_ROW - 8}" text-anchor="middle">{duration(mark)}</text>')
    parts += [_row(bar, timeline.until, scale, (index + 1) * _ROW) for index, bar in enumerate(timeline.bars)]
    return "\n".join([*parts, "</svg>"])


def _row(bar: Bar, until: float, scale: float, y: int) -> str:
    longest = max(int((_LABELS - bar.depth * _INDENT) / _CHARACTER), 8)
    label = bar.label if len(bar.label) <= longest else f"{bar.label[: longest - 1]}…"
    end = until if bar.end is None else bar.end
    took = "unfinished" if bar.end is None else duration(bar.end - bar.start)
    failed = " failed" if bar.failed else ""
    x = _LABELS + bar.start * scale
    wide = max((end - bar.start) * scale, 2.0)
    classes = f"{bar.kind}{failed}{' open' if bar.end is None else ''}"
    told = f"{bar.label}: {took}{', failed' if bar.failed else ''}, {duration(bar.start)} after the start"
    return (
        f"<g><title>{_text(told)}</title>"
        f'<text class="{failed.strip()}" x="{bar.depth * _INDENT}" y="{y + 16}">{_text(label)}</text>'
        f'<rect class="{classes}" x="{x:.1f}" y="{y + 4}" width="{wide:.1f}" height="{_ROW - 8}" rx="3"/>'
        f'<text class="soft" x="{_LABELS + _CHART + 10}" y="{y + 16}">{took}</text></g>'
    )


def _marks(until: float) -> list[float]:
    """Round times for the axis: four to ten of them."""
    if until <= 0:
        return [0.0]
    size = 1.0
    while True:
        for step in _STEPS:
            if until / (step * size) <= 10:
                return [number * step * size for number in range(int(until / (step * size)) + 1)]
        size *= 10


def _text(text: str) -> str:
    return escape(clean(text))
