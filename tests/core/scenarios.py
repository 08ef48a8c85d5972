"""Scenarios as data: what a server answers in turn, and all that a reader may make of it.

Each is played by the machine alone and through both faces over sockets (`faces/test_scenarios.py`), and must give the
same transcript. Its items are events of a run, so that the faces can type them. What the machine decides in detail is
tested beside this file; a scenario shows that a face performs what it decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flue.core.retry import BackoffOptions

from .script import (
    ENDED,
    REFUSED,
    RESET,
    Response,
    at,
    control_frame,
    data_frame,
    events,
    frames,
    nothing,
    page,
    refusal,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flue.errors import FlueConnectionError

EAGER = BackoffOptions(initial_delay=0.001, max_delay=0.002)
TWICE = BackoffOptions(initial_delay=0.001, max_delay=0.002, max_retries=1)


def log(index: int) -> dict[str, Any]:
    """An event of the wire; its text holds what only three line ends may end."""
    event = {"v": 3, "type": "log", "eventIndex": index, "timestamp": "2026-01-01T00:00:00.000Z", "runId": "run_1"}
    return event | {"level": "info", "message": "é\u2028\x85中"}


def run_end(index: int) -> dict[str, Any]:
    """The event that ends the run."""
    event = {"v": 3, "type": "run_end", "eventIndex": index, "timestamp": "2026-01-01T00:00:01.000Z", "runId": "run_1"}
    return event | {"isError": False, "result": 42, "durationMs": 1}


def logs(first: int, behind: int) -> list[dict[str, Any]]:
    return [log(index) for index in range(first, behind)]


@dataclass(frozen=True)
class Scenario:
    """What happens, and what is to come of it.

    Attributes:
        responses: Of the server, in turn.
        events: Indexes of those that are handed over.
        requests: How each one waits (`plain`, `long-poll`, `sse`) and the number of events behind which it reads, or `now`.
        error: The error's class and its code or status; None where the stream ends well.
        pauses: Why each pause is made: the class of the error of a failed attempt, or `idle`.
        offset: Number of events behind the last checkpoint; that of `events` unless given.
        mode: How it waits in the end, where that has changed.
    """

    responses: tuple[Response | FlueConnectionError, ...]
    events: tuple[int, ...]
    requests: str
    error: tuple[str, int | str] | None = None
    pauses: tuple[str, ...] = ()
    offset: int | str | None = None
    live: str | None = "long-poll"
    start: str = "-1"
    tail: int | None = None
    options: BackoffOptions = EAGER
    mode: str | None = None

    @property
    def end_offset(self) -> str:
        """The last checkpoint."""
        count = len(self.events) if self.offset is None else self.offset
        return at(count) if isinstance(count, int) else count


def line_ends(ending: bytes, size: int) -> Response:
    """A stream with a byte order mark and comments, with other line ends, in pieces of a size."""
    text = b"\xef\xbb\xbf: hello\n\n" + frames([log(0)], at(1)) + b": heartbeat\n\n" + frames([run_end(1)], at(2))
    return events(text.replace(b"\n", ending)).chunked_by(size)


LOST = "FlueConnectionError"
IDLE = "idle"
FIRST = page([log(0)], at(1))  # more to come
CAUGHT_UP = page([log(0)], at(1), up_to_date=True)
END = page([run_end(1)], at(2), up_to_date=True)
SSE_END = events(frames([run_end(1)], at(2), streamClosed=True))
MOVED = Response(307, (("Location", "?offset=-1&moved=1"), ("Content-Length", "0")))


SCENARIOS: dict[str, Scenario] = {}


def _add(
    name: str,
    responses: Iterable[Response | FlueConnectionError],
    events: Iterable[int],
    requests: str,
    **options: Any,
) -> None:
    SCENARIOS[name] = Scenario(tuple(responses), tuple(events), requests, **options)


# Pages and polls.
_add(
    "pages, then polls",
    (
        page(logs(0, 2), at(2)),
        page([log(2)], at(3), up_to_date=True),
        page([log(3)], at(4), up_to_date=True, cursor="c1"),
        nothing(at(4), cursor="c2"),
        page([run_end(4)], at(5), up_to_date=True),
    ),
    (0, 1, 2, 3, 4),
    "plain 0, plain 2, long-poll 3, long-poll 4, long-poll 4",
)
_add(
    "a poll that is not up to date",
    (CAUGHT_UP, page(logs(1, 3), at(3)), page([run_end(3)], at(4), up_to_date=True)),
    (0, 1, 2, 3),
    "plain 0, long-poll 1, plain 3",
)
_add(
    "catching up",
    (page(logs(0, 2), at(2)), page(logs(2, 3), at(3), up_to_date=True)),
    (0, 1, 2),
    "plain 0, plain 2",
    live=None,
)
_add(
    "now is pinned",
    (REFUSED, page([], at(7), up_to_date=True), page([run_end(7)], at(8), up_to_date=True)),
    (7,),
    "plain now, plain now, long-poll 7",
    pauses=(LOST,),
    offset=8,
    start="now",
)
_add(
    "tail is pinned",
    (refusal(503), page(logs(5, 7), at(7), up_to_date=True), page([run_end(7)], at(8), up_to_date=True)),
    (5, 6, 7),
    "plain 0, plain 0, long-poll 7",
    pauses=("ServerError",),
    offset=8,
    tail=2,
)
_add("closed by a page", (page([log(0)], at(1), closed=True),), (0,), "plain 0")
_add(
    "closed by a 204, which is confirmed",
    (CAUGHT_UP, nothing(at(1), closed=True), refusal(503), page([log(1)], at(2)), page([run_end(2)], at(3))),
    (0, 1, 2),
    "plain 0, long-poll 1, plain 1, plain 1, plain 2",
    pauses=("ServerError",),
)
_add("a 204 that says nothing", (CAUGHT_UP, Response(204), END), (0, 1), "plain 0, long-poll 1, long-poll 1")
_add(
    "polls that run out",
    (nothing(at(3)), nothing(at(4)), page([], None, up_to_date=True), page([run_end(4)], at(5), up_to_date=True)),
    (4,),
    "plain 0, long-poll 3, long-poll 4, long-poll 4",
    pauses=(IDLE, IDLE),
    offset=5,
)
_add(
    "empty responses at once",
    (
        CAUGHT_UP,
        nothing(at(1)),
        nothing(at(1)),
        page([log(1)], at(2), up_to_date=True),
        nothing(at(2)),
        page([run_end(2)], at(3), up_to_date=True),
    ),
    (0, 1, 2),
    "plain 0, long-poll 1, long-poll 1, long-poll 1, long-poll 2, long-poll 2",
    pauses=(IDLE,),
)
# Event connections.
_add(
    "batches",
    (
        events(
            data_frame([log(0)]) + data_frame([]) + data_frame(logs(1, 3)) + control_frame(at(3)),
            frames([run_end(3)], at(4)),
        ),
    ),
    (0, 1, 2, 3),
    "sse 0",
    live="sse",
)
for name, ending in (("lf", b"\n"), ("crlf", b"\r\n"), ("cr", b"\r")):
    for size in (1, 1000):
        _add(f"line ends {name} in pieces of {size}", (line_ends(ending, size),), (0, 1), "sse 0", live="sse")
_add(
    "a control event moves the checkpoint",
    (events(control_frame(at(3), upToDate=True) + control_frame(at(4), streamClosed=True)),),
    (),
    "sse 0",
    offset=4,
    live="sse",
)
for name, end in (("cleanly", ()), ("by a reset", (RESET,)), ("early", (ENDED,))):
    _add(
        f"connections that end {name} without a control event",
        (
            events(frames([log(0)], at(1)) + data_frame(logs(1, 3)), *end),
            events(data_frame(logs(1, 3))[:-9], *end),
            events(frames(logs(1, 3), at(3)) + frames([run_end(3)], at(4))),
        ),
        (0, 1, 2, 3),
        "sse 0, sse 1, sse 1",
        pauses=(LOST,) * 2 if end else (),
        live="sse",
    )
    _add(
        f"healthy connections that end {name}",
        (
            *(events(frames([log(n)], at(n + 1), streamCursor="c"), *end) for n in range(5)),
            events(frames([run_end(5)], at(6))),
        ),
        (0, 1, 2, 3, 4, 5),
        "sse 0, sse 1, sse 2, sse 3, sse 4, sse 5",
        pauses=(LOST,) * 5 if end else (),
        live="sse",
    )
    _add(
        f"three connections without an event that end {name}",
        (*[events(b": heartbeat\n\n", *end)] * 3, CAUGHT_UP, END),
        (0, 1),
        "sse 0, sse 0, sse 0, plain 0, long-poll 1",
        pauses=(LOST,) * 3 if end else (IDLE,) * 2,
        live="sse",
        mode="long-poll",
    )
for status in (406, 415, 501):
    _add(
        f"events refused by {status}",
        (refusal(status), CAUGHT_UP, RESET, END),
        (0, 1),
        "sse 0, plain 0, long-poll 1, long-poll 1",
        pauses=(LOST,),
        live="sse",
        mode="long-poll",
    )
for media in ("text/html; charset=utf-8", "application/json", None):
    _add(
        f"{media} instead of events",
        (page([log(0)], at(1), content_type=media), CAUGHT_UP, END),
        (0, 1),
        "sse 0, plain 0, long-poll 1",
        live="sse",
        mode="long-poll",
    )
_add(
    "a 204 instead of events",
    (nothing("-1"), nothing("-1"), SSE_END),
    (1,),
    "sse 0, sse 0, sse 0",
    pauses=(IDLE,),
    offset=2,
    live="sse",
)
# Failures.
_add(
    "failures and progress",
    (REFUSED, CAUGHT_UP, RESET, nothing(at(1)), refusal(503), END),
    (0, 1),
    "plain 0, plain 0, long-poll 1, long-poll 1, long-poll 1, long-poll 1",
    pauses=(LOST, LOST, "ServerError"),
    options=TWICE,
)
_add(
    "retries that are used up",
    (CAUGHT_UP, REFUSED, refusal(502)),
    (0,),
    "plain 0, long-poll 1, long-poll 1",
    error=("ServerError", 502),
    pauses=(LOST,),
    options=TWICE,
)
for status in (408, 425, 429, 500, 502, 503, 504):
    _add(
        f"{status} is retried",
        (refusal(status), END),
        (1,),
        "plain 0, plain 0",
        pauses=({408: "FlueApiError", 425: "FlueApiError", 429: "RateLimitedError"}.get(status, "ServerError"),),
        offset=2,
    )
for status, error in (
    (400, "BadRequestError"),
    (401, "AuthenticationError"),
    (403, "PermissionDeniedError"),
    (404, "NotFoundError"),
    (409, "ConflictError"),
    (410, "OffsetGoneError"),
    (416, "OffsetGoneError"),
    (501, "ServerError"),
):
    _add(f"{status} is final", (refusal(status),), (), "plain 0", error=(error, status))
_add("an offset that is gone", (CAUGHT_UP, refusal(410)), (0,), "plain 0, long-poll 1", error=("OffsetGoneError", 410))
_add("a redirect", (MOVED, FIRST, END), (0, 1), "plain 0, plain 0, plain 1")
_add(
    "redirects without end",
    (MOVED,) * 6,
    (),
    "plain 0, plain 0, plain 0, plain 0, plain 0, plain 0",
    error=("FlueApiError", 307),
)
_add("a redirect to nowhere", (Response(302, (("Content-Length", "0"),)),), (), "plain 0", error=("FlueApiError", 302))
# Bodies that are cut, and bodies that are wrong.
for framing in ("length", "chunked", "close", "gzip"):
    whole = page(logs(0, 2), at(2), framing=framing)
    _add(
        f"a page in the framing {framing}, cut",
        (
            whole.cut(0, RESET),
            whole.cut(30, RESET),
            whole.cut(30, ENDED),
            whole,
            page([run_end(2)], at(3), up_to_date=True, framing=framing),
        ),
        (0, 1, 2),
        "plain 0, plain 0, plain 0, plain 0, plain 2",
        pauses=(LOST,) * 3,
    )
_add(
    "a page without a length that ends early",
    (page(logs(0, 2), at(2), framing="close").cut(30, None), CAUGHT_UP, END),
    (0, 1),
    "plain 0, plain 0, long-poll 1",
    pauses=(LOST,),
)
parse_error = ("DurableStreamError", "PARSE_ERROR")
_add("a whole page that is no JSON", (FIRST, page(b"[1,", at(2))), (0,), "plain 0, plain 1", error=parse_error)
for name, control in (("without an offset", control_frame()), ("of null", control_frame(streamNextOffset=None))):
    _add(
        f"a control event {name}",
        (events(data_frame([log(0)]) + control),),
        (),
        "sse 0",
        error=("DurableStreamError", "MISSING_OFFSET"),
        live="sse",
    )
for name, offset in (("two offsets", "0_1, 0_2"), ("a space", "a b"), ("now", "now")):
    _add(
        f"a control event with {name}",
        (events(frames([log(0)], offset)),),
        (),
        "sse 0",
        error=("DurableStreamError", "INVALID_OFFSET"),
        live="sse",
    )
    _add(
        f"a page with {name}", (page([log(0)], offset),), (), "plain 0", error=("DurableStreamError", "INVALID_OFFSET")
    )
_add("items without an offset", (page([log(0)], None),), (), "plain 0", error=("DurableStreamError", "MISSING_OFFSET"))
_add(
    "an offset that stands still",
    (CAUGHT_UP, *[CAUGHT_UP] * 4),
    (0,),
    "plain 0, long-poll 1, long-poll 1, long-poll 1, long-poll 1",
    error=("DurableStreamError", "OFFSET_STALLED"),
    pauses=("DurableStreamError",) * 3,
)
_add(
    "an offset that runs backwards, and recovers",
    (page(logs(0, 2), at(2), up_to_date=True), CAUGHT_UP, page([run_end(2)], at(3), up_to_date=True)),
    (0, 1, 2),
    "plain 0, long-poll 2, long-poll 2",
    pauses=("DurableStreamError",),
)
for status in (201, 206, 304):
    _add(
        f"a status of {status}",
        (Response(status, page([], at(1)).headers),),
        (),
        "plain 0",
        error=("DurableStreamError", "UNEXPECTED_STATUS"),
    )
_add(
    "html",
    (page(b"<html>", at(1), content_type="text/html"),),
    (),
    "plain 0",
    error=("DurableStreamError", "UNEXPECTED_CONTENT_TYPE"),
)
# Long histories.
history = tuple(page([log(n)], at(n + 1)) for n in range(5))
_add(
    "a long history",
    (
        *history,
        events(frames(logs(5, 7), at(7)) + control_frame(at(7), upToDate=True)),
        page([run_end(7)], at(8), up_to_date=True),
    ),
    (0, 1, 2, 3, 4, 5, 6, 7),
    "plain 0, plain 1, plain 2, plain 3, plain 4, sse 5, long-poll 7",
)
_add(
    "a long history where events are refused",
    (*history, refusal(406), page([log(5)], at(6)), page([run_end(6)], at(7), up_to_date=True)),
    (0, 1, 2, 3, 4, 5, 6),
    "plain 0, plain 1, plain 2, plain 3, plain 4, sse 5, plain 5, plain 6",
)
for name, control, code in (
    ("an invalid offset", control_frame("a b"), "INVALID_OFFSET"),
    ("no offset", control_frame(), "MISSING_OFFSET"),
):
    _add(
        f"a control event with {name}, and more behind it in one piece",
        (events(frames([log(0)], at(1)) + data_frame([log(1)]) + control + frames([run_end(2)], at(3))),),
        (0,),
        "sse 0",
        error=("DurableStreamError", code),
        live="sse",
    )
