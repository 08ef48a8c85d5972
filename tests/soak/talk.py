"""Conversations among the scripts: what is written into one, how it is read meanwhile, and what must come out."""

from __future__ import annotations

import contextlib
import random
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from flue import FlueExecutionError, read_submission_reply, to_json
from tests.faces.harness import Talk

from .play import HANG, Place, Play
from .script import LONGEST_DELAY, PAGE_LIMITS, Planned, planned_faults

if TYPE_CHECKING:
    from tests.faces.harness import Face

AGENT = "soak"
TARGET = "sub_target"
Way = Literal["stream", "wait", "read", "observe", "ask"]


@dataclass(frozen=True)
class TalkScript:
    """One conversation.

    Attributes:
        number: Of the script.
        way: How it is read.
        live: How news are waited for.
        server: The index of its server in `PAGE_LIMITS`.
        shared: Whether the client sends with a session, or an HTTP client, of its caller.
        batches: What is written, batch by batch: each a list of acts. The last one settles the target.
        ready: How many of them are there before anything is read.
        delays: Seconds before each of the others.
        breaks: After how many chunks a stream is left, and how; it is opened again at its offset.
        faults: By the number of the request, from 0.
    """

    number: int
    way: Way
    live: Literal["sse", "long-poll"]
    server: int
    shared: bool
    batches: tuple[tuple[str, ...], ...] = field(repr=False)
    ready: int
    delays: tuple[float, ...] = field(repr=False)
    breaks: tuple[tuple[int, str, float], ...]
    faults: dict[int, Planned] = field(repr=False)

    def __str__(self) -> str:
        lines = [repr(self), *(f"  {' '.join(batch) or 'nothing'}" for batch in self.batches)]
        return "\n".join([*lines, *(f"  request {number}: {planned}" for number, planned in self.faults.items())])


ACTS = ("user", "say", "say", "say", "think", "call", "return", "fail", "data", "describe", "complete", "settle")


def make_talk_script(seed: int, number: int) -> TalkScript:
    """The script of a number."""
    rng = random.Random(f"talk {seed}:{number}")
    way: Way = rng.choice(["stream", "stream", "wait", "read", "observe", "observe", "ask"])
    batches: list[tuple[str, ...]] = [("user", "start")]
    for _ in range(rng.randint(1, 25)):
        kind = rng.random()
        if kind < 0.04:
            batches.append(())
        elif kind < 0.1:
            batches.append(("compact",))
        elif kind < 0.13 and way in {"wait", "read", "observe"} and ("replace",) not in batches:
            batches.append(("replace",))
        else:
            batches.append(tuple(rng.choices(ACTS, k=rng.randint(1, 4))))
    batches += [("complete",), ("target",)]
    ready = rng.randint(0, len(batches) - 1)
    delays = tuple(rng.uniform(0.0, LONGEST_DELAY) for _ in batches[ready:])
    kinds = ("close", "forget", "cancel", "give up")
    breaks = sorted((rng.randint(1, 30), rng.choice(kinds), rng.uniform(0.0005, LONGEST_DELAY)) for _ in range(2))
    shared = rng.random() < 0.1
    faults = planned_faults(rng, shared=shared, dense=True)
    server = rng.randrange(len(PAGE_LIMITS))
    live: Literal["sse", "long-poll"] = rng.choice(["sse", "sse", "long-poll"])
    return TalkScript(
        number, way, live, server, shared, tuple(batches), ready, delays, tuple(breaks[: rng.randint(0, 2)]), faults
    )


class TalkPlay(Play):
    """One conversation."""

    def __init__(self, script: TalkScript, face: Face, client: Any) -> None:
        super().__init__(script, face)
        self._talk = Talk(face, client.conversation("agents", AGENT, self.id))
        self._writer = threading.Thread(target=self._write_all, name=f"writer of {self.id}")
        self._calls: list[str] = []
        self._said = 0
        self._written: list[Place] = [(0, 0)]  # of the reset with which a conversation begins
        self._batches = 1

    def play(self) -> None:
        """Write a part of it, and read it in its way while the rest is written."""
        if self.script.way == "ask":
            self._ask()
            return
        self._server.create_conversation(AGENT, self.id)
        for batch in self.script.batches[: self.script.ready]:
            self._write(batch)
        self._writer.start()
        getattr(self, f"_{self.script.way}")()

    def join(self) -> None:
        """Wait until all is written."""
        if self._writer.ident is not None:
            self._writer.join()

    def take(self, handed: Any) -> None:
        """A chunk has a place."""
        self.ledger.take((handed.position.batch, handed.position.index))

    # Reading.

    def _stream(self) -> None:
        breaks = list(self.script.breaks)
        stream, count = self._open("-1"), 0
        while True:
            if breaks and count >= breaks[0][0]:
                _, kind, delay = breaks.pop(0)
                self.leave(stream, kind, delay)
                if stream.closed:  # it was quicker
                    break
                stream = self._open(stream.offset)
            try:
                self.take(stream.next())
            except StopIteration:
                break
            count += 1
        self.join()
        self.ledger.end(self._written)
        if not stream.closed:
            raise AssertionError(f"the stream ended at {stream.offset} without the settlement")

    def _open(self, offset: str) -> Any:
        self._face.streams.clear()
        self.ledger.begin(offset)
        return self._talk.stream(TARGET, offset=offset, live=self.script.live, timeout=HANG)

    def _wait(self) -> None:
        self.ledger.begin("-1")
        # As a receipt of the origin says it, but without the look at the history that comes first then.
        stream = self._talk.stream(TARGET, offset="-1", timeout=HANG) if not self._is_replaced else None
        if stream is None:
            self._talk.wait(TARGET, timeout=HANG, on_event=lambda chunk: self.ledger.counts.update(events=1))
            return
        for chunk in stream:
            self.take(chunk)
        self.join()
        self.ledger.end(self._written)
        self._talk.wait(TARGET, timeout=HANG)

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

    @property
    def _is_replaced(self) -> bool:
        return ("replace",) in self.script.batches

    # Writing.

    def _write_all(self) -> None:
        pause = threading.Event()
        for batch, delay in zip(self.script.batches[self.script.ready :], self.script.delays, strict=True):
            pause.wait(delay)
            self._write(batch)

    def _write(self, batch: tuple[str, ...]) -> None:
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
        self._written += [(self._batches, index) for index in range(chunks)]
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
