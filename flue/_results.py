"""How a run or a submission ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from flue import codec, models
from flue.errors import (
    AbortError,
    FlueConnectionError,
    FlueError,
    FlueExecutionError,
    FlueTimeoutError,
    NotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flue._requests import Deadline
    from flue.codec import JSON
    from flue.models import AgentPromptResponse, AttachedAgentEvent

__all__ = ["RunOutcome", "SubmissionOutcome", "explain_prompt"]

RECORD_POLL_DELAYS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between reads of a record that still says `active`: the server writes it after it has closed the stream."""


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
    """The result of one run, from its `run_end`, or from its record when the stream ended without one.

    Attributes:
        done: Whether the result is known.
    """

    def __init__(self, run_id: str, workflow: str) -> None:
        self._run_id = run_id
        self._workflow = workflow
        self.done = False
        self._result: Any = None
        self._error: FlueExecutionError | None = None

    def from_event(self, event: RunEnd) -> None:
        """The run's own `run_end` was seen."""
        self._finish(event.result, event.error, failed=event.is_error)

    def from_record(self, record: Record) -> None:
        """The run's record was read; while it says `active` nothing is known."""
        if record.status != "active":
            self._finish(record.result, record.error, failed=record.status == "errored")

    def poll_record(self, deadline: Deadline) -> Iterator[float | None]:
        """What to do about a result that is not known: seconds to wait, or None to read the record.

        It ends when the result is known, or when the record is not expected to be written any more.

        Raises:
            FlueTimeoutError: The deadline is over.
        """
        for delay in (0.0, *RECORD_POLL_DELAYS):
            if self.done:
                return
            limit, left = deadline.seconds, deadline.remaining()
            if limit is not None and left is not None and left <= delay:
                yield left  # the caller's signal may still end the call in that time
                raise FlueTimeoutError(f"run {self._run_id}: its record still says active after {limit:g} s")
            yield delay
            yield None

    def result(self) -> Any:
        """What the workflow returned.

        Raises:
            FlueExecutionError: The run failed, or nothing says how it went.
        """
        if not self.done:
            raise FlueExecutionError("workflow_run", self._run_id, "terminal_event_missing")
        if self._error is not None:
            raise self._error
        return self._result

    def add_context(self, error: FlueError) -> FlueError:
        """An error after admission: it carries the run's id, and the run goes on without its caller."""
        error.run_id = self._run_id
        if isinstance(error, NotFoundError):
            hint = (
                f"run {self._run_id} was started, but cannot be read: does workflow {self._workflow!r} export `runs`?"
            )
            error.args = (f"{error} ({hint})",)
        return error

    def _finish(self, result: Any, error: Any, *, failed: bool) -> None:
        self.done = True
        self._result = result
        if failed:
            self._error = FlueExecutionError("workflow_run", self._run_id, "failed", error)


class SubmissionOutcome:
    """An admitted prompt, and how it was settled, once that is known.

    Attributes:
        id: As the admission names it.
        stream_url: Of the agent instance.
        offset: Where the submission's events begin.
        done: Whether its last event was seen.
    """

    def __init__(self, admission: object) -> None:
        """Args: admission: what `send()` or `prompt()` gave.

        Raises:
            TypeError: The admission is something else, or was made by hand with values of other types.
            ValueError: It names no submission.
        """
        if not isinstance(admission, models.AgentSendResult | models.AgentPromptResult):
            message = f"admission must be what send() or prompt() gave, not {type(admission).__name__}"
            raise TypeError(message)
        for name in ("submission_id", "stream_url"):
            value: object = getattr(admission, name)
            if not isinstance(value, str):
                raise TypeError(f"the admission's {name} must be str, not {type(value).__name__}")
        if not admission.submission_id:
            raise ValueError("the admission's submission_id is empty")
        self.id = admission.submission_id
        self.stream_url = admission.stream_url
        self.offset = admission.offset
        self.done = False
        self._end: dict[str, Any] = {}

    def matches(self, event: AttachedAgentEvent) -> bool:
        """Whether the event belongs to this submission: other prompts share the stream."""
        return event.submission_id == self.id

    def observe(self, event: AttachedAgentEvent) -> None:
        """One of its events was handed over; the last one settles it, even where it does not fit the schema."""
        kind = event.wire_type if event.type == "unknown" else event.type
        if kind == "submission_settled":
            self.done = True
            self._end = codec.to_json(event)

    def result(self) -> AgentPromptResponse | JSON:
        """The agent's answer.

        Raises:
            FlueExecutionError: The submission failed or was aborted, or its stream ended without saying how it went.
        """
        if not self.done:
            raise FlueExecutionError("agent_submission", self.id, "terminal_event_missing")
        outcome = self._end.get("outcome")
        if outcome == "completed":
            return codec.decode_agent_prompt_response(self._end.get("result"))
        error = FlueExecutionError("agent_submission", self.id, "failed", self._end.get("error"))
        error.add_note(f"the outcome of the submission is {outcome!r}")
        raise error

    def add_context(self, error: FlueError) -> None:
        """Note on an error of the wait for it that the submission goes on without its caller."""
        if not isinstance(error, FlueExecutionError):
            error.add_note(f"submission {self.id} was admitted and goes on without this call")


def explain_prompt(error: FlueError) -> None:
    """Note on an error of a prompt that, where no answer came, the agent may be at work all the same."""
    if isinstance(error, FlueConnectionError | FlueTimeoutError | AbortError):
        error.add_note("if the prompt was admitted, the agent goes on, and its stream will show how it went")
