"""`timeline` and `runs timeline`: what happened when, as bars on a terminal, an HTML page and a trace for Perfetto."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import unquote

import attrs

from flue import models
from flue.cli.output import arguments, clean, count, duration, failure, line, one_line

if TYPE_CHECKING:
    from datetime import datetime

    from flue.cli.output import Line, Terminal
    from flue.models import ConversationChunk, FlueEvent, PromptUsage, RunRecord

Kind: TypeAlias = Literal["run", "conversation", "operation", "submission", "turn", "tool", "task"]

_STYLES: dict[Kind, str] = {
    "run": "bold",
    "conversation": "bold",
    "operation": "blue",
    "submission": "blue",
    "turn": "magenta",
    "tool": "cyan",
    "task": "green",
}
_LABEL_LENGTH = 300
"""Characters of a label that a page shows, and that are taken from a message."""
_LABEL_SHARE = 0.4
"""Share of the columns beside the durations that labels may occupy."""
_SHOWN_IN_NOTEBOOK = 200
"""Steps that a notebook shows."""


# Steps.


@attrs.define
class Bar:
    """A step: the whole run or conversation, an operation, a submission, a turn, a tool call or a task.

    Attributes:
        kind: Of the step.
        label: What it does.
        depth: Number of steps that enclose it.
        start: Milliseconds from the start of the whole.
        end: Milliseconds from the start of the whole; None while it is running.
        failed: Whether it ended with an error.
        parent: The step that encloses it; None for the whole.
        name: What is going on, shorter than the label.
    """

    kind: Kind
    label: str
    depth: int
    start: float
    end: float | None = None
    failed: bool = False
    parent: Bar | None = attrs.field(default=None, repr=False)
    name: str = ""

    @property
    def took(self) -> str:
        """How long it took, in words."""
        return "unfinished" if self.end is None else duration(self.end - self.start)

    def json(self) -> dict[str, Any]:
        """The bar as a JSON object; `durationMs` is null while it is running."""
        return {
            "kind": self.kind,
            "label": self.label,
            "depth": self.depth,
            "startMs": round(self.start, 3),
            "durationMs": None if self.end is None else round(self.end - self.start, 3),
            "isError": self.failed,
        }


_Step: TypeAlias = tuple[Kind, str | None]
"""The kind of a step and its id."""


class Timeline:
    """Steps in the order of their starts.

    Args:
        whole: Encloses all other steps.
        name: Identifies the run or conversation.
        about: What a trace says of the whole.

    Attributes:
        bars: The first one is the whole.
        until: Milliseconds from the start to the end, or to what was seen last.
        name: Identifies the run or conversation.
        started_at: When the first step started, if that is known.
        status: In one word.
        error: Why the whole failed, if it did.
    """

    def __init__(self, whole: Bar, name: str, about: dict[str, str]) -> None:
        self.bars = [whole]
        self.until = whole.end or 0.0
        self.name = name
        self.started_at: datetime | None = None
        self.status = ""
        self.error: str | None = None
        self._whole = whole
        self._about = about
        self._open: dict[_Step, Bar] = {(whole.kind, None): whole}

    def about(self) -> dict[str, str]:
        """What a trace says of the whole."""
        started = {} if self.started_at is None else {"startedAt": self.started_at.isoformat()}
        return self._about | started

    def end(self, bar: Bar) -> float:
        """Milliseconds from the start to the end of a step, or to what is known of a step that is running."""
        return max(self.until if bar.end is None else bar.end, bar.start)

    def _time(self, moment: datetime) -> float:
        """Milliseconds from the start to what happens at a moment; the first one is the start unless that is known."""
        if self.started_at is None:
            self.started_at = moment
        # The record and the events may come from different clocks; nothing happens before the start.
        now = max((moment - self.started_at).total_seconds() * 1000, 0.0)
        self.until = max(self.until, now)
        return now

    def _begin(self, step: _Step, parent: Bar, label: str, now: float, name: str = "") -> Bar:
        """A step begins inside another one."""
        bar = self._open[step] = Bar(step[0], one_line(label), parent.depth + 1, now, parent=parent, name=name)
        self.bars.append(bar)
        return bar

    def _end(self, step: _Step, now: float, *, failed: bool = False) -> None:
        """A step ends, if it has not ended yet."""
        bar = self._open.pop(step, None)
        if bar is not None:
            bar.end, bar.failed = now, failed

    def _repr_html_(self) -> str:
        # A frame of its own keeps the page's styles out of the notebook, and what a server says out of its scripts.
        height = min(240 + 24 * min(len(self.bars), _SHOWN_IN_NOTEBOOK), 640)
        source = escape(page(self, limit=_SHOWN_IN_NOTEBOOK))
        return f'<iframe sandbox="" srcdoc="{source}" style="width:100%;height:{height}px;border:0"></iframe>'


class RunTimeline(Timeline):
    """The steps of a run: what is running and how they enclose each other, kept up to date event by event.

    Args:
        record: Of the run; without it the run starts at its first event.

    Attributes:
        events: Number of events.
        turns_begun: Number of model turns that have begun.
        turns: Number of model turns that have ended.
        usages: What these turns used. The usage on operations sums up the same tokens and is not among them.
    """

    def __init__(self, record: RunRecord | None = None) -> None:
        self.events = 0
        self.turns_begun = 0
        self.turns = 0
        self.usages: list[PromptUsage] = []
        if record is None:
            super().__init__(Bar("run", "", 0, 0.0), "", {})
        else:
            failed = record.status == "errored"
            whole = Bar("run", record.workflow_name, 0, 0.0, record.duration_ms, failed)
            super().__init__(whole, record.run_id, {"runId": record.run_id, "workflowName": record.workflow_name})
            self.started_at = record.started_at
            self.status = record.status
            self.error = failure(record.error) if failed else None

    def parent(self, event: FlueEvent) -> Bar:
        """The operation, turn or task that encloses an event, or the run. Call it before `add`.

        Its `depth` is the level of the event in the tree.
        """
        operation: _Step = ("operation", event.operation_id)
        turn: _Step = ("turn", event.turn_id)
        task: _Step = ("task", event.task_id)
        parents: tuple[_Step, ...]
        match event:
            case models.OperationStartEvent() | models.OperationEvent():
                parents = (task,)
            case models.TurnStartEvent() | models.TurnEvent():
                parents = (operation, task)
            case models.CompactionStartEvent() | models.CompactionEvent():
                parents = (operation, task)
            case models.TaskStartEvent() | models.TaskEvent():
                parents = (turn, operation)
            case _:
                parents = (turn, operation, task)
        return next((self._open[step] for step in parents if step in self._open), self._whole)

    def parallel_task(self, task_id: str | None) -> str | None:
        """The name of a task if several tasks run at once, else None."""
        tasks = {key: bar.name for (kind, key), bar in self._open.items() if kind == "task"}
        return tasks.get(task_id) if len(tasks) > 1 else None

    def current_work(self) -> Bar | None:
        """What was started last and is still running. May be called from another thread."""
        running = reversed(list(self._open.values()))
        return next((bar for bar in running if bar.kind in {"turn", "tool", "task"}), None)

    def turn_label(self, turn_id: str) -> str:
        """`turn 1` for the first turn. Call it before `add`."""
        bar = self._open.get(("turn", turn_id))
        return f"turn {self.turns_begun}" if bar is None else bar.label

    def add(self, event: FlueEvent) -> None:
        """Add an event, in the order of the stream."""
        self.events += 1
        if event.timestamp is None:
            return
        now = self._time(event.timestamp)
        match event:
            case models.OperationStartEvent():
                self._begin_step(("operation", event.operation_id), event.operation_kind, event, now)
            case models.TurnStartEvent():
                self.turns_begun += 1
                label = f"turn {self.turns_begun}"
                self._begin_step(("turn", event.turn_id), label, event, now, "waiting for the model")
            case models.ToolStartEvent():
                call = f"{one_line(event.tool_name)}({arguments(event.args)})"
                self._begin_step(("tool", event.tool_call_id), call, event, now, event.tool_name)
            case models.TaskStartEvent():
                name = f"task {event.agent or event.task_id}"
                self._begin_step(("task", event.task_id), f"task {event.agent or event.prompt}", event, now, name)
            case models.OperationEvent():
                self._end_step(("operation", event.operation_id), event.operation_kind, event, now)
            case models.TurnEvent():
                self.turns += 1
                if event.response.usage is not None:
                    self.usages.append(event.response.usage)
                self._end_step(("turn", event.turn_id), "turn", event, now)
            case models.ToolEvent():
                self._end_step(("tool", event.tool_call_id), event.tool_name, event, now)
            case models.TaskEvent():
                self._end_step(("task", event.task_id), f"task {event.agent or event.task_id}", event, now)
            case models.RunEndEvent():
                self._end_step(("run", None), "run", event, now)
            case _:
                pass

    def _begin_step(self, step: _Step, label: str, event: FlueEvent, now: float, name: str = "") -> None:
        self._begin(step, self.parent(event), label, now, name)

    def _end_step(
        self,
        step: _Step,
        label: str,
        event: models.OperationEvent | models.TurnEvent | models.ToolEvent | models.TaskEvent | models.RunEndEvent,
        now: float,
    ) -> None:
        if step not in self._open:  # its start was not seen
            self._begin_step(step, label, event, max(now - event.duration_ms, 0.0))
        self._end(step, now, failed=event.is_error)


class ConversationTimeline(Timeline):
    """The submissions of a conversation, and the turns and tool calls of each.

    Only the responses carry times: a submission starts with the first thing that happens after its message.

    Args:
        url: Of the conversation.
    """

    def __init__(self, url: str) -> None:
        whole = Bar("conversation", unquote(url.rstrip("/").rpartition("/")[2]), 0, 0.0, 0.0)
        super().__init__(whole, url, {"conversation": url})
        self.status = "empty"
        self._waiting: dict[str, str] = {}  # labels of submissions that have not started
        self._turn_count = 0

    def add(self, chunk: ConversationChunk) -> None:
        """Add a chunk, in the order of the stream, which is best read from its origin."""
        if isinstance(chunk, models.MessageAppendedChunk):
            message = chunk.message
            if message.role != "assistant" and message.submission_id is not None:
                text = next((part.text for part in message.parts if isinstance(part, models.TextPart)), "")
                label = one_line(text[:_LABEL_LENGTH]) or message.purpose
                self._waiting.setdefault(message.submission_id, label)
            return
        moment: datetime | None = getattr(chunk, "timestamp", None)
        if moment is None:
            return
        now = self._time(moment)
        for submission_id in list(self._waiting):
            self._submission(submission_id, now)
        self._add(chunk, now)
        runs = any(kind == "submission" for kind, _ in self._open)
        self._whole.end = None if runs else self.until
        self.status = "running" if runs else "settled"

    def _add(self, chunk: ConversationChunk, now: float) -> None:
        match chunk:
            case models.MessageStartedChunk():
                self._turn_count += 1
                turn: _Step = ("turn", chunk.message_id)  # each step of a message is one
                self._end(turn, now, failed=True)  # its end is missing: the step failed
                parent = self._whole if chunk.submission_id is None else self._submission(chunk.submission_id, now)
                self._begin(turn, parent, f"turn {self._turn_count}", now)
            case models.MessageCompletedChunk():
                self._end(("turn", chunk.message_id), now)
            case models.ToolInputChunk():
                begun = self._open.get(("turn", chunk.message_id))
                parent = self._whole if begun is None or begun.parent is None else begun.parent
                tool: _Step = ("tool", chunk.tool_call_id)
                if tool in self._open:  # some providers use an id twice; outcomes go to the newest call
                    self._open["tool", f"{chunk.tool_call_id} {len(self.bars)}"] = self._open.pop(tool)
                self._begin(tool, parent, f"{one_line(chunk.tool_name)}({arguments(chunk.input)})", now)
            case models.ToolOutputChunk() | models.ToolOutputErrorChunk():
                bar = self._open.get(("tool", chunk.tool_call_id))
                if bar is not None and chunk.duration_ms is not None:  # it waited before it was executed
                    bar.start = max(now - chunk.duration_ms, bar.start)
                self._end(("tool", chunk.tool_call_id), now, failed=isinstance(chunk, models.ToolOutputErrorChunk))
            case models.SubmissionSettledChunk():
                submission = self._submission(chunk.submission_id, now)
                for step in [step for step, bar in self._open.items() if bar is submission or bar.parent is submission]:
                    self._end(step, now, failed=chunk.outcome != "completed")
            case _:
                pass

    def _submission(self, submission_id: str, now: float) -> Bar:
        step: _Step = ("submission", submission_id)
        if step not in self._open:
            self._begin(step, self._whole, self._waiting.pop(submission_id, submission_id), now)
        return self._open[step]


# On a terminal.


def draw(timeline: Timeline, terminal: Terminal) -> list[Line]:
    """The bars as lines that fill the columns of a terminal."""
    columns = terminal.columns
    labels = ["  " * bar.depth + bar.label for bar in timeline.bars]
    time_columns = max(len(bar.took) for bar in timeline.bars)
    label_columns = min(max(map(terminal.width, labels)), int((columns - time_columns) * _LABEL_SHARE))
    cells = max(columns - label_columns - time_columns - 4, 4)
    lines: list[Line] = []
    for bar, label in zip(timeline.bars, labels, strict=True):
        first, last = _cells(bar, timeline, cells)
        style = "red" if bar.failed else _STYLES[bar.kind]
        label_span = (terminal.fit(label, label_columns), "red" if bar.failed else "")
        drawn = ("░" if bar.end is None else "█") * (last - first)
        after = " " * (cells - last + 2) + f"{bar.took:>{time_columns}}"
        spans = (label_span, (" " * (2 + first), ""), (drawn, style), (after, "dim"))
        lines.append(line(*spans, overflow="ellipsis"))
    return lines


def _cells(bar: Bar, timeline: Timeline, cells: int) -> tuple[int, int]:
    """The first cell of a bar and the one after its last; every bar has at least one cell."""
    if timeline.until <= 0:
        return 0, cells
    scale = cells / timeline.until
    first = min(int(bar.start * scale), cells - 1)
    return first, min(max(round(timeline.end(bar) * scale), first + 1), cells)


# As a trace.


def trace(timeline: Timeline) -> str:
    """The timeline in the Trace Event format, as JSON: Perfetto (ui.perfetto.dev) and `chrome://tracing` open it.

    The whole is one process. A thread holds steps that enclose each other or follow one another; steps that overlap
    otherwise, such as parallel tasks, get threads of their own. Times are microseconds from the start.
    """
    whole = timeline.bars[0]
    threads: list[list[Bar]] = []  # for each thread the steps that are open, the innermost last
    events: list[dict[str, Any]] = []
    for bar in sorted(timeline.bars, key=lambda bar: (bar.start, bar.depth)):
        end = timeline.end(bar)
        for stack in threads:
            while stack and stack[-1] is not bar.parent and timeline.end(stack[-1]) <= bar.start:
                stack.pop()
        # Inside its parent where that is possible; clocks that differ may let a step end after its parent.
        inside = (number for number, stack in enumerate(threads) if stack and stack[-1] is bar.parent)
        fitting = [number for number in inside if bar.parent is None or end <= timeline.end(bar.parent)]
        number = next(iter(fitting), next((number for number, stack in enumerate(threads) if not stack), len(threads)))
        if number == len(threads):
            threads.append([])
        threads[number].append(bar)
        details = {"failed": bar.failed, "unfinished": bar.end is None}
        start = round(bar.start * 1000)
        events.append(
            {"name": clean(bar.label), "cat": bar.kind, "ph": "X", "ts": start, "dur": round(end * 1000) - start}
            | {"pid": 1, "tid": number + 1, "args": {name: True for name, given in details.items() if given}}
        )
    names = [whole.kind, *(f"parallel {number}" for number in range(1, len(threads)))]
    titles = [("process_name", 0, f"{clean(whole.label)} {clean(timeline.name)}")]
    titles += [("thread_name", number, name) for number, name in enumerate(names, 1)]
    metadata = [
        {"name": kind, "ph": "M", "pid": 1, "tid": thread, "args": {"name": name}} for kind, thread, name in titles
    ]
    document = {"traceEvents": [*metadata, *events], "displayTimeUnit": "ms", "otherData": timeline.about()}
    return json.dumps(document, indent=1) + "\n"


# As a page.

_MIN_WIDTH = 0.3
"""Smallest width of a bar in per cent of the axis, so that it can be seen."""
_INTERVALS = 6
"""Number of intervals on the axis that fit on a telephone, too."""
_SECOND, _MINUTE, _HOUR = 1000.0, 60_000.0, 3_600_000.0
_STEPS = [
    *(1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0),
    *(number * _SECOND for number in (1, 2, 5, 10, 15, 30)),
    *(number * _MINUTE for number in (1, 2, 5, 10, 15, 30)),
    *(number * _HOUR for number in (1, 2, 3, 6, 12, 24)),
]
"""Distances between two marks of the axis, in milliseconds."""

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
.run rect, .conversation rect { fill: var(--run); }
.operation rect, .submission rect { fill: var(--operation); }
.turn rect { fill: var(--turn); }
.tool rect { fill: var(--tool); }
.task rect { fill: var(--task); }
.failed rect { fill: var(--failed); }
.open rect { opacity: .45; }
ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 1rem 0 0; padding: 0; list-style: none;
  color: var(--soft); }
li svg { width: 12px; height: 12px; margin-right: .4rem; vertical-align: -1px; }
"""


def page(timeline: Timeline, *, limit: int | None = None) -> str:
    """The timeline as an HTML page without scripts that loads nothing: it can be attached to a ticket.

    Args:
        timeline: What to draw.
        limit: Number of steps that are drawn, the first ones; None for all.
    """
    started = "" if timeline.started_at is None else f"started {timeline.started_at:%Y-%m-%d %H:%M:%S} UTC"
    summary = [timeline.status, duration(timeline.until), started, count(len(timeline.bars) - 1, "step")]
    if limit is not None and len(timeline.bars) > limit:
        summary.append(f"the first {limit} are shown")
    error = "" if timeline.error is None else f'<p class="failed">{_text(timeline.error)}</p>\n'
    name, run_id = _text(timeline.bars[0].label), _text(timeline.name)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # A second line of defence: should a name from the server ever become markup, it can do nothing.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{name} {run_id}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{name}</h1>\n<p>{run_id}</p>\n<p>{_text(', '.join(filter(None, summary)))}</p>\n{error}"
        f'<div class="chart">\n{_chart(timeline, limit)}\n</div>\n'
        f"<ul>{_legend(timeline)}</ul>\n</body>\n</html>\n"
    )


def _chart(timeline: Timeline, limit: int | None) -> str:
    until = max(timeline.until, 1.0)
    step = _step(until)
    marks = "".join(_mark(number * step, until) for number in range(int(until / step) + 1))
    rows = "\n".join(_row(bar, timeline) for bar in timeline.bars[:limit])
    return (
        f'<table style="--interval: {_share(step, until):.4f}%">\n'
        f'<thead><tr><th class="step">step</th><th><svg>{marks}</svg></th><th class="took">took</th></tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody>\n</table>"
    )


def _row(bar: Bar, timeline: Timeline) -> str:
    classes = " ".join([bar.kind, *["failed"] * bar.failed, *["open"] * (bar.end is None)])
    label = _text(bar.label[:_LABEL_LENGTH]) + "…" * (len(bar.label) > _LABEL_LENGTH)
    title = f": {bar.took}{', failed' if bar.failed else ''}, {duration(bar.start)} after the start"
    # A run without duration fills the axis.
    until = timeline.until
    width = max(_share(timeline.end(bar) - bar.start, until), _MIN_WIDTH) if until > 0 else 100.0
    first = min(_share(bar.start, until), 100.0 - width)
    return (
        f'<tr class="{classes}" title="{label}{title}">'
        f'<th scope="row" style="--depth: {bar.depth}">{label}</th>'
        f'<td><svg aria-hidden="true"><rect x="{first:.2f}%" y="4" width="{width:.2f}%" height="16" rx="3"/></svg></td>'
        f"<td>{'✗ ' if bar.failed else ''}{bar.took}</td></tr>"
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
    """The distance between two marks of the axis, in milliseconds."""
    step = next((step for step in _STEPS if until / step <= _INTERVALS), _STEPS[-1])
    while until / step > _INTERVALS:
        step *= 2
    return step


def _share(part: float, until: float) -> float:
    return 100 * part / until if until > 0 else 0.0


def _text(text: str) -> str:
    return escape(clean(text))
