"""Calls that follow what was started, to its end: a run, a prompt of Flue 1.0, a submission of Flue 2."""

from __future__ import annotations

import asyncio
import re
from functools import partial

import pytest

from flue import (
    AbortError,
    AbortSignal,
    BadRequestError,
    DurableStreamError,
    FlueConnectionError,
    FlueExecutionError,
    FlueTimeoutError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    UnsupportedFlueEventVersionError,
)
from flue.testing import Fault, Reply

from . import agent_scenes as agents
from . import conversation_scenes as conversations
from .frames import RUN, admitted, log, offset, page, run_end
from .harness import BRIEF, on_both_faces

LIMIT = 1.0
"""Seconds in which a start must have been answered, on a machine that has other work."""
STALLED = Reply(fault=Fault(stall_before_headers=30.0))


def run(face, *, ends):
    last = page(run_end(1), next_offset=offset(1)) if ends else STALLED
    admitted(face, page(log(0), next_offset=offset(0)), last)
    return partial(face.run, "report")


def prompt(face, *, ends):
    last = page(agents.settled(1), next_offset=offset(1)) if ends else STALLED
    first = page(agents.event(0, "idle"), next_offset=offset(0))
    face.server.script(agents.AGENT, [first, last], repeat_last=True)
    return partial(agents.call, face, "wait", agents.admission(face))


def submission(face, *, ends, method="read"):
    append = conversations.by_hand(face.server)
    append(conversations.message("sub_1"))
    if ends:
        append(conversations.settled("sub_1"))
    return partial(getattr(face.conversation(), method), conversations.receipt(1))


def question(face, *, ends):
    conversations.answering(face.server)
    return partial(face.conversation().ask, "hello" if ends else "wait")


KINDS = {
    "run": (run, ["log", "run_end"]),
    "prompt": (prompt, ["idle", "submission_settled"]),
    "wait": (partial(submission, method="wait"), ["message-appended", "submission-settled"]),
    "read": (submission, ["message-appended", "submission-settled"]),
    "ask": (question, conversations.CHUNKS),
}
"""How each call is prepared, and the types of the events that it hands over."""
EACH = pytest.mark.parametrize("kind", KINDS)
on_a_server = on_both_faces(flue_version=2, compare=False)  # polls depend on who is faster


def is_named(kind, error):
    """Whether an error says which run, prompt or submission it is that goes on."""
    if kind == "run":
        return error.run_id == RUN
    id = agents.SUBMISSION if kind == "prompt" else error.submission_id
    assert f"submission {id} was admitted and goes on without this call" in error.__notes__
    return kind == "prompt" or re.fullmatch(r"sub_ik_\w+" if kind == "ask" else "sub_1", id) is not None


# The handler.


@EACH
@on_a_server
def test_an_exception_of_the_handler_ends_the_call(face, kind):
    """With the handler's own exception, at its first event."""
    begin, types = KINDS[kind]

    def handle(event):
        raise LookupError(event.type)

    with pytest.raises(LookupError, match=types[0]):
        begin(face, ends=False)(on_event=handle)


@EACH
@on_a_server
def test_an_async_handler(face, kind):
    """Awaited event by event on the asyncio face; refused on the other, before any request."""
    begin, types = KINDS[kind]
    seen = []

    async def handle(event):
        await asyncio.sleep(0)
        seen.append(event.type)

    follow = begin(face, ends=True)
    if face.is_async:
        follow(on_event=handle)
    else:
        with pytest.raises(TypeError, match="an async on_event needs Async"):
            follow(on_event=handle)
        assert face.targets == []
        follow(on_event=lambda event: seen.append(event.type))
    assert seen == types


# The caller's limit and signal.


@EACH
@on_a_server
def test_one_limit_over_the_start_and_what_follows(face, kind):
    """What was started goes on; the error says which it is, and from where it can be followed."""
    follow = KINDS[kind][0](face, ends=False)
    face.server.faults.add(Fault(stall_before_headers=0.05), method="POST")
    with pytest.raises(FlueTimeoutError) as over:
        follow(timeout=LIMIT)
    assert is_named(kind, over.value)
    assert over.value.offset != "-1"
    left = float(re.search(r"within ([\d.]+) s", str(over.value))[1])
    assert (left < LIMIT) == (kind in {"run", "ask"})


@EACH
@on_a_server
def test_a_signal_aborts_the_call(face, kind):
    """Thrown by the handler, and by another thread while the call waits."""
    follow = KINDS[kind][0](face, ends=False)
    thrown = AbortSignal()
    with pytest.raises(AbortError) as aborted:
        follow(signal=thrown, on_event=lambda _event: thrown.abort("enough"))
    assert (aborted.value.reason, is_named(kind, aborted.value)) == ("enough", True)
    if kind == "ask":  # the agent is at work
        signal = AbortSignal()
        face.after(2, signal.abort)
        with pytest.raises(AbortError) as aborted:
            follow(signal=signal)
        assert is_named(kind, aborted.value)


@pytest.mark.parametrize("kind", ["run", "prompt", "wait"])
@on_a_server
def test_an_outcome_that_is_here_beats_an_abort(face, kind):
    begin, types = KINDS[kind]
    signal = AbortSignal()

    def throw_at_the_last(event):
        if event.type == types[-1]:
            signal.abort()

    begin(face, ends=True)(signal=signal, on_event=throw_at_the_last)
    assert signal.aborted


@on_a_server
def test_a_failure_that_is_here_beats_an_abort(face):
    signal = AbortSignal()
    conversations.by_hand(face.server)(conversations.settled("sub_1") | {"outcome": "failed"})
    with pytest.raises(FlueExecutionError):
        face.conversation().wait(conversations.receipt(1), signal=signal, on_event=lambda _chunk: signal.abort())


# Errors.


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=503), ServerError),
        (Fault(status=403), PermissionDeniedError),
        (Fault(status=404), NotFoundError),
        (Fault(refuse=True), FlueConnectionError),
        (Fault(body=b"[3]"), (DurableStreamError, UnsupportedFlueEventVersionError)),
    ],
    ids=["503", "403", "404", "refused", "malformed"],
)
@EACH
@on_a_server
def test_every_error_behind_the_start_names_it(face, kind, fault, error):
    follow = KINDS[kind][0](face, ends=True)
    face.server.faults.add(fault, method="GET", times=None)
    with pytest.raises(error) as failed:
        follow(backoff_options=BRIEF)
    assert is_named(kind, failed.value)


@pytest.mark.parametrize("kind", ["run", "ask"])
@on_both_faces(flue_version=2)
def test_an_error_before_the_start_names_none(face, kind):
    follow = KINDS[kind][0](face, ends=True)
    face.server.faults.add(Fault(status=400), method="POST")
    with pytest.raises(BadRequestError) as refused:
        follow()
    assert (refused.value.run_id, getattr(refused.value, "submission_id", None)) == (None, None)
    assert len(face.targets) == 1
