"""`client.agents.prompt` and `send`: one POST each, sent once."""

from __future__ import annotations

import json

import pytest

from flue import (
    AbortError,
    AbortSignal,
    AgentPromptImage,
    AgentPromptResponse,
    DurableStreamError,
    FlueConnectionError,
    FlueTimeoutError,
    RateLimitedError,
    ServerError,
    Timeouts,
    to_json,
)
from flue.testing import Fault, Reply

from .agent_scenes import AGENT, abort_after_requests, call, recorded_answer, recorded_body
from .frames import JSON, dumps
from .harness import on_both_faces

ADMITTED = {"streamUrl": "http://flue.example/agents/assistant/rec1", "offset": "-1", "submissionId": "s1"}


def admitted(**fields) -> Reply:
    return Reply(202, [JSON], dumps(ADMITTED | fields))


def sent_body(face):
    [request] = face.server.requests
    assert request.header("content-type") == "application/json"
    return json.loads(request.body)


@on_both_faces
def test_a_recorded_prompt(face):
    face.server.script(AGENT, [recorded_answer("agent_prompt")], method="POST")
    answer = call(face, "prompt", "assistant", "rec1", message="hello")
    assert face.targets == ["/api/agents/assistant/rec1?wait=result"]
    assert isinstance(answer.result, AgentPromptResponse)
    assert answer.result.text == "You said something"
    assert (answer.result.model.provider, answer.result.model.id) == ("faux-assistant", "m")
    assert answer.result.usage.total_tokens == 1997
    assert answer.submission_id == "f07246b4-b0a5-4ea9-ab5e-5bb6bb2c70ad"
    assert to_json(answer) == recorded_body("agent_prompt")
    assert sent_body(face) == {"message": "hello"}


@on_both_faces
def test_a_recorded_send(face):
    face.server.script(AGENT, [recorded_answer("agent_send")], method="POST")
    answer = call(face, "send", "assistant", "rec1", message="hello")
    assert face.targets == ["/api/agents/assistant/rec1"]
    assert (answer.stream_url, answer.offset) == ("http://127.0.0.1:3105/api/agents/assistant/rec1", "-1")
    assert to_json(answer) == recorded_body("agent_send")
    assert sent_body(face) == {"message": "hello"}


@pytest.mark.parametrize("method", ["prompt", "send"])
@on_both_faces
def test_images_on_the_wire(face, method):
    face.server.script(AGENT, [Reply(200, [JSON], dumps(ADMITTED))])
    images = (AgentPromptImage(b"\x89PNG", "image/png"), AgentPromptImage("R0lGODlh", "image/gif"))
    call(face, method, "assistant", "rec1", message="look", images=iter(images))
    assert sent_body(face) == {
        "message": "look",
        "images": [
            {"type": "image", "data": "iVBORw==", "mimeType": "image/png"},
            {"type": "image", "data": "R0lGODlh", "mimeType": "image/gif"},
        ],
    }


@pytest.mark.parametrize("message", ["", "  ", "höflich 🙂", "cut \ud83d"])
@on_both_faces
def test_a_message_goes_as_it_is(face, message):
    """Flue takes an empty message, and text that was cut inside an emoji."""
    face.server.script(AGENT, [admitted()])
    call(face, "send", "assistant", "rec1", message=message)
    assert sent_body(face) == {"message": message}


@pytest.mark.parametrize("result", [None, "text", {"text": "no usage"}, [1]])
@on_both_faces
def test_a_result_of_another_shape_is_json(face, result):
    face.server.script(AGENT, [Reply(200, [JSON], dumps(ADMITTED | {"result": result}))])
    answer = call(face, "prompt", "assistant", "rec1", message="hello")
    assert answer.result == result
    assert to_json(answer) == ADMITTED | {"result": result}


@on_both_faces
def test_names_and_ids_are_one_segment_each(face):
    face.server.script("/agents/", [admitted()])
    call(face, "send", "a b", "x/ü?#%2F", message="hello")
    assert face.targets == ["/api/agents/a%20b/x%2F%C3%BC%3F%23%252F"]


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "reason"),
    [
        (("", "x"), {}, ValueError, "name must not be ''"),
        (("..", "x"), {}, ValueError, "name must not be '..'"),
        (("a", "."), {}, ValueError, "id must not be '.'"),
        (("a", "x"), {"message": None}, TypeError, "message must be str, not NoneType"),
        (("a", "x"), {"message": b"hi"}, TypeError, "message must be str, not bytes"),
        (("a", "x"), {"images": AgentPromptImage(b"x", "i/j")}, TypeError, "images must be a list of AgentPromptImage"),
        (("a", "x"), {"images": [b"x"]}, TypeError, r"images\[0\] must be an AgentPromptImage, not bytes"),
        (("a", "x"), {"images": 3}, TypeError, "images must be a list of AgentPromptImage, not int"),
    ],
)
@pytest.mark.parametrize("method", ["prompt", "send"])
@on_both_faces
def test_arguments_are_checked_before_any_request(face, method, arguments, options, kind, reason):
    with pytest.raises(kind, match=reason):
        call(face, method, *arguments, **{"message": "hello", **options})
    assert face.targets == []


@pytest.mark.parametrize("method", ["prompt", "send"])
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(503, [("retry-after", "0")]), ServerError),
        (Reply(429, [("retry-after", "2")]), RateLimitedError),
        (Reply(200, [JSON], b"{", fault=Fault(cut_after=0)), FlueConnectionError),
        (Reply(fault=Fault(cut_head_after=0)), FlueConnectionError),
        (Reply(200, [JSON], dumps({"offset": "-1"})), DurableStreamError),
        (Reply(200, [JSON], b"[]"), DurableStreamError),
    ],
    ids=["503", "429", "cut body", "no answer", "no admission", "no object"],
)
@on_both_faces
def test_a_post_is_never_repeated(face, method, reply, kind):
    face.server.script(AGENT, [reply])
    with pytest.raises(kind) as caught:
        call(face, method, "assistant", "rec1", message="hello")
    assert len(face.targets) == 1
    assert face.server.problems == []
    notes = getattr(caught.value, "__notes__", [])
    assert any("if the prompt was admitted" in note for note in notes) == (kind is FlueConnectionError)


@pytest.mark.parametrize("method", ["prompt", "send"])
@on_both_faces(compare=False)  # a busy machine may not get to sending the request
def test_the_time_is_up(face, method):
    face.server.script(AGENT, [Reply(fault=Fault(stall_before_headers=30.0))])
    with pytest.raises(FlueTimeoutError, match=r"agent assistant/rec1: no answer within 0.1 s") as caught:
        call(face, method, "assistant", "rec1", message="hello", timeout=0.1)
    assert any("if the prompt was admitted" in note for note in caught.value.__notes__)


@on_both_faces
def test_an_abort(face):
    face.server.script(AGENT, [Reply(fault=Fault(stall_before_headers=30.0))])
    signal = AbortSignal()
    aborter = abort_after_requests(face, signal, 1, reason="enough")
    with pytest.raises(AbortError) as caught:
        call(face, "prompt", "assistant", "rec1", message="hello", signal=signal)
    aborter.join()
    assert caught.value.reason == "enough"
    assert any("if the prompt was admitted" in note for note in caught.value.__notes__)


@on_both_faces(client={"timeout": Timeouts(connect=2.0, read=0.1)})
def test_a_prompt_may_last_longer_than_the_read_time_out(face):
    answer = Reply(200, [JSON], dumps(ADMITTED | {"result": 1}), fault=Fault(stall_before_headers=0.4))
    face.server.script(AGENT, [answer])
    assert call(face, "prompt", "assistant", "rec1", message="hello", timeout=20).result == 1
