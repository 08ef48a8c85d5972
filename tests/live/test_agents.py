"""Agents: whole on the betas whose agent routes are event streams, one clear sentence on those after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

import flue

from .server import TOKEN

if TYPE_CHECKING:
    from .faces import Face
    from .server import LiveServer

pytestmark = pytest.mark.live

PNG = bytes.fromhex("89504e470d0a1a0a")


@pytest.fixture
def agent() -> str:
    """The id of an agent nobody has talked to."""
    return f"agent-{uuid4()}"


@pytest.fixture
def client5(face: type[Face], beta5: LiveServer) -> Face:
    return face(beta5.base_url, token=TOKEN)


@pytest.fixture
def client9(face: type[Face], beta9: LiveServer) -> Face:
    return face(beta9.base_url, token=TOKEN)


def test_prompt(client: Face, server: LiveServer, agent: str) -> None:
    answer = client.call("agents.prompt", "assistant", agent, message="hello")
    assert answer.result.text == "You said: hello (0 images)"
    assert (answer.result.model.provider, answer.result.model.id) == ("faux-assistant", "m")
    assert answer.result.usage.total_tokens > 0
    assert answer.stream_url == f"{server.base_url}/agents/assistant/{agent}"
    assert answer.submission_id


def test_prompt_with_images(client: Face, agent: str) -> None:
    images = [flue.AgentPromptImage(data=data, mime_type="image/png") for data in (PNG, "iVBORw0KGgo=")]
    text = client.call("agents.prompt", "assistant", agent, message="look", images=images).result.text
    assert (text.startswith("You said: look"), text.endswith("(2 images)")) == (True, True)


@pytest.mark.parametrize(
    ("method", "name", "kind"),
    [("prompt", "assistant", "operation_failed"), ("send", "nobody", "agent_not_found")],
)
def test_what_is_refused(client: Face, agent: str, method: str, name: str, kind: str) -> None:
    with pytest.raises(flue.FlueApiError, match=kind) as caught:
        client.call(f"agents.{method}", name, agent, message="fail")
    assert caught.value.error.type == kind


def test_send_and_wait(client5: Face, agent: str) -> None:
    first = client5.call("agents.send", "assistant", agent, message="one")
    assert client5.call("agents.wait", first, timeout=20).text == "You said: one (0 images)"
    second = client5.call("agents.send", "assistant", agent, message="two")
    assert second.submission_id != first.submission_id
    seen: list[Any] = []
    assert client5.call("agents.wait", second, on_event=seen.append, timeout=20).text == "You said: two (0 images)"
    assert {event.submission_id for event in seen} == {second.submission_id}
    assert seen[-1].type == "submission_settled"
    # An admission stays good: waiting again for the first finds the first's answer.
    assert client5.call("agents.wait", first, timeout=20).text == "You said: one (0 images)"


def test_wait_for_a_submission_that_fails(client5: Face, agent: str) -> None:
    admission = client5.call("agents.send", "assistant", agent, message="fail")
    with pytest.raises(flue.FlueExecutionError) as caught:
        client5.call("agents.wait", admission, timeout=20)
    assert (caught.value.target, caught.value.target_id) == ("agent_submission", admission.submission_id)
    assert caught.value.failure == "failed"
    assert caught.value.error["type"] == "operation_failed"


@pytest.mark.parametrize("live", ["long-poll", "sse"])
def test_stream(client5: Face, beta5: LiveServer, agent: str, live: str) -> None:
    client5.call("agents.prompt", "assistant", agent, message="one")

    def until_the_second_answer(_stream: Any, event: Any) -> bool:
        if event.type == "submission_settled" and event.result["text"] == "You said: one (0 images)":
            answer = beta5.request("POST", f"/agents/assistant/{agent}", {"message": "two"})
            assert answer.status == 202
            return False
        return event.type == "submission_settled"

    reading = client5.read("agents.stream", "assistant", agent, live=live, timeout=20, each=until_the_second_answer)
    assert not [event for event in reading.events if isinstance(event, flue.UnknownEvent)]
    on_the_wire = beta5.request("GET", f"/agents/assistant/{agent}?offset=-1").json
    assert [flue.to_json(event) for event in reading.events] == on_the_wire
    assert {event.agent_name for event in reading.events} == {"assistant"}
    assert not reading.closed  # an agent's stream stays open for the next prompt


@pytest.mark.parametrize("live", [False, "long-poll", "sse"])
def test_no_event_streams_of_agents_from_beta_8_on(client9: Face, agent: str, live: Any) -> None:
    admission = client9.call("agents.send", "assistant", agent, message="hello")
    with pytest.raises(flue.FlueError) as waited:
        client9.call("agents.wait", admission, timeout=20)
    with pytest.raises(flue.FlueError) as streamed:
        client9.read("agents.stream", "assistant", agent, live=live, timeout=20)
    for caught in (waited, streamed):
        assert "beta.8" in str(caught.value)
        assert "\n" not in str(caught.value)
