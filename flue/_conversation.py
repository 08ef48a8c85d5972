"""What the conversations of both faces have in common: checked arguments, and what is known without a request.

Each builder checks what the caller gave and returns a value that a face performs: a `CallSpec` for a single request, a
`StreamSpec` for chunks and for states. `ValueError` and `TypeError` come from here, before anything is sent.
"""

# ruff: noqa: TC001  (whoever resolves the annotations at run time finds their names here)

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self, cast
from urllib.parse import urlsplit

import attrs

import flue
from flue import codec, models
from flue._base import BaseStream
from flue._instrumentation import Instrumentation
from flue._requests import CONTENT_JSON, CallSpec, StreamSpec, call_label, check_live, check_signal_and_timeout
from flue.config import Settings
from flue.core import stream_state
from flue.core.actions import CallRequest, Done, Fail, Request
from flue.core.events import EventBuffer
from flue.core.protocol import ACCEPT_JSON, REPEATABLE_POST, Phase
from flue.core.retry import Budget
from flue.core.stream_state import quote_path_segment
from flue.errors import (
    AbortError,
    DurableStreamError,
    FlueApiError,
    FlueError,
    FlueExecutionError,
    FlueTimeoutError,
)
from flue.types import UNSET, Attachment, SignalMessage, Unset, UserMessage, check_attachments

if TYPE_CHECKING:
    from flue.core.conversation import ConversationState
    from flue.core.conversation_protocol import ConversationProtocol, ObservationProtocol, Purpose
    from flue.core.retry import BackoffOptions
    from flue.models import AbortResult, ConversationChunk, ConversationSnapshot, SendResult
    from flue.signals import AbortSignal

__all__ = [
    "BaseConversation",
    "BaseObservation",
    "Target",
    "attachment_url",
    "build_abort",
    "build_attachment",
    "build_chunks",
    "build_history",
    "build_observation",
    "build_send",
    "build_wait",
    "check_target",
    "conversation_settings",
    "explain_send",
    "explain_submission",
    "result_of",
]

MAX_KEY = 256
"""Characters of an idempotency key that Flue takes; a server in JavaScript counts UTF-16 code units."""
_ANY = (("accept", "*/*"), ("accept-encoding", "identity"))


# Addresses.


def conversation_settings(settings: Settings, segments: tuple[object, ...]) -> Settings:
    """The settings of a conversation below a client's base URL.

    Args:
        settings: The client's.
        segments: Of the path, each still to be encoded.

    Raises:
        ValueError: No segment, or one that cannot be one.
        TypeError: A segment that is no str.
    """
    if not segments:
        raise ValueError('the path of a conversation is missing: conversation("agents", "support", "ticket-42")')
    path = "/".join(quote_path_segment(segment, "a segment of the path") for segment in segments)
    return attrs.evolve(settings, base_url=f"{settings.base_url}/{path}")


def attachment_url(settings: Settings, attachment_id: object) -> str:
    """Where the bytes of a file part are."""
    return f"{settings.base_url}/attachments/{quote_path_segment(attachment_id, 'id')}"


def _path(settings: Settings) -> str:
    """The conversation in logs and errors."""
    return urlsplit(settings.base_url).path


# Single requests.


def build_send(
    settings: Settings,
    message: object,
    *,
    attachments: object = None,
    initial_data: object = UNSET,
    uid: object = UNSET,
    idempotency_key: object = UNSET,
    signal: AbortSignal | None = None,
    backoff_options: BackoffOptions | None = None,
    timeout: object = None,
) -> CallSpec[SendResult]:
    """Deliver one message.

    With an idempotency key the server admits it once however often it is sent, so the POST has a budget; without one
    it is sent once.

    Args:
        settings: The conversation's.
        message: A str, a `UserMessage` or a `SignalMessage`.
        attachments: More attachments, behind the message's.
        initial_data: JSON for an agent that is created by this message.
        uid: The incarnation to continue; None to create only.
        idempotency_key: The caller's; None for none; default: one is made.
        signal: Aborts the call.
        backoff_options: The caller's.
        timeout: Overall seconds.

    Raises:
        ValueError: An argument that cannot work.
        TypeError: An argument of the wrong type.
    """
    body = _message_fields(message, attachments)
    if not isinstance(uid, Unset):
        if uid is not None and not isinstance(uid, str):
            raise TypeError(f"uid must be str or None, not {type(uid).__name__}")
        body["uid"] = uid
    if not isinstance(initial_data, Unset):
        if isinstance(uid, str):
            raise ValueError("initial_data is for a conversation that is created; a uid continues one that exists")
        body["initialData"] = initial_data
    key = f"py-{uuid.uuid4().hex}" if isinstance(idempotency_key, Unset) else _check_key(idempotency_key)
    budget = None
    options = settings.backoff(backoff_options)
    if key is not None:
        body["idempotencyKey"] = key
        budget = Budget(options)
    request = Request("POST", settings.base_url, (*ACCEPT_JSON, *CONTENT_JSON), codec.dumps_input(body))
    call = CallRequest(request, frozenset({200, 202}), _decode_receipt, idempotency_key=key)
    seconds = check_signal_and_timeout(signal, timeout)
    return CallSpec(f"send to {_path(settings)}", call, budget, options, signal, seconds)


def _decode_receipt(value: Any) -> SendResult:
    """What `send()` returns; `ValueError` for a receipt that nobody could follow."""
    receipt: SendResult = codec.decode(models.SendResult, value)
    check_target(receipt)
    return receipt


def _message_fields(message: object, attachments: object) -> dict[str, Any]:
    more = () if attachments is None else check_attachments(attachments)
    if isinstance(message, str):
        message = UserMessage(message)
    if isinstance(message, UserMessage):
        fields: dict[str, Any] = {"kind": "user", "body": message.body}
        if message.attachments or more:
            fields["attachments"] = [_attachment_fields(attachment) for attachment in (*message.attachments, *more)]
        return fields
    if not isinstance(message, SignalMessage):
        raise TypeError(f"message must be str, UserMessage or SignalMessage, not {type(message).__name__}")
    if more:
        raise ValueError("a signal cannot carry attachments: the server would drop them")
    fields = {"kind": "signal", "type": message.type, "body": message.body}
    if message.attributes is not None:
        fields["attributes"] = message.attributes
    if message.tag_name is not None:
        fields["tagName"] = message.tag_name
    return fields


def _attachment_fields(attachment: Attachment) -> dict[str, Any]:
    fields = {"type": "image", "data": attachment.base64, "mimeType": attachment.mime_type}
    if attachment.filename is not None:
        fields["filename"] = attachment.filename
    return fields


def _check_key(key: object) -> str | None:
    if key is None:
        return None
    if not isinstance(key, str):
        raise TypeError(f"idempotency_key must be str or None, not {type(key).__name__}")
    length = len(key.encode("utf-16-le", "surrogatepass")) // 2
    if not 1 <= length <= MAX_KEY:
        raise ValueError(f"idempotency_key must have 1 to {MAX_KEY} characters (UTF-16 code units), not {length}")
    return key


def build_history(
    settings: Settings,
    *,
    signal: AbortSignal | None = None,
    backoff_options: BackoffOptions | None = None,
    timeout: object = None,
) -> CallSpec[ConversationSnapshot]:
    """Ask for a snapshot."""
    options = settings.backoff(backoff_options)
    budget = Budget(options, refreshable=settings.has_dynamic_headers)
    seconds = check_signal_and_timeout(signal, timeout)
    return CallSpec(f"history of {_path(settings)}", _history_request(settings), budget, options, signal, seconds)


def _history_request(settings: Settings) -> CallRequest:
    from flue.core.conversation_protocol import history_request  # noqa: PLC0415  # needs the models

    return history_request(settings.base_url, partial(codec.decode, models.ConversationSnapshot))


def build_abort(
    settings: Settings, *, signal: AbortSignal | None = None, timeout: object = None
) -> CallSpec[AbortResult]:
    """Abort all that runs or waits. Sent once."""
    request = Request("POST", f"{settings.base_url}/abort", ACCEPT_JSON)
    call = CallRequest(request, frozenset({200}), partial(codec.decode, models.AbortResult))
    return CallSpec(f"abort of {_path(settings)}", call, None, None, signal, check_signal_and_timeout(signal, timeout))


def build_attachment(
    settings: Settings,
    attachment_id: object,
    *,
    signal: AbortSignal | None = None,
    backoff_options: BackoffOptions | None = None,
    timeout: object = None,
) -> CallSpec[bytes]:
    """Ask for the bytes of a file part."""
    options = settings.backoff(backoff_options)
    request = Request("GET", attachment_url(settings, attachment_id), _ANY)
    budget = Budget(options, refreshable=settings.has_dynamic_headers)
    seconds = check_signal_and_timeout(signal, timeout)
    call = CallRequest(request, frozenset({200}), bytes, is_json=False)
    return CallSpec(f"attachment {attachment_id}", call, budget, options, signal, seconds)


# Following.


@attrs.frozen
class Target:
    """A submission that is followed.

    Attributes:
        submission_id: Its id.
        uid: The conversation's incarnation, where it is known.
        offset: Where its chunks begin; None where the history says more sooner: only the id is known, or the receipt
            is a repeated one, whose offset is the origin's.
    """

    submission_id: str
    uid: str | None = None
    offset: str | None = None


def check_target(target: object) -> Target:
    """What `send()` returned, or a submission's id.

    Raises:
        ValueError: It names no submission.
        TypeError: It is something else.
    """
    from flue.models import SendResult  # noqa: PLC0415  # the models are loaded when there is something to put into them

    if isinstance(target, SendResult):
        offset = stream_state.check_offset(target.offset)
        repeated = target.deduplicated or offset == stream_state.START
        found = Target(target.submission_id, target.uid, None if repeated else offset)
    elif isinstance(target, str):
        found = Target(target)
    else:
        raise TypeError(f"target must be what send() returned or a submission id, not {type(target).__name__}")
    if not found.submission_id.strip():
        raise ValueError("the submission id is empty")
    return found


def build_chunks(
    settings: Settings,
    target: object = None,
    *,
    offset: object = None,
    live: object = "sse",
    signal: AbortSignal | None = None,
    backoff_options: BackoffOptions | None = None,
    timeout: object = None,
) -> StreamSpec[ConversationProtocol, ConversationChunk]:
    """Read chunks as they come.

    Args:
        settings: The conversation's.
        target: The submission whose settlement is the end; None for no end.
        offset: Where to start; default: where the target's chunks begin, else now.
        live: How to wait for news, as the caller said it.
        signal: Ends the stream.
        backoff_options: The caller's.
        timeout: Overall seconds.

    Raises:
        ValueError: An argument that cannot work.
        TypeError: An argument of the wrong type.
    """
    followed = None if target is None else check_target(target)
    if offset is not None:
        start: str | None = stream_state.check_offset(offset)
        if start == stream_state.NOW:
            raise ValueError('offset must not be "now": a stream without an offset starts there')
    else:
        start = None if followed is None else followed.offset
    mode = check_live(live)
    resumed = offset is not None and start != stream_state.START
    return _follow(settings, followed, "stream", start, mode, signal, backoff_options, timeout, resumed=resumed)


def build_wait(
    settings: Settings,
    target: object,
    *,
    purpose: Literal["wait", "read"],
    signal: AbortSignal | None = None,
    backoff_options: BackoffOptions | None = None,
    timeout: object = None,
) -> StreamSpec[ConversationProtocol, ConversationChunk]:
    """Follow a submission to its settlement; with purpose `read` also to its reply, the machine's result.

    Raises:
        ValueError: An argument that cannot work.
        TypeError: An argument of the wrong type.
    """
    followed = check_target(target)
    return _follow(settings, followed, purpose, followed.offset, "sse", signal, backoff_options, timeout)


def _follow(
    settings: Settings,
    target: Target | None,
    purpose: Purpose,
    offset: str | None,
    live: Literal["long-poll", "sse"] | None,
    signal: AbortSignal | None,
    backoff_options: BackoffOptions | None,
    timeout: object,
    *,
    resumed: bool = False,
) -> StreamSpec[ConversationProtocol, ConversationChunk]:
    from flue.core.conversation_protocol import ConversationProtocol  # noqa: PLC0415  # needs the models

    label = f"conversation {_path(settings)}" if target is None else call_label("submission", target.submission_id)
    options = settings.backoff(backoff_options)
    machine: ConversationProtocol = ConversationProtocol(
        settings.base_url,
        _history_request(settings),
        codec.ConversationChunkDecoder(label),
        purpose=purpose,
        target=None if target is None else target.submission_id,
        uid=None if target is None else target.uid,
        offset=offset,
        resumed=resumed,
        live=live,
        options=options,
        refreshable=settings.has_dynamic_headers,
        limit=settings.max_event_bytes,
    )
    events: EventBuffer[ConversationChunk] = EventBuffer(machine, _Decoded(), _never_terminal)
    seconds = check_signal_and_timeout(signal, timeout)
    return StreamSpec(machine, events, Instrumentation(label, options, live=live), signal, seconds)


class _Decoded:
    """The decoder of a machine whose items are decoded already."""

    def __call__(self, item: Any) -> Any:
        return item

    def decode_many(self, items: list[Any]) -> list[Any]:
        return items


def _never_terminal(_chunk: object, _last: bool) -> bool:
    """The machine itself knows which chunk is the last."""
    return False


def build_observation(
    settings: Settings,
    *,
    live: object = "long-poll",
    wait_until_exists: object = False,
    signal: AbortSignal | None = None,
    backoff_options: BackoffOptions | None = None,
    timeout: object = None,
) -> StreamSpec[ObservationProtocol, ConversationState]:
    """Keep a state up to date.

    Raises:
        ValueError: An argument that cannot work.
        TypeError: An argument of the wrong type.
    """
    from flue.core.conversation_protocol import ObservationProtocol  # noqa: PLC0415  # needs the models

    if not isinstance(live, str):
        raise TypeError(f"live must be 'long-poll' or 'sse', not {type(live).__name__}")
    if live not in {"long-poll", "sse"}:
        raise ValueError(f"live must be 'long-poll' or 'sse', not {live!r}")
    if not isinstance(wait_until_exists, bool):
        raise TypeError(f"wait_until_exists must be bool, not {type(wait_until_exists).__name__}")
    mode = cast('Literal["long-poll", "sse"]', live)
    label = f"conversation {_path(settings)}"
    options = settings.backoff(backoff_options)
    machine: ObservationProtocol = ObservationProtocol(
        settings.base_url,
        _history_request(settings),
        codec.ConversationChunkDecoder(label),
        live=mode,
        wait_until_exists=wait_until_exists,
        options=options,
        refreshable=settings.has_dynamic_headers,
        limit=settings.max_event_bytes,
    )
    seconds = check_signal_and_timeout(signal, timeout)
    events: EventBuffer[ConversationState] = EventBuffer(machine, _Decoded(), _never_terminal)
    return StreamSpec(machine, events, Instrumentation(label, options, live=mode), signal, seconds)


# How it ended.


def result_of(machine: ConversationProtocol) -> Any:
    """What a machine that is over has brought; raises what it has failed with."""
    final = machine.result
    if isinstance(final, Fail):
        raise final.error
    return cast("Done", final).value


def explain_send(error: FlueError, spec: CallSpec[Any]) -> None:
    """Note on an error of a send that leaves open whether the message was admitted what became of it."""
    key = spec.call.idempotency_key
    repeated = key is not None and isinstance(error, FlueApiError) and error.status in REPEATABLE_POST
    # A `DurableStreamError` is a receipt that cannot be read.
    if repeated or isinstance(error, FlueTimeoutError | AbortError | DurableStreamError):
        again = "" if key is None else f"; sent again with idempotency_key={key!r} it is not admitted twice"
        error.add_note(f"if the message was admitted, the agent answers it{again}")


def explain_submission(error: FlueError, target: Target) -> None:
    """Say on an error of the wait for a submission which one it is, and that it goes on without its caller."""
    if error.submission_id not in {None, target.submission_id}:
        return  # of a call that the caller's `on_event` made
    error.submission_id = target.submission_id
    if target.uid is not None and not isinstance(error, FlueExecutionError):  # `send()` has returned it
        error.add_note(f"submission {target.submission_id} was admitted and goes on without this call")


class BaseObservation(BaseStream["flue.ConversationState"]):
    """What can be read of an observation at any time."""

    @property
    def state(self) -> flue.ConversationState | None:
        """The newest state; None before the first one."""
        return self._observed.state

    @property
    def phase(self) -> Phase:
        """`loading`, `connecting`, `live`, `absent` (no such conversation), `error` (see `.error`) or `closed`."""
        return "closed" if self._token.cause is not None else self._observed.phase

    @property
    def error(self) -> FlueError | None:
        """Why the phase is `absent` or `error`, or why an attempt is about to be retried; else None."""
        return self._observed.error

    def refresh(self) -> None:
        """Read the history again at once, also after `absent` and `error`: the next pull goes on.

        A thread or task that waits for the next state looks again within 100 ms. Does nothing once the observation is
        closed.
        """
        self._observed.refresh()
        self._token.interrupt()

    @property
    def _observed(self) -> ObservationProtocol:
        return cast("ObservationProtocol", self._machine)


class BaseConversation:
    """What a conversation knows without a request."""

    _transport: Any
    _settings: Settings
    _owns_transport: bool

    @classmethod
    def for_client(cls, transport: object, settings: Settings, segments: tuple[object, ...]) -> Self:
        """What `client.conversation()` returns: closing it leaves the client's connections open."""
        conversation = cls.__new__(cls)
        conversation._bind(transport, conversation_settings(settings, segments), owns_transport=False)  # noqa: SLF001  # of this very class
        return conversation

    def _bind(self, transport: object, settings: Settings, *, owns_transport: bool) -> None:
        self._transport = transport
        self._settings = settings
        self._owns_transport = owns_transport

    @property
    def url(self) -> str:
        """The conversation's URL, without a trailing slash."""
        return self._settings.base_url

    def attachment_url(self, id: str) -> str:
        """Where the bytes of a file part are; reading them needs the conversation's token."""
        return attachment_url(self._settings, id)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a conversation holds connections and cannot be pickled; make one in each process")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"
