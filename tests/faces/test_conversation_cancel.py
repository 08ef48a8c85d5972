"""Cancelling who reads a conversation, wherever it is blocked: within 100 ms, and nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import pytest

from flue import AbortError, AbortSignal, AsyncConversation, Conversation
from flue.testing import Fault, FlueTestServer

from .harness import AGENT
from .reading import BOUND, PATIENT, Reading, eventually, nothing_left
from .stations import STATIONS, Station
from .test_conversation_reply import by_hand, message

LIMIT = 0.1
"""Seconds from `cancel()` to the end of the iteration."""
KINDS = {
    "stream": lambda client, **options: client.conversation("agents", AGENT, "one").stream(**options),
    "target": lambda client, **options: client.conversation("agents", AGENT, "one").stream("sub_9", **options),
    "observe": lambda client, **options: client.conversation("agents", AGENT, "one").observe(**options),
}


@contextlib.contextmanager
def serving(fault=None, **rule):
    with FlueTestServer(flue_version=2) as server:
        append = by_hand(server)
        append(message("sub_1"))
        if fault is not None:
            server.faults.add(fault, **rule)
        yield server
        assert server.problems == []


@contextlib.contextmanager
def _history(_scheme):
    with serving(Fault(stall_before_headers=30.0)) as server:
        yield Station(server.base_url, lambda reading: server.requests and reading.is_at("_open"), server=server)


@contextlib.contextmanager
def _half_history(_scheme):
    with serving(Fault(stall_after=7, stall=30.0)) as server:
        yield Station(server.base_url, lambda reading: server.requests and reading.is_at("_read"), server=server)


@contextlib.contextmanager
def _events(_scheme):
    with serving() as server:

        def reached(reading):
            return len(server.requests) == 2 and reading.stream.up_to_date and reading.is_at("_read")

        yield Station(server.base_url, reached, server=server, live="sse")


@contextlib.contextmanager
def _poll(_scheme):
    with serving() as server:

        def reached(reading):
            return server.requests and server.requests[-1].first("live") == "long-poll" and reading.is_at("_open")

        yield Station(server.base_url, reached, server=server, live="long-poll")


@contextlib.contextmanager
def _back_off(_scheme):
    with serving(Fault(status=503, headers=[("retry-after", "30")])) as server:
        yield Station(server.base_url, lambda reading: reading.is_at("_pause"), server=server)


@contextlib.contextmanager
def _back_off_of_updates(_scheme):
    fault = Fault(status=503, headers=[("retry-after", "30")])
    with serving(fault, path="view=updates") as server:
        yield Station(server.base_url, lambda reading: reading.is_at("_pause"), server=server)


@contextlib.contextmanager
def _absent(_scheme):
    with FlueTestServer(flue_version=2) as server:
        server.add_agent(AGENT, lambda turn: None)
        yield Station(
            server.base_url,
            lambda reading: len(server.requests) > 3 and reading.is_at("_pause"),
            server=server,
            wait_until_exists=True,
        )


BLOCKED = {
    "connecting": STATIONS["connecting"],
    "resolver": STATIONS["resolver"],
    "history": _history,
    "half a history": _half_history,
    "events": _events,
    "poll": _poll,
    "pause": _back_off,
    "pause of updates": _back_off_of_updates,
    "absent": _absent,
}
WAYS = [(False, "thread"), (False, "signal"), (True, "thread"), (True, "close"), (True, "signal"), (True, "task")]


def cancelled(station, kind, by, *, is_async):
    signal = AbortSignal()
    with BLOCKED[station]("http") as place:
        reading = Reading(place.base_url, is_async=is_async, read=KINDS[kind], signal=signal, **place.options)
        place.wait_for(reading)
        before = time.monotonic()
        if by == "signal":
            signal.abort("enough")
        else:
            reading.cancel(by)
        reading.wait()
        if place.server is not None:
            place.server.wait_for_connections(0)
        if kind == "observe":
            assert reading.stream.phase == "closed"
            assert reading.stream.error is None
    reading.join()
    assert reading.error is None
    assert reading.tasks_left == set()
    return reading.ended_at - before


def at_best(*which, **face):
    """The time it takes; of ten where a busy machine was late. A reader that is not woken does not end at all."""
    tries = []
    while not tries or (tries[-1] >= LIMIT and len(tries) < 10):
        tries.append(cancelled(*which, **face))
    return min(tries)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("station", BLOCKED)
def test_the_blocked_reader_wakes(station, kind):
    if station == "absent" and kind != "observe":
        pytest.skip("only an observation waits for what does not exist")
    if station == "resolver" and "uvloop" in type(asyncio.get_event_loop_policy()).__module__:
        pytest.skip("uvloop looks names up by itself")
    with nothing_left():
        took = {way: at_best(station, kind, way[1], is_async=way[0]) for way in WAYS}
    assert max(took.values()) < LIMIT, took


CALLS = {
    "wait": lambda talk, signal: talk.wait("sub_9", signal=signal),
    "read": lambda talk, signal: talk.read("sub_9", signal=signal),
    "history": lambda talk, signal: talk.history(signal=signal),
    "send": lambda talk, signal: talk.send("x", signal=signal),
    "ask": lambda talk, signal: talk.ask("x", signal=signal),
    "abort": lambda talk, signal: talk.abort(signal=signal),
    "attachment": lambda talk, signal: talk.attachment("a", signal=signal),
}


def aborted(call, *, is_async):
    """Abort a call that waits for its response; how long it took."""
    signal, ended = AbortSignal(), []

    def blocking(url):
        with Conversation(url, timeout=PATIENT) as talk, pytest.raises(AbortError):
            CALLS[call](talk, signal)
        ended.append(time.monotonic())

    async def waiting(url):
        async with AsyncConversation(url, timeout=PATIENT) as talk:
            with pytest.raises(AbortError):
                await CALLS[call](talk, signal)
            ended.append(time.monotonic())

    with serving(Fault(stall_before_headers=30.0)) as server:
        url = f"{server.base_url}/agents/{AGENT}/one"
        target = (lambda: asyncio.run(waiting(url))) if is_async else (lambda: blocking(url))
        thread = threading.Thread(target=target)
        thread.start()
        server.wait_for_requests(1)
        before = time.monotonic()
        signal.abort("enough")
        thread.join(BOUND)
        server.wait_for_connections(0)
    return ended[0] - before


@pytest.mark.parametrize("call", CALLS)
def test_the_blocked_call_wakes(call):
    with nothing_left():
        for is_async in (False, True):
            tries = []
            while not tries or (tries[-1] >= LIMIT and len(tries) < 10):
                tries.append(aborted(call, is_async=is_async))
            assert min(tries) < LIMIT, is_async


def test_a_pull_that_is_cancelled_loses_nothing():
    """`asyncio.wait_for` around a pull of chunks and of states; the next pull goes on."""

    async def whole(server, append):
        async with AsyncConversation(f"{server.base_url}/agents/{AGENT}/one", timeout=PATIENT) as talk:
            stream, observation = talk.stream(), talk.observe()
            assert len((await anext(observation)).messages) == 1
            for pulled in (stream, observation):
                for seconds in (0.001, 0.01, 0.1):
                    with pytest.raises(TimeoutError):
                        await asyncio.wait_for(anext(pulled), seconds)
            append(message("sub_2"))
            assert (await anext(stream)).message.submission_id == "sub_2"
            assert len((await anext(observation)).messages) == 2
            await stream.aclose()
            await observation.aclose()

    with nothing_left(), FlueTestServer(flue_version=2) as server:
        append = by_hand(server)
        append(message("sub_1"))
        asyncio.run(whole(server, append))


def test_a_task_that_is_cancelled_while_it_waits_for_a_reply():
    async def whole(url, server):
        async with AsyncConversation(url, timeout=PATIENT) as talk:
            for call in ("wait", "read", "ask"):
                task = asyncio.ensure_future(CALLS[call](talk, None))
                before = len(server.requests)
                while len(server.requests) < before + 2:
                    await asyncio.sleep(0.001)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

    with nothing_left(), serving() as server:
        server.add_agent(AGENT, lambda turn: turn.sleep(30.0))
        asyncio.run(whole(f"{server.base_url}/agents/{AGENT}/one", server))
        eventually(lambda: server.open_connections == 0, "connections are closed")
