"""`workflows.invoke` and `workflows.run`: start once, follow, result."""

from __future__ import annotations

import threading
import time

import pytest

from flue import (
    UNSET,
    AbortError,
    AbortSignal,
    BackoffOptions,
    DurableStreamError,
    FlueConnectionError,
    ServerError,
    Timeouts,
    WorkflowInvokeResult,
    WorkflowRunResult,
    WorkflowWaitResult,
)
from flue.testing import Fault, Reply

from .frames import CLOSED, FIRST, NOT_REPEATED, RECORD, RUN, START, admitted, log, offset, page, record, run_end
from .harness import EAGER, on_both_faces


@pytest.mark.parametrize(
    ("value", "body"),
    [
        (None, b"null"),
        ({"week": 7, "tags": ("a", "b")}, b'{"week":7,"tags":["a","b"]}'),
        ("caf\xe9 \U0001f680 \ud83d", b'"caf\\u00e9 \\ud83d\\ude80 \\ud83d"'),
    ],
)
@on_both_faces
def test_input_is_sent_as_json(face, value, body):
    """The body is the bare input; None is JSON `null`."""
    admitted(face)
    assert face.invoke("report", input=value) == WorkflowInvokeResult(run_id=RUN)
    (request,) = face.server.requests
    assert (request.method, request.target, request.body) == ("POST", START, body)
    assert (request.header("content-type"), request.header("content-length")) == ("application/json", str(len(body)))
    assert request.header("transfer-encoding") is None


@pytest.mark.parametrize("options", [{}, {"input": UNSET}])
@on_both_faces
def test_no_input_is_no_body(face, options):
    """A length of zero and no content type, which is what Flue takes for no input."""
    admitted(face)
    face.invoke("report", **options)
    (request,) = face.server.requests
    assert (request.body, request.header("content-length"), request.header("content-type")) == (b"", "0", None)


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


@on_both_faces(compare=False)  # polls depend on who is faster
def test_on_a_server_that_works_on_it(face):
    face.server.add_workflow("report", lambda run: [run.sleep(0.02), run.log("half way")] and run.input["n"] * 2)
    types = []
    assert face.run("report", input={"n": 21}, on_event=lambda event: types.append(event.type)).result == 42
    assert types == ["run_start", "log", "run_end"]


@on_both_faces
def test_failures_on_the_way(face):
    """The start is sent once, reads are asked again, as the options say."""
    last = page(run_end(1), next_offset=offset(1))
    cut = page(run_end(1), next_offset=offset(1), fault=Fault(cut_after=30))
    admitted(face, Reply(503), page(log(0), next_offset=offset(0)), Reply(502), cut, last)
    assert face.run("report", backoff_options=EAGER).result == 42
    assert [request.method for request in face.server.requests] == ["POST"] + ["GET"] * 5


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"on_event": "print"}, TypeError),
        ({"signal": object()}, TypeError),
        ({"backoff_options": {"max_retries": 1}}, TypeError),
        ({"timeout": 0}, ValueError),
    ],
)
@on_both_faces
def test_arguments_are_checked_before_the_start(face, options, error):
    with pytest.raises(error, match=next(iter(options))):
        face.run("report", **options)
    assert face.targets == []


# The stream does not tell the end: the record does, or an error that names the run.


@on_both_faces
def test_a_record_that_is_written_late(face):
    """Flue writes it after it has closed the stream: while it says `active` it is asked again, shortly after."""
    admitted(face, CLOSED, records=[record("active"), record("active"), record("completed", isError=False, result=1)])
    assert face.run("report").result == 1
    assert face.targets == [START, FIRST, RECORD, RECORD, RECORD]


@on_both_faces(compare=False)
def test_a_signal_while_the_record_is_awaited(face, monkeypatch):
    """It is an abort, also where the limit would have cut that pause short."""
    monkeypatch.setattr("flue._results.RECORD_POLL_DELAYS", (20.0,))
    admitted(face, CLOSED, records=[record("active")])
    signal = AbortSignal()
    # A moment after the record was asked for, so that its answer is here and the pause has begun.
    aborting = threading.Timer(
        0.0, lambda: (face.server.wait_for_requests(3), time.sleep(0.05), signal.abort("enough"))
    )
    aborting.start()
    with pytest.raises(AbortError) as caught:
        face.run("report", signal=signal, timeout=10.0)
    aborting.join()
    assert (caught.value.run_id, caught.value.reason) == (RUN, "enough")


@pytest.mark.parametrize("where", ["stream", "record"])
@on_both_faces
def test_failed_reads_are_repeated_as_the_options_say(face, where):
    admitted(face, CLOSED if where == "record" else Reply(503), records=[Reply(503)])
    told = []
    options = BackoffOptions(initial_delay=0.001, max_retries=2, on_failed_attempt=told.append)
    with pytest.raises(ServerError) as caught:
        face.run("report", backoff_options=options)
    assert caught.value.run_id == RUN
    assert len(told) == 3
    assert face.targets[-3:] == [FIRST if where == "stream" else RECORD] * 3


@pytest.mark.parametrize("run_id", ["", ".", ".."])
@on_both_faces
def test_an_admission_without_a_run(face, run_id):
    """The server's fault, not an argument's: nobody could ask for such a run."""
    admitted(face, run_id=run_id)
    with pytest.raises(DurableStreamError, match="PARSE_ERROR: the response does not fit: runId must not be"):
        face.run("report")
    assert face.targets == [START]
