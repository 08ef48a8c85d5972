"""The HTTP routes of Flue 2.1: one conversation behind one URL, with that server's order of checks and its words."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from flue.testing._conversations import Conversation, ReceivedAttachment, ReceivedMessage
from flue.testing._http import Response
from flue.testing._routes import (
    IMAGE_TOO_LONG,
    JSON_TYPE,
    MAX_IMAGE_DATA,
    NO_STORE,
    SECURITY_HEADERS,
    RefusedError,
    Routes,
    accepted,
    as_hono_copies,
    check_method,
    invalid,
    is_image,
    json_response,
    parse_body,
    to_array,
)
from flue.testing._store import agent_path, format_offset, is_array, is_object, make_id, parse_offset, to_json
from flue.testing._turns import ConversationQueue
from flue.types import UNSET

if TYPE_CHECKING:
    from flue.testing._conversations import Conversations
    from flue.testing._http import Headers, RecordedRequest
    from flue.testing._routes import Agent, RouteOptions, StreamCondition
    from flue.testing._runs import Workers
    from flue.testing._store import Page

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
NO_WAIT = (
    "Agent prompts are fire-and-forget and do not support `?wait=result`. Await completion with the SDK client's "
    "`wait()`, or read the conversation stream (GET this URL)."
)
NO_SEED = (
    "A send conditioned on an existing instance (`uid`) cannot carry `initialData` — the condition forbids creation, "
    "so the seed could never apply."
)


class ConversationRoutes(Routes):
    """The routes of conversations."""

    no_route = Response(404, [("content-type", "text/plain; charset=UTF-8")], b"404 Not Found")

    def __init__(
        self,
        options: RouteOptions,
        condition: StreamCondition,
        agents: dict[str, Agent],
        *,
        conversations: Conversations,
        workers: Workers,
    ) -> None:
        super().__init__(options, condition, agents)
        self._conversations = conversations
        self._workers = workers
        self._queues: dict[str, ConversationQueue] = {}

    async def delete(self, conversation: Conversation) -> None:
        """Lose a conversation with all work on it, in no request's way."""
        queue = self._queues.pop(conversation.path, None)
        if queue is not None:
            queue.discard()
        self._conversations.delete(conversation)

    def _unauthorized(self, authorization: str | None) -> Response:
        status, kind, message, details = 403, "forbidden", "Forbidden", "bad bearer token"
        if authorization is None:
            status, kind, message, details = 401, "unauthorized", "Unauthorized", "missing bearer token"
        return json_response({"error": {"type": kind, "message": message, "details": details}}, status=status)

    async def _route(self, request: RecordedRequest, segments: list[str]) -> Response | None:
        match segments:
            case ["agents", name, conversation_id, *rest] if name in self._agents and conversation_id:
                pass
            case _:
                return None
        match rest:
            case []:
                return await self._conversation(request, name, conversation_id)
            case ["abort"]:
                return self._abort(request, name, conversation_id)
            case ["attachments", attachment_id] if attachment_id:
                return self._attachment(request, name, conversation_id, attachment_id)
            case _:
                return None

    async def _conversation(self, request: RecordedRequest, name: str, conversation_id: str) -> Response:
        check_method(request, "GET", "HEAD", "POST")
        check_id(conversation_id)
        if request.method == "POST":
            return self._send(request, name, conversation_id)
        if request.method == "GET":
            return await self._read(request, name, conversation_id)
        return Response(200, _read_headers(self._existing(name, conversation_id).head, up_to_date=True), None)

    def _existing(self, name: str, conversation_id: str) -> Conversation:
        conversation = self._conversations.get(name, conversation_id)
        if conversation is None:
            raise RefusedError("stream_not_found", path=agent_path(name, conversation_id), or_else="")
        return conversation

    # POST

    def _send(self, request: RecordedRequest, name: str, conversation_id: str) -> Response:
        if request.first("wait") is not None:
            raise invalid(NO_WAIT)
        message, initial_data, uid, key = parse_send(parse_body(request))
        # What two requests with one idempotency key must have in common.
        payload = {"message": message} if initial_data is UNSET else {"message": message, "initialData": initial_data}
        fingerprint = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
        conversation = self._conversations.get(name, conversation_id)
        # The key is looked up before the condition: a repeated creation converges, too.
        known = None if conversation is None or key is None else conversation.keyed_submission(key)
        if conversation is not None and known is not None:
            known_id = known["submissionId"]
            if known["fingerprint"] != fingerprint:
                raise RefusedError("submission_conflict", meta={"submissionId": known_id})
            return accepted(self._receipt(request, "-1", known_id, uid=conversation.uid, deduplicated=True))
        check_uid(uid, conversation, conversation_id)
        agent = self._agents[name]
        if conversation is None:
            check_initial_data(agent, initial_data)
            conversation = self._conversations.create(name, conversation_id, initial_data)
        submission_id = make_id("sub")
        if key is not None:
            digest = hashlib.sha256(f"{conversation.path}\0{key}".encode("utf-8", "surrogatepass")).hexdigest()
            submission_id = f"sub_ik_{digest[:32]}"
        received = receive(message, submission_id)
        if key is not None:
            conversation.add_key(key, {"submissionId": submission_id, "fingerprint": fingerprint})
        for attachment in received.attachments:
            conversation.add_attachment(attachment)
        offset = format_offset(conversation.head)
        queue = self._queues.setdefault(conversation.path, ConversationQueue(conversation, self._workers))
        queue.submit(agent.function, received)
        return accepted(self._receipt(request, offset, submission_id, uid=conversation.uid))

    def _abort(self, request: RecordedRequest, name: str, conversation_id: str) -> Response:
        check_method(request, "POST")
        check_id(conversation_id)
        queue = self._queues.get(agent_path(name, conversation_id))
        return json_response({"aborted": queue is not None and queue.abort()})

    # GET

    def _attachment(self, request: RecordedRequest, name: str, conversation_id: str, attachment_id: str) -> Response:
        check_method(request, "GET")
        found = self._existing(name, conversation_id).attachment(attachment_id)
        if found is None:
            raise RefusedError("attachment_not_found", id=attachment_id)
        mime_type, data = found
        headers = [
            ("content-type", mime_type),
            ("content-disposition", "inline"),
            ("cache-control", "private, max-age=31536000, immutable"),
            ("content-security-policy", "sandbox"),
            *SECURITY_HEADERS,
        ]
        return Response(200, headers, data)

    async def _read(self, request: RecordedRequest, name: str, conversation_id: str) -> Response:
        view = request.first("view")
        check_parameters(request, "history" if view is None else view)
        conversation = self._existing(name, conversation_id)
        if view != "updates":
            snapshot = conversation.snapshot()
            headers = _read_headers(parse_offset(snapshot["offset"]), up_to_date=True)
            return as_hono_copies(Response(200, headers, to_json(snapshot)))
        offset, live = request.all("offset")[0], request.first("live")
        after = parse_offset(offset)
        if not re.fullmatch(r"-1|0+_[0-9]+", offset):
            raise RefusedError("internal_error", ref=make_id("err"))
        check_head(conversation, offset)
        if offset not in {"-1", format_offset(after)}:  # Flue looks offsets up as it has written them
            raise RefusedError("internal_error", ref=make_id("err"))
        read = partial(self._page, conversation, conversation.incarnation)
        if live == "sse":
            return self._event_stream(conversation.path, read, after, _checkpoint(conversation))
        if live == "long-poll":
            await self._wait(conversation.path, read, after, self._options.poll_hold)
            conversation = self._existing(name, conversation_id)
            check_head(conversation, offset)
        with conversation.lock:
            page = conversation.read(after, self._options.page_limit)
            page.events.insert(0, _checkpoint(conversation))
        headers = _read_headers(page.next_position, up_to_date=page.up_to_date)
        return as_hono_copies(Response(200, headers, to_array(page)))

    def _page(self, conversation: Conversation, incarnation: str, after: int) -> Page | None:
        """The page behind a position; `None` when the stream is deleted, or another one has taken its place."""
        with conversation.lock:
            if conversation.head < 0 or conversation.incarnation != incarnation:
                return None
            return conversation.read(after, self._options.page_limit)


def _checkpoint(conversation: Conversation) -> bytes:
    """The item with which every response and every server-sent stream begins."""
    return to_json({"type": "stream-checkpoint", "incarnation": conversation.incarnation})


def _read_headers(position: int, *, up_to_date: bool) -> Headers:
    headers: Headers = [JSON_TYPE, NO_STORE, ("Stream-Next-Offset", format_offset(position)), *SECURITY_HEADERS]
    return [*headers, ("Stream-Up-To-Date", "true")] if up_to_date else headers


# Checks, each of which refuses the request


def check_id(conversation_id: str) -> None:
    if not conversation_id.strip():
        raise invalid("Agent conversation URLs must end with a non-empty conversation id segment.")


def check_parameters(request: RecordedRequest, view: str) -> None:
    """The parameters of a read make sense, in Flue's words."""
    if view == "history":
        if any(request.first(parameter) is not None for parameter in ("offset", "tail", "live")):
            raise invalid("History reads do not accept offset, tail, or live parameters.")
        return
    if view != "updates":
        raise invalid("Invalid agent conversation view. Use history or updates.")
    offsets = request.all("offset")
    if request.first("tail") is not None:
        raise invalid("Update streams do not accept tail.")
    if len(offsets) != 1:
        raise invalid("Exactly one offset is required.")
    if not re.fullmatch(r"-1|[0-9]+_[0-9]+", offsets[0]):
        raise invalid("Invalid offset format.")
    if request.first("live") not in {None, "long-poll", "sse"}:
        raise invalid("Invalid live mode. Use long-poll or sse.")


def check_head(conversation: Conversation, offset: str) -> None:
    if parse_offset(offset) > conversation.head:
        meta = {"offset": offset, "nextOffset": format_offset(conversation.head)}
        raise RefusedError("stream_offset_gone", meta=meta, offset=offset, path=conversation.path)


def check_uid(uid: Any, conversation: Conversation | None, conversation_id: str) -> None:
    """The condition of a send is met: a text names an incarnation, `None` wants a new one."""
    if isinstance(uid, str) and (conversation is None or conversation.uid != uid):
        raise RefusedError("agent_instance_not_found", id=conversation_id)
    if uid is None and conversation is not None:
        meta = {"uid": conversation.uid}
        raise RefusedError("agent_instance_exists", meta=meta, id=conversation_id, uid=conversation.uid)


def check_initial_data(agent: Agent, initial_data: Any) -> None:
    if agent.validate_initial_data is None:
        return
    try:
        agent.validate_initial_data(None if initial_data is UNSET else initial_data)
    except (ValueError, TypeError, LookupError) as error:
        raise invalid(
            f"The agent requires creation data matching its initialData schema: {error}. Creation data rides the "
            "instance's first message ({ initialData, ... } beside the message)."
        ) from error


# The body of a POST


def parse_send(value: Any) -> tuple[dict[str, Any], Any, Any, str | None]:
    """The message, the initial data, the condition (`UNSET` when not given) and the idempotency key of a send."""
    if not is_object(value):
        raise invalid(MESSAGE_SHAPE)
    key, uid, initial_data = (value.get(name, UNSET) for name in ("idempotencyKey", "uid", "initialData"))
    if uid is not UNSET and uid is not None and not isinstance(uid, str):
        raise invalid("`uid` must be a string (continue only that incarnation) or null (create only when fresh).")
    message = parse_message(value)
    if key is not UNSET and (not isinstance(key, str) or not key):
        raise invalid("`idempotencyKey` must be a non-empty string naming this delivery.")
    if isinstance(key, str) and len(key.encode("utf-16-le", "surrogatepass")) > 2 * MAX_KEY:  # as JavaScript counts
        raise invalid(f"`idempotencyKey` must be at most {MAX_KEY} characters.")
    if isinstance(uid, str) and initial_data is not UNSET:
        raise invalid(NO_SEED)
    return message, initial_data, uid, key if isinstance(key, str) else None


def parse_message(value: dict[str, Any]) -> dict[str, Any]:
    """The known fields of a message; a value too long or reserved is refused before anything else."""
    known: tuple[str, ...]
    match value:
        case {"kind": "user", **rest}:
            attachments = rest.get("attachments", [])
            fits = are_attachments(attachments) and isinstance(rest.get("body"), str)
            known = ("kind", "body", "attachments")
        case {"kind": "signal", **rest}:
            check_signal(rest.get("type"), rest.get("tagName"))
            texts = (rest.get("type"), rest.get("body"), rest.get("tagName", ""))
            fits = all(isinstance(text, str) for text in texts) and bool(rest["type"])
            attributes = rest.get("attributes", {})
            fits = fits and is_object(attributes) and all(isinstance(text, str) for text in attributes.values())
            known = ("kind", "type", "body", "attributes", "tagName")
        case _:
            raise invalid(MESSAGE_SHAPE)
    if not fits:
        raise invalid(MESSAGE_SHAPE)
    return {name: value[name] for name in known if name in value}


def are_attachments(value: object) -> bool:
    """Whether these are attachments; one that is too long is refused."""
    if not is_array(value):
        return False
    for attachment in value:
        data = attachment.get("data") if is_object(attachment) else None
        if isinstance(data, str) and len(data) > MAX_IMAGE_DATA:
            raise invalid(IMAGE_TOO_LONG)
    return all(is_image(attachment) and isinstance(attachment.get("filename", ""), str) for attachment in value)


def check_signal(kind: object, tag_name: object) -> None:
    """The type of a signal is not one of Flue's own, and its tag is one of XML."""
    if isinstance(kind, str) and kind in RESERVED_SIGNALS:
        raise invalid(
            f'Signal type "{kind}" is framework-reserved vocabulary (the runtime\'s own narration and recovery '
            "signals) — use an application-specific type."
        )
    if isinstance(tag_name, str) and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", tag_name):
        raise invalid(
            'Signal message "tagName" must be a valid XML tag name (letters, digits, "_", "-", "."; must not start '
            'with a digit, "-", or ".").'
        )


def receive(message: dict[str, Any], submission_id: str) -> ReceivedMessage:
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
            f"att_direct_{submission_id}_{index}", decode_base64(sent["data"]), sent["mimeType"], sent.get("filename")
        )
        for index, sent in enumerate(message.get("attachments", []))
    )
    return ReceivedMessage(submission_id, "user", message["body"], attachments)


def decode_base64(data: str) -> bytes:
    """Base64 as JavaScript's ``atob`` takes it, with white space, and with or without padding; else an error."""
    packed = re.sub(r"[\t\n\f\r ]", "", data)
    if len(packed) % 4 == 0:
        packed = re.sub(r"={1,2}$", "", packed)
    if len(packed) % 4 == 1 or not re.fullmatch(r"[A-Za-z0-9+/]*", packed):
        raise RefusedError("internal_error", ref=make_id("err"))
    return base64.b64decode(packed + "=" * (-len(packed) % 4))
