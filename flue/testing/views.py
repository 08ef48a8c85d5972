"""Reads of a conversation as Flue 1.0 betas 8 and 9 serve them: a document, or its updates.

Unlike a stream of events it has neither cursor nor end, and a poll that finds nothing is an empty page.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from flue.testing.answers import (
    JSON_TYPE,
    SECURITY_HEADERS,
    Answer,
    invalid_request,
    json_answer,
    stream_not_found,
    to_json,
)
from flue.testing.conversations import conversation_path
from flue.testing.pages import NO_STORE
from flue.testing.store import Page, format_offset, parse_offset

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from flue.testing.answers import Headers
    from flue.testing.conversations import Conversations
    from flue.testing.http1 import RecordedRequest
    from flue.testing.store import Store
    from flue.testing.streams import ReadOptions
    from flue.testing.wakeups import Wakeups


class ConversationReads:
    """Answers reads of conversations.

    Args:
        store: Where they are.
        conversations: Reads them as documents.
        options: How reads behave.
        wakeups: Readers that wait.
    """

    def __init__(self, store: Store, conversations: Conversations, options: ReadOptions, wakeups: Wakeups) -> None:
        self._store = store
        self._conversations = conversations
        self._options = options
        self._wakeups = wakeups

    async def read(self, name: str, instance_id: str, request: RecordedRequest) -> Answer:
        """What a GET or HEAD of an agent instance answers."""
        path = conversation_path(name, instance_id)
        missing = stream_not_found(f"agents/{name}/{instance_id}")
        tail = self._store.tail(path)
        if request.method == "HEAD":
            return missing if tail is None else Answer(200, [JSON_TYPE, *_headers(tail[0], up_to_date=True)], None)
        view = request.first("view") or "history"
        if view == "history":
            if any(request.first(parameter) is not None for parameter in ("offset", "tail", "live")):
                return invalid_request("History reads do not accept offset, tail, or live parameters.")
            document = self._conversations.history(path)
            if document is None or tail is None:
                return missing
            return json_answer(document, headers=_headers(parse_offset(document["offset"]), up_to_date=True))
        if view != "updates":
            return invalid_request("Invalid agent conversation view. Use history or updates.")
        problem = _malformed_update(request)
        if problem is not None:
            return invalid_request(problem)
        if tail is None:
            return missing
        return await self._updates(path, parse_offset(request.all("offset")[0]), request.first("live"))

    async def _updates(self, path: str, after: int, live: str | None) -> Answer:
        if live == "sse":
            headers = [("content-type", "text/event-stream"), ("cache-control", "no-cache"), *SECURITY_HEADERS]
            return Answer(200, headers, self._events(path, after))
        if live == "long-poll":
            await self._wakeups.wait(path, lambda: self._has_news(path, after), self._options.poll_hold)
        page = self._store.read(path, after, self._options.page_limit)
        headers = [JSON_TYPE, *_headers(page.next_position, up_to_date=page.up_to_date)]
        return Answer(200, headers, _flat(page))

    async def _events(self, path: str, after: int) -> AsyncGenerator[bytes, None]:
        while True:
            page = self._store.read(path, after, self._options.page_limit)
            if page.events:
                yield b"event: data\ndata:" + _flat(page) + b"\n\n"
            after = page.next_position
            control = {"streamNextOffset": format_offset(after)}
            yield (
                b"event: control\ndata:" + to_json(control | ({"upToDate": True} if page.up_to_date else {})) + b"\n\n"
            )
            idle_until = time.monotonic() + self._options.poll_hold
            while page.up_to_date and time.monotonic() < idle_until:
                wait = min(self._options.heartbeat, idle_until - time.monotonic())
                if await self._wakeups.wait(path, lambda: self._has_news(path, after), wait):  # noqa: B023
                    break
                yield b": heartbeat\n\n"

    def _has_news(self, path: str, after: int) -> bool:
        return bool(self._store.read(path, after, 1).events)


def _malformed_update(request: RecordedRequest) -> str | None:
    offsets = request.all("offset")
    if request.first("tail") is not None:
        return "Update streams do not accept tail."
    if len(offsets) != 1:
        return "Exactly one offset is required."
    if not re.fullmatch(r"-1|[0-9]+_[0-9]+", offsets[0]):
        return "Invalid offset format."
    if request.first("live") not in {None, "long-poll", "sse"}:
        return "Invalid live mode. Use long-poll or sse."
    return None


def _headers(position: int, *, up_to_date: bool) -> Headers:
    tail = [("Stream-Up-To-Date", "true")] if up_to_date else []
    return [NO_STORE, ("Stream-Next-Offset", format_offset(position)), *tail, *SECURITY_HEADERS]


def _flat(page: Page) -> bytes:
    """The chunks of all batches of a page, in one array."""
    return b"[" + b",".join(batch[1:-1] for batch in page.events) + b"]"
