"""`stream(checkpoint=store)`: where a consumer stopped, the next one of that name goes on."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

import flue
from flue import FlueError
from flue.checkpoints import CheckpointStore, SqliteCheckpoints
from flue.testing import FlueTestServer

from .frames import empty_poll, indexes, log, logs, offset, page, run_end
from .harness import on_both_faces
from .manying import made
from .reading import BOUND

LIVES = pytest.mark.parametrize("live", [False, True, "sse"])
STREAM = "runs/long"


class Notebook:
    """A store that remembers what it was asked, and fails when it is told to."""

    def __init__(self, **saved: str) -> None:
        self.saved = {(consumer, STREAM): value for consumer, value in saved.items()}
        self.calls: list[tuple[str, ...]] = []
        self.problem: BaseException | None = None

    def load(self, consumer: str, stream: str) -> str | None:
        self.calls.append(("load", consumer, stream))
        self._begin()
        return self.saved.get((consumer, stream))

    def save(self, consumer: str, stream: str, offset: str) -> None:
        self.calls.append(("save", consumer, stream, offset))
        self._begin()
        self.saved[consumer, stream] = offset

    def _begin(self) -> None:
        if self.problem is not None:
            raise self.problem

    @property
    def offsets(self) -> list[str]:
        return [call[3] for call in self.calls if call[0] == "save"]


@LIVES
@on_both_faces(page_limit=10)
def test_a_batch_is_saved_when_the_consumer_asks_for_more(face, live):
    made(face.server, {"long": 35})
    store = Notebook()
    stream = face.stream("long", live=live, checkpoint=store)
    assert store.calls == []
    for taken in range(36):
        assert stream.next().event_index == taken
        # With the last event of a batch the stream's own offset moves, the saved one with the next pull.
        assert store.offsets == [offset(last) for last in (9, 19, 29) if last < taken]
    assert stream.collect() == []
    assert store.offsets == [offset(last) for last in (9, 19, 29, 35)]
    assert store.calls[0] == ("load", "default", STREAM)
    assert {call[:3] for call in store.calls[1:]} == {("save", "default", STREAM)}


@LIVES
@on_both_faces(page_limit=10)
def test_the_next_process_goes_on_behind_the_last_batch(face, live):
    made(face.server, {"long": 35})
    store = Notebook()
    for taken, first in [(5, 0), (10, 0), (11, 0), (1, 10), (10, 10), (26, 10), (99, 30), (99, 36)]:
        stream = face.stream("long", live=live, checkpoint=store)
        assert indexes(stream.collect(taken)) == list(range(36))[first : first + taken]
        # Killed here: nothing is done any more. Only another pull would have said that the last event is done with.


@LIVES
@on_both_faces(page_limit=10)
def test_two_consumers_of_one_run(face, live):
    made(face.server, {"long": 35})
    store = Notebook()
    for name, taken in [("billing", 11), ("audit", 31)]:
        face.stream("long", live=live, checkpoint=store, consumer=name).collect(taken)
    assert store.saved == {("billing", STREAM): offset(9), ("audit", STREAM): offset(29)}
    for name, first in [("audit", 30), ("billing", 10), ("third", 0)]:
        stream = face.stream("long", live=live, checkpoint=store, consumer=name)
        assert indexes(stream.collect()) == list(range(first, 36))


@on_both_faces(page_limit=10)
def test_offset_and_tail_count_for_the_first_time_only(face):
    made(face.server, {"long": 35})
    for options, first in [({"offset": offset(19)}, 20), ({"tail": 4}, 32)]:
        store = Notebook()
        stream = face.stream("long", live=False, checkpoint=store, **options)
        assert stream.next().event_index == first
        stream = face.stream("long", live=False, checkpoint=Notebook(default=offset(9)), **options)
        assert stream.next().event_index == 10
        assert "tail" not in face.targets[-1]


@on_both_faces(page_limit=10)
def test_leaving_the_block_saves_unless_by_an_exception(face):
    made(face.server, {"long": 35})
    for kind, saved in [(None, [offset(9)]), (RuntimeError, []), (KeyboardInterrupt, [])]:
        store = Notebook()
        stream = face.stream("long", checkpoint=store)
        with contextlib.suppress(RuntimeError, KeyboardInterrupt), face.inside(stream.inner):
            stream.collect(10)
            if kind is not None:
                raise kind
        assert store.offsets == saved
    store = Notebook()
    with face.inside(face.stream("long", checkpoint=store).inner):
        pass
    assert store.calls == [], "a stream that was not begun"


class StoreError(Exception):
    """Of a store."""


@on_both_faces(page_limit=10)
def test_a_store_that_fails_to_load(face):
    """Its error is that of the pull; the next pull asks again, before any request."""
    made(face.server, {"long": 12})
    store = Notebook(default=offset(9))
    store.problem = StoreError("locked")
    stream = face.stream("long", checkpoint=store)
    for _ in range(2):
        with pytest.raises(StoreError, match="locked"):
            stream.next()
    assert face.targets == []
    store.problem = None
    assert indexes(stream.collect()) == [10, 11, 12]


@on_both_faces(page_limit=10)
def test_a_store_that_fails_to_save(face):
    """Its error is that of the pull that would have gone on; no event is lost, and the checkpoint is saved later."""
    made(face.server, {"long": 35})
    store = Notebook()
    stream = face.stream("long", checkpoint=store)
    assert indexes(stream.collect(10)) == list(range(10))
    store.problem = StoreError("disk full")
    asked = len(face.targets)
    for _ in range(2):
        with pytest.raises(StoreError, match="disk full"):
            stream.next()
    assert len(face.targets) == asked
    store.problem = None
    assert indexes(stream.collect()) == list(range(10, 36))
    assert store.offsets == [offset(last) for last in (9, 9, 9, 19, 29, 35)]


@on_both_faces(page_limit=10, compare=False)
def test_a_store_that_fails_when_the_block_is_left(face):
    """The connection is released all the same."""
    made(face.server, {"long": 35})
    store = Notebook()
    stream = face.stream("long", live="sse", checkpoint=store)
    with pytest.raises(StoreError), face.inside(stream.inner):
        stream.collect(10)
        store.problem = StoreError()
    face.server.wait_for_connections(0)
    store.problem = None
    assert stream.collect() == []
    assert store.saved == {("default", STREAM): offset(9)}


@pytest.mark.parametrize("nonsense", ["", "a b", 7, b"x"])
@on_both_faces
def test_a_store_that_has_nonsense(face, nonsense):
    stream = face.stream("long", checkpoint=Notebook(default=nonsense), consumer="default")
    with pytest.raises(ValueError, match="the checkpoint of consumer 'default' of runs/long: offset"):
        stream.next()
    assert face.targets == []


@on_both_faces
def test_an_offset_that_is_only_a_question_is_not_saved(face):
    """`now` would skip what comes between two processes."""
    store = Notebook()
    poll = page(log(8), next_offset=offset(8))
    answers = [page(next_offset=offset(7)), poll, empty_poll(8), page(run_end(9), next_offset=offset(9), closed=True)]
    face.server.script("/runs/long", answers)
    assert indexes(face.stream("long", offset="now", checkpoint=store).collect()) == [8, 9]
    assert store.offsets == [offset(8), offset(9)]


@on_both_faces(page_limit=10)
def test_a_stream_that_fails_keeps_what_was_done(face):
    """The checkpoint stays before the batch with the event of another version."""
    face.server.create_run(run_id="long")
    face.server.append("long", *logs(0, 12), log(12, v=4), raw=True)
    store = Notebook()
    stream = face.stream("long", live=False, checkpoint=store)
    with pytest.raises(FlueError):
        stream.collect()
    with pytest.raises(FlueError):
        stream.next()
    assert store.offsets == [offset(9)]


class AsyncStore:
    async def load(self, consumer, stream):
        return None

    async def save(self, consumer, stream, offset):
        return None


@on_both_faces
def test_arguments_are_checked_at_once(face):
    stream = face.client.runs.stream
    for bad in (object(), "checkpoints.db", {}, Notebook, SqliteCheckpoints, AsyncStore()):
        with pytest.raises(TypeError):
            stream("a", checkpoint=bad)
    for consumer, error in [("", ValueError), (None, TypeError), (7, TypeError)]:
        with pytest.raises(error, match="consumer"):
            stream("a", checkpoint=Notebook(), consumer=consumer)
    assert isinstance(Notebook(), CheckpointStore)


class SlowStore(Notebook):
    """Whose calls take until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Semaphore(0)
        self.go = threading.Semaphore(0)

    def _begin(self) -> None:
        self.entered.release()
        assert self.go.acquire(timeout=BOUND)


def test_cancelled_pulls_and_a_slow_store():
    """A worker thread cannot be cancelled: what it comes back with must not count any more, or again."""

    async def cancelled(stream, store) -> None:
        pull = asyncio.ensure_future(anext(stream))
        assert await asyncio.to_thread(store.entered.acquire, timeout=BOUND)
        pull.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pull

    async def scenario(server: FlueTestServer) -> None:
        store = SlowStore()
        async with (
            flue.AsyncFlueClient(server.base_url) as client,
            client.runs.stream("long", checkpoint=store) as stream,
        ):
            await cancelled(stream, store)  # while it loads
            store.saved["default", STREAM] = offset(9)
            store.go.release(2)
            assert [(await anext(stream)).event_index for _ in range(10)] == list(range(10, 20))
            await cancelled(stream, store)  # while it saves
            pull = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            store.go.release()
            assert (await pull).event_index == 20
            assert store.offsets == [offset(19)], "saved once"
            assert [(await anext(stream)).event_index for _ in range(8)] == list(range(21, 29))
            assert store.offsets == [offset(19)]
            store.go.release(99)

    with FlueTestServer(page_limit=10) as server:
        made(server, {"long": 35})
        asyncio.run(scenario(server))
