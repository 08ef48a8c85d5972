"""A stream whose first response is cut, in its head or in its body, gives the same events, in order, each once."""

from __future__ import annotations

import re
import socket

import pytest

from flue.testing import Fault

from .frames import RUN, indexes, logs, offset
from .harness import EAGER, on_both_faces

READS = {False: f"/runs/{RUN}?offset=-1", "sse": f"/runs/{RUN}?live=sse&offset=-1"}


def first_response(server, live, framing):
    """Its bytes, from the status line on."""
    server.faults.add(Fault(framing=framing))
    with socket.create_connection(("127.0.0.1", server.port), timeout=5.0) as sock:
        sock.sendall(f"GET /api{READS[live]} HTTP/1.1\r\nHost: flue\r\nConnection: close\r\n\r\n".encode())
        received = b""
        while piece := sock.recv(65536):
            received += piece
    return received


@pytest.mark.parametrize(
    ("live", "framing", "end"),
    [
        (False, "length", "reset"),
        (False, "chunked", "close"),
        (False, "close", "close"),
        ("sse", "chunked", "reset"),
        ("sse", "close", "close"),
    ],
)
@on_both_faces(page_limit=2)
def test_cuts(face, live, framing, end):
    """The core is cut behind every byte; here before the first, in the head, behind it, and later."""
    face.server.create_run(run_id=RUN)
    face.server.append(RUN, *logs(0, 2), raw=True)
    face.server.finish_run(RUN)
    whole = first_response(face.server, live, framing)
    head = whole.index(b"\r\n\r\n") + 4
    face.server.script(re.compile("offset=-1"), [whole], repeat_last=True)
    for position in (0, 20, head, head + 1, (head + len(whole)) // 2):
        rule = face.server.faults.add(Fault(cut_after=position, end=end), path="offset=-1")
        stream = face.stream(RUN, live=live, backoff_options=EAGER)
        assert (indexes(stream.collect()), stream.offset, stream.closed) == ([0, 1, 2], offset(2), True), position
        assert rule.exhausted
