"""How a run went: from its `run_end`, or from its record when the stream ended without one."""

from __future__ import annotations

from typing import Any, Protocol

from flue.errors import FlueError, FlueExecutionError, NotFoundError

__all__ = ["RECORD_PATIENCE", "RunOutcome"]

RECORD_PATIENCE = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between looks at a record that still says `active`: the server writes it after it has closed the stream."""


class RunEnd(Protocol):
    """What is read of a `run_end` event."""

    @property
    def is_error(self) -> bool:
        """Whether the run failed."""
        ...

    @property
    def result(self) -> Any:
        """What the workflow returned."""
        ...

    @property
    def error(self) -> Any:
        """What the workflow raised."""
        ...


class Record(Protocol):
    """What is read of a run's record."""

    @property
    def status(self) -> str:
        """`active`, `completed` or `errored`."""
        ...

    @property
    def result(self) -> Any:
        """What the workflow returned."""
        ...

    @property
    def error(self) -> Any:
        """What the workflow raised."""
        ...


class RunOutcome:
    """The result of one run, once it is known."""

    def __init__(self, run_id: str, workflow: str) -> None:
        self._run_id = run_id
        self._workflow = workflow
        self.known = False
        self._result: Any = None
        self._error: FlueExecutionError | None = None

    def ended(self, event: RunEnd) -> None:
        """The run's own `run_end` was seen."""
        self._settle(event.result, event.error, failed=event.is_error)

    def recorded(self, record: Record) -> None:
        """The run's record was read; while it says `active` nothing is known."""
        if record.status != "active":
            self._settle(record.result, record.error, failed=record.status == "errored")

    def result(self) -> Any:
        """What the workflow returned.

        Raises:
            FlueExecutionError: the run failed, or nothing says how it went.
        """
        if not self.known:
            raise FlueExecutionError("workflow_run", self._run_id, "terminal_event_missing")
        if self._error is not None:
            raise self._error
        return self._result

    def explain(self, error: FlueError) -> FlueError:
        """An error after admission: it carries the run, which goes on without its caller."""
        error.run_id = self._run_id
        if isinstance(error, NotFoundError):
            hint = (
                f"run {self._run_id} was started, but cannot be read: does workflow {self._workflow!r} export `runs`?"
            )
            error.args = (f"{error} ({hint})",)
        return error

    def _settle(self, result: Any, error: Any, *, failed: bool) -> None:
        self.known = True
        self._result = result
        if failed:
            self._error = FlueExecutionError("workflow_run", self._run_id, "failed", error)
