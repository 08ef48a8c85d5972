"""Routes: errors in Flue's own words, what both generations have in common, and the routes of Flue 1.0."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flue.testing._http import Response, path_segments
from flue.testing._runs import InvalidInputError, run_path
from flue.testing._store import UNSET, Unset, agent_path, is_array, is_object, to_json

if TYPE_CHECKING:
    from flue.testing._http import Headers, RecordedRequest
    from flue.testing._runs import AgentFunction, Runner, Workflow
    from flue.testing._store import Store
    from flue.testing._streams import EventStreamReader

SECURITY_HEADERS: Headers = [("X-Content-Type-Options", "nosniff"), ("Cross-Origin-Resource-Policy", "cross-origin")]
JSON_TYPE = ("content-type", "application/json")
NO_STORE = ("cache-control", "no-store")

ERRORS = {
    "invalid_request": (400, "Request is malformed.", "{reason}"),
    "invalid_json": (
        400,
        "Request body is not valid JSON.",
        (
            "The JSON parser reported: {problem}\n"
            "Verify the body is well-formed JSON, or omit the body entirely if the request doesn't have a payload."
        ),
    ),
    "run_not_found": (
        404,
        'Run "{run_id}" was not found.',
        "Verify the run id is correct and its history is still available.",
    ),
    "workflow_not_found": (404, 'Workflow "{name}" is not registered.', "Verify the workflow name is correct."),
    "agent_not_found": (404, 'Agent "{name}" is not registered.', "Verify the agent name is correct."),
    "agent_instance_not_found": (
        404,
        'Agent instance "{id}" was not found.',
        (
            "No instance with this id and uid exists. The id may be wrong, or the instance was re-created and this uid "
            "names its previous incarnation. Send without a uid to deliver unconditionally."
        ),
    ),
    "stream_not_found": (
        404,
        'Event stream "{path}" was not found.',
        "Streams are created when their agent instance receives its first prompt{or_else}.",
    ),
    "attachment_not_found": (
        404,
        'Attachment "{id}" was not found.',
        "The attachment id may be incorrect, or it belongs to a conversation other than the default one.",
    ),
    "method_not_allowed": (
        405,
        "HTTP method {method} is not allowed on this endpoint.",
        "This endpoint accepts {allowed} only.",
    ),
    "agent_instance_exists": (
        409,
        'Agent instance "{id}" already exists.',
        'Continue it with uid "{uid}", or pick a fresh id to create.',
    ),
    "submission_conflict": (
        409,
        "This idempotency key already names a different submission.",
        (
            "The key names the delivery, not the outcome: retry the identical payload to converge on the existing "
            "submission, or use a fresh key to deliver something new."
        ),
    ),
    "unsupported_media_type": (
        415,
        "Request body must be sent as application/json.",
        (
            "{received}\n"
            'Send the request body as JSON with the header "Content-Type: application/json", or omit the body '
            "entirely (and the Content-Type header) if the request doesn't have a payload."
        ),
    ),
    "stream_offset_gone": (
        416,
        'Stream offset "{offset}" is beyond the current head of "{path}".',
        (
            "The stream is shorter than the requested resume offset — it was likely reset since the offset was "
            "checkpointed. Re-read the conversation history and resume from its offset."
        ),
    ),
    # Flue answers 500 here, not 4xx.
    "action_input_validation": (500, 'Action "workflow" input does not match the required schema.', ""),
    "workflow_input_unexpected": (500, "This workflow does not accept input.", ""),
    "product_event_version_unsupported": (
        500,
        "Persisted product event version {version} is unsupported.",
        "The persisted event cannot be read or replayed safely by this runtime.",
    ),
    "internal_error": (
        500,
        "An internal error occurred.",
        "The server encountered an unexpected error while handling this request.",
    ),
}
"""By their type: status, message and details."""


class RefusedError(Exception):
    """A request is refused, in Flue's error envelope.

    Args:
        kind: One of `ERRORS`.
        headers: Behind those of every error.
        meta: Of the envelope.
        ref: Under which the server has logged the failure.
        values: What message and details leave open.
    """

    def __init__(
        self, kind: str, *, headers: Headers | None = None, meta: Any = None, ref: str | None = None, **values: str
    ) -> None:
        super().__init__(kind)
        status, message, details = ERRORS[kind]
        error = {"type": kind, "message": message.format(**values), "details": details.format(**values)}
        error |= {} if meta is None else {"meta": meta}
        error |= {} if ref is None else {"ref": ref}
        lowered = [(name.lower(), value) for name, value in SECURITY_HEADERS]
        logged = [] if ref is None else [("flue-error-ref", ref)]
        self.response = json_response({"error": error}, status=status, headers=[*lowered, *(headers or []), *logged])


def json_response(value: Any, *, status: int = 200, headers: Headers | None = None) -> Response:
    return Response(status, [JSON_TYPE, *(headers or [])], to_json(value))


def accepted(receipt: dict[str, Any]) -> Response:
    headers = [("Location", receipt["streamUrl"]), ("Stream-Next-Offset", receipt["offset"])]
    return json_response(receipt, status=202, headers=headers)


def as_hono_copies(response: Response) -> Response:
    """Hono makes a new response of some: the names of its headers are in lower case and sorted."""
    return replace(response, headers=sorted((name.lower(), value) for name, value in response.headers))


def invalid(reason: str) -> RefusedError:
    """The request makes no sense."""
    return RefusedError("invalid_request", reason=reason)


def check_method(request: RecordedRequest, *allowed: str) -> None:
    if request.method not in allowed:
        quoted = ", ".join(f'"{name}"' for name in allowed)
        headers = [("Allow", ", ".join(allowed))]
        raise RefusedError("method_not_allowed", headers=headers, method=request.method, allowed=quoted)


def parse_body(request: RecordedRequest) -> Any:
    """The JSON body, or `UNSET` when there is none."""
    length, content_type = request.header("content-length"), request.header("content-type")
    if content_type is None if length is None else int(length) == 0:
        return UNSET
    if content_type is None or "application/json" not in content_type.lower():
        received = f'Received Content-Type: "{content_type}".' if content_type else "No Content-Type header was sent."
        raise RefusedError("unsupported_media_type", received=received)
    text = request.body.decode("utf-8-sig", "replace")
    if not text.strip():
        return UNSET
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RefusedError("invalid_json", problem=str(error)) from error


def _no_constant(name: str) -> None:
    msg = f"Unexpected token {name}"
    raise ValueError(msg)


def is_image(value: object) -> bool:
    match value:
        case {"type": "image", "data": str(), "mimeType": str()}:
            return True
        case _:
            return False


MAX_IMAGE_DATA = 14 * 1024 * 1024
"""Characters of base64 in one image."""

IMAGE_TOO_LONG = f"Image data exceeds the {MAX_IMAGE_DATA} character limit."


class Routes:
    """Answers requests: what both generations of Flue have in common.

    Args:
        base_path: What every path begins with; empty or beginning with a slash.
        token: The bearer token that every request must carry, or `None`.
        scheme: Of the URLs that are handed out.
    """

    no_route: Response
    """404 of the router, for paths that no route matches: plain text."""

    def __init__(self, base_path: str, token: str | None, scheme: str) -> None:
        self._base_path = base_path
        self._token = token
        self._scheme = scheme

    async def respond(self, request: RecordedRequest) -> Response:
        try:
            response = await self._respond(request) or self.no_route
        except RefusedError as refused:
            response = refused.response
        return as_hono_copies(response) if request.method == "HEAD" else response

    async def _respond(self, request: RecordedRequest) -> Response | None:
        segments = path_segments(request.path, self._base_path)
        if segments is None:
            return None
        authorization = request.header("authorization")
        if self._token is not None and authorization != f"Bearer {self._token}":
            return self._unauthorized(authorization)
        return await self._route(request, segments)

    def _unauthorized(self, authorization: str | None) -> Response:
        """The response of the application in front of Flue, without Flue's own headers."""
        raise NotImplementedError

    async def _route(self, request: RecordedRequest, segments: list[str]) -> Response | None:
        """The response to an authorized request; `None` when no route matches."""
        raise NotImplementedError

    def _receipt(self, request: RecordedRequest, offset: str, submission_id: str, **more: Any) -> dict[str, Any]:
        # From the request itself: behind a proxy it may name a host that the client does not know.
        stream_url = f"{self._scheme}://{request.header('host') or '127.0.0.1'}{request.path}"
        return {"streamUrl": stream_url, "offset": offset, "submissionId": submission_id, **more}


PROMPT_SHAPE = 'Direct agent requests must use JSON object body { "message": string, "images"?: image[] }.'


class RunRoutes(Routes):
    """The routes of Flue 1.0 in its order of checks: runs, workflows, and agents as in betas 3 to 7.

    Workflows and agents, by name, may grow while the server runs.
    """

    no_route = Response(404, [("Content-Type", "text/plain; charset=UTF-8")], b"404 Not Found")

    def __init__(
        self,
        base_path: str,
        token: str | None,
        scheme: str,
        *,
        store: Store,
        reader: EventStreamReader,
        runner: Runner,
        workflows: dict[str, Workflow],
        agents: dict[str, AgentFunction],
    ) -> None:
        super().__init__(base_path, token, scheme)
        self._store = store
        self._reader = reader
        self._runner = runner
        self._workflows = workflows
        self._agents = agents

    def _unauthorized(self, authorization: str | None) -> Response:  # noqa: ARG002 - one answer to all
        error = {"type": "unauthorized", "message": "Unauthorized", "details": "bad token"}
        return Response(401, [("Content-Type", "application/json")], to_json({"error": error}))

    async def _route(self, request: RecordedRequest, segments: list[str]) -> Response | None:
        match segments:
            case ["runs", run_id] if run_id:
                return await self._run(request, run_id)
            case ["workflows", name] if name:
                return await self._workflow(request, name)
            case ["agents", name, instance_id] if name and instance_id:
                return await self._agent(request, name, instance_id)
            case _:
                return None

    async def _run(self, request: RecordedRequest, run_id: str) -> Response:
        path = run_path(run_id)
        record = self._store.document(path)
        workflow = None if record is None else self._workflows.get(record["workflowName"])
        if record is None or (workflow is not None and not workflow.runs):
            raise RefusedError("run_not_found", run_id=run_id)
        check_method(request, "GET", "HEAD")
        if request.method == "GET" and request.first("meta") is not None:
            return json_response(record)
        response = await self._reader.read(path, request)
        if response is None:
            raise RefusedError("run_not_found", run_id=run_id)
        return response

    async def _workflow(self, request: RecordedRequest, name: str) -> Response:
        check_method(request, "POST")
        waits = wants_result(request)
        if not name.strip():
            raise invalid("Workflow URLs must have the shape /workflows/<name> with a non-empty segment.")
        workflow = self._workflows.get(name)
        if workflow is None:
            raise RefusedError("workflow_not_found", name=name)
        value = parse_body(request)
        check_input(workflow, value)
        run_id, result = self._runner.invoke(workflow, value)
        if not waits:
            return json_response({"runId": run_id}, status=202)
        return json_response({"result": await finished(result), "runId": run_id})

    async def _agent(self, request: RecordedRequest, name: str, instance_id: str) -> Response:
        waits = request.method == "POST" and wants_result(request)
        check_method(request, "GET", "HEAD", "POST")
        if not name.strip() or not instance_id.strip():
            raise invalid("Agent URLs must have the shape /agents/<name>/<id> with non-empty segments.")
        function = self._agents.get(name)
        if function is None:
            raise RefusedError("agent_not_found", name=name)
        if request.method == "POST":
            message, images = parse_prompt(parse_body(request))
            offset, submission_id, result = self._runner.prompt(name, instance_id, function, message, images)
            receipt = self._receipt(request, offset, submission_id)
            return json_response({"result": await finished(result), **receipt}) if waits else accepted(receipt)
        path = agent_path(name, instance_id)
        response = await self._reader.read(path, request)
        if response is None:
            raise RefusedError("stream_not_found", path=path, or_else=" or their workflow run starts")
        return response


def wants_result(request: RecordedRequest) -> bool:
    """Whether the request waits for the result: ``wait``, when it is there, is ``result``."""
    waits = request.all("wait")
    if waits not in ([], ["result"]):
        shown = "Array" if len(waits) > 1 else json.dumps(waits[0], ensure_ascii=False)
        raise invalid(f'Invalid query parameters: wait: Invalid type: Expected "result" but received {shown}')
    return bool(waits)


async def finished(work: asyncio.Task[Any]) -> Any:
    try:
        # Shielded: it goes on when the client that waits for it leaves.
        return await asyncio.shield(work)
    except Exception as error:
        raise RefusedError("internal_error") from error  # its stream says what it was


def check_input(workflow: Workflow, value: Any) -> None:
    if not workflow.accepts_input:
        if not isinstance(value, Unset):
            raise RefusedError("workflow_input_unexpected")
    elif workflow.validate is not None:
        try:
            workflow.validate({} if isinstance(value, Unset) else value)
        except (ValueError, TypeError, LookupError) as error:
            issue: dict[str, Any] = {"message": str(error)}
            issue |= {"path": error.path} if isinstance(error, InvalidInputError) else {}
            meta = {"action": "workflow", "issues": [issue]}
            raise RefusedError("action_input_validation", meta=meta) from error


def parse_prompt(value: Any) -> tuple[str, list[Any]]:
    sent = value if is_object(value) else {}
    message, images = sent.get("message"), sent.get("images", [])
    if not isinstance(message, str) or not is_array(images) or not all(map(is_image, images)):
        raise invalid(PROMPT_SHAPE)
    if any(len(image["data"]) > MAX_IMAGE_DATA for image in images):
        raise invalid(IMAGE_TOO_LONG)
    return message, images
