"""`client.agents`: `prompt` and `send`, one POST each; `stream`, the events of an agent, which have no end; `wait`."""

from __future__ import annotations

import json
import logging

import attrs
import pytest

from flue import (
    AbortError,
    AbortSignal,
    AgentPromptImage,
    AgentPromptResponse,
    DurableStreamError,
    FlueConnectionError,
    FlueExecutionError,
    FlueTimeoutError,
    NotFoundError,
    ServerError,
    UnknownEvent,
    WorkflowInvokeResult,
    to_json,
)
from flue.testing import Fault, FlueTestServer, Reply

from .agent_scenes import (
    AGENT,
    OTHER,
    SUBMISSION,
    admission,
    call,
    event,
    follow,
    recorded_answer,
    recorded_body,
    recorded_events,
    refusal,
    settled,
)
from .frames import JSON, dumps, empty_poll, indexes, offset, page, run_end
from .harness import EAGER, on_both_faces

ADMITTED = {"streamUrl": "http://flue.example/agents/assistant/rec1", "offset": "-1", "submissionId": "s1"}
METHODS = pytest.mark.parametrize("method", ["prompt", "send"])


def answering(face, **fields):
    """The one request is answered with an admission."""
    face.server.script("/agents/", [Reply(200, [JSON], dumps(ADMITTED | fields))])


def sent_body(face):
    [request] = face.server.requests
    assert request.header("content-type") == "application/json"
    return json.loads(request.body)


# Prompts.


@METHODS
@on_both_faces
def test_a_recorded_answer(face, method):
    face.server.script(AGENT, [recorded_answer(f"agent_{method}")], method="POST")
    answer = call(face, method, "assistant", "rec1", message="hello")
    assert to_json(answer) == recorded_body(f"agent_{method}")
    assert face.targets == [f"/api{AGENT}" + ("?wait=result" if method == "prompt" else "")]
    assert sent_body(face) == {"message": "hello"}
    if method == "prompt":
        assert isinstance(answer.result, AgentPromptResponse)
        assert (answer.result.text, answer.result.usage.total_tokens) == ("You said something", 1997)


@METHODS
@on_both_faces
def test_what_is_sent(face, method):
    """Names and ids are one segment each; Flue takes an empty message, and text that was cut inside an emoji."""
    answering(face)
    images = (AgentPromptImage(b"\x89PNG", "image/png"), AgentPromptImage("R0lGODlh", "image/gif"))
    message = "höflich 🙂, cut \ud83d" if method == "send" else ""
    call(face, method, "a b", "x/ü?#%2F", message=message, images=iter(images))
    assert face.targets[0].partition("?")[0] == "/api/agents/a%20b/x%2F%C3%BC%3F%23%252F"
    assert sent_body(face) == {
        "message": message,
        "images": [
            {"type": "image", "data": "iVBORw==", "mimeType": "image/png"},
            {"type": "image", "data": "R0lGODlh", "mimeType": "image/gif"},
        ],
    }


@on_both_faces
def test_a_result_of_another_shape_is_json(face):
    answering(face, result={"text": "no usage"})
    assert call(face, "prompt", "assistant", "rec1", message="hello").result == {"text": "no usage"}


OF_A_PROMPT = [
    ({"message": b"hi"}, TypeError, "message must be str, not bytes"),
    ({"images": AgentPromptImage(b"x", "i/j")}, TypeError, "images must be a list of AgentPromptImage"),
    ({"images": [b"x"]}, TypeError, r"images\[0\] must be an AgentPromptImage, not bytes"),
]
OF_A_STREAM = [
    ({"tail": 0}, ValueError, "tail must be >= 1"),
    ({"live": "websocket"}, ValueError, "live must be"),
    ({"offset": ""}, ValueError, "offset must not be empty"),
]


@pytest.mark.parametrize("method", ["prompt", "send", "stream"])
@on_both_faces
def test_arguments_are_checked_before_any_request(face, method):
    agents, message = face.client.agents, {} if method == "stream" else {"message": "hello"}
    for options, kind, reason in OF_A_STREAM if method == "stream" else OF_A_PROMPT:
        with pytest.raises(kind, match=reason):
            face.wait(getattr(agents, method), "a", "x", **{**message, **options})
    for name, id, reason in (("", "x", "name must not be ''"), ("a", ".", "id must not be '.'")):
        with pytest.raises(ValueError, match=reason):
            face.wait(getattr(agents, method), name, id, **message)
    assert face.targets == []


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(503, [JSON, ("retry-after", "0")], b"{}"), ServerError),
        (Reply(200, [JSON], b"{", fault=Fault(cut_after=0)), FlueConnectionError),
        (Reply(200, [JSON], dumps({"offset": "-1"})), DurableStreamError),
    ],
    ids=["503", "cut body", "no admission"],
)
@METHODS
@on_both_faces
def test_a_post_is_never_repeated(face, method, reply, kind):
    face.server.script(AGENT, [reply])
    with pytest.raises(kind) as caught:
        call(face, method, "assistant", "rec1", message="hello")
    assert len(face.targets) == 1
    assert face.server.problems == []
    notes = getattr(caught.value, "__notes__", [])
    assert any("if the prompt was admitted" in note for note in notes) == (kind is FlueConnectionError)


@METHODS
@on_both_faces(compare=False)  # a busy machine may not get to sending the request
def test_the_callers_limit_and_signal(face, method):
    face.server.script(AGENT, [Reply(fault=Fault(stall_before_headers=30.0))], repeat_last=True)
    with pytest.raises(FlueTimeoutError, match=r"agent assistant/rec1: no answer within 0.1 s") as late:
        call(face, method, "assistant", "rec1", message="hello", timeout=0.1)
    signal = AbortSignal()
    face.after(1, lambda: signal.abort("enough"))
    with pytest.raises(AbortError) as aborted:
        call(face, method, "assistant", "rec1", message="hello", signal=signal)
    assert aborted.value.reason == "enough"
    for caught in (late, aborted):
        assert any("if the prompt was admitted" in note for note in caught.value.__notes__)


# Streams.


@on_both_faces
def test_no_event_ends_it(face, caplog):
    """The stream waits for the next prompt; the end of a run is unknown here."""
    replies = [
        page(event(0, "idle"), settled(1), next_offset=offset(1)),
        empty_poll(1),
        page(run_end(2), settled(3, submission_id=OTHER), next_offset=offset(3)),
        page(event(4, "idle"), next_offset=offset(4)),
    ]
    face.server.script(AGENT, replies)
    stream = follow(face, backoff_options=EAGER)
    with caplog.at_level(logging.WARNING, logger="flue"):
        events = stream.collect(5)
    assert (events[2].type, events[2].wire_type) == ("unknown", "run_end")
    assert "agent assistant/rec1: an event of" in caplog.text
    assert indexes(events[:2] + events[3:]) == [0, 1, 3, 4]
    assert (stream.offset, stream.closed) == (offset(4), False)
    asked = [(request.first("live"), request.first("offset")) for request in face.server.requests]
    assert asked[1:] == [("long-poll", offset(position)) for position in (1, 1, 3)]
    stream.cancel()
    assert stream.collect() == []


@pytest.mark.parametrize("live", ["long-poll", "sse"])
@on_both_faces(compare=False)  # the second prompt's events come in one batch or in several
def test_a_stream_goes_on_with_the_next_prompt(face, live):
    @face.server.agent("echo")
    def echo(turn):
        turn.text("You said: ")
        turn.text(turn.message)
        return f"You said: {turn.message} ({len(turn.images)} images)"

    answer = call(face, "prompt", "echo", "x/1", message="one", images=[AgentPromptImage(b"\x89PNG", "image/png")])
    assert answer.result.text == "You said: one (1 images)"
    assert answer.stream_url == f"{face.server.base_url}/agents/echo/x%2F1"
    assert call(face, "wait", answer) == answer.result
    stream = follow(face, "echo", "x/1", live=live, timeout=20, backoff_options=EAGER)
    first, second = [stream.next()], []
    while first[-1].type != "submission_settled":
        first.append(stream.next())
    admission = face.wait(face.client.agents.send, "echo", "x/1", message="two")
    while not second or second[-1].type != "submission_settled":
        second.append(stream.next())
    assert [event.type for event in first] == [event.type for event in second]
    assert {event.submission_id for event in second} == {admission.submission_id}
    assert not stream.closed
    # Going on from where the admission says gives the second prompt's events alone.
    assert follow(face, "echo", "x/1", offset=admission.offset, live=False).collect() == second


# From an admission to its settlement.


@on_both_faces
def test_a_recorded_submission(face):
    recorded = recorded_events()
    face.server.script(AGENT, [page(*recorded, next_offset=offset(12))])
    seen = []
    answer = call(face, "wait", admission(face), on_event=seen.append)
    assert isinstance(answer, AgentPromptResponse)
    assert to_json(answer) == recorded[-1]["result"]
    assert answer.usage.total_tokens == 1977
    assert [to_json(told) for told in seen] == recorded
    assert not [told for told in seen if isinstance(told, UnknownEvent)]
    assert face.targets == ["/api/agents/assistant/rec1?offset=-1"]


@on_both_faces
def test_only_the_events_of_the_submission(face):
    """From where the admission says. Prompts of one agent share its stream; events of nobody's prompt are in it too."""
    nobody = event(0, "idle")
    del nobody["submissionId"]
    events = [
        nobody,
        event(1, "idle", submission_id=OTHER),
        event(2, "idle"),
        settled(3, submission_id=OTHER, result="not this one"),
        event(4, "text_delta", text="a"),
        settled(5, result=[1]),
        event(6, "idle"),
    ]
    face.server.script(AGENT, [page(*events, next_offset=offset(6))])
    seen = []
    assert call(face, "wait", admission(face, offset=offset(2)), on_event=seen.append) == [1]
    assert face.targets == [f"/api{AGENT}?offset={offset(2)}"]
    assert [told.event_index for told in seen] == [2, 4, 5]


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        ("failed", {"type": "operation_failed", "message": "the model was told to fail"}),
        ("failed", None),
        ("aborted", None),
    ],
)
@on_both_faces
def test_a_submission_that_did_not_complete(face, outcome, error):
    face.server.script(AGENT, [page(settled(1, outcome, error=error, result=3), next_offset=offset(1))])
    with pytest.raises(FlueExecutionError) as caught:
        call(face, "wait", admission(face))
    raised = caught.value
    assert (raised.target, raised.target_id, raised.failure) == ("agent_submission", SUBMISSION, "failed")
    assert (raised.error, raised.run_id) == (error, None)
    assert ((error or {}).get("message") or "no error was recorded") in str(raised)
    assert raised.__notes__ == [f"the outcome of the submission is {outcome!r}"]


@on_both_faces
def test_a_settlement_that_does_not_fit_its_schema_settles(face, caplog):
    malformed = settled(1, result="here") | {"timestamp": "yesterday"}
    face.server.script(AGENT, [page(malformed, next_offset=offset(1))])
    seen = []
    with caplog.at_level(logging.WARNING, logger="flue"):
        assert call(face, "wait", admission(face), on_event=seen.append) == "here"
    assert [told.type for told in seen] == ["unknown"]
    assert "'submission_settled' event does not fit its schema" in caplog.text


@on_both_faces
def test_a_stream_that_ends_without_the_settlement(face):
    events = event(0, "idle"), settled(1, submission_id=OTHER)
    face.server.script(AGENT, [page(*events, next_offset=offset(1), closed=True)])
    with pytest.raises(FlueExecutionError) as caught:
        call(face, "wait", admission(face))
    assert (caught.value.target, caught.value.failure) == ("agent_submission", "terminal_event_missing")
    assert str(caught.value) == f"Agent submission {SUBMISSION} ended without a terminal event"


# Where the token goes.


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/api/agents/assistant/rec1",
        "https://127.0.0.1:{port}/api/agents/assistant/rec1",
        "http://localhost:{port}/api/agents/assistant/rec1",
        "http://flue.internal/agents/assistant/rec1",
    ],
)
@on_both_faces(client={"token": "secret"})
def test_a_stream_of_another_origin_is_refused(face, url):
    there = url.format(port=face.server.port)
    with pytest.raises(ValueError, match="trust_stream_url=True") as caught:
        face.wait(face.client.agents.wait, admission(face, url=there))
    assert there in str(caught.value)
    assert face.server.base_url in str(caught.value)
    assert face.server.open_connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/agents/assistant/rec1",
        "http://user:password@{host}/agents",
        "http://{host}/agents?offset=3",
        "http://{host}\\@evil.example/agents",
        "http://{host}/a b",
        "http://{host}/\u00fc",
        "http://{host}/a\r\nx: y",
    ],
)
@on_both_faces
def test_a_stream_url_that_is_none(face, url):
    there = url.format(host=f"127.0.0.1:{face.server.port}")
    unlike = attrs.evolve(admission(face), stream_url=there)
    for trust in (False, True):
        with pytest.raises(ValueError, match="not an absolute http") as caught:
            face.wait(face.client.agents.wait, unlike, trust_stream_url=trust)
        assert "password" not in str(caught.value)
    assert face.targets == []


@on_both_faces
def test_a_stream_url_without_a_path(face):
    there = admission(face, url=f"http://127.0.0.1:{face.server.port}")
    with pytest.raises(NotFoundError):
        face.wait(face.client.agents.wait, there)
    assert face.targets == ["/?offset=-1"]


@pytest.mark.parametrize("name", ["submission_id", "stream_url", "offset"])
@on_both_faces
def test_an_admission_of_other_types(face, name):
    with pytest.raises(TypeError, match=f"{name} must be str, not int"):
        face.wait(face.client.agents.wait, attrs.evolve(admission(face), **{name: 7}))


@on_both_faces(token="secret", client={"token": "secret"})
def test_a_stream_of_another_origin_that_the_caller_vouches_for(face):
    with FlueTestServer(token="secret") as inside:
        inside.script(AGENT, [page(settled(0, result="inside"), next_offset=offset(0))])
        there = admission(face, url=f"{inside.base_url}{AGENT}")
        assert face.wait(face.client.agents.wait, there, trust_stream_url=True) == "inside"
        [request] = inside.requests
    assert request.header("authorization") == "Bearer secret"
    assert face.targets == []


@on_both_faces
def test_arguments_of_wait_are_checked_before_any_request(face):
    for options, reason in (({"on_event": 1}, "on_event must be callable"), ({"signal": 1}, "signal must be")):
        with pytest.raises(TypeError, match=reason):
            call(face, "wait", admission(face), **options)
    for given in (None, "submission", {"submissionId": "s"}, WorkflowInvokeResult(run_id="r")):
        with pytest.raises(TypeError, match=r"admission must be what send\(\) or prompt\(\) gave"):
            call(face, "wait", given)
    with pytest.raises(ValueError, match="submission_id is empty"):
        call(face, "wait", admission(face, submission_id=""))
    assert face.targets == []


# What may go wrong on the way.


@on_both_faces
def test_a_stream_that_is_about_to_be_made(face):
    """Flue 1.0 admits a prompt first, and makes the stream of a new agent when it begins to work."""
    missing = refusal(404, "stream_not_found")
    face.server.script(AGENT, [missing, missing, page(settled(0, result=1), next_offset=offset(0))])
    failures = []
    options = attrs.evolve(EAGER, on_failed_attempt=failures.append)
    assert call(face, "wait", admission(face), backoff_options=options) == 1
    assert [(type(failure.error), failure.will_retry) for failure in failures] == [(NotFoundError, True)] * 2


@on_both_faces
def test_an_answer_that_is_here_beats_an_abort(face):
    face.server.script(AGENT, [page(settled(0, result=1), next_offset=offset(0))])
    signal = AbortSignal()
    assert call(face, "wait", admission(face), on_event=lambda told: signal.abort(), signal=signal) == 1
