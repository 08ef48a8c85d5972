"""A stream as a value: what a faultless server answers to any request, and what may go wrong with an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from .script import Response, at, control_frame, count_at, events, frames, nothing, page, refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flue.core.actions import Request

HOLD = 30.0


@dataclass
class StreamServer:
    """Serves `items`.

    The first `ready` of them are there from the start; each live request that finds nothing new is told of one more.
    Offsets are Flue's unless `tokens` gives the one behind each number of items.
    """

    items: Sequence[Any]
    ready: int | None = None
    cap: int = 100
    closed: bool = True
    tokens: Sequence[str] = ()
    framing: str = "length"
    recycled: int | None = None  # an event connection ends cleanly after so many frames

    def __post_init__(self) -> None:
        self.there = len(self.items) if self.ready is None else self.ready

    def at(self, count: int) -> str:
        return self.tokens[count] if self.tokens else at(count)

    def count(self, offset: str) -> int:
        if offset == "now":
            return self.there
        return 0 if offset == "-1" else self.tokens.index(offset) if self.tokens else count_at(offset)

    def __call__(self, request: Request, now: float) -> Response:
        query = dict(parse_qsl(urlsplit(request.url).query))
        start = self.count(query["offset"])
        if "tail" in query and query["offset"] == "-1":
            start = max(0, self.there - int(query["tail"]))
        if query.get("live") == "sse":
            return self.event_stream(start)
        return self.page(start, live=query.get("live") == "long-poll")

    def page(self, start: int, *, live: bool = False) -> Response:
        after = 0.0
        if live and start == self.there:
            after = HOLD / 2
            self.there = min(self.there + 1, len(self.items))
            if start == self.there:
                return nothing(self.at(start), closed=self.closed, cursor="c", after=0.0 if self.closed else HOLD)
        stop = min(start + self.cap, self.there)
        return page(
            self.items[start:stop],
            self.at(stop),
            up_to_date=stop == self.there,
            closed=self.closed and stop == len(self.items),
            cursor="c" if live else None,
            framing=self.framing,
            after=after,
        )

    def event_stream(self, start: int) -> Response:
        steps: list[bytes | float] = [control_frame(self.at(start))]
        while start < len(self.items):
            if start >= self.there:
                self.there += 1
                steps.append(HOLD / 2)
            if self.recycled is not None and len(steps) > self.recycled:
                return events(*steps)
            stop = min(start + self.cap, self.there)
            steps.append(frames(self.items[start:stop], self.at(stop), upToDate=stop == self.there))
            start = stop
        if self.closed:
            steps.append(control_frame(self.at(start), streamClosed=True))
        return events(*steps, framing="chunked" if self.framing == "length" else self.framing)


REFUSALS = [refusal(status, b"<html>no</html>", Retry_After="1") for status in (408, 425, 429, 500, 502, 503, 504)]
