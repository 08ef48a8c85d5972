"""A timeline as one HTML page that needs nothing else: to be attached to a ticket."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from flue.cli.describe import count, duration, failure
from flue.cli.text import clean

if TYPE_CHECKING:
    from flue.cli.bars import Bar, Timeline

__all__ = ["page"]

_THINNEST = 0.3
"""Per cent of the axis that a bar has at least, so that it can be seen."""
_INTERVALS = 6
"""The axis has room for so many, also on a telephone."""
_SECOND, _MINUTE, _HOUR = 1000.0, 60_000.0, 3_600_000.0
_STEPS = [
    *(1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0),
    *(number * _SECOND for number in (1, 2, 5, 10, 15, 30)),
    *(number * _MINUTE for number in (1, 2, 5, 10, 15, 30)),
    *(number * _HOUR for number in (1, 2, 3, 6, 12, 24)),
]
"""Lengths of time that people count in, in milliseconds."""

_STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1c2024; --soft: #646b76; --line: #e2e5e9; --page: #fff; --failed: #dc2626;
  --run: #4b5563; --operation: #3b82f6; --turn: #a855f7; --tool: #0891a5; --task: #1f9d55;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --soft: #9aa3ad; --line: #30363d; --page: #14171a; --run: #9aa3ad; --failed: #f4625f; }
}
body { margin: 0 auto; padding: 2rem; max-width: 1400px; background: var(--page); color: var(--ink);
  font: 14px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.25rem; }
p { margin: .25rem 0; color: var(--soft); }
p.failed, tr.failed > * { color: var(--failed); }
.chart { margin-top: 1.25rem; overflow-x: auto; }
table { width: 100%; min-width: 640px; border-collapse: collapse; table-layout: fixed; font-size: 12px; }
th, td { height: 24px; padding: 0; font-weight: normal; line-height: 24px; text-align: left; white-space: nowrap;
  overflow: hidden; text-overflow: ellipsis; }
thead th { color: var(--soft); }
tbody th { padding: 0 12px 0 calc(min(var(--depth), 12) * 12px);
  font-family: ui-monospace, Menlo, Consolas, monospace; }
.step { width: 30%; }
.took { width: 6.5rem; }
td + td, th:last-child { padding-left: 12px; color: var(--soft); }
tbody tr:hover { background: color-mix(in srgb, var(--line) 50%, transparent); }
table svg { display: block; width: 100%; height: 24px; overflow: visible; }
tbody svg { background: repeating-linear-gradient(to right, var(--line) 0 1px, transparent 1px var(--interval)); }
text { fill: var(--soft); }
.run rect { fill: var(--run); }
.operation rect { fill: var(--operation); }
.turn rect { fill: var(--turn); }
.tool rect { fill: var(--tool); }
.task rect { fill: var(--task); }
.failed rect { fill: var(--failed); }
.open rect { opacity: .45; }
ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 1rem 0 0; padding: 0; list-style: none;
  color: var(--soft); }
li svg { width: 12px; height: 12px; margin-right: .4rem; vertical-align: -1px; }
"""


def page(timeline: Timeline) -> str:
    """The page, complete: no script, nothing from elsewhere."""
    record = timeline.record
    facts = [record.status, duration(timeline.until), f"started {record.started_at:%Y-%m-%d %H:%M:%S} UTC"]
    facts.append(count(len(timeline.bars) - 1, "step"))
    error = f'<p class="failed">{_text(failure(record.error))}</p>\n' if record.status == "errored" else ""
    name, run_id = _text(record.workflow_name), _text(record.run_id)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Names and errors are the server's; should one of them ever become markup, it can still do nothing.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{name} {run_id}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{name}</h1>\n<p>{run_id}</p>\n<p>{_text(', '.join(facts))}</p>\n{error}"
        f'<div class="chart">\n{_chart(timeline)}\n</div>\n<ul>{_legend(timeline)}</ul>\n</body>\n</html>\n'
    )


def _chart(timeline: Timeline) -> str:
    until = max(timeline.until, 1.0)
    step = _step(until)
    marks = "".join(_mark(number * step, until) for number in range(int(until / step) + 1))
    return "\n".join(
        [
            f'<table style="--interval: {_share(step, until):.4f}%">',
            f'<thead><tr><th class="step">step</th><th><svg>{marks}</svg></th><th class="took">took</th></tr></thead>',
            "<tbody>",
            *(_row(bar, timeline.until) for bar in timeline.bars),
            "</tbody>\n</table>",
        ]
    )


def _row(bar: Bar, until: float) -> str:
    end = until if bar.end is None else bar.end
    took = "unfinished" if bar.end is None else duration(bar.end - bar.start)
    classes = " ".join([bar.kind, *["failed"] * bar.failed, *["open"] * (bar.end is None)])
    told = f"{bar.label}: {took}{', failed' if bar.failed else ''}, {duration(bar.start)} after the start"
    # A run that took no time fills the axis.
    wide = max(_share(end - bar.start, until), _THINNEST) if until > 0 else 100.0
    first = min(_share(bar.start, until), 100.0 - wide)
    return (
        f'<tr class="{classes}" title="{_text(told)}">'
        f'<th scope="row" style="--depth: {bar.depth}">{_text(bar.label)}</th>'
        f'<td><svg aria-hidden="true"><rect x="{first:.2f}%" y="4" width="{wide:.2f}%" height="16" rx="3"/></svg></td>'
        f"<td>{'✗ ' if bar.failed else ''}{took}</td></tr>"
    )


def _legend(timeline: Timeline) -> str:
    failed = ["failed"] * any(bar.failed for bar in timeline.bars)
    square = '<svg><rect width="12" height="12" rx="3"/></svg>'
    kinds = dict.fromkeys([bar.kind for bar in timeline.bars])
    return "".join(f'<li class="{kind}">{square}{kind}</li>' for kind in [*kinds, *failed])


def _mark(moment: float, until: float) -> str:
    share = _share(moment, until)
    anchor = "start" if share == 0 else "end" if share > 95 else "middle"
    return f'<text x="{share:.2f}%" y="16" text-anchor="{anchor}">{duration(moment) if moment else "0"}</text>'


def _step(until: float) -> float:
    """How far the marks of the axis are from each other, in milliseconds."""
    step = next((step for step in _STEPS if until / step <= _INTERVALS), _STEPS[-1])
    while until / step > _INTERVALS:
        step *= 2
    return step


def _share(part: float, until: float) -> float:
    return 100 * part / until if until > 0 else 0.0


def _text(text: str) -> str:
    return escape(clean(text))
