"""Reads of a stream: what both generations of Flue share, and catch-up, long poll, events and HEAD of Flue 1.0.

What looks odd here is what that server does: a long poll that times out answers with the offset it was
asked for, and looks at "closed" only then; a keep-alive control frame is followed by another one.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flue.testing._http import Response
from flue.testing._routes import JSON_TYPE, NO_STORE, SECURITY_HEADERS, RefusedError, invalid
from flue.testing._store import Page, format_offset, parse_offset, to_json

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from flue.testing._http import Headers, RecordedRequest
    from flue.testing._store import Store


class StreamCondition:
    """Readers that wait for a change of a stream. Used on one loop of the server only."""

    def __init__(self) -> None:
        self._changes: dict[str, asyncio.Event] = {}

    def wake(self, path: str) -> None:
        if path in self._changes:
            self._changes.pop(path).set()

    async def wait(self, path: str, ready: Callable[[], bool], seconds: float) -> bool:
        """Wait until a change makes `ready` true; `False` when none did in time.

        A wake-up may come late, for a change that the reader has seen already: then it goes on waiting.
        """
        try:
            async with asyncio.timeout(seconds):
                while not ready():
                    await self._changes.setdefault(path, asyncio.Event()).wait()
        except TimeoutError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How reads behave; see `FlueTestServer`."""

    poll_hold: float
    heartbeat: float
    page_limit: int
    check_versions: bool


def event_stream_response(frames: AsyncGenerator[bytes, None]) -> Response:
    headers = [("content-type", "text/event-stream"), ("cache-control", "no-cache"), *SECURITY_HEADERS]
    return Response(200, headers, frames)


async def event_stream(
    options: ReadOptions,
    after: int,
    *,
    read: Callable[[int], Page | None],
    wait: Callable[[int, float], Awaitable[bool]],
    control: Callable[[Page], dict[str, Any]],
    checkpoint: bytes | None = None,
) -> AsyncGenerator[bytes, None]:
    """The frames of a server-sent stream. A failure inside breaks the body off: the head is out already.

    Args:
        options: How reads behave.
        after: The position behind which it begins.
        read: Returns the page behind a position; `None` ends the stream.
        wait: Waits so many seconds for something behind a position; `False` when nothing came.
        control: Says how far a page went, and whether the stream is closed there.
        checkpoint: The item of the first frame, in Flue 2. Without, a keep-alive is two control frames, and heartbeats
            are counted from the start, as in Flue 1.0.
    """
    heartbeat: float | None = None
    if checkpoint is None:
        heartbeat = time.monotonic() + options.heartbeat
    else:
        yield _frame("data", b"[" + checkpoint + b"]")
    while (page := read(after)) is not None:
        if page.events:
            yield _frame("data", to_array(page))
        after = page.next_position
        yield _frame("control", to_json(control(page)))
        if page.closed and page.up_to_date:
            return
        idle_until = time.monotonic() + options.poll_hold
        heartbeat = time.monotonic() + options.heartbeat if heartbeat is None else heartbeat
        while page.up_to_date:
            due = min(heartbeat, idle_until)
            if await wait(after, due - time.monotonic()):
                break
            if due == idle_until:
                if checkpoint is None:
                    yield _frame("control", to_json(control(Page([], after, up_to_date=True, closed=False))))
                break
            heartbeat += options.heartbeat
            yield b": heartbeat\n\n"


def _frame(kind: str, data: bytes) -> bytes:
    return f"event: {kind}\ndata:".encode() + data + b"\n\n"


def to_array(page: Page) -> bytes:
    return b"[" + b",".join(page.events) + b"]"


# Flue 1.0

CURSOR_EPOCH = 1_728_432_000
CURSOR_INTERVAL = 20
# Not the module's shared generator: a test that seeds that one must not see the time of day in its draws.
_jumps = random.Random()


def make_cursor(echoed: str | None = None) -> str:
    """The cursor of now, or one ahead of what the client sent when that is not older."""
    interval = int((time.time() - CURSOR_EPOCH) // CURSOR_INTERVAL)
    number = re.match(r"\s*[+-]?[0-9]+", echoed or "")
    if number is None or int(number[0]) < interval:
        return str(interval)
    return str(int(number[0]) + _jumps.randint(1, 180))


# The headers of each kind of response, in its order.
SECURITY = [name for name, _ in SECURITY_HEADERS]
END = ["Stream-Up-To-Date", "Stream-Closed"]
CATCH_UP = ["content-type", "Stream-Next-Offset", "cache-control", *SECURITY, "etag", *END]
CATCH_UP_NOW = [name for name in CATCH_UP if name != "etag"]  # there is nothing to be cached
POLL = ["content-type", "cache-control", *SECURITY, "Stream-Next-Offset", "Stream-Cursor", *END, "etag"]
EMPTY_POLL = [*SECURITY, "Stream-Next-Offset", "Stream-Up-To-Date", "Stream-Cursor", "Stream-Closed"]


def make_headers(names: list[str], path: str, offset: str, page: Page, echoed: str | None = None) -> Headers:
    """The headers of a page, as far as this kind of response has them.

    Args:
        names: Of the headers.
        path: Of the stream.
        offset: Behind which the page begins.
        page: What was found.
        echoed: The cursor that the client has sent.
    """
    next_offset, closed = format_offset(page.next_position), page.closed and page.up_to_date
    etag = f'"{base64.b64encode(path.encode()).decode()}:{offset}:{next_offset}{":c" if closed else ""}"'
    values = dict([JSON_TYPE, NO_STORE, *SECURITY_HEADERS])
    values |= {"Stream-Next-Offset": next_offset, "Stream-Cursor": make_cursor(echoed), "etag": etag}
    values |= {"Stream-Up-To-Date": "true"} if page.up_to_date else {}
    values |= {"Stream-Closed": "true"} if closed else {}
    return [(name, values[name]) for name in names if name in values]


class UnsupportedVersionError(RefusedError):
    """An event of another version than 3 lies in the stream."""

    def __init__(self, version: Any) -> None:
        meta = {"supportedVersion": 3} if version is None else {"storedVersion": version, "supportedVersion": 3}
        shown = "undefined" if version is None else version if isinstance(version, str) else json.dumps(version)
        super().__init__("product_event_version_unsupported", meta=meta, version=shown)


class EventStreamReader:
    """Reads event streams.

    Args:
        store: Where the streams are.
        options: How reads behave.
        condition: Readers that wait.
    """

    def __init__(self, store: Store, options: ReadOptions, condition: StreamCondition) -> None:
        self._store = store
        self._options = options
        self._condition = condition

    async def read(self, path: str, request: RecordedRequest) -> Response | None:
        """The response to a GET or HEAD of a stream; `None` when there is no such stream."""
        tail = self._store.tail(path)
        if request.method == "HEAD":
            return None if tail is None else Response(200, make_headers(CATCH_UP, path, "-1", tail), None)
        _check_parameters(request)
        if tail is None:
            return None
        live = request.first("live")
        offset = _start(request, tail.next_position, live=live is not None)
        if live == "sse":
            return event_stream_response(self._events(path, parse_offset(offset)))
        if live == "long-poll":
            return await self._long_poll(path, offset, request.first("cursor"))
        if offset == "now":
            return Response(200, make_headers(CATCH_UP_NOW, path, offset, tail), to_array(tail))
        page = self._page(path, parse_offset(offset))
        headers = make_headers(CATCH_UP, path, offset, page)
        if request.header("if-none-match") == dict(headers)["etag"]:
            return Response(304, [("etag", dict(headers)["etag"]), *SECURITY_HEADERS], None)
        return Response(200, headers, to_array(page))

    async def _long_poll(self, path: str, offset: str, echoed: str | None) -> Response:
        after = parse_offset(offset)
        page = self._page(path, after)
        if not page.events and not page.closed and await self._wait(path, after, self._options.poll_hold):
            page = self._page(path, after)
        if page.events:
            return Response(200, make_headers(POLL, path, offset, page, echoed), to_array(page))
        # The offset that was asked for, which need not be the end of the stream.
        nothing = Page([], after, up_to_date=True, closed=self._store.read(path, after, 0).closed)
        return Response(204, make_headers(EMPTY_POLL, path, offset, nothing, echoed), None)

    def _events(self, path: str, after: int) -> AsyncGenerator[bytes, None]:
        async def wait(after: int, seconds: float) -> bool:
            woken = await self._wait(path, after, seconds)
            # Flue's stream looks a turn later than its long poll: the end of a run and the close of its stream arrive
            # in one batch here, and in two responses there.
            await asyncio.sleep(0)
            return woken

        return event_stream(
            self._options, after, read=lambda after: self._page(path, after), wait=wait, control=_control
        )

    async def _wait(self, path: str, after: int, seconds: float) -> bool:
        """Wait for something behind a position, or the close; `False` when neither came in time."""

        def has_news() -> bool:
            page = self._store.read(path, after, 1)
            return bool(page.events) or page.closed

        return await self._condition.wait(path, has_news, seconds)

    def _page(self, path: str, after: int) -> Page:
        page = self._store.read(path, after, self._options.page_limit)
        if self._options.check_versions:
            for event in page.events:
                _check_version(event)
        return page


def _control(page: Page) -> dict[str, Any]:
    control: dict[str, Any] = {"streamNextOffset": format_offset(page.next_position)}
    if page.closed and page.up_to_date:
        return control | {"streamClosed": True}
    control["streamCursor"] = make_cursor()
    return control | {"upToDate": True} if page.up_to_date else control


def _check_parameters(request: RecordedRequest) -> None:
    """Refuse a read that makes no sense, in Flue's words and order."""
    offsets, tails, live = request.all("offset"), request.all("tail"), request.first("live")
    if len(offsets) > 1:
        raise invalid("Duplicate offset parameters are not allowed.")
    if len(tails) > 1:
        raise invalid("Duplicate tail parameters are not allowed.")
    if tails and not re.fullmatch(r"[1-9][0-9]*", tails[0]):
        raise invalid("Tail must be an integer greater than or equal to 1.")
    if live is not None and not offsets:
        raise invalid("Offset is required for live mode.")
    if live not in {None, "long-poll", "sse"}:
        raise invalid('Invalid live mode. Use "long-poll" or "sse".')
    if offsets and not re.fullmatch(r"-1|now|[0-9]+_[0-9]+", offsets[0]):
        raise invalid("Invalid offset format.")


def _start(request: RecordedRequest, last: int, *, live: bool) -> str:
    """The offset behind which a read begins. A tail counts from the start of the stream only."""
    offset, tail = request.first("offset") or "-1", request.first("tail")
    if offset == "now" and live:
        return format_offset(last)
    if offset == "-1" and tail is not None:
        return format_offset(max(-1, last - int(tail)))
    return offset


def _check_version(event: bytes) -> None:
    match json.loads(event):
        case {"v": 3 | 3.0 as version} if version is not True:
            return
        case {"v": version}:
            raise UnsupportedVersionError(version)
        case _:
            raise UnsupportedVersionError(None)
