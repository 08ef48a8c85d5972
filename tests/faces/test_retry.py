"""Failures and what follows: what is asked again, after which pause, how often, and what the caller is told."""

from __future__ import annotations

import logging
import time

import pytest

from flue import (
    BackoffOptions,
    DurableStreamError,
    FlueConnectionError,
    NotFoundError,
    ServerError,
)
from flue.testing import Fault, Reply

from .frames import JSON, RUN, log, logs, offset, page, run_end
from .harness import EAGER, on_both_faces


class Failures:
    """Takes down what `on_failed_attempt` is told; its options pause for next to nothing."""

    def __init__(self, **options):
        self.told = []
        self.options = BackoffOptions(
            **{"initial_delay": 0.001, "max_delay": 0.002, **options}, on_failed_attempt=self.told.append
        )

    def facts(self):
        return [(failure.attempt, failure.offset, failure.will_retry) for failure in self.told]


@on_both_faces
def test_a_pause_is_as_long_as_the_server_asked_for(face):
    """A server that restarts says 503 and comes back."""
    face.server.create_run(run_id=RUN)
    face.server.append(RUN, log(0))
    face.server.faults.add(Fault(status=503, extra_headers=[("Retry-After", "0.2")]))
    begun = time.monotonic()
    assert len(face.events(RUN, backoff_options=EAGER)) == 1
    assert time.monotonic() - begun >= 0.2
    assert ("pause", 0.2, "ServerError") in face.transcript


@on_both_faces
def test_a_port_that_opens_late(face):
    """Refused connections are asked again; the third try finds the door open."""
    failures = []

    def open_up(failure):
        failures.append(failure)
        if len(failures) == 2:
            face.server.resume_listening()

    face.server.create_run(run_id=RUN)
    face.server.finish_run(RUN)
    face.server.pause_listening()
    options = BackoffOptions(initial_delay=0.001, max_delay=0.002, on_failed_attempt=open_up)
    assert len(face.stream(RUN, backoff_options=options).collect()) == 1
    assert [type(failure.error) for failure in failures] == [FlueConnectionError] * 2


@on_both_faces
def test_used_up_retries_raise_the_last_error(face):
    """The notes say how often, for how long, and where to go on."""
    face.server.script(
        RUN, [page(*logs(0, 2), next_offset=offset(1)), *[Reply(500, [JSON], b"{}")] * 3, Reply(503, [JSON], b"{}")]
    )
    failures = Failures(max_retries=3)
    stream = face.stream(RUN, backoff_options=failures.options)
    assert len(stream.collect(2)) == 2
    with pytest.raises(ServerError) as caught:
        stream.next()
    assert caught.value.status == 503
    tries, where = caught.value.__notes__
    assert tries.startswith("gave up after 4 attempts in 0.")
    assert tries.endswith(" s without progress")
    assert where == f"the stream can be resumed from offset '{offset(1)}'"
    assert failures.facts() == [(n, offset(1), n < 4) for n in (1, 2, 3, 4)]
    assert failures.told[-1].delay == 0.0
    assert failures.told[-1].error is caught.value
    with pytest.raises(ServerError) as again:
        stream.next()
    assert again.value is caught.value
    assert (len(face.targets), len(failures.told)) == (5, 4)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(404, [JSON], b"{}"), NotFoundError),
        (Reply(200, [JSON], b"{broken"), DurableStreamError),
    ],
)
@on_both_faces
def test_a_fatal_failure_is_told_too(face, reply, error):
    """Every failed attempt is, the only one included."""
    face.server.script(RUN, [reply] * 2)
    for call in (face.get, face.events):
        failures = Failures()
        with pytest.raises(error) as caught:
            call(RUN, backoff_options=failures.options)
        assert failures.told[0].error is caught.value
        assert (failures.told[0].delay, failures.told[0].attempt, failures.told[0].will_retry) == (0.0, 1, False)
        assert len(failures.told) == 1


@on_both_faces
def test_each_retry_is_logged_at_warning(face, caplog):
    """So that a plain script shows it: attempt, delay, cause, offset, in words and as attributes."""
    caplog.set_level(logging.WARNING)
    face.server.script(RUN, [page(log(0), next_offset=offset(0)), Reply(503), page(run_end(1), next_offset=offset(1))])
    failures = Failures()
    face.stream(RUN, backoff_options=failures.options).collect()
    (record,) = [record for record in caplog.records if record.name == "flue"]
    caplog.clear()
    assert record.levelno == logging.WARNING
    error = f"Flue API error 503: request failed ({face.server.base_url}/runs/run_1)"
    assert record.getMessage() == f"run run_1: attempt 1 failed ({error}); retrying in 0.00 s from offset {offset(0)}"
    facts = (record.flue_attempt, record.flue_delay, record.flue_error, record.flue_offset)
    assert facts == (1, failures.told[0].delay, "ServerError", offset(0))
