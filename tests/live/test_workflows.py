"""Starting workflows: what the server answers, and the record that is left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import flue

if TYPE_CHECKING:
    from .faces import Face
    from .server import LiveServer

pytestmark = pytest.mark.live


def test_invoke_answers_while_the_run_goes_on(client: Face, server: LiveServer) -> None:
    started = client.call("workflows.invoke", "ticks", input={"count": 1, "gate": f"invoke-{client.name}"})
    record = client.call("runs.get", started.run_id)
    assert (record.run_id, record.workflow_name, record.status) == (started.run_id, "ticks", "active")
    assert record.ended_at is None
    server.open_gate(f"invoke-{client.name}-0")
    assert client.read("runs.stream", started.run_id, timeout=20).types[-1] == "run_end"


def test_invoke_and_wait_for_the_result(client: Face, server: LiveServer) -> None:
    finished = client.call("workflows.invoke", "ticks", input={"count": 3}, wait="result")
    assert finished.result == {"ticks": 3}
    record = client.call("runs.get", finished.run_id)
    assert (record.status, record.is_error, record.result) == ("completed", False, {"ticks": 3})
    assert record.duration_ms >= 0
    assert datetime.now(UTC) - timedelta(minutes=5) < record.started_at <= record.ended_at
    assert flue.to_json(record) == server.request("GET", f"/runs/{finished.run_id}?meta").json


def test_no_input_is_no_body(client: Face) -> None:
    finished = client.call("workflows.invoke", "noinput", wait="result")
    assert finished.result is None
    start, log, end = client.call("runs.events", finished.run_id)
    assert [event.type for event in (start, log, end)] == ["run_start", "log", "run_end"]
    assert "input" not in flue.to_json(start)


@pytest.mark.parametrize(
    ("workflow", "options", "kind"),
    [
        ("nope", {}, "workflow_not_found"),
        ("noinput", {"input": None}, "workflow_input_unexpected"),  # the body null, not no body
        ("ticks", {"input": {"bad": 2}}, "action_input_validation"),
        ("failing", {"wait": "result"}, "internal_error"),
    ],
)
def test_what_is_refused_or_fails_while_waited_for(client: Face, workflow: str, options: Any, kind: str) -> None:
    error = flue.NotFoundError if workflow == "nope" else flue.ServerError
    with pytest.raises(error, match=rf"^Flue API error \d+ \[{kind}\]: ") as caught:
        client.call("workflows.invoke", workflow, **options)
    assert caught.value.error.type == kind
    if workflow == "ticks":
        assert [issue["path"] for issue in caught.value.error.meta["issues"]] == [["count"]]


def test_a_workflow_that_fails_on_its_own(client: Face) -> None:
    started = client.call("workflows.invoke", "failing")
    reading = client.read("runs.stream", started.run_id, timeout=20)
    assert reading.types == ["run_start", "log", "run_end"]
    end = reading.events[-1]
    assert (end.is_error, end.result) == (True, None)
    record = client.call("runs.get", started.run_id)
    assert (record.status, record.is_error) == ("errored", True)
    assert record.error == end.error == {"name": "Error", "message": "asked to fail"}


def test_run_follows_to_the_result(client: Face) -> None:
    seen = []
    finished = client.call("workflows.run", "ticks", input={"count": 120}, on_event=seen.append, timeout=20)
    assert finished.result == {"ticks": 120}
    assert [event.type for event in seen] == ["run_start", *["log"] * 120, "run_end"]
    assert {event.run_id for event in seen} == {finished.run_id}


def test_run_of_a_failing_workflow(client: Face) -> None:
    with pytest.raises(flue.FlueExecutionError) as caught:
        client.call("workflows.run", "failing", timeout=20)
    error = caught.value
    assert error.failure == "failed"
    assert error.error == {"name": "Error", "message": "asked to fail"}
    assert client.call("runs.get", error.run_id).status == "errored"
