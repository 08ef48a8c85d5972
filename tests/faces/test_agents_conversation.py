"""`client.agents` against agents that work: prompts in turn, several at once, and the server of the later betas."""

from __future__ import annotations

import json
import threading

import pytest

from flue import (
    AgentPromptImage,
    AgentPromptResponse,
    DurableStreamError,
    FlueExecutionError,
    ServerError,
    UnknownEvent,
)
from flue.testing import Reply

from .agent_scenes import call, follow
from .harness import EAGER, on_both_faces


def add_echo(face):
    """An agent that says what it heard, and fails when it is told to."""

    @face.server.agent("echo")
    def echo(turn):
        if turn.message == "fail":
            raise RuntimeError("told to")
        turn.text("You said: ")
        turn.text(turn.message)
        return f"You said: {turn.message} ({len(turn.images)} images)"


@on_both_faces
def test_a_prompt_and_then_the_wait_for_it(face):
    """The answer of `prompt()` is an admission: the same answer can be read from the stream, again and again."""
    add_echo(face)
    image = AgentPromptImage(b"\x89PNG", "image/png")
    answer = call(face, "prompt", "echo", "x/1", message="one", images=[image])
    assert isinstance(answer.result, AgentPromptResponse)
    assert answer.result.text == "You said: one (1 images)"
    assert answer.stream_url == f"{face.server.base_url}/agents/echo/x%2F1"
    for _ in range(2):
        assert call(face, "wait", answer) == answer.result


@on_both_faces(compare=False)  # how many polls it takes depends on when the agent is done
def test_prompts_to_one_agent_at_once(face):
    go = threading.Event()

    @face.server.agent("slow")
    def slow(turn):
        go.wait(10)
        turn.text(turn.message)
        return {"heard": turn.message}

    namespace = face.client.agents
    admissions = [face.wait(namespace.send, "slow", "one", message=message) for message in ("a", "b", "c")]
    assert len({admission.submission_id for admission in admissions}) == 3
    go.set()
    # The last one first: what the stream tells of the other two is passed over.
    for admission, message in reversed(list(zip(admissions, "abc", strict=True))):
        seen = []
        assert face.wait(namespace.wait, admission, on_event=seen.append, timeout=20) == {"heard": message}
        assert {event.submission_id for event in seen} == {admission.submission_id}
        types = [event.type for event in seen]
        assert (types[0], types.count("text_delta"), types[-1]) == ("operation_start", 1, "submission_settled")


@on_both_faces(compare=False)  # how many polls it takes depends on when the agent is done
def test_an_agent_that_fails(face):
    add_echo(face)
    with pytest.raises(ServerError, match="internal_error"):
        call(face, "prompt", "echo", "1", message="fail")
    admission = face.wait(face.client.agents.send, "echo", "1", message="fail")
    with pytest.raises(FlueExecutionError) as caught:
        face.wait(face.client.agents.wait, admission, timeout=20)
    assert (caught.value.target_id, caught.value.failure) == (admission.submission_id, "failed")
    assert caught.value.error["type"] == "internal_error"


@pytest.mark.parametrize("live", ["long-poll", "sse"])
@on_both_faces(compare=False)  # the second prompt's events come in one batch or in several
def test_a_stream_goes_on_with_the_next_prompt(face, live):
    add_echo(face)
    call(face, "prompt", "echo", "1", message="one")
    stream = follow(face, "echo", "1", live=live, timeout=20, backoff_options=EAGER)
    first = [stream.next()]
    while first[-1].type != "submission_settled":
        first.append(stream.next())
    admission = face.wait(face.client.agents.send, "echo", "1", message="two")
    second = [stream.next()]
    while second[-1].type != "submission_settled":
        second.append(stream.next())
    assert [event.type for event in first] == [event.type for event in second]
    assert {event.submission_id for event in second} == {admission.submission_id}
    assert not [event for event in first + second if isinstance(event, UnknownEvent)]
    assert not stream.closed
    # Going on from where the admission says gives the second prompt's events alone.
    again = follow(face, "echo", "1", offset=admission.offset, live=False)
    assert again.collect() == second


@on_both_faces
def test_the_server_of_the_later_betas(face):
    """Prompts work as ever; reading the stream says in one sentence why it cannot."""
    add_echo(face)
    refused = {
        "type": "invalid_request",
        "message": "Request is malformed.",
        "details": "History reads do not accept offset, tail, or live parameters.",
    }
    reply = Reply(400, [("content-type", "application/json")], json.dumps({"error": refused}).encode())
    face.server.script("/agents/echo/1", [reply], method="GET", repeat_last=True)
    answer = call(face, "prompt", "echo", "1", message="one")
    assert answer.result.text == "You said: one (0 images)"
    for read in (lambda: call(face, "wait", answer), lambda: follow(face, "echo", "1").next()):
        with pytest.raises(DurableStreamError, match=r"beta\.8") as caught:
            read()
        assert caught.value.code == "UNSUPPORTED_SERVER"
