"""Checked arguments to machines: what both faces do before any I/O."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import attrs

from flue import codec, models
from flue.config import check_seconds
from flue.core import operations, wire
from flue.core.follow import Follow
from flue.core.handover import Handover
from flue.core.retry import BackoffOptions, Budget
from flue.keeping import Keeper, check_keeper
from flue.observe import Observer
from flue.signals import AbortSignal

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue.config import Settings
    from flue.core.operations import Operation
    from flue.models import FlueEvent

__all__ = ["UNSET", "Live", "StreamPlan", "Unset", "plan_run_stream"]

Live = bool | Literal["long-poll", "sse"]


class Unset:
    """The type of `UNSET`."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset()
"""Not given; None is JSON `null`."""


@attrs.frozen
class StreamPlan:
    """All that a face needs to follow a stream, except the means to do so."""

    machine: Follow
    handover: Handover[Any]
    observer: Observer
    signal: AbortSignal | None
    timeout: float | None
    keeper: Keeper | None = None


def check_call(signal: object, timeout: object) -> float | None:
    """The overall limit in seconds, or None; `TypeError` for what is not a signal or a number."""
    if signal is not None and not isinstance(signal, AbortSignal):
        raise TypeError(f"signal must be a flue.AbortSignal, not {type(signal).__name__}")
    return None if timeout is None else check_seconds(timeout, "timeout")


def check_handler(on_event: object) -> None:
    """`TypeError` for what cannot be called."""
    if on_event is not None and not callable(on_event):
        raise TypeError(f"on_event must be callable, not {type(on_event).__name__}")


class Deadline:
    """One overall limit over several calls."""

    def __init__(self, timeout: object) -> None:
        """Args: timeout: seconds from now, or None."""
        seconds = None if timeout is None else check_seconds(timeout, "timeout")
        self._at = None if seconds is None else time.monotonic() + seconds

    def left(self) -> float | None:
        """Seconds that are left, a moment at least, so that the call that gets them says what it was about.

        None for no limit.
        """
        return None if self._at is None else max(self._at - time.monotonic(), 0.001)


def check_live(live: object) -> Literal["long-poll", "sse"] | None:
    """How to wait for news; None to catch up and end."""
    if live is True or live == "long-poll":
        return "long-poll"
    if live == "sse":
        return "sse"
    if live is False:
        return None
    if isinstance(live, str):
        raise ValueError(f"live must be True, False, 'long-poll' or 'sse', not {live!r}")
    raise TypeError(f"live must be True, False, 'long-poll' or 'sse', not {type(live).__name__}")


def check_tail(tail: object) -> int | None:
    """A positive number of events, or None."""
    if tail is None:
        return None
    if isinstance(tail, bool) or not isinstance(tail, int):
        raise TypeError(f"tail must be an int, not {type(tail).__name__}")
    if tail < 1:
        raise ValueError(f"tail must be >= 1, not {tail}")
    return tail


def plan_run_stream(
    settings: Settings,
    run_id: object,
    *,
    offset: object = wire.START,
    tail: object = None,
    live: object = True,
    signal: AbortSignal | None = None,
    backoff_options: BackoffOptions | None = None,
    timeout: object = None,
    checkpoint: object = None,
    consumer: object = "default",
    ends: Callable[[FlueEvent, bool], bool] | None = None,
) -> StreamPlan:
    """Follow a run.

    Args:
        settings: the client's.
        run_id: the run.
        offset: where to start.
        tail: begin with the last so many events.
        live: as the caller said it.
        signal: ends the stream.
        backoff_options: the caller's.
        timeout: overall seconds.
        checkpoint: a store that knows better where to start, and is told how far the consumer came.
        consumer: whose checkpoint it is.
        ends: whether an event is the last that the caller wants; default: the run's `run_end`.

    Raises:
        ValueError: an argument that cannot work.
        TypeError: an argument of the wrong type.
    """
    url = f"{settings.base_url}/runs/{wire.segment(run_id, 'run_id')}"
    waits = check_live(live)
    backoff_options = settings.backoff(backoff_options)
    budget = Budget(backoff_options, follows=waits is not None, refreshable=settings.refreshable)
    machine = Follow(
        url,
        budget,
        offset=wire.check_offset(offset),
        tail=check_tail(tail),
        live=waits,
        limit=settings.max_event_bytes,
    )
    what = f"run {run_id}"
    handover = Handover(machine, codec.EventDecoder("run", what), ends or _ends_run(str(run_id)))
    seconds = check_call(signal, timeout)
    keeper = check_keeper(checkpoint, consumer, f"runs/{run_id}")
    return StreamPlan(machine, handover, Observer(what, backoff_options), signal, seconds, keeper)


def sees_own_end(run_id: str) -> Callable[[FlueEvent, bool], bool]:
    """A run's own `run_end`, and no other."""
    return lambda event, last: event.type == "run_end" and event.run_id == run_id  # noqa: ARG005


def _ends_run(run_id: str) -> Callable[[FlueEvent, bool], bool]:
    def ends(event: FlueEvent, last: bool) -> bool:  # positional by its one caller
        # Nothing follows a run's own end; that of another run ends the stream only where nothing more is known.
        return event.type == "run_end" and (last or event.run_id == run_id)

    return ends


@attrs.frozen
class CallPlan:
    """All that a face needs to ask one question, except the means to do so."""

    what: str
    operation: Operation
    budget: Budget | None
    options: BackoffOptions | None
    signal: AbortSignal | None
    timeout: float | None


def plan_get_run(
    settings: Settings,
    run_id: object,
    *,
    signal: AbortSignal | None,
    backoff_options: BackoffOptions | None,
    timeout: object,
) -> CallPlan:
    """Ask for a run's record."""
    backoff_options = settings.backoff(backoff_options)
    operation = operations.get_run(settings.base_url, run_id, codec.decode_run_record)
    budget = Budget(backoff_options, refreshable=settings.refreshable)
    return CallPlan(f"run {run_id}", operation, budget, backoff_options, signal, check_call(signal, timeout))


def plan_invoke(
    settings: Settings,
    name: object,
    *,
    input: object,
    wait: object,
    signal: AbortSignal | None,
    timeout: object,
) -> CallPlan:
    """Start a workflow. No budget: a POST is sent once."""
    if wait not in {None, "result"}:
        raise ValueError(f"wait must be None or 'result', not {wait!r}")
    url = f"{settings.base_url}/workflows/{wire.segment(name, 'name')}"
    body = None if isinstance(input, Unset) else codec.dumps_input(input)
    answer = models.WorkflowWaitResult if wait else models.WorkflowInvokeResult
    operation = operations.post(url, body, wait=wait is not None, build=partial(codec.decode, answer))
    return CallPlan(f"workflow {name}", operation, None, None, signal, check_call(signal, timeout))
