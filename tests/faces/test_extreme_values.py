"""Values of the wire that have the right shape and that Python cannot hold."""

from __future__ import annotations

import contextlib

import pytest

from flue import DurableStreamError, UnknownEvent, to_json
from flue.testing import Reply

from .frames import JSON, RUN, control, data, dumps, log, offset, page, run_end, sse
from .harness import EAGER, on_both_faces

TIMES = [
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59.999-01:00",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:60Z",
    "2026-01-01T00:00:00+99:99",
    "2026-01-01T00:00:00",
    "",
    "yesterday",
]


@pytest.mark.parametrize("live", [False, "long-poll", "sse"], ids=str)
@pytest.mark.parametrize("time", TIMES)
@on_both_faces
def test_an_event_with_a_time_that_is_none(face, time, live):
    """Between two good ones: it arrives, its spelling kept, or as `UnknownEvent`; the stream goes on."""
    events = [log(0), log(1, timestamp=time), log(2), run_end(3)]
    reply = (
        sse(data(*events), control(3, streamClosed=True))
        if live == "sse"
        else page(*events, next_offset=offset(3), closed=True)
    )
    face.server.script(RUN, [reply])
    stream = face.stream(RUN, live=live, backoff_options=EAGER).inner
    seen = []
    while True:
        try:
            seen.append(face.wait(stream.__anext__) if face.is_async else next(stream))
        except (StopIteration, StopAsyncIteration):
            break
    assert [to_json(event) for event in seen] == events
    assert isinstance(seen[1], UnknownEvent) or seen[1].type == "log"
    assert stream.closed


@pytest.mark.parametrize("field", ["startedAt", "endedAt"])
@pytest.mark.parametrize("time", TIMES)
@on_both_faces
def test_a_record_with_a_time_that_is_none(face, time, field):
    """An error of ours, at once; or the record, when the time can be held."""
    body = {"runId": RUN, "workflowName": "w", "status": "completed", "startedAt": "2026-01-01T00:00:00.000Z"}
    face.server.script("?meta", [Reply(200, [JSON], dumps(body | {field: time}))])
    record = None
    with contextlib.suppress(DurableStreamError):
        record = face.get(RUN, backoff_options=EAGER)
    assert record is None or to_json(record)[field] == time
    assert len(face.targets) == 1
