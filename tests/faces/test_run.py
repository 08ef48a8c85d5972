"""`workflows.run`: start, follow, result."""

from __future__ import annotations

import pytest

from flue import (
    AbortError,
    AbortSignal,
    BackoffOptions,
    DurableStreamError,
    FlueExecutionError,
    FlueTimeoutError,
    ServerError,
    WorkflowRunResult,
)
from flue.testing import Fault, Reply

from .by_hand import FIRST, START, admitted
from .frames import JSON, RUN, dumps, log, offset, page, run_end
from .harness import EAGER, on_both_faces


@on_both_faces
def test_start_follow_result(face):
    """The start, then the stream; every event goes to the handler, in order; nothing is asked behind `run_end`."""
    admitted(
        face, page(log(0), log(1), next_offset=offset(1)), page(run_end(2, result={"a": 1}), next_offset=offset(2))
    )
    seen = []
    result = face.run("report", input={"week": 7}, on_event=lambda event: seen.append((event.type, event.event_index)))
    assert result == WorkflowRunResult(run_id=RUN, result={"a": 1})
    assert seen == [("log", 0), ("log", 1), ("run_end", 2)]
    assert face.targets == [START, FIRST, f"/api/runs/run_1?live=long-poll&offset={offset(1)}"]
    assert face.server.requests[0].body == b'{"week":7}'


@pytest.mark.parametrize("run_id", ["", ".", ".."])
@on_both_faces
def test_an_admission_without_a_run(face, run_id):
    """The server's fault, not an argument's: nobody could ask for such a run."""
    face.server.script("workflows/report", [Reply(202, [JSON], dumps({"runId": run_id}))])
    with pytest.raises(DurableStreamError, match="PARSE_ERROR: the response does not fit: runId must not be"):
        face.run("report")
    assert face.targets == [START]


@on_both_faces(compare=False)
def test_on_a_server_that_works_on_it(face):
    """Real runs, one with a result, one without, one that takes a while.

    Not compared: polls depend on who is faster.
    """
    face.server.add_workflow("report", lambda run: run.log("half way") or {"n": run.input["n"] * 2})
    face.server.add_workflow("nothing", lambda _run: None)
    face.server.add_workflow("slow", lambda run: [run.sleep(0.05), run.log("a"), run.sleep(0.05)] and "done")
    types = []
    assert face.run("report", input={"n": 21}, on_event=lambda event: types.append(event.type)).result == {"n": 42}
    assert types == ["run_start", "log", "run_end"]
    assert face.run("nothing").result is None
    assert face.run("slow", timeout=5.0).result == "done"


@on_both_faces
def test_a_run_that_fails(face):
    error = {"name": "TypeError", "message": "week must be a number", "stack": "..."}
    admitted(face, page(run_end(0, isError=True, result=None, error=error), next_offset=offset(0)))
    with pytest.raises(FlueExecutionError) as caught:
        face.run("report")
    failed = caught.value
    assert str(failed) == "workflow run run_1 failed: TypeError: week must be a number"
    assert (failed.target, failed.target_id, failed.run_id) == ("workflow_run", RUN, RUN)
    assert (failed.failure, failed.error) == ("failed", error)
    assert face.targets == [START, FIRST]


@on_both_faces
def test_failures_on_the_way(face):
    """The start is sent once, reads are asked again."""
    last = page(run_end(1), next_offset=offset(1))
    cut = page(run_end(1), next_offset=offset(1), fault=Fault(cut_after=30))
    admitted(face, Reply(503), page(log(0), next_offset=offset(0)), Reply(502), cut, last)
    assert face.run("report", backoff_options=EAGER).result == 42
    assert [request.method for request in face.server.requests] == ["POST"] + ["GET"] * 5


@on_both_faces(compare=False)
def test_a_handler_that_raises(face):
    """It ends the call with its own exception, not the run.

    Not compared: who is faster decides about polls.
    """

    def handle(event):
        raise LookupError(event.type)

    face.server.add_workflow("report", lambda run: run.sleep(0.01))
    with pytest.raises(LookupError, match="run_start"):
        face.run("report", on_event=handle)
    (run_id,) = face.server.run_ids
    assert [event.type for event in face.stream(run_id).collect()] == ["run_start", "run_end"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"on_event": "print"}, TypeError),
        ({"signal": object()}, TypeError),
        ({"backoff_options": {"max_retries": 1}}, TypeError),
        ({"timeout": 0}, ValueError),
        ({"timeout": "5"}, TypeError),
    ],
)
@on_both_faces
def test_arguments_are_checked_before_the_start(face, options, error):
    with pytest.raises(error, match=next(iter(options))):
        face.run("report", **options)
    assert face.targets == []


@on_both_faces(compare=False)
def test_handlers_that_are_coroutines(face):
    """Awaited one by one by the asyncio client; the blocking one refuses them before it starts anything."""
    seen = []

    async def handle(event):
        seen.append(event.event_index)

    admitted(face, page(log(0), run_end(1), next_offset=offset(1)))
    if face.is_async:
        face.run("report", on_event=handle)
        assert seen == [0, 1]
        return
    with pytest.raises(TypeError, match="an async on_event needs AsyncFlueClient"):
        face.run("report", on_event=handle)
    assert face.targets == []


@on_both_faces(compare=False)
def test_the_callers_limit_and_signal(face):
    """The run goes on; the error says which, and from where it can be followed."""
    face.server.add_workflow("endless", lambda run: run.sleep(60))
    face.get(face.server.create_run(run_id=RUN))  # what a first request costs is not to be part of the limit
    with pytest.raises(FlueTimeoutError) as caught:
        face.run("endless", timeout=1.0)
    assert (caught.value.run_id, caught.value.offset) == (face.server.run_ids[1], offset(0))
    signal = AbortSignal()
    with pytest.raises(AbortError) as aborted:
        face.run("endless", signal=signal, on_event=lambda _event: signal.abort("enough"))
    assert (aborted.value.run_id, aborted.value.reason) == (face.server.run_ids[2], "enough")
    assert [face.server.history(run_id)[-1]["type"] for run_id in face.server.run_ids[1:]] == ["run_start"] * 2


@on_both_faces
def test_options_go_to_the_reads(face):
    admitted(face, Reply(503))
    told = []
    options = BackoffOptions(initial_delay=0.001, max_retries=2, on_failed_attempt=told.append)
    with pytest.raises(ServerError):
        face.run("report", backoff_options=options)
    assert len(told) == 3
    assert face.targets == [START, FIRST, FIRST, FIRST]
