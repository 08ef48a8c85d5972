"""The state machines that read a conversation: follow a submission or the updates, and keep a state up to date.

Each is made of the two machines of `flue.core.protocol`: a call that asks for the history and a stream that reads the
updates, one after the other. To a driver it is one more `BatchMachine`: the same actions come out and the same reports
go in, so a face that drives `StreamProtocol` drives these, and an `EventBuffer` hands their items over.

`ConversationProtocol` hands over chunks. A face iterates them; when the iteration is over, `result` is `Done` with the
reply of a `read`, or the `Fail` that the iteration raised. `ObservationProtocol` hands over states. Its `Fail` may be
followed by `refresh()`, after which a face goes on driving it; `state`, `phase` and `error` may be read at any time.

```
                       ┌──────────── place lost: at once, then 1, 2, 4 .. 30 s ◄───────────┐
                       ▼                                                                   │
  no offset ──► history (a call) ──► its offset ──► updates (a stream) ──► batch ─► Deliver ┤
  an offset ───────────────────────────────────────►                                        ├─► settled: Done, Fail
                                                                                            └─► closed: history once
```

Invariants, each with a test of its own:

1. Checkpoint chunks never reach the caller. They carry the incarnation of the stream: another one than before means
   that the store was replaced, and what follows them is discarded.
2. Each content chunk is handed over once, in order of its position, whatever happens to the connection. Positions are
   compared within one incarnation.
3. The checkpoint never passes a chunk that has not been handed over.
4. The place is lost by a 416 or by another incarnation. Who waits for a settlement asks the history and goes on from
   its offset; who reads chunks gets an error, since chunks between the two are lost.
5. The last chunk handed over to who waits for a settlement is the settlement, or the reset that holds it. Who goes on
   from a checkpoint may have had it before: the history is asked, once, when all that was there has been handed over.
6. A stream that was closed without the settlement is not its end: the history decides, once.
7. No loop without a pause: the first history after a lost place is asked at once, the next ones after 1, 2, 4 .. 30 s,
   until a stream has lasted for half a minute.
8. An unknown chunk ends nothing. For an observation it means that the state may be incomplete: the history is asked.
9. One observed state for all that is here: a slow consumer gets the newest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec

from flue.core import stream_state
from flue.core.actions import DELIVER, Batch, CallRequest, Done, Fail, Request, Retry, Sleep
from flue.core.conversation import (
    ConversationReducer,
    Outcome,
    Position,
    chunk_outcome,
    chunk_position,
    execution_error,
    read_submission_reply,
    snapshot_outcome,
)
from flue.core.protocol import ACCEPT_JSON, CallProtocol, Phase, StreamProtocol
from flue.core.retry import Budget, FailedAttempt
from flue.errors import DurableStreamError, FlueError, NotFoundError, OffsetGoneError
from flue.models import StreamCheckpointChunk, UnknownChunk

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue.core.actions import Action, ResponseHead
    from flue.core.conversation import ConversationState
    from flue.core.retry import BackoffOptions
    from flue.errors import FlueConnectionError
    from flue.models import ConversationSnapshot, ConversationStreamItem

__all__ = [
    "ConversationProtocol",
    "ObservationProtocol",
    "Purpose",
    "history_request",
    "is_content",
]

LiveMode = Literal["long-poll", "sse"]
Purpose = Literal["stream", "wait", "read"]
"""What a submission or a conversation is followed for: its chunks, its settlement, or its reply."""

CHECKPOINT = "stream-checkpoint"
"""The type of the chunk with which every response begins. It carries the stream's incarnation."""
UPDATES = (("view", "updates"),)

MAX_RESTART_DELAY = 30.0
"""Seconds; the longest pause before another history."""
MIN_STREAM_LIFE = 30.0
"""Seconds that a stream lasts to count as a place that was found again."""
MAX_PROTOCOL_ERRORS = 3
"""Consecutive streams that end in a protocol error before an observation gives up."""
MIN_POLL, MAX_POLL = 0.25, 5.0
"""Seconds between looks at a conversation that does not exist yet; the pause doubles."""


def history_request(url: str, build: Callable[[Any], ConversationSnapshot]) -> CallRequest:
    """Ask for the snapshot of a conversation.

    Args:
        url: Of the conversation.
        build: From the parsed JSON to the snapshot; raises `ValueError` for what is none.
    """
    return CallRequest(Request("GET", f"{url}?view=history", ACCEPT_JSON), frozenset({200}), build)


class _Tag(msgspec.Struct):
    type: Any = None


_read_tag = msgspec.json.Decoder(_Tag).decode


def is_content(items: list[Any]) -> bool:
    """Whether some of the raw items are more than checkpoints, with which every response begins."""
    return not all(map(_is_checkpoint, items))


def _is_checkpoint(item: Any) -> bool:
    if isinstance(item, dict):
        return bool(cast("dict[str, Any]", item).get("type") == CHECKPOINT)
    try:
        return bool(_read_tag(item).type == CHECKPOINT)
    except (msgspec.MsgspecError, TypeError):
        return False


def _is_checkpoint_chunk(chunk: ConversationStreamItem) -> bool:
    return isinstance(chunk, StreamCheckpointChunk) or (
        isinstance(chunk, UnknownChunk) and chunk.wire_type == CHECKPOINT
    )


class _RestartBackoff:
    """Pauses between histories of a reader that loses its place again and again (invariant 7)."""

    def __init__(self) -> None:
        self._restarts = 0
        self._again_at = 0.0  # when the last pause was over

    def recent(self, now: float) -> int:
        """How often the place was lost since a stream has lasted."""
        if now - self._again_at >= MIN_STREAM_LIFE:
            self._restarts = 0
        return self._restarts

    def next_delay(self, now: float) -> float:
        """Seconds to wait before the next history."""
        restarts = self.recent(now)
        delay = min(2.0 ** min(restarts - 1, 10), MAX_RESTART_DELAY) if restarts else 0.0
        self._restarts += 1
        self._again_at = now + delay
        return delay


class _ConversationReader:
    """History and updates in turn; what both readers have in common.

    Subclasses say what a snapshot, a batch, and the end of either machine mean.

    Attributes:
        offset: The resume checkpoint; `-1` before anything is known.
        up_to_date: All that the server had at its last response has been handed over.
        closed: So it has, and nothing will be added.
    """

    def __init__(
        self,
        url: str,
        history: CallRequest,
        decode: Callable[[Any], ConversationStreamItem],
        *,
        live: LiveMode | None,
        options: BackoffOptions | None,
        refreshable: bool,
        limit: int | None,
    ) -> None:
        """Start before the first request.

        Args:
            url: Of the conversation.
            history: What `history_request()` made.
            decode: From a raw item to a chunk; raises `FlueError` for what cannot be one.
            live: How to wait for news; None to catch up and end.
            options: The caller's, for each machine a budget of its own.
            refreshable: Whether headers are made anew for each attempt, so that a 401 may be retried.
            limit: Largest response and event in bytes.
        """
        self._url = url
        self._history = history
        self._decode = decode
        self._live: LiveMode | None = live
        self._options = options
        self._refreshable = refreshable
        self._limit = limit
        self._answered = False  # whether the server could be read at all
        self._call: CallProtocol | None = None
        self._stream: StreamProtocol | None = None
        self._pause: Retry | Sleep | None = None  # before the next request
        self._batch: Batch | None = None  # to hand over
        self._final: Done | Fail | None = None
        self._incarnation: str | None = None
        self._restarts = _RestartBackoff()
        self._now = 0.0
        self.offset = stream_state.START
        self.up_to_date = False
        self.closed = False

    # What subclasses implement.

    def _on_history(self, snapshot: ConversationSnapshot) -> None: ...

    def _on_history_failed(self, failure: Fail) -> None: ...

    def _on_batch(self, stream: StreamProtocol, batch: Batch) -> None:
        """Items have come: make a batch of them, or report them as handed over."""

    def _on_stream_over(self, stream: StreamProtocol, result: Done | Fail) -> None: ...

    def _on_retry(self, attempt: FailedAttempt) -> None:
        """An attempt has failed and will be made again."""

    # What drivers call.

    @property
    def live(self) -> LiveMode | None:
        """How it waits for news; `"sse"` turns into `"long-poll"` where events do not come through."""
        return self._live if self._stream is None else self._stream.live

    @property
    def result(self) -> Done | Fail | None:
        """The final action once the machine is over, else None."""
        return self._final

    def next_action(self, now: float) -> Action:
        """What to do now. The machine does not move until it is told how that went."""
        self._now = now
        while True:
            if self.next_batch() is not None:
                return DELIVER
            if self._final is not None:
                return self._final
            if self._pause is not None:
                pause, self._pause = self._pause, None
                return pause
            action = self._machine.next_action(now)
            if isinstance(action, Done | Fail):
                self._on_machine_over(action)
                continue
            if isinstance(action, Retry):
                self._on_retry(action.attempt)
            return action

    def next_batch(self) -> Batch | None:
        """The batch to hand over now, if one is here. Its items are decoded."""
        while self._batch is None and self._final is None and self._stream is not None:
            stream = self._stream
            batch = stream.next_batch()
            self._commit(stream)
            if batch is None:
                return None
            self._answered = True
            self._on_batch(stream, batch)
        return self._batch

    def response_started(self, head: ResponseHead, now: float) -> None:
        """The response to the last `Open` has begun."""
        self._machine.response_started(head, now)

    def data_received(self, data: bytes, now: float) -> None:
        """Bytes of the body, decompressed."""
        self._machine.data_received(data, now)

    def response_ended(self, now: float) -> None:
        """The body ended without a fault."""
        self._machine.response_ended(now)

    def connection_failed(self, error: FlueConnectionError, now: float) -> None:
        """The last `Open` or `Read` failed."""
        self._machine.connection_failed(error, now)

    def connection_interrupted(self) -> None:
        """The last action was interrupted (KeyboardInterrupt, task cancellation) and the connection closed.

        Call `next_action()` to continue.
        """
        if self._final is None:
            self._machine.connection_interrupted()

    def cancel(self, error: FlueError | None = None) -> None:
        """The caller cancelled: from now on the only action is `Done`, or `Fail` with this error."""
        if self._final is None:
            self._finish(Done() if error is None else Fail(error))

    def fail(self, error: FlueError) -> None:
        """The caller cannot take an item: from now on the only action is `Fail` with this error."""
        self._finish(Fail(error))

    # What subclasses use.

    @property
    def _machine(self) -> CallProtocol | StreamProtocol:
        machine = self._call or self._stream
        assert machine is not None  # noqa: S101  # for the type checkers: one of them runs until the end
        return machine

    def _finish(self, final: Done | Fail) -> None:
        self._final = final
        self._call = self._stream = self._pause = self._batch = None

    def _commit(self, stream: StreamProtocol) -> None:
        """Take over how far the stream has been handed over."""
        self.offset, self.up_to_date, self.closed = stream.offset, stream.up_to_date, stream.closed

    def _budget(self, *, endless: bool) -> Budget:
        budget = Budget(self._options, endless=endless, refreshable=self._refreshable)
        if self._answered:
            budget.server_answered()
        return budget

    def _read_history(self, *, endless: bool = True) -> None:
        """Ask for the history next. `endless`: as patient as a stream that has been read from."""
        self._leave_stream()
        self._call = CallProtocol(self._history, self._budget(endless=endless), limit=self._limit)

    def _read_updates(self, offset: str) -> None:
        """Follow the updates from an offset next."""
        self._stream = StreamProtocol(
            self._url,
            self._budget(endless=self._live is not None),
            offset=offset,
            live=self._live,
            limit=self._limit,
            query=UPDATES,
            is_progress=is_content,
        )

    def _leave_stream(self) -> None:
        if self._stream is not None:
            self._live = self._stream.live
            self._stream = None

    def _restart(self, error: FlueError) -> None:
        """The place is lost: go on from a fresh history, soon."""
        delay = self._restarts.next_delay(self._now)
        self._read_history()
        attempt = FailedAttempt(self._restarts.recent(self._now), delay, error, self.offset, will_retry=True)
        self._pause = Retry(attempt)
        self._on_retry(attempt)

    def _is_replaced(self, checkpoint: ConversationStreamItem) -> bool:
        """Whether a checkpoint is of another incarnation than what was read before."""
        if not isinstance(checkpoint, StreamCheckpointChunk):  # one that does not fit its schema
            return False
        if self._incarnation is None:
            self._incarnation = checkpoint.incarnation
        return checkpoint.incarnation != self._incarnation

    def _replaced(self) -> DurableStreamError:
        message = "the conversation's stream was replaced by another one: the server's store was lost or exchanged"
        return DurableStreamError("STREAM_REPLACED", message, offset=self.offset)

    def _on_machine_over(self, result: Done | Fail) -> None:
        if self._call is None:
            stream = self._machine
            self._leave_stream()
            self._on_stream_over(cast("StreamProtocol", stream), result)
            return
        self._call = None
        if isinstance(result, Done):
            self._answered = True
            self._on_history(result.value)
        else:
            self._on_history_failed(result)


class ConversationProtocol(_ConversationReader):
    """Follow a conversation's chunks, without end or to the settlement of one submission.

    The items of its batches are decoded chunks. Its result is `Done(None)`; `Done(Reply)` where the purpose is `read`;
    `Fail` with `FlueExecutionError` where it is `wait` or `read` and the submission did not complete.
    """

    def __init__(
        self,
        url: str,
        history: CallRequest,
        decode: Callable[[Any], ConversationStreamItem],
        *,
        purpose: Purpose = "stream",
        target: str | None = None,
        uid: str | None = None,
        offset: str | None = None,
        resumed: bool = False,
        live: LiveMode | None = "sse",
        options: BackoffOptions | None = None,
        refreshable: bool = False,
        limit: int | None = None,
    ) -> None:
        """Start before the first request.

        Args:
            url: Of the conversation.
            history: What `history_request()` made.
            decode: From a raw item to a chunk; raises `FlueError` for what cannot be one.
            purpose: `stream`, or (with a target) `wait` or `read`.
            target: The submission whose settlement is the end; None for none.
            uid: Becomes the reply's.
            offset: Where to start; None to ask the history first and start behind it.
            resumed: Whether the settlement may lie before the offset: then the history is asked when nothing is left.
            live: How to wait for news; None to catch up and end.
            options: The caller's, for each machine a budget of its own.
            refreshable: Whether headers are made anew for each attempt, so that a 401 may be retried.
            limit: Largest response and event in bytes.
        """
        super().__init__(url, history, decode, live=live, options=options, refreshable=refreshable, limit=limit)
        self._purpose: Purpose = purpose
        self._target = target
        self._uid = uid
        self._position: Position | None = None
        self._outcome: Outcome | None = None
        self._is_unsure = resumed and target is not None and live is not None
        self._is_asking = False  # the history, whether the settlement lies before the offset
        self._earlier: Outcome | None = None  # what it said
        self._stream_closed = False  # without the settlement
        self._after: Callable[[], None] = self._hand_over  # what follows when the batch has been handed over
        if offset is None:
            self._read_history()
        else:
            self.offset = offset
            self._read_updates(offset)

    def handed_over(self, *, terminal: bool = False) -> None:  # noqa: ARG002  # the machine knows what its target is
        """All items of the next batch are with the caller."""
        self._batch = None
        self._after()

    def next_batch(self) -> Batch | None:
        """The batch to hand over now, if one is here. Its items are decoded."""
        if super().next_batch() is None and self._stream is not None and self.up_to_date:
            self._look_back()
        return self._batch

    def _look_back(self) -> None:
        """All that was there has been handed over, and no settlement: it may lie before the caller's offset."""
        if self._earlier is not None:
            self._outcome = self._earlier
            self._settle()
        elif self._is_unsure:
            self._is_unsure, self._is_asking = False, True
            self._read_history()

    # History.

    def _on_history(self, snapshot: ConversationSnapshot) -> None:
        replaced = None not in {snapshot.incarnation, self._incarnation} and snapshot.incarnation != self._incarnation
        if snapshot.incarnation is None or snapshot.incarnation != self._incarnation:
            self._position = None
        if self._outcome is not None:
            assert self._target is not None  # noqa: S101  # for the type checkers: only a target is settled
            if replaced and snapshot_outcome(snapshot, self._target) is None:
                self._fail(self._replaced())  # its last assistant message would answer something else
            else:
                self._conclude(snapshot)
            return
        if self._is_asking:
            assert self._target is not None  # noqa: S101  # for the type checkers: only a target is settled
            self._is_asking = False
            if replaced:
                self._fail(self._replaced())
            else:
                self._earlier = snapshot_outcome(snapshot, self._target)
                self._read_updates(self.offset)  # what has come since, the settlement perhaps
            return
        self._incarnation = snapshot.incarnation
        self.offset = snapshot.offset
        if self._target is not None:
            self._outcome = snapshot_outcome(snapshot, self._target)
        if self._outcome is not None:
            self.up_to_date = self.closed = True
            self._conclude(snapshot)
        elif self._stream_closed:
            self._conclude(None)
        else:
            self._read_updates(snapshot.offset)

    def _on_history_failed(self, failure: Fail) -> None:
        self._fail(failure.error, failure.attempt)

    # Updates.

    def _on_batch(self, stream: StreamProtocol, batch: Batch) -> None:  # noqa: ARG002  # it is still `_stream`
        chunks: list[Any] = []
        self._after = self._hand_over
        for index, item in enumerate(batch.items):
            try:
                chunk = self._decode(item)
            except FlueError as error:
                self._after = self._failing(error)
                break
            if _is_checkpoint_chunk(chunk):
                if self._is_replaced(chunk):
                    self._after = self._lose_place
                    break
                continue
            position = chunk_position(chunk)
            if position is not None:
                if self._position is not None and position <= self._position:
                    continue
                self._position = position
            chunks.append(chunk)
            self._outcome = None if self._target is None else chunk_outcome(chunk, self._target)
            if self._outcome is not None:
                self._after = self._settle if is_content(batch.items[index + 1 :]) else self._settle_at_end
                break
        if chunks:
            self._batch = Batch(chunks, batch.offset, batch.up_to_date, batch.closed)
            self.up_to_date = False
        else:
            self._after()

    def _on_stream_over(self, stream: StreamProtocol, result: Done | Fail) -> None:
        if isinstance(result, Fail):
            if isinstance(result.error, OffsetGoneError) and self._purpose != "stream":
                self._restart(result.error)
            else:
                self._fail(result.error, result.attempt)
        elif stream.closed and self._target is not None:
            self._stream_closed = True
            self._read_history()
        else:
            self._finish(Done())

    # What follows a batch.

    def _hand_over(self) -> None:
        stream = cast("StreamProtocol", self._stream)
        stream.handed_over()
        self._commit(stream)

    def _settle_at_end(self) -> None:
        self._hand_over()
        self._settle()

    def _settle(self) -> None:
        """The settlement has been handed over. What follows it in its batch was not, so the checkpoint stays."""
        self.up_to_date = self.closed = True
        self._leave_stream()
        self._conclude(None)

    def _lose_place(self) -> None:
        error = self._replaced()
        if self._purpose == "stream":
            self._fail(error)
        else:
            self._restart(error)

    def _failing(self, error: FlueError) -> Callable[[], None]:
        def fail() -> None:
            if isinstance(error, DurableStreamError) and error.offset is None:
                error.offset = self.offset
            error.add_note(f"the checkpoint is offset {self.offset!r}")
            self._fail(error)

        return fail

    # The end.

    def _conclude(self, snapshot: ConversationSnapshot | None) -> None:
        """How the submission ended is known, or that nothing says it."""
        assert self._target is not None  # noqa: S101  # for the type checkers: only a target is settled
        error = execution_error(self._target, self._outcome)
        if error is not None and (self._purpose != "stream" or self._outcome is None):
            self._fail(error)
        elif self._purpose != "read":
            self._finish(Done())
        elif snapshot is not None:
            self._finish(Done(read_submission_reply(snapshot, self._target, uid=self._uid)))
        else:
            self._read_history(endless=False)

    def _fail(self, error: FlueError, attempt: FailedAttempt | None = None) -> None:
        error.submission_id = self._target
        self._finish(Fail(error, attempt))


class ObservationProtocol(_ConversationReader):
    """Keep the state of a conversation up to date.

    The only item of its batches is a `ConversationState`: the newest. `Fail` is not its end: after `refresh()` it
    goes on. `Done` is: the observation was cancelled, or the server has closed the stream.

    Attributes:
        state: The newest state; None before the first history.
        phase: `loading` (the first history), `connecting` (to the updates, or after a failure), `live`, `absent` (no
            such conversation), `error` (see `error`), `closed`.
        error: Why the phase is `absent` or `error`, or why an attempt is about to be repeated; else None.
    """

    def __init__(
        self,
        url: str,
        history: CallRequest,
        decode: Callable[[Any], ConversationStreamItem],
        *,
        live: LiveMode = "long-poll",
        wait_until_exists: bool = False,
        options: BackoffOptions | None = None,
        refreshable: bool = False,
        limit: int | None = None,
    ) -> None:
        """Start before the first request.

        Args:
            url: Of the conversation.
            history: What `history_request()` made.
            decode: From a raw item to a chunk; raises `FlueError` for what cannot be one.
            live: How to wait for news.
            wait_until_exists: Whether to wait for a conversation that does not exist.
            options: The caller's, for each machine a budget of its own.
            refreshable: Whether headers are made anew for each attempt, so that a 401 may be retried.
            limit: Largest response and event in bytes.
        """
        super().__init__(url, history, decode, live=live, options=options, refreshable=refreshable, limit=limit)
        self._wait_until_exists = wait_until_exists
        self._reducer = ConversationReducer()
        self._polls = 0  # looks at a conversation that does not exist, in a row
        self._refreshing = False
        self.state: ConversationState | None = None
        self.phase: Phase = "loading"
        self.error: FlueError | None = None
        self._read_history()

    @property
    def result(self) -> Done | Fail | None:
        """The final action once the machine is over, else None."""
        return None if self._refreshing else self._final

    def refresh(self) -> None:
        """Look again at once, whatever the phase; does nothing once it is closed. May be called from any thread.

        A driver that waits in an action has to be woken: report `connection_interrupted()`, or the
        `connection_failed()` that shutting the connection down leads to, and ask for the next action.
        """
        self._refreshing = self.phase != "closed"

    def next_action(self, now: float) -> Action:
        """What to do now. The machine does not move until it is told how that went."""
        if self._refreshing:
            self._refreshing = False
            self._final = self._pause = None
            self._polls = 0
            self._restarts = _RestartBackoff()
            self._read_history()
            self._set_phase("loading" if self.state is None else "connecting")
        return super().next_action(now)

    def handed_over(self, *, terminal: bool = False) -> None:  # noqa: ARG002  # a state is never the last one
        """The state is with the caller."""
        self._batch = None

    def _set_phase(self, phase: Phase, error: FlueError | None = None) -> None:
        self.phase = phase
        self.error = error

    def _finish(self, final: Done | Fail) -> None:
        super()._finish(final)
        self._set_phase("closed", final.error if isinstance(final, Fail) else None)

    def _stop(self, phase: Phase, failure: Fail) -> None:
        """There is nothing to observe until somebody asks again."""
        self._finish(failure)
        self._set_phase(phase, failure.error)

    # History.

    def _on_history(self, snapshot: ConversationSnapshot) -> None:
        self._polls = 0
        self._incarnation = snapshot.incarnation
        self._set_phase("connecting")
        self._reducer.load(snapshot)
        self._read_updates(snapshot.offset)
        self.offset = snapshot.offset
        self._publish()

    def _on_history_failed(self, failure: Fail) -> None:
        error = failure.error
        if not isinstance(error, NotFoundError):
            self._stop("error", failure)
        elif self._wait_until_exists and error.error is not None:
            # Without an error envelope it is not Flue that has answered: the route is wrong, and stays so.
            self._set_phase("absent", error)
            self._pause = Sleep(min(MIN_POLL * 2.0 ** min(self._polls, 10), MAX_POLL))
            self._polls += 1
            self._read_history()
        else:
            self._stop("absent", failure)

    # Updates.

    def _publish(self) -> None:
        """Hand over the state, if it is another one than before."""
        state = self._reducer.state
        if state is not self.state:
            self.state = state
            self._batch = Batch([state], self.offset, self.up_to_date, self.closed)

    def next_batch(self) -> Batch | None:
        """The batch to hand over now, if one is here: the newest state."""
        if super().next_batch() is None and self._final is None and self.state is not None:
            self._publish()
        return self._batch

    def _on_batch(self, stream: StreamProtocol, batch: Batch) -> None:
        if batch.up_to_date:
            self._set_phase("live")
        problem = self._apply(batch.items)
        if problem is None:
            stream.handed_over()
            self._commit(stream)
        else:
            self._restart(problem)

    def _apply(self, items: list[Any]) -> FlueError | None:
        """Apply a batch; why the state may be wrong then, if it may."""
        problem: FlueError | None = None
        for item in items:
            try:
                chunk = self._decode(item)
            except FlueError as error:
                return error
            if _is_checkpoint_chunk(chunk):
                if self._is_replaced(chunk):
                    return self._replaced()
            else:
                self._reducer.apply(chunk)
                if isinstance(chunk, UnknownChunk):
                    message = f"an update of type {chunk.wire_type!r} was not understood: {chunk.problem}"
                    problem = DurableStreamError("UNKNOWN_CHUNK", message, offset=self.offset)
        return problem

    def _on_retry(self, attempt: FailedAttempt) -> None:
        self._set_phase("loading" if self.state is None else "connecting", cast("FlueError", attempt.error))

    def _on_stream_over(self, stream: StreamProtocol, result: Done | Fail) -> None:  # noqa: ARG002  # closed or not
        if isinstance(result, Done):
            self._finish(result)
        elif isinstance(result.error, OffsetGoneError | NotFoundError) or (
            isinstance(result.error, DurableStreamError) and self._restarts.recent(self._now) < MAX_PROTOCOL_ERRORS
        ):
            self._restart(result.error)
        else:
            self._stop("error", result)
