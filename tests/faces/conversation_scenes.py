"""Conversations of either face: agents that answer, and chunks written by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flue import SendResult, to_json

from .frames import offset
from .harness import AGENT, on_both_faces

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue.testing import FlueTestServer

CHUNKS = [
    "message-appended",
    "message-started",
    "message-delta",
    "message-completed",
    "submission-settled",
]
"""What comes of a message that is answered in one piece."""

on_flue_2 = on_both_faces(flue_version=2)


def answering(server: FlueTestServer) -> list[Any]:
    """An agent that answers, or does what it is told; the messages that it gets."""
    taken = []

    @server.agent(AGENT)
    def support(turn):
        taken.append(turn.message)
        if turn.message.body == "fail":
            raise ValueError("no luck")
        if turn.message.body == "wait":
            turn.text("so far")
            turn.sleep(30.0)
        return f"answer to {turn.message.body}"

    return taken


def by_hand(server: FlueTestServer, id: str = "one") -> Callable[..., object]:
    """A conversation that nobody works on. What is there then is the reset of its creation.

    Returns:
        A function that adds a batch of chunks.
    """
    server.add_agent(AGENT, lambda turn: None)
    server.create_conversation(AGENT, id)
    return lambda *chunks: server.append_chunks(AGENT, id, *chunks)


def message(submission: str, *, role: str = "assistant", text: str = "yes") -> dict[str, Any]:
    """The chunk of a whole message."""
    part = {"type": "text", "text": text, "state": "done"}
    fields = {"id": f"m_{submission}", "role": role, "purpose": role, "display": "visible", "parts": [part]}
    return {"type": "message-appended", "message": {**fields, "submissionId": submission}}


def settled(submission: str) -> dict[str, Any]:
    """The last chunk of a submission."""
    return {"type": "submission-settled", "submissionId": submission, "outcome": "completed"}


def receipt(batches: int, submission: str = "sub_1") -> SendResult:
    """What `send()` gives for a submission that begins behind so many batches."""
    return SendResult(
        submission_id=submission, uid="inst_1", offset=behind(batches), stream_url="http://x", deduplicated=False
    )


def behind(batches: int) -> str:
    """The offset behind so many batches; the first is the reset of the creation."""
    return offset(batches - 1)


def places(chunks: list[Any]) -> list[tuple[int, int]]:
    """Where chunks stand."""
    return [(chunk.position.batch, chunk.position.index) for chunk in chunks]


def texts(state: Any) -> list[str]:
    """All text of a state or snapshot."""
    return [part.text for one in state.messages for part in one.parts if part.type == "text"]


def is_history(state: Any, snapshot: Any) -> bool:
    """Whether a state says what the history says."""
    return state.conversation_id == snapshot.conversation_id and all(
        [to_json(one) for one in getattr(state, name)] == [to_json(one) for one in getattr(snapshot, name)]
        for name in ("messages", "settlements")
    )
