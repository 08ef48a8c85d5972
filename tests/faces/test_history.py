"""Long histories over one event connection, on sockets: what servers and proxies on the way do to it."""

from __future__ import annotations

import time

import pytest

from flue import BackoffOptions, NotFoundError
from flue.core import protocol
from flue.testing import Fault

from .frames import RUN, indexes, logs
from .harness import on_both_faces

COUNT = 60
EAGER = BackoffOptions(initial_delay=0.001, max_delay=0.01, max_retries=20)


@pytest.fixture(autouse=True)
def short_silence(monkeypatch):
    """Seconds. Long enough for a busy machine, short enough for a test that waits it out."""
    monkeypatch.setattr(protocol, "HISTORY_READ_TIMEOUT", 1.5)


def filled(face):
    face.server.create_run(run_id=RUN)
    face.server.append(RUN, *logs(0, COUNT))


def modes(face):
    return [request.first("live") or "page" for request in face.server.requests]


def pauses(face):
    return sum(line[0] == "pause" for line in face.transcript)


PAGES = ["page"] * protocol.MAX_FULL_PAGES


@on_both_faces(page_limit=5)
def test_after_five_full_pages_one_connection(face):
    filled(face)
    assert indexes(face.events(RUN)) == list(range(COUNT))
    assert modes(face) == [*PAGES, "sse"]
    assert pauses(face) == 0


@on_both_faces(page_limit=5)
def test_news_are_waited_for_as_was_asked(face):
    filled(face)
    face.server.faults.add(lambda _request: face.server.finish_run(RUN), live="long-poll", times=1)
    assert indexes(face.stream(RUN).collect()) == list(range(COUNT + 1))
    assert modes(face)[: len(PAGES) + 2] == [*PAGES, "sse", "long-poll"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=406),
        Fault(status=501),
        Fault(status=405),
        Fault(content_type="text/html"),
        Fault(stall_before_headers=30.0),
        Fault(stall_after=0, stall=30.0),
        Fault(body=b": waiting\n\n" * 60, trickle=11, trickle_pause=0.3),
    ],
    ids=["406", "501", "405", "another type", "no head", "no body", "comments only"],
)
@on_both_faces(page_limit=5)
def test_refused_or_silent_it_goes_on_by_pages_and_the_client_remembers(face, fault):
    """A proxy that buffers a response until its end is silent, too."""
    filled(face)
    face.server.faults.add(fault, live="sse", times=None)
    begun = time.monotonic()
    assert indexes(face.events(RUN)) == list(range(COUNT))
    assert modes(face) == [*PAGES, "sse", *["page"] * 7]
    assert indexes(face.events(RUN)) == list(range(COUNT))
    assert modes(face).count("sse") == 1
    assert pauses(face) == 0
    assert time.monotonic() - begun < 20.0


@on_both_faces(page_limit=5)
def test_a_connection_that_is_cut_is_opened_again(face):
    filled(face)
    face.server.faults.add(Fault(cut_after=700, end="reset"), live="sse", times=2)
    assert indexes(face.events(RUN, backoff_options=EAGER)) == list(range(COUNT))
    assert modes(face) == [*PAGES, "sse", "sse", "sse"]
    assert pauses(face) == 2


@on_both_faces(page_limit=5)
def test_a_connection_that_is_recycled_is_opened_again(face):
    """A clean end before all of it was there is no failed attempt."""
    filled(face)
    face.server.faults.add(Fault(cut_after=1500, end="clean"), live="sse", times=2)
    assert indexes(face.events(RUN, backoff_options=EAGER)) == list(range(COUNT))
    assert modes(face) == [*PAGES, "sse", "sse", "sse"]
    assert pauses(face) == 0


@on_both_faces(page_limit=5)
def test_a_run_that_is_gone_meanwhile(face):
    filled(face)
    face.server.faults.add(Fault(status=404), live="sse", times=1)
    stream = face.stream(RUN, live=False)
    assert indexes(stream.collect(25)) == list(range(25))
    with pytest.raises(NotFoundError):
        stream.next()
