"""Agents of Flue 1.0 as Python callables, the event streams that betas 3 to 7 give them, and their routes."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from flue.testing import _responses as responses
from flue.testing._connections import ServerStoppedError
from flue.testing._http import Response
from flue.testing._responses import json_response, parse_body, validate_wait
from flue.testing._store import format_offset, make_id, stable_id, to_json

if TYPE_CHECKING:
    import threading
    from collections.abc import Awaitable, Callable, Mapping

    from flue.testing._connections import Workers
    from flue.testing._http import RecordedRequest
    from flue.testing._store import Store
    from flue.testing._streams import EventStreamReader

AgentFunction: TypeAlias = "Callable[[AgentTurn], Any] | Callable[[AgentTurn], Awaitable[Any]]"

NO_COST = {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0, "total": 0}
NO_USAGE = {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0, "totalTokens": 0, "cost": NO_COST}
MODEL = {"provider": "flue-testing", "id": "python"}

# Flue tells a client nothing more of an error that is not its own.
FAILED = {
    "name": "Error",
    "message": "The agent submission failed because of an internal error.",
    "type": "internal_error",
    "details": "The server encountered an unexpected error while processing the agent submission.",
}


def agent_path(name: str, instance_id: str) -> str:
    """The path of the stream of an agent instance."""
    return f"agents/{name}/{instance_id}"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What an agent is sent.

    Attributes:
        message: The text.
        images: Objects of the writer: ``type``, ``data`` (base64), ``mimeType``.
    """

    message: str
    images: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


class AgentTurn:
    """One submission to an agent instance, as its function sees it.

    Attributes:
        agent_name: As registered.
        instance_id: From the URL.
        submission_id: Of this submission.
        message: What was sent.
        images: Objects of the writer: ``type``, ``data`` (base64), ``mimeType``.
    """

    def __init__(
        self, agent_name: str, instance_id: str, prompt: Prompt, *, store: Store, stopped: threading.Event
    ) -> None:
        self.agent_name = agent_name
        self.instance_id = instance_id
        self.submission_id = str(uuid.uuid4())
        self.message = prompt.message
        self.images = prompt.images
        self._store = store
        self._stopped = stopped
        self._events = 0
        self._instance = {
            "instanceId": instance_id,
            "submissionId": self.submission_id,
            "agentName": agent_name,
        }
        self._operation = {
            "conversationId": stable_id("conv", agent_path(agent_name, instance_id)),
            "session": "default",
            "operationId": make_id("op"),
            "harness": "default",
        }

    def emit(self, event: Mapping[str, Any]) -> None:
        """Add an event to the stream of the instance; its readers see it at once.

        Args:
            event: Fields of the wire (camelCase), ``type`` among them. The envelope of the submission is added.

        Raises:
            ServerStoppedError: The server has stopped.
            TypeError: Not JSON.
            ValueError: Not JSON.
        """
        self._append(event, self._operation | self._instance)

    def text(self, text: str) -> None:
        """Add a ``text_delta`` event: some of the answer.

        Raises:
            ServerStoppedError: The server has stopped.
        """
        self.emit({"type": "text_delta", "text": text})

    def sleep(self, seconds: float) -> None:
        """Wait; for agents that are plain functions. An asynchronous one has `asyncio.sleep`.

        Raises:
            ServerStoppedError: The server stopped meanwhile.
        """
        if self._stopped.wait(seconds):
            raise ServerStoppedError

    def begin(self) -> None:
        """Add what stands before the events of the function."""
        self.emit({"type": "operation_start", "operationId": self._operation["operationId"], "operationKind": "prompt"})
        self.emit({"type": "agent_start"})

    def settle(self, outcome: Mapping[str, Any], *, started: float) -> None:
        """Add what stands behind them: the end of the operation, and ``submission_settled``.

        Args:
            outcome: ``{"result": ...}`` or ``{"error": ...}``.
            started: When it began, by the monotonic clock.
        """
        failed = "error" in outcome
        self.emit({"type": "agent_end", "messages": []})
        operation: dict[str, Any] = {"type": "operation", "operationId": self._operation["operationId"]}
        operation |= {"operationKind": "prompt", "durationMs": round((time.monotonic() - started) * 1000)}
        operation |= {"isError": failed} | dict(outcome)
        match outcome:
            case {"result": {"usage": usage}}:
                operation["usage"] = usage
            case _:
                pass
        self.emit(operation)
        self.emit({"type": "idle"})
        settled = {"type": "submission_settled", "submissionId": self.submission_id}
        self._append(settled | {"outcome": "failed" if failed else "completed"} | dict(outcome), self._instance)

    def _append(self, event: Mapping[str, Any], envelope: Mapping[str, Any]) -> None:
        if self._stopped.is_set():
            raise ServerStoppedError
        # The index of an event counts within its submission; the offset counts within the stream.
        numbered = {"eventIndex": self._events, **event}
        self._events += 1
        self._store.append(agent_path(self.agent_name, self.instance_id), [numbered], envelope=envelope)


@dataclass(frozen=True, slots=True)
class Submission:
    """An accepted prompt: the offset of the stream when it came in, and its result to come."""

    submission_id: str
    offset: str
    result: asyncio.Task[Any]


class AgentRunner:
    """Gives prompts to agents, one after the other for each instance.

    Args:
        store: Where the streams live.
        workers: Who calls the functions.
    """

    def __init__(self, store: Store, workers: Workers) -> None:
        self._store = store
        self._workers = workers
        self._busy: dict[str, asyncio.Lock] = {}

    def submit(self, name: str, instance_id: str, function: AgentFunction, prompt: Prompt) -> Submission:
        """Take a prompt. Called on the loop of the server."""
        path = agent_path(name, instance_id)
        self._store.create_stream(path)
        position, _ = self._store.tail(path) or (-1, False)
        turn = AgentTurn(name, instance_id, prompt, store=self._store, stopped=self._workers.stopped)
        task = self._workers.spawn(self._execute(function, turn))
        return Submission(turn.submission_id, format_offset(position), task)

    async def _execute(self, function: AgentFunction, turn: AgentTurn) -> Any:
        path = agent_path(turn.agent_name, turn.instance_id)
        async with self._busy.setdefault(path, asyncio.Lock()):
            started = time.monotonic()
            turn.begin()
            try:
                answered = await self._workers.call(function, turn, name=f"agent {path}")
                result = (
                    {"text": answered, "usage": NO_USAGE, "model": MODEL} if isinstance(answered, str) else answered
                )
                to_json(result)  # what is not JSON fails here, before anything is told
                turn.settle({"result": result}, started=started)
            except ServerStoppedError:
                raise
            except Exception:
                turn.settle({"error": FAILED}, started=started)
                raise
            return result


MAX_IMAGE_DATA = 14 * 1024 * 1024
"""Characters of base64 in one image."""

PROMPT_SHAPE = 'Direct agent requests must use JSON object body { "message": string, "images"?: image[] }.'


class AgentRoutes:
    """Answers requests to agents.

    Args:
        agents: By name; may grow while the server runs.
        runner: Runs them.
        reader: Reads their event streams.
        scheme: Of the URLs that are handed out.
    """

    def __init__(
        self,
        *,
        agents: dict[str, AgentFunction],
        runner: AgentRunner,
        reader: EventStreamReader,
        scheme: str,
    ) -> None:
        self._agents = agents
        self._runner = runner
        self._reader = reader
        self._scheme = scheme

    async def respond(self, request: RecordedRequest, name: str, instance_id: str) -> Response:
        """The response to a request for an agent instance."""
        refusal = validate_wait(request) if request.method == "POST" else None
        if refusal is not None:
            return refusal
        if request.method not in {"GET", "HEAD", "POST"}:
            return responses.method_not_allowed(request.method, "GET", "HEAD", "POST")
        if not name.strip() or not instance_id.strip():
            shape = "Agent URLs must have the shape /agents/<name>/<id> with non-empty segments."
            return responses.invalid_request(shape)
        function = self._agents.get(name)
        if function is None:
            return responses.agent_not_found(name)
        if request.method == "POST":
            return await self._prompt(request, name, instance_id, function, wait=request.first("wait") is not None)
        path = agent_path(name, instance_id)
        response = self._reader.head(path) if request.method == "HEAD" else await self._reader.read(path, request)
        return response or responses.stream_not_found(path)

    async def _prompt(
        self, request: RecordedRequest, name: str, instance_id: str, function: AgentFunction, *, wait: bool
    ) -> Response:
        prompt = parse_prompt(parse_body(request))
        if isinstance(prompt, Response):
            return prompt
        submission = self._runner.submit(name, instance_id, function, prompt)
        offset = submission.offset
        # From the request itself: behind a proxy it may name a host that the client does not know.
        stream_url = f"{self._scheme}://{request.header('host') or '127.0.0.1'}{request.path}"
        receipt = {"streamUrl": stream_url, "offset": offset, "submissionId": submission.submission_id}
        if not wait:
            headers = [("Location", stream_url), ("Stream-Next-Offset", offset)]
            return json_response(receipt, status=202, headers=headers)
        try:
            return json_response({"result": await asyncio.shield(submission.result), **receipt})
        except Exception:  # noqa: BLE001 - whatever the agent raised; its stream says that it failed
            return responses.internal_error()


def parse_prompt(value: Any) -> Prompt | Response:
    """What an agent is sent, or the response that refuses it."""
    if isinstance(value, Response):
        return value
    if not _is_object(value) or not isinstance(value.get("message"), str) or not _are_images(value.get("images", [])):
        return responses.invalid_request(PROMPT_SHAPE)
    images = value.get("images", [])
    if any(len(image["data"]) > MAX_IMAGE_DATA for image in images):
        return responses.invalid_request(f"Image data exceeds the {MAX_IMAGE_DATA} character limit.")
    return Prompt(value["message"], images)


def _is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _are_images(value: object) -> bool:
    return _is_array(value) and all(map(_is_image, value))


def _is_array(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _is_image(value: object) -> bool:
    match value:
        case {"type": "image", "data": str(), "mimeType": str()}:
            return True
        case _:
            return False
