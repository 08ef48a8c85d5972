"""Runs that are there, that happen, and that are refused: every event typed, none lost."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import flue

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


CHAT = {
    *("run_start", "operation_start", "agent_start", "turn_start", "message_start", "message_end"),
    *("thinking_start", "thinking_delta", "thinking_end", "tool_start", "tool", "text_delta"),
    *("turn", "turn_messages", "agent_end", "operation", "idle", "log", "run_end"),
}


@pytest.fixture(scope="session")
def chat(server: LiveServer) -> str:
    """A finished run of the workflow that thinks, calls a tool, answers and runs a shell command."""
    answer = server.request("POST", "/workflows/chat?wait=result", {"text": "what is 2 + 40?"})
    assert answer.status == 200, answer
    return answer.json["runId"]


@pytest.mark.parametrize("live", [False, "long-poll", "sse"])
def test_every_event_is_typed_and_complete(client: Face, server: LiveServer, chat: str, live: str | bool) -> None:
    on_the_wire = server.request("GET", f"/runs/{chat}?offset=-1").json
    reading = client.read("runs.stream", chat, live=live, timeout=20)
    assert not [event for event in reading.events if isinstance(event, flue.UnknownEvent)]
    assert [flue.to_json(event) for event in reading.events] == on_the_wire
    assert set(reading.types) == CHAT


def test_what_a_model_turn_says(client: Face, chat: str) -> None:
    events = client.call("runs.events", chat)
    asked, answered = (event for event in events if event.type == "turn")
    assert (asked.response.finish_reason, answered.response.finish_reason) == ("toolUse", "stop")
    (said,) = answered.response.output.content
    assert said.text == "The answer is 42. Ünïcödé ✓ 🎉"
    (tool, shell) = (event for event in events if event.type == "tool")
    assert (tool.tool_name, tool.is_error, shell.is_error) == ("calculator", False, False)
    assert "".join(event.text for event in events if event.type == "text_delta") == said.text
    assert events[-1].result == {"summary": said.text}


def test_the_record(client: Face, server: LiveServer, chat: str) -> None:
    record = client.call("runs.get", chat)
    assert flue.to_json(record) == server.request("GET", f"/runs/{chat}?meta").json
    assert json.dumps(record.input) == '{"text": "what is 2 + 40?"}'


@LIVE
def test_each_event_arrives_before_the_next_happens(client: Face, server: LiveServer, live: str) -> None:
    gate = f"live-{client.name}-{live}"
    run_id = server.start_run("ticks", count=8, gate=gate)

    def let_the_next_happen(_stream: Any, event: Any) -> None:
        server.open_gate(f"{gate}-{event.event_index}")  # run_start is event 0, tick i is event i + 1

    reading = client.read("runs.stream", run_id, live=live, timeout=20, each=let_the_next_happen)
    assert reading.types == ["run_start", *["log"] * 8, "run_end"]
    assert [event.event_index for event in reading.events] == list(range(10))
    assert (reading.closed, reading.offset) == (True, server.tail(run_id))


@LIVE
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


@pytest.mark.parametrize(
    ("workflow", "options", "error", "kind"),
    [
        ("hidden", {"token": TOKEN}, flue.NotFoundError, "run_not_found"),  # it exports no runs
        ("ticks", {"token": "wrong"}, flue.AuthenticationError, "unauthorized"),
    ],
)
def test_every_way_to_read_a_run_that_is_refused(
    face: type[Face], server: LiveServer, workflow: str, options: Any, error: Any, kind: str
) -> None:
    run_id = server.start_run(workflow, **({"count": 1} if workflow == "ticks" else {}))
    client = face(server.base_url, **options)
    for read, method, live in (
        *((client.call, "runs.get", {}), (client.call, "runs.events", {}), (client.read, "runs.stream", {})),
        *((client.read, "runs.stream", {"live": live}) for live in ("sse", False)),
    ):
        with pytest.raises(error, match=rf"^Flue API error \d+ \[{kind}\]: ") as caught:
            read(method, run_id, timeout=20, **live)
        assert caught.value.error.type == kind


def test_headers_that_are_renewed(face: type[Face], server: LiveServer, history: str) -> None:
    tokens = iter(["expired", "expired", TOKEN, TOKEN, TOKEN])
    client = face(server.base_url, headers=lambda: {"Authorization": f"Bearer {next(tokens)}"})
    assert len(client.call("runs.events", history)) == 262
    assert list(tokens) == []  # two refusals, three pages


def test_a_path_that_is_no_route(face: type[Face], server: LiveServer) -> None:
    lost = face(f"{server.base_url}/elsewhere", token=TOKEN)
    with pytest.raises(flue.NotFoundError) as caught:
        lost.call("runs.get", "run_x")
    assert (caught.value.error, caught.value.body) == (None, "404 Not Found")
