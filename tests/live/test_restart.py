"""A server that dies under its readers and comes back, with and without what it knew."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

import flue

from .harness import BETA_9
from .server import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from .faces import Face
    from .server import LiveServer

pytestmark = [pytest.mark.live, pytest.mark.parametrize("live", ["long-poll", "sse"])]


class Crash:
    """Kills a server while a reader is at an event, and starts it again when the reader has noticed."""

    def __init__(self, server: LiveServer, at: int) -> None:
        self.server = server
        self.at = at
        self.seen: list[Any] = []
        self.failures: list[flue.FailedAttempt] = []
        self.backoff = flue.BackoffOptions(max_delay=0.2, on_failed_attempt=self._failed)

    def each(self, _stream: Any, event: Any) -> None:
        """To be called with every event."""
        self.seen.append(event)
        if event.event_index == self.at:
            self.server.stop()

    def _failed(self, attempt: flue.FailedAttempt) -> None:
        self.failures.append(attempt)
        if len(self.failures) == 1:
            self.server.start()


def test_a_reader_in_the_middle_of_a_long_history(face: type[Face], durable: LiveServer, live: str) -> None:
    # 20 MB: more than the kernel's buffers can have taken over from the server before it died.
    run_id = durable.start_run("ticks", count=2000, pad=10_000)
    durable.wait_for_events(run_id, 2002)
    crash = Crash(durable, at=350)
    client = face(durable.base_url, token=TOKEN)
    reading = client.read("runs.stream", run_id, live=live, timeout=60, backoff_options=crash.backoff, each=crash.each)
    assert crash.failures
    assert crash.failures[0].will_retry
    assert [event.event_index for event in reading.events] == list(range(2002))
    assert reading.types[-1] == "run_end"
    assert (reading.closed, reading.offset) == (True, durable.tail(run_id))


def test_a_run_that_died_with_its_process(face: type[Face], durable: LiveServer, live: str) -> None:
    run_id = durable.start_run("ticks", count=251, gate="never", free=250)
    durable.wait_for_events(run_id, 251)
    crash = Crash(durable, at=120)
    client = face(durable.base_url, token=TOKEN)
    with pytest.raises(flue.FlueTimeoutError) as caught:
        client.read("runs.stream", run_id, live=live, timeout=8, backoff_options=crash.backoff, each=crash.each)
    assert crash.failures
    assert [event.event_index for event in crash.seen] == list(range(251))
    assert caught.value.offset == durable.tail(run_id)
    assert client.call("runs.events", run_id, offset=caught.value.offset) == []
    assert client.call("runs.get", run_id).status == "active"  # nothing on Node ever ends such a run


def test_a_server_that_forgot_the_run(face: type[Face], serve: Callable[..., LiveServer], live: str) -> None:
    server = serve(BETA_9)
    run_id = server.start_run("ticks", count=400, pad=50_000)
    server.wait_for_events(run_id, 402)
    crash = Crash(server, at=120)
    with pytest.raises(flue.NotFoundError) as caught:
        face(server.base_url, token=TOKEN).read(
            "runs.stream", run_id, live=live, timeout=30, backoff_options=crash.backoff, each=crash.each
        )
    server.stop()
    assert caught.value.error.type == "run_not_found"
    assert [event.event_index for event in crash.seen] == list(range(len(crash.seen)))
    assert any(crash.failures[-1].offset in note for note in caught.value.__notes__)


def test_a_stored_event_of_another_version(face: type[Face], durable: LiveServer, live: str) -> None:
    run_id = durable.start_run("ticks", count=150)
    durable.wait_for_events(run_id, 152)
    with closing(sqlite3.connect(durable.database)) as database, database:
        database.execute(
            "UPDATE flue_event_stream_entries SET data = json_set(data, '$.v', 2) WHERE path = ? AND seq = 105",
            (f"runs/{run_id}",),
        )
    refused = durable.request("GET", f"/runs/{run_id}?offset=0000000000000000_0000000000000099")
    assert refused.json["error"]["type"] == "product_event_version_unsupported"
    assert refused.json["error"]["meta"] == {"storedVersion": 2, "supportedVersion": 3}

    seen = []
    with pytest.raises(flue.UnsupportedFlueEventVersionError) as caught:
        face(durable.base_url, token=TOKEN).read(
            "runs.stream", run_id, live=live, timeout=30, each=lambda _stream, event: seen.append(event)
        )
    assert (caught.value.received, caught.value.supported) == (2, 3)
    assert [event.event_index for event in seen] == list(range(100))  # the server gives no part of the page
