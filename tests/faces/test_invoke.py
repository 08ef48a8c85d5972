"""Starting a run: what is sent, once, and what is made of the answer."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import math
import time

import attrs
import pytest

from flue import (
    UNSET,
    DurableStreamError,
    FlueConnectionError,
    FlueTimeoutError,
    LogEvent,
    NotFoundError,
    ServerError,
    Timeouts,
    WorkflowInvokeResult,
    WorkflowWaitResult,
)
from flue.testing import Fault, Reply

from .frames import JSON
from .harness import on_both_faces

NOT_REPEATED = "the request is not retried: whether the server has admitted it is not known"
ACCEPTED = Reply(202, [JSON], b'{"runId":"run_1"}')


@attrs.define
class Point:
    x: int
    label: str | None = None


@dataclasses.dataclass
class Order:
    number: int
    points: list[Point]


class Color(enum.Enum):
    RED = "red"


WHEN = datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("value", "body"),
    [
        (None, b"null"),
        ({"week": 7, "tags": ("a", "b")}, b'{"week":7,"tags":["a","b"]}'),
        ("caf\xe9 \U0001f680 \ud83d", b'"caf\\u00e9 \\ud83d\\ude80 \\ud83d"'),
        ({"color": Color.RED}, b'{"color":"red"}'),
    ],
)
@on_both_faces
def test_input_is_sent_as_json(face, value, body):
    """The body is the bare input; None is JSON `null`."""
    face.server.script("report", [ACCEPTED])
    assert face.invoke("report", input=value) == WorkflowInvokeResult(run_id="run_1")
    (request,) = face.server.requests
    assert (request.method, request.target, request.body) == ("POST", "/api/workflows/report", body)
    assert (request.header("content-type"), request.header("content-length")) == ("application/json", str(len(body)))
    assert request.header("transfer-encoding") is None


@pytest.mark.parametrize("options", [{}, {"input": UNSET}])
@on_both_faces
def test_no_input_is_no_body(face, options):
    """A length of zero and no content type, which is what Flue takes for no input."""
    face.server.script("report", [ACCEPTED])
    face.invoke("report", **options)
    (request,) = face.server.requests
    assert (request.body, request.header("content-length"), request.header("content-type")) == (b"", "0", None)


@on_both_faces
def test_input_that_is_a_model(face):
    """An event that was received can be sent on: it becomes the object of the wire."""
    run_id = face.server.create_run()
    face.server.append(run_id, {"type": "log", "level": "info", "message": "hello"})
    (event,) = face.events(run_id)
    assert isinstance(event, LogEvent)
    face.server.script("report", [ACCEPTED])
    face.invoke("report", input={"event": event})
    assert face.server.requests[-1].json() == {"event": face.server.history(run_id)[0]}


CYCLE = []
CYCLE.append(CYCLE)
DEEP = []
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        CYCLE,
        DEEP,
        object(),
        {"a": test_input_is_sent_as_json},
    ],
    ids=lambda value: type(value).__name__,
)
@on_both_faces
def test_input_that_json_cannot_hold(face, value):
    """Found before anything is sent, and said where."""
    for call in (face.invoke, face.run):
        with pytest.raises(ValueError, match="input"):
            call("report", input=value)
    assert face.targets == []


@on_both_faces
def test_waiting_for_the_result(face):
    face.server.add_workflow("report", lambda run: run.input["n"] + 1)
    face.server.add_workflow("silent", lambda _run: None)
    result = face.invoke("report", input={"n": 41}, wait="result")
    assert result == WorkflowWaitResult(run_id=face.server.run_ids[0], result=42)
    assert face.invoke("silent", wait="result").result is None
    assert face.targets == ["/api/workflows/report?wait=result", "/api/workflows/silent?wait=result"]


@on_both_faces(client={"timeout": Timeouts(connect=2.0, read=0.1)})
def test_a_result_that_is_long_in_coming(face):
    """The caller's limit takes the place of a shorter read time-out; without one, silence is the end."""
    face.server.add_workflow("report", lambda run: run.sleep(0.25))
    with pytest.raises(FlueConnectionError, match="nothing was heard for the read time-out") as caught:
        face.invoke("report", wait="result")
    assert caught.value.__notes__ == [NOT_REPEATED]
    assert face.invoke("report", wait="result", timeout=5.0).result is None
    assert len(face.targets) == 2


@on_both_faces
def test_refusals(face):
    """What Flue answers to each, as an error of its own; a 503 is not asked again."""

    def validate(value):
        if "week" not in value:
            raise ValueError("week is missing")

    face.server.add_workflow("report", lambda _run: 1, validate=validate)
    face.server.add_workflow("plain", lambda _run: 1, accepts_input=False)
    face.server.add_workflow("failing", lambda _run: 1 / 0)
    for name, options, error, kind in (
        ("unknown", {}, NotFoundError, "workflow_not_found"),
        ("report", {"input": {}}, ServerError, "action_input_validation"),
        ("plain", {"input": None}, ServerError, "workflow_input_unexpected"),
        ("failing", {"wait": "result"}, ServerError, "internal_error"),
    ):
        with pytest.raises(error) as caught:
            face.invoke(name, **options)
        assert caught.value.error.type == kind
        assert caught.value.run_id is None
        if kind == "action_input_validation":
            assert caught.value.error.meta["issues"] == [{"message": "week is missing"}]
    face.server.faults.add(Fault(status=503, extra_headers=[("retry-after", "1")]))
    with pytest.raises(ServerError):
        face.invoke("report", input={"week": 7})
    assert len(face.targets) == 5


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(202, [JSON], b"{}"), "PARSE_ERROR"),
        (Reply(202, [JSON], b"{broken"), "PARSE_ERROR"),
        (Reply(204), "UNEXPECTED_STATUS"),
        (Reply(201, [JSON], b'{"runId":"run_1"}'), "UNEXPECTED_STATUS"),
    ],
)
@on_both_faces
def test_answers_that_admit_nothing(face, reply, code):
    face.server.script("report", [reply] * 2)
    for call in (face.invoke, face.run):
        with pytest.raises(DurableStreamError) as caught:
            call("report")
        assert (caught.value.code, caught.value.status) == (code, reply.status)
    assert len(face.targets) == 2


@on_both_faces(compare=False)
def test_time_is_up(face):
    """The limit is overall: heartbeats of the answer do not stretch it. Whether the run was admitted is not known."""
    slow = Fault(trickle=1, trickle_pause=0.02)
    face.server.script("report", [Reply(202, [JSON], b" " * 500, slow)])
    begun = time.monotonic()
    with pytest.raises(FlueTimeoutError, match=r"workflow report: no answer within 0\.2 s") as caught:
        face.invoke("report", timeout=0.2)
    assert 0.2 <= time.monotonic() - begun < 3.0
    assert isinstance(caught.value, TimeoutError)
    assert (caught.value.run_id, caught.value.offset) == (None, None)
