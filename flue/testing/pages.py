"""What a read of a stream answers, as bytes and headers in the order of the wire."""

from __future__ import annotations

import base64
import random
import re
import time
from typing import TYPE_CHECKING, Any

from flue.testing.answers import JSON_TYPE, SECURITY_HEADERS, Answer, to_json
from flue.testing.store import format_offset

if TYPE_CHECKING:
    from flue.testing.answers import Headers
    from flue.testing.store import Page

CURSOR_EPOCH = 1_728_432_000
CURSOR_INTERVAL = 20
# Not the module's shared generator: a test that seeds that one must not see the time of day in its draws.
_jumps = random.Random()
NO_STORE = ("cache-control", "no-store")


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


def head_answer(path: str, position: int, *, closed: bool) -> Answer:
    """Where a stream ends."""
    offset = format_offset(position)
    headers: Headers = [JSON_TYPE, *SECURITY_HEADERS]
    headers += [("Stream-Next-Offset", offset), ("Stream-Up-To-Date", "true"), NO_STORE]
    if closed:
        headers.append(("Stream-Closed", "true"))
    headers.append(("etag", make_etag(path, "-1", offset, closed=closed)))
    return Answer(200, headers, None)


def catch_up_answer(path: str, offset: str, page: Page, if_none_match: str | None) -> Answer:
    """A page as it stands. Behind ``now`` there is nothing to be cached."""
    next_offset = format_offset(page.next_position)
    closed = page.closed and page.up_to_date
    headers: Headers = [JSON_TYPE, ("Stream-Next-Offset", next_offset), NO_STORE, *SECURITY_HEADERS]
    if offset != "now":
        tag = make_etag(path, offset, next_offset, closed=closed)
        if if_none_match == tag:
            return Answer(304, [("etag", tag), *SECURITY_HEADERS], None)
        headers.append(("etag", tag))
    if page.up_to_date:
        headers.append(("Stream-Up-To-Date", "true"))
    if closed:
        headers.append(("Stream-Closed", "true"))
    return Answer(200, headers, _array(page))


def poll_answer(path: str, offset: str, page: Page, echoed: str | None) -> Answer:
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
    return Answer(200, headers, _array(page))


def empty_poll_answer(after: int, echoed: str | None, *, closed: bool) -> Answer:
    """Nothing new: the offset that was asked for, which need not be the end of the stream."""
    headers: Headers = [
        *SECURITY_HEADERS,
        ("Stream-Next-Offset", format_offset(after)),
        ("Stream-Up-To-Date", "true"),
        ("Stream-Cursor", make_cursor(echoed)),
    ]
    if closed:
        headers.append(("Stream-Closed", "true"))
    return Answer(204, headers, None)


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
