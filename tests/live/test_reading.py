"""Reading what is there: pages, tails, offsets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .server import TOKEN

if TYPE_CHECKING:
    from .faces import Face
    from .server import LiveServer

pytestmark = pytest.mark.live

LIVE = pytest.mark.parametrize("live", ["long-poll", "sse"])


def ticks(events: list[Any]) -> list[int]:
    """The numbers of the ticks among these events."""
    return [event.attributes["i"] for event in events if event.type == "log"]


def test_events_over_several_pages(client: Face, history: str) -> None:
    events = client.call("runs.events", history)
    assert [event.type for event in events] == ["run_start", *["log"] * 260, "run_end"]
    assert ticks(events) == list(range(260))
    assert [event.event_index for event in events] == list(range(262))


@pytest.mark.parametrize("live", [True, "long-poll", "sse", False])
def test_streams_of_a_finished_run(client: Face, server: LiveServer, history: str, live: str | bool) -> None:
    reading = client.read("runs.stream", history, live=live, timeout=20)
    assert reading.events == client.call("runs.events", history)
    assert (reading.up_to_date, reading.closed, reading.offset) == (True, True, server.tail(history))


def test_the_tail_of_a_history(client: Face, history: str) -> None:
    everything = client.call("runs.events", history)
    assert client.call("runs.events", history, tail=120) == everything[-120:]
    assert client.call("runs.events", history, tail=10_000) == everything
    assert client.read("runs.stream", history, tail=120, timeout=20).events == everything[-120:]


def test_events_from_an_offset(client: Face, server: LiveServer, history: str) -> None:
    offsets = []
    client.read("runs.stream", history, live=False, each=lambda stream, _: offsets.append(stream.offset))
    assert set(offsets[:99]) == {"-1"}  # a page's offset counts once its last event has been handed over
    assert offsets[-1] == server.tail(history)
    everything = client.call("runs.events", history)
    assert client.call("runs.events", history, offset=offsets[99]) == everything[100:]
    assert client.call("runs.events", history, offset=offsets[-1]) == []


def test_now_on_a_finished_run(client: Face, server: LiveServer, history: str) -> None:
    assert client.call("runs.events", history, offset="now") == []
    reading = client.read("runs.stream", history, offset="now", timeout=20)
    assert (reading.events, reading.offset, reading.closed) == ([], server.tail(history), True)


def test_catching_up_with_a_run_that_goes_on(client: Face, server: LiveServer) -> None:
    gate = f"catch-up-{client.name}"
    run_id = server.start_run("ticks", count=3, gate=gate, free=2)
    server.wait_for_events(run_id, 3)
    so_far = client.read("runs.stream", run_id, live=False)
    assert so_far.types == ["run_start", "log", "log"]
    assert (so_far.up_to_date, so_far.closed) == (True, False)
    server.open_gate(f"{gate}-2")
    rest = client.read("runs.stream", run_id, offset=so_far.offset, timeout=20)
    assert rest.types == ["log", "run_end"]


@LIVE
def test_from_now_on(face: type[Face], server: LiveServer, live: str) -> None:
    gate = f"now-{face.name}-{live}"
    run_id = server.start_run("ticks", count=2, gate=gate, free=1)
    server.wait_for_events(run_id, 2)
    requests = []

    def headers() -> dict[str, str]:
        requests.append(live)
        if len(requests) == 2:  # the first request has found out where "now" is
            server.open_gate(f"{gate}-1")
        return {}

    client = face(server.base_url, token=TOKEN, headers=headers)
    reading = client.read("runs.stream", run_id, offset="now", live=live, timeout=20)
    assert reading.types == ["log", "run_end"]
    assert ticks(reading.events) == [1]


@LIVE
def test_a_tail_that_goes_on_live(client: Face, server: LiveServer, live: str) -> None:
    gate = f"tail-{client.name}-{live}"
    run_id = server.start_run("ticks", count=12, gate=gate, free=10)
    server.wait_for_events(run_id, 11)

    def open_next(_stream: Any, event: Any) -> None:
        if event.type == "log":
            server.open_gate(f"{gate}-{event.attributes['i'] + 1}")

    reading = client.read("runs.stream", run_id, tail=2, live=live, timeout=20, each=open_next)
    assert ticks(reading.events) == [8, 9, 10, 11]
    assert reading.types[-1] == "run_end"
