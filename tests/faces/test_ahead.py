"""The next page is asked for while the caller is busy with the one before it."""

from __future__ import annotations

import asyncio
import contextlib

import httpx
import pytest
import requests

import flue.aio.ahead
import flue.sync.connection
from flue import AsyncFlueClient
from flue.testing import Fault

from .frames import RUN, dumps, log, logs, offset
from .harness import EAGER, on_both_faces
from .reading import PATIENT, nothing_left
from .stations import serving


def finished(face, count):
    """A run of so many events and its end."""
    face.server.create_run(run_id=RUN)
    face.server.append(RUN, *logs(0, count), raw=True)
    face.server.finish_run(RUN)


def indexes(events):
    return [event.event_index for event in events]


@pytest.mark.parametrize("live", [False, "long-poll"])
@on_both_faces(page_limit=10)
def test_each_page_is_asked_for_once(face, live):
    """Over one connection, and the pause that the consumer makes costs no more than the page itself."""
    finished(face, 35)
    stream = face.stream(RUN, live=live)
    for taken in range(35):
        assert stream.next().event_index == taken
        assert len(face.targets) == min(taken // 10 + 2, 4)
    assert stream.next().type == "run_end"
    assert face.server.open_connections == 1
    assert stream.collect() == []
    assert face.targets == [f"/api/runs/run_1?offset={offset(last)}" for last in (-1, 9, 19, 29)]


@on_both_faces(page_limit=10)
def test_the_answer_is_as_old_as_the_question(face):
    """What is written meanwhile comes with the page after it: nothing is lost, and nothing comes twice."""
    face.server.create_run(run_id=RUN)
    face.server.append(RUN, *logs(0, 15), raw=True)
    stream = face.stream(RUN)
    assert indexes(stream.collect(10)) == list(range(10))
    face.server.wait_for_requests(2)
    face.server.append(RUN, *logs(15, 20), raw=True)
    face.server.finish_run(RUN)
    assert indexes(stream.collect()) == [*range(10, 21)]


@pytest.mark.parametrize("live", [False, "long-poll"])
@on_both_faces(page_limit=10)
def test_an_answer_that_lay_too_long_is_asked_for_again(face, live, monkeypatch):
    """The server may have given it up meanwhile; that is no failed attempt. To a caller so slow it is of no use, either."""
    monkeypatch.setattr(flue.sync.connection, "FRESH", 0.0)
    monkeypatch.setattr(flue.aio.ahead, "FRESH", 0.0)
    finished(face, 35)
    assert indexes(face.stream(RUN, live=live).collect()) == list(range(36))
    assert face.targets == [f"/api/runs/run_1?offset={offset(last)}" for last in (-1, 9, 9, 19, 29)]


@on_both_faces(page_limit=10)
def test_it_is_for_this_stream_alone(face):
    """Another one that asks the same gets an answer of its own: it may have been asked because there is more."""
    finished(face, 35)
    first = face.stream(RUN)
    first.collect(10)
    face.server.wait_for_requests(2)
    second = face.stream(RUN, offset=first.offset)
    assert indexes(second.collect()) == list(range(10, 36))
    assert indexes(first.collect()) == list(range(10, 36))
    assert face.targets.count(f"/api/runs/run_1?offset={offset(9)}") == 2


@pytest.mark.parametrize(
    "fault",
    [
        Fault(cut_head_after=0),
        Fault(cut_head_after=20),
        Fault(cut_after=5, end="reset"),
        Fault(cut_after=5),
        Fault(status=503),
        Fault(status=401),
    ],
    ids=["no head", "half a head", "reset", "cut", "503", "401"],
)
@on_both_faces(page_limit=10)
def test_faults_of_the_answer(face, fault):
    """They are those of the attempt whose turn it is: asked again, or an error behind the events that are here."""
    finished(face, 25)
    face.server.faults.add(fault, path=offset(9))
    stream = face.stream(RUN, backoff_options=EAGER)
    assert indexes(stream.collect(10)) == list(range(10))
    assert stream.offset == offset(9)
    if fault.status == 401:
        with pytest.raises(flue.AuthenticationError):
            stream.next()
    else:
        assert indexes(stream.collect()) == list(range(10, 26))
        assert face.targets.count(f"/api/runs/run_1?offset={offset(9)}") == 2


@on_both_faces(page_limit=10, compare=False)
def test_a_server_that_is_gone_meanwhile(face):
    """Not compared: whether the answer was here before is a matter of time."""
    finished(face, 25)
    stream = face.stream(RUN, backoff_options=EAGER)
    assert indexes(stream.collect(5)) == list(range(5))
    face.server.drop_connections()
    assert indexes(stream.collect()) == list(range(5, 26))


@on_both_faces(page_limit=10)
def test_not_with_headers_that_are_made_for_each_request(face):
    """They are those of the moment when it is the request's turn."""
    finished(face, 15)
    made = []
    client = face.new_client(headers=lambda: {"x-number": str(made.append(None) or len(made))})
    stream = face.stream(RUN, client)
    stream.collect(10)
    assert len(face.targets) == 1
    stream.collect()
    assert [request.header("x-number") for request in face.server.requests] == ["1", "2"]


@on_both_faces(page_limit=10)
def test_not_with_a_session_of_the_callers(face):
    """What that does is the caller's business."""
    finished(face, 15)
    theirs = httpx.AsyncClient() if face.is_async else requests.Session()
    client = face.new_client(**{"http_client" if face.is_async else "session": theirs})
    stream = face.stream(RUN, client)
    stream.collect(10)
    assert len(face.targets) == 1
    assert indexes(stream.collect()) == list(range(10, 16))
    face.wait(theirs.aclose if face.is_async else theirs.close)


@on_both_faces(page_limit=10)
def test_leaving_leaves_nothing(face):
    """The answer that nobody reads goes with the stream, also with one that is forgotten."""
    finished(face, 35)
    face.events(RUN)
    with nothing_left():
        for leave in ("close", "cancel", "forget"):
            stream = face.stream(RUN)
            stream.collect(3)
            if leave == "forget":
                face.streams.remove(stream)
                del stream
            else:
                getattr(stream, leave)()
            for _ in range(5):
                face.idle()
        if face.is_async:
            face.server.wait_for_connections(0)


@on_both_faces(page_limit=1)
def test_pages_that_are_cut_in_pieces(face):
    """A page that is not whole is followed by no question."""
    finished(face, 3)
    face.server.faults.add(Fault(cut_after=len(dumps([log(0)])) - 1), times=1)
    assert indexes(face.stream(RUN, backoff_options=EAGER).collect()) == [0, 1, 2, 3]
    assert face.targets[:2] == ["/api/runs/run_1?offset=-1"] * 2


def test_cancelled_together_with_the_answer():
    """The answer that is there and has nobody any more is closed."""

    async def main():
        with serving("http", page_limit=1) as server:
            server.append(RUN, log(1), raw=True)
            async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:
                for turns in range(60):
                    stream = client.runs.stream(RUN)
                    await anext(stream)
                    pull = asyncio.create_task(anext(stream))
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    pull.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        assert (await pull).event_index == 1
                    if pull.cancelled():
                        assert (await anext(stream)).event_index == 1
                    await stream.aclose()
        for _ in range(50):
            left = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.sleep(0)
        assert left == set()

    with nothing_left():
        asyncio.run(main())
