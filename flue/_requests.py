"""Checked arguments to requests: what both faces do before any I/O.

Each builder checks what the caller gave and returns a value that a face performs: a `CallSpec` for a single request, a
`StreamSpec` for a stream. `ValueError` and `TypeError` come from here, before anything is sent.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast
from urllib.parse import urlsplit

import msgspec

from flue import codec, models
from flue._instrumentation import Instrumentation
from flue.checkpoints import Checkpointer, check_checkpointer
from flue.config import Settings, check_seconds, is_async_callable
from flue.core import stream_state
from flue.core.actions import CallRequest, Request
from flue.core.events import EventBuffer
from flue.core.protocol import ACCEPT_JSON, AgentErrorPolicy, BatchMachine, StreamProtocol
from flue.core.retry import BackoffOptions, Budget
from flue.core.stream_state import quote_path_segment
from flue.errors import FlueTimeoutError
from flue.signals import AbortSignal, abort_error
from flue.types import AgentPromptImage, Unset

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue._base import Cause
    from flue._results import SubmissionOutcome
    from flue.errors import FlueError
    from flue.models import (
        AgentPromptResult,
        AgentSendResult,
        FlueEvent,
        RunRecord,
        WorkflowInvokeResult,
        WorkflowWaitResult,
    )

__all__ = [
    "MAX_CONNECTIONS",
    "CallSpec",
    "Deadline",
    "StreamSpec",
    "build_agent_stream",
    "build_get_run",
    "build_invoke",
    "build_prompt",
    "build_run_stream",
    "build_run_streams",
    "build_send",
    "build_wait",
    "call_label",
    "check_handler",
    "check_signal_and_timeout",
    "is_run_end",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
M = TypeVar("M", bound=BatchMachine)

CONTENT_JSON = (("content-type", "application/json"),)


class CallSpec(msgspec.Struct, Generic[T_co], frozen=True):
    """A single request as a face performs it.

    Attributes:
        label: The call in words, for logs and errors.
        call: The request, and what is made of its response (a `T_co`).
        budget: For failures; None for a single attempt.
        options: Whose `on_failed_attempt` is called.
        signal: Aborts the call.
        timeout: Overall limit in seconds, or None.
    """

    label: str
    call: CallRequest
    budget: Budget | None
    options: BackoffOptions | None
    signal: AbortSignal | None
    timeout: float | None

    def cancel_error(self, cause: Cause) -> FlueError:
        """What the call raises when it is cancelled."""
        if cause == "expired":
            return FlueTimeoutError(f"{self.label}: no answer within {self.timeout:g} s")
        return abort_error(self.signal)


class StreamSpec(msgspec.Struct, Generic[M, T], frozen=True):
    """A stream as a face reads it.

    Attributes:
        machine: Reads the stream.
        events: Where the caller's events are pulled from.
        instrumentation: Of this stream.
        signal: Ends the stream.
        timeout: Overall limit in seconds, or None.
        checkpointer: Saves how far the consumer came, or None.
    """

    machine: M
    events: EventBuffer[T]
    instrumentation: Instrumentation
    signal: AbortSignal | None
    timeout: float | None
    checkpointer: Checkpointer | None = None

    def cancel_error(self, cause: Cause) -> FlueError | None:
        """What the stream raises when it is cancelled; None where it ends quietly."""
        if cause != "expired":
            return None
        offset = self.machine.offset
        message = f"the stream did not end within {self.timeout:.3g} s; it can be resumed from offset {offset!r}"
        return FlueTimeoutError(message, offset=offset)


# Checks.


def check_signal_and_timeout(signal: object, timeout: object) -> float | None:
    """The overall limit in seconds, or None; `TypeError` for what is not a signal or a number."""
    if signal is not None and not isinstance(signal, AbortSignal):
        raise TypeError(f"signal must be a flue.AbortSignal, not {type(signal).__name__}")
    return None if timeout is None else check_seconds(timeout, "timeout")


def check_handler(settings: Settings, on_event: object) -> None:
    """`TypeError` for what cannot be called, and for an async callable where nobody awaits it."""
    if on_event is not None and not callable(on_event):
        raise TypeError(f"on_event must be callable, not {type(on_event).__name__}")
    if is_async_callable(on_event) and not settings.allow_async:
        raise TypeError("an async on_event needs AsyncFlueClient or AsyncConversation")


class Deadline:
    """One overall limit over several calls.

    Attributes:
        seconds: The whole limit; None for no limit.
    """

    def __init__(self, timeout: object) -> None:
        """Args: timeout: seconds from now, or None."""
        self.seconds = None if timeout is None else check_seconds(timeout, "timeout")
        self._at = None if self.seconds is None else time.monotonic() + self.seconds

    def remaining(self) -> float | None:
        """The remaining seconds, at least a moment, so that the call that gets them names itself in its error.

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


def call_label(kind: str, name: object) -> str:
    """A call in words, on one line whatever it is called: ids may come from outside, and labels are logged."""
    text = str(name)
    return f"{kind} {text if text.isprintable() else ascii(text)}"


# Runs.


def build_get_run(
    settings: Settings,
    run_id: object,
    *,
    signal: AbortSignal | None,
    backoff_options: BackoffOptions | None,
    timeout: object,
) -> CallSpec[RunRecord]:
    """`GET /runs/:id?meta`: a run's record."""
    backoff_options = settings.backoff(backoff_options)
    url = f"{settings.base_url}/runs/{quote_path_segment(run_id, 'run_id')}?meta"
    call = CallRequest(Request("GET", url, ACCEPT_JSON), frozenset({200}), codec.decode_run_record)
    budget = Budget(backoff_options, refreshable=settings.has_dynamic_headers)
    seconds = check_signal_and_timeout(signal, timeout)
    return CallSpec(call_label("run", run_id), call, budget, backoff_options, signal, seconds)


def build_run_stream(
    settings: Settings,
    run_id: object,
    *,
    offset: object = stream_state.START,
    tail: object = None,
    live: object = True,
    signal: AbortSignal | None = None,
    backoff_options: BackoffOptions | None = None,
    timeout: object = None,
    checkpoint: object = None,
    consumer: object = "default",
    is_terminal: Callable[[FlueEvent, bool], bool] | None = None,
) -> StreamSpec[StreamProtocol, Any]:
    """Follow a run.

    Args:
        settings: The client's.
        run_id: The run.
        offset: Where to start.
        tail: Only the last so many events.
        live: As the caller said it.
        signal: Ends the stream.
        backoff_options: The caller's.
        timeout: Overall seconds.
        checkpoint: A store that knows better where to start, and is told how far the consumer came.
        consumer: Whose checkpoint it is.
        is_terminal: Whether an event is the last that the caller wants; default: the run's `run_end`.

    Raises:
        ValueError: An argument that cannot work.
        TypeError: An argument of the wrong type.
    """
    url = f"{settings.base_url}/runs/{quote_path_segment(run_id, 'run_id')}"
    mode = check_live(live)
    backoff_options = settings.backoff(backoff_options)
    budget = Budget(backoff_options, endless=mode is not None, refreshable=settings.has_dynamic_headers)
    machine = StreamProtocol(
        url,
        budget,
        offset=stream_state.check_offset(offset),
        tail=check_tail(tail),
        live=mode,
        limit=settings.max_event_bytes,
        features=settings.features,
    )
    label = call_label("run", run_id)
    decoder = codec.EventDecoder("run", label)
    events = EventBuffer[Any](machine, decoder, is_terminal or _is_last_run_end(str(run_id)))
    seconds = check_signal_and_timeout(signal, timeout)
    checkpointer = check_checkpointer(checkpoint, consumer, f"runs/{run_id}", machine)
    return StreamSpec(
        machine, events, Instrumentation(label, backoff_options, live=mode), signal, seconds, checkpointer
    )


def is_run_end(run_id: str) -> Callable[[FlueEvent, bool], bool]:
    """A run's own `run_end`, and no other."""
    return lambda event, last: event.type == "run_end" and event.run_id == run_id  # noqa: ARG005


def _is_last_run_end(run_id: str) -> Callable[[FlueEvent, bool], bool]:
    def is_terminal(event: FlueEvent, last: bool) -> bool:  # positional by its one caller
        # Nothing follows a run's own end; that of another run ends the stream only where nothing more is known.
        return event.type == "run_end" and (last or event.run_id == run_id)

    return is_terminal


MAX_CONNECTIONS = 100
"""How many runs `stream_many()` follows at a time unless the caller says otherwise."""


def build_run_streams(
    settings: Settings, run_ids: object, *, offsets: object, max_connections: object, **options: Any
) -> tuple[dict[str, StreamSpec[StreamProtocol, Any]], int]:
    """Check the arguments of `stream_many()` and build the stream of each run.

    Args:
        settings: The client's.
        run_ids: The runs; one that is named twice is followed once.
        offsets: Saved checkpoints by run; runs without one start at the beginning.
        max_connections: How many are followed at a time.
        options: As for one stream.

    Raises:
        ValueError: An argument that cannot work.
        TypeError: An argument of the wrong type.
    """
    if isinstance(run_ids, str | bytes) or not isinstance(run_ids, Iterable):
        raise TypeError(f"run_ids must be several run ids, not {type(run_ids).__name__}")
    if offsets is None:
        offsets = {}
    if not isinstance(offsets, Mapping):
        raise TypeError(f"offsets must be a mapping of run ids to offsets, not {type(offsets).__name__}")
    if isinstance(max_connections, bool) or not isinstance(max_connections, int):
        raise TypeError(f"max_connections must be an int, not {type(max_connections).__name__}")
    if max_connections < 1:
        raise ValueError(f"max_connections must be >= 1, not {max_connections}")
    specs: dict[str, StreamSpec[StreamProtocol, Any]] = {}
    starts = cast("Mapping[Any, object]", offsets)
    named: Iterable[Any] = run_ids  # pyright: ignore[reportUnknownVariableType]  # each is checked by its builder
    for run_id in named:
        start = starts.get(run_id, stream_state.START) if isinstance(run_id, str) else stream_state.START
        specs[run_id] = build_run_stream(settings, run_id, offset=start, **options)
    return specs, max_connections


# Workflows.


def build_invoke(
    settings: Settings,
    name: object,
    *,
    input: object,
    wait: object,
    signal: AbortSignal | None,
    timeout: object,
) -> CallSpec[WorkflowInvokeResult | WorkflowWaitResult]:
    """Start a workflow. No budget: a POST is sent once."""
    if wait is not None and wait != "result":
        raise ValueError(f"wait must be None or 'result', not {wait!r}")
    url = f"{settings.base_url}/workflows/{quote_path_segment(name, 'name')}"
    body = None if isinstance(input, Unset) else codec.dumps_input(input)
    seconds = check_signal_and_timeout(signal, timeout)
    result = models.WorkflowWaitResult if wait else models.WorkflowInvokeResult
    call = _post(settings, url, body, wait=wait is not None, timeout=seconds, build=partial(_decode_started, result))
    return CallSpec(call_label("workflow", name), call, None, None, signal, seconds)


def _decode_started(result: type[Any], value: Any) -> Any:
    """A run that was started; `ValueError` for one that nobody could ask for."""
    started: Any = codec.decode(result, value)
    quote_path_segment(started.run_id, "runId")
    return started


def _post(
    settings: Settings,
    url: str,
    body: bytes | None,
    *,
    wait: bool,
    timeout: float | None,
    build: Callable[[Any], Any],
) -> CallRequest:
    """A POST that admits work: 202 at once, or with `wait` 200 when the result is there. Never repeated."""
    headers = ACCEPT_JSON if body is None else (*ACCEPT_JSON, *CONTENT_JSON)
    # The result may take as long as the caller waits for it.
    read_timeout = max(settings.timeouts.read, timeout) if wait and timeout is not None else None
    request = Request("POST", f"{url}?wait=result" if wait else url, headers, body, read_timeout)
    return CallRequest(request, frozenset({200} if wait else {200, 202}), build)


# Agents.


def build_prompt(settings: Settings, name: object, agent_id: object, **options: Any) -> CallSpec[AgentPromptResult]:
    """Prompt an agent, and wait for its result; arguments as for `build_send`."""
    return _build_prompt(settings, name, agent_id, models.AgentPromptResult, wait=True, **options)


def build_send(settings: Settings, name: object, agent_id: object, **options: Any) -> CallSpec[AgentSendResult]:
    """Prompt an agent; the response comes when the prompt is admitted. No budget: a POST is sent once.

    Args:
        settings: The client's.
        name: Of the agent.
        agent_id: Of the agent instance.
        options: `message`, `images`, `signal` and `timeout`, as the caller gave them.

    Raises:
        ValueError: An argument that cannot work.
        TypeError: An argument of the wrong type.
    """
    return _build_prompt(settings, name, agent_id, models.AgentSendResult, wait=False, **options)


def _build_prompt(
    settings: Settings,
    name: object,
    agent_id: object,
    result: type[Any],
    *,
    message: object,
    images: object,
    wait: bool,
    signal: AbortSignal | None,
    timeout: object,
) -> CallSpec[Any]:
    url = _agent_url(settings, name, agent_id)
    if not isinstance(message, str):
        raise TypeError(f"message must be str, not {type(message).__name__}")
    body: dict[str, Any] = {"message": message}  # Flue takes an empty one
    if images is not None:
        body["images"] = _wire_images(images)
    seconds = check_signal_and_timeout(signal, timeout)
    build = partial(codec.decode, result)
    call = _post(settings, url, codec.dumps_input(body), wait=wait, timeout=seconds, build=build)
    return CallSpec(call_label("agent", f"{name}/{agent_id}"), call, None, None, signal, seconds)


def build_agent_stream(
    settings: Settings,
    name: object,
    agent_id: object,
    *,
    offset: object,
    tail: object,
    live: object,
    signal: AbortSignal | None,
    backoff_options: BackoffOptions | None,
    timeout: object,
) -> StreamSpec[StreamProtocol, Any]:
    """Follow an agent instance; its stream has no last event.

    Args:
        settings: The client's.
        name: Of the agent.
        agent_id: Of the agent instance.
        offset: Where to start.
        tail: Only the last so many events.
        live: As the caller said it.
        signal: Ends the stream.
        backoff_options: The caller's.
        timeout: Overall seconds.

    Raises:
        ValueError: An argument that cannot work.
        TypeError: An argument of the wrong type.
    """
    mode = check_live(live)
    options = settings.backoff(backoff_options)
    machine = StreamProtocol(
        _agent_url(settings, name, agent_id),
        Budget(options, endless=mode is not None, refreshable=settings.has_dynamic_headers),
        offset=stream_state.check_offset(offset),
        tail=check_tail(tail),
        live=mode,
        limit=settings.max_event_bytes,
        features=settings.features,
        error_policy=AgentErrorPolicy(),
    )
    return _agent_spec(machine, call_label("agent", f"{name}/{agent_id}"), signal, options, timeout)


def build_wait(
    settings: Settings,
    submission: SubmissionOutcome,
    *,
    signal: AbortSignal | None,
    backoff_options: BackoffOptions | None,
    timeout: object,
    trust_stream_url: bool,
) -> StreamSpec[StreamProtocol, Any]:
    """Follow an agent instance from where a submission begins.

    Args:
        settings: The client's.
        submission: What is waited for.
        signal: Ends the call.
        backoff_options: The caller's.
        timeout: Overall seconds.
        trust_stream_url: The caller vouches for a stream of another origin than the base URL's.

    Raises:
        ValueError: An argument that cannot work; a stream of another origin that nobody vouches for.
        TypeError: An argument of the wrong type.
    """
    options = settings.backoff(backoff_options)
    machine = StreamProtocol(
        _check_stream_url(submission.stream_url, None if trust_stream_url else settings.base_url),
        Budget(options, endless=True, refreshable=settings.has_dynamic_headers),
        offset=stream_state.check_offset(submission.offset),
        limit=settings.max_event_bytes,
        features=settings.features,
        error_policy=AgentErrorPolicy(admitted=True),
    )
    return _agent_spec(machine, call_label("submission", submission.id), signal, options, timeout)


def _agent_spec(
    machine: StreamProtocol,
    label: str,
    signal: AbortSignal | None,
    backoff_options: BackoffOptions | None,
    timeout: object,
) -> StreamSpec[StreamProtocol, Any]:
    seconds = check_signal_and_timeout(signal, timeout)
    events = EventBuffer[Any](machine, codec.EventDecoder("agent", label), lambda event, last: False)  # noqa: ARG005
    return StreamSpec(machine, events, Instrumentation(label, backoff_options, live=machine.live), signal, seconds)


def _agent_url(settings: Settings, name: object, agent_id: object) -> str:
    return f"{settings.base_url}/agents/{quote_path_segment(name, 'name')}/{quote_path_segment(agent_id, 'id')}"


def _wire_images(images: object) -> list[dict[str, str]]:
    if not isinstance(images, Iterable):
        raise TypeError(f"images must be a list of AgentPromptImage, not {type(images).__name__}")
    found: list[dict[str, str]] = []
    for index, image in enumerate(images):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        if not isinstance(image, AgentPromptImage):
            raise TypeError(f"images[{index}] must be an AgentPromptImage, not {type(image).__name__}")  # pyright: ignore[reportUnknownArgumentType]
        found.append({"type": "image", "data": image.base64, "mimeType": image.mime_type})
    return found


def _check_stream_url(url: str, base_url: str | None) -> str:
    """A stream's URL that the caller's token may be sent to; `base_url` is None where the caller vouches for it."""
    # The value is shown only once it is known to hold no password.
    plain = url.isascii() and url.isprintable() and not set(url) & set(' \\?#"<>')
    try:
        parts = urlsplit(url)
        there = stream_state.origin(url)
    except ValueError:
        plain, parts, there = False, urlsplit(""), ("", "", 0)
    if not plain or "@" in parts.netloc or there[0] not in {"http", "https"} or not there[1]:
        raise ValueError("the admission's stream_url is not an absolute http(s) URL without user info and query")
    if base_url is not None and there != stream_state.origin(base_url):
        raise ValueError(
            f"the admission's stream_url is {url}, of another origin than base_url {base_url}: the token is not sent "
            "there, unless trust_stream_url=True says that it may be"
        )
    return stream_state.normalise_url(url)
