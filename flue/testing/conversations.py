"""Conversations: what Flue 1.0 betas 8 and 9 keep of an agent instance instead of an event stream.

A stream of batches of chunks. An offset is that of a batch.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flue.testing.ids import make_id, stable_id
from flue.testing.store import format_offset, now_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flue.testing.agents import AgentTurn
    from flue.testing.store import Store


def conversation_path(name: str, instance_id: str) -> str:
    """The path of the conversation of an agent instance."""
    return f"conversations/{name}/{instance_id}"


class Conversations:
    """Writes conversations as agents are spoken to, and reads them back.

    Args:
        store: Where the streams live.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def open(self, turn: AgentTurn) -> str:
        """Make the conversation unless it is there. Returns the offset behind which this turn will be found."""
        path = conversation_path(turn.agent_name, turn.instance_id)
        if self._store.create_stream(path):
            self._append(turn, {"type": "conversation-reset", "snapshot": self._snapshot(path, 0, [], [])})
        position, _ = self._store.tail(path) or (-1, False)
        return format_offset(position)

    def asked(self, turn: AgentTurn) -> None:
        """Note what the agent was sent."""
        message: dict[str, Any] = {"id": make_id("msg"), "role": "user", "submissionId": turn.submission_id}
        message["parts"] = [{"type": "text", "text": turn.message, "state": "done"}]
        message["metadata"] = {"timestamp": now_text()}
        self._append(turn, {"type": "message-appended", "message": message})

    def answered(self, turn: AgentTurn, result: Any) -> None:
        """Note what the agent answered."""
        match result:
            case {"text": str(text)}:
                pass
            case _:
                text = json.dumps(result)
        started = {"type": "message-started", "messageId": make_id("msg"), "timestamp": now_text()}
        message_id = started["messageId"]
        self._append(
            turn,
            started | {"submissionId": turn.submission_id},
            {"type": "message-delta", "messageId": message_id, "kind": "text", "delta": text},
            {"type": "message-completed", "messageId": message_id},
        )

    def settled(self, turn: AgentTurn, outcome: Mapping[str, Any]) -> None:
        """Note how the submission ended."""
        self._append(turn, {"type": "submission-settled", "submissionId": turn.submission_id} | dict(outcome))

    def history(self, path: str) -> dict[str, Any] | None:
        """The conversation as one document, or `None` when there is none."""
        tail = self._store.tail(path)
        if tail is None:
            return None
        messages: dict[str, dict[str, Any]] = {}
        settlements: list[dict[str, Any]] = []
        for chunk in (chunk for batch in self._store.history(path) for chunk in batch):
            match chunk["type"]:
                case "message-appended":
                    messages[chunk["message"]["id"]] = chunk["message"]
                case "message-started":
                    metadata = {"timestamp": chunk["timestamp"]}
                    messages[chunk["messageId"]] = {"id": chunk["messageId"], "role": "assistant", "metadata": metadata}
                case "message-delta":
                    messages[chunk["messageId"]]["parts"] = [{"type": "text", "text": chunk["delta"], "state": "done"}]
                case "submission-settled":
                    kept = ("submissionId", "outcome", "result", "error")
                    settlements.append({name: chunk[name] for name in kept if name in chunk})
                case _:
                    pass
        return self._snapshot(path, tail[0], list(messages.values()), settlements)

    def _snapshot(self, path: str, position: int, messages: list[Any], settlements: list[Any]) -> dict[str, Any]:
        snapshot: dict[str, Any] = {"v": 1, "conversationId": _conversation_id(path), "offset": format_offset(position)}
        return snapshot | {"messages": messages, "settlements": settlements}

    def _append(self, turn: AgentTurn, *chunks: Mapping[str, Any]) -> None:
        path = conversation_path(turn.agent_name, turn.instance_id)
        position, _ = self._store.tail(path) or (-1, False)
        shared = {"conversationId": _conversation_id(path)}
        batch = [
            {"type": chunk["type"]} | shared | dict(chunk) | {"position": {"batch": position + 1, "index": index}}
            for index, chunk in enumerate(chunks)
        ]
        self._store.append(path, [json.dumps(batch)], envelope=None)


def _conversation_id(path: str) -> str:
    return stable_id("conv", path.replace("conversations/", "agents/", 1))
