"""The conversations of Flue 2 as the server keeps them: a stream of batches of chunks, and the state they add up to.

An offset is that of a batch. Batches without a chunk are part of the protocol: Flue also stores records that no client
sees, so offsets move without content, and the positions of chunks have gaps.
"""

from __future__ import annotations

import base64
import copy
import json
import threading
from collections.abc import Iterable, Mapping, Sequence  # noqa: TC003 - annotations of public classes resolve at run time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from flue.testing._store import Page, agent_path, format_offset, is_object, make_id, to_json
from flue.types import UNSET

if TYPE_CHECKING:
    from flue.testing._store import Store

Chunk: TypeAlias = dict[str, Any]

UNMERGED_KEYS = {"__proto__", "constructor", "prototype"}


@dataclass(frozen=True, slots=True)
class ReceivedAttachment:
    """An attachment of a message.

    Attributes:
        id: Under which the server serves it.
        data: The bytes.
        mime_type: As sent.
        filename: As sent, or `None`.
    """

    id: str
    data: bytes = field(repr=False)
    mime_type: str
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message that was delivered to a conversation.

    Attributes:
        submission_id: The id of its submission.
        kind: ``"user"`` or ``"signal"``.
        body: The text.
        attachments: Of a user's message.
        type: Of a signal, else `None`.
        attributes: Of a signal, or `None`.
        tag_name: Of a signal, or `None`.
    """

    submission_id: str
    kind: str
    body: str
    attachments: Sequence[ReceivedAttachment] = ()
    type: str | None = None
    attributes: Mapping[str, str] | None = None
    tag_name: str | None = None

    def to_message(self, turn_id: str | None = None) -> Chunk:
        """The entry of the transcript.

        Args:
            turn_id: Of the response that it has joined.
        """
        encoded = base64.urlsafe_b64encode(self.submission_id.encode()).decode().rstrip("=")
        message: Chunk = {"id": f"entry_direct_{encoded}"}
        if self.kind == "user":
            message |= {"role": "user", "purpose": "user", "display": "visible"}
        else:
            message |= {"role": "system", "purpose": "dispatch", "display": "diagnostic"}
        message["submissionId"] = self.submission_id
        if turn_id is not None:
            message["turnId"] = turn_id
        if self.kind == "signal":
            signal = {"tagName": self.tag_name, "attributes": self.attributes}
            message["signal"] = {name: value for name, value in signal.items() if value is not None}
        message["parts"] = [{"type": "text", "text": self.body, "state": "done"}]
        for attachment in self.attachments:
            part: Chunk = {
                "type": "file",
                "mediaType": attachment.mime_type,
                "id": attachment.id,
                "size": len(attachment.data),
            }
            message["parts"].append(part if attachment.filename is None else part | {"filename": attachment.filename})
        return message


class Conversation:
    """One conversation. Usable from any thread; its lock spans what must happen together.

    Args:
        store: Where it is kept.
        agent_name: As registered.
        conversation_id: From the URL.
    """

    def __init__(self, store: Store, agent_name: str, conversation_id: str) -> None:
        self.lock = threading.RLock()
        self.agent_name = agent_name
        self.id = conversation_id
        self.path = path = agent_path(agent_name, conversation_id)
        self._store = store
        self._document: dict[str, Any] = store.document(path)
        self._messages: list[Chunk] = []
        self._settlements: list[Chunk] = []
        for batch in store.history(path):
            for chunk in batch:
                self._apply(chunk)

    @property
    def uid(self) -> str:
        """Which creation of this conversation it is."""
        return str(self._document["uid"])

    @property
    def incarnation(self) -> str:
        """Which creation of its stream it is."""
        return str(self._document["incarnation"])

    @property
    def initial_data(self) -> Any:
        """What it was created with, or `None`."""
        return copy.deepcopy(self._document.get("initialData"))

    @property
    def head(self) -> int:
        """The position of the last batch; -1 when the conversation is deleted."""
        return self._store.head(self.path)

    def keyed_submission(self, key: str) -> dict[str, str] | None:
        """The submission that an idempotency key names, with the fingerprint of its payload; or `None`."""
        known: dict[str, str] | None = self._document["keys"].get(key)
        return known

    def add_key(self, key: str, submission: Mapping[str, str]) -> None:
        with self.lock:
            self._document["keys"][key] = dict(submission)
            self._store.put_document(self.path, self._document)

    def add_attachment(self, attachment: ReceivedAttachment) -> None:
        data = base64.b64encode(attachment.data).decode()
        self._store.put_document(
            f"{self.path}/attachments/{attachment.id}", {"mimeType": attachment.mime_type, "data": data}
        )

    def attachment(self, attachment_id: str) -> tuple[str, bytes] | None:
        """The MIME type and the bytes of an attachment, or `None`."""
        found = self._store.document(f"{self.path}/attachments/{attachment_id}")
        return None if found is None else (found["mimeType"], base64.b64decode(found["data"]))

    def append(self, *chunks: Mapping[str, Any]) -> None:
        """Add one batch. Each chunk gets the id of the conversation and its position unless it has them.

        Raises:
            TypeError: Not JSON.
            ValueError: Not JSON.
        """
        with self.lock:
            data = to_json(self._complete(self.head + 1, chunks))
            for chunk in json.loads(data):
                self._apply(chunk)
            self._store.append(self.path, [data], envelope=None)

    def append_reset(self) -> None:
        """Add a batch that repeats the whole state."""
        with self.lock:
            self.append(self._reset(self.head + 1))

    def new_incarnation(self) -> None:
        """Begin the stream anew, with the whole state in its first batch."""
        with self.lock:
            self._document["incarnation"] = make_id("inc")
            self._store.put_document(self.path, self._document)
            self._store.replace_events(self.path, [to_json(self._complete(0, [self._reset(0)]))])

    def read(self, after: int, limit: int) -> Page:
        """The chunks of the batches behind a position, of as many as a page holds."""
        page = self._store.read(self.path, after, limit)
        return replace(page, events=[batch[1:-1] for batch in page.events if batch != b"[]"])

    def parts(self, message_id: str) -> list[Chunk]:
        with self.lock:
            found = self._find(message_id)
            return [] if found is None else copy.deepcopy(found["parts"])

    def replace_parts(self, message_id: str, parts: list[Chunk]) -> None:
        """Give a message other parts, and tell readers by a reset."""
        with self.lock:
            found = self._find(message_id)
            if found is not None:
                found["parts"] = parts
            self.append_reset()

    def snapshot(self) -> dict[str, Any]:
        """The conversation as ``view=history`` shows it."""
        with self.lock:
            return self._snapshot(self.head) | {"incarnation": self.incarnation}

    def _snapshot(self, position: int) -> dict[str, Any]:
        return {
            "v": 1,
            "conversationId": self._document["conversationId"],
            "offset": format_offset(position),
            "messages": copy.deepcopy(self._messages),
            "settlements": copy.deepcopy(self._settlements),
        }

    def _reset(self, position: int) -> Chunk:
        return {"type": "conversation-reset", "snapshot": self._snapshot(position)}

    def _complete(self, batch: int, chunks: Iterable[Mapping[str, Any]]) -> list[Chunk]:
        """The chunks of a batch with what every chunk has, unless they have it."""
        own = {"conversationId": self._document["conversationId"]}
        return [
            {
                "type": chunk.get("type"),
                **own,
                **chunk,
                "position": chunk.get("position", {"batch": batch, "index": index}),
            }
            for index, chunk in enumerate(chunks)
        ]

    # The state that the chunks add up to

    def _find(self, message_id: Any) -> Chunk | None:
        return next((message for message in self._messages if message["id"] == message_id), None)

    def _apply(self, chunk: Chunk) -> None:
        """Chunks of an unknown type, and chunks for an unknown message, change nothing."""
        message = self._find(chunk.get("messageId"))
        match chunk:
            case {"type": "conversation-reset", "snapshot": snapshot}:
                self._messages = copy.deepcopy(snapshot["messages"])
                self._settlements = copy.deepcopy(snapshot["settlements"])
            case {"type": "message-appended", "message": appended}:
                _put(self._messages, "id", copy.deepcopy(appended))
            case {"type": "message-started"} if message is None:
                started: Chunk = {"id": chunk["messageId"], "role": "assistant", "purpose": "assistant"}
                started["display"] = "visible"
                started |= {name: chunk[name] for name in ("submissionId", "turnId") if name in chunk}
                started["parts"] = []
                self._messages.append(started | {name: chunk[name] for name in ("metadata",) if name in chunk})
            case {"type": "message-metadata", "metadata": metadata} if message is not None:
                message["metadata"] = _merge(message.get("metadata", {}), metadata)
            case {"type": "data-part", "name": name, "data": data} if message is not None:
                _put(message["parts"], "type", {"type": f"data-{name}", "data": data})
            case {"type": "message-delta", "kind": kind, "delta": delta} if message is not None:
                part = _open_part(message)
                if part is None or part["type"] != kind:
                    _close(part)
                    part = {"type": kind, "text": "", "state": "streaming"}
                    message["parts"].append(part)
                part["text"] += delta
            case {"type": "tool-input", "toolCallId": call_id, "toolName": name, "input": given} if message is not None:
                if _pending_call([message], call_id) is None:
                    _close(_open_part(message))
                    call = {"type": "dynamic-tool", "toolName": name, "toolCallId": call_id}
                    message["parts"].append(call | {"state": "input-available", "input": given})
            case {"type": "tool-output" | "tool-output-error" as kind, "toolCallId": call_id}:
                pending = _pending_call(self._messages, call_id)
                if pending is not None:
                    pending["state"] = "output-available" if kind == "tool-output" else "output-error"
                    outcome = ("output", "errorText", "durationMs")
                    pending |= {name: chunk[name] for name in outcome if name in chunk}
            case {"type": "message-completed"} if message is not None:
                for part in message["parts"]:
                    _close(part)
            case {"type": "submission-settled"}:
                kept = ("submissionId", "outcome", "error", "answeredBySubmissionId")
                _put(self._settlements, "submissionId", {name: chunk[name] for name in kept if name in chunk})
            case _:
                pass


class Conversations:
    """The conversations of a server by agent and id.

    Args:
        store: Where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.RLock()
        self._loaded: dict[str, Conversation] = {}

    def get(self, agent_name: str, conversation_id: str) -> Conversation | None:
        """A conversation, or `None` when nothing was ever sent to it."""
        path = agent_path(agent_name, conversation_id)
        with self._lock:
            if path not in self._loaded and self._store.document(path) is not None:
                self._loaded[path] = Conversation(self._store, agent_name, conversation_id)
            return self._loaded.get(path)

    def create(self, agent_name: str, conversation_id: str, initial_data: Any = UNSET) -> Conversation:
        """Make a conversation; its first batch is a reset to nothing.

        Raises:
            ValueError: There is one.
        """
        path = agent_path(agent_name, conversation_id)
        with self._lock:
            if self.get(agent_name, conversation_id) is not None:
                msg = f"conversation {conversation_id!r} of agent {agent_name!r} exists"
                raise ValueError(msg)
            document: dict[str, Any] = {} if initial_data is UNSET else {"initialData": initial_data}
            document |= {"conversationId": make_id("conv"), "uid": make_id("inst"), "incarnation": make_id("inc")}
            self._store.put_document(path, document | {"keys": {}})
            self._store.create_stream(path)
            conversation = self._loaded[path] = Conversation(self._store, agent_name, conversation_id)
            conversation.append_reset()
            return conversation

    def delete(self, conversation: Conversation) -> None:
        with self._lock:
            self._loaded.pop(conversation.path, None)
            self._store.delete(conversation.path)

    def forget(self) -> None:
        """Note that the store has lost everything."""
        with self._lock:
            self._loaded.clear()


def _put(items: list[Chunk], key: str, item: Chunk) -> None:
    """Replace the item that has the same key where it stands, or append this one."""
    for index, present in enumerate(items):
        if present[key] == item[key]:
            items[index] = item
            return
    items.append(item)


def _open_part(message: Chunk) -> Chunk | None:
    """The last part of a message, when it is text or reasoning and not finished."""
    match message["parts"]:
        case [*_, {"type": "text" | "reasoning", "state": "streaming"}]:
            last: Chunk = message["parts"][-1]
            return last
        case _:
            return None


def _close(part: Chunk | None) -> None:
    if part is not None and part["type"] in {"text", "reasoning"}:
        part["state"] = "done"


def _pending_call(messages: Sequence[Chunk], call_id: Any) -> Chunk | None:
    """The newest call of this id that has no outcome: providers may use an id twice in one response."""
    parts: list[Chunk] = [part for message in messages for part in message["parts"]]
    for part in reversed(parts):
        if part.get("toolCallId") == call_id and part["state"] == "input-available":
            return part
    return None


def _merge(old: Chunk, new: Mapping[str, Any]) -> Chunk:
    merged = dict(old)
    for key, value in new.items():
        if key not in UNMERGED_KEYS:
            present = merged.get(key)
            merged[key] = _merge(present, value) if is_object(present) and is_object(value) else value
    return merged
