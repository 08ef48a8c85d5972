"""`AsyncConversation`: one conversation of a Flue 2 server."""

# ruff: noqa: TC001, TC002, TC003  # whoever resolves the annotations at run time finds their names here

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, Self

import httpx

import flue
from flue import _conversation as builders
from flue import models
from flue._conversation import BaseConversation, BaseObservation
from flue._requests import Deadline, check_handler
from flue.aio._driver import call_handler, perform
from flue.aio.stream import AsyncFlueEventStream
from flue.aio.transport import Transport
from flue.config import AsyncHeaderSource, Timeouts, resolve
from flue.core.retry import BackoffOptions
from flue.errors import FlueError
from flue.signals import AbortSignal
from flue.types import UNSET, Attachment, Live, SignalMessage, UserMessage

__all__ = ["AsyncConversation", "AsyncConversationStream", "AsyncObservation"]


class AsyncConversationStream(AsyncFlueEventStream["models.ConversationChunk"]):
    """The chunks of a conversation as they come, each once and in order. Made by `AsyncConversation.stream()`.

    Iterate it, best inside `async with`; `cancel()`, `aclose()`, `.offset`, `.up_to_date` and `.closed` are those of
    `AsyncFlueEventStream`. A `conversation-reset` chunk says that what was received before is replaced by its snapshot.

    Example:
        >>> async with conversation.stream(sent) as stream:  # doctest: +SKIP
        ...     async for chunk in stream:
        ...         if chunk.type == "message-delta":
        ...             print(chunk.delta, end="", flush=True)
    """


class AsyncObservation(BaseObservation, AsyncFlueEventStream["flue.ConversationState"]):
    """The state of a conversation, kept up to date. Made by `AsyncConversation.observe()`.

    Iterate it: the state at once, then the newest one after each batch of changes. An async context manager. States are
    values: one that was handed over never changes. Attributes can be read, and `refresh()` and `cancel()` called, from
    any thread at any time.

    Example:
        >>> async with conversation.observe() as observation:  # doctest: +SKIP
        ...     async for state in observation:
        ...         print(state.messages[-1].parts)
    """

    async def _close_failed(self) -> None:
        if self.phase == "closed":
            await self._close()
        else:
            await self._driver.aclose()  # `refresh()` may go on


class AsyncConversation(BaseConversation):
    """One conversation with an agent of a Flue 2 server, for asyncio, on httpx.

    May be used by many tasks at once. An async context manager that works without; `aclose()` closes its connections.
    No request is made when it is constructed.

    Attributes:
        url: Of the conversation, without a trailing slash.

    Example:
        >>> async with AsyncConversation("https://flue.example/agents/support/7") as conversation:  # doctest: +SKIP
        ...     print((await conversation.ask("Where is my parcel?")).text)
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        headers: AsyncHeaderSource | None = None,
        timeout: Timeouts | float | None = None,
        http_client: httpx.AsyncClient | None = None,
        max_event_bytes: int | None = None,
        backoff_options: BackoffOptions | None = None,
        trust_env: bool = True,
    ) -> None:
        """Check the arguments; nothing is sent.

        Args:
            url: Absolute http(s) URL of the conversation: the path where the agent is mounted and the conversation's
                id. Default: `FLUE_CONVERSATION_URL`.
            token: Bearer token of every request. Default: `FLUE_TOKEN`. It goes to the origin of `url` only.
            headers: A mapping, or a callable, async or not, that returns one, called for every attempt. Merged over
                the token, case-insensitively; None as a value drops the header, also the token's.
            timeout: `Timeouts`, or one number of seconds for connecting and for silence.
            http_client: The caller's own client (proxies, TLS, mounts); never closed, never changed.
            max_event_bytes: Largest page and event that is accepted, decompressed; default: no limit.
            backoff_options: For calls that are given none of their own.
            trust_env: Whether proxies and certificates are taken from the environment.

        Raises:
            ValueError: An argument that cannot work, named; or no URL.
            TypeError: An argument of the wrong type.
        """
        settings = resolve(
            url,
            token,
            headers,
            timeout,
            max_event_bytes,
            backoff_options,
            trust_env=trust_env,
            allow_async=True,
            url_argument="url",
            url_variable="FLUE_CONVERSATION_URL",
        )
        self._bind(Transport(settings, http_client), settings, owns_transport=True)

    async def send(
        self,
        message: str | UserMessage | SignalMessage,
        *,
        attachments: Iterable[Attachment] | None = None,
        initial_data: object = UNSET,
        uid: object = UNSET,
        idempotency_key: object = UNSET,
        signal: AbortSignal | None = None,
        backoff_options: BackoffOptions | None = None,
        timeout: float | None = None,
    ) -> models.SendResult:
        """Deliver one message; returns when the server has admitted it.

        Args:
            message: Text of a user's turn, a `UserMessage`, or a `SignalMessage`.
            attachments: More attachments, after those of the message; a signal takes none.
            initial_data: JSON for an agent that this message creates.
            uid: A str continues that incarnation of the conversation only; None creates only.
            idempotency_key: 1 to 256 characters: the server admits the same key once. By default one is made for this
                call, and the request may be retried; None sends it without a key, once.
            signal: Aborts the call with `AbortError`; the message may have been admitted.
            backoff_options: How failures are retried; by default for 60 s.
            timeout: Overall limit in seconds.

        Raises:
            ValueError: An argument that cannot work, before anything is sent.
            TypeError: An argument of the wrong type.
            NotFoundError: No such agent, or another incarnation than `uid`.
            ConflictError: The conversation exists (`uid=None`; `.error.meta` has its uid), or the key was used for
                another message.
            FlueError: The message was not admitted, or nothing says that it was.
        """
        spec = builders.build_send(
            self._settings,
            message,
            attachments=attachments,
            initial_data=initial_data,
            uid=uid,
            idempotency_key=idempotency_key,
            signal=signal,
            backoff_options=backoff_options,
            timeout=timeout,
        )
        try:
            return await perform(self._transport, self._settings, spec)
        except FlueError as error:
            builders.explain_send(error, spec)
            raise

    async def wait(
        self,
        target: models.SendResult | str,
        *,
        on_event: Callable[[models.ConversationChunk], object] | None = None,
        signal: AbortSignal | None = None,
        backoff_options: BackoffOptions | None = None,
        timeout: float | None = None,
    ) -> None:
        """Follow a submission until it has settled.

        Args:
            target: What `send()` returned, or a submission's id. An id that the server never had is waited for until
                `timeout`.
            on_event: Called, or awaited where it is async, with each chunk of the conversation from the admission on,
                other submissions' too; the last one is the settlement. An exception from it ends the call, not the
                submission.
            signal: Ends the call with `AbortError`; the submission goes on.
            backoff_options: How failed reads are retried.
            timeout: Overall limit in seconds.

        Raises:
            FlueExecutionError: The submission failed or was aborted, or its stream ended without a settlement.
            FlueError: The conversation could not be read. Every error carries `.submission_id`.
        """
        await self._follow("wait", target, on_event, signal=signal, backoff_options=backoff_options, timeout=timeout)

    async def read(
        self,
        target: models.SendResult | str,
        *,
        on_event: Callable[[models.ConversationChunk], object] | None = None,
        signal: AbortSignal | None = None,
        backoff_options: BackoffOptions | None = None,
        timeout: float | None = None,
    ) -> flue.Reply:
        """Wait for a submission, then return its reply. Arguments and errors are those of `wait()`."""
        reply: flue.Reply = await self._follow(
            "read", target, on_event, signal=signal, backoff_options=backoff_options, timeout=timeout
        )
        return reply

    async def ask(
        self,
        message: str | UserMessage | SignalMessage,
        *,
        attachments: Iterable[Attachment] | None = None,
        initial_data: object = UNSET,
        uid: object = UNSET,
        idempotency_key: object = UNSET,
        on_event: Callable[[models.ConversationChunk], object] | None = None,
        signal: AbortSignal | None = None,
        backoff_options: BackoffOptions | None = None,
        timeout: float | None = None,
    ) -> flue.Reply:
        """`send()` and `read()`; `timeout` is one limit in seconds over both.

        Raises:
            FlueExecutionError: The submission failed or was aborted.
            FlueError: Every error after admission carries `.submission_id`.
        """
        check_handler(self._settings, on_event)
        deadline = Deadline(timeout)
        sent = await self.send(
            message,
            attachments=attachments,
            initial_data=initial_data,
            uid=uid,
            idempotency_key=idempotency_key,
            signal=signal,
            backoff_options=backoff_options,
            timeout=timeout,
        )
        return await self.read(
            sent,
            on_event=on_event,
            signal=signal,
            backoff_options=backoff_options,
            timeout=deadline.remaining(),
        )

    def stream(
        self,
        target: models.SendResult | str | None = None,
        *,
        offset: str | None = None,
        live: Live = "sse",
        signal: AbortSignal | None = None,
        backoff_options: BackoffOptions | None = None,
        timeout: float | None = None,
    ) -> AsyncConversationStream:
        """Chunks as they come. No request is made before the first one is asked for.

        Args:
            target: End with the settlement of this submission; without an offset, start at its admission.
            offset: Start after this offset, a stream's `.offset` for instance. Default without a target: now.
            live: `"sse"`, `"long-poll"` (or True), or False to catch up and end.
            signal: Ends the stream quietly.
            backoff_options: How failed reads are retried; by default for ever once the stream could be read.
            timeout: Overall limit in seconds.

        Raises:
            ValueError: An argument that cannot work.
            TypeError: An argument of the wrong type.
        """
        spec = builders.build_chunks(
            self._settings,
            target,
            offset=offset,
            live=live,
            signal=signal,
            backoff_options=backoff_options,
            timeout=timeout,
        )
        return AsyncConversationStream(self._transport, self._settings, spec)

    async def history(
        self,
        *,
        signal: AbortSignal | None = None,
        backoff_options: BackoffOptions | None = None,
        timeout: float | None = None,
    ) -> models.ConversationSnapshot:
        """The conversation as it is now: messages, settlements, and the offset after them.

        Raises:
            NotFoundError: No such conversation.
            FlueError: It could not be read.
        """
        spec = builders.build_history(self._settings, signal=signal, backoff_options=backoff_options, timeout=timeout)
        return await perform(self._transport, self._settings, spec)

    def observe(
        self,
        *,
        live: Literal["long-poll", "sse"] = "long-poll",
        wait_until_exists: bool = False,
        signal: AbortSignal | None = None,
        backoff_options: BackoffOptions | None = None,
        timeout: float | None = None,
    ) -> AsyncObservation:
        """The conversation's state, kept up to date. No request is made before the first state is asked for.

        Args:
            live: How to wait for news.
            wait_until_exists: Wait for a conversation that does not exist yet; else that is a `NotFoundError`.
            signal: Ends the observation quietly.
            backoff_options: How failed reads are retried.
            timeout: Overall limit in seconds.

        Raises:
            ValueError: An argument that cannot work.
            TypeError: An argument of the wrong type.
        """
        spec = builders.build_observation(
            self._settings,
            live=live,
            wait_until_exists=wait_until_exists,
            signal=signal,
            backoff_options=backoff_options,
            timeout=timeout,
        )
        return AsyncObservation(self._transport, self._settings, spec)

    async def abort(self, *, signal: AbortSignal | None = None, timeout: float | None = None) -> models.AbortResult:
        """Abort everything that runs or waits in this conversation. Sent once.

        Raises:
            FlueError: Nothing says that it was aborted.
        """
        spec = builders.build_abort(self._settings, signal=signal, timeout=timeout)
        return await perform(self._transport, self._settings, spec)

    async def attachment(
        self,
        id: str,
        *,
        signal: AbortSignal | None = None,
        backoff_options: BackoffOptions | None = None,
        timeout: float | None = None,
    ) -> bytes:
        """The bytes of a file part.

        Raises:
            NotFoundError: No such attachment.
            FlueError: It could not be read.
        """
        spec = builders.build_attachment(
            self._settings, id, signal=signal, backoff_options=backoff_options, timeout=timeout
        )
        return await perform(self._transport, self._settings, spec)

    async def aclose(self) -> None:
        """Close the conversation's own connections; those of a client that made it stay open. Idempotent."""
        if self._owns_transport:
            await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _follow(
        self,
        purpose: Literal["wait", "read"],
        target: models.SendResult | str,
        on_event: Callable[[models.ConversationChunk], object] | None,
        **options: Any,
    ) -> Any:
        check_handler(self._settings, on_event)
        spec = builders.build_wait(self._settings, target, purpose=purpose, **options)
        try:
            async with AsyncConversationStream(self._transport, self._settings, spec) as stream:
                async for chunk in stream:
                    if on_event is not None:
                        await call_handler(on_event, chunk)
                if purpose == "read" or not stream.closed:  # else the outcome is known
                    stream.raise_if_aborted()
            return builders.result_of(spec.machine)
        except FlueError as error:
            builders.explain_submission(error, builders.check_target(target))
            raise
