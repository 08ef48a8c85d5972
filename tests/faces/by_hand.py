"""Answers written by hand: a run from its admission to its record, and pages of any bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flue.testing import Fault, Reply

from .frames import JSON, RUN, dumps, log, offset, page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .harness import Face

START = "/api/workflows/report"
FIRST = "/api/runs/run_1?offset=-1"
RECORD = "/api/runs/run_1?meta"
CLOSED = page(log(0), next_offset=offset(0), closed=True)
"""A whole stream without `run_end`."""


def record(status: str, **fields: Any) -> Reply:
    """The record of the run."""
    body = {"runId": RUN, "workflowName": "report", "status": status, "startedAt": "2026-01-01T00:00:00.000Z"}
    return Reply(200, [JSON], dumps(body | fields))


def admitted(face: Face, *replies: Reply, records: Sequence[Reply] = ()) -> None:
    """The run is started; then come these answers, and these records, the last of each for ever."""
    face.server.script("workflows/report", [Reply(202, [JSON], b'{"runId":"run_1"}')])
    face.server.script("?meta", records, repeat_last=True)
    face.server.script("runs/run_1", replies, repeat_last=True)


def raw_page(body: bytes, *, headers: Sequence[tuple[str, str]] = (), **fault: Any) -> Reply:
    """A last page with this body, and something wrong with it."""
    closed = [JSON, ("stream-next-offset", offset(2)), ("stream-closed", "true")]
    return Reply(200, [*closed, *headers], body, Fault(**fault))
