"""Arguments are checked before any I/O: of streams, of calls, of clients."""

from __future__ import annotations

import pytest

from flue import AsyncFlueClient, FlueClient

from .frames import RUN, log, offset, page
from .harness import on_both_faces

BOTH = pytest.mark.parametrize("client_class", [FlueClient, AsyncFlueClient])


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"tail": 0}, ValueError, "tail must be >= 1"),
        ({"offset": ""}, ValueError, "offset must not be empty"),
        ({"signal": object()}, TypeError, "signal must be a flue.AbortSignal, not object"),
        ({"timeout": 0}, ValueError, "timeout must be a finite number of seconds > 0"),
        ({"timeout": "5"}, TypeError, "timeout must be a number of seconds, not str"),
        ({"backoff_options": {"max_retries": 3}}, TypeError, "backoff_options must be BackoffOptions, not dict"),
    ],
)
@on_both_faces
def test_arguments_that_cannot_work(face, options, error, text):
    """Every read checks alike, and nothing is asked."""
    calls = [face.stream, face.events]
    if not {"offset", "tail"} & set(options):
        calls.append(face.get)
    for call in calls:
        with pytest.raises(error, match=text):
            call(RUN, **options)
    assert face.targets == []


@on_both_faces
def test_a_stream_asks_nothing_before_its_first_event(face):
    """Making a stream, looking at it and leaving it is no request."""
    stream = face.stream(RUN, offset=offset(3), tail=5, live="sse")
    assert (stream.offset, stream.up_to_date, stream.closed) == (offset(3), False, False)
    stream.close()
    assert stream.collect() == []
    assert face.targets == []


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("a&b=c", "a%26b%3Dc"),
        ("z/?#+%", "z%2F%3F%23%2B%25"),
        ("é", "%C3%A9"),
        ("-1", "-1"),
        ("x" * 300, "x" * 300),
    ],
)
@on_both_faces
def test_offsets_are_opaque(face, given, sent):
    """Encoded and sent; what they mean is the server's business."""
    face.server.script(RUN, [page(log(9), next_offset="whatever-9", closed=True)])
    stream = face.stream(RUN, offset=given)
    assert stream.next().event_index == 9
    assert stream.offset == "whatever-9"
    assert face.targets == [f"/api/runs/run_1?offset={sent}"]


@BOTH
def test_the_environment_fills_in(client_class, monkeypatch):
    with pytest.raises(ValueError, match="base_url is missing: pass it, or set FLUE_BASE_URL"):
        client_class()
    monkeypatch.setenv("FLUE_BASE_URL", "https://flue.example/api/")
    assert repr(client_class()) == f"<{client_class.__name__} https://flue.example/api>"
    assert repr(client_class("https://other.example")) == f"<{client_class.__name__} https://other.example>"
    monkeypatch.setenv("FLUE_BASE_URL", "nonsense")
    with pytest.raises(ValueError, match="relative"):
        client_class()
    monkeypatch.setenv("FLUE_BASE_URL", "")
    with pytest.raises(ValueError, match="base_url is missing"):
        client_class()
