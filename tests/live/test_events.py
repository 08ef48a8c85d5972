"""Every event of a run with a model in it: typed, and nothing of it lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import flue

if TYPE_CHECKING:
    from .faces import Face
    from .server import LiveServer

pytestmark = pytest.mark.live

CHAT = {
    "run_start",
    "operation_start",
    "agent_start",
    "turn_start",
    "message_start",
    "message_end",
    "thinking_start",
    "thinking_delta",
    "thinking_end",
    "tool_start",
    "tool",
    "text_delta",
    "turn",
    "turn_messages",
    "agent_end",
    "operation",
    "idle",
    "log",
    "run_end",
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
