"""Whatever a server answers, it is not asked all the time: fewer than 20 requests in the first two seconds."""

from __future__ import annotations

import asyncio
import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from flue import AsyncFlueClient, FlueClient, FlueError
from flue.testing import Fault, FlueTestServer, Reply

from .frames import JSON, RUN, control, data, dumps, empty_poll, log, offset, page, sse
from .harness import EAGER, TIMEOUTS, on_both_faces

SECONDS = 2.0
MOST = 20
CUT = Fault(cut_after=10)
RESET = Fault(end="reset")


def passing(reply):
    """An answer for each position of a stream that moves and brings nothing."""
    return [reply(n) for n in range(1000)]


# Name, how the stream is followed, the answers, the last one for ever.
KINDS = [
    ("empty-not-up-to-date", True, [page(next_offset=offset(0), up_to_date=False)]),
    ("empty-without-offset", True, [page(next_offset=None, up_to_date=False)]),
    ("empty-poll-at-once", True, [page(log(0), next_offset=offset(0)), page(next_offset=offset(0))]),
    ("204-at-once", True, [page(log(0), next_offset=offset(0)), empty_poll(0)]),
    ("204-without-headers", True, [Reply(204)]),
    ("204-to-events", "sse", [empty_poll(0)]),
    ("204-closed", True, [empty_poll(0, closed=True)]),
    ("same-items-for-ever", True, [page(log(0), next_offset=offset(0))]),
    ("items-without-offset", True, [page(log(0), next_offset=None)]),
    ("offsets-in-a-circle", True, [page(next_offset=name, up_to_date=False) for name in "ab" * 100]),
    ("offsets-that-move-pages", True, passing(lambda n: page(next_offset=offset(n), up_to_date=False))),
    ("offsets-that-move-polls", True, passing(lambda n: page(next_offset=offset(n)))),
    ("offsets-that-move-catching-up", False, passing(lambda n: page(next_offset=offset(n), up_to_date=False))),
    ("html", True, [Reply(200, [("content-type", "text/html")], b"<html>")]),
    ("bad-json", True, [Reply(200, [JSON], b"[1,")]),
    ("half-json", True, [Reply(200, [JSON], b"[1,", Fault(framing="close"))]),
    ("cut-bodies", True, [page(log(0), next_offset=offset(0), fault=CUT)]),
    ("refused", True, [page(next_offset=None, fault=Fault(refuse=True))]),
    ("nothing", True, [b""]),
    ("500", True, [Reply(500)]),
    ("503-now", True, [Reply(503, [("retry-after", "0")])]),
    ("304", True, [Reply(304)]),
    ("401", True, [Reply(401)]),
    ("redirected-for-ever", True, [Reply(307, [("location", "?a")])]),
    ("events-that-end-at-once", "sse", [sse()]),
    ("events-that-break-off", "sse", [sse(b": hello\n\n", fault=RESET)]),
    ("events-without-control", "sse", [sse(data(log(0)))]),
    ("events-that-recycle", "sse", [sse(control(0, upToDate=True))]),
    ("events-that-recycle-and-break", "sse", [sse(control(0, upToDate=True), fault=RESET)]),
    ("events-that-move", "sse", passing(lambda n: sse(control(n, upToDate=True)))),
    ("events-that-move-and-break", "sse", passing(lambda n: sse(control(n, upToDate=True), fault=RESET))),
    ("events-that-repeat", "sse", [sse(data(log(0)), control(0))]),
    ("events-refused", "sse", [Reply(406)]),
    ("events-that-are-json", "sse", [page(next_offset=offset(0))]),
]


def follow(client, run_id, live):
    """Read for two seconds, or to the error."""
    try:
        for _ in client.runs.stream(run_id, live=live, timeout=SECONDS):
            pass
    except FlueError as error:
        return error
    return None


async def follow_async(client, run_id, live):
    try:
        async for _ in client.runs.stream(run_id, live=live, timeout=SECONDS):
            pass
    except FlueError as error:
        return error
    return None


async def follow_all(base_url):
    async with AsyncFlueClient(base_url, timeout=TIMEOUTS) as client:
        return await asyncio.gather(*(follow_async(client, f"asyncio-{name}.", live) for name, live, _ in KINDS))


@pytest.fixture(scope="module")
def asked():
    """What became of each kind on each face, all at the same time: (requests, error)."""
    with FlueTestServer() as server, ThreadPoolExecutor(len(KINDS) + 1) as pool:
        for face, (name, _, replies) in itertools.product(("blocking", "asyncio"), KINDS):
            server.script(f"{face}-{name}.", replies, repeat_last=True)
        with FlueClient(server.base_url, timeout=TIMEOUTS) as client:
            all_async = pool.submit(asyncio.run, follow_all(server.base_url))
            each_sync = [pool.submit(follow, client, f"blocking-{name}.", live) for name, live, _ in KINDS]
            errors = {"blocking": [future.result() for future in each_sync], "asyncio": all_async.result()}
        counts = {
            (face, name): sum(f"{face}-{name}." in request.target for request in server.requests)
            for face, (name, _, _) in itertools.product(errors, KINDS)
        }
    return {
        (face, name): (counts[face, name], error)
        for face, told in errors.items()
        for (name, _, _), error in zip(KINDS, told, strict=True)
    }


@pytest.mark.parametrize("face", ["blocking", "asyncio"])
@pytest.mark.parametrize("name", [name for name, _, _ in KINDS])
def test_few_requests_in_the_first_two_seconds(asked, face, name):
    """Edge cases 50, 62, 63, 66, 67, 68.

    Well-formed nonsense is an error of ours, emptiness is paced; neither is a loop.
    """
    requests, error = asked[face, name]
    assert 1 <= requests < MOST
    assert error is None or isinstance(error, FlueError)


@on_both_faces
def test_an_answer_that_brings_something_is_followed_at_once(face):
    """Edge cases 60, 68.

    Pauses are for those that bring nothing; the first empty one is free, since a new stream begins with it.
    """
    face.server.script(
        RUN,
        [
            page(next_offset="-1"),
            *(page(log(n), next_offset=offset(n), up_to_date=n % 2 == 0) for n in range(30)),
            empty_poll(29),
            page(log(30), next_offset=offset(30), closed=True),
        ],
    )
    begun = time.monotonic()
    assert len(face.stream(RUN).collect()) == 31
    assert time.monotonic() - begun < 2.0
    assert not [line for line in face.transcript if line[0] == "pause"]


@on_both_faces
def test_pauses_grow_while_nothing_comes(face):
    """Edge case 68. And begin anew once something came."""
    quick = [empty_poll(0)] * 3
    face.server.script(
        RUN,
        [
            page(log(0), next_offset=offset(0)),
            *quick,
            Reply(200, [JSON, ("stream-next-offset", offset(1)), ("stream-up-to-date", "true")], dumps([log(1)])),
            *[empty_poll(1)] * 2,
            page(log(2), next_offset=offset(2), closed=True),
        ],
    )
    assert len(face.stream(RUN, backoff_options=EAGER).collect()) == 3
    assert [line[1] for line in face.transcript if line[0] == "pause"] == [0.1, 0.2, 0.1]
