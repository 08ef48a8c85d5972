"""Servers that go and come back, streams that begin in the middle, and the budget for all that fails between."""

from __future__ import annotations

import logging

import pytest

from flue import BackoffOptions, FlueConnectionError, NotFoundError, ServerError, Timeouts
from flue.testing import Fault

from .frames import RUN, control, data, empty_poll, indexes, log, logs, offset, page, run_end, sse
from .harness import BRIEF, EAGER, Face, on_both_faces

LIVES = pytest.mark.parametrize("live", ["long-poll", "sse"])


def started(face: Face, count: int) -> str:
    run_id = face.server.create_run(run_id=RUN)
    face.server.append(run_id, *logs(0, count), raw=True)
    return run_id


def parameters(face: Face) -> list[dict[str, str]]:
    """What each request said, the cursor left out."""
    return [{key: value for key, value in request.query if key != "cursor"} for request in face.server.requests]


@LIVES
@on_both_faces(poll_hold=0.2)
def test_a_restart_of_a_server_that_remembers(face, live):
    """Edge case 102.

    The stream goes on where it was, while the port was closed and with everything that was written meanwhile.
    """
    run_id = started(face, 3)
    stream = face.stream(run_id, live=live, backoff_options=EAGER)
    assert indexes(stream.collect(3)) == [0, 1, 2]
    face.server.restart()
    face.server.append(run_id, *logs(3, 5), raw=True)
    assert indexes(stream.collect(2)) == [3, 4]
    face.server.stop()
    face.server.finish_run(run_id)
    face.server.start()
    assert indexes(stream.collect()) == [5]


@LIVES
@on_both_faces(poll_hold=0.2)
def test_a_restart_of_a_server_that_forgets(face, live):
    """Edge case 103. 404 after data was handed over is the end, and the error says from where one could have gone on."""
    run_id = started(face, 3)
    stream = face.stream(run_id, live=live, backoff_options=EAGER)
    stream.collect(3)
    face.server.restart(lose_state=True)
    with pytest.raises(NotFoundError) as caught:
        stream.next()
    assert f"the stream can be resumed from offset {offset(2)!r}" in caught.value.__notes__
    assert (caught.value.error.type, stream.offset, stream.closed) == ("run_not_found", offset(2), False)


@on_both_faces(keep_alive=0.05)
def test_a_kept_connection_that_the_server_closed(face):
    """Edge case 104. Another one is opened, without a failed attempt."""
    run_id = started(face, 3)
    face.events(run_id)
    face.server.wait_for_connections(0)
    face.events(run_id)
    assert [line for line in face.transcript if line[0] == "pause"] == []
    assert len(face.targets) == 2


@on_both_faces
def test_a_kept_connection_that_the_server_is_just_closing(face):
    """Edge case 104. The race is lost: one failed attempt, then on."""
    run_id = started(face, 3)
    face.events(run_id)
    face.server.faults.add(Fault(refuse=True))
    assert len(face.events(run_id, backoff_options=BackoffOptions(initial_delay=0.001, max_retries=1))) == 3
    assert len([line for line in face.transcript if line[0] == "pause"]) == 1


@LIVES
@on_both_faces(poll_hold=0.05)
def test_now_is_asked_until_it_is_answered_and_never_again(face, live):
    """Edge case 105. One plain read gives the concrete offset; the live reads begin there, also after failures."""
    run_id = started(face, 3)
    face.server.faults.add(Fault(refuse=True))
    face.server.faults.add(Fault(status=503), times=2)
    face.server.faults.add(Fault(cut_after=1), live=True)
    stream = face.stream(run_id, offset="now", live=live, backoff_options=EAGER)
    face.server.faults.add(lambda _: face.server.append(run_id, *logs(3, 5), raw=True), live=True)
    assert indexes(stream.collect(2)) == [3, 4]
    asked = parameters(face)
    assert asked[:4] == [{"offset": "now"}] * 4
    assert asked[4:] == [{"offset": offset(2), "live": live}] * (len(asked) - 4)


@LIVES
@on_both_faces(poll_hold=0.05)
def test_tail_is_asked_with_the_start_only(face, live):
    """Edge case 106. It is pinned by one plain read, and not repeated.

    With a concrete offset it would mean nothing, and with one that is still the start it would skip a burst of more
    than so many events.
    """
    run_id = started(face, 10)
    face.server.faults.add(Fault(cut_after=20))
    stream = face.stream(run_id, tail=4, live=live, backoff_options=EAGER)
    assert indexes(stream.collect(4)) == [6, 7, 8, 9]
    face.server.append(run_id, *logs(10, 20), raw=True)
    assert indexes(stream.collect(10)) == list(range(10, 20))
    asked = parameters(face)
    assert asked[:2] == [{"offset": "-1", "tail": "4"}] * 2
    assert asked[2:] == [{"offset": entry["offset"], "live": live} for entry in asked[2:]]


@LIVES
@on_both_faces
def test_tail_of_an_empty_stream_skips_nothing(face, live):
    """Edge case 106. The offset is still the start when the burst comes: it must not be cut to its last events."""
    run_id = started(face, 0)
    face.server.faults.add(lambda _: face.server.append(run_id, *logs(0, 10), raw=True), live=True)
    stream = face.stream(run_id, tail=2, live=live)
    assert indexes(stream.collect(10)) == list(range(10))
    assert parameters(face) == [{"offset": "-1", "tail": "2"}, {"offset": "-1", "live": live}]


@on_both_faces
def test_headers_are_not_progress(face):
    """Edge case 107. A body that fails behind good headers every time uses the budget up."""
    run_id = started(face, 3)
    face.server.faults.add(Fault(cut_after=5), times=None)
    with pytest.raises(FlueConnectionError) as caught:
        face.events(run_id, backoff_options=BRIEF)
    assert len(face.targets) == 4
    assert caught.value.__notes__[0].startswith("gave up after 4 attempts in ")


@on_both_faces
def test_an_event_connection_without_a_control_frame_is_no_progress(face):
    """Edge case 107."""
    face.server.script(RUN, [sse(data(log(0)), fault=Fault(end="reset"))], repeat_last=True)
    with pytest.raises(FlueConnectionError):
        face.stream(RUN, live="sse", backoff_options=BackoffOptions(initial_delay=0.001, max_retries=1)).next()
    assert len(face.targets) == 2


@pytest.mark.parametrize(
    "progress",
    [
        [page(log(0), next_offset=offset(0))],
        [page(next_offset=offset(0))],
        [page(next_offset="-1"), empty_poll(-1)],
    ],
    ids=["an event", "an offset", "a poll"],
)
@on_both_faces
def test_what_counts_as_progress(face, progress):
    """Edge case 107. The budget is full again after each: two failures before it and two after it, with two to spend."""
    face.server.faults.add(Fault(status=502), times=2)
    face.server.faults.add(Fault(status=502), times=2, after=len(progress))
    face.server.script(RUN, [*progress, page(run_end(1), next_offset=offset(1), closed=True)])
    options = BackoffOptions(initial_delay=0.001, max_delay=0.002, max_retries=2)
    assert face.stream(RUN, backoff_options=options).collect()[-1].type == "run_end"


@on_both_faces
def test_a_control_frame_is_progress(face):
    """Edge case 107. Connections that bring nothing but a new offset may break for ever."""
    frames = [sse(control(n, upToDate=True), fault=Fault(end="reset")) for n in range(3)]
    face.server.script(RUN, [*frames, sse(data(run_end(3)), control(3, streamClosed=True))])
    options = BackoffOptions(initial_delay=0.001, max_retries=1)
    assert indexes(face.stream(RUN, live="sse", backoff_options=options).collect()) == [3]


@on_both_faces
def test_a_stream_that_has_been_read_from_gives_up_only_when_told(face):
    """Edge case 107. With the default options it goes on; a limit that the caller gave holds."""
    run_id = started(face, 1)
    stream = face.stream(run_id, backoff_options=BRIEF)
    stream.next()
    face.server.faults.add(Fault(status=500), times=None)
    with pytest.raises(ServerError) as caught:
        stream.next()
    assert f"the stream can be resumed from offset {offset(0)!r}" in caught.value.__notes__
    assert len(face.targets) == 5


@on_both_faces(client={"timeout": Timeouts(connect=2.0, read=0.12)}, compare=False)
def test_a_poll_that_is_held_longer_than_the_reader_is_patient(face, caplog):
    """Edge case 80. Silence while waiting for headers is asked again, and is no error to the caller.

    However often it happens. The pauses depend on how long the silences were measured to be.
    """
    run_id = started(face, 1)
    options = BackoffOptions(initial_delay=0.001, max_delay=0.002, max_retries=3)
    stream = face.stream(run_id, backoff_options=options)
    stream.next()
    with caplog.at_level(logging.WARNING, "flue"):
        face.server.faults.add(lambda _: face.server.finish_run(run_id), live="long-poll", after=2)
        assert stream.next().type == "run_end"
    assert "nothing was heard for the read time-out" in caplog.text
