"""Agents of Flue 2 as Python callables: what one turn can write, and the queue of each conversation."""

from __future__ import annotations

import asyncio
import random
import string
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

from flue.testing._connections import ServerStoppedError
from flue.testing._store import UNSET, make_id, now_text

if TYPE_CHECKING:
    import threading
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

    from flue.testing._connections import Workers
    from flue.testing._conversations import Chunk, Conversation, ReceivedMessage

ConversationFunction: TypeAlias = (
    "Callable[[ConversationTurn], str | None] | Callable[[ConversationTurn], Awaitable[str | None]]"
)

ABORTED = {
    "name": "FlueError",
    "message": "Submission was aborted.",
    "type": "submission_aborted",
    "details": "The operation was stopped before it produced a completed response.",
}

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


class ConversationTurn:
    """One response of an agent, as its function sees it. What it writes, readers of the conversation see at once.

    Its methods may be called from any thread. They raise `TurnAbortedError` once a client has aborted the turn,
    `ServerStoppedError` once the server stops, `RuntimeError` once the function has returned.

    Attributes:
        agent_name: As registered.
        conversation_id: From the URL.
        uid: Of the conversation.
        submission_id: Of the message that the turn answers.
        message: That message.
        joined: Messages that came in meanwhile and have joined this response, in order. They do so when a model
            step begins, that is when something is written after a tool call.
        initial_data: What the conversation was created with, or `None`.
    """

    def __init__(
        self,
        agent_name: str,
        conversation_id: str,
        message: ReceivedMessage,
        *,
        conversation: Conversation,
        queue: ConversationQueue,
        stopped: threading.Event,
        interrupted: threading.Event,
    ) -> None:
        self.agent_name = agent_name
        self.conversation_id = conversation_id
        self.uid = conversation.uid
        self.submission_id = message.submission_id
        self.message = message
        self.joined: list[ReceivedMessage] = []
        self.initial_data = conversation.initial_data
        self._conversation = conversation
        self._queue = queue
        self._stopped = stopped
        self._interrupted = interrupted
        self._message_id: str | None = None
        self._turn_id: str | None = None
        self._metadata: dict[str, Any] = {}
        self._ended = False
        self._aborted = False
        # A step is one answer of a model: it ends when tools have been called, and another one begins.
        self._step = 0
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
            call = ToolCall(self, call_id or _make_call_id(), self._step)
            chunk = {"type": "tool-input", "messageId": self._message_id, "toolCallId": call.id, "toolName": name}
            self._append(chunk | {"input": {} if input is None else input, "timestamp": now_text()})
            self._calls.append(call)
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
            if self._message_id is None:
                self._begin_step()
            elif any(call.step == self._step for call in self._calls):
                self._complete_step()
            self._append({"type": "data-part", "messageId": self._message_id, "name": name, "data": value})

    def metadata(self, values: Mapping[str, Any]) -> None:
        """Add to the metadata of the message, JSON: objects are merged, anything else replaces what was there."""
        with self._conversation.lock:
            self._check()
            if self._message_id is None:
                self._metadata |= values
            else:
                self._append({"type": "message-metadata", "messageId": self._message_id, "metadata": dict(values)})

    def end_step(self) -> None:
        """End the step: what is written from now on belongs to another one.

        A step ends by itself when a tool call does, and with the turn. Ending it before has a use: what is added
        then, metadata for instance, comes behind the ``message-completed`` of the step.
        """
        with self._conversation.lock:
            self._check()
            self._complete_step()

    def reset(self) -> None:
        """Take back what this step has written but its data parts, as when the call of a model is repeated.

        Readers get a ``conversation-reset``. What stands before the last outcome of a tool stays.
        """
        with self._conversation.lock:
            self._check()
            message = None if self._message_id is None else self._conversation.message(self._message_id)
            if message is None or self._message_id is None or not self._step_is_open:
                return
            data = {part["type"]: part for part in message["parts"] if part["type"].startswith("data-")}
            parts = [data.pop(part["type"], part) for part in self._parts_before_step]
            self._conversation.replace_parts(self._message_id, [*parts, *data.values()])
            self._calls = [call for call in self._calls if call.step != self._step]
            self._block, self._step_text = None, ""

    def sleep(self, seconds: float) -> None:
        """Wait; for agents that are plain functions. An asynchronous one has `asyncio.sleep`.

        Raises:
            TurnAbortedError: A client aborted the turn meanwhile.
            ServerStoppedError: The server stopped meanwhile.
        """
        self._interrupted.wait(seconds)
        self._check()

    # For the queue and for tool calls, under the lock of the conversation

    def begin(self) -> None:
        """Add the message to the transcript."""
        is_first = self._conversation.head == 0
        self._append({"type": "message-appended", "message": self.message.to_message()})
        for _ in range(2 if is_first else 1):
            self._append()

    def end_call(self, call: ToolCall, outcome: Chunk) -> None:
        """Note the outcome of a call. Those of one step become visible together, when all are there."""
        with self._conversation.lock:
            self._check()
            if call not in self._calls:
                raise RuntimeError("the tool call was taken back")
            if call.step == self._step:
                self._complete_step()
            self._append()
            call.outcome = outcome
            step = [other for other in self._calls if other.step == call.step]
            if all(other.outcome is not None for other in step):
                self._append_outcomes(step)

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
        self._settle({"outcome": "completed"})

    def fail(self, error: BaseException) -> None:
        """End the turn with the error that the function has raised."""
        self._end_message()
        reason = str(error) or type(error).__name__
        for submission_id in self._submission_ids():
            operation = f"direct({submission_id})"
            failure: Chunk = {
                "name": "FlueError",
                "message": f"{operation} failed: {reason}",
                "type": "operation_failed",
            }
            failure |= {"details": "", "meta": {"operation": operation, "reason": reason}}
            self._append_settlement(submission_id, {"outcome": "failed", "error": failure})
        self._ended = True

    def abort(self) -> None:
        """End the turn because a client wants it."""
        answered = self._message_id is not None
        if answered:
            self._complete_step()
        for submission_id in self._submission_ids():
            append_abort(self._conversation, submission_id, self.submission_id if answered else None)
        self._ended = self._aborted = True
        self._interrupted.set()

    def discard(self) -> None:
        """End the turn without a word: its conversation is gone."""
        self._ended = self._aborted = True
        self._interrupted.set()

    # Steps and blocks

    def _write(self, kind: str, deltas: tuple[str, ...] | list[str]) -> None:
        if not all(isinstance(delta, str) for delta in deltas):  # pyright: ignore[reportUnnecessaryIsInstance]
            msg = f"{kind} is written as str: {deltas!r}"
            raise TypeError(msg)
        with self._conversation.lock:
            self._check()
            if any(call.step == self._step for call in self._calls):
                self._complete_step()
            self._begin_step()
            if self._block != kind:
                self._close_block()
                self._append()
                self._block = kind
            chunk = {"type": "message-delta", "messageId": self._message_id, "kind": kind}
            self._append(*({**chunk, "delta": delta} for delta in deltas))
            if kind == "text":
                self._step_text += "".join(deltas)

    def _begin_step(self) -> None:
        self._check()
        if self._step_is_open:
            return
        self._append_outcomes([call for call in self._calls if call.outcome is not None])
        started: Chunk = {"type": "message-started", "messageId": self._message_id}
        if self._message_id is None:
            self._message_id, self._turn_id = make_id("entry"), make_id("turn")
            started |= {"messageId": self._message_id, "submissionId": self.submission_id, "turnId": self._turn_id}
            if self._metadata:
                started["metadata"] = self._metadata
        else:
            self._take_joined()
            started |= {"submissionId": self.submission_id, "turnId": make_id("turn")}
        self._append(started | {"timestamp": now_text()})
        self._step += 1
        self._step_is_open, self._step_text = True, ""
        message = self._conversation.message(self._message_id) or {}
        self._parts_before_step = message["parts"]

    def _take_joined(self) -> None:
        """Let the messages that wait join this response."""
        while self._queue.pending:
            message = self._queue.pending.popleft()
            self.joined.append(message)
            self._append({"type": "message-appended", "message": message.to_message(self._turn_id)})

    def _close_block(self) -> None:
        if self._block is not None:
            self._append()
            self._block = None

    def _complete_step(self) -> None:
        if self._step_is_open:
            self._close_block()
            self._append({"type": "message-completed", "messageId": self._message_id, "timestamp": now_text()})
            self._step_is_open = False

    def _append_outcomes(self, calls: list[ToolCall]) -> None:
        if calls:
            self._append(*(call.outcome for call in calls if call.outcome is not None))
            self._calls = [call for call in self._calls if call not in calls]

    def _end_message(self) -> None:
        if self._message_id is None:
            self._begin_step()
        self._complete_step()
        self._append_outcomes([call for call in self._calls if call.outcome is not None])

    def _settle(self, outcome: Chunk) -> None:
        for submission_id in self._submission_ids():
            self._append_settlement(submission_id, outcome)
        self._ended = True

    def _append_settlement(self, submission_id: str, outcome: Chunk) -> None:
        append_settlement(self._conversation, submission_id, outcome, self.submission_id)

    def _submission_ids(self) -> list[str]:
        """Those that this response answers, in the order in which they settle: its own comes last."""
        return [*(message.submission_id for message in self.joined), self.submission_id]

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
    """The messages of one conversation that wait for their turn, and the turn that is at work."""

    def __init__(self) -> None:
        self.pending: deque[ReceivedMessage] = deque()
        self.turn: ConversationTurn | None = None
        self.call: asyncio.Task[Any] | None = None
        self.is_served = False


class ConversationRunner:
    """Gives messages to agents, one turn after the other in each conversation. Used on the loop of the server.

    Args:
        workers: Who calls the functions.
    """

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._queues: dict[str, ConversationQueue] = {}

    def submit(
        self,
        function: ConversationFunction,
        agent_name: str,
        conversation_id: str,
        conversation: Conversation,
        message: ReceivedMessage,
    ) -> None:
        """Take a message."""
        queue = self._queues.setdefault(conversation.path, ConversationQueue())
        with conversation.lock:
            queue.pending.append(message)
            if queue.is_served:
                return
            queue.is_served = True

        def make_turn(message: ReceivedMessage) -> ConversationTurn:
            return ConversationTurn(
                agent_name,
                conversation_id,
                message,
                conversation=conversation,
                queue=queue,
                stopped=self._workers.stopped,
                interrupted=self._workers.make_interrupt(),
            )

        self._workers.spawn(self._serve(function, conversation, queue, make_turn))

    def abort(self, conversation: Conversation) -> bool:
        """Abort the turn that is at work, and the messages that wait. Returns whether there were any."""
        queue = self._queues.get(conversation.path)
        if queue is None:
            return False
        with conversation.lock:
            if queue.turn is None and not queue.pending:
                return False
            if queue.turn is not None:
                queue.turn.abort()
                queue.turn = None
            for message in queue.pending:
                append_abort(conversation, message.submission_id, None)
            queue.pending.clear()
            if queue.call is not None:
                queue.call.cancel()
        return True

    def discard(self, conversation: Conversation) -> None:
        """End all work on a conversation that is gone."""
        queue = self._queues.pop(conversation.path, None)
        if queue is None:
            return
        with conversation.lock:
            queue.pending.clear()
            if queue.turn is not None:
                queue.turn.discard()
            if queue.call is not None:
                queue.call.cancel()

    async def _serve(
        self,
        function: ConversationFunction,
        conversation: Conversation,
        queue: ConversationQueue,
        make_turn: Callable[[ReceivedMessage], ConversationTurn],
    ) -> None:
        while True:
            with conversation.lock:
                if not queue.pending:
                    queue.is_served = False
                    return
                turn = queue.turn = make_turn(queue.pending.popleft())
                turn.begin()
            name = f"agent {conversation.path}"
            call = queue.call = self._workers.spawn(self._workers.call(function, turn, name=name))
            await asyncio.wait([call])
            with conversation.lock:
                queue.turn = queue.call = None
                if turn.aborted:
                    continue
                if call.cancelled() or isinstance(call.exception(), ServerStoppedError):
                    return  # the submission stays unsettled, as on a server that died
                _end(turn, call)


def _end(turn: ConversationTurn, call: asyncio.Task[Any]) -> None:
    error = call.exception()
    if error is None:
        try:
            turn.finish(call.result())
        except TypeError as refused:
            error = refused
    if error is not None:
        turn.fail(error)


def append_settlement(conversation: Conversation, submission_id: str, outcome: Chunk, answered_by: str | None) -> None:
    """Settle a submission."""
    chunk: Chunk = {"type": "submission-settled", "submissionId": submission_id} | outcome
    if answered_by is not None:
        chunk["answeredBySubmissionId"] = answered_by
    conversation.append(chunk | {"timestamp": now_text()})


def append_abort(conversation: Conversation, submission_id: str, answered_by: str | None) -> None:
    """Settle a submission as aborted, with the advisory that says so in the transcript."""
    attributes = {"submissionId": submission_id, "kind": "direct", "reason": "aborted"}
    advisory = {
        "id": f"entry_submission_aborted_{submission_id}",
        "role": "system",
        "purpose": "advisory",
        "display": "diagnostic",
        "signal": {"attributes": attributes},
        "settlement": {"outcome": "aborted"},
        "parts": [{"type": "text", "text": "Submission was aborted.", "state": "done"}],
    }
    conversation.append({"type": "message-appended", "message": advisory})
    append_settlement(conversation, submission_id, {"outcome": "aborted", "error": ABORTED}, answered_by)


def _make_call_id() -> str:
    """An id such as ``tool:1795426160319:bvvdr25vz4c``."""
    return f"tool:{time.time_ns() // 1_000_000}:{''.join(_random.choices(CALL_ID_ALPHABET, k=11))}"
