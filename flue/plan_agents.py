"""Checked arguments to machines, for agents: what both faces do before any I/O."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flue import codec, models
from flue.core import operations, wire
from flue.core.agent_stream import FollowAgent
from flue.core.handover import Handover
from flue.core.retry import BackoffOptions, Budget
from flue.images import AgentPromptImage
from flue.observe import Observer
from flue.plan import CallPlan, StreamPlan, check_call, check_live, check_tail

if TYPE_CHECKING:
    from flue.config import Settings
    from flue.signals import AbortSignal
    from flue.submission import Submission

__all__ = ["plan_agent_stream", "plan_prompt", "plan_wait"]


def plan_prompt(
    settings: Settings,
    name: object,
    agent_id: object,
    *,
    message: object,
    images: object,
    wait: bool,
    signal: AbortSignal | None,
    timeout: object,
) -> CallPlan:
    """Prompt an agent. No budget: a POST is sent once.

    Args:
        settings: the client's.
        name: of the agent.
        agent_id: of the agent instance.
        message: the prompt; Flue takes an empty one.
        images: `AgentPromptImage`s, or None.
        wait: whether the answer comes when the agent is done; else when the prompt is admitted.
        signal: ends the call.
        timeout: overall seconds.

    Raises:
        ValueError: an argument that cannot work.
        TypeError: an argument of the wrong type.
    """
    url = _agent_url(settings, name, agent_id)
    if not isinstance(message, str):
        raise TypeError(f"message must be str, not {type(message).__name__}")
    body: dict[str, Any] = {"message": message}
    if images is not None:
        body["images"] = _wire_images(images)
    build = partial(codec.decode, models.AgentPromptResult if wait else models.AgentSendResult)
    operation = operations.post(url, codec.dumps_input(body), wait=wait, build=build)
    return CallPlan(f"agent {name}/{agent_id}", operation, None, None, signal, check_call(signal, timeout))


def plan_agent_stream(
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
) -> StreamPlan:
    """Follow an agent instance; its stream has no last event.

    Args:
        settings: the client's.
        name: of the agent.
        agent_id: of the agent instance.
        offset: where to start.
        tail: begin with the last so many events.
        live: as the caller said it.
        signal: ends the stream.
        backoff_options: the caller's.
        timeout: overall seconds.

    Raises:
        ValueError: an argument that cannot work.
        TypeError: an argument of the wrong type.
    """
    waits = check_live(live)
    machine = FollowAgent(
        _agent_url(settings, name, agent_id),
        Budget(settings.backoff(backoff_options), follows=waits is not None, refreshable=settings.refreshable),
        offset=wire.check_offset(offset),
        tail=check_tail(tail),
        live=waits,
        limit=settings.max_event_bytes,
    )
    return _follow(machine, f"agent {name}/{agent_id}", signal, settings.backoff(backoff_options), timeout)


def plan_wait(
    settings: Settings,
    submission: Submission,
    *,
    signal: AbortSignal | None,
    backoff_options: BackoffOptions | None,
    timeout: object,
    trust_stream_url: bool,
) -> StreamPlan:
    """Follow an agent instance from where a submission begins.

    Args:
        settings: the client's.
        submission: what is waited for.
        signal: ends the call.
        backoff_options: the caller's.
        timeout: overall seconds.
        trust_stream_url: the caller vouches for a stream of another origin than the base URL's.

    Raises:
        ValueError: an argument that cannot work; a stream of another origin that nobody vouches for.
        TypeError: an argument of the wrong type.
    """
    machine = FollowAgent(
        _check_stream_url(submission.stream_url, None if trust_stream_url else settings.base_url),
        Budget(settings.backoff(backoff_options), follows=True, refreshable=settings.refreshable),
        offset=wire.check_offset(submission.offset),
        limit=settings.max_event_bytes,
        admitted=True,
    )
    return _follow(machine, f"submission {submission.id}", signal, settings.backoff(backoff_options), timeout)


def _agent_url(settings: Settings, name: object, agent_id: object) -> str:
    return f"{settings.base_url}/agents/{wire.segment(name, 'name')}/{wire.segment(agent_id, 'id')}"


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
        there = wire.origin(url)
    except ValueError:
        plain, parts, there = False, urlsplit(""), ("", "", 0)
    if not plain or "@" in parts.netloc or there[0] not in {"http", "https"} or not there[1]:
        raise ValueError("the admission's stream_url is not an absolute http(s) URL without user info and query")
    if base_url is not None and there != wire.origin(base_url):
        raise ValueError(
            f"the admission's stream_url is {url}, of another origin than base_url {base_url}: the token is not sent "
            "there, unless trust_stream_url=True says that it may be"
        )
    return url


def _follow(
    machine: FollowAgent,
    what: str,
    signal: AbortSignal | None,
    backoff_options: BackoffOptions | None,
    timeout: object,
) -> StreamPlan:
    handover: Handover[Any] = Handover(machine, codec.EventDecoder("agent", what), lambda event, last: False)  # noqa: ARG005
    return StreamPlan(machine, handover, Observer(what, backoff_options), signal, check_call(signal, timeout))
