"""What the machine of an agent's stream does with time: how long a stream may be in the making."""

from __future__ import annotations

import pytest

from flue import BackoffOptions, NotFoundError
from flue.core.actions import Fail, Head, Open, Read, Sleep
from flue.core.agent_stream import CREATION_PATIENCE, FollowAgent
from flue.core.retry import Budget
from flue.core.wire import WireHeaders

from .frames import dumps

UNLIMITED = BackoffOptions(initial_delay=0.0, max_delay=0.0)
MISSING = dumps({"error": {"type": "stream_not_found", "message": "no", "details": ""}})


def answer(machine, status, body, now, **headers):
    """One attempt, and what the machine does next."""
    assert isinstance(machine.next_action(now), Open)
    headers = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    machine.head(Head(status, WireHeaders(headers.items()), framed=True, wall=0.0), now)
    assert isinstance(machine.next_action(now), Read)
    machine.data(body, now)
    machine.end(now)
    return machine.next_action(now)


@pytest.mark.parametrize("began", [0.0, 1e6])
def test_a_stream_that_is_never_made(began):
    """The caller's options know no limit; waiting for a stream that is not there does."""
    machine = FollowAgent("http://flue/agents/a/x", Budget(UNLIMITED), admitted=True)
    for passed in (0.0, 1.0, CREATION_PATIENCE - 0.1):
        assert isinstance(answer(machine, 404, MISSING, began + passed), Sleep)
    last = answer(machine, 404, MISSING, began + CREATION_PATIENCE)
    assert isinstance(last, Fail)
    assert isinstance(last.error, NotFoundError)
    assert last.attempt is not None
    assert (last.attempt.attempt, last.attempt.will_retry) == (4, False)


def test_the_callers_limits_come_first():
    machine = FollowAgent("http://flue/agents/a/x", Budget(BackoffOptions(max_retries=1)), admitted=True)
    assert isinstance(answer(machine, 404, MISSING, 0.0), Sleep)
    assert isinstance(answer(machine, 404, MISSING, 1.0), Fail)


def test_a_stream_that_was_there_is_not_waited_for():
    machine = FollowAgent("http://flue/agents/a/x", Budget(UNLIMITED), admitted=True)
    answer(machine, 200, b"[{}]", 0.0, stream_next_offset="0_1", stream_up_to_date="true")
    machine.handed_over()
    assert isinstance(answer(machine, 404, MISSING, 0.1), Fail)


def test_nobody_waits_for_a_stream_without_an_admission():
    machine = FollowAgent("http://flue/agents/a/x", Budget(UNLIMITED))
    assert isinstance(answer(machine, 404, MISSING, 0.0), Fail)
