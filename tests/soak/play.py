"""One script as it is played on a face, and the ledger of what its stream hands over."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.faces.harness import later

from .script import PAGE_LIMITS

if TYPE_CHECKING:
    from flue.testing import Fault, FlueTestServer, RecordedRequest
    from tests.faces.harness import Face

    from .script import Script

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
    """One script on one face.

    Subclasses have `create()`, which makes what is written into, `write(batch)`, `open(offset, **options)`, which gives
    a stream, and `take(handed)`, which takes down what a stream has handed over.

    Attributes:
        written: The places of all that is to be handed over.
    """

    def __init__(self, script: Script, face: Face) -> None:
        self.script = script
        self.id = f"{face.name}_{script.number}"
        self.ledger = Ledger(PAGE_LIMITS[script.server])
        self.notes: list[str] = []
        self.written: list[Place] = []
        self._face = face
        self._server: FlueTestServer = face.server
        self._requests = 0
        self._writer = threading.Thread(target=self._write_the_rest, name=f"writer of {self.id}")

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
        """Write a part of it, and read it in its way while the rest is written; compare what came of it."""
        self.create()
        for batch in self.script.batches[: self.script.ready]:
            self.write(batch)
        self._writer.start()
        getattr(self, f"_{self.script.way}")()

    def _write_the_rest(self) -> None:
        pause = threading.Event()
        for batch, delay in zip(self.script.batches[self.script.ready :], self.script.delays, strict=True):
            pause.wait(delay)
            self.write(batch)

    def join(self) -> None:
        """Wait until all is written."""
        if self._writer.ident is not None:
            self._writer.join()

    def _stream(self) -> None:
        breaks = list(self.script.breaks)
        stream = self._begin("-1")
        while not self.is_over(stream):
            if breaks and self.ledger.counts["events"] >= breaks[0][0]:
                _, kind, delay = breaks.pop(0)
                if not self._leave(stream, kind, delay):
                    stream = self._begin(stream.offset)
                continue
            try:
                self.take(stream.next())
            except StopIteration:
                if self.script.live is not False and not stream.closed:
                    raise AssertionError(f"the stream ended at {stream.offset} without being closed") from None
                break
        self.join()
        self.ledger.end(self.written)

    def _begin(self, offset: str) -> Any:
        self._face.streams.clear()
        self.ledger.begin(offset)
        return self.open(offset, live=self.script.live, timeout=HANG)

    def _leave(self, stream: Any, kind: str, delay: float) -> bool:
        """Stop to read a stream, in one of the ways to do so. Returns whether it goes on, or was quicker and is over."""
        if kind == "give up" and self._face.is_async:  # unless the pull brings something before
            with contextlib.suppress(TimeoutError, StopAsyncIteration):
                self.take(self._face.wait(lambda: asyncio.wait_for(anext(stream.inner), delay)))
            return True
        if kind in {"cancel", "give up"}:
            timer = later(stream.inner.cancel, delay)
            for handed in stream:
                self.take(handed)
            timer.join()
        elif kind == "close":
            stream.close()
        return self.is_over(stream)

    def is_over(self, stream: Any) -> bool:
        """Whether a stream has come to the end of all that is written."""
        return stream.closed


class RunPlay(Play):
    """One stream of a run."""

    def __init__(self, script: Script, face: Face, client: Any) -> None:
        super().__init__(script, face)
        self._client = client

    def create(self) -> None:
        """An active run."""
        self._server.create_run(run_id=self.id)

    def write(self, batch: tuple[str, ...]) -> None:
        """No two events say the same."""
        notify = "quiet" not in batch
        events: list[dict[str, Any]] = []
        for act in batch:
            if act == "log":
                text = message_of(self.id, len(self.written))
                events.append({"type": "log", "level": "info", "message": text})
                self.written.append((len(self.written), 0))
            elif act in {"finish", "leave open"}:
                events.append({"type": "run_end", "isError": False, "result": None, "durationMs": 1})
                self.written.append((len(self.written), 0))
        self._server.append(self.id, *events, notify=notify)
        if batch[-1] in {"finish", "end"}:
            self._server.close_run(self.id, notify=notify)

    def open(self, offset: str, **options: Any) -> Any:
        """Of the run."""
        return self._face.stream(self.id, self._client, offset=offset, **options)

    def take(self, handed: Any) -> None:
        """Is it what was written there?"""
        index = handed.event_index
        if handed.type == "run_end":
            as_written = (index, 0) == self.written[-1] and self.script.batches[-1][-1] != "end"
        else:
            as_written = handed.type == "log" and handed.message == message_of(self.id, index)
        self.ledger.counts["altered"] += handed.run_id != self.id or not as_written
        self.ledger.take((index, 0))

    def is_over(self, stream: Any) -> bool:
        """A run may have ended, and its stream be left open."""
        ended = self.script.batches[-1][-1] == "leave open" and not self._writer.is_alive()
        return super().is_over(stream) or (ended and self.ledger.behind == len(self.written))
