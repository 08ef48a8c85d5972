"""The HTTP routes of agents, with the order of checks of Flue 1.0."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeGuard

from flue.testing import answers
from flue.testing.agents import AgentFunction, AgentRunner, Prompt, agent_path
from flue.testing.answers import Answer, json_answer
from flue.testing.bodies import parse_body, refuse_wait
from flue.testing.store import format_offset

if TYPE_CHECKING:
    from flue.testing.http1 import RecordedRequest
    from flue.testing.streams import StreamReads
    from flue.testing.views import ConversationReads

MAX_IMAGE_DATA = 14 * 1024 * 1024
"""Characters of base64 in one image."""

PROMPT_SHAPE = 'Direct agent requests must use JSON object body { "message": string, "images"?: image[] }.'


class AgentRoutes:
    """Answers requests to agents.

    Args:
        agents: By name; may grow while the server runs.
        runner: Runs them.
        reads: Answers reads of event streams: betas 3 to 7.
        views: Answers reads of conversations, instead: betas 8 and 9.
        scheme: Of the URLs that are handed out.
    """

    def __init__(
        self,
        *,
        agents: dict[str, AgentFunction],
        runner: AgentRunner,
        reads: StreamReads,
        views: ConversationReads | None,
        scheme: str,
    ) -> None:
        self._agents = agents
        self._runner = runner
        self._reads = reads
        self._views = views
        self._scheme = scheme

    async def answer(self, request: RecordedRequest, name: str, instance_id: str) -> Answer:
        """The answer for an agent instance."""
        refusal = refuse_wait(request) if request.method == "POST" else None
        if refusal is not None:
            return refusal
        if request.method not in {"GET", "HEAD", "POST"}:
            return answers.method_not_allowed(request.method, "GET", "HEAD", "POST")
        if not name.strip() or not instance_id.strip():
            shape = "Agent URLs must have the shape /agents/<name>/<id> with non-empty segments."
            return answers.invalid_request(shape)
        function = self._agents.get(name)
        if function is None:
            return answers.agent_not_found(name)
        if request.method == "POST":
            return await self._prompt(request, name, instance_id, function, wait=request.first("wait") is not None)
        if self._views is not None:
            return await self._views.read(name, instance_id, request)
        path = agent_path(name, instance_id)
        answer = self._reads.head(path) if request.method == "HEAD" else await self._reads.read(path, request)
        return answer or answers.stream_not_found(path)

    async def _prompt(
        self, request: RecordedRequest, name: str, instance_id: str, function: AgentFunction, *, wait: bool
    ) -> Answer:
        prompt = parse_prompt(parse_body(request))
        if isinstance(prompt, Answer):
            return prompt
        submission = self._runner.submit(name, instance_id, function, prompt)
        offset = submission.offset if self._views is None else submission.conversation_offset
        if wait and self._views is not None and offset == format_offset(0):
            offset = "-1"  # so betas 8 and 9 name the start of a new conversation, if its first answer is waited for
        # From the request itself: behind a proxy it may name a host that the client does not know.
        stream_url = f"{self._scheme}://{request.header('host') or '127.0.0.1'}{request.path}"
        receipt = {"streamUrl": stream_url, "offset": offset, "submissionId": submission.submission_id}
        if not wait:
            headers = [("Location", stream_url), ("Stream-Next-Offset", offset)]
            return json_answer(receipt, status=202, headers=headers)
        try:
            return json_answer({"result": await asyncio.shield(submission.result), **receipt})
        except Exception:  # noqa: BLE001 - whatever the agent raised; its stream says that it failed
            return answers.internal_error()


def parse_prompt(value: Any) -> Prompt | Answer:
    """What an agent is sent, or the answer that refuses it."""
    if isinstance(value, Answer):
        return value
    if not _is_object(value) or not isinstance(value.get("message"), str) or not _are_images(value.get("images", [])):
        return answers.invalid_request(PROMPT_SHAPE)
    images = value.get("images", [])
    if any(len(image["data"]) > MAX_IMAGE_DATA for image in images):
        return answers.invalid_request(f"Image data exceeds the {MAX_IMAGE_DATA} character limit.")
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
