"""The HTTP routes of Flue 2.1: one conversation behind one URL, with that server's order of checks and its words."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeGuard

from flue.testing import _responses as responses
from flue.testing._conversations import Conversation, ReceivedAttachment, ReceivedMessage, conversation_path
from flue.testing._http import Response, path_segments
from flue.testing._responses import (
    JSON_TYPE,
    NO_STORE,
    SECURITY_HEADERS,
    error_response,
    invalid_request,
    json_response,
    parse_body,
)
from flue.testing._store import UNSET, format_offset, make_id, parse_offset, to_json

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from flue.testing._conversations import Conversations
    from flue.testing._http import Headers, RecordedRequest
    from flue.testing._store import Page
    from flue.testing._streams import ReadOptions, StreamCondition
    from flue.testing._turns import ConversationFunction, ConversationRunner

MAX_ATTACHMENT_DATA = 14 * 1024 * 1024
"""Characters of base64 in one attachment."""

MAX_KEY = 256

RESERVED_SIGNALS = {
    "resources",
    "instructions",
    "environment",
    "stream_interrupted",
    "stream_continued",
    "submission_aborted",
    "submission_interrupted",
    "compaction",
    "memory",
}

MESSAGE_SHAPE = (
    'Delivered messages must be { kind: "user", body: string, attachments?: attachment[] } or '
    '{ kind: "signal", type: string, body: string, attributes?: Record<string, string>, tagName?: string }.'
)
BLANK_ID = "Agent conversation URLs must end with a non-empty conversation id segment."
NO_WAIT = (
    "Agent prompts are fire-and-forget and do not support `?wait=result`. Await completion with the SDK client's "
    "`wait()`, or read the conversation stream (GET this URL)."
)
NO_SEED = (
    "A send conditioned on an existing instance (`uid`) cannot carry `initialData` — the condition forbids creation, "
    "so the seed could never apply."
)


@dataclass(frozen=True, slots=True)
class ConversationAgent:
    """An agent as registered; see `FlueTestServer.add_agent`."""

    function: ConversationFunction
    validate_initial_data: Callable[[Any], object] | None = None


@dataclass(frozen=True, slots=True)
class _Send:
    """The body of a POST, checked."""

    message: dict[str, Any]
    initial_data: Any
    uid: Any
    idempotency_key: str | None

    @property
    def fingerprint(self) -> str:
        """What two requests with one idempotency key must have in common."""
        payload = {"message": self.message}
        if self.initial_data is not UNSET:
            payload["initialData"] = self.initial_data
        return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()


class ConversationRoutes:
    """Answers requests to conversations.

    Args:
        base_path: What every path begins with; empty or beginning with a slash.
        token: The bearer token that every request must carry, or `None`.
        scheme: Of the URLs that are handed out.
        agents: By name; may grow while the server runs.
        conversations: Where their conversations are.
        runner: Runs them.
        options: How reads behave.
        condition: Readers that wait.
    """

    def __init__(
        self,
        *,
        base_path: str,
        token: str | None,
        scheme: str,
        agents: dict[str, ConversationAgent],
        conversations: Conversations,
        runner: ConversationRunner,
        options: ReadOptions,
        condition: StreamCondition,
    ) -> None:
        self._base_path = base_path
        self._token = token
        self._scheme = scheme
        self._agents = agents
        self._conversations = conversations
        self._runner = runner
        self._options = options
        self._condition = condition

    async def respond(self, request: RecordedRequest) -> Response:
        """The response of the route that the request names."""
        response = await self._respond(request)
        return _as_hono_copies(response) if request.method == "HEAD" else response

    async def _respond(self, request: RecordedRequest) -> Response:
        segments = path_segments(request.path, self._base_path)
        if segments is None:
            return _no_route()
        if self._token is not None:
            authorization = request.header("authorization")
            if authorization is None:
                return _middleware_error(401, "unauthorized", "Unauthorized", "missing bearer token")
            if authorization != f"Bearer {self._token}":
                return _middleware_error(403, "forbidden", "Forbidden", "bad bearer token")
        match segments:
            case ["agents", name, conversation_id, *rest] if name in self._agents and conversation_id:
                pass
            case _:
                return _no_route()
        match rest:
            case []:
                return await self._conversation(request, name, conversation_id)
            case ["abort"]:
                return self._abort(request, name, conversation_id)
            case ["attachments", attachment_id] if attachment_id:
                return self._attachment(request, name, conversation_id, attachment_id)
            case _:
                return _no_route()

    async def _conversation(self, request: RecordedRequest, name: str, conversation_id: str) -> Response:
        if request.method not in {"GET", "HEAD", "POST"}:
            return responses.method_not_allowed(request.method, "GET", "HEAD", "POST")
        if not conversation_id.strip():
            return invalid_request(BLANK_ID)
        if request.method == "POST":
            return self._send(request, name, conversation_id)
        conversation = self._conversations.get(name, conversation_id)
        if request.method == "HEAD":
            if conversation is None:
                return _stream_not_found(name, conversation_id)
            return Response(200, _read_headers(conversation.head, up_to_date=True), None)
        return await self._read(request, name, conversation_id, conversation)

    # POST

    def _send(self, request: RecordedRequest, name: str, conversation_id: str) -> Response:
        if request.first("wait") is not None:
            return invalid_request(NO_WAIT)
        send = _parse_send(parse_body(request))
        if isinstance(send, Response):
            return send
        # From the request itself: behind a proxy it may name a host that the client does not know.
        stream_url = f"{self._scheme}://{request.header('host') or '127.0.0.1'}{request.path}"
        conversation = self._conversations.get(name, conversation_id)
        # The key is looked up before the condition: a repeated creation converges, too.
        if conversation is not None and send.idempotency_key is not None:
            known = conversation.keyed_submission(send.idempotency_key)
            if known is not None and known["fingerprint"] != send.fingerprint:
                return _submission_conflict(known["submissionId"])
            if known is not None:
                return _receipt(stream_url, "-1", known["submissionId"], conversation.uid, deduplicated=True)
        refused = _check_uid(send.uid, conversation, conversation_id)
        if refused is not None:
            return refused
        agent = self._agents[name]
        if conversation is None:
            refused = _check_initial_data(agent, send.initial_data)
            if refused is not None:
                return refused
            conversation = self._conversations.create(name, conversation_id, send.initial_data)
        return self._admit(send, stream_url, name, conversation_id, conversation)

    def _admit(
        self, send: _Send, stream_url: str, name: str, conversation_id: str, conversation: Conversation
    ) -> Response:
        submission_id = make_id("sub")
        if send.idempotency_key is not None:
            digest = hashlib.sha256(f"{conversation.path}\0{send.idempotency_key}".encode()).hexdigest()
            submission_id = f"sub_ik_{digest[:32]}"
        try:
            message = _received(send.message, submission_id)
        except binascii.Error:
            return _internal_error_with_ref()
        if send.idempotency_key is not None:
            known = {"submissionId": submission_id, "fingerprint": send.fingerprint}
            conversation.add_key(send.idempotency_key, known)
        for attachment in message.attachments:
            conversation.add_attachment(attachment)
        offset = format_offset(conversation.head)
        self._runner.submit(self._agents[name].function, name, conversation_id, conversation, message)
        return _receipt(stream_url, offset, submission_id, conversation.uid)

    def _abort(self, request: RecordedRequest, name: str, conversation_id: str) -> Response:
        if request.method != "POST":
            return responses.method_not_allowed(request.method, "POST")
        if not conversation_id.strip():
            return invalid_request(BLANK_ID)
        conversation = self._conversations.get(name, conversation_id)
        return json_response({"aborted": conversation is not None and self._runner.abort(conversation)})

    # GET

    def _attachment(self, request: RecordedRequest, name: str, conversation_id: str, attachment_id: str) -> Response:
        if request.method != "GET":
            return responses.method_not_allowed(request.method, "GET")
        conversation = self._conversations.get(name, conversation_id)
        if conversation is None:
            return _stream_not_found(name, conversation_id)
        found = conversation.attachment(attachment_id)
        if found is None:
            return _attachment_not_found(attachment_id)
        mime_type, data = found
        headers = [
            ("content-type", mime_type),
            ("content-disposition", "inline"),
            ("cache-control", "private, max-age=31536000, immutable"),
            ("content-security-policy", "sandbox"),
            *SECURITY_HEADERS,
        ]
        return Response(200, headers, data)

    async def _read(
        self, request: RecordedRequest, name: str, conversation_id: str, conversation: Conversation | None
    ) -> Response:
        view = request.first("view")
        view = "history" if view is None else view
        problem = _malformed_read(request, view)
        if problem is not None:
            return invalid_request(problem)
        if conversation is None:
            return _stream_not_found(name, conversation_id)
        if view == "history":
            snapshot = conversation.snapshot()
            headers = _read_headers(parse_offset(snapshot["offset"]), up_to_date=True)
            return _as_hono_copies(Response(200, headers, to_json(snapshot)))
        offset, live = request.all("offset")[0], request.first("live")
        after = parse_offset(offset)
        if not re.fullmatch(r"-1|0+_[0-9]+", offset):
            return _internal_error_with_ref()
        if after > conversation.head:
            return _offset_gone(conversation, offset)
        if offset not in {"-1", format_offset(after)}:  # Flue looks offsets up as it has written them
            return _internal_error_with_ref()
        if live == "sse":
            headers = [("content-type", "text/event-stream"), ("cache-control", "no-cache"), *SECURITY_HEADERS]
            return Response(200, headers, self._frames(conversation, after))
        if live == "long-poll":
            await self._wait(conversation, conversation.incarnation, after, self._options.poll_hold)
            if self._conversations.get(name, conversation_id) is not conversation:
                return _stream_not_found(name, conversation_id)
            if after > conversation.head:
                return _offset_gone(conversation, offset)
        with conversation.lock:
            page = conversation.read(after, self._options.page_limit)
            body = b"[" + b",".join([_checkpoint(conversation), *_chunks(page)]) + b"]"
        return _as_hono_copies(Response(200, _read_headers(page.next_position, up_to_date=page.up_to_date), body))

    async def _frames(self, conversation: Conversation, after: int) -> AsyncGenerator[bytes, None]:
        """The frames of a server-sent stream; it ends when the stream of the conversation does."""
        incarnation = conversation.incarnation
        heartbeat: float | None = None
        yield b"event: data\ndata:[" + _checkpoint(conversation) + b"]\n\n"
        while True:
            with conversation.lock:
                if self._is_gone(conversation, incarnation):
                    return
                page = conversation.read(after, self._options.page_limit)
            after = page.next_position
            chunks = _chunks(page)
            if chunks:
                yield b"event: data\ndata:[" + b",".join(chunks) + b"]\n\n"
            control = {"streamNextOffset": format_offset(after)} | ({"upToDate": True} if page.up_to_date else {})
            yield b"event: control\ndata:" + to_json(control) + b"\n\n"
            idle_until = time.monotonic() + self._options.poll_hold
            if heartbeat is None:
                heartbeat = time.monotonic() + self._options.heartbeat
            while page.up_to_date:
                due = min(heartbeat, idle_until)
                if await self._wait(conversation, incarnation, after, due - time.monotonic()):
                    break
                if due == idle_until:
                    break
                heartbeat += self._options.heartbeat
                yield b": heartbeat\n\n"

    async def _wait(self, conversation: Conversation, incarnation: str, after: int, seconds: float) -> bool:
        """Wait for a batch behind a position, or the end of the stream; `False` when neither came in time."""

        def changed() -> bool:
            return self._is_gone(conversation, incarnation) or conversation.head > after

        return await self._condition.wait(conversation.path, changed, seconds)

    def _is_gone(self, conversation: Conversation, incarnation: str) -> bool:
        return conversation.head < 0 or conversation.incarnation != incarnation


def _malformed_read(request: RecordedRequest, view: str) -> str | None:
    """What is wrong with the parameters of a read, in Flue's words, or `None`."""
    if view == "history":
        if any(request.first(parameter) is not None for parameter in ("offset", "tail", "live")):
            return "History reads do not accept offset, tail, or live parameters."
        return None
    if view != "updates":
        return "Invalid agent conversation view. Use history or updates."
    offsets = request.all("offset")
    if request.first("tail") is not None:
        return "Update streams do not accept tail."
    if len(offsets) != 1:
        return "Exactly one offset is required."
    if not re.fullmatch(r"-1|[0-9]+_[0-9]+", offsets[0]):
        return "Invalid offset format."
    if request.first("live") not in {None, "long-poll", "sse"}:
        return "Invalid live mode. Use long-poll or sse."
    return None


def _parse_send(value: Any) -> _Send | Response:
    """The body of a POST, or the response that refuses it."""
    if isinstance(value, Response):
        return value
    if not _is_object(value):
        return invalid_request(MESSAGE_SHAPE)
    key, uid, initial_data = (value.get(name, UNSET) for name in ("idempotencyKey", "uid", "initialData"))
    if uid is not UNSET and uid is not None and not isinstance(uid, str):
        return invalid_request(
            "`uid` must be a string (continue only that incarnation) or null (create only when fresh)."
        )
    message = _parse_message(value)
    if isinstance(message, Response):
        return message
    if key is not UNSET and (not isinstance(key, str) or not key):
        return invalid_request("`idempotencyKey` must be a non-empty string naming this delivery.")
    if isinstance(key, str) and len(key) > MAX_KEY:
        return invalid_request(f"`idempotencyKey` must be at most {MAX_KEY} characters.")
    if isinstance(uid, str) and initial_data is not UNSET:
        return invalid_request(NO_SEED)
    return _Send(message, initial_data, uid, key if isinstance(key, str) else None)


def _parse_message(value: dict[str, Any]) -> dict[str, Any] | Response:
    """The known fields of a message, or the response that refuses it; a value too long or reserved is told first."""
    known: tuple[str, ...]
    match value:
        case {"kind": "user", **rest}:
            problem = _attachments_problem(rest.get("attachments", []))
            fits = isinstance(rest.get("body"), str)
            known = ("kind", "body", "attachments")
        case {"kind": "signal", **rest}:
            problem = _signal_problem(rest)
            texts = (rest.get("type"), rest.get("body"), rest.get("tagName", ""))
            fits = all(isinstance(text, str) for text in texts) and bool(rest["type"])
            fits = fits and _is_text_map(rest.get("attributes", {}))
            known = ("kind", "type", "body", "attributes", "tagName")
        case _:
            return invalid_request(MESSAGE_SHAPE)
    if problem is not None or not fits:
        return invalid_request(problem or MESSAGE_SHAPE)
    return {name: value[name] for name in known if name in value}


def _attachments_problem(attachments: object) -> str | None:
    if not _is_array(attachments):
        return MESSAGE_SHAPE
    for attachment in attachments:
        data = attachment.get("data") if _is_object(attachment) else None
        if isinstance(data, str) and len(data) > MAX_ATTACHMENT_DATA:
            return f"Image data exceeds the {MAX_ATTACHMENT_DATA} character limit."
    return None if all(map(_is_attachment, attachments)) else MESSAGE_SHAPE


def _signal_problem(message: dict[str, Any]) -> str | None:
    kind, tag_name = message.get("type"), message.get("tagName")
    if isinstance(kind, str) and kind in RESERVED_SIGNALS:
        return (
            f'Signal type "{kind}" is framework-reserved vocabulary (the runtime\'s own narration and recovery '
            "signals) — use an application-specific type."
        )
    if isinstance(tag_name, str) and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", tag_name):
        return (
            'Signal message "tagName" must be a valid XML tag name (letters, digits, "_", "-", "."; must not start '
            'with a digit, "-", or ".").'
        )
    return None


def _received(message: dict[str, Any], submission_id: str) -> ReceivedMessage:
    """The message as the agent gets it.

    Raises:
        binascii.Error: The data of an attachment is not base64.
    """
    if message["kind"] == "signal":
        return ReceivedMessage(
            submission_id,
            "signal",
            message["body"],
            type=message["type"],
            attributes=message.get("attributes"),
            tag_name=message.get("tagName"),
        )
    attachments = tuple(
        ReceivedAttachment(
            f"att_direct_{submission_id}_{index}", _decode(sent["data"]), sent["mimeType"], sent.get("filename")
        )
        for index, sent in enumerate(message.get("attachments", []))
    )
    return ReceivedMessage(submission_id, "user", message["body"], attachments)


def _decode(data: str) -> bytes:
    """Base64 as JavaScript's ``atob`` takes it: with white space, and with or without padding.

    Raises:
        binascii.Error: It is not base64.
    """
    packed = re.sub(r"[\t\n\f\r ]", "", data)
    if len(packed) % 4 == 0:
        packed = re.sub(r"={1,2}$", "", packed)
    if len(packed) % 4 == 1 or not re.fullmatch(r"[A-Za-z0-9+/]*", packed):
        raise binascii.Error("not base64")
    return base64.b64decode(packed + "=" * (-len(packed) % 4))


def _check_uid(uid: Any, conversation: Conversation | None, conversation_id: str) -> Response | None:
    """The response that refuses a send because of its condition, or `None`."""
    if isinstance(uid, str) and (conversation is None or conversation.uid != uid):
        return error_response(
            404,
            "agent_instance_not_found",
            f'Agent instance "{conversation_id}" was not found.',
            "No instance with this id and uid exists. The id may be wrong, or the instance was re-created and this uid "
            "names its previous incarnation. Send without a uid to deliver unconditionally.",
        )
    if uid is None and conversation is not None:
        return error_response(
            409,
            "agent_instance_exists",
            f'Agent instance "{conversation_id}" already exists.',
            f'Continue it with uid "{conversation.uid}", or pick a fresh id to create.',
            meta={"uid": conversation.uid},
        )
    return None


def _check_initial_data(agent: ConversationAgent, initial_data: Any) -> Response | None:
    """The response that refuses to create a conversation with this data, or `None`."""
    if agent.validate_initial_data is None:
        return None
    try:
        agent.validate_initial_data(None if initial_data is UNSET else initial_data)
    except (ValueError, TypeError, LookupError) as error:
        return invalid_request(
            f"The agent requires creation data matching its initialData schema: {error}. Creation data rides the "
            "instance's first message ({ initialData, ... } beside the message)."
        )
    return None


def _is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_array(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _is_text_map(value: object) -> bool:
    return _is_object(value) and all(isinstance(text, str) for text in value.values())


def _is_attachment(value: object) -> bool:
    if not _is_object(value) or value.get("type") != "image":
        return False
    texts = (value.get("data"), value.get("mimeType"), value.get("filename", ""))
    return all(isinstance(text, str) for text in texts)


def _chunks(page: Page) -> list[bytes]:
    """The chunks of the batches of a page."""
    return [batch[1:-1] for batch in page.events if batch != b"[]"]


def _checkpoint(conversation: Conversation) -> bytes:
    """The item with which every response and every server-sent stream begins."""
    return to_json({"type": "stream-checkpoint", "incarnation": conversation.incarnation})


def _read_headers(position: int, *, up_to_date: bool) -> Headers:
    headers: Headers = [JSON_TYPE, NO_STORE, ("Stream-Next-Offset", format_offset(position)), *SECURITY_HEADERS]
    return [*headers, ("Stream-Up-To-Date", "true")] if up_to_date else headers


def _as_hono_copies(response: Response) -> Response:
    """Hono makes a new response of some: the names of its headers are in lower case and sorted."""
    return replace(response, headers=sorted((name.lower(), value) for name, value in response.headers))


def _receipt(stream_url: str, offset: str, submission_id: str, uid: str, *, deduplicated: bool = False) -> Response:
    receipt: dict[str, Any] = {"streamUrl": stream_url, "offset": offset, "submissionId": submission_id, "uid": uid}
    if deduplicated:
        receipt["deduplicated"] = True
    headers = [("Location", stream_url), ("Stream-Next-Offset", offset)]
    return json_response(receipt, status=202, headers=headers)


def _no_route() -> Response:
    """404 of the router, for paths that no route matches: plain text."""
    return Response(404, [("content-type", "text/plain; charset=UTF-8")], b"404 Not Found")


def _middleware_error(status: int, kind: str, message: str, details: str) -> Response:
    """An error of the application in front of Flue, without Flue's own headers."""
    return json_response({"error": {"type": kind, "message": message, "details": details}}, status=status)


def _stream_not_found(name: str, conversation_id: str) -> Response:
    return error_response(
        404,
        "stream_not_found",
        f'Event stream "{conversation_path(name, conversation_id)}" was not found.',
        "Streams are created when their agent instance receives its first prompt.",
    )


def _attachment_not_found(attachment_id: str) -> Response:
    return error_response(
        404,
        "attachment_not_found",
        f'Attachment "{attachment_id}" was not found.',
        "The attachment id may be incorrect, or it belongs to a conversation other than the default one.",
    )


def _submission_conflict(submission_id: str) -> Response:
    return error_response(
        409,
        "submission_conflict",
        "This idempotency key already names a different submission.",
        "The key names the delivery, not the outcome: retry the identical payload to converge on the existing "
        "submission, or use a fresh key to deliver something new.",
        meta={"submissionId": submission_id},
    )


def _offset_gone(conversation: Conversation, offset: str) -> Response:
    return error_response(
        416,
        "stream_offset_gone",
        f'Stream offset "{offset}" is beyond the current head of "{conversation.path}".',
        "The stream is shorter than the requested resume offset — it was likely reset since the offset was "
        "checkpointed. Re-read the conversation history and resume from its offset.",
        meta={"offset": offset, "nextOffset": format_offset(conversation.head)},
    )


def _internal_error_with_ref() -> Response:
    """500 for a failure that the server has logged under a reference."""
    ref = make_id("err")
    response = responses.internal_error()
    error = json.loads(response.body if isinstance(response.body, bytes) else b"")["error"]
    body = to_json({"error": error | {"ref": ref}})
    return replace(response, headers=[*response.headers, ("flue-error-ref", ref)], body=body)
