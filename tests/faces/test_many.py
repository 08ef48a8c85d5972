"""`stream_many()`: many runs in one loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

import flue
from flue import BackoffOptions, FlueTimeoutError, NotFoundError, StreamFailure
from flue.testing import Fault, FlueTestServer

from .frames import logs, offset
from .harness import BRIEF, on_both_faces
from .manying import made, many
from .reading import nothing_left


def by_run(entries: list[tuple[str, object]]) -> dict[str, list[int]]:
    """The indexes of each run's events, in the order in which they came."""
    found: dict[str, list[int]] = {}
    for run_id, event in entries:
        assert not isinstance(event, StreamFailure), event
        found.setdefault(run_id, []).append(event.event_index)
    return found


@pytest.mark.parametrize("live", [True, "sse", False])
@on_both_faces(compare=False, page_limit=7)
def test_every_event_of_every_run_in_order(face, live):
    lengths = {f"run_{number}": 5 * number for number in range(8)}
    made(face.server, lengths)
    with many(face, lengths, live=live) as streams:
        entries = streams.collect()
    assert by_run(entries) == {run_id: list(range(count + 1)) for run_id, count in lengths.items()}
    assert streams.offsets == {run_id: offset(count) for run_id, count in lengths.items()}
    assert all(event.run_id == run_id for run_id, event in entries)


@on_both_faces(compare=False)
def test_live_runs_are_mixed_as_they_happen(face):
    for run_id in ("a", "b"):
        face.server.create_run(run_id=run_id)
    with many(face, ["a", "b"]) as streams:
        order = ["a", "b", "b", "a", "b"]
        for number, run_id in enumerate(order):
            face.server.append(run_id, {"type": "log", "level": "info", "message": str(number)})
            found, event = streams.next()
            assert (found, event.message) == (run_id, str(number))
        for run_id in ("b", "a"):
            face.server.finish_run(run_id)
            assert streams.next()[0] == run_id
        assert streams.collect() == []


@on_both_faces
def test_nothing_is_asked_before_the_first_pull(face):
    made(face.server, {"a": 2})
    with many(face, ["a"]):
        pass
    with many(face, ["a"]) as cancelled:
        cancelled.inner.cancel()
        assert cancelled.collect() == []
        assert cancelled.offsets == {"a": "-1"}
    assert face.targets == []


@on_both_faces(compare=False)
def test_a_failing_run_is_a_value_among_the_others(face):
    lengths = {"a": 30, "b": 30}
    made(face.server, lengths)
    face.server.create_run(run_id="bad")
    face.server.append("bad", *logs(0, 3), raw=True)
    face.server.append("bad", {"v": 4, "type": "log"}, raw=True)
    with many(face, ["a", "missing", "b", "bad"], backoff_options=BRIEF) as streams:
        entries = streams.collect()
    failures = {run_id: event for run_id, event in entries if event.type == "stream_failure"}
    assert {run_id: type(failure.error) for run_id, failure in failures.items()} == {
        "missing": NotFoundError,
        "bad": flue.UnsupportedFlueEventVersionError,
    }
    assert {run_id: failure.offset for run_id, failure in failures.items()} == {"missing": "-1", "bad": "-1"}
    good = [(run_id, event) for run_id, event in entries if run_id not in failures]
    assert by_run(good) == {"a": list(range(31)), "b": list(range(31))}
    assert [run_id for run_id, _ in entries].count("bad") == 4
    assert streams.offsets["bad"] == "-1"


@on_both_faces(compare=False, page_limit=10)
def test_a_consumer_that_stops_stops_the_reading(face):
    """At most 256 events wait for the consumer, and each run holds a page besides. A history comes by pages here."""
    lengths = {"a": 2000, "b": 2000, "c": 2000}
    made(face.server, lengths)
    face.server.faults.add(Fault(status=406), live="sse", times=None)
    with many(face, lengths) as streams:
        for more in (1, 300, 500):
            streams.collect(more)
            taken = len(streams.seen)
            assert taken // 10 <= streams.requests_at_rest() <= (taken + 256) // 10 + 4 * len(lengths)


@on_both_faces(compare=False)
def test_so_many_connections_and_no_more(face):
    """Nine runs over two connections: the next run begins when one ends."""
    lengths = {f"run_{number}": 3 for number in range(8)}
    made(face.server, lengths)
    face.server.create_run(run_id="open")
    most = 0
    with many(face, ["open", *lengths], max_connections=2) as streams:
        for _ in range(4 * len(lengths)):
            streams.next()
            most = max(most, face.server.open_connections)
        face.server.finish_run("open")
        assert [run_id for run_id, _ in streams.collect()] == ["open"]
    assert most <= 2
    assert set(by_run(streams.seen)) == {"open", *lengths}


@pytest.mark.parametrize("live", [True, "sse"])
@on_both_faces(compare=False, page_limit=7)
def test_resuming_never_skips_and_repeats_a_batch_at_most(face, live):
    lengths = {"a": 40, "b": 3, "c": 55}
    made(face.server, lengths)
    offsets: dict[str, str] = {}
    seen: dict[str, list[int]] = {run_id: [] for run_id in lengths}
    for taken in (1, 10, 0, 33, 7, 25, 8, 1000):
        with many(face, lengths, offsets=offsets, live=live) as streams:
            for run_id, event in streams.collect(taken):
                behind = seen[run_id]
                # Of a run, what comes is the next event, or one of the last, unfinished batch again.
                assert event.event_index in range(len(behind) - 6, len(behind) + 1)
                if event.event_index == len(behind):
                    behind.append(event.event_index)
            offsets = dict(streams.offsets)
    assert {run_id: len(indexes) for run_id, indexes in seen.items()} == {"a": 41, "b": 4, "c": 56}
    with many(face, lengths, offsets=offsets, live=live) as streams:
        assert streams.collect() == []


@on_both_faces(compare=False)
def test_a_header_callable_that_fails(face):
    """Its exception is raised where the caller is, behind what was read before, and ends the iteration."""
    made(face.server, {"a": 150, "b": 0})
    calls: list[str] = []

    def headers() -> dict[str, str]:
        calls.append(threading.current_thread().name)
        if len(calls) > 1:
            raise KeyError("no token")
        return {}

    with nothing_left(), many(face, ["a"], client={"headers": headers}) as streams:
        assert len(streams.collect(100)) == 100
        for _ in range(2):
            with pytest.raises(KeyError, match="no token"):
                streams.next()
    assert len(calls) == 2


class Stop(BaseException):
    """Not an `Exception`."""


@on_both_faces(compare=False)
def test_a_callback_that_fails_while_other_runs_wait(face):
    made(face.server, {"a": 3})
    face.server.create_run(run_id="open")
    face.server.faults.add(Fault(status=503), path="/runs/a")

    def told(attempt):
        raise Stop

    options = BackoffOptions(initial_delay=0.001, on_failed_attempt=told)
    with nothing_left(), many(face, ["open", "a"], backoff_options=options) as streams, pytest.raises(Stop):
        streams.collect()


@on_both_faces(compare=False)
def test_several_consumers_share_the_events(face):
    lengths = {"a": 300, "b": 300}
    made(face.server, lengths)
    with many(face, lengths) as streams:
        shares = streams.shared(4)
    entries = [entry for share in shares for entry in share]
    assert {run_id: sorted(indexes) for run_id, indexes in by_run(entries).items()} == {
        run_id: list(range(301)) for run_id in lengths
    }
    assert streams.offsets == dict.fromkeys(lengths, offset(300))


@on_both_faces
def test_arguments_are_checked_at_once(face):
    runs = face.client.runs
    for bad in ("run_1", 7, [7]):
        with pytest.raises(TypeError):
            runs.stream_many(bad)
    for run_id in ("", ".", ".."):
        with pytest.raises(ValueError, match="run_id"):
            runs.stream_many([run_id])
    for options, error in [
        ({"max_connections": 0}, ValueError),
        ({"max_connections": True}, TypeError),
        ({"max_connections": 1.5}, TypeError),
        ({"offsets": ["a"]}, TypeError),
        ({"offsets": {"a": ""}}, ValueError),
        ({"signal": object()}, TypeError),
    ]:
        with pytest.raises(error):
            runs.stream_many(["a"], **options)
    assert face.targets == []


@on_both_faces(compare=False)
def test_the_time_limit(face):
    face.server.create_run(run_id="open")
    with nothing_left(), many(face, ["open"], timeout=0.05) as streams:
        for _ in range(2):
            with pytest.raises(FlueTimeoutError, match=r"within 0\.05 s"):
                streams.next()


def test_a_reader_task_that_is_cancelled_by_somebody_else():
    """The consumer is told; it does not wait for ever."""

    async def scenario(server: FlueTestServer) -> None:
        async with flue.AsyncFlueClient(server.base_url) as client, client.runs.stream_many(["open"]) as streams:
            pull = asyncio.ensure_future(anext(streams))
            await asyncio.to_thread(server.wait_for_requests, 2)
            readers = [task for task in asyncio.all_tasks() if task.get_name().startswith("flue-stream")]
            assert len(readers) == 1
            readers[0].cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(pull, 5.0)

    with FlueTestServer() as server:
        server.create_run(run_id="open")
        asyncio.run(scenario(server))


def test_a_pull_that_is_cancelled_loses_nothing():
    async def scenario(server: FlueTestServer) -> None:
        async with flue.AsyncFlueClient(server.base_url) as client, client.runs.stream_many(["a"]) as streams:
            for index in range(5):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(anext(streams), 0.02)
                server.append("a", *logs(index, index + 1), raw=True)
                _, event = await asyncio.wait_for(anext(streams), 5.0)
                assert event.event_index == index

    with FlueTestServer() as server:
        server.create_run(run_id="a")
        asyncio.run(scenario(server))
