"""`client.agents.wait`: from an admission to its settlement."""

from __future__ import annotations

import logging

import attrs
import pytest

from flue import (
    AbortSignal,
    AgentPromptResponse,
    FlueExecutionError,
    NotFoundError,
    UnknownEvent,
    WorkflowInvokeResult,
    to_json,
)
from flue.testing import FlueTestServer

from .agent_scenes import (
    AGENT,
    OTHER,
    SUBMISSION,
    admission,
    call,
    event,
    recorded_events,
    refusal,
    settled,
)
from .frames import offset, page
from .harness import EAGER, on_both_faces


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


# Arguments.


@on_both_faces
def test_arguments_are_checked_before_any_request(face):
    for options, reason in (({"on_event": 1}, "on_event must be callable"), ({"signal": 1}, "signal must be")):
        with pytest.raises(TypeError, match=reason):
            call(face, "wait", admission(face), **options)
    for given in (None, "submission", {"submissionId": "s"}, WorkflowInvokeResult(run_id="r")):
        with pytest.raises(TypeError, match=r"admission must be what send\(\) or prompt\(\) gave"):
            call(face, "wait", given)
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
