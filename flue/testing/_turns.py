"""Agents of Flue 2 as Python callables: what one turn can write, and the queue of each conversation."""

from __future__ import annotations

import asyncio
import json
import random
import string
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

from flue.testing._runs import ServerStoppedError
from flue.testing._store import make_id, now_text, to_json
from flue.types import UNSET

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

    from flue.testing._conversations import Chunk, Conversation, ReceivedMessage
    from flue.testing._runs import Workers

ConversationFunction: TypeAlias = (
    "Callable[[ConversationTurn], str | None] | Callable[[ConversationTurn], Awaitable[str | None]]"
)

ABORTED = {
    "name": "FlueError",
    "message": "Submission was aborted.",
    "type": "submission_aborted",
    "details": "The operation was stopped before it produced a completed response.",
}

CALL_ABORTED = "This operation was aborted"
"""What a JavaScript tool says that heeds its signal."""

CALL_ID_ALPHABET: Final = string.digits + string.ascii_lowercase
# Not the module's shared generator: a test that seeds that one must not change the ids, nor be changed by them.
_random = random.Random()


class TurnAbortedError(Exception):
    """A client has aborted the turn that is still at work."""


class ToolCall:
    """A call of a tool, from its input to its outcome. Made by `ConversationTurn.tool`.

    A context manager: it ends with `output`, or with the error that leaves the block, which is raised on.

    Attributes:
        id: The id of the call.
        output: What the block leaves as the output, JSON.
    """

    def __init__(self, turn: ConversationTurn, call_id: str, step: int) -> None:
        self.id = call_id
        self.output: Any = None
        self.step = step
        self.outcome: Chunk | None = None
        """The chunk of the outcome, once there is one."""
        self._turn = turn
        self._started = time.monotonic()

    def succeed(self, output: Any = None) -> None:
        """End the call with an output, JSON.

        Raises:
            RuntimeError: It has ended.
            TurnAbortedError: The turn was aborted.
            TypeError: Not JSON.
            ValueError: Not JSON.
        """
        self._end({"type": "tool-output", "toolCallId": self.id, "output": output})

    def fail(self, error: str) -> None:
        """End the call with the text of an error.

        Raises:
            RuntimeError: It has ended.
            TurnAbortedError: The turn was aborted.
        """
        self._end({"type": "tool-output-error", "toolCallId": self.id, "errorText": error})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.outcome is not None or isinstance(
            error, ServerStoppedError | TurnAbortedError | asyncio.CancelledError
        ):
            return
        if error is None:
            self.succeed(self.output)
        else:
            self.fail(str(error) or type(error).__name__)

    def _end(self, outcome: Chunk) -> None:
        if self.outcome is not None:
            msg = f"tool call {self.id} has ended"
            raise RuntimeError(msg)
        duration = round((time.monotonic() - self._started) * 1000)
        self._turn.end_call(self, outcome | {"durationMs": duration, "timestamp": now_text()})


@dataclass(slots=True)
class AgentResponse:
    """A message of an agent in the making, and the submissions that it answers: its own, and those that join it."""

    submission_id: str
    joined_ids: list[str] = field(default_factory=list[str])
    message_id: str | None = None
    turn_id: str | None = None
    """Of its latest step."""
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    """What it will begin with."""
    steps: int = 0

    def join(self, conversation: Conversation, message: ReceivedMessage) -> None:
        self.joined_ids.append(message.submission_id)
        conversation.append({"type": "message-appended", "message": message.to_message(self.turn_id)})
        conversation.append()

    def settle(self, conversation: Conversation, outcome: Chunk) -> None:
        """Settle the submissions: those that have joined come first."""
        for submission_id in (*self.joined_ids, self.submission_id):
            chunk: Chunk = {"type": "submission-settled", "submissionId": submission_id} | outcome
            if self.message_id is not None:
                chunk["answeredBySubmissionId"] = self.submission_id
            conversation.append(chunk | {"timestamp": now_text()})

    def abort(self, conversation: Conversation) -> None:
        """Settle the submissions as aborted, which the transcript says, too."""
        attributes = {"submissionId": self.submission_id, "kind": "direct", "reason": "aborted"}
        advisory = {
            "id": f"entry_submission_aborted_{self.submission_id}",
            "role": "system",
            "purpose": "advisory",
            "display": "diagnostic",
            "signal": {"attributes": attributes},
            "settlement": {"outcome": "aborted"},
            "parts": [{"type": "text", "text": "Submission was aborted.", "state": "done"}],
        }
        conversation.append({"type": "message-appended", "message": advisory})
        self.settle(conversation, {"outcome": "aborted", "error": ABORTED})


class ConversationTurn:
    """The work on one message of a conversation, as the function of the agent sees it.

    What it writes, readers of the conversation see at once.

    Its methods may be called from any thread. They raise `TurnAbortedError` once a client has aborted the turn,
    `ServerStoppedError` once the server stops, `RuntimeError` once the function has returned.

    Attributes:
        agent_name: As registered.
        conversation_id: From the URL.
        uid: Of the conversation.
        submission_id: Of the message that the turn answers.
        message: That message.
        joined: Messages that came in meanwhile and are answered by this turn too, in order. They join it when a step
            begins after a tool call. Messages that wait when the function returns continue the same response, with a
            turn of their own each.
        initial_data: What the conversation was created with, or `None`.
    """

    def __init__(self, message: ReceivedMessage, response: AgentResponse, queue: ConversationQueue) -> None:
        conversation = queue.conversation
        self.agent_name = conversation.agent_name
        self.conversation_id = conversation.id
        self.uid = conversation.uid
        self.submission_id = message.submission_id
        self.message = message
        self.joined: list[ReceivedMessage] = []
        self.initial_data = conversation.initial_data
        self._conversation = conversation
        self._queue = queue
        self._stopped = queue.workers.stopped
        self._interrupted = threading.Event()
        self._response = response
        self._ended = False
        self._aborted = False
        # A step is one answer of a model: it ends when tools have been called, and another one begins.
        self._has_written = False
        self._called_tools = False
        self._step_is_open = False
        self._step_text = ""
        self._parts_before_step: list[Chunk] = []
        self._block: str | None = None
        self._calls: list[ToolCall] = []

    @property
    def aborted(self) -> bool:
        """Whether a client has aborted the turn."""
        return self._aborted

    def text(self, *deltas: str) -> None:
        """Write some of the reply; several pieces are sent together."""
        self._write("text", deltas)

    def reasoning(self, *deltas: str) -> None:
        """Write some reasoning; several pieces are sent together."""
        self._write("reasoning", deltas)

    def tool(
        self,
        name: str,
        input: Any = None,
        *,
        output: Any = UNSET,
        error: str | None = None,
        call_id: str | None = None,
    ) -> ToolCall:
        """Call a tool. Calls that are begun before the first of them ends belong to one step.

        Args:
            name: Of the tool.
            input: JSON; `None` is an empty object.
            output: Ends the call at once with this output, JSON.
            error: Ends the call at once with this error.
            call_id: Instead of a new one.

        Returns:
            The call. Without `output` or `error` it ends as a context manager, or by its methods.
        """
        with self._conversation.lock:
            self._begin_step()
            self._close_block()
            call = ToolCall(self, call_id or _make_call_id(), self._response.steps)
            given: Any = {} if input is None else input
            chunk = self._chunk("tool-input", toolCallId=call.id, toolName=name, input=given, timestamp=now_text())
            self._append(chunk)
            self._calls.append(call)
            self._called_tools = True
        if error is not None:
            call.fail(error)
        elif output is not UNSET:
            call.succeed(output)
        return call

    def data(self, name: str, value: Any) -> None:
        """Write a data part, in place of an older one of this name.

        Args:
            name: The part will have the type ``data-`` and this name.
            value: JSON.
        """
        with self._conversation.lock:
            self._check()
            if self._response.message_id is None:
                self._begin_step()
            elif any(call.step == self._response.steps for call in self._calls):
                self._complete_step()
            self._append(self._chunk("data-part", name=name, data=value))

    def metadata(self, values: Mapping[str, Any]) -> None:
        """Add to the metadata of the message, JSON: objects are merged, anything else replaces what was there."""
        with self._conversation.lock:
            self._check()
            if self._response.message_id is None:
                self._response.metadata |= json.loads(to_json(values))
            else:
                self._append(self._chunk("message-metadata", metadata=dict(values)))

    def begin_step(self) -> None:
        """Begin a step, unless one is open; messages that wait join the response. Writing does it by itself."""
        with self._conversation.lock:
            self._begin_step()

    def end_step(self) -> None:
        """End the step: what is written from now on belongs to another one.

        A step ends by itself when a tool call does, and with the turn. Ending it before has a use: what is added
        then, metadata for instance, comes behind the ``message-completed`` of the step.
        """
        with self._conversation.lock:
            self._check()
            self._complete_step()

    def reset(self) -> None:
        """Take back what this step has written but its data parts, as when a failed call of a model is repeated.

        Readers get a ``conversation-reset``. What stands before the last outcome of a tool stays.
        """
        with self._conversation.lock:
            self._check()
            if self._response.message_id is None or not self._step_is_open:
                return
            self._complete_step()
            written = self._conversation.parts(self._response.message_id)
            data = {part["type"]: part for part in written if part["type"].startswith("data-")}
            parts = [data.pop(part["type"], part) for part in self._parts_before_step]
            self._conversation.replace_parts(self._response.message_id, [*parts, *data.values()])
            self._calls = [call for call in self._calls if call.step != self._response.steps]
            self._response.turn_id = make_id("turn")
            self._step_is_open, self._step_text = True, ""

    def sleep(self, seconds: float) -> None:
        """Wait; for agents that are plain functions. An asynchronous one has `asyncio.sleep`.

        Raises:
            TurnAbortedError: A client aborted the turn meanwhile.
            ServerStoppedError: The server stopped meanwhile.
        """
        self._interrupted.wait(seconds)
        self._check()

    # For the queue and for tool calls, under the lock of the conversation

    def end_call(self, call: ToolCall, outcome: Chunk) -> None:
        """Note the outcome of a call. Those of one step become visible together, when all are there."""
        with self._conversation.lock:
            self._check()
            to_json(outcome)  # what is not JSON fails before anything is written
            if call not in self._calls:
                raise RuntimeError("the tool call was taken back")
            if call.step == self._response.steps:
                self._complete_step()
            self._append()
            call.outcome = outcome
            step = [other for other in self._calls if other.step == call.step]
            if all(other.outcome is not None for other in step):
                self._append_outcomes()

    def finish(self, reply: object) -> None:
        """End the turn with the reply that the function has returned: what of it is not written yet is added."""
        if reply is not None and not isinstance(reply, str):
            msg = f"an agent returns the text of its reply or None, not {type(reply).__name__}"
            raise TypeError(msg)
        written = self._step_text if self._step_is_open else ""
        rest = None if reply is None else reply.removeprefix(written)
        if rest or (rest is not None and not written):
            self._write("text", [rest])
        self._end_message()
        self._ended = True

    def fail(self, error: BaseException) -> None:
        """End the turn and its response with the error that the function has raised."""
        self._end_message()
        operation, reason = f"direct({self._response.submission_id})", str(error) or type(error).__name__
        failure: Chunk = {"name": "FlueError", "message": f"{operation} failed: {reason}", "type": "operation_failed"}
        failure |= {"details": "", "meta": {"operation": operation, "reason": reason}}
        self._response.settle(self._conversation, {"outcome": "failed", "error": failure})
        self._ended = True

    def abort(self) -> None:
        """End the turn and its response because a client wants it."""
        self._complete_step()
        pending = [call for call in self._calls if call.outcome is None]
        if pending:
            for call in pending:
                call.fail(CALL_ABORTED)
            self._begin_step(take_joined=False)
            self._complete_step()
        self._response.abort(self._conversation)
        self.discard()

    def discard(self) -> None:
        """End the turn without a word."""
        self._ended = self._aborted = True
        self.interrupt()

    def interrupt(self) -> None:
        """Let its function sleep no longer."""
        self._interrupted.set()

    # Steps and blocks

    def _write(self, kind: str, deltas: tuple[str, ...] | list[str]) -> None:
        if not all(isinstance(delta, str) for delta in deltas):  # pyright: ignore[reportUnnecessaryIsInstance]
            msg = f"{kind} is written as str: {deltas!r}"
            raise TypeError(msg)
        with self._conversation.lock:
            self._check()
            if any(call.step == self._response.steps for call in self._calls):
                self._complete_step()
            self._begin_step()
            if self._block != kind:
                self._close_block()
                self._append()
                self._block = kind
            self._append(*(self._chunk("message-delta", kind=kind, delta=delta) for delta in deltas))
            if kind == "text":
                self._step_text += "".join(deltas)

    def _begin_step(self, *, take_joined: bool = True) -> None:
        self._check()
        if self._step_is_open:
            return
        self._append_outcomes()
        response = self._response
        if take_joined and self._has_written:
            while self._queue.pending:
                message = self._queue.pending.popleft()
                self.joined.append(message)
                response.join(self._conversation, message)
        is_first = response.message_id is None
        response.message_id = response.message_id or make_id("entry")
        response.turn_id = make_id("turn")
        started = self._chunk("message-started", submissionId=response.submission_id, turnId=response.turn_id)
        if is_first and response.metadata:
            started["metadata"] = response.metadata
        self._append(started | {"timestamp": now_text()})
        response.steps += 1
        self._has_written = self._step_is_open = True
        self._called_tools = False
        self._step_text = ""
        self._parts_before_step = self._conversation.parts(response.message_id)

    def _close_block(self) -> None:
        if self._block is not None:
            self._append()
            self._block = None

    def _complete_step(self) -> None:
        if self._step_is_open:
            self._close_block()
            self._append(self._chunk("message-completed", timestamp=now_text()))
            self._step_is_open = False

    def _append_outcomes(self) -> None:
        outcomes = [call.outcome for call in self._calls if call.outcome is not None]
        if outcomes:
            self._append(*outcomes)
            self._calls = [call for call in self._calls if call.outcome is None]

    def _end_message(self) -> None:
        # A model always answers to the outcome of its tools. Who waits has a turn to come, so nobody joins here.
        if not self._has_written or self._called_tools:
            self._begin_step(take_joined=False)
        self._complete_step()
        self._append_outcomes()

    def _chunk(self, _type: str, /, **fields: Any) -> Chunk:
        """A chunk about the message of the response."""
        return {"type": _type, "messageId": self._response.message_id, **fields}

    def _append(self, *chunks: Chunk) -> None:
        self._conversation.append(*chunks)

    def _check(self) -> None:
        if self._aborted:
            raise TurnAbortedError
        if self._stopped.is_set():
            raise ServerStoppedError
        if self._ended:
            raise RuntimeError("the turn has ended")


class ConversationQueue:
    """The messages of one conversation that wait for their turn, and the turn that is at work.

    Used on the loop of the server.

    Args:
        conversation: Whose messages these are.
        workers: Who calls the functions.
    """

    def __init__(self, conversation: Conversation, workers: Workers) -> None:
        self.conversation = conversation
        self.workers = workers
        self.pending: deque[ReceivedMessage] = deque()
        self._turn: ConversationTurn | None = None
        self._call: asyncio.Task[Any] | None = None
        self._is_served = False

    def submit(self, function: ConversationFunction, message: ReceivedMessage) -> None:
        with self.conversation.lock:
            self.pending.append(message)
        if not self._is_served:
            self._is_served = True
            self.workers.spawn(self._serve(function))

    def abort(self) -> bool:
        """Abort the turn that is at work, and the messages that wait. Returns whether there were any."""
        with self.conversation.lock:
            if self._turn is None and not self.pending:
                return False
            if self._turn is not None:
                self._turn.abort()
                self._turn = None
            for message in self.pending:
                AgentResponse(message.submission_id).abort(self.conversation)
            self._end_call()
        return True

    def discard(self) -> None:
        """End all work: the conversation is gone."""
        with self.conversation.lock:
            if self._turn is not None:
                self._turn.discard()
            self._end_call()

    def _end_call(self) -> None:
        self.pending.clear()
        if self._call is not None:
            self._call.cancel()

    async def _serve(self, function: ConversationFunction) -> None:
        """Give the messages to the agent, one turn after the other, until none waits."""
        conversation = self.conversation
        while self.pending:
            with conversation.lock:
                message = self.pending.popleft()
                is_first = conversation.head == 0
                conversation.append({"type": "message-appended", "message": message.to_message()})
                for _ in range(2 if is_first else 1):
                    conversation.append()
                response = AgentResponse(message.submission_id)
                joined = deque([message])
            while joined:
                turn = self._turn = ConversationTurn(joined.popleft(), response, self)
                name = f"agent {conversation.path}"
                call = self._call = self.workers.spawn(self.workers.call(function, turn, name=name))
                try:
                    await asyncio.wait([call])
                except asyncio.CancelledError:  # the server stops
                    turn.interrupt()
                    raise
                with conversation.lock:
                    self._turn = self._call = None
                    if turn.aborted:
                        break
                    if call.cancelled() or isinstance(call.exception(), ServerStoppedError):
                        return  # the submission stays unsettled, as on a server that died
                    if not _end_turn(turn, call):
                        break
                    if self.pending and not joined:
                        joined.extend(self.pending)
                        self.pending.clear()
                        for message in joined:
                            response.join(conversation, message)
                    if not joined:
                        response.settle(conversation, {"outcome": "completed"})
        self._is_served = False


def _end_turn(turn: ConversationTurn, call: asyncio.Task[Any]) -> bool:
    """End a turn with what its function has returned or raised. Returns whether it was completed."""
    error = call.exception()
    if error is None:
        try:
            turn.finish(call.result())
        except TypeError as refused:
            error = refused
    if error is not None:
        turn.fail(error)
    return error is None


def _make_call_id() -> str:
    """An id such as ``tool:1795426160319:bvvdr25vz4c``."""
    return f"tool:{time.time_ns() // 1_000_000}:{''.join(_random.choices(CALL_ID_ALPHABET, k=11))}"
