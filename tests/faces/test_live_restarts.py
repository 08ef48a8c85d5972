"""Servers that go and come back, streams that begin in the middle, and the budget for all that fails between."""

from __future__ import annotations

import pytest

from flue import BackoffOptions, NotFoundError
from flue.testing import Fault

from .frames import RUN, indexes, logs, offset
from .harness import EAGER, Face, on_both_faces

LIVES = pytest.mark.parametrize("live", ["long-poll", "sse"])


def started(face: Face, count: int) -> str:
    run_id = face.server.create_run(run_id=RUN)
    face.server.append(run_id, *logs(0, count), raw=True)
    return run_id


@LIVES
@on_both_faces(poll_hold=0.2)
def test_a_restart_of_a_server_that_remembers(face, live):
    """The stream goes on where it was, while the port was closed and with everything that was written meanwhile."""
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
    """404 after data was handed over is the end, and the error says from where one could have gone on."""
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
    """Another one is opened, without a failed attempt."""
    run_id = started(face, 3)
    face.events(run_id)
    face.server.wait_for_connections(0)
    face.events(run_id)
    assert [line for line in face.transcript if line[0] == "pause"] == []
    assert len(face.targets) == 2


@on_both_faces
def test_a_kept_connection_that_the_server_is_just_closing(face):
    """The race is lost: one failed attempt, then on."""
    run_id = started(face, 3)
    face.events(run_id)
    face.server.faults.add(Fault(refuse=True))
    assert len(face.events(run_id, backoff_options=BackoffOptions(initial_delay=0.001, max_retries=1))) == 3
    assert len([line for line in face.transcript if line[0] == "pause"]) == 1
