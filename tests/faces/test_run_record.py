"""`workflows.run` when the stream does not tell the end: the record does, or an error that names the run."""

from __future__ import annotations

import threading
import time

import pytest

from flue import (
    AbortError,
    AbortSignal,
    FlueConnectionError,
    FlueError,
    FlueExecutionError,
    FlueTimeoutError,
    NotFoundError,
    PermissionDeniedError,
    UnsupportedFlueEventVersionError,
)
from flue.testing import Fault, Reply

from .by_hand import CLOSED, FIRST, RECORD, START, admitted, record
from .frames import JSON, RUN, log, offset, page
from .harness import BRIEF, on_both_faces


@on_both_faces
def test_a_stream_that_ends_without_run_end(face):
    """The record tells the result, in three requests."""
    admitted(face, CLOSED, records=[record("completed", isError=False, result=42)])
    assert face.run("report").result == 42
    assert face.targets == [START, FIRST, RECORD]


@on_both_faces
def test_a_record_that_is_written_late(face):
    """Flue writes it after it has closed the stream: while it says `active` it is asked again, shortly after."""
    admitted(face, CLOSED, records=[record("active"), record("active"), record("completed", isError=False, result=1)])
    assert face.run("report").result == 1
    assert face.targets == [START, FIRST, RECORD, RECORD, RECORD]


@on_both_faces
def test_a_record_that_is_never_written(face, monkeypatch):
    """Then nothing says how the run went."""
    monkeypatch.setattr("flue._results.RECORD_POLL_DELAYS", (0.001, 0.001, 0.001))
    admitted(face, CLOSED, records=[record("active")])
    with pytest.raises(FlueExecutionError, match="workflow run run_1 ended without a terminal event") as caught:
        face.run("report")
    assert (caught.value.failure, caught.value.error, caught.value.run_id) == ("terminal_event_missing", None, RUN)
    assert face.targets == [START, FIRST, *[RECORD] * 4]


@on_both_faces(compare=False)
def test_the_limit_holds_for_the_record_too(face, monkeypatch):
    """A pause between two looks does not outlast it. Not compared: how far it got is a matter of time."""
    monkeypatch.setattr("flue._results.RECORD_POLL_DELAYS", (0.001, 20.0))
    admitted(face, CLOSED, records=[record("active")])
    face.events(RUN)  # what a first request costs is not to be part of the limit
    begun = time.monotonic()
    with pytest.raises(FlueTimeoutError) as caught:
        face.run("report", timeout=1.0)
    assert time.monotonic() - begun < 10.0
    assert caught.value.run_id == RUN


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


@on_both_faces
def test_a_workflow_that_does_not_show_its_runs(face):
    """The 404 says what is the matter, and which run was started."""
    face.server.add_workflow("report", lambda _run: 1, runs=False)
    with pytest.raises(NotFoundError) as caught:
        face.run("report")
    (run_id,) = face.server.run_ids
    assert str(caught.value) == (
        f'Flue API error 404 [run_not_found]: Run "{run_id}" was not found. '
        f"(run {run_id} was started, but cannot be read: does workflow 'report' export `runs`?)"
    )
    assert caught.value.run_id == run_id
    assert caught.value.status == 404


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(403, [JSON], b"{}"), PermissionDeniedError),
        (page(log(0, v=2), next_offset=offset(0)), UnsupportedFlueEventVersionError),
        (page(log(0), next_offset=offset(0), fault=Fault(refuse=True)), FlueConnectionError),
    ],
    ids=["403", "version", "refused"],
)
@on_both_faces
def test_every_error_behind_the_start_names_the_run(face, reply, error):
    admitted(face, reply)
    with pytest.raises(error) as caught:
        face.run("report", backoff_options=BRIEF)
    assert caught.value.run_id == RUN


@pytest.mark.parametrize(
    "reply", [Reply(404, [JSON], b"{}"), Reply(500), Reply(200, [JSON], b"null")], ids=["404", "500", "null"]
)
@on_both_faces
def test_a_record_that_cannot_be_read(face, reply):
    admitted(face, CLOSED, records=[reply])
    with pytest.raises(FlueError) as caught:
        face.run("report", backoff_options=BRIEF)
    assert caught.value.run_id == RUN


@on_both_faces
def test_errors_before_the_start_name_none(face):
    with pytest.raises(NotFoundError) as caught:
        face.run("unknown")
    assert caught.value.run_id is None
    assert len(face.targets) == 1
