"""Following a run while it happens, and going on in another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .server import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .faces import Face
    from .server import LiveServer

pytestmark = [pytest.mark.live, pytest.mark.parametrize("live", ["long-poll", "sse"])]


def test_each_event_arrives_before_the_next_happens(client: Face, server: LiveServer, live: str) -> None:
    gate = f"live-{client.name}-{live}"
    run_id = server.start_run("ticks", count=8, gate=gate)

    def let_the_next_happen(_stream: Any, event: Any) -> None:
        server.open_gate(f"{gate}-{event.event_index}")  # run_start is event 0, tick i is event i + 1

    reading = client.read("runs.stream", run_id, live=live, timeout=20, each=let_the_next_happen)
    assert reading.types == ["run_start", *["log"] * 8, "run_end"]
    assert [event.event_index for event in reading.events] == list(range(10))
    assert (reading.closed, reading.offset) == (True, server.tail(run_id))


def test_cancel_from_another_thread(client: Face, server: LiveServer, live: str) -> None:
    run_id = server.start_run("ticks", count=2, gate=f"cancel-{client.name}-{live}", free=1)
    cancelled_at = []

    def cancel(stream: Any) -> None:
        cancelled_at.append(time.monotonic())
        stream.cancel()

    def cancel_soon(stream: Any, event: Any) -> None:
        if event.type == "log":  # the next never comes: the reader will be waiting for it
            threading.Timer(0.3, cancel, [stream]).start()

    reading = client.read("runs.stream", run_id, live=live, timeout=20, each=cancel_soon)
    assert time.monotonic() - cancelled_at[0] < 1
    assert reading.types == ["run_start", "log"]
    assert not reading.closed


def test_resume_in_a_new_process(face: type[Face], server: LiveServer, live: str) -> None:
    gate = f"resume-{face.name}-{live}"
    run_id = server.start_run("ticks", count=152, gate=gate, free=150)
    server.wait_for_events(run_id, 151)

    *first, stopped = reader(server, face.name, run_id, "-1", live, "120")
    assert [event["eventIndex"] for event in first] == list(range(120))
    assert stopped["offset"] != "-1"

    second = []
    for line in reader(server, face.name, run_id, stopped["offset"], live, "0"):
        second.append(line)
        if line.get("message") == "tick 149":  # the last that was there when the second reader began
            server.open_gate(f"{gate}-150")
            server.open_gate(f"{gate}-151")
    done = second.pop()
    # Nothing is missing, and no more is repeated than the part already read of the batch in flight.
    assert [event["eventIndex"] for event in second] == list(range(100, 154))
    assert second[:20] == first[100:]
    assert second[-1]["type"] == "run_end"
    assert done == {"offset": server.tail(run_id)}


def reader(server: LiveServer, *arguments: str) -> Iterator[Any]:
    """What a reader in a process of its own prints, line by line; it must end well."""
    environment = {**os.environ, "FLUE_BASE_URL": server.base_url, "FLUE_TOKEN": TOKEN}
    command = [sys.executable, "-m", "live.reader", *arguments]
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[1], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            yield from map(json.loads, process.stdout)
            assert process.wait(10) == 0
        finally:
            process.kill()
