"""Reads of a stream as Flue 1.0 serves them: catch-up, long poll, server-sent events, HEAD.

What looks odd here is what that server does: a long poll that times out answers with the offset it was
asked for, and looks at "closed" only then; a keep-alive control frame is followed by another one.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flue.testing.answers import SECURITY_HEADERS, Answer, event_version_unsupported, invalid_request
from flue.testing.pages import (
    catch_up_answer,
    control_frame,
    data_frame,
    empty_poll_answer,
    head_answer,
    poll_answer,
)
from flue.testing.store import Page, format_offset, parse_offset
from flue.testing.wakeups import Wakeups

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from flue.testing.http1 import RecordedRequest
    from flue.testing.store import Store


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


class StreamReads:
    """Answers reads of streams.

    Args:
        store: Where the streams are.
        options: How reads behave.
    """

    def __init__(self, store: Store, options: ReadOptions) -> None:
        self._store = store
        self._options = options
        self.wakeups = Wakeups()

    def head(self, path: str) -> Answer | None:
        """Where a stream ends, without a body; `None` when there is no such stream."""
        tail = self._store.tail(path)
        if tail is None:
            return None
        position, closed = tail
        return head_answer(path, position, closed=closed)

    async def read(self, path: str, request: RecordedRequest) -> Answer | None:
        """What a GET of a stream answers; `None` when there is no such stream."""
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
            return Answer(200, headers, self._events(path, parse_offset(offset)))
        try:
            if live == "long-poll":
                return await self._long_poll(path, offset, request.first("cursor"))
            return self._catch_up(path, offset, request.header("if-none-match"))
        except UnsupportedVersionError as error:
            return event_version_unsupported(error.version)

    def _catch_up(self, path: str, offset: str, if_none_match: str | None) -> Answer:
        if offset == "now":
            position, closed = self._store.tail(path) or (-1, False)
            page = Page([], position, up_to_date=True, closed=closed)
        else:
            page = self._page(path, parse_offset(offset))
        return catch_up_answer(path, offset, page, if_none_match)

    async def _long_poll(self, path: str, offset: str, echoed: str | None) -> Answer:
        after = parse_offset(offset)
        page = self._page(path, after)
        if page.events:
            return poll_answer(path, offset, page, echoed)
        if page.closed:
            return empty_poll_answer(after, echoed, closed=True)
        if await self.wakeups.wait(path, lambda: self._has_news(path, after), self._options.poll_hold):
            page = self._page(path, after)
            if page.events:
                return poll_answer(path, offset, page, echoed)
        _, closed = self._store.tail(path) or (-1, False)
        return empty_poll_answer(after, echoed, closed=closed)

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
                if await self.wakeups.wait(path, lambda: self._has_news(path, after), wait):  # noqa: B023
                    # Flue's stream looks a turn later than its long poll: the end of a run and the close of its
                    # stream arrive in one batch here, and in two answers there.
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
