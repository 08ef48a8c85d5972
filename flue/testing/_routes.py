"""Routes: errors in Flue's own words, what both generations have in common, and the routes of Flue 1.0.

What looks odd in the reads here is what that server does: a long poll that times out answers with the offset it was
asked for, and looks at "closed" only then; a keep-alive control frame is followed by another one.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from flue.testing._http import Response, path_segments
from flue.testing._runs import InvalidInputError, run_path
from flue.testing._store import (
    Page,
    agent_path,
    format_offset,
    is_array,
    is_object,
    parse_offset,
    to_json,
)
from flue.types import UNSET, Unset

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from flue.testing._http import Headers, RecordedRequest
    from flue.testing._runs import Runner, Workflow
    from flue.testing._store import Store

Read: TypeAlias = Callable[[int], Page | None]
"""Returns the page behind a position of one stream; `None` when the stream has ended."""

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


@dataclass(frozen=True, slots=True)
class RouteOptions:
    """What is asked of requests, and how reads behave; see `FlueTestServer`."""

    base_path: str
    token: str | None
    scheme: str
    poll_hold: float
    heartbeat: float
    page_limit: int
    check_versions: bool


class StreamCondition:
    """Readers that wait for a change of a stream. Used on one loop of the server only."""

    def __init__(self) -> None:
        self._changes: dict[str, asyncio.Event] = {}

    def wake(self, path: str) -> None:
        if path in self._changes:
            self._changes.pop(path).set()

    async def wait(self, path: str, ready: Callable[[], bool], seconds: float) -> bool:
        """Wait until a change makes `ready` true; `False` when none did in time.

        A wake-up may come late, for a change that the reader has seen already: then it goes on waiting.
        """
        try:
            async with asyncio.timeout(seconds):
                while not ready():
                    await self._changes.setdefault(path, asyncio.Event()).wait()
        except TimeoutError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent as registered; see `FlueTestServer.add_agent`."""

    function: Callable[[Any], Any]
    validate_initial_data: Callable[[Any], object] | None = None


class Routes:
    """Answers requests: what both generations of Flue have in common.

    Args:
        options: Of the server.
        condition: Readers that wait.
        agents: By name; they may grow while the server runs.
    """

    no_route: Response
    """404 of the router, for paths that no route matches: plain text."""

    def __init__(self, options: RouteOptions, condition: StreamCondition, agents: dict[str, Agent]) -> None:
        self._options = options
        self._condition = condition
        self._agents = agents

    async def respond(self, request: RecordedRequest) -> Response:
        try:
            response = await self._respond(request) or self.no_route
        except RefusedError as refused:
            response = refused.response
        return as_hono_copies(response) if request.method == "HEAD" else response

    async def _respond(self, request: RecordedRequest) -> Response | None:
        segments = path_segments(request.path, self._options.base_path)
        if segments is None:
            return None
        token, authorization = self._options.token, request.header("authorization")
        if token is not None and authorization != f"Bearer {token}":
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
        stream_url = f"{self._options.scheme}://{request.header('host') or '127.0.0.1'}{request.path}"
        return {"streamUrl": stream_url, "offset": offset, "submissionId": submission_id, **more}

    async def _wait(self, path: str, read: Read, after: int, seconds: float) -> bool:
        """Wait for something behind a position, or the end of the stream; `False` when neither came in time."""

        def has_news() -> bool:
            page = read(after)
            return page is None or page.next_position > after or page.closed

        return await self._condition.wait(path, has_news, seconds)

    def _event_stream(self, path: str, read: Read, after: int, checkpoint: bytes | None = None) -> Response:
        """The response to a read by server-sent events.

        Args:
            path: Of the stream.
            read: Reads it.
            after: The position behind which it begins.
            checkpoint: The item of the first frame, in Flue 2. Without, a keep-alive is two control frames, and
                heartbeats are counted from the start, as in Flue 1.0.
        """
        headers = [("content-type", "text/event-stream"), ("cache-control", "no-cache"), *SECURITY_HEADERS]
        return Response(200, headers, self._frames(path, read, after, checkpoint))

    async def _frames(self, path: str, read: Read, after: int, checkpoint: bytes | None) -> AsyncGenerator[bytes, None]:
        """A failure inside breaks the body off: the head is out already."""
        heartbeat: float | None = None
        if checkpoint is None:
            heartbeat = time.monotonic() + self._options.heartbeat
        else:
            yield _frame("data", b"[" + checkpoint + b"]")
        while (page := read(after)) is not None:
            if page.events:
                yield _frame("data", to_array(page))
            after = page.next_position
            yield _control_frame(page, has_cursor=checkpoint is None)
            if page.closed and page.up_to_date:
                return
            idle_until = time.monotonic() + self._options.poll_hold
            heartbeat = time.monotonic() + self._options.heartbeat if heartbeat is None else heartbeat
            while page.up_to_date:
                due = min(heartbeat, idle_until)
                if await self._wait(path, read, after, due - time.monotonic()):
                    if checkpoint is None:
                        # Flue 1.0's stream looks a turn later than its long poll: the end of a run and the close of
                        # its stream arrive in one batch here, and in two responses there.
                        await asyncio.sleep(0)
                    break
                if due == idle_until:
                    if checkpoint is None:
                        yield _control_frame(Page([], after, up_to_date=True, closed=False), has_cursor=True)
                    break
                heartbeat += self._options.heartbeat
                yield b": heartbeat\n\n"


def _control_frame(page: Page, *, has_cursor: bool) -> bytes:
    """Says how far a page went, and whether the stream is closed there."""
    control: dict[str, Any] = {"streamNextOffset": format_offset(page.next_position)}
    if page.closed and page.up_to_date:
        control["streamClosed"] = True
    else:
        control |= {"streamCursor": make_cursor()} if has_cursor else {}
        control |= {"upToDate": True} if page.up_to_date else {}
    return _frame("control", to_json(control))


def _frame(kind: str, data: bytes) -> bytes:
    return f"event: {kind}\ndata:".encode() + data + b"\n\n"


def to_array(page: Page) -> bytes:
    return b"[" + b",".join(page.events) + b"]"


# Flue 1.0

CURSOR_EPOCH = 1_728_432_000
CURSOR_INTERVAL = 20
# Not the module's shared generator: a test that seeds that one must not see the time of day in its draws.
_jumps = random.Random()


def make_cursor(echoed: str | None = None) -> str:
    """The cursor of now, or one ahead of what the client sent when that is not older."""
    interval = int((time.time() - CURSOR_EPOCH) // CURSOR_INTERVAL)
    number = re.match(r"\s*[+-]?[0-9]+", echoed or "")
    if number is None or int(number[0]) < interval:
        return str(interval)
    return str(int(number[0]) + _jumps.randint(1, 180))


# The headers of each kind of response, in its order.
SECURITY = [name for name, _ in SECURITY_HEADERS]
END = ["Stream-Up-To-Date", "Stream-Closed"]
CATCH_UP = ["content-type", "Stream-Next-Offset", "cache-control", *SECURITY, "etag", *END]
CATCH_UP_NOW = [name for name in CATCH_UP if name != "etag"]  # there is nothing to be cached
POLL = ["content-type", "cache-control", *SECURITY, "Stream-Next-Offset", "Stream-Cursor", *END, "etag"]
EMPTY_POLL = [*SECURITY, "Stream-Next-Offset", "Stream-Up-To-Date", "Stream-Cursor", "Stream-Closed"]


def make_headers(names: list[str], path: str, offset: str, page: Page, echoed: str | None = None) -> Headers:
    """The headers of a page, as far as this kind of response has them.

    Args:
        names: Of the headers.
        path: Of the stream.
        offset: Behind which the page begins.
        page: What was found.
        echoed: The cursor that the client has sent.
    """
    next_offset, closed = format_offset(page.next_position), page.closed and page.up_to_date
    etag = f'"{base64.b64encode(path.encode()).decode()}:{offset}:{next_offset}{":c" if closed else ""}"'
    values = dict([JSON_TYPE, NO_STORE, *SECURITY_HEADERS])
    values |= {"Stream-Next-Offset": next_offset, "Stream-Cursor": make_cursor(echoed), "etag": etag}
    values |= {"Stream-Up-To-Date": "true"} if page.up_to_date else {}
    values |= {"Stream-Closed": "true"} if closed else {}
    return [(name, values[name]) for name in names if name in values]


class UnsupportedVersionError(RefusedError):
    """An event of another version than 3 lies in the stream."""

    def __init__(self, version: Any) -> None:
        meta = {"supportedVersion": 3} if version is None else {"storedVersion": version, "supportedVersion": 3}
        shown = "undefined" if version is None else version if isinstance(version, str) else json.dumps(version)
        super().__init__("product_event_version_unsupported", meta=meta, version=shown)


PROMPT_SHAPE = 'Direct agent requests must use JSON object body { "message": string, "images"?: image[] }.'


class RunRoutes(Routes):
    """The routes of Flue 1.0 in its order of checks: runs, workflows, and agents as in betas 3 to 7.

    Workflows, by name, may grow while the server runs.
    """

    no_route = Response(404, [("Content-Type", "text/plain; charset=UTF-8")], b"404 Not Found")

    def __init__(
        self,
        options: RouteOptions,
        condition: StreamCondition,
        agents: dict[str, Agent],
        *,
        store: Store,
        runner: Runner,
        workflows: dict[str, Workflow],
    ) -> None:
        super().__init__(options, condition, agents)
        self._store = store
        self._runner = runner
        self._workflows = workflows

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
        return await self._read(path, request)

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
        agent = self._agents.get(name)
        if agent is None:
            raise RefusedError("agent_not_found", name=name)
        if request.method == "POST":
            message, images = parse_prompt(parse_body(request))
            offset, submission_id, result = self._runner.prompt(name, instance_id, agent.function, message, images)
            receipt = self._receipt(request, offset, submission_id)
            return json_response({"result": await finished(result), **receipt}) if waits else accepted(receipt)
        return await self._read(agent_path(name, instance_id), request)

    async def _read(self, path: str, request: RecordedRequest) -> Response:
        """The response to a GET or HEAD of a stream."""
        tail = self._store.tail(path)
        if request.method == "GET":
            _check_parameters(request)
        if tail is None:
            raise RefusedError("stream_not_found", path=path, or_else=" or their workflow run starts")
        if request.method == "HEAD":
            return Response(200, make_headers(CATCH_UP, path, "-1", tail), None)
        live = request.first("live")
        offset = _start(request, tail.next_position, live=live is not None)
        read = partial(self._page, path)
        if live == "sse":
            return self._event_stream(path, read, parse_offset(offset))
        if live == "long-poll":
            return await self._long_poll(path, offset, request.first("cursor"))
        if offset == "now":
            return Response(200, make_headers(CATCH_UP_NOW, path, offset, tail), to_array(tail))
        page = self._page(path, parse_offset(offset))
        headers = make_headers(CATCH_UP, path, offset, page)
        etag = ("etag", dict(headers)["etag"])
        if request.header("if-none-match") == etag[1]:
            return Response(304, [etag, *SECURITY_HEADERS], None)
        return Response(200, headers, to_array(page))

    async def _long_poll(self, path: str, offset: str, echoed: str | None) -> Response:
        after = parse_offset(offset)
        read = partial(self._page, path)
        page = read(after)
        if not page.events and not page.closed and await self._wait(path, read, after, self._options.poll_hold):
            page = read(after)
        if page.events:
            return Response(200, make_headers(POLL, path, offset, page, echoed), to_array(page))
        # The offset that was asked for, which need not be the end of the stream.
        nothing = Page([], after, up_to_date=True, closed=self._store.read(path, after, 0).closed)
        return Response(204, make_headers(EMPTY_POLL, path, offset, nothing, echoed), None)

    def _page(self, path: str, after: int) -> Page:
        page = self._store.read(path, after, self._options.page_limit)
        if self._options.check_versions:
            for event in page.events:
                _check_version(event)
        return page


def _check_parameters(request: RecordedRequest) -> None:
    """Refuse a read that makes no sense, in Flue's words and order."""
    offsets, tails, live = request.all("offset"), request.all("tail"), request.first("live")
    if len(offsets) > 1:
        raise invalid("Duplicate offset parameters are not allowed.")
    if len(tails) > 1:
        raise invalid("Duplicate tail parameters are not allowed.")
    if tails and not re.fullmatch(r"[1-9][0-9]*", tails[0]):
        raise invalid("Tail must be an integer greater than or equal to 1.")
    if live is not None and not offsets:
        raise invalid("Offset is required for live mode.")
    if live not in {None, "long-poll", "sse"}:
        raise invalid('Invalid live mode. Use "long-poll" or "sse".')
    if offsets and not re.fullmatch(r"-1|now|[0-9]+_[0-9]+", offsets[0]):
        raise invalid("Invalid offset format.")


def _start(request: RecordedRequest, last: int, *, live: bool) -> str:
    """The offset behind which a read begins. A tail counts from the start of the stream only."""
    offset, tail = request.first("offset") or "-1", request.first("tail")
    if offset == "now" and live:
        return format_offset(last)
    if offset == "-1" and tail is not None:
        return format_offset(max(-1, last - int(tail)))
    return offset


def _check_version(event: bytes) -> None:
    match json.loads(event):
        case {"v": 3 | 3.0 as version} if version is not True:
            return
        case {"v": version}:
            raise UnsupportedVersionError(version)
        case _:
            raise UnsupportedVersionError(None)


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
