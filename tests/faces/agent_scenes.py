"""Agents of either face, and their answers as a real Flue gave them or written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flue import AgentSendResult
from flue.testing import Reply

from .frames import JSON, dumps

if TYPE_CHECKING:
    from .harness import Face, Stream

RECORDINGS = Path(__file__).parents[1] / "recordings"
AGENT = "/agents/assistant/rec1"
"""The agent instance of the recordings; its requests are found by this text."""
SUBMISSION = "cb4fa689-f40e-43b3-aa18-c9b29c0713f6"
"""The submission of the recorded events."""
OTHER = "another-submission"


def call(face: Face, method: str, *arguments: Any, **options: Any) -> Any:
    """Call a method of `client.agents`; what came of it goes into the transcript."""
    return face.noted(method, getattr(face.client.agents, method), *arguments, **options)


def follow(face: Face, *arguments: Any, **options: Any) -> Stream:
    """A stream of the agent; the scenario closes it, or else its end does."""
    return face.pulling(face.client.agents.stream(*arguments or ("assistant", "rec1"), **options))


def recorded_answer(name: str) -> bytes:
    """An HTTP answer as it was recorded."""
    return (RECORDINGS / f"{name}.http").read_bytes()


def recorded_body(name: str) -> Any:
    """The JSON of a recorded answer."""
    return json.loads(recorded_answer(name).partition(b"\r\n\r\n")[2])


def recorded_events() -> list[dict[str, Any]]:
    """The events of one prompt, from the first to `submission_settled`."""
    return json.loads((RECORDINGS / "agent_events.json").read_bytes())


def admission(face: Face, *, offset: str = "-1", submission_id: str = SUBMISSION, url: str = "") -> AgentSendResult:
    """What `send()` gives."""
    return AgentSendResult(
        stream_url=url or f"{face.server.base_url}{AGENT}", offset=offset, submission_id=submission_id
    )


def event(index: int, kind: str, *, submission_id: str = SUBMISSION, **fields: Any) -> dict[str, Any]:
    """An event of an agent's stream."""
    made = {"v": 3, "type": kind, "eventIndex": index, "timestamp": "2026-01-01T00:00:00.000Z"}
    return made | {"instanceId": "rec1", "agentName": "assistant", "submissionId": submission_id} | fields


def settled(index: int, outcome: str = "completed", **fields: Any) -> dict[str, Any]:
    """The last event of a submission."""
    return event(index, "submission_settled", outcome=outcome, **fields)


def refusal(status: int, kind: str, details: str = "", message: str = "no") -> Reply:
    """An error envelope of Flue."""
    return Reply(status, [JSON], dumps({"error": {"type": kind, "message": message, "details": details}}))
