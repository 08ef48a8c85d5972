"""A workflow run as the server has it on record.

The record is written after the run's stream has closed, so it may say `active` for a moment longer than the stream
does.

Generated from schemas/run_record.json by `python -m codegen`: do not edit.
"""

# ruff: noqa: TC003  (whoever resolves the annotations at run time finds their names here)

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

import attrs

from flue.codec._base import JSON, WireModel

RunStatus: TypeAlias = Literal["active", "completed", "errored"]
"""State of a workflow run."""


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class RunRecord(WireModel):
    """A workflow run as the server has it on record.

    The record is written after the run's stream has closed, so it may say `active` for a moment longer than the stream
    does.

    Attributes:
        run_id: The run.
        workflow_name: Name of the workflow that it runs.
        status: Whether it is still running, and how it ended.
        started_at: When it was admitted.
        ended_at: When it ended; None while it is active.
        is_error: Whether it failed; None while it is active.
        duration_ms: How long it took, in milliseconds; None while it is active.
        input: The input that the workflow was invoked with; None when there was none.
        result: What the workflow returned; None when it returned nothing or failed.
        error: Why it failed, usually an object with `name` and `message`.
    """

    run_id: str
    workflow_name: str
    status: RunStatus
    started_at: datetime
    ended_at: datetime | None = None
    is_error: bool | None = None
    duration_ms: float | None = None
    input: JSON = None
    result: JSON = None
    error: JSON = None
