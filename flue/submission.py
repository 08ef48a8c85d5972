"""One admitted prompt: which events of an agent's stream are its own, and how it went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flue import codec, models
from flue.errors import AbortError, FlueConnectionError, FlueError, FlueExecutionError, FlueTimeoutError

if TYPE_CHECKING:
    from flue.codec import JSON
    from flue.models import AgentPromptResponse, AttachedAgentEvent

__all__ = ["Submission", "explain_prompt"]


class Submission:
    """An admitted prompt, and how it was settled, once that is known.

    Attributes:
        id: as the admission names it.
        stream_url: of the agent instance.
        offset: where the submission's events begin.
        settled: whether its last event was seen.
    """

    def __init__(self, admission: object) -> None:
        """Args: admission: what `send()` or `prompt()` gave.

        Raises:
            TypeError: the admission is something else.
            ValueError: it names no submission.
        """
        if not isinstance(admission, models.AgentSendResult | models.AgentPromptResult):
            message = f"admission must be what send() or prompt() gave, not {type(admission).__name__}"
            raise TypeError(message)
        if not admission.submission_id:
            raise ValueError("the admission's submission_id is empty")
        self.id = admission.submission_id
        self.stream_url = admission.stream_url
        self.offset = admission.offset
        self.settled = False
        self._end: dict[str, Any] = {}

    def owns(self, event: AttachedAgentEvent) -> bool:
        """Whether the event belongs to this submission: other prompts share the stream."""
        return event.submission_id == self.id

    def heard(self, event: AttachedAgentEvent) -> None:
        """One of its events was handed over; the last one settles it, even where it does not fit the schema."""
        kind = event.wire_type if event.type == "unknown" else event.type
        if kind == "submission_settled":
            self.settled = True
            self._end = codec.to_json(event)

    def result(self) -> AgentPromptResponse | JSON:
        """The agent's answer.

        Raises:
            FlueExecutionError: the submission failed or was aborted, or its stream ended without saying how it went.
        """
        if not self.settled:
            raise FlueExecutionError("agent_submission", self.id, "terminal_event_missing")
        outcome = self._end.get("outcome")
        if outcome == "completed":
            return codec.decode_agent_prompt_response(self._end.get("result"))
        error = FlueExecutionError("agent_submission", self.id, "failed", self._end.get("error"))
        error.add_note(f"the outcome of the submission is {outcome!r}")
        raise error

    def explain(self, error: FlueError) -> None:
        """Note on an error of the wait for it that the submission goes on without its caller."""
        if not isinstance(error, FlueExecutionError):
            error.add_note(f"submission {self.id} was admitted and goes on without this call")


def explain_prompt(error: FlueError) -> None:
    """Note on an error of a prompt that, where no answer came, the agent may be at work all the same."""
    if isinstance(error, FlueConnectionError | FlueTimeoutError | AbortError):
        error.add_note("if the prompt was admitted, the agent goes on, and its stream will show how it went")
