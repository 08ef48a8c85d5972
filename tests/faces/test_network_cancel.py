"""Cancelling a reader of a silent body, however the body is framed and whoever will close the connection."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from network.loopback import wait_until
from network.scripted import FRAMINGS, ScriptedServer, framed_head, framed_piece

from flue import FlueClient

from .frames import JSON, RUN, SSE, control, data, dumps, log, offset
from .reading import AUTHORITY, Reading, nothing_left
from .stations import server_context

LIMIT = 2.0
"""Seconds from `cancel()` to the end of the iteration: far above the promise, far below any time-out."""
COMMENT = b": nothing yet\n\n"
BATCH = data(log(0)) + control(0)
SILENT_BODIES = {"comment": COMMENT, "batch": BATCH, "head": b"", "half a frame": b"event: data\ndata:[{"}
"""What is sent of an event stream before the silence."""


@pytest.fixture(autouse=True)
def _trust(monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", AUTHORITY)
    monkeypatch.setenv("SSL_CERT_FILE", AUTHORITY)


def page_and(framing: str, silent: bytes, *, kept_alive: bool) -> list[bytes]:
    """Answers that come before the silent one, so that it is not the first of its client, then that one."""
    first = dumps([log(0)])
    head = f"HTTP/1.1 200 OK\r\n{JSON[0]}: {JSON[1]}\r\nContent-Length: {len(first)}\r\nstream-next-offset: {offset(0)}\r\n"
    if kept_alive:
        head += "stream-up-to-date: true\r\n\r\n"
    else:
        head += "stream-up-to-date: true\r\nconnection: close\r\n\r\n"
    return [head.encode() + first, silent_answer(framing, silent)]


def silent_answer(framing: str, silent: bytes) -> bytes:
    """A head and the beginning of an event stream."""
    head = framed_head(framing, SSE[1])
    return head + (framed_piece(framing, silent) if silent else b"")


def sleeping(thread: threading.Thread) -> bool:
    """Whether the kernel has put a thread to sleep, three times in a row."""
    for _ in range(3):
        stat = Path(f"/proc/self/task/{thread.native_id}/stat").read_text(encoding="ascii")
        if stat.rpartition(")")[2].split()[0] != "S":
            return False
        time.sleep(0.002)
    return True


def cancelled(server: ScriptedServer, answers: int, by: str, *, is_async: bool, theirs: bool, **options) -> Reading:
    """Let a reader be silenced by the last of the answers, cancel it, and check that it ends soon and well."""
    reading = Reading(server.base_url, is_async=is_async, theirs=theirs, run_id=RUN, **options)
    server.wait_for_answers(answers)
    wait_until(lambda: sleeping(reading._thread), "the reader waits")
    before = time.monotonic()
    reading.cancel(by)
    reading.wait()
    assert reading.ended_at is not None
    assert reading.ended_at - before < LIMIT
    server.wait_for_gone(server.accepted)
    reading.join()
    assert reading.error is None
    assert reading.tasks_left == set()
    return reading


def ways(*, theirs: bool) -> list[tuple[bool, str]]:
    """Faces, and how each is cancelled."""
    return (
        [(False, "thread"), (True, "thread"), (True, "task")]
        if theirs
        else [
            (False, "thread"),
            (False, "close"),
            (True, "thread"),
            (True, "close"),
            (True, "task"),
        ]
    )


@pytest.mark.parametrize("theirs", [False, True], ids=["own", "theirs"])
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_event_stream_on_the_first_connection(framing, scheme, theirs):
    """The body has no end of its own; the connection is the first of its client."""
    context = server_context() if scheme == "https" else None
    for is_async, by in ways(theirs=theirs):
        with nothing_left(), ScriptedServer([silent_answer(framing, COMMENT)], ssl_context=context) as server:
            cancelled(server, 1, by, is_async=is_async, theirs=theirs, live="sse")


@pytest.mark.parametrize("theirs", [False, True], ids=["own", "theirs"])
@pytest.mark.parametrize("kept_alive", [False, True], ids=["another connection", "a kept connection"])
@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_event_stream_behind_another_answer(framing, kept_alive, theirs):
    """On a connection from the pool, and on one that takes the place of a closed one. `tail` is pinned by a page."""
    for is_async in (False, True):
        scripts = page_and(framing, data(log(1)) + control(1), kept_alive=kept_alive)
        with nothing_left(), ScriptedServer(scripts) as server:
            cancelled(server, 2, "thread", is_async=is_async, theirs=theirs, live="sse", offset="now")
            assert len(server.requests) == 2


@pytest.mark.parametrize("silent", SILENT_BODIES)
@pytest.mark.parametrize("framing", ["chunked", "close", "http10"])
def test_wherever_an_event_stream_falls_silent(framing, silent):
    """Behind the head, a comment, half a frame or a whole batch, whose event has been handed over."""
    for is_async in (False, True):
        with nothing_left(), ScriptedServer([silent_answer(framing, SILENT_BODIES[silent])]) as server:
            reading = cancelled(server, 1, "thread", is_async=is_async, theirs=False, live="sse")
            assert len(reading.events) == (silent == "batch")


@pytest.mark.parametrize("theirs", [False, True], ids=["own", "theirs"])
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("framing", FRAMINGS)
def test_half_a_page(framing, scheme, theirs):
    """The body of a page that stops in the middle of an event."""
    context = server_context() if scheme == "https" else None
    head = framed_head(framing, JSON[1]).removesuffix(b"\r\n") + f"stream-next-offset: {offset(0)}\r\n\r\n".encode()
    half = head + framed_piece(framing, dumps([log(0)])[:20])
    for is_async in (False, True):
        with nothing_left(), ScriptedServer([half], ssl_context=context) as server:
            reading = cancelled(server, 1, "thread", is_async=is_async, theirs=theirs)
            assert reading.events == []


@pytest.mark.parametrize("framing", FRAMINGS)
def test_reading_on_behind_a_cancelled_stream(framing):
    """The client is none the worse for it: its next request is answered."""
    last = dumps([log(0)])
    end = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(last)}\r\n"
        f"stream-next-offset: {offset(0)}\r\nstream-closed: true\r\n\r\n"
    ).encode() + last
    with (
        nothing_left(),
        ScriptedServer([silent_answer(framing, BATCH), end]) as server,
        FlueClient(server.base_url) as client,
    ):
        stream = client.runs.stream(RUN, live="sse")
        assert next(stream).event_index == 0
        reader = threading.Thread(target=lambda: list(stream))
        reader.start()
        wait_until(lambda: sleeping(reader), "the reader waits")
        stream.cancel()
        reader.join(LIMIT)
        assert not reader.is_alive()
        assert len(client.runs.events(RUN)) == 1
