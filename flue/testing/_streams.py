"""Reads of a stream as Flue 1.0 serves them: catch-up, long poll, server-sent events, HEAD.

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
from flue.testing._responses import (
    JSON_TYPE,
    NO_STORE,
    SECURITY_HEADERS,
    event_version_unsupported,
    invalid_request,
)
from flue.testing._store import Page, format_offset, parse_offset, to_json

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from flue.testing._http import Headers, RecordedRequest
    from flue.testing._store import Store

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


def make_etag(path: str, start: str, end: str, *, closed: bool) -> str:
    """The entity tag of a page."""
    return f'"{base64.b64encode(path.encode()).decode()}:{start}:{end}{":c" if closed else ""}"'


def head_response(path: str, position: int, *, closed: bool) -> Response:
    """Where a stream ends."""
    offset = format_offset(position)
    headers: Headers = [JSON_TYPE, *SECURITY_HEADERS]
    headers += [("Stream-Next-Offset", offset), ("Stream-Up-To-Date", "true"), NO_STORE]
    if closed:
        headers.append(("Stream-Closed", "true"))
    headers.append(("etag", make_etag(path, "-1", offset, closed=closed)))
    return Response(200, headers, None)


def catch_up_response(path: str, offset: str, page: Page, if_none_match: str | None) -> Response:
    """A page as it stands. Behind ``now`` there is nothing to be cached."""
    next_offset = format_offset(page.next_position)
    closed = page.closed and page.up_to_date
    headers: Headers = [JSON_TYPE, ("Stream-Next-Offset", next_offset), NO_STORE, *SECURITY_HEADERS]
    if offset != "now":
        tag = make_etag(path, offset, next_offset, closed=closed)
        if if_none_match == tag:
            return Response(304, [("etag", tag), *SECURITY_HEADERS], None)
        headers.append(("etag", tag))
    if page.up_to_date:
        headers.append(("Stream-Up-To-Date", "true"))
    if closed:
        headers.append(("Stream-Closed", "true"))
    return Response(200, headers, _array(page))


def poll_response(path: str, offset: str, page: Page, echoed: str | None) -> Response:
    """A page that a long poll found."""
    next_offset = format_offset(page.next_position)
    closed = page.closed and page.up_to_date
    headers = [
        JSON_TYPE,
        NO_STORE,
        *SECURITY_HEADERS,
        ("Stream-Next-Offset", next_offset),
        ("Stream-Cursor", make_cursor(echoed)),
    ]
    if page.up_to_date:
        headers.append(("Stream-Up-To-Date", "true"))
    if closed:
        headers.append(("Stream-Closed", "true"))
    headers.append(("etag", make_etag(path, offset, next_offset, closed=closed)))
    return Response(200, headers, _array(page))


def empty_poll_response(after: int, echoed: str | None, *, closed: bool) -> Response:
    """Nothing new: the offset that was asked for, which need not be the end of the stream."""
    headers: Headers = [
        *SECURITY_HEADERS,
        ("Stream-Next-Offset", format_offset(after)),
        ("Stream-Up-To-Date", "true"),
        ("Stream-Cursor", make_cursor(echoed)),
    ]
    if closed:
        headers.append(("Stream-Closed", "true"))
    return Response(204, headers, None)


def data_frame(page: Page) -> bytes:
    """The server-sent event with the events of a page."""
    return b"event: data\ndata:" + _array(page) + b"\n\n"


def control_frame(after: int, *, up_to_date: bool, closed: bool) -> bytes:
    """The server-sent event that says how far the data before it went."""
    control: dict[str, Any] = {"streamNextOffset": format_offset(after)}
    if closed:
        control["streamClosed"] = True
    else:
        control["streamCursor"] = make_cursor()
        if up_to_date:
            control["upToDate"] = True
    return b"event: control\ndata:" + to_json(control) + b"\n\n"


def _array(page: Page) -> bytes:
    return b"[" + b",".join(page.events) + b"]"


class StreamCondition:
    """Readers that wait for a change of a stream. Used on the loop of the server only."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[bool]]] = {}

    def wake(self, path: str) -> None:
        """Wake every reader of a stream."""
        for future in self._waiting.pop(path, ()):
            _settle(future, True)

    async def wait(self, path: str, ready: Callable[[], bool], seconds: float) -> bool:
        """Wait until a change makes `ready` true; `False` when none did in time.

        The reader is registered before `ready` is asked, so that no change falls in between. A wake-up may come late,
        for a change that the reader has seen already: then it goes on waiting.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            future: asyncio.Future[bool] = loop.create_future()
            self._waiting.setdefault(path, set()).add(future)
            timer = loop.call_at(deadline, _settle, future, False)
            try:
                if ready():
                    return True
                if not await future:
                    return False
            finally:
                timer.cancel()
                waiting = self._waiting.get(path, set())
                waiting.discard(future)
                if not waiting:
                    self._waiting.pop(path, None)


def _settle(future: asyncio.Future[bool], woken: bool) -> None:
    if not future.done():
        future.set_result(woken)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How reads behave.

    Attributes:
        poll_hold: Seconds that a long poll waits for something new, and a server-sent stream between two
            keep-alive frames.
        heartbeat: Seconds between two heartbeat comments.
        page_limit: Events in one page or data frame.
        check_versions: Refuse to serve events of another version than 3, as Flue does.
    """

    poll_hold: float = 30.0
    heartbeat: float = 15.0
    page_limit: int = 100
    check_versions: bool = False


class UnsupportedVersionError(Exception):
    """An event of another version than 3 lies in the stream."""

    def __init__(self, version: Any) -> None:
        super().__init__(version)
        self.version = version


class EventStreamReader:
    """Reads event streams.

    Args:
        store: Where the streams are.
        options: How reads behave.
    """

    def __init__(self, store: Store, options: ReadOptions) -> None:
        self._store = store
        self._options = options
        self.condition = StreamCondition()

    def head(self, path: str) -> Response | None:
        """Where a stream ends, without a body; `None` when there is no such stream."""
        tail = self._store.tail(path)
        if tail is None:
            return None
        position, closed = tail
        return head_response(path, position, closed=closed)

    async def read(self, path: str, request: RecordedRequest) -> Response | None:
        """The response to a GET of a stream; `None` when there is no such stream."""
        problem = _malformed(request)
        if problem is not None:
            return invalid_request(problem)
        tail = self._store.tail(path)
        if tail is None:
            return None
        live = request.first("live")
        offset = _start(request, tail[0], live=live is not None)
        if live == "sse":
            headers = [("content-type", "text/event-stream"), ("cache-control", "no-cache"), *SECURITY_HEADERS]
            return Response(200, headers, self._events(path, parse_offset(offset)))
        try:
            if live == "long-poll":
                return await self._long_poll(path, offset, request.first("cursor"))
            return self._catch_up(path, offset, request.header("if-none-match"))
        except UnsupportedVersionError as error:
            return event_version_unsupported(error.version)

    def _catch_up(self, path: str, offset: str, if_none_match: str | None) -> Response:
        if offset == "now":
            position, closed = self._store.tail(path) or (-1, False)
            page = Page([], position, up_to_date=True, closed=closed)
        else:
            page = self._page(path, parse_offset(offset))
        return catch_up_response(path, offset, page, if_none_match)

    async def _long_poll(self, path: str, offset: str, echoed: str | None) -> Response:
        after = parse_offset(offset)
        page = self._page(path, after)
        if page.events:
            return poll_response(path, offset, page, echoed)
        if page.closed:
            return empty_poll_response(after, echoed, closed=True)
        if await self.condition.wait(path, lambda: self._has_news(path, after), self._options.poll_hold):
            page = self._page(path, after)
            if page.events:
                return poll_response(path, offset, page, echoed)
        _, closed = self._store.tail(path) or (-1, False)
        return empty_poll_response(after, echoed, closed=closed)

    def _has_news(self, path: str, after: int) -> bool:
        page = self._store.read(path, after, 1)
        return bool(page.events) or page.closed

    def _page(self, path: str, after: int) -> Page:
        page = self._store.read(path, after, self._options.page_limit)
        if self._options.check_versions:
            for event in page.events:
                _check_version(event)
        return page

    async def _events(self, path: str, after: int) -> AsyncGenerator[bytes, None]:
        """The frames of a server-sent stream. A failure inside breaks the body off: the head is out already."""
        heartbeat = time.monotonic() + self._options.heartbeat
        while True:
            page = self._page(path, after)
            if page.events:
                yield data_frame(page)
            after = page.next_position
            closed = page.closed and page.up_to_date
            yield control_frame(after, up_to_date=page.up_to_date, closed=closed)
            if closed:
                return
            if not page.up_to_date:
                continue
            idle_until = time.monotonic() + self._options.poll_hold
            while True:
                wait = min(heartbeat, idle_until) - time.monotonic()
                if await self.condition.wait(path, lambda: self._has_news(path, after), wait):  # noqa: B023
                    # Flue's stream looks a turn later than its long poll: the end of a run and the close of its
                    # stream arrive in one batch here, and in two responses there.
                    await asyncio.sleep(0)
                    break
                if time.monotonic() >= heartbeat:
                    heartbeat += self._options.heartbeat
                    yield b": heartbeat\n\n"
                if time.monotonic() >= idle_until:
                    yield control_frame(after, up_to_date=True, closed=False)
                    break


def _malformed(request: RecordedRequest) -> str | None:
    """What is wrong with the parameters of a read, in Flue's words and order, or `None`."""
    offsets, tails, live = request.all("offset"), request.all("tail"), request.first("live")
    if len(offsets) > 1:
        return "Duplicate offset parameters are not allowed."
    if len(tails) > 1:
        return "Duplicate tail parameters are not allowed."
    if tails and not re.fullmatch(r"[1-9][0-9]*", tails[0]):
        return "Tail must be an integer greater than or equal to 1."
    if live is not None and not offsets:
        return "Offset is required for live mode."
    if live not in {None, "long-poll", "sse"}:
        return 'Invalid live mode. Use "long-poll" or "sse".'
    if offsets and not re.fullmatch(r"-1|now|[0-9]+_[0-9]+", offsets[0]):
        return "Invalid offset format."
    return None


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
