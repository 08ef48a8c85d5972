"""A stream whose connection is cut behind any byte gives the same events, in order, each once."""

from __future__ import annotations

import asyncio
import re
import socket

import pytest

from flue import AsyncFlueClient, BackoffOptions, FlueClient
from flue.testing import Fault, FlueTestServer

from .harness import TIMEOUTS

AT_ONCE = BackoffOptions(initial_delay=0.0)
RUN = "r"
LOG = b'{"v":3,"type":"log","eventIndex":%d,"timestamp":"2026-01-01T00:00:00Z","level":"info","message":"\xc3\xa9"}'
END = b'{"v":3,"type":"run_end","eventIndex":2,"timestamp":"2026-01-01T00:00:00Z","runId":"r","isError":false}'
#: Of no use to a reader; without them there are fewer places to cut at.
IDLE = ("x-content-type-options", "cross-origin-resource-policy", "cache-control", "etag", "date", "connection")
READS = {False: f"/runs/{RUN}?offset=-1", "sse": f"/runs/{RUN}?live=sse&offset=-1"}


@pytest.fixture
def server():
    """A run that is over, in two pages or two batches."""
    with FlueTestServer(page_limit=2) as running:
        running.create_run(run_id=RUN)
        running.append(RUN, LOG % 0, LOG % 1, END, raw=True)
        running.close_run(RUN)
        yield running


def transcript(server, live, framing):
    """The bytes of the first answer as the server sends it, from its status line on."""
    server.faults.add(Fault(framing=framing, drop_headers=IDLE))
    with socket.create_connection(("127.0.0.1", server.port), timeout=5.0) as sock:
        sock.sendall(f"GET /api{READS[live]} HTTP/1.1\r\nHost: flue\r\nConnection: close\r\n\r\n".encode())
        received = b""
        while piece := sock.recv(65536):
            received += piece
    return received


def cut_everywhere(server, answer, end):
    """For each byte of the answer: its reader's first connection ends there."""
    server.script(re.compile("offset=-1"), [answer], repeat_last=True)
    for position in range(len(answer)):
        rule = server.faults.add(Fault(cut_after=position, end=end), path="offset=-1")
        yield position
        assert rule.exhausted


def facts(events, stream):
    return [event.event_index for event in events], stream.offset, stream.closed


WHOLE = ([0, 1, 2], "0000000000000000_0000000000000002", True)
EACH = pytest.mark.parametrize(
    ("live", "framing", "end"),
    [
        (False, "length", "reset"),
        (False, "chunked", "close"),
        (False, "close", "close"),
        ("sse", "chunked", "reset"),
        ("sse", "close", "close"),
    ],
)


@EACH
def test_blocking(server, live, framing, end):
    answer = transcript(server, live, framing)
    with FlueClient(server.base_url, timeout=TIMEOUTS) as client:
        for position in cut_everywhere(server, answer, end):
            stream = client.runs.stream(RUN, live=live, backoff_options=AT_ONCE)
            assert facts(list(stream), stream) == WHOLE, position


@EACH
def test_asyncio(server, live, framing, end):
    answer = transcript(server, live, framing)

    async def read():
        async with AsyncFlueClient(server.base_url, timeout=TIMEOUTS) as client:
            for position in cut_everywhere(server, answer, end):
                stream = client.runs.stream(RUN, live=live, backoff_options=AT_ONCE)
                assert facts([event async for event in stream], stream) == WHOLE, position

    asyncio.run(read(), debug=False)  # thousands of connections: too slow with `-X dev`
