"""Failures and what follows: what is asked again, after which pause, how often, and what the caller is told."""

from __future__ import annotations

import logging
import time
from email.utils import formatdate

import pytest

from flue import (
    BackoffOptions,
    DurableStreamError,
    FlueConnectionError,
    FlueError,
    NotFoundError,
    RateLimitedError,
    ServerError,
)
from flue.testing import Fault, Reply

from .frames import JSON, RUN, log, logs, offset, page, run_end
from .harness import BRIEF, EAGER, on_both_faces


class Failures:
    """Takes down what `on_failed_attempt` is told; its options pause for next to nothing."""

    def __init__(self, **options):
        self.told = []
        self.options = BackoffOptions(
            **{"initial_delay": 0.001, "max_delay": 0.002, **options}, on_failed_attempt=self.told.append
        )

    def facts(self):
        return [(failure.attempt, failure.offset, failure.will_retry) for failure in self.told]


class StopHereError(Exception):
    """Raised by a callback that has seen enough."""


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("2", 2.0, 2.0),
        ("0.25", 0.25, 0.25),
        ("3600", 3600.0, 3600.0),
        ("86400", 3600.0, 3600.0),
        ("9" * 400, 3600.0, 3600.0),
        (lambda: formatdate(time.time() + 30, usegmt=True), 28.0, 30.0),
        (lambda: formatdate(time.time() + 90_000, usegmt=True), 3600.0, 3600.0),
        (lambda: formatdate(time.time() - 30, usegmt=True), 0.0, 0.002),
        ("0", 0.0, 0.002),
        ("-5", 0.0, 0.002),
        ("inf", 0.0, 0.002),
        ("nan", 0.0, 0.002),
        ("1e3", 0.0, 0.002),
        ("soon", 0.0, 0.002),
        ("Mon, 99 Foo 2026 99:99:99 GMT", 0.0, 0.002),
        ("", 0.0, 0.002),
    ],
)
@on_both_faces(compare=False)
def test_retry_after(face, value, least, most):
    """Edge cases 25, 26, 27. A floor under the pause, at most an hour; nonsense and the past are nothing.

    Not compared: dates move.
    """
    text = value() if callable(value) else value
    face.server.script(RUN, [Reply(429, [("retry-after", text)])])
    delays = []

    def enough(failure):
        delays.append(failure.delay)
        raise StopHereError

    options = BackoffOptions(initial_delay=0.001, max_delay=0.002, on_failed_attempt=enough)
    with pytest.raises(StopHereError):
        face.events(RUN, backoff_options=options)
    assert least <= delays[0] <= most
    assert len(delays) == 1


@on_both_faces
def test_a_pause_is_as_long_as_the_server_asked_for(face):
    """Edge cases 25, 28. A server that restarts says 503 and comes back."""
    face.server.create_run(run_id=RUN)
    face.server.append(RUN, log(0))
    face.server.faults.add(Fault(status=503, extra_headers=[("Retry-After", "0.2")]))
    begun = time.monotonic()
    assert len(face.events(RUN, backoff_options=EAGER)) == 1
    assert time.monotonic() - begun >= 0.2
    assert ("pause", 0.2, "ServerError") in face.transcript


@on_both_faces
def test_a_rate_limit_says_how_long(face):
    """The last error carries what the server asked for, clamped."""
    replies = [Reply(429, [("retry-after", text)]) for text in ("7", "99999", "later")]
    face.server.script(RUN, replies)
    waits = []
    for _ in replies:
        with pytest.raises(RateLimitedError) as caught:
            face.get(RUN, backoff_options=BackoffOptions(max_retries=0))
        waits.append(caught.value.retry_after)
    assert waits == [7.0, 3600.0, None]


@on_both_faces
def test_a_port_that_opens_late(face):
    """Edge case 19. Refused connections are asked again; the third try finds the door open."""
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
    """Edge case 31. The notes say how often, for how long, and where to go on."""
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


@on_both_faces
def test_no_retries_is_one_try(face):
    face.server.faults.add(Fault(refuse=True), times=None)
    failures = Failures(max_retries=0)
    for number, call in enumerate((face.get, face.events), 1):
        with pytest.raises(FlueConnectionError):
            call(RUN, backoff_options=failures.options)
        assert len(face.targets) == len(failures.told) == number
    assert failures.facts() == [(1, None, False), (1, "-1", False)]


@on_both_faces(compare=False)
def test_a_limit_in_seconds(face):
    """Edge case 31. A pause that would outlast the limit is not begun.

    Not compared: how many tries fit depends on the machine.
    """
    face.server.script(RUN, [Reply(500)], repeat_last=True)
    with pytest.raises(ServerError):  # a pause of about half a minute
        face.events(RUN, backoff_options=BackoffOptions(initial_delay=60.0, max_elapsed=0.001))
    assert len(face.targets) == 1
    begun = time.monotonic()
    with pytest.raises(ServerError) as caught:
        face.events(RUN, backoff_options=BackoffOptions(initial_delay=0.02, multiplier=1.0, max_elapsed=0.4))
    assert time.monotonic() - begun < 1.0
    tries = len(face.targets) - 1
    assert 1 < tries < 400
    assert caught.value.__notes__[0].startswith(f"gave up after {tries} attempts in 0.")


@on_both_faces
def test_the_budget_starts_again_with_progress(face):
    """A page, an offset that moves, a long poll: each is worth two more failures."""
    bad = Reply(503)
    moved = Reply(204, [("stream-next-offset", offset(2))])
    idle = Reply(204, [("stream-next-offset", offset(2))])
    good = [page(log(0), log(1), next_offset=offset(1)), moved, idle, page(run_end(3), next_offset=offset(3))]
    face.server.script(RUN, [reply for answer in good for reply in (bad, bad, answer)])
    failures = Failures(max_retries=2)
    assert len(face.stream(RUN, backoff_options=failures.options).collect()) == 3
    assert [attempt for attempt, _, _ in failures.facts()] == [1, 2] * 4


@on_both_faces
def test_headers_alone_are_no_progress(face):
    """A 200 whose body always breaks off uses the budget up."""
    face.server.script(RUN, [page(*logs(0, 2), next_offset=offset(1), fault=Fault(cut_after=20))], repeat_last=True)
    with pytest.raises(FlueConnectionError):
        face.events(RUN, backoff_options=BRIEF)
    assert len(face.targets) == 4


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(404, [JSON], b"{}"), NotFoundError),
        (Reply(200, [JSON], b"{broken"), DurableStreamError),
        (Reply(200, [JSON], b"[1, 2, 3]"), DurableStreamError),
        (Reply(200, [("content-type", "text/html")], b"<html>"), DurableStreamError),
        (Reply(302, [("location", "https://elsewhere.example/")]), FlueError),
        (Reply(304), DurableStreamError),
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
def test_an_exception_of_the_callback_goes_through(face):
    """Edge case 136. It ends the pull that it happened in; the next one goes on."""

    def stop(_failure):
        raise StopHereError

    face.server.script(RUN, [Reply(503), page(run_end(0), next_offset=offset(0), closed=True)])
    stream = face.stream(RUN, backoff_options=BackoffOptions(on_failed_attempt=stop))
    with pytest.raises(StopHereError):
        stream.next()
    assert [event.type for event in stream.collect()] == ["run_end"]


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
