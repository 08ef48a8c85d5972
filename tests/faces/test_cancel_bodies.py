"""Cancelling a reader of a silent body, however the body is framed and whoever will close the connection."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

import pytest

from flue import FlueClient
from flue.testing import Fault, FlueTestServer

from .frames import JSON, RUN, SSE, control, data, dumps, log, offset
from .reading import Reading, eventually, nothing_left, sleeping
from .stations import server_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("trusting")
LIMIT = 5.0
"""Seconds from `cancel()` to the end of the iteration: far above the promise, far below any time-out."""
COMMENT = b": nothing yet\n\n"
BATCH = data(log(0)) + control(0)
SILENT_BODIES = {"batch": BATCH, "head": b"", "half a frame": b"event: data\ndata:[{"}
"""What is sent of an event stream before the silence."""


FRAMINGS = ("chunked", "length", "close", "close-unsaid", "http10", "http10-length", "chunked-close", "length-close")
"""How a body may end: by chunks, by its length, or by the end of the connection, which the head announces or does not."""


def framed(framing: str, piece: bytes, *fields: tuple[str, str]) -> bytes:
    """The head of an answer whose body goes on for longer than anybody waits, and the beginning of that."""
    lines = [f"HTTP/{'1.0' if framing.startswith('http10') else '1.1'} 200 OK"]
    lines += [f"{name}: {value}" for name, value in fields]
    if framing.startswith("chunked"):
        lines.append("Transfer-Encoding: chunked")
        piece = b"%x\r\n%s\r\n" % (len(piece), piece) if piece else b""
    if "length" in framing:
        lines.append("Content-Length: 1000000")
    if framing.endswith("close"):
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode() + piece


@contextlib.contextmanager
def silent_behind(*answers: bytes, context: ssl.SSLContext | None = None) -> Iterator[FlueTestServer]:
    """A server that says nothing more behind the last of its answers; behind the block nothing is left."""
    *whole, last = answers
    with nothing_left(), FlueTestServer(ssl_context=context) as server:
        server.script(RUN, [*whole, last + b"what never comes"])
        server.faults.add(Fault(stall_after=len(last), stall=60.0), after=len(whole))
        yield server


def page(*fields: str) -> bytes:
    """A whole page, with these fields in its head."""
    body = dumps([log(0)])
    head = [
        "HTTP/1.1 200 OK",
        f"{JSON[0]}: {JSON[1]}",
        f"content-length: {len(body)}",
        f"stream-next-offset: {offset(0)}",
    ]
    return "\r\n".join([*head, *fields, "", ""]).encode() + body


def cancelled(server: FlueTestServer, answers: int, *, is_async: bool, theirs: bool, **options) -> Reading:
    """Let a reader be silenced by the last of the answers, cancel it, and check that it ends soon and well."""
    reading = Reading(server.base_url, is_async=is_async, theirs=theirs, run_id=RUN, **options)
    server.wait_for_requests(answers)
    eventually(
        lambda: reading.is_at("_read") and sleeping(f"self/task/{reading._thread.native_id}"), "the reader waits"
    )
    before = time.monotonic()
    reading.cancel("thread")
    reading.wait()
    assert reading.ended_at is not None
    assert reading.ended_at - before < LIMIT
    server.wait_for_connections(0)
    reading.join()
    assert reading.error is None
    assert reading.tasks_left == set()
    assert len(server.requests) == answers
    return reading


THEIRS = pytest.mark.parametrize("theirs", [False, True], ids=["own", "theirs"])
EACH_FRAMING = pytest.mark.parametrize("framing", FRAMINGS)


@THEIRS
@pytest.mark.parametrize("scheme", ["http", "https"])
@EACH_FRAMING
def test_an_event_stream_on_the_first_connection(framing, scheme, theirs):
    """The body has no end of its own; the connection is the first of its client."""
    context = server_context() if scheme == "https" else None
    for is_async in (False, True):
        with silent_behind(framed(framing, COMMENT, SSE), context=context) as server:
            cancelled(server, 1, is_async=is_async, theirs=theirs, live="sse")


@pytest.mark.parametrize("kept_alive", [False, True], ids=["another connection", "a kept connection"])
@EACH_FRAMING
def test_an_event_stream_behind_another_answer(framing, kept_alive):
    """On a connection from the pool, and on one that takes the place of a closed one. `now` is pinned by a page."""
    first = page("stream-up-to-date: true", *([] if kept_alive else ["connection: close"]))
    for is_async in (False, True):
        with silent_behind(first, framed(framing, COMMENT, SSE)) as server:
            cancelled(server, 2, is_async=is_async, theirs=False, live="sse", offset="now")


@pytest.mark.parametrize("silent", SILENT_BODIES)
@pytest.mark.parametrize("framing", ["chunked", "close"])
def test_wherever_an_event_stream_falls_silent(framing, silent):
    """Behind the head, half a frame or a whole batch, whose event has been handed over."""
    for is_async in (False, True):
        with silent_behind(framed(framing, SILENT_BODIES[silent], SSE)) as server:
            reading = cancelled(server, 1, is_async=is_async, theirs=False, live="sse")
            assert len(reading.events) == (silent == "batch")


@THEIRS
@EACH_FRAMING
def test_half_a_page(framing, theirs):
    """The body of a page that stops in the middle of an event."""
    half = framed(framing, dumps([log(0)])[:20], JSON, ("stream-next-offset", offset(0)))
    for is_async in (False, True):
        with silent_behind(half) as server:
            assert cancelled(server, 1, is_async=is_async, theirs=theirs).events == []


@EACH_FRAMING
def test_reading_on_behind_a_cancelled_stream(framing):
    """The client is none the worse for it: its next request is answered."""
    with silent_behind(framed(framing, BATCH, SSE)) as server, FlueClient(server.base_url) as client:
        server.script("run_2", [page("stream-closed: true")])
        stream = client.runs.stream(RUN, live="sse")
        assert next(stream).event_index == 0
        reader = threading.Thread(target=lambda: list(stream))
        reader.start()
        eventually(lambda: sleeping(f"self/task/{reader.native_id}"), "the reader waits")
        stream.cancel()
        reader.join(LIMIT)
        assert not reader.is_alive()
        assert len(client.runs.events("run_2")) == 1
