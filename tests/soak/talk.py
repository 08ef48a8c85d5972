"""Conversations among the scripts: what is written into one, how it is read, and what must come out."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from flue import FlueExecutionError, read_submission_reply, to_json
from tests.faces.harness import Talk

from .play import HANG, Play

if TYPE_CHECKING:
    from tests.faces.harness import Face

    from .script import Script

AGENT = "soak"
TARGET = "sub_target"


class TalkPlay(Play):
    """One conversation."""

    def __init__(self, script: Script, face: Face, client: Any) -> None:
        super().__init__(script, face)
        self._talk = Talk(face, client.conversation("agents", AGENT, self.id))
        self._calls: list[str] = []
        self._said = 0
        self.written = [(0, 0)]  # of the reset with which a conversation begins
        self._batches = 1

    def play(self) -> None:
        """Those who ask have the agent write."""
        if self.script.way == "ask":
            self._ask()
        else:
            super().play()

    def create(self) -> None:
        """An empty conversation."""
        self._server.create_conversation(AGENT, self.id)

    def open(self, offset: str, **options: Any) -> Any:
        """To the settlement of the target."""
        return self._talk.stream(TARGET, offset=offset, **options)

    def take(self, handed: Any) -> None:
        """A chunk has a place."""
        self.ledger.take((handed.position.batch, handed.position.index))

    # Reading.

    def _read(self) -> None:
        reply = self._talk.read(TARGET, timeout=HANG)
        self.join()
        if reply.text != read_submission_reply(self._talk.history(timeout=HANG), TARGET).text:
            self.ledger.counts["altered"] += 1

    def _observe(self) -> None:
        observation = self._talk.observe(live=self.script.live, timeout=HANG)
        states: list[Any] = []
        for state in observation:
            self.ledger.counts["events"] += 1
            states.append(state)
            if any(entry.submission_id == TARGET for entry in state.settlements):
                break
        self.join()
        self.ledger.counts["repeats"] += len(states) - len({id(state) for state in states})
        truth = self._server.snapshot(AGENT, self.id)
        last = states[-1]
        same = (
            last.conversation_id == truth["conversationId"]
            and [to_json(message) for message in last.messages] == truth["messages"]
            and [to_json(entry) for entry in last.settlements] == truth["settlements"]
        )
        if not same:
            self.ledger.counts["altered"] += 1
            self.notes.append(f"{last.messages} is not {truth['messages']}")

    def _ask(self) -> None:
        for index in range(2):
            text = f"{self.id}:{index}"
            self.ledger.counts["altered"] += self._talk.ask(text, timeout=HANG).text != f"answer to {text}"
        with contextlib.suppress(FlueExecutionError):
            self._talk.ask("fail", timeout=HANG)
            self.ledger.counts["altered"] += 1
        snapshot = self._talk.history(timeout=HANG)
        users = [message for message in snapshot.messages if message.role == "user"]
        self.ledger.counts["events"] += len(users)
        self.ledger.counts["repeats"] += max(0, len(users) - 3)
        self.ledger.counts["losses"] += max(0, 3 - len(users))

    # Writing.

    def write(self, batch: tuple[str, ...]) -> None:
        """One batch of chunks, or another beginning."""
        if batch == ("replace",):
            self._server.reset_incarnation(AGENT, self.id)
            return
        if batch == ("compact",):
            self._server.compact(AGENT, self.id)
            chunks = 1
        else:
            made = [chunk for act in batch if (chunk := self._chunk(act)) is not None]
            self._server.append_chunks(AGENT, self.id, *made)
            chunks = len(made)
        self.written += [(self._batches, index) for index in range(chunks)]
        self._batches += 1

    def _chunk(self, act: str) -> dict[str, Any] | None:
        self._said += 1
        word = f"{self._said} "
        own = {"messageId": "answer"}
        match act:
            case "user":
                part = {"type": "text", "text": word, "state": "done"}
                message = {"id": f"user_{word}", "role": "user", "purpose": "user", "display": "visible"}
                return {"type": "message-appended", "message": {**message, "parts": [part]}}
            case "start":
                return {"type": "message-started", **own, "submissionId": TARGET}
            case "say" | "think":
                return {
                    "type": "message-delta",
                    **own,
                    "kind": "text" if act == "say" else "reasoning",
                    "delta": word + "\u2028é" * (self._said % 3),
                }
            case "call":
                call = f"call_{self._said % 3}"
                if call in self._calls:
                    return None
                self._calls.append(call)
                return {"type": "tool-input", **own, "toolCallId": call, "toolName": "t", "input": {"n": self._said}}
            case "return" | "fail":
                if not self._calls:
                    return None
                ended = {"toolCallId": self._calls.pop(0), "durationMs": 1}
                if act == "return":
                    return {"type": "tool-output", **ended, "output": [word]}
                return {"type": "tool-output-error", **ended, "errorText": word}
            case "data":
                return {"type": "data-part", **own, "name": f"d{self._said % 2}", "data": word}
            case "describe":
                return {"type": "message-metadata", **own, "metadata": {"deep": {str(self._said % 4): word}}}
            case "complete":
                return {"type": "message-completed", **own}
            case "target":
                return {"type": "submission-settled", "submissionId": TARGET, "outcome": "completed"}
            case _:
                return {"type": "submission-settled", "submissionId": f"sub_{self._said % 5}", "outcome": "aborted"}


def soak_agent(turn: Any) -> str:
    """The agent of those who ask."""
    if turn.message.body.startswith("fail"):
        raise ValueError("as asked")
    turn.text("answer ")
    return f"answer to {turn.message.body}"
