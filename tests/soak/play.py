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


FINAL_STATUSES = {401, 403, 307, 406, 415, 500, 501}
"""Answers to a POST that are the server's last word."""

Place = tuple[int, int]
"""Of what is handed over: the number of its batch, and of it in there. An event of a run is a batch of its own."""


class Ledger:
    """Takes down what is handed over, by the streams that read one after the other.

    Attributes:
        counts: Of what was handed over, and of what is wrong with it.
        behind: How much of a run was handed over.
    """

    def __init__(self, page_limit: int) -> None:
        """Args: page_limit: batches that one response hands over at most."""
        self.counts: Counter[str] = Counter()
        self.behind = 0
        self._page_limit = page_limit
        self._segments: list[tuple[int, list[Place]]] = []

    @property
    def wrong(self) -> bool:
        """Whether anything is."""
        return any(self.counts[what] for what in WRONGS)

    def begin(self, offset: str) -> None:
        """A stream begins here."""
        self.behind = int(offset.rpartition("_")[2]) + 1
        self._segments.append((self.behind, []))

    def take(self, place: Place) -> None:
        """Something was handed over."""
        self.counts["events"] += 1
        self.behind = place[0] + 1
        self._segments[-1][1].append(place)

    def end(self, written: list[Place]) -> None:
        """The streams are over; all of this was written, and the last of it is the last that they hand over."""
        done = 0  # of what was written
        for begin, taken in self._segments:
            start = sum(batch < begin for batch, _ in written)
            self.counts["losses"] += max(0, start - done)
            following = written[done][0] if done < len(written) else written[-1][0] + 1
            if done > start and following - begin >= self._page_limit:  # more than the response in flight
                self.counts["repeats"] += done - start
            seen = set(taken)
            self.counts["repeats"] += len(taken) - len(seen)
            self.counts["reorders"] += taken != sorted(taken)
            self.counts["altered"] += len(seen - set(written))
            done = start + len(seen)
            self.counts["losses"] += len(set(written[start:done]) - seen)
        self.counts["losses"] += len(written) - done


class Play:
    """One script on one face."""

    def __init__(self, script: Any, face: Face) -> None:
        self.script = script
        self.id = f"{face.name}_{script.number}"
        self.ledger = Ledger(PAGE_LIMITS[script.server])
        self.notes: list[str] = []
        self._face = face
        self._server: FlueTestServer = face.server
        self._requests = 0

    def next_fault(self, request: RecordedRequest) -> Fault | None:
        """What happens to the next response."""
        planned = self.script.faults.get(self._requests)
        self._requests += 1
        self.ledger.counts["requests"] += 1
        if planned is None or (request.method == "POST" and planned.page.status in FINAL_STATUSES):
            return None
        self.ledger.counts["faults"] += 1
        if planned.kind == "redirect":
            return type(planned.page)(status=307, headers=[("location", request.target)])
        return planned.events if request.first("live") == "sse" else planned.page

    def run(self) -> None:
        """Play it to its end."""
        try:
            self.play()
        except Exception as error:
            self.ledger.counts["errors"] += 1
            self.notes.append("; ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", [])]))
        finally:
            for stream in self._face.streams:
                stream.close()
            self._face.streams.clear()
            self._face.transcript.clear()
            self.join()

    def play(self) -> None:
        """Do what the script says, and compare what came of it."""
        raise NotImplementedError

    def join(self) -> None:
        """Wait for the threads that write."""
        raise NotImplementedError

    def take(self, handed: Any) -> None:
        """Take down what a stream has handed over."""
        raise NotImplementedError

    def leave(self, stream: Any, kind: str, delay: float) -> None:
        """Stop to read a stream, in one of the ways to do so."""
        if kind == "give up" and self._face.is_async:  # unless the pull brings something before
            with contextlib.suppress(TimeoutError, StopAsyncIteration):
                self.take(self._face.wait(lambda: asyncio.wait_for(anext(stream.inner), delay)))
        elif kind in {"cancel", "give up"}:
            timer = later(stream.inner.cancel, delay)
            for handed in stream:
                self.take(handed)
            timer.join()
        elif kind == "close":
            stream.close()


class RunPlay(Play):
    """One stream of a run."""

    def __init__(self, script: Script, face: Face, client: Any) -> None:
        super().__init__(script, face)
        self._client = client
        self._written = 0
        self._delayed: deque[Step] = deque()
        self._writing = threading.Lock()
        self._timers: list[threading.Timer] = []
        self._stream: Any = None

    def play(self) -> None:
        """Step by step."""
        self._server.create_run(run_id=self.id)
        self._open("-1")
        for step in self.script.steps:
            self._perform(step)
        self.ledger.end([(index, 0) for index in range(self.script.total)])
        if self.script.live is not False and not self._stream.closed:
            raise AssertionError(f"the stream ended at {self._stream.offset} without being closed")

    def join(self) -> None:
        """Wait for what is written later."""
        for timer in self._timers:
            timer.join()

    def take(self, handed: Any) -> None:
        """No two events say the same."""
        index = handed.event_index
        last = handed.type == "run_end" and index == self.script.total - 1
        as_written = last or (handed.type == "log" and handed.message == message_of(self.id, index))
        self.ledger.counts["altered"] += handed.run_id != self.id or not as_written
        self.ledger.take((index, 0))

    def _open(self, offset: str) -> None:
        self._face.streams.clear()
        self.ledger.begin(offset)
        options = {"offset": offset, "live": self.script.live, "timeout": HANG}
        self._stream = self._face.stream(self.id, self._client, **options)

    def _perform(self, step: Step) -> None:
        if step.kind in {"write", "finish", "end", "leave open"}:
            self._write_later(step)
        elif step.kind == "pull":
            while step.count is None or self.ledger.behind < step.count:
                try:
                    self.take(self._stream.next())
                except StopIteration:
                    return
        else:
            self.leave(self._stream, step.kind, step.delay)
            if step.kind != "give up" or not self._face.is_async:  # which leaves the stream as it is
                self._open(self._stream.offset)

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
                texts = [message_of(self.id, index) for index in range(begin, self._written)]
                events = [{"type": "log", "level": "info", "message": text} for text in texts]
                self._server.append(self.id, *events, notify=step.notify)
                return
            if step.kind != "end":
                run_end = {"type": "run_end", "isError": False, "result": None, "durationMs": 1}
                self._server.append(self.id, run_end, notify=step.notify)
            if step.kind != "leave open":
                self._server.close_run(self.id, notify=step.notify)
