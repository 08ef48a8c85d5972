"""Answers written by hand: events, pages and server-sent frames as bytes, and a run from its admission to its record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flue.testing import Fault, Reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .harness import Face

RUN = "run_1"
"""The run of a scripted stream; its requests are found by this text."""
SSE = ("content-type", "text/event-stream")
JSON = ("content-type", "application/json")


def offset(position: int) -> str:
    """The offset behind the event at a position, as Flue writes it."""
    return "-1" if position < 0 else f"{0:016d}_{position:016d}"


def log(index: int, **fields: Any) -> dict[str, Any]:
    """A `log` event of the wire."""
    event = {"v": 3, "type": "log", "eventIndex": index, "timestamp": "2026-01-01T00:00:00.000Z", "runId": RUN}
    return event | {"level": "info", "message": f"message {index}"} | fields


def logs(first: int, behind: int) -> list[dict[str, Any]]:
    """The events at these positions."""
    return [log(index) for index in range(first, behind)]


def run_end(index: int, **fields: Any) -> dict[str, Any]:
    """The `run_end` of the run."""
    event = {"v": 3, "type": "run_end", "eventIndex": index, "timestamp": "2026-01-01T00:00:01.000Z", "runId": RUN}
    return event | {"isError": False, "result": 42, "durationMs": 1} | fields


def dumps(value: Any) -> bytes:
    """JSON without white space."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def data(*events: Any) -> bytes:
    """A data frame."""
    return b"event: data\ndata:" + dumps(events) + b"\n\n"


def control(position: int | str, **fields: Any) -> bytes:
    """A control frame behind the event at a position."""
    said = {"streamNextOffset": position if isinstance(position, str) else offset(position), **fields}
    return b"event: control\ndata:" + dumps(said) + b"\n\n"


def sse(*frames: bytes, **options: Any) -> Reply:
    """An answer of server-sent events; each piece is a chunk of its own."""
    return Reply(200, [SSE], list(frames), **options)


def page(*events: Any, next_offset: str | None, up_to_date: bool = True, closed: bool = False, **options: Any) -> Reply:
    """A catch-up page."""
    headers = [JSON]
    if next_offset is not None:
        headers.append(("stream-next-offset", next_offset))
    if up_to_date:
        headers.append(("stream-up-to-date", "true"))
    if closed:
        headers.append(("stream-closed", "true"))
    return Reply(200, headers, dumps(events), **options)


def empty_poll(position: int, *, closed: bool = False) -> Reply:
    """A 204: nothing new behind a position."""
    headers = [("stream-next-offset", offset(position)), ("stream-up-to-date", "true")]
    return Reply(204, [*headers, ("stream-closed", "true")] if closed else headers)


def indexes(events: list[Any]) -> list[int]:
    """What distinguishes the events."""
    return [event.event_index for event in events]


# A run that is started.

START = "/api/workflows/report"
FIRST = "/api/runs/run_1?offset=-1"
RECORD = "/api/runs/run_1?meta"
NOT_REPEATED = "the request is not retried: whether the server has admitted it is not known"
CLOSED = page(log(0), next_offset=offset(0), closed=True)
"""A whole stream without `run_end`."""


def record(status: str, **fields: Any) -> Reply:
    """The record of the run."""
    body = {"runId": RUN, "workflowName": "report", "status": status, "startedAt": "2026-01-01T00:00:00.000Z"}
    return Reply(200, [JSON], dumps(body | fields))


def admitted(face: Face, *replies: Reply, records: Sequence[Reply] = (), run_id: str = RUN) -> None:
    """The run is started; then come these answers, and these records, the last of each for ever."""
    face.server.script("workflows/report", [Reply(202, [JSON], dumps({"runId": run_id}))])
    face.server.script("?meta", records, repeat_last=True)
    face.server.script("runs/run_1", replies, repeat_last=True)


def raw_page(body: bytes, *, headers: Sequence[tuple[str, str]] = (), **fault: Any) -> Reply:
    """A last page with this body, and something wrong with it."""
    closed = [JSON, ("stream-next-offset", offset(2)), ("stream-closed", "true")]
    return Reply(200, [*closed, *headers], body, Fault(**fault))
