"""The scenarios of the core, played through both faces over sockets: the same events, requests, pauses, offsets, end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from core.scenarios import SCENARIOS
from core.script import RESET
from core.test_scenarios import requests_of, said_by

from flue import FlueError
from flue.core import stream_state
from flue.errors import FlueConnectionError
from flue.testing import Fault, Reply

from .frames import RUN
from .harness import on_both_faces

if TYPE_CHECKING:
    from core.script import Response

FRAMING = ("content-length", "transfer-encoding", "connection", "content-encoding")


@pytest.fixture(autouse=True)
def _every_empty_response_came_at_once(monkeypatch):
    """On a busy machine a response may take its time, and is then not throttled."""
    monkeypatch.setattr(stream_state, "MIN_IDLE", 1e9)


def reply(response: Response | FlueConnectionError) -> Reply:
    """A response of the core's scripts as the server sends it."""
    if isinstance(response, FlueConnectionError):
        return Reply(fault=Fault(refuse=True))
    given = {name.lower(): value for name, value in response.headers}
    headers = [(name, value) for name, value in response.headers if name.lower() not in FRAMING]
    framing = "chunked" if "transfer-encoding" in given else "close" if given.get("connection") == "close" else "length"
    pieces = [step for step in response.body if isinstance(step, bytes)]
    cut = {}
    if len(pieces) < len(response.body):
        cut["end"] = "reset" if RESET in response.body else "close"
    if framing == "chunked":
        return Reply(response.status, headers, pieces, Fault(framing=framing, **cut))
    body = b"".join(pieces)
    if cut:  # a body that is cut has a rest
        cut["cut_after"] = len(body)
        body += b" " * 1000
    if response.status in {204, 304}:
        return Reply(response.status, headers)
    return Reply(
        response.status, headers, body, Fault(framing=framing, gzip=given.get("content-encoding") == "gzip", **cut)
    )


@pytest.mark.parametrize("name", SCENARIOS)
@on_both_faces
def test_scenario(face, name):
    scenario = SCENARIOS[name]
    face.server.script(RUN, [reply(response) for response in scenario.responses])
    stream = face.stream(
        RUN,
        live=scenario.live or False,
        offset=scenario.start,
        tail=scenario.tail,
        backoff_options=scenario.options,
    )
    error = None
    try:
        stream.collect()
    except FlueError as caught:
        error = said_by(caught)
    noted = face.transcript
    assert [line[2] for line in noted if line[0] == "event"] == list(scenario.events)
    assert error == scenario.error
    assert requests_of(face.targets) == scenario.requests
    assert tuple(line[2] or "idle" for line in noted if line[0] == "pause") == scenario.pauses
    assert stream.offset == scenario.end_offset
    assert stream.closed == (error is None and scenario.live is not None)
