"""What events say, and when they end a stream."""

from __future__ import annotations

import pytest

from flue import FlueExecutionError, UnsupportedFlueEventVersionError
from flue.testing import Reply

from .frames import JSON, RUN, control, data, dumps, indexes, log, logs, offset, page, run_end, sse
from .harness import Face, on_both_faces

WITHOUT_V = {key: value for key, value in log(2).items() if key != "v"}
BAD = {
    "missing": (WITHOUT_V, None),
    "4": (log(2, v=4), 4),
    "a list": ([log(2)], None),
}


@pytest.mark.parametrize("live", [False, "long-poll", "sse"])
@pytest.mark.parametrize("kind", BAD)
@on_both_faces
def test_an_event_of_another_version(face, kind, live):
    """What stands before it in its batch is handed over, the checkpoint stays before the batch, the error stays."""
    bad, received = BAD[kind]
    if live == "sse":
        face.server.script(RUN, [sse(data(log(0)), control(0), data(log(1), bad, log(3)), control(3))])
    else:
        first = page(log(0), next_offset=offset(0), up_to_date=False)
        face.server.script(RUN, [first, page(log(1), bad, log(3), next_offset=offset(3))])
    stream = face.stream(RUN, live=live)
    assert indexes(stream.collect(2)) == [0, 1]
    asked = len(face.targets)
    for _ in range(2):
        with pytest.raises(UnsupportedFlueEventVersionError) as caught:
            stream.next()
        assert (caught.value.received, caught.value.supported, stream.offset) == (received, 3, offset(0))
    assert len(face.targets) == asked


@on_both_faces
def test_indexes_with_gaps_and_a_run_taken_up_again(face):
    """An index is not an offset, and `run_resume` may come first."""
    wire = [log(7, type="run_resume"), log(9), log(9), log(4)]
    face.server.script(RUN, [page(*wire, next_offset=offset(3), closed=True)])
    assert indexes(face.events(RUN)) == [7, 9, 9, 4]


@pytest.mark.parametrize("error", [None, [1], {"name": "TypeError", "message": "no"}])
@on_both_faces
def test_results_and_errors_of_any_kind(face, error):
    """A success may result in null, an error may be any JSON value."""
    start_run(face)
    end = run_end(0, isError=True, result=None, error=error)
    face.server.script(f"/runs/{RUN}", [page(end, next_offset=offset(0), closed=True)])
    with pytest.raises(FlueExecutionError) as caught:
        face.run("report")
    assert (caught.value.error, caught.value.failure, caught.value.run_id) == (error, "failed", RUN)


@on_both_faces
def test_a_result_of_null(face):
    start_run(face)
    face.server.script(f"/runs/{RUN}", [page(run_end(0, result=None), next_offset=offset(0), closed=True)])
    assert face.run("report").result is None


@on_both_faces
def test_the_end_of_another_run(face):
    """It does not end the run that is followed; a bare stream ends there only if nothing more is known."""
    start_run(face)
    replies = [page(run_end(0, runId="run_2"), next_offset=offset(0)), page(run_end(1), next_offset=offset(1))]
    face.server.script(f"/runs/{RUN}", replies)
    seen = []
    assert face.run("report", on_event=seen.append).result == 42
    assert [event.run_id for event in seen] == ["run_2", RUN]


@pytest.mark.parametrize("live", ["long-poll", "sse"])
@on_both_faces
def test_run_end_ends_a_stream_that_is_never_closed(face, live):
    """NeedData follows it, so nobody waits for the close; the connection is given up."""
    run_id = face.server.create_run(run_id=RUN)
    face.server.append(run_id, *logs(0, 2), run_end(2), raw=True)
    stream = face.stream(run_id, live=live)
    assert indexes(stream.collect()) == [0, 1, 2]
    assert (stream.closed, stream.offset) == (True, offset(2))
    assert stream.collect() == []
    stream.close()
    face.idle()
    assert len(face.targets) == 1


def start_run(face: Face) -> None:
    """Let the workflow `report` be admitted as the run."""
    face.server.script("/workflows/report", [Reply(202, [JSON], dumps({"runId": RUN}))])
