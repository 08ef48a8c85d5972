"""One script as it is played on a face, and the ledger of what its stream hands over."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from tests.faces.harness import later

from .script import PAGE_LIMITS, Script, Step

if TYPE_CHECKING:
    from flue.testing import Fault, FlueTestServer, RecordedRequest
    from tests.faces.harness import Face

TEXTS = (
    "plain",
    "line\u2028separators\u0085\u2029",
    "emoji \U0001f600 and half of one \ud83d",
    'quotes " and \\ and \x00',
    "data: x\n\nevent: control\r\n",
    "long " * 60,
)
WRONGS = ("losses", "repeats", "reorders", "altered", "errors")
"""What must not be counted."""
HANG = 20.0
"""Seconds that a script may take."""


def message_of(run_id: str, index: int) -> str:
    """What the event at a position says: no two say the same."""
    return f"{run_id}:{index}:{TEXTS[index % len(TEXTS)]}"


class Ledger:
    """Takes down what one stream hands over, across the objects that read it one after the other.

    Attributes:
        counts: of events and of what is wrong with them.
        behind: the position behind the last event; where the next one should be.
    """

    def __init__(self, run_id: str, total: int, page_limit: int) -> None:
        """Args: total: events that the stream has in the end; page_limit: events in one batch at most."""
        self.counts: Counter[str] = Counter()
        self.behind = 0
        self._run_id = run_id
        self._total = total
        self._page_limit = page_limit
        self._seen: set[int] = set()

    def take(self, event: Any) -> None:
        """An event was handed over."""
        index = event.event_index
        self.counts["events"] += 1
        if index in self._seen:
            self.counts["repeats"] += 1
        elif index < self.behind:
            self.counts["reorders"] += 1
            self.counts["losses"] -= 1  # counted when it was passed over
        else:
            self.counts["losses"] += index - self.behind
        self._seen.add(index)
        self.behind = max(self.behind, index + 1)
        last = event.type == "run_end" and index == self._total - 1
        as_written = last or (event.type == "log" and event.message == message_of(self._run_id, index))
        if event.run_id != self._run_id or not as_written:
            self.counts["altered"] += 1

    def resume(self, offset: str) -> None:
        """Another stream begins at a checkpoint: it may repeat the batch in flight, and must skip nothing."""
        begin = int(offset.rpartition("_")[2]) + 1
        if begin > self.behind:
            self.counts["losses"] += begin - self.behind
        elif self.behind - begin >= max(self._page_limit, 1):
            self.counts["repeats"] += self.behind - begin
        self.behind = begin
        self._seen = set(range(begin))

    def end(self) -> None:
        """The stream is over."""
        self.counts["losses"] += self._total - self.behind

    @property
    def wrong(self) -> bool:
        """Whether anything is."""
        return any(self.counts[what] for what in WRONGS)


class Play:
    """One script on one face."""

    def __init__(self, script: Script, face: Face, client: Any) -> None:
        self.script = script
        self.id = self.run_id = f"{face.name}_{script.number}"
        self.ledger = Ledger(self.run_id, script.total, PAGE_LIMITS[script.server])
        self.notes: list[str] = []
        self._face = face
        self._client = client
        self._server: FlueTestServer = face.server
        self._requests = 0
        self._written = 0
        self._delayed: deque[Step] = deque()
        self._writing = threading.Lock()
        self._timers: list[threading.Timer] = []
        self._stream: Any = None

    def next_fault(self, request: RecordedRequest) -> Fault | None:
        """What happens to the next response."""
        planned = self.script.faults.get(self._requests)
        self._requests += 1
        self.ledger.counts["requests"] += 1
        if planned is None:
            return None
        self.ledger.counts["faults"] += 1
        if planned.kind == "redirect":
            return type(planned.page)(status=307, headers=[("location", request.target)])
        return planned.events if request.first("live") == "sse" else planned.page

    def run(self) -> None:
        """Play it to its end."""
        self._server.create_run(run_id=self.run_id)
        self._open("-1")
        try:
            for step in self.script.steps:
                self._perform(step)
            self.ledger.end()
            if self.script.live is not False and not self._stream.closed:
                raise AssertionError(f"the stream ended at {self._stream.offset} without being closed")
        except Exception as error:
            self.ledger.counts["errors"] += 1
            self.notes.append("; ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", [])]))
        finally:
            self._stream.close()
            self._face.streams.clear()
            self._face.transcript.clear()
            for timer in self._timers:
                timer.join()

    def _open(self, offset: str) -> None:
        options = {"offset": offset, "live": self.script.live, "timeout": HANG}
        self._stream = self._face.stream(self.run_id, self._client, **options)

    def _perform(self, step: Step) -> None:
        stream, kind = self._stream, step.kind
        if kind in {"write", "finish", "end", "leave open"}:
            self._write_later(step)
        elif kind == "pull":
            while step.count is None or self.ledger.behind < step.count:
                if not self._pull():
                    return
        elif kind == "give up" and self._face.is_async:
            self._give_up(step.delay)
        else:
            if kind in {"cancel", "give up"}:
                self._timers.append(later(stream.inner.cancel, step.delay))
                while self._pull():
                    pass
            elif kind == "close":
                stream.close()
            self._face.streams.clear()
            self.ledger.resume(stream.offset)
            self._open(stream.offset)

    def _pull(self) -> bool:
        try:
            self.ledger.take(self._stream.next())
        except StopIteration:
            return False
        return True

    def _give_up(self, seconds: float) -> None:
        """Cancel a pull, unless it brings an event before."""
        inner = self._stream.inner
        with contextlib.suppress(TimeoutError, StopAsyncIteration):
            self.ledger.take(self._face.wait(lambda: asyncio.wait_for(anext(inner), seconds)))

    def _write_later(self, step: Step) -> None:
        """Write now or later; in the order of the script, whichever timer is first."""
        self._delayed.append(step)
        if step.delay:
            self._timers.append(later(self._write, step.delay))
        else:
            self._write()

    def _write(self) -> None:
        with self._writing:
            step = self._delayed.popleft()
            if step.kind == "write":
                begin, self._written = self._written, self._written + (step.count or 0)
                texts = [message_of(self.run_id, index) for index in range(begin, self._written)]
                events = [{"type": "log", "level": "info", "message": text} for text in texts]
                self._server.append(self.run_id, *events, notify=step.notify)
                return
            if step.kind != "end":
                run_end = {"type": "run_end", "isError": False, "result": None, "durationMs": 1}
                self._server.append(self.run_id, run_end, notify=step.notify)
            if step.kind != "leave open":
                self._server.close_run(self.run_id, notify=step.notify)
