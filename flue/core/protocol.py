"""Every protocol decision: the state machines that read a Durable Stream and that make a single request.

No socket, no clock, no sleep, no randomness. A driver asks for the next action, performs it and reports the outcome;
the machine never looks into an item.

Theory of operation. A stream is read in *responses*: a plain page (catch-up), a long poll, or a connection of
server-sent events that brings many batches. What has arrived whole waits in a queue of batches, each with the
checkpoint behind it. The caller's buffer takes the items one by one, and the checkpoint moves when the last one of
its batch has been handed over.

```
          ┌───────────── Retry, Sleep ◄── failed, or empty ────────┐
          ▼                                                        │
   ask ─ Open ──► page: Read* ─ end ──┐                            │
    ▲      └────► events: Read* ──────┼─► batch ─► Deliver ─► more wanted?
    └───────────────────────────────── yes ────────────────────────┤
                                       no: Done, Fail ◄────────────┘
```

Invariants, each with a test of its own:

1. The checkpoint never passes an item that has not been handed over.
2. Items are handed over only when their batch is complete: a whole well-formed page, or data followed by its control
   event. What a lost connection leaves incomplete is discarded and requested again from the checkpoint.
3. The end of a connection is not the end of the stream. `Done` only when closed and drained, or catching up and up to
   date, or when the caller's own terminal item was handed over.
4. Closed by a 204 without a terminal item: one confirming plain read before `Done`. (Flue 1.0 re-checks `closed` after
   a long poll's time-out but answers with the offset of the request, so a 204 may say "closed" while items are
   unread.)
5. `now` and `tail` are pinned to a concrete offset by one plain read before anything live, and never sent again
   afterwards.
6. The retry budget restarts on progress, not on connecting. Empty responses are throttled: no loop without a pause.
7. Every wait has an end: the transport bounds silence, the caller can cancel at each action.
8. A page or event that is complete but malformed is an error at once; one that was cut short is retried.

Long histories. Over a network each page costs a round trip, so after some full pages the rest of the history is read
over one event connection, which ends when it is up to date. A server or proxy that refuses it, or keeps it silent, gets
requests for pages again; offsets, order, errors and budgets are the same either way.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any, Literal, Protocol

from flue.core import framing, stream_state
from flue.core.actions import (
    DELIVER,
    READ,
    Action,
    Batch,
    Done,
    Fail,
    LiveModeChanged,
    Open,
    Request,
    ResponseHead,
    Retry,
    Sleep,
)
from flue.core.http_errors import (
    AUTH_STATUSES,
    ERROR_BODY_LIMIT,
    RETRYABLE_STATUSES,
    SSE_UNSUPPORTED,
    api_error,
    status_error,
)
from flue.core.retry import FailedAttempt
from flue.errors import (
    BadRequestError,
    DurableStreamError,
    FlueApiError,
    FlueConnectionError,
    FlueError,
    NotFoundError,
    OffsetGoneError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue.core.actions import CallRequest
    from flue.core.retry import Budget

__all__ = [
    "AgentErrorPolicy",
    "BatchMachine",
    "CallProtocol",
    "ErrorPolicy",
    "Machine",
    "RequestProtocol",
    "StreamProtocol",
]

LiveMode = Literal["long-poll", "sse"]
Phase = Literal["loading", "connecting", "live", "absent", "error", "closed"]
"""Where an observation of a conversation is."""

ACCEPT_JSON = (("accept", "application/json"), ("accept-encoding", "gzip, deflate"))
# Compressed events would wait in the compressor's buffer.
SSE_HEADERS = (("accept", "text/event-stream"), ("accept-encoding", "identity"), ("cache-control", "no-cache"))

REPEATABLE_POST = RETRYABLE_STATUSES - {500}
"""Statuses after which a POST with an idempotency key is repeated."""
MAX_REDIRECTS = 5
MAX_STALLS = 4
"""Consecutive attempts when the offset stalls or regresses, or a body is truncated at the same byte (stale caches
recover)."""
MAX_EMPTY_CONNECTIONS = 3
"""Event connections without a single control event after which long polls take over: something buffers them."""
MAX_READ_TIMEOUTS = 2
"""The same for event connections that were silent until the read time-out: each has cost a minute and a half."""
MIN_LIVE_CONNECTION = 30.0
"""Seconds that an event connection with control events lives to count as a completed long poll."""
MAX_FULL_PAGES = 5
"""Consecutive pages that are not the last, after which the rest of a history is read over an event connection."""
HISTORY_READ_TIMEOUT = 3.0
"""Seconds without an event after which such a connection is given up: the server has all of it at hand."""


class Machine(Protocol):
    """What a driver drives: `RequestProtocol`, where each method is explained, or a machine that is made of several."""

    @property
    def result(self) -> Done | Fail | None:
        """The final action once the machine is over, else None."""
        ...

    def next_action(self, now: float) -> Action:
        """What to do now."""
        ...

    def response_started(self, head: ResponseHead, now: float) -> None:
        """The response to the last `Open` has begun."""
        ...

    def data_received(self, data: bytes, now: float) -> None:
        """Bytes of the body."""
        ...

    def response_ended(self, now: float) -> None:
        """The body ended without a fault."""
        ...

    def connection_failed(self, error: FlueConnectionError, now: float) -> None:
        """The last `Open` or `Read` failed."""
        ...

    def connection_interrupted(self) -> None:
        """The last action was interrupted and the connection closed."""
        ...

    def cancel(self, error: FlueError | None = None) -> None:
        """The caller cancelled."""
        ...

    def fail(self, error: FlueError) -> None:
        """The caller cannot take an item."""
        ...


class BatchMachine(Machine, Protocol):
    """A machine whose batches a caller takes, through an `EventBuffer`. `StreamProtocol` explains each attribute."""

    offset: str
    up_to_date: bool
    closed: bool

    @property
    def live(self) -> LiveMode | None:
        """How it waits for news."""
        ...

    def next_batch(self) -> Batch | None:
        """The batch to hand over now, if one is here."""
        ...

    def handed_over(self, *, terminal: bool = False) -> None:
        """All items of the next batch are with the caller."""
        ...


class RequestProtocol:
    """Retries, redirects and error responses, shared by streams and single requests.

    Subclasses say what to request and what a good response means. A budget of None means one attempt only: that is how
    a POST is sent, but for one with an idempotency key.
    """

    _lost_post = "the request is not retried: whether the server has admitted it is not known"

    def __init__(self, budget: Budget | None) -> None:
        self._budget = budget
        self._next: Action | None = None  # decided, not yet performed
        self._final: Done | Fail | None = None
        self._request = Request("GET", "")
        self._opened_at = 0.0
        self._redirects = 0
        self._error_head: ResponseHead | None = None  # of the error response whose body is being read
        self._body: list[bytes] = []
        self._body_size = 0

    # What subclasses implement.

    def _build_request(self, now: float) -> Action:
        """The `Open` for the next attempt."""
        raise NotImplementedError

    def _is_success(self, head: ResponseHead, now: float) -> bool:
        """Whether the response is one to read on from; may schedule an error instead."""
        raise NotImplementedError

    def _on_body(self, now: float) -> None:
        """The body of a successful response is complete."""
        raise NotImplementedError

    def _checkpoint(self) -> str | None:
        """The offset from which a stream read can go on; None where there is no stream."""
        raise NotImplementedError

    def _was_idle(self, took: float) -> bool:  # noqa: ARG002
        """Whether the failed attempt had been waiting for news, so that its time does not count as lost."""
        return False

    def _offset_hint(self, error: FlueError) -> str | None:
        """The offset to name in a final error, or None where reading on makes no sense."""
        return self._checkpoint() if isinstance(error, FlueApiError | FlueConnectionError) else None

    # What drivers call.

    @property
    def result(self) -> Done | Fail | None:
        """The final action once the machine is over, else None."""
        return self._final

    def next_action(self, now: float) -> Action:
        """What to do now. The machine does not move until it is told how that went."""
        if self._final is not None:
            return self._final
        action = self._next
        if action is None:
            action = self._build_request(now)
        self._next = READ if isinstance(action, Open) or action is READ else None
        return action

    def response_started(self, head: ResponseHead, now: float) -> None:
        """The response to the last `Open` has begun."""
        self._body.clear()
        self._body_size = 0
        self._error_head = None
        self._next = READ
        if 300 <= head.status < 400 and head.status != 304:
            self._redirect(head)
        elif not self._is_success(head, now):
            if head.status >= 400:
                self._error_head = head
            else:
                message = f"status {head.status} is no answer to this request"
                self._protocol_error("UNEXPECTED_STATUS", message, now, status=head.status)

    def data_received(self, data: bytes, now: float) -> None:
        """Bytes of the body, decompressed."""
        self._body.append(data)
        self._body_size += len(data)
        if self._error_head is not None and self._body_size > ERROR_BODY_LIMIT:
            self._on_error_response(self._error_head, now)

    def response_ended(self, now: float) -> None:
        """The body ended without a fault."""
        if self._error_head is not None:
            self._on_error_response(self._error_head, now)
        else:
            self._on_body(now)

    def connection_failed(self, error: FlueConnectionError, now: float) -> None:
        """The last `Open` or `Read` failed."""
        if self._error_head is not None:  # the status is known, only the explanation was lost
            self._on_error_response(self._error_head, now)
        else:
            self._on_failure(error, now, retry=error.retryable, read_timeout=error.is_read_timeout)

    def connection_interrupted(self) -> None:
        """The last action was interrupted (KeyboardInterrupt, task cancellation) and the connection closed.

        Call `next_action()` to continue.
        """
        self._next = None
        self._error_head = None
        self._body.clear()

    def cancel(self, error: FlueError | None = None) -> None:
        """The caller cancelled: from now on the only action is `Done`, or `Fail` with this error."""
        if self._final is None:
            self._finish(Done() if error is None else Fail(error))

    def fail(self, error: FlueError) -> None:
        """The caller cannot take an item: from now on the only action is `Fail` with this error."""
        self._finish(Fail(error))

    # What subclasses use.

    def _open(self, request: Request, now: float) -> Action:
        self._request = request
        self._redirects = 0
        self._opened_at = now
        if self._budget is not None:
            self._budget.attempt_started(now)
        return Open(request)

    def _finish(self, final: Done | Fail) -> None:
        self._final = final
        self._body.clear()

    def _take_body(self) -> bytes:
        body = b"".join(self._body)
        self._body.clear()
        return body

    def _redirect(self, head: ResponseHead) -> None:
        # Same origin and GET only: the libraries strip `Authorization` elsewhere but keep custom headers, and turn a
        # POST into a GET.
        location = head.headers.get("location")
        target = stream_state.redirect_target(self._request.url, location)
        self._redirects += 1
        if self._request.method != "GET":
            reason = "a redirect of a POST is not followed"
        elif target is None:
            reason = (
                "the redirect leads to no usable address of the same origin" if location else "a redirect to nowhere"
            )
        elif self._redirects > MAX_REDIRECTS:
            reason = f"more than {MAX_REDIRECTS} redirects"
        else:
            request = self._request
            self._request = Request(request.method, target, request.headers, request.body, request.read_timeout)
            self._next = Open(self._request)
            return
        message = f"Flue API error {head.status}: {reason}"
        self._give_up(status_error(head.status, message, headers=head.headers, url=self._request.url))

    def _on_error_response(self, head: ResponseHead, now: float) -> None:
        self._error_head = None
        wait = stream_state.retry_after(head.headers, head.received_at)
        error = api_error(head.status, self._take_body(), head.headers, self._request.url, wait)
        retry = isinstance(error, FlueApiError) and self._is_retryable(head.status)
        self._on_failure(error, now, retry=retry, at_least=wait)

    def _is_retryable(self, status: int) -> bool:
        if status in AUTH_STATUSES:
            return self._budget is not None and self._budget.may_refresh()
        return status in RETRYABLE_STATUSES

    def _protocol_error(
        self, code: str, message: str, now: float, *, status: int | None = None, retry: bool = False
    ) -> None:
        error = DurableStreamError(code, message, offset=self._checkpoint(), status=status)
        self._on_failure(error, now, retry=retry)

    def _on_failure(
        self, error: FlueError, now: float, *, retry: bool, read_timeout: bool = False, at_least: float = 0.0
    ) -> None:
        """One attempt failed: retry after a pause, or give up."""
        self._body.clear()
        budget = self._budget
        if not retry or budget is None:
            self._give_up(error)
            return
        # After a read time-out, a pause as long as the time-out itself is long enough.
        took = now - self._opened_at
        at_most = took if read_timeout else math.inf
        delay = budget.attempt_failed(now, at_least=at_least, at_most=at_most, idle=self._was_idle(took))
        if delay is None:
            attempts = budget.attempts
            tries = f"{attempts} attempt" if attempts == 1 else f"{attempts} attempts"
            error.add_note(f"gave up after {tries} in {budget.elapsed(now):.1f} s without progress")
            self._give_up(error, attempts)
            return
        self._next = Retry(FailedAttempt(budget.attempts, delay, error, self._checkpoint(), will_retry=True))

    def _give_up(self, error: FlueError, attempts: int | None = None) -> None:
        """End with this error; `attempts`: its number, where the budget has counted it already."""
        hint = self._offset_hint(error)
        if hint is not None:
            error.add_note(f"the stream can be resumed from offset {hint!r}")
        if self._request.method == "POST" and isinstance(error, FlueConnectionError):
            error.add_note(self._lost_post)
        if attempts is None:
            attempts = 1 + (self._budget.attempts if self._budget is not None else 0)
        self._finish(Fail(error, FailedAttempt(attempts, 0.0, error, self._checkpoint(), will_retry=False)))


class CallProtocol(RequestProtocol):
    """One request, one response: `Open Read* (Retry Open Read*)* Done(value)`. Behind `get`, `invoke` and `prompt`."""

    def __init__(self, call: CallRequest, budget: Budget | None, *, limit: int | None = None) -> None:
        """Start before the request.

        Args:
            call: The request, and what is made of its response.
            budget: For failures; None for a single attempt.
            limit: Largest JSON response in bytes.
        """
        super().__init__(budget)
        self._call = call
        self._limit = limit if call.is_json else None  # a file is as large as it is
        if call.idempotency_key is not None:
            again = f"sent again with idempotency_key={call.idempotency_key!r} it is not admitted twice"
            self._lost_post = f"whether the server has admitted the request is not known; {again}"
        self._head: ResponseHead | None = None

    def _checkpoint(self) -> str | None:
        return None

    def connection_interrupted(self) -> None:
        """The connection is gone. A POST without an idempotency key is not sent again: it may have been admitted."""
        super().connection_interrupted()
        if self._call.request.method == "POST" and self._call.idempotency_key is None:
            self.fail(FlueConnectionError("the request was interrupted, and is not retried"))

    def _build_request(self, now: float) -> Action:
        return self._open(self._call.request, now)

    def _is_success(self, head: ResponseHead, now: float) -> bool:
        if head.status not in self._call.statuses:
            return False
        self._head = head
        media = stream_state.media_type(head.headers)
        if self._call.is_json and not stream_state.is_json(media):
            message = f"expected application/json, got {media!r}"
            self._protocol_error("UNEXPECTED_CONTENT_TYPE", message, now, status=head.status)
        return True

    def _is_retryable(self, status: int) -> bool:
        # A POST that was admitted by an attempt before answers like the first one, so only what says "not now" is
        # worth another attempt.
        return status in REPEATABLE_POST if self._call.idempotency_key is not None else super()._is_retryable(status)

    def data_received(self, data: bytes, now: float) -> None:
        """Bytes of the response."""
        is_error = self._error_head is not None
        super().data_received(data, now)
        if self._limit is not None and self._body_size > self._limit and not is_error:
            message = f"the response is larger than the limit of {self._limit} bytes"
            self._protocol_error("EVENT_TOO_LARGE", message, now)

    def _on_body(self, now: float) -> None:
        head, body = self._head, self._take_body()
        assert head is not None  # noqa: S101  # for the type checkers: a body follows a head
        try:
            value = self._call.parse(body, head)
        except DurableStreamError as error:
            if head.body_length_known or not isinstance(error.__cause__, framing.DecodeError):  # JSON, but not fitting
                self._on_failure(error, now, retry=False)
            else:
                cut = FlueConnectionError(f"the response ended early, after {len(body)} bytes")
                cut.__cause__ = error
                self._on_failure(cut, now, retry=True)
            return
        self._finish(Done(value))


class ErrorPolicy(Protocol):
    """How one kind of stream judges a failed attempt."""

    def __call__(self, error: FlueError, *, retry: bool, offset: str, now: float) -> tuple[FlueError, bool]:
        """The error to report, and whether to retry.

        Args:
            error: Why the attempt failed.
            retry: The protocol's own judgement.
            offset: Of the request.
            now: The clock.
        """
        ...


class ServerFeatures:
    """What a client has learned about its server; shared by the client's streams.

    Attributes:
        event_history: Whether a history can be read over an event connection, as far as is known.
    """

    __slots__ = ("event_history",)

    def __init__(self) -> None:
        self.event_history = True


class StreamProtocol(RequestProtocol):
    """Read one stream from an offset.

    Attributes:
        offset: The resume checkpoint.
        up_to_date: All that the server had at its last response has been handed over.
        closed: So it has, and nothing will be added.
    """

    def __init__(
        self,
        url: str,
        budget: Budget,
        *,
        offset: str = stream_state.START,
        tail: int | None = None,
        live: LiveMode | None = "long-poll",
        limit: int | None = None,
        query: tuple[tuple[str, str], ...] = (),
        is_progress: Callable[[list[Any]], bool] | None = None,
        error_policy: ErrorPolicy | None = None,
        features: ServerFeatures | None = None,
    ) -> None:
        """Start before the first request.

        Args:
            url: Of the stream, without a query.
            budget: For failures.
            offset: Where to start.
            tail: Only the last so many items; sent from the start only (Flue 1.0 ignores it elsewhere).
            live: How to wait for news; None to catch up and end.
            limit: Largest page and event in bytes.
            query: Parameters of every request, beside those of the protocol.
            is_progress: Whether items hold content; default: all do. Those that do not (a marker at the head of each
                response, say) count as an empty response.
            error_policy: Second opinion on each failed attempt.
            features: What is known of the server, and where to note what this stream finds out.
        """
        super().__init__(budget)
        self._features = features or ServerFeatures()
        self._url = url
        self._query = query
        self._live: LiveMode | None = live
        self._limit = limit
        self._is_progress = is_progress
        self._error_policy = error_policy
        self._tail = tail if offset == stream_state.START else None
        self._position = offset  # of the next request; ahead of the checkpoint while batches wait
        self._cursor: str | None = None
        self._mode: LiveMode | None = None  # of the open request
        self._full_pages = 0  # consecutive ones
        self._pages_only = False  # whether reading the history over an event connection has failed
        self._reads_history = False  # whether the open event connection is to end when it is up to date
        self._read_at = 0.0  # when the last `Read` began
        self._idle_time = 0.0  # seconds that this connection has been read without an event
        self._announced: LiveMode | None = live  # the mode that the driver knows of
        self._caught_up = False  # at the last response
        self._answered = False  # whether the stream could be read at all
        self._confirming = False  # invariant 4
        self._ending = False  # closed, or all that was wanted is here: Done once drained
        self._queue: deque[Batch] = deque()
        self._sse: framing.SseParser | None = None
        self._controls = 0  # on the open event connection
        self._empty_connections = 0  # consecutive event connections without any
        self._read_timeouts = 0  # of them, those that were given up for their silence
        self._buffer: list[Any] = []  # items whose control event has not come
        self._buffered_bytes = 0
        self._received_items = False  # by the open response
        self._stalls = 0
        self._truncated_body = (b"", 0)  # the last one, and how often it ended just there
        self._history = stream_state.OffsetHistory()
        self._idle_backoff = stream_state.IdleBackoff()
        self._head: ResponseHead | None = None
        self.offset = offset
        self.up_to_date = False
        self.closed = False

    @property
    def live(self) -> LiveMode | None:
        """How it waits for news; `"sse"` turns into `"long-poll"` where events do not come through."""
        return self._live

    def start_at(self, offset: str) -> None:
        """Start after a saved checkpoint instead; before the first request only."""
        self._position = self.offset = offset
        self._tail = None

    # Handing over.

    def next_action(self, now: float) -> Action:
        """What to do now: first hand over what is here."""
        if self.next_batch() is not None:
            return DELIVER
        if self._live != self._announced and self._final is None:
            self._announced = self._live
            return LiveModeChanged(self._live)
        self._read_at = now
        return super().next_action(now)

    def next_batch(self) -> Batch | None:
        """The batch to hand over now, if one is here."""
        while self._queue:
            if self._queue[0].items:
                return self._queue[0]
            self._commit(self._queue.popleft())  # an empty batch moves the checkpoint at once
        return None

    def handed_over(self, *, terminal: bool = False) -> None:
        """All items of the next batch are with the caller. `terminal`: one of them ends what the caller wanted."""
        self._commit(self._queue.popleft())
        if terminal:
            self.closed = self.up_to_date = True
            self._queue.clear()
            self._finish(Done())

    def fail(self, error: FlueError) -> None:
        """The caller cannot take an item: what is queued stays behind the checkpoint."""
        self._queue.clear()
        super().fail(error)

    def cancel(self, error: FlueError | None = None) -> None:
        """The caller cancelled: what is queued stays behind the checkpoint."""
        self._queue.clear()
        super().cancel(error)

    def _commit(self, batch: Batch) -> None:
        self.offset = batch.offset
        self.up_to_date = batch.up_to_date and not self._queue
        self.closed = self.closed or batch.closed
        if self._ending and not self._queue and self._final is None:
            self._finish(Done())

    def _checkpoint(self) -> str:
        return self._position

    def _offset_hint(self, error: FlueError) -> str | None:
        # Where a final status was all that the server ever said, there is nothing to resume.
        if isinstance(error, FlueApiError) and not self._answered and error.status not in RETRYABLE_STATUSES:
            return None
        if isinstance(error, OffsetGoneError):  # by its own words
            return None
        return super()._offset_hint(error)

    # Requests.

    def _build_request(self, now: float) -> Action:
        pinned = self._tail is None and self._position != stream_state.NOW  # invariant 5
        if self._live is None or self._confirming or not pinned:
            self._mode = None
        elif self._live == "sse":
            self._mode = "sse"
        else:
            self._mode = "long-poll" if self._caught_up else None
        self._reads_history = self._mode is None and pinned and not self._confirming and self._prefers_events()
        if self._reads_history:
            self._mode = "sse"
        cursor = self._cursor if self._mode else None
        url = stream_state.read_url(
            self._url, offset=self._position, tail=self._tail, live=self._mode, cursor=cursor, query=self._query
        )
        self._sse = None
        self._controls = 0
        self._received_items = False
        self._idle_time = 0.0
        headers = SSE_HEADERS if self._mode == "sse" else ACCEPT_JSON
        read_timeout = HISTORY_READ_TIMEOUT if self._reads_history else None
        return self._open(Request("GET", url, headers, read_timeout=read_timeout), now)

    def _prefers_events(self) -> bool:
        return self._full_pages >= MAX_FULL_PAGES and not self._pages_only and self._features.event_history

    def _back_to_pages(self, *, remember: bool) -> None:
        """Read the rest of the history by pages. Nothing is lost: the position stays."""
        self._pages_only = True
        self._next = None
        if remember:
            self._features.event_history = False

    def _is_success(self, head: ResponseHead, now: float) -> bool:
        self._head = head
        media = stream_state.media_type(head.headers)
        events = media == "text/event-stream" and "stream-sse-data-encoding" not in head.headers
        if head.status == 204:
            self._on_page([], head, now)
        elif self._mode == "sse" and (
            (head.status == 200 and not events)
            or head.status in SSE_UNSUPPORTED
            or (self._reads_history and head.status in {400, 405})  # a page tells whether it is the mode or the request
        ):
            self._fall_back()
        elif head.status != 200:
            return False
        elif self._mode == "sse":
            self._sse = framing.SseParser(self._limit)
            self._controls = 0
        elif not stream_state.is_json(media):
            message = f"expected application/json, got {media!r}"
            self._protocol_error("UNEXPECTED_CONTENT_TYPE", message, now, status=200)
        return True

    def _fall_back(self) -> None:
        """Go on without an event connection. Nothing is lost: the position stays."""
        if self._reads_history:
            self._back_to_pages(remember=True)
            return
        self._live = "long-poll"
        self._next = None

    # Pages.

    def data_received(self, data: bytes, now: float) -> None:
        """Bytes of the response."""
        if self._sse is not None:
            self._on_event_bytes(self._sse, data, now)
            return
        is_error = self._error_head is not None
        super().data_received(data, now)
        if self._limit is not None and self._body_size > self._limit and not is_error:
            self._protocol_error("EVENT_TOO_LARGE", f"a page is larger than the limit of {self._limit} bytes", now)

    def _on_body(self, now: float) -> None:
        if self._sse is not None:
            self._on_connection_ended(now)
            return
        head, body = self._head, self._take_body()
        assert head is not None  # noqa: S101  # for the type checkers: a body follows a head
        try:
            # An empty body of unknown length is a page that was cut before its first byte, not a page without items.
            if not head.body_length_known and not body.strip():
                raise framing.DecodeError("the body is empty")
            items = framing.split_array(body)
        except framing.DecodeError as error:
            repeats = self._truncated_body[1] + 1 if body and body == self._truncated_body[0] else 1
            self._truncated_body = (body, repeats)
            if head.body_length_known or repeats > MAX_STALLS:
                self._protocol_error("PARSE_ERROR", f"the page is not JSON: {error}", now)
            else:
                cut = FlueConnectionError(f"the page ended early, after {len(body)} bytes: {error}")
                self._on_failure(cut, now, retry=True)
            return
        self._truncated_body = (b"", 0)
        self._on_page(items, head, now)

    def _on_page(self, items: list[Any], head: ResponseHead, now: float) -> None:
        """A whole page, or a 204."""
        state = stream_state.from_head(head)
        if self._mode == "long-poll":
            self._progress()  # a completed long poll
        ends = self._is_last(items, head, state)
        closed = ends and (state.closed or self._confirming)
        state.up_to_date = state.up_to_date or closed
        if not self._enqueue(items, state, now, closed=closed):
            return
        self._tail = None
        self._full_pages = self._full_pages + 1 if items and not state.up_to_date else 0
        self._ending = ends
        self._confirming = self._confirming or (state.closed and not ends)
        if not ends:
            self._schedule_next(now)

    def _is_last(self, items: list[Any], head: ResponseHead, state: stream_state.StreamState) -> bool:
        if self._confirming:  # closed is for ever; what matters is whether all has been read
            return state.up_to_date or (not items and state.offset in {None, self._position})
        if state.closed:
            return head.status != 204
        return self._live is None and state.up_to_date

    # Server-sent events.

    def _on_event_bytes(self, parser: framing.SseParser, data: bytes, now: float) -> None:
        position = self._position
        try:
            for kind, payload in parser.feed(data):
                if kind == b"data":
                    self._buffer_items(payload)
                elif kind == b"control":
                    self._on_control(stream_state.from_control(payload), now)
                if self._ending or self._final is not None or self._next is not READ:
                    return  # what follows a batch that failed would be handed over in its place
            if self._limit is not None:
                parser.feed(b"")  # raises for an event that is too large, behind these
        except framing.TooLargeError as error:
            self._protocol_error("EVENT_TOO_LARGE", str(error), now)
            return
        except framing.DecodeError as error:
            self._protocol_error("PARSE_ERROR", f"an event of the stream is malformed: {error}", now)
            return
        if self._reads_history:
            idle = position == self._position and parser.is_between_events  # heartbeats, say
            self._idle_time = self._idle_time + now - self._read_at if idle else 0.0
            if self._idle_time >= HISTORY_READ_TIMEOUT:
                self._discard_buffered()
                self._back_to_pages(remember=not self._controls)

    def _buffer_items(self, payload: bytes) -> None:
        """Keep the items of a data event until their control event comes."""
        self._buffered_bytes += len(payload)
        if self._limit is not None and self._buffered_bytes > self._limit:
            raise framing.TooLargeError(f"a batch is larger than the limit of {self._limit} bytes")
        self._buffer += framing.split_array(payload)

    def _discard_buffered(self) -> list[Any]:
        items, self._buffer, self._buffered_bytes = self._buffer, [], 0
        return items

    def _on_control(self, state: stream_state.StreamState, now: float) -> None:
        if state.offset is None:
            self._protocol_error("MISSING_OFFSET", "a control event without streamNextOffset", now)
            return
        items = self._discard_buffered()
        self._controls += 1
        self._empty_connections = self._read_timeouts = 0
        if self._enqueue(items, state, now, closed=state.closed):
            self._ending = state.closed or (self._live is None and state.up_to_date)
            if self._reads_history and state.up_to_date and not self._ending:
                self._full_pages = 0
                self._next = None  # from here on as `live` says

    def _on_connection_ended(self, now: float) -> None:
        """A clean end without `streamClosed`: some servers recycle connections every minute.

        Items without a control event are discarded.
        """
        self._connection_lost(now)
        if self._reads_history and not self._controls:
            self._back_to_pages(remember=True)
        self._schedule_next(now)

    def connection_failed(self, error: FlueConnectionError, now: float) -> None:
        """The last `Open` or `Read` failed."""
        if self._reads_history and error.is_read_timeout and self._error_head is None:
            self._discard_buffered()
            self._back_to_pages(remember=not self._controls)
            return
        if self._sse is not None:
            self._connection_lost(now)
        if error.is_read_timeout and self._mode == "sse" and not self._controls:
            self._read_timeouts += 1
            if self._read_timeouts >= MAX_READ_TIMEOUTS:
                self._fall_back()  # a proxy that waits for the end of an endless response holds even the head back
        super().connection_failed(error, now)

    def connection_interrupted(self) -> None:
        """The connection is gone, and with it the items without a control event."""
        self._discard_buffered()
        super().connection_interrupted()

    def _connection_lost(self, now: float) -> None:
        self._discard_buffered()
        if self._controls == 0:
            self._empty_connections += 1
            if self._empty_connections >= MAX_EMPTY_CONNECTIONS:
                self._fall_back()
        elif now - self._opened_at >= MIN_LIVE_CONNECTION:
            self._progress()

    # Progress.

    def _enqueue(self, items: list[Any], state: stream_state.StreamState, now: float, *, closed: bool) -> bool:
        """Queue a batch and move the position, if that makes sense."""
        old, new = self._position, self._position if state.offset is None else state.offset
        self._answered = True
        if self._budget is not None:
            self._budget.server_answered()
        moved = new != old
        # Items that are no content may come at the head of the stream, at any time, and move nothing.
        received = bool(items) and (self._is_progress is None or self._is_progress(items))
        if not stream_state.is_after(old, new) and not self._validate_offset(old, state, now, items=received):
            return False
        if moved:
            self._history.add(old)
            self._stalls = 0
            self._progress()
        if received:
            self._received_items = True
        if items:
            self.up_to_date = False
        self._caught_up = state.up_to_date
        self._cursor = state.cursor or self._cursor
        self._position = new
        self._queue.append(Batch(items, new, state.up_to_date, closed))
        return True

    def _validate_offset(self, old: str, state: stream_state.StreamState, now: float, *, items: bool) -> bool:
        """Whether a response leads on; if not, it has failed."""
        new = old if state.offset is None else state.offset
        moved = new != old
        if state.offset is None and (items or old == stream_state.NOW):
            # Sent again, `now` would be another now, and what came between the two would be lost.
            self._protocol_error("MISSING_OFFSET", "a page without a next offset where one is needed", now)
        elif state.offset is not None and not stream_state.is_valid_offset(new):
            self._protocol_error("INVALID_OFFSET", f"the server's next offset is invalid: {new!r}", now)
        elif moved and self._history.is_backward(old, new):
            self._stalled("OFFSET_REGRESSED", f"the offset runs backwards, from {old} to {new}", now)
        elif items and not moved:
            self._stalled("OFFSET_STALLED", "items came, but the offset did not move", now)
        elif self._mode is None and not moved and not state.up_to_date and not self._confirming:
            self._stalled("OFFSET_STALLED", "an empty page without a new offset is not up to date", now)
        else:
            return True
        return False

    def _on_failure(
        self, error: FlueError, now: float, *, retry: bool, read_timeout: bool = False, at_least: float = 0.0
    ) -> None:
        if self._error_policy is not None:
            error, retry = self._error_policy(error, retry=retry, offset=self._position, now=now)
        if self._controls:  # which may have refilled the budget without having brought anything
            self._idle_backoff.next_delay(received=self._received_items, took=now - self._opened_at)
        at_least = max(at_least, self._idle_backoff.delay)
        super()._on_failure(error, now, retry=retry, read_timeout=read_timeout, at_least=at_least)

    def _was_idle(self, took: float) -> bool:
        if self._mode is None or self._reads_history:
            return False
        return self._sse is not None or took >= stream_state.MIN_IDLE

    def _progress(self) -> None:
        if self._budget is not None:
            self._budget.progress()

    def _stalled(self, code: str, message: str, now: float) -> None:
        self._stalls += 1
        self._protocol_error(code, message, now, retry=self._stalls < MAX_STALLS)

    def _schedule_next(self, now: float) -> None:
        """Send the next request: at once if this response brought something, else not too soon."""
        pause = self._idle_backoff.next_delay(received=self._received_items, took=now - self._opened_at)
        self._next = Sleep(pause) if pause else None


CREATION_TIMEOUT = 10.0
"""Seconds. Flue 1.0 admits an agent's first prompt, and creates the agent's stream when it begins to work on it."""

_UNSUPPORTED_SERVER = (
    "this server answers agent reads with conversation views, as Flue 1.0.0-beta.8 and later do, and not with the "
    "event streams that stream() and wait() read; betas 8 and 9 give an agent's answer to prompt(), and Flue 2 is read "
    "with flue.Conversation"
)


class AgentErrorPolicy:
    """Two errors that only the stream of an agent has."""

    def __init__(self, *, admitted: bool = False) -> None:
        """Args: admitted: a prompt has been admitted, so a stream that does not exist is about to."""
        self._admitted = admitted
        self._missing_since: float | None = None

    def __call__(self, error: FlueError, *, retry: bool, offset: str, now: float) -> tuple[FlueError, bool]:
        """Explain a server of another generation; wait for a stream that is about to exist."""
        if _serves_views(error):
            unsupported = DurableStreamError("UNSUPPORTED_SERVER", _UNSUPPORTED_SERVER, offset=offset, status=400)
            unsupported.__cause__ = error
            return unsupported, retry
        if self._admitted and offset == stream_state.START and _is_missing(error):
            if self._missing_since is None:
                self._missing_since = now
            retry = now - self._missing_since < CREATION_TIMEOUT
        return error, retry


def _serves_views(error: FlueError) -> bool:
    """Whether a history view, the default of betas 8 and 9, has refused the parameters of a stream read."""
    if not isinstance(error, BadRequestError) or error.error is None:
        return False
    return error.error.type == "invalid_request" and error.error.details.startswith("History reads do not accept")


def _is_missing(error: FlueError) -> bool:
    return isinstance(error, NotFoundError) and error.error is not None and error.error.type == "stream_not_found"
