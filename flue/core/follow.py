"""The machine that follows a Durable Stream: every transition, and nothing else.

Theory of operation. A stream is read in *answers*: a plain page (catch-up), a long poll, or a connection of
server-sent events that brings many batches. What has arrived whole waits in a queue of batches, each with the
checkpoint behind it; the caller hands the items over one by one and the checkpoint moves when the last one of its
batch is out. The machine never looks into an item.

```
          ┌──────────────── Sleep ◄── failed, or brought nothing ──┐
          ▼                                                        │
   ask ─ Open ──► page: Read* ─ end ──┐                            │
    ▲      └────► events: Read* ──────┼─► batch ─► Deliver* ─► asked on?
    └───────────────────────────────── yes ────────────────────────┤
                                       no: Done, Fail ◄────────────┘
```

Invariants, each with a test of its own:

1. The checkpoint never passes an item that has not been handed over.
2. Items are handed over only when their batch is complete: a whole well-formed page, or data followed by its control
   frame. What a lost connection leaves incomplete is thrown away, and asked for again from the checkpoint.
3. The end of a connection is not the end of the stream. `Done` only when closed and drained, or catching up and up to
   date, or when the caller's own terminal item was handed over.
4. Closed by a 204 without a terminal item: one confirming plain read before `Done`. (Flue 1.0 re-checks `closed` after
   a long poll's time-out but answers with the offset that was asked for, so a 204 may say "closed" while items are
   unread.)
5. `now` and `tail` are pinned to a concrete offset by one plain read before anything live, and never asked again
   afterwards.
6. The budget restarts on progress, not on connecting. Answers that bring nothing are paced: no loop without a pause.
7. Every wait has an end: the transport bounds silence, the caller can cut in at each action.
8. A page or frame that is complete but malformed is an error at once; one that was cut is asked for again.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from flue.core import facts, framing, wire
from flue.core.actions import READ, Action, Batch, Deliver, Done, Fault, Head, Request, Sleep
from flue.core.answers import SSE_REFUSED
from flue.core.attempts import Attempts
from flue.errors import FlueConnectionError

if TYPE_CHECKING:
    from typing import Literal

    from flue.core.retry import Budget
    from flue.errors import FlueError

__all__ = ["Follow"]

PAGE_HEADERS = (("accept", "application/json"), ("accept-encoding", "gzip, deflate"))
# Compressed events would wait in the compressor's buffer.
SSE_HEADERS = (("accept", "text/event-stream"), ("accept-encoding", "identity"), ("cache-control", "no-cache"))

NONSENSE_TRIES = 4
"""Tries in a row for an answer that stands still, runs backwards or ends at the same byte: a stale cache may
recover."""
SILENT_CONNECTIONS = 3
"""Event connections without a single frame after which long polls take over: something buffers them."""
SILENCES = 2
"""The same for those that were silent until the read time-out: each has cost a minute and a half."""
HEALTHY = 30.0
"""Seconds that an event connection with frames lives to count as a completed long poll."""


class Follow(Attempts):
    """Follow one stream from an offset."""

    def __init__(
        self,
        url: str,
        budget: Budget,
        *,
        offset: str = wire.START,
        tail: int | None = None,
        live: Literal["long-poll", "sse"] | None = "long-poll",
        limit: int | None = None,
    ) -> None:
        """Start before the first request.

        Args:
            url: of the stream, without a query.
            budget: for failures.
            offset: where to start.
            tail: begin with the last so many items; only from the start (Flue 1.0 ignores it elsewhere).
            live: how to wait for news; None to catch up and end.
            limit: largest page and event in bytes.
        """
        super().__init__(budget)
        self._url = url
        self._live: Literal["long-poll", "sse"] | None = live
        self._limit = limit
        self._tail = tail if offset == wire.START else None
        self._position = offset  # what is asked for next; ahead of the checkpoint while batches wait
        self._cursor: str | None = None
        self._asked: Literal["long-poll", "sse"] | None = None  # how the open request waits
        self._caught_up = False  # at the last answer
        self._confirming = False  # invariant 4
        self._ending = False  # closed, or all that was wanted is here: Done once drained
        self._queue: deque[Batch] = deque()
        self._sse: framing.SseParser | None = None
        self._frames = 0  # on the open event connection
        self._frameless = 0  # event connections in a row without any
        self._silences = 0  # of them, those that were given up for their silence
        self._data: list[Any] = []  # items whose control frame has not come
        self._held = 0  # their bytes
        self._brought = False  # whether the open answer brought items
        self._nonsense = 0
        self._half = (b"", 0)  # the last body that was cut, and how often it was cut just there
        self._course = facts.Course()
        self._pace = facts.Pace()
        self._head: Head | None = None
        self.offset = offset
        self.up_to_date = False
        self.closed = False

    @property
    def live(self) -> Literal["long-poll", "sse"] | None:
        """How it waits for news; `"sse"` turns into `"long-poll"` where events do not come through."""
        return self._live

    def start_at(self, offset: str) -> None:
        """Start behind a saved checkpoint instead; before the first request only."""
        self._position = self.offset = offset
        self._tail = None

    # Handing over.

    def next_action(self, now: float) -> Action:
        """What to do now: first hand over what is here."""
        batch = self.next_batch()
        return super().next_action(now) if batch is None else Deliver(batch)

    def next_batch(self) -> Batch | None:
        """The batch to hand over now, if one is here."""
        while self._queue:
            if self._queue[0].items:
                return self._queue[0]
            self._commit(self._queue.popleft())  # an empty batch moves the checkpoint at once
        return None

    def handed_over(self, *, terminal: bool = False) -> None:
        """All items of the delivered batch are with the caller. `terminal`: one of them ends what the caller wanted."""
        self._commit(self._queue.popleft())
        if terminal:
            self.closed = self.up_to_date = True
            self._queue.clear()
            self._finish(Done())

    def fail(self, error: FlueError) -> None:
        """The caller cannot take an item: what is queued stays behind the checkpoint."""
        self._queue.clear()
        super().fail(error)

    def _commit(self, batch: Batch) -> None:
        self.offset = batch.offset
        self.up_to_date = batch.up_to_date and not self._queue
        self.closed = self.closed or batch.closed
        if self._ending and not self._queue and self._over is None:
            self._finish(Done())

    def _checkpoint(self) -> str:
        return self._position

    # Asking.

    def _ask(self, now: float) -> Action:
        pinned = self._tail is None and self._position != wire.NOW  # invariant 5
        if self._live is None or self._confirming or not pinned:
            self._asked = None
        elif self._live == "sse":
            self._asked = "sse"
        else:
            self._asked = "long-poll" if self._caught_up else None
        cursor = self._cursor if self._asked else None
        url = wire.read_url(self._url, offset=self._position, tail=self._tail, live=self._asked, cursor=cursor)
        self._sse = None
        self._frames = 0
        self._brought = False
        return self._open(Request("GET", url, SSE_HEADERS if self._asked == "sse" else PAGE_HEADERS), now)

    def _accept(self, head: Head, now: float) -> bool:
        self._head = head
        media = wire.media_type(head.headers)
        events = media == "text/event-stream" and "stream-sse-data-encoding" not in head.headers
        if head.status == 204:
            self._answer([], head, now)
        elif self._asked == "sse" and (head.status in SSE_REFUSED or (head.status == 200 and not events)):
            self._fall_back()
        elif head.status != 200:
            return False
        elif self._asked == "sse":
            self._sse = framing.SseParser(self._limit)
            self._frames = 0
        elif not wire.is_json(media):
            message = f"expected application/json, got {media!r}"
            self._protocol_error("UNEXPECTED_CONTENT_TYPE", message, now, status=200)
        return True

    def _fall_back(self) -> None:
        """Go on by long poll. Nothing is lost: the position stays."""
        self._live = "long-poll"
        self._action = None

    def ahead(self) -> Request | None:
        """The page behind the one that has begun, when it is not the last and its head says where it ends."""
        head = self._head
        if head is None or head.status != 200 or self._over is not None or self._action is not READ:
            return None
        if self._asked is not None or self._live == "sse" or self._confirming:
            return None
        said = facts.from_head(head)
        old, new = self._position, said.offset
        if new is None or new == old or said.up_to_date:
            return None
        if not wire.usable_offset(new) or self._course.turns_back(old, new):
            return None
        return Request("GET", wire.read_url(self._url, offset=new), PAGE_HEADERS)

    # Pages.

    def data(self, chunk: bytes, now: float) -> None:
        """Bytes of the answer."""
        if self._sse is not None:
            self._feed(self._sse, chunk, now)
            return
        refused = self._refusal is not None
        super().data(chunk, now)
        if self._limit is not None and self._size > self._limit and not refused:
            self._protocol_error("EVENT_TOO_LARGE", f"a page is larger than the limit of {self._limit} bytes", now)

    def _ended(self, now: float) -> None:
        if self._sse is not None:
            self._connection_over(now)
            return
        head, body = self._head, b"".join(self._body)
        assert head is not None  # noqa: S101  # for the type checkers: a body follows a head
        self._body.clear()
        try:
            # An empty body of unknown length is a page that was cut before its first byte, not a page without items.
            if not head.framed and not body.strip():
                raise framing.Malformed("the body is empty")
            items = framing.split_page(body)
        except framing.Malformed as error:
            self._half = (body, self._half[1] + 1 if body and body == self._half[0] else 1)
            if head.framed or self._half[1] > NONSENSE_TRIES:
                self._protocol_error("PARSE_ERROR", f"the page is not JSON: {error}", now)
            else:
                half = FlueConnectionError(f"the page ended early, after {len(body)} bytes: {error}")
                self._failed(half, now, retry=True)
            return
        self._half = (b"", 0)
        self._answer(items, head, now)

    def _answer(self, items: list[Any], head: Head, now: float) -> None:
        """A whole page, or a 204."""
        said = facts.from_head(head)
        if self._asked == "long-poll":
            self._progress()  # a completed long poll
        ends = self._ends(items, head, said)
        closed = ends and (said.closed or self._confirming)
        if not self._take(items, said, now, closed=closed):
            return
        self._tail = None
        self._ending = ends
        self._confirming = self._confirming or (said.closed and not ends)
        if not ends:
            self._ask_on(now)

    def _ends(self, items: list[Any], head: Head, said: facts.Facts) -> bool:
        if self._confirming:  # closed is for ever; what matters is whether all has been read
            return said.up_to_date or (not items and said.offset in {None, self._position})
        if said.closed:
            return head.status != 204
        return self._live is None and said.up_to_date

    # Server-sent events.

    def _feed(self, parser: framing.SseParser, chunk: bytes, now: float) -> None:
        try:
            for kind, payload in parser.feed(chunk):
                if kind == b"data":
                    self._hold(payload)
                elif kind == b"control":
                    self._control(facts.from_control(payload), now)
                if self._ending or self._action is not READ:
                    return
        except framing.TooLarge as error:
            self._protocol_error("EVENT_TOO_LARGE", str(error), now)
        except framing.Malformed as error:
            self._protocol_error("PARSE_ERROR", f"an event of the stream is not what it should be: {error}", now)

    def _hold(self, payload: bytes) -> None:
        """Keep a frame's items until their control frame comes."""
        self._held += len(payload)
        if self._limit is not None and self._held > self._limit:
            raise framing.TooLarge(f"a batch is larger than the limit of {self._limit} bytes")
        self._data += framing.split_page(payload)

    def _let_go(self) -> list[Any]:
        items, self._data, self._held = self._data, [], 0
        return items

    def _control(self, said: facts.Facts, now: float) -> None:
        if said.offset is None:
            self._protocol_error("MISSING_OFFSET", "a control event without streamNextOffset", now)
            return
        items = self._let_go()
        self._frames += 1
        self._frameless = self._silences = 0
        if self._take(items, said, now, closed=said.closed):
            self._ending = said.closed

    def _connection_over(self, now: float) -> None:
        """A clean end without `streamClosed`: some servers recycle connections every minute.

        What had no control frame is thrown away.
        """
        self._lost_connection(now)
        self._ask_on(now)

    def fault(self, fault: Fault, now: float) -> None:
        """The attempt failed on the way."""
        if self._sse is not None:
            self._lost_connection(now)
        if fault.silent and self._asked == "sse" and not self._frames:
            self._silences += 1
            if self._silences >= SILENCES:
                self._fall_back()  # a proxy that waits for the end of what has none holds even the head back
        super().fault(fault, now)

    def dropped(self) -> None:
        """The connection is gone, and with it what had no control frame."""
        self._let_go()
        super().dropped()

    def _lost_connection(self, now: float) -> None:
        self._let_go()
        if self._frames == 0:
            self._frameless += 1
            if self._frameless >= SILENT_CONNECTIONS:
                self._fall_back()
        elif now - self._opened_at >= HEALTHY:
            self._progress()

    # Progress.

    def _take(self, items: list[Any], said: facts.Facts, now: float, *, closed: bool) -> bool:
        """Queue what came and move the position, if that makes sense."""
        old, new = self._position, self._position if said.offset is None else said.offset
        if self._budget is not None:
            self._budget.answered()
        moved = new != old
        if not wire.goes_on(old, new) and not self._makes_sense(old, said, now, items=bool(items)):
            return False
        if moved:
            self._course.passed(old)
            self._nonsense = 0
            self._progress()
        if items:
            self._brought = True
            self.up_to_date = False
        self._caught_up = said.up_to_date
        self._cursor = said.cursor or self._cursor
        self._position = new
        self._queue.append(Batch(items, new, said.up_to_date, closed))
        return True

    def _makes_sense(self, old: str, said: facts.Facts, now: float, *, items: bool) -> bool:
        """Whether an answer leads on; if not, it has failed."""
        new = old if said.offset is None else said.offset
        moved = new != old
        if said.offset is None and (items or old == wire.NOW):
            # Asked again, `now` would be another now, and what came between the two would be lost.
            self._protocol_error("MISSING_OFFSET", "a page says no next offset where one is needed", now)
        elif said.offset is not None and not wire.usable_offset(new):
            self._protocol_error("INVALID_OFFSET", f"the server's next offset is not one: {new!r}", now)
        elif moved and self._course.turns_back(old, new):
            self._nonsensical("OFFSET_REGRESSED", f"the offset runs backwards, from {old} to {new}", now)
        elif items and not moved:
            self._nonsensical("OFFSET_STALLED", "items came, but the offset stays where it is", now)
        elif self._asked is None and not moved and not said.up_to_date and not self._confirming:
            self._nonsensical("OFFSET_STALLED", "an empty page leads nowhere and is not up to date", now)
        else:
            return True
        return False

    def _failed(
        self, error: FlueError, now: float, *, retry: bool, silent: bool = False, at_least: float = 0.0
    ) -> None:
        if self._frames:  # which may have refilled the budget without having brought anything
            self._pace.after(brought=self._brought, took=now - self._opened_at)
        super()._failed(error, now, retry=retry, silent=silent, at_least=max(at_least, self._pace.current))

    def _waited(self, took: float) -> bool:
        return self._asked is not None and (self._sse is not None or took >= facts.QUICK)

    def _progress(self) -> None:
        if self._budget is not None:
            self._budget.progress()

    def _nonsensical(self, code: str, message: str, now: float) -> None:
        self._nonsense += 1
        self._protocol_error(code, message, now, retry=self._nonsense < NONSENSE_TRIES)

    def _ask_on(self, now: float) -> None:
        """Ask on: at once if the answer brought something, else not too soon."""
        pause = self._pace.after(brought=self._brought, took=now - self._opened_at)
        self._action = Sleep(pause) if pause else None
