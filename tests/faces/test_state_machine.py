"""Whatever happens, in whatever order: each face hands over what was written, once, in order.

Hypothesis writes, cuts, restarts, pulls, cancels and resumes as it likes. Both faces read the same run.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from flue import AsyncFlueClient, FlueClient
from flue.testing import Fault, FlueTestServer

from .frames import logs, offset, run_end
from .harness import EAGER, TIMEOUTS, later

PAGE_LIMIT = 4
FIXED = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=80,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow],
)

faces = st.sampled_from(["sync", "async"])
fault_kinds = st.one_of(
    st.builds(Fault, cut_after=st.integers(0, 700), end=st.sampled_from(["reset", "close"])),
    st.builds(Fault, cut_head_after=st.integers(0, 300)),
    st.builds(Fault, status=st.sampled_from([429, 502, 503])),
    st.builds(Fault, gzip=st.just(True), cut_after=st.integers(0, 150)),
    st.just(Fault(refuse=True)),
)


class Reader:
    """One stream of either face, and what it handed over since the start of the run.

    Attributes:
        got: the positions of the events, in the order in which they came; those that a resumed stream brings again
            take the place of the first ones.
        ended: the iteration is over.
    """

    def __init__(self, client: Any, loop: asyncio.AbstractEventLoop | None, run_id: str, live: str) -> None:
        self._client = client
        self._loop = loop
        self._run_id = run_id
        self._live = live
        self.got: list[int] = []
        self.ended = False
        self._open("-1")

    def pull(self) -> None:
        """The next event, or the end."""
        self._note(next(self.stream, None) if self._loop is None else self._wait(anext(self.stream, None)))

    def cancel_a_pull(self) -> None:
        """Pull where nothing is to come, and be cut short: a thread's stream ends, a task reads its own on."""
        if self._loop is None:
            timer = later(self.stream.cancel, 0.003)
            assert next(self.stream, None) is None
            timer.join()
            self.resume()
        else:
            with pytest.raises(TimeoutError):
                self._wait(asyncio.wait_for(anext(self.stream, None), 0.003))

    def resume(self) -> None:
        """Go on from the checkpoint with another stream."""
        self.close()
        saved = self.stream.offset
        behind = int(saved.rpartition("_")[2]) + 1
        assert len(self.got) - PAGE_LIMIT < behind <= len(self.got)
        del self.got[behind:]
        self.ended = False
        self._open(saved)

    def close(self) -> None:
        """Release the connection."""
        if self._loop is None:
            self.stream.close()
        else:
            self._wait(self.stream.aclose())

    def _open(self, where: str) -> None:
        self.stream = self._client.runs.stream(self._run_id, offset=where, live=self._live, backoff_options=EAGER)

    def _note(self, event: Any) -> None:
        if event is None:
            self.ended = True
        else:
            assert event.type == "run_end" or event.message == f"message {event.event_index}"
            self.got.append(event.event_index)

    def _wait(self, awaitable: Any) -> Any:
        async def whole() -> Any:
            return await awaitable

        assert self._loop is not None
        return self._loop.run_until_complete(whole())


class Following(RuleBasedStateMachine):
    """A run, its writer, its network, its readers."""

    server: FlueTestServer
    clients: dict[str, tuple[Any, asyncio.AbstractEventLoop | None]]
    examples = 0

    @initialize(sync_live=st.sampled_from(["long-poll", "sse"]), async_live=st.sampled_from(["long-poll", "sse"]))
    def begin(self, sync_live: str, async_live: str) -> None:
        Following.examples += 1
        self.run_id = self.server.create_run(run_id=f"run_{Following.examples}")
        self.written = 0
        self.finished = False
        lives = {"sync": sync_live, "async": async_live}
        self.readers = {name: Reader(*self.clients[name], self.run_id, live) for name, live in lives.items()}

    @precondition(lambda self: not self.finished)
    @rule(count=st.integers(1, 2 * PAGE_LIMIT + 1))
    def write(self, count: int) -> None:
        events = logs(self.written, self.written + count)
        self.server.append(self.run_id, *({**event, "runId": self.run_id} for event in events), raw=True)
        self.written += count

    @precondition(lambda self: not self.finished)
    @rule(close=st.booleans())
    def finish(self, close: bool) -> None:  # hypothesis gives it by name
        self.server.append(self.run_id, {**run_end(self.written), "runId": self.run_id}, raw=True)
        if close:
            self.server.close_run(self.run_id)
        self.written += 1
        self.finished = True

    @rule(fault=fault_kinds, times=st.integers(1, 3))
    def spoil(self, fault: Fault, times: int) -> None:
        self.server.faults.add(fault, times=times)

    @rule()
    def cut(self) -> None:
        self.server.drop_connections()

    @rule()
    def restart(self) -> None:
        self.server.restart(lose_state=False)

    @rule(face=faces, count=st.integers(1, 2 * PAGE_LIMIT))
    def pull(self, face: str, count: int) -> None:
        reader = self.readers[face]
        for _ in range(min(count, self.written - len(reader.got))):
            reader.pull()

    @rule(face=faces)
    def cancel_a_pull(self, face: str) -> None:
        self.pull(face, self.written)
        if not self.finished:
            self.readers[face].cancel_a_pull()

    @rule(face=faces)
    def resume(self, face: str) -> None:
        self.readers[face].resume()

    @invariant()
    def handed_over_is_what_was_written(self) -> None:
        for reader in self.readers.values():
            assert reader.got == list(range(len(reader.got)))
            assert len(reader.got) <= self.written
            assert not reader.ended

    def teardown(self) -> None:
        if not hasattr(self, "readers"):
            return
        if not self.finished:
            self.finish(close=False)
        self.server.close_run(self.run_id)  # idempotent; one that resumed behind `run_end` waits for it
        for face, reader in self.readers.items():
            self.pull(face, self.written)
            assert reader.got == list(range(self.written))
            assert reader.stream.offset == offset(self.written - 1)
            reader.pull()
            assert reader.ended
            reader.close()
        self.server.faults.clear()


def test_state_machine():
    """Edge cases 102, 108, 142. Writing, cutting, restarting, pulling, cancelling and resuming at random."""
    loop = asyncio.new_event_loop()
    with FlueTestServer(page_limit=PAGE_LIMIT, poll_hold=2.0) as server:
        with FlueClient(server.base_url, timeout=TIMEOUTS) as client:
            async_client = AsyncFlueClient(server.base_url, timeout=TIMEOUTS)
            Following.server = server
            Following.clients = {"sync": (client, None), "async": (async_client, loop)}
            try:
                run_state_machine_as_test(Following, settings=FIXED)
            finally:
                loop.run_until_complete(async_client.aclose())
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.close()
        assert server.problems == []
