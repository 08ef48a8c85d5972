"""What is made of responses: errors, compressed bodies, events of real servers, and where a run ends."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from flue import (
    BackoffOptions,
    FlueApiError,
    FlueConnectionError,
    ServerError,
    UnknownEvent,
    to_json,
)
from flue.testing import Reply

from .agent_scenes import RECORDINGS
from .frames import JSON, RUN, admitted, dumps, indexes, log, logs, offset, page, raw_page, run_end
from .harness import BRIEF, EAGER, on_both_faces

BODY = dumps(logs(0, 3))


@on_both_faces
def test_an_error_carries_what_the_server_said(face):
    """Of records, pages and starts alike; a read is asked again, a start is sent once."""
    envelope = {"error": {"type": "some_type", "message": "Some words.", "details": "More.", "meta": {"a": [1]}}}
    headers = [JSON, ("X-Trace", "a"), ("x-trace", "b"), ("Set-Cookie", "session=s3cret")]
    face.server.script("/", [Reply(503, headers, dumps(envelope))], repeat_last=True)
    reads = {"backoff_options": BackoffOptions(initial_delay=0.001, max_retries=1)}
    for call, options in ((face.get, reads), (face.events, reads), (face.invoke, {}), (face.run, {})):
        asked = len(face.targets)
        with pytest.raises(ServerError) as caught:
            call(RUN, **options)
        error = caught.value
        assert str(error) == "Flue API error 503 [some_type]: Some words."
        assert (error.status, error.body, error.error.meta, error.run_id) == (503, envelope, {"a": [1]}, None)
        assert (error.headers["x-TRACE"], error.headers.get("set-cookie")) == ("a, b", None)
        assert error.url.endswith(face.targets[-1])
        assert len(face.targets) - asked == (2 if options else 1)


@on_both_faces
def test_fresh_credentials_cure_a_refusal(face):
    """Three tries in a row for a read, counted anew with every answer; one for a start."""
    tokens = iter(range(100))
    client = face.new_client(headers=lambda: {"authorization": f"Bearer {next(tokens)}"})
    refused = Reply(401, [JSON], b"{}")
    replies = [refused, refused, page(log(0), next_offset=offset(0)), refused, refused]
    face.server.script(RUN, [*replies, page(run_end(1), next_offset=offset(1), closed=True)])
    assert len(face.stream(RUN, client, backoff_options=EAGER).collect()) == 2
    assert [request.header("authorization") for request in face.server.requests] == [f"Bearer {n}" for n in range(6)]
    face.server.script("/", [refused], repeat_last=True)
    for call, options, tries in (
        (client.runs.get, {"backoff_options": EAGER}, 3),
        (client.workflows.invoke, {}, 1),
    ):
        asked = len(face.targets)
        with pytest.raises(FlueApiError, match="Flue API error 401"):
            face.wait(call, "another", **options)
        assert len(face.targets) - asked == tries


@on_both_faces
def test_interim_answers_are_passed_over(face):
    """Several, of several kinds."""
    interim = b"HTTP/1.1 100 Continue", b"HTTP/1.1 103 Early Hints\r\nlink: </a>", b"HTTP/1.1 102 Processing"
    final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nstream-closed: true\r\ncontent-length: 2\r\n\r\n[]"
    face.server.script(RUN, [b"".join(head + b"\r\n\r\n" for head in interim) + final])
    assert face.events(RUN, backoff_options=BackoffOptions(max_retries=0)) == []


# Compressed bodies.


def packed(body):
    """The same bytes at any time of day."""
    return gzip.compress(body, mtime=0)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("GZIP", packed(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY)[2:-4]),
        ("deflate, gzip", packed(zlib.compress(BODY))),
        ("identity", BODY),
    ],
)
@on_both_faces
def test_compressed_bodies(face, encoding, body):
    """What is advertised is what every installation can read: gzip and deflate."""
    headers = [("content-encoding", encoding)]
    face.server.script(RUN, [raw_page(body, headers=headers, framing=framing) for framing in ("length", "chunked")])
    for _ in range(2):
        assert indexes(face.events(RUN, backoff_options=BRIEF)) == [0, 1, 2]
    assert {request.header("accept-encoding") for request in face.server.requests} == {"gzip, deflate"}


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@on_both_faces
def test_a_compressed_body_that_is_cut(face, framing):
    """Both libraries return what they have without a word, even when the length is right: the JSON shows it."""
    cut = raw_page(BODY, gzip=True, framing=framing, cut_after=len(packed(BODY)) - 20, end="clean")
    face.server.script(RUN, [cut, raw_page(BODY, gzip=True, framing=framing)])
    assert indexes(face.events(RUN, backoff_options=EAGER)) == [0, 1, 2]
    assert len(face.targets) == 2


@pytest.mark.parametrize("spoilt", [b"not gzip at all", packed(BODY)[:-8] + b"\0" * 8, packed(BODY)[:30] + b"??"])
@on_both_faces
def test_a_compressed_body_that_is_spoilt(face, spoilt):
    """Perhaps the next copy is better; the budget bounds the tries."""
    bad = raw_page(spoilt, headers=[("content-encoding", "gzip")])
    face.server.script(RUN, [bad, raw_page(BODY), *[bad] * 10])
    assert indexes(face.events(RUN, backoff_options=EAGER)) == [0, 1, 2]
    with pytest.raises(FlueConnectionError):
        face.events(RUN, backoff_options=BRIEF)
    assert len(face.targets) == 6


# Events.


@pytest.mark.parametrize("live", [None, False, True, "sse"])
@on_both_faces(page_limit=10)
def test_events_of_a_recording(face, live):
    """By `events()`, by pages, by polls and by server-sent events: each gives its JSON object back."""
    wire = json.loads((RECORDINGS / "chat_events.json").read_text())
    run_id = wire[0]["runId"]
    face.server.create_run(run_id=run_id)
    face.server.append(run_id, *wire, raw=True)
    face.server.close_run(run_id)
    events = face.events(run_id) if live is None else face.stream(run_id, live=live).collect()
    assert [to_json(event) for event in events] == wire
    assert not [event for event in events if isinstance(event, UnknownEvent)]


@on_both_faces
def test_the_end_of_another_run(face):
    """It does not end the run that is followed, nor is it its result."""
    other = page(run_end(0, runId="run_2", isError=True), next_offset=offset(0))
    admitted(face, other, page(run_end(1), next_offset=offset(1)))
    seen = []
    assert face.run("report", on_event=seen.append).result == 42
    assert [event.run_id for event in seen] == ["run_2", RUN]
