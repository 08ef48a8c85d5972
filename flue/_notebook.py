"""What notebooks show of events, runs and conversations, `timeline()` and `to_frame()`. Loaded when first asked for."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable  # noqa: TC003  # whoever resolves the annotations at run time finds it here
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

from flue import models
from flue.cli.output import arguments, clean, count, duration, failure, one_line
from flue.cli.timeline import ConversationTimeline, RunTimeline, Timeline
from flue.codec import to_json
from flue.codec._base import Model, WireModel, field_types, is_model, union_members
from flue.codec._unknown import Unknown
from flue.core.conversation import ConversationState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    # pandas has no types of its own; whoever has its stubs gets them.
    import pandas as pd  # type: ignore[import-untyped, import-not-found, unused-ignore]  # pyright: ignore[reportMissingTypeStubs, reportMissingImports]

__all__ = ["render", "timeline", "to_frame"]


# HTML. Text from the server is escaped, and cleaned of control characters and of marks that reorder text. Styles stand
# on the elements, since a style sheet would hold for the whole notebook. Colours can be read on white and on black.

_TEXT_BUDGET = 20_000
"""Characters of the server's text that one representation shows."""
_ELEMENT_COST = 50
"""What an element takes off that budget besides its text, so that many empty ones end, too."""
_LONG, _SHORT = 2_000, 200
"""Characters that are shown of one text, and of one in a line."""
_LINE = 100
"""Characters of JSON that are shown on one line."""
_LAST_MESSAGES = 20

_ENVELOPE = ("event_index", "timestamp", "run_id", "instance_id", "conversation_id", "submission_id", "position")
"""Attributes that events and chunks share and that their headline shows."""
_HIDDEN = {"v", "type", "wire_extra", "session", "parent_session", "harness", "agent_name", "dispatch_id"}

_FRAME = "font:13px/1.5 system-ui,sans-serif;max-width:64em;overflow-wrap:anywhere;text-align:left"
_GRID = "display:grid;grid-template-columns:minmax(7em,max-content) minmax(0,1fr);gap:2px 14px"
_CODE = "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:12px;white-space:pre-wrap"
_BLOCK = "border-left:3px solid rgba(128,128,128,.4);padding:0 0 0 10px;margin:6px 0"
_SOFT = "opacity:.65"
_OUTCOMES = {
    "completed": ("✓", "#1f9d55"),
    "output-available": ("✓", "#1f9d55"),
    "errored": ("✗", "#e0433d"),
    "failed": ("✗", "#e0433d"),
    "output-error": ("✗", "#e0433d"),
    "aborted": ("■", "#b7791f"),
}


def render(value: Model | ConversationState) -> str | None:
    """HTML of a bounded size that needs nothing from elsewhere and runs no script.

    None, for which IPython shows the `repr`, where the value was made by hand and cannot be JSON.
    """
    html = _Html()
    try:
        body = html.body(value)
    except (TypeError, ValueError, AttributeError):
        return None
    return f'<div style="{_FRAME}">{body}</div>'


class _Html:
    """One representation, which may use so much text and no more."""

    def __init__(self) -> None:
        self._left = _TEXT_BUDGET

    def body(self, value: Model | ConversationState) -> str:
        match value:
            case models.RunRecord():
                return self._run(value)
            case models.ConversationMessage():
                return self._message(value, {})
            case models.ConversationSnapshot() | ConversationState():
                return self._conversation(value)
            case _:
                return self._model(value)

    # Text.

    def _text(self, text: str, limit: int = _LONG, *, line: bool = False) -> str:
        """Escaped text; what does not fit is replaced by an ellipsis."""
        allowed = min(limit, max(self._left, 0))
        shown = text[:allowed]
        shown = one_line(shown) if line else clean(shown)
        self._left -= len(shown) + _ELEMENT_COST
        return escape(shown) + "…" * (len(text) > allowed)

    def _block(self, value: Any) -> str:
        """A value: text as it is, JSON on one line where there is room, else folded."""
        if isinstance(value, dict | list) and (line := _dumps(value)) and len(line) > _LINE:
            return self._folded(self._bdi(line, _CODE, _LINE), _dumps(value, indent=2))
        return f'<div dir="auto" style="{_CODE}">{self._text(value if isinstance(value, str) else _dumps(value))}</div>'

    def _bdi(self, text: str, style: str = "", limit: int = _SHORT) -> str:
        return f'<bdi style="{style}">{self._text(text, limit, line=True)}</bdi>'

    def _folded(self, summary: str, value: Any) -> str:
        label = f'<summary style="{_SOFT};cursor:pointer">{summary}</summary>'
        return f"<details>{label}{self._block(value)}</details>"

    def _mark(self, word: str, label: str = "") -> str:
        mark, colour = _OUTCOMES.get(word, ("●", "#3b82f6"))
        return f'<span style="color:{colour}">{mark} {self._text(label, _SHORT, line=True)}</span>'

    def _headline(self, title: str, *details: str) -> str:
        soft = " · ".join(self._bdi(detail) for detail in details if detail)
        return f'<div>{self._bdi(title, "font-weight:600")} <span style="{_SOFT}">{soft}</span></div>'

    def _grid(self, rows: Iterable[tuple[str, Any]]) -> str:
        cells: list[str] = []
        for name, value in rows:
            if self._left <= 0:
                cells.append("<div>…</div><div></div>")
                break
            cells.append(f'<div style="{_SOFT}">{self._text(name, _SHORT, line=True)}</div>{self._block(value)}')
        return f'<div style="{_BLOCK}"><div style="{_GRID}">{"".join(cells)}</div></div>' if cells else ""

    # Values.

    def _model(self, value: Any) -> str:
        envelope = {name: getattr(value, name, None) for name in _ENVELOPE}
        rows: Iterable[tuple[str, Any]]
        if isinstance(value, Unknown):
            title = value.wire_type or "no type"
            rows = [("not understood", value.problem), ("as it came", value.raw)]
        else:
            title = getattr(value, "type", type(value).__name__)
            names = (field.name for field in value.__attrs_attrs__ if field.name not in envelope.keys() | _HIDDEN)
            members = ((name, getattr(value, name)) for name in names)
            rows = ((name, _plain(member)) for name, member in members if member is not None)
        return self._headline(title, *_describe(envelope)) + self._grid(rows)

    def _run(self, run: models.RunRecord) -> str:
        took = "" if run.duration_ms is None else duration(run.duration_ms)
        rows = [("input", run.input), ("result", run.result)]
        shown = [(name, value) for name, value in rows if value is not None]
        if run.status == "errored":
            shown.append(("error", failure(run.error)))
        headline = self._headline(run.workflow_name, run.run_id, _moment(run.started_at), took)
        return headline + f"<div>{self._mark(run.status, run.status)}</div>" + self._grid(shown)

    def _conversation(self, state: models.ConversationSnapshot | ConversationState) -> str:
        settlements = {settlement.submission_id: settlement for settlement in state.settlements}
        messages = [message for message in state.messages if message.display != "hidden"]
        blocks: list[str] = []
        for message in reversed(messages[-_LAST_MESSAGES:]):
            if self._left <= 0:
                break
            blocks.append(self._message(message, settlements))
        headline = self._headline("conversation", state.conversation_id, count(len(messages), "message"))
        earlier = len(messages) - len(blocks)
        skipped = f'<div style="{_SOFT}">… {count(earlier, "earlier message")}</div>' if earlier else ""
        return headline + skipped + "".join(reversed(blocks))

    def _message(
        self, message: models.ConversationMessage, settlements: dict[str, models.ConversationSettlement]
    ) -> str:
        parts: list[str] = []
        for part in message.parts:
            if self._left <= 0:
                parts.append("…")
                break
            parts.append(self._part(part))
        settlement = settlements.get(message.submission_id or "")
        if message.role == "assistant" and settlement is not None and settlement.outcome != "completed":
            reason = "" if settlement.error is None else self._bdi(failure(settlement.error))
            parts.append(f"<div>{self._mark(settlement.outcome, settlement.outcome)} {reason}</div>")
        role = message.role if message.signal is None else f"signal {message.signal.tag_name or ''}"
        return f'<div style="{_BLOCK}"><div style="{_SOFT}">{self._bdi(role)}</div>{"".join(parts)}</div>'

    def _part(self, part: models.ConversationPart) -> str:
        match part:
            case models.TextPart():
                return f'<div dir="auto" style="white-space:pre-wrap">{self._text(part.text)}</div>'
            case models.ReasoningPart():
                return self._folded("reasoning", part.text)
            case models.DynamicToolPart():
                return self._tool(part)
            case models.FilePart():
                return f"<div>file {self._bdi(part.filename or '')} {self._bdi(part.media_type, _SOFT)}</div>"
            case models.DataPart():
                return self._folded(f"data {self._bdi(part.name)}", part.data)
            case _:
                return self._folded(f"unknown part {self._bdi(part.wire_type or '')}", part.raw)

    def _tool(self, part: models.DynamicToolPart) -> str:
        took = "" if part.duration_ms is None else duration(part.duration_ms)
        call = self._bdi(f"{part.tool_name}({arguments(part.input)})", _CODE)
        line = f'{self._mark(part.state)}{call} <span style="{_SOFT}">{took}</span>'
        output = part.error_text if part.error_text is not None else part.output
        return f"<div>{line}{'' if output is None else self._folded('output', output)}</div>"


def _dumps(value: Any, indent: int | None = None) -> str:
    """The JSON text of a value; of a long one the beginning, at a cost that does not depend on its size."""
    taken: list[str] = []
    length = 0
    for chunk in json.JSONEncoder(ensure_ascii=False, indent=indent).iterencode(value):
        taken.append(chunk)
        length += len(chunk)
        if length > _LONG:
            break
    return "".join(taken)


def _describe(envelope: dict[str, Any]) -> Iterator[str]:
    """The headline's details: position, time and the ids."""
    for name, value in envelope.items():
        match value:
            case None:
                continue
            case datetime():
                yield _moment(value)
            case int() if name == "event_index":
                yield f"#{value}"
            case models.ChunkPosition():
                yield f"#{value.batch}.{value.index}"
            case _:
                yield str(value)


def _moment(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC"


def _plain(value: Any) -> Any:
    """A value of a model as JSON."""
    if isinstance(value, Model):
        return to_json(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        elements: Any = value  # pyright: ignore[reportUnknownVariableType]
        return [_plain(element) for element in elements]
    return value


# Tables.

_EVENT_COLUMNS = (
    *("type", "event_index", "timestamp", "run_id", "instance_id", "dispatch_id", "submission_id", "agent_name"),
    *("conversation_id", "session", "parent_session", "task_id", "harness", "operation_id", "turn_id"),
)
_CHUNK_COLUMNS = ("type", "conversation_id", "batch", "index", "message_id", "submission_id", "timestamp")


def timeline(
    of: models.RunRecord | str, events: Iterable[models.FlueEvent] | Iterable[models.ConversationChunk]
) -> Timeline:
    """When the steps of a run or of a conversation began and how long they took. Notebooks show it as bars.

    Args:
        of: The record of a run, or the URL of a conversation.
        events: The events of that run, or the chunks of that conversation, best from its origin:
            `conversation.stream(offset="-1", live=False)`.

    Returns:
        The timeline; its `bars` are the steps in the order of their starts.

    Raises:
        TypeError: `of` is something else, or one of the events is not of its kind.

    Example:
        >>> flue.timeline(client.runs.get(run_id), client.runs.events(run_id))  # doctest: +SKIP
    """
    if isinstance(of, models.RunRecord):
        made: Any = RunTimeline(of)
        fits, whose = _is_event, "a run's record takes its events"
    elif isinstance(of, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        made = ConversationTimeline(of)
        fits, whose = _is_chunk, "a conversation's URL takes its chunks"
    else:
        raise TypeError(f"timeline() takes a run's record or a conversation's URL, not {type(of).__name__}")
    for event in events:
        if not fits(event):
            raise TypeError(f"timeline() of {whose}, not {type(event).__name__}")
        made.add(event)
    drawn: Timeline = made
    return drawn


def to_frame(values: Iterable[models.FlueEvent | models.ConversationChunk | models.RunRecord]) -> pd.DataFrame:
    """A pandas DataFrame with one row for each event, conversation chunk or run record, in their order.

    The first columns are what all of them have: for events `type` and the envelope (`event_index`, `timestamp`,
    `run_id`, ...), for chunks `type`, the ids and the position (`batch`, `index`), for records their attributes. Then
    come the attributes of the single types, under their own names; they are missing in the rows of the other types.
    Nested objects and lists are left out there; the last column, `wire`, holds each value's whole JSON object.

    Args:
        values: Models of one kind, such as `client.runs.events(run_id)`, a stream, or `flue.replay(path)`. Events of an
            unknown type have their own type in `type`.

    Returns:
        The table; columns of times are `datetime64[us, UTC]`. Without any values it has the columns of events.

    Raises:
        ImportError: Pandas is not installed.
        TypeError: One of the values is something else.

    Example:
        >>> frame = flue.to_frame(client.runs.events(run_id))  # doctest: +SKIP
        >>> frame[frame.type == "tool"].groupby("tool_name").duration_ms.sum()  # doctest: +SKIP
    """
    try:
        import pandas as pd  # noqa: PLC0415  # optional  # pyright: ignore[reportMissingTypeStubs, reportMissingImports]
    except ImportError as error:
        raise ImportError("flue.to_frame() needs pandas: pip install pandas") from error
    rows: list[dict[str, Any]] = []
    columns: dict[str, None] = {}
    times: set[str] = set()
    known: dict[type, list[str]] = {}
    for value in values:
        kind = value.__class__
        shared = _shared_columns(value)
        if kind not in known:
            columns.update(dict.fromkeys(shared))
            known[kind] = _own_columns(kind, times)
        row: dict[str, Any] = {name: getattr(value, name, None) for name in (*shared, *known[kind])}
        if isinstance(value, Unknown):
            row["type"] = value.wire_type
        if (position := getattr(value, "position", None)) is not None:
            row["batch"], row["index"] = position.batch, position.index
        rows.append(row | {"wire": to_json(value)})
    every = {
        **(columns if rows else dict.fromkeys(_EVENT_COLUMNS)),
        **dict.fromkeys(itertools.chain.from_iterable(known.values())),
        "wire": None,
    }
    table: dict[str, Any] = {}
    for name in every:
        cells = [row.get(name) for row in rows]
        if name in times or name == "timestamp":
            moments = [None if cell is None else cell.astimezone(UTC) for cell in cells]
            table[name] = pd.Series(moments, dtype="datetime64[us, UTC]")
        else:
            table[name] = pd.Series(cells, dtype=None if cells else object)
    return pd.DataFrame(table, columns=list(every))


def _shared_columns(value: object) -> Sequence[str]:
    if isinstance(value, models.RunRecord):
        return ()
    if _is_chunk(value):
        return _CHUNK_COLUMNS
    if _is_event(value):
        return _EVENT_COLUMNS
    raise TypeError(f"to_frame() takes events, conversation chunks or run records, not {type(value).__name__}")


def _is_chunk(value: object) -> bool:
    return isinstance(value, models.UnknownChunk) or hasattr(value, "position")


def _is_event(value: object) -> bool:
    return isinstance(value, models.UnknownEvent) or hasattr(value, "event_index")


def _own_columns(kind: type, times: set[str]) -> list[str]:
    """The attributes of a class that fit into a cell; those that are times are added to `times`."""
    if not issubclass(kind, WireModel):
        return []
    names: list[str] = []
    for name, hint in field_types(kind).items():
        members = union_members(hint)
        if datetime in members:
            times.add(name)
        if name != "v" and not any(is_model(member) or _is_container(member) for member in members):
            names.append(name)
    return names


def _is_container(hint: Any) -> bool:
    return getattr(hint, "__origin__", hint) in {list, dict}
