"""What events say, and when they end a stream."""

from __future__ import annotations

import logging

import pytest

from flue import DurableStreamError, FlueExecutionError, UnsupportedFlueEventVersionError, to_json
from flue.models import LogEvent, RunEndEvent, UnknownEvent
from flue.testing import Reply

from .frames import JSON, RUN, control, data, dumps, empty_poll, indexes, log, logs, offset, page, run_end, sse
from .harness import Face, on_both_faces

WITHOUT_V = {key: value for key, value in log(2).items() if key != "v"}
BAD = {
    "missing": (WITHOUT_V, None),
    "1": (log(2, v=1), 1),
    "2": (log(2, v=2), 2),
    "4": (log(2, v=4), 4),
    "text": (log(2, v="3"), "3"),
    "true": (log(2, v=True), True),
    "null": (log(2, v=None), None),
    "a list": ([log(2)], None),
    "a number": (3, None),
    "nothing": (None, None),
}


@pytest.mark.parametrize("live", [False, "long-poll", "sse"])
@pytest.mark.parametrize("kind", BAD)
@on_both_faces
def test_an_event_of_another_version(face, kind, live):
    """Edge cases 109, 110, 111.

    What stands before it in its batch is handed over, the checkpoint stays before the batch, the error stays.
    """
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
def test_a_version_written_as_a_fraction(face):
    """Edge case 109. In JSON, 3.0 is 3."""
    face.server.script(RUN, [page(log(0, v=3.0), next_offset=offset(0), closed=True)])
    assert indexes(face.events(RUN)) == [0]


@on_both_faces
def test_an_event_that_no_parser_can_hold(face):
    """Edge case 111. Deep nesting and thousands of digits are legal JSON: a clear error when that event is asked for."""
    hostile = [b"[" * 200_000 + b"]" * 200_000, b"1" * 5000]
    headers = [JSON, ("stream-next-offset", offset(1)), ("stream-closed", "true")]
    bodies = [b"[" + dumps(log(0)) + b',{"v":3,"type":"log","x":' + text + b"}]" for text in hostile]
    face.server.script(RUN, [Reply(200, headers, body) for body in bodies])
    for _ in hostile:
        stream = face.stream(RUN, live=False)
        with pytest.raises(DurableStreamError) as caught:
            stream.collect()
        assert (caught.value.code, stream.offset) == ("PARSE_ERROR", "-1")


@on_both_faces
def test_an_event_of_an_unknown_type(face, caplog):
    """Edge case 112. It arrives, and is logged once for its type."""
    caplog.clear()
    news = [log(index, type="news", headline="x") for index in range(3)]
    face.server.script(RUN, [page(*news, run_end(3), next_offset=offset(3), closed=True)])
    with caplog.at_level(logging.WARNING, "flue"):
        events = face.stream(RUN).collect()
    assert [type(event) for event in events] == [UnknownEvent] * 3 + [RunEndEvent]
    assert (events[0].wire_type, events[0].raw, to_json(events[1])) == ("news", news[0], news[1])
    assert [record.name for record in caplog.records if record.levelname == "WARNING"] == ["flue"]


@on_both_faces
def test_fields_that_are_new_or_missing(face):
    """Edge case 113.

    What the wire has is kept, what it lacks is None; what does not fit its schema never ends a stream.
    """
    wire = [log(0, tomorrow={"a": [1]}), log(1), log(2, level=7)]
    del wire[1]["runId"]
    face.server.script(RUN, [page(*wire, next_offset=offset(2), closed=True)])
    events = face.events(RUN)
    assert [type(event) for event in events] == [LogEvent, LogEvent, UnknownEvent]
    assert [to_json(event) for event in events] == wire
    assert events[1].run_id is None
    assert events[2].problem


@on_both_faces
def test_indexes_with_gaps_and_a_run_taken_up_again(face):
    """Edge cases 114, 115. An index is not an offset, and `run_resume` may come first."""
    wire = [log(7, type="run_resume"), log(9), log(9), log(4)]
    face.server.script(RUN, [page(*wire, next_offset=offset(3), closed=True)])
    assert indexes(face.events(RUN)) == [7, 9, 9, 4]


@pytest.mark.parametrize("error", [None, "text", 7, [1], {"name": "TypeError", "message": "no"}, False])
@on_both_faces
def test_results_and_errors_of_any_kind(face, error):
    """Edge case 116. A success may result in null, an error may be any JSON value."""
    start_run(face)
    end = run_end(0, isError=True, result=None, error=error)
    face.server.script(f"/runs/{RUN}", [page(end, next_offset=offset(0), closed=True)])
    with pytest.raises(FlueExecutionError) as caught:
        face.run("report")
    assert (caught.value.error, caught.value.failure, caught.value.run_id) == (error, "failed", RUN)


@on_both_faces
def test_a_result_of_null(face):
    """Edge case 116."""
    start_run(face)
    face.server.script(f"/runs/{RUN}", [page(run_end(0, result=None), next_offset=offset(0), closed=True)])
    assert face.run("report").result is None


@on_both_faces
def test_an_end_without_run_end(face):
    """Edge case 117. The record says how it went; while it still says `active` it is asked again, for a moment."""
    run_id = face.server.create_run(run_id=RUN)
    start_run(face)
    face.server.close_run(run_id)
    face.server.faults.add(lambda _: face.server.complete_record(run_id, result=7), path="meta", after=2)
    assert face.run("report").result == 7
    assert [target.rpartition("?")[2] for target in face.targets[1:]] == ["offset=-1", "meta", "meta", "meta"]


@on_both_faces
def test_the_end_of_another_run(face):
    """Edge case 118.

    It does not end the run that is followed; a bare stream ends there only if nothing more is known.
    """
    start_run(face)
    replies = [page(run_end(0, runId="run_2"), next_offset=offset(0)), page(run_end(1), next_offset=offset(1))]
    face.server.script(f"/runs/{RUN}", replies)
    seen = []
    assert face.run("report", on_event=seen.append).result == 42
    assert [event.run_id for event in seen] == ["run_2", RUN]


@pytest.mark.parametrize("live", ["long-poll", "sse"])
@on_both_faces
def test_run_end_ends_a_stream_that_is_never_closed(face, live):
    """Edge case 119. NeedData follows it, so nobody waits for the close; the connection is given up."""
    run_id = face.server.create_run(run_id=RUN)
    face.server.append(run_id, *logs(0, 2), run_end(2), raw=True)
    stream = face.stream(run_id, live=live)
    assert indexes(stream.collect()) == [0, 1, 2]
    assert (stream.closed, stream.offset) == (True, offset(2))
    assert stream.collect() == []
    stream.close()
    face.idle()
    assert len(face.targets) == 1


@on_both_faces
def test_a_close_that_comes_alone(face):
    """Edge case 119. Closed without `run_end`: the end of the stream, after one look whether the 204 said the truth."""
    replies = [
        page(log(0), next_offset=offset(0)),
        empty_poll(0, closed=True),
        page(next_offset=offset(0), closed=True),
    ]
    face.server.script(RUN, replies)
    stream = face.stream(RUN)
    assert indexes(stream.collect()) == [0]
    assert (stream.closed, len(face.targets)) == (True, 3)


def start_run(face: Face) -> None:
    """Let the workflow `report` be admitted as the run."""
    face.server.script("/workflows/report", [Reply(202, [JSON], dumps({"runId": RUN}))])
