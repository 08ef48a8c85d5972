"""Cancelling a reader wherever it is blocked: it ends within 100 ms, without an error, and leaves nothing behind."""

from __future__ import annotations

import time

import pytest

from flue import AbortSignal

from .harness import AGENT
from .reading import Reading, nothing_left
from .stations import BLOCKED, CONVERSATION_STATIONS, STATIONS

pytestmark = pytest.mark.usefixtures("trusting")
LIMIT = 0.1
"""Seconds from `cancel()` to the end of the iteration."""
WAYS = {False: ("thread", "close", "signal", "task"), True: ("thread", "task")}
"""How a reader is cancelled, with a session of the client's own and with the caller's."""
WAITS_FOR_HEADERS = {"headers", "poll"}


KINDS = {
    "run": None,
    "stream": lambda client, **options: client.conversation("agents", AGENT, "one").stream(**options),
    "target": lambda client, **options: client.conversation("agents", AGENT, "one").stream("sub_9", **options),
    "observe": lambda client, **options: client.conversation("agents", AGENT, "one").observe(**options),
}
"""What is read: how the stream is made, where it is not that of a run."""


def cancelled(name: str, scheme: str, kind: str, by: str, *, is_async: bool, theirs: bool) -> float:
    """Let a reader be blocked, cancel it, and say how long it took."""
    signal = AbortSignal()
    stations, face = STATIONS if kind == "run" else CONVERSATION_STATIONS, {"is_async": is_async, "theirs": theirs}
    with stations[name](scheme) as station:
        reading = Reading(station.base_url, read=KINDS[kind], signal=signal, **face, **station.options)
        station.wait_for(reading)
        before = time.monotonic()
        if by == "signal":
            signal.abort("enough")
        else:
            reading.cancel(by)
        reading.wait()
        if station.server is not None and not (theirs and not is_async and name in WAITS_FOR_HEADERS):
            station.server.wait_for_connections(0)
        if kind == "observe":
            assert (reading.stream.phase, reading.stream.error) == ("closed", None)
    reading.join()
    assert reading.error is None
    assert len(reading.events) <= 1
    assert reading.tasks_left == set()
    assert reading.ended_at is not None
    return reading.ended_at - before


def at_best(*which: str, is_async: bool, theirs: bool) -> float:
    """The time it takes; of ten where a busy machine was late. A reader that is not woken does not end at all."""
    tries: list[float] = []
    while not tries or (tries[-1] >= LIMIT and len(tries) < 10):
        tries.append(cancelled(*which, is_async=is_async, theirs=theirs))
    return min(tries)


def check_all_ways(name: str, scheme: str, kind: str, *, theirs: bool) -> None:
    """From another thread, another task, by closing and by a signal, on both faces."""
    ways = [(is_async, by) for is_async in (False, True) for by in WAYS[theirs] if is_async or by != "task"]
    with nothing_left():
        took = {way: at_best(name, scheme, kind, way[1], is_async=way[0], theirs=theirs) for way in ways}
    worst = max(took, key=lambda way: took[way])
    face = "async" if worst[0] else "sync"
    print(f"{name} over {scheme}: worst {1000 * took[worst]:.1f} ms ({face}, by {worst[1]})")
    assert took[worst] < LIMIT


@pytest.mark.parametrize("theirs", [False, True], ids=["own", "theirs"])
@pytest.mark.parametrize(("name", "scheme"), BLOCKED)
def test_the_blocked_reader_wakes(name, scheme, theirs):
    """What a plain session of the caller's leaves behind while it waits for headers ends with its time-outs, or here
    with the server.
    """
    check_all_ways(name, scheme, "run", theirs=theirs)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name in CONVERSATION_STATIONS
        for kind in KINDS
        if kind == "observe" or (kind != "run" and name != "absent")
    ],
)
def test_the_blocked_reader_of_a_conversation_wakes(name, kind):
    check_all_ways(name, "http", kind, theirs=False)
