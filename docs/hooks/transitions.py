"""Finds the transitions of the machine that follows a stream, by trying everything on it."""

from __future__ import annotations

import copy
from collections import deque
from itertools import product
from typing import TYPE_CHECKING, Any

from flue.core.actions import (
    DELIVER,
    READ,
    Batch,
    Deliver,
    Done,
    Fail,
    LiveModeChanged,
    Open,
    Read,
    ResponseHead,
    Retry,
    Sleep,
)
from flue.core.protocol import StreamProtocol
from flue.core.retry import BackoffOptions, Budget
from flue.core.stream_state import Headers, IdleBackoff
from flue.errors import FlueConnectionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flue.core.actions import Action

    Step = Callable[[StreamProtocol, float], None]

DEPTH = 6
"""Steps from the start; beyond them no new transition is found."""
SECONDS = (0.01, 2.0)
"""Between two steps: an answer that brings nothing is followed by a pause when it came quickly."""


def explore(depth: int = DEPTH) -> dict[tuple[str, str], list[str]]:
    """The transitions: what leads from one state to another, in words.

    Returns:
        By pair of states, the causes in alphabetical order.
    """
    found: dict[tuple[str, str], set[str]] = {}
    for live in (None, "long-poll", "sse"):
        for offset in ("-1", "now"):
            budget = Budget(BackoffOptions(max_retries=1))
            _explore(StreamProtocol("https://flue.test/runs/r", budget, offset=offset, live=live), depth, found)
    return {pair: sorted(causes) for pair, causes in sorted(found.items())}


def _explore(machine: StreamProtocol, depth: int, found: dict[tuple[str, str], set[str]]) -> None:
    waiting = deque([(machine, _next_action(machine, 0.0), 0, 0.0)])
    seen: set[object] = set()
    while waiting:
        machine, action, steps, now = waiting.popleft()
        for (cause, step), seconds in product(_steps(machine, action, steps), SECONDS):
            after = _copy(machine)
            later = now + seconds
            step(after, later)
            then = _next_action(after, later)
            found.setdefault((_name(machine, action), _name(after, then)), set()).add(cause)
            if (key := _situation(after, then)) not in seen and steps < depth:
                seen.add(key)
                waiting.append((after, then, steps + 1, later))


def _next_action(machine: StreamProtocol, now: float) -> Action:
    action = machine.next_action(now)
    return machine.next_action(now) if isinstance(action, LiveModeChanged) else action


def _copy(machine: StreamProtocol) -> StreamProtocol:
    """A machine of its own. What never changes is shared, `READ` above all, which the machine knows by identity."""
    state = vars(machine)
    fixed = [READ, DELIVER, *(state[name] for name in ("_next", "_final", "_request", "_error_head", "_head"))]
    fixed += [value for value in vars(state["_budget"]).values() if not isinstance(value, list)]
    return copy.deepcopy(machine, {id(value): value for value in fixed})


def _situation(machine: StreamProtocol, action: Action) -> object:
    """What tells two states apart, as far as what comes next goes: all but offsets, times and high counts."""
    return _name(machine, action), tuple((name, _plain(value)) for name, value in vars(machine).items())


def _plain(value: Any) -> object:
    match value:
        case None | bool() | "now" | "sse" | "long-poll":
            return value
        case int():
            return min(value, 1)
        case ResponseHead(status, headers):
            return status, headers.get("stream-closed"), headers.get("stream-up-to-date")
        case Batch(items, _, up_to_date, closed):
            return bool(items), up_to_date, closed
        case IdleBackoff():
            return min(vars(value)["_idle"], 2)
        case Budget():
            return value.attempts
        case deque() | list():
            return tuple(_plain(each) for each in value)
        case _:
            return type(value)


def _name(machine: StreamProtocol, action: Action) -> str:
    """What the state is called: by what is to be done, and how."""
    match action:
        case Open(request):
            if "live=" not in request.url:
                return "request: page"
            return "request: server-sent events" if "live=sse" in request.url else "request: long poll"
        case Read():
            state: dict[str, Any] = vars(machine)
            if state["_error_head"] is not None:
                return "read: error"
            return "read: events" if state["_sse"] is not None else "read: page"
        case Sleep():
            return "pause"
        case Retry():
            return "pause: failure"
        case Deliver():
            return "deliver"
        case Done():
            return "done"
        case Fail():
            return "fail"


def _steps(machine: StreamProtocol, action: Action, number: int) -> Iterator[tuple[str, Step]]:
    """What may happen in a state."""
    offset = f"{0:016}_{number + 1:016}"
    match action:
        case Open(request):
            yield from _answers(request.url, offset)
            lost, fatal = FlueConnectionError("lost"), FlueConnectionError("lost", retryable=False)
            yield "connection failed", lambda after, now: after.connection_failed(lost, now)
            yield "TLS not verified", lambda after, now: after.connection_failed(fatal, now)
        case Read():
            name = _name(machine, action)
            lost = FlueConnectionError("lost")
            yield "connection lost", lambda after, now: after.connection_failed(lost, now)
            if name == "read: events":
                yield from _frames(offset)
                yield "connection closed", lambda after, now: after.response_ended(now)
            elif name == "read: page":
                yield "whole, with events", _body(b'[{"type": "log"}]')
                yield "whole, empty", _body(b"[]")
                yield "whole, malformed", _body(b"<html>")
            else:
                yield "read", _body(b"{}")
        case Sleep() | Retry():
            yield "over", lambda after, now: None  # noqa: ARG005
        case Deliver():
            yield "all delivered", lambda after, now: after.handed_over()  # noqa: ARG005
            yield "the last event wanted", lambda after, now: after.handed_over(terminal=True)  # noqa: ARG005
        case _:
            return


def _answers(url: str, offset: str) -> Iterator[tuple[str, Step]]:
    def answer(status: int, media: str = "application/json", **more: str) -> Step:
        pairs = {"content-type": media, "content-length": "9", "stream-next-offset": offset} | more
        head = ResponseHead(
            status, Headers((name.replace("_", "-"), value) for name, value in pairs.items()), True, 0.0
        )
        return lambda after, now: after.response_started(head, now)

    if "live=sse" in url:
        yield "200, events", answer(200, "text/event-stream")
        yield "406, no event stream", answer(406)
    else:
        yield "200", answer(200)
        yield "200, up to date", answer(200, stream_up_to_date="true")
        yield "200, closed", answer(200, stream_closed="true")
        yield "200, not JSON", answer(200, "text/html")
    yield "204", answer(204)
    yield "204, closed", answer(204, stream_closed="true")
    yield "redirect", answer(307, location=url)
    yield "404", answer(404)
    yield "503", answer(503)


def _frames(offset: str) -> Iterator[tuple[str, Step]]:
    def frame(text: str) -> Step:
        return lambda after, now: after.data_received(text.encode(), now)

    data = 'event: data\ndata: [{"type": "log"}]\n\n'
    control = f'event: control\ndata: {{"streamNextOffset": "{offset}"%s}}\n\n'
    yield "data only", frame(data)
    yield "data and control", frame(data + control % "")
    yield "control only", frame(control % "")
    yield "data and control, closed", frame(data + control % ', "streamClosed": true')
    yield "control, closed", frame(control % ', "streamClosed": true')
    yield "malformed", frame("event: control\ndata: {\n\n")


def _body(body: bytes) -> Step:
    def step(after: StreamProtocol, now: float) -> None:
        after.data_received(body, now)
        after.response_ended(now)

    return step
