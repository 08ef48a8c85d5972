"""What may go wrong with one answer, and must not be noticed by whoever reads the stream.

A complete but malformed answer is no such fault: a stream may end with an error there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flue.testing import Fault

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from flue.testing import RecordedRequest

READ_TIMEOUT = 0.6
"""Seconds of silence after which a client asks again. Long for these servers, short enough to be waited for."""
SILENCE = 0.9
"""Seconds of a silence that is longer than that."""
HTML = b"<html><body><h1>Bad Gateway</h1></body></html>"
RETRIED = (408, 425, 429, 500, 502, 503, 504)
RETRY_AFTER = ("0", "0.002", "-1", "soon", "inf", "Thu, 01 Jan 1970 00:00:00 GMT")


@dataclass(frozen=True)
class Planned:
    """The fault of one answer.

    Attributes:
        kind: how it is called in a report.
        page: for a catch-up read or a long poll.
        events: for server-sent events.
        loops: answer with a redirect to where the request came.
    """

    kind: str
    page: Fault
    events: Fault
    loops: bool = False

    def fault_for(self, request: RecordedRequest) -> Fault:
        """What happens to the answer to this request."""
        if self.loops:
            return Fault(status=307, headers=[("location", request.target)])
        return self.events if request.first("live") == "sse" else self.page

    def for_any_session(self) -> Planned:
        """The same, but a head is cut by a reset only.

        http.client takes the orderly end of a connection for the end of a head; only our own connections know better.
        """
        if self.page.cut_head_after is None:
            return self
        return replace(self, page=replace(self.page, end="reset"), events=replace(self.events, end="reset"))


def _refuse(rng: random.Random) -> tuple[Fault, Fault]:
    fault = Fault(refuse=True)
    return fault, fault


def _cut_head(rng: random.Random) -> tuple[Fault, Fault]:
    fault = Fault(cut_head_after=rng.randrange(400), end=rng.choice(["reset", "close"]))
    return fault, fault


def _cut(rng: random.Random) -> tuple[Fault, Fault]:
    after, compressed, framing = rng.randrange(1200), rng.random() < 0.3, rng.choice([None, "chunked", "close"])
    # A page that is cut and finished properly is a malformed one; an event stream is one that was recycled.
    page = Fault(cut_after=after, gzip=compressed, framing=framing, end=rng.choice(["reset", "close"]))
    return page, Fault(cut_after=after, gzip=compressed, framing=framing, end=rng.choice(["reset", "close", "clean"]))


def _end_behind(rng: random.Random) -> tuple[Fault, Fault]:
    fault = Fault(end=rng.choice(["reset", "close"]))
    return fault, fault


def _status(rng: random.Random) -> tuple[Fault, Fault]:
    headers = [("content-type", "text/html")]
    if rng.random() < 0.5:
        headers.append(("retry-after", rng.choice(RETRY_AFTER)))
    fault = Fault(status=rng.choice(RETRIED), headers=headers, body=rng.choice([None, HTML]))
    return fault, fault


def _stall(rng: random.Random) -> tuple[Fault, Fault]:
    seconds = rng.uniform(0.001, 0.04)
    if rng.random() < 0.5:
        fault = Fault(stall_before_headers=seconds)
    else:
        fault = Fault(stall_after=rng.randrange(600), stall=seconds)
    return fault, fault


def _silence(rng: random.Random) -> tuple[Fault, Fault]:
    if rng.random() < 0.5:
        fault = Fault(stall_before_headers=SILENCE)
    else:
        fault = Fault(stall_after=rng.randrange(600), stall=SILENCE)
    return fault, fault


def _trickle(rng: random.Random) -> tuple[Fault, Fault]:
    fault = Fault(trickle=rng.randrange(30, 300), trickle_pause=rng.choice([0.0, 0.001]))
    return fault, fault


def _framed(rng: random.Random) -> tuple[Fault, Fault]:
    compressed, framing = rng.random() < 0.5, rng.choice(["chunked", "close"])
    types = ["; charset=utf-8", ";charset=UTF-8; x=y"]
    page = Fault(gzip=compressed, framing=framing, content_type="application/json" + rng.choice(types))
    return page, Fault(gzip=compressed, framing=framing, content_type="text/event-stream" + rng.choice(types))


def _strange_headers(rng: random.Random) -> tuple[Fault, Fault]:
    cookies = [("set-cookie", "a=b"), ("Set-Cookie", "c=d"), ("x-noise", "\xe9"), ("X-Noise", "2")]
    page = Fault(extra_headers=cookies, drop_headers=["Content-Type", "Date", "Connection", "Keep-Alive"])
    return page, Fault(extra_headers=cookies, drop_headers=["Date", "Connection", "Keep-Alive"])


def _emptied(rng: random.Random) -> tuple[Fault, Fault]:
    fault = Fault(body=b"", framing="close")
    return fault, fault


def _unsaid(rng: random.Random) -> tuple[Fault, Fault]:
    fault = Fault(drop_headers=rng.choice([["Stream-Up-To-Date"], ["Stream-Closed"], ["Stream-Cursor", "ETag"]]))
    return fault, fault


def _credentials(rng: random.Random) -> tuple[Fault, Fault]:
    fault = Fault(status=rng.choice([401, 403]))
    return fault, fault


def _no_events(rng: random.Random) -> tuple[Fault, Fault]:
    page, _ = _status(rng)
    refused = Fault(status=rng.choice([406, 415, 501]))
    return page, rng.choice([refused, Fault(content_type="text/html"), Fault(drop_headers=["Content-Type"])])


def _redirect(rng: random.Random) -> tuple[Fault, Fault]:
    fault = Fault(status=307)  # its location is that of the request
    return fault, fault


KINDS: dict[Callable[[random.Random], tuple[Fault, Fault]], int] = {
    _refuse: 4,
    _cut_head: 4,
    _cut: 8,
    _end_behind: 2,
    _status: 4,
    _stall: 3,
    _silence: 1,
    _trickle: 1,
    _framed: 3,
    _strange_headers: 2,
    _emptied: 2,
    _no_events: 1,
    # Several of these in a row would rightly be the end of a stream.
    _unsaid: 1,
    _credentials: 1,
    _redirect: 1,
}
"""Each with the number of times that a script may have it, which is also how likely it is."""


def random_faults(rng: random.Random, count: int) -> list[Planned]:
    """Faults for so many answers."""
    chosen = rng.sample(list(KINDS), count, counts=list(KINDS.values()))
    return [Planned(make.__name__.strip("_"), *make(rng), loops=make is _redirect) for make in chosen]
