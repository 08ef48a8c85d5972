"""`client.agents`: prompt agents, and follow what they do."""

# ruff: noqa: TC001, TC003  (whoever resolves the annotations at run time finds their names here)

from __future__ import annotations

from collections.abc import Callable, Iterable

from flue import models
from flue._requests import build_agent_stream, build_prompt, build_send, build_wait, check_handler
from flue._results import SubmissionOutcome, explain_prompt
from flue.codec import JSON
from flue.config import Settings
from flue.core.retry import BackoffOptions
from flue.errors import FlueError
from flue.signals import AbortSignal
from flue.sync._driver import call_handler, perform
from flue.sync.stream import FlueEventStream
from flue.sync.transport import Transport
from flue.types import AgentPromptImage, Live

__all__ = ["Agents"]


class Agents:
    """Prompts agents, and follows them.

    An agent instance is one conversation, named by the caller: the first prompt to an id begins it. `prompt()` and
    `send()` work with every Flue 1.0; `wait()` and `stream()` read the event streams of 1.0.0-beta.3 to beta.7. A POST
    is never repeated by this library: a lost answer may be a prompt that the agent is working on.

    Example:
        >>> with FlueClient("https://flue.example/api", token="...") as client:  # doctest: +SKIP
        ...     admission = client.agents.send("support", "ticket-42", message="Where is my order?")
        ...     answer = client.agents.wait(admission, on_event=lambda event: print(event.type))
        ...     print(answer.text)
    """

    def __init__(self, transport: Transport, settings: Settings) -> None:
        self._transport = transport
        self._settings = settings

    def prompt(
        self,
        name: str,
        id: str,
        *,
        message: str,
        images: Iterable[AgentPromptImage] | None = None,
        signal: AbortSignal | None = None,
        timeout: float | None = None,
    ) -> models.AgentPromptResult:
        """Prompt an agent and give its answer, all in one request, which is sent once and which proxies may cut.

        `send()` and `wait()` are sturdier: they outlive the connection.

        Args:
            name: Of the agent.
            id: Of the agent instance, any non-empty text.
            message: The prompt.
            images: For the agent to look at; its model must be able to.
            signal: Ends the call with `AbortError`; an agent that was prompted goes on.
            timeout: Overall limit in seconds; it also replaces a shorter read time-out.

        Raises:
            ValueError: An argument that cannot work; raised before any I/O.
            NotFoundError: No such agent.
            ServerError: The agent failed.
            FlueConnectionError: No response; whether the prompt was admitted is not known.
            FlueTimeoutError: `timeout` has passed.
            AbortError: `signal` was aborted.
        """
        spec = build_prompt(self._settings, name, id, message=message, images=images, signal=signal, timeout=timeout)
        try:
            return perform(self._transport, self._settings, spec)
        except FlueError as error:
            explain_prompt(error)
            raise

    def send(
        self,
        name: str,
        id: str,
        *,
        message: str,
        images: Iterable[AgentPromptImage] | None = None,
        signal: AbortSignal | None = None,
        timeout: float | None = None,
    ) -> models.AgentSendResult:
        """Prompt an agent and return when the prompt is admitted. The request is sent once, whatever happens.

        Args:
            name: Of the agent.
            id: Of the agent instance, any non-empty text.
            message: The prompt.
            images: For the agent to look at; its model must be able to.
            signal: Ends the call with `AbortError`; an agent that was prompted goes on.
            timeout: Overall limit in seconds.

        Returns:
            The admission: `wait()` takes it, also in another process, and `stream()` its `.offset`.

        Raises:
            ValueError: An argument that cannot work; raised before any I/O.
            NotFoundError: No such agent.
            FlueConnectionError: No response; whether the prompt was admitted is not known.
            FlueError: The prompt was not admitted; `FlueTimeoutError` after `timeout`, `AbortError` on `signal`.
        """
        spec = build_send(self._settings, name, id, message=message, images=images, signal=signal, timeout=timeout)
        try:
            return perform(self._transport, self._settings, spec)
        except FlueError as error:
            explain_prompt(error)
            raise

    def wait(
        self,
        admission: models.AgentSendResult | models.AgentPromptResult,
        *,
        on_event: Callable[[models.AttachedAgentEvent], object] | None = None,
        signal: AbortSignal | None = None,
        backoff_options: BackoffOptions | None = None,
        timeout: float | None = None,
        trust_stream_url: bool = False,
    ) -> models.AgentPromptResponse | JSON:
        """The answer to an admitted prompt: follows the agent's stream to where the prompt is settled.

        May be called again, with the same admission, before and after.

        Args:
            admission: As `send()` or `prompt()` gave it.
            on_event: Called with each event of this prompt, in order; an exception from it ends the call, not the
                agent.
            signal: Ends the call with `AbortError`; the agent goes on.
            backoff_options: How failed reads are retried; by default for 60 s, and for ever once the stream has been
                read from.
            timeout: Overall limit in seconds; `FlueTimeoutError` carries the offset reached.
            trust_stream_url: Read the admission's `stream_url`, and send the token there, though it is of another
                origin than the client's `base_url`. The server builds it from the request that reached it, so a proxy
                that rewrites hosts or ends TLS makes it differ. Where that URL cannot be reached, give the right one:
                `attrs.evolve(admission, stream_url=...)`.

        Returns:
            An `AgentPromptResponse` where the answer has that shape, else the JSON that it is.

        Raises:
            ValueError: A `stream_url` of another origin; raised before any I/O.
            FlueExecutionError: The prompt failed or was aborted; `.error` is what the server recorded.
            DurableStreamError: `UNSUPPORTED_SERVER`: Flue 1.0.0-beta.8 and later have no event streams of agents.
            FlueError: The stream could not be followed.
        """
        check_handler(self._settings, on_event)
        submission = SubmissionOutcome(admission)
        spec = build_wait(
            self._settings,
            submission,
            signal=signal,
            backoff_options=backoff_options,
            timeout=timeout,
            trust_stream_url=trust_stream_url,
        )
        try:
            with FlueEventStream["models.AttachedAgentEvent"](self._transport, self._settings, spec) as stream:
                for event in stream:
                    if not submission.matches(event):
                        continue
                    if on_event is not None:
                        call_handler(on_event, event)
                    submission.observe(event)
                    if submission.done:
                        break
                if not submission.done:
                    stream.raise_if_aborted()
            return submission.result()
        except FlueError as error:
            submission.add_context(error)
            raise

    def stream(
        self,
        name: str,
        id: str,
        *,
        offset: str = "-1",
        tail: int | None = None,
        live: Live = True,
        signal: AbortSignal | None = None,
        backoff_options: BackoffOptions | None = None,
        timeout: float | None = None,
    ) -> FlueEventStream[models.AttachedAgentEvent]:
        """The events of an agent instance as they happen, from `offset` on, those of all its prompts.

        The stream stays open for the next prompt: leave it, or `cancel()` it. Arguments are checked now; the first
        request is sent when the first event is asked for, and is refused with `NotFoundError` where nobody has
        prompted the instance yet. Against Flue 1.0.0-beta.8 and later it fails with `DurableStreamError`,
        `UNSUPPORTED_SERVER`: these have no event streams of agents.

        Args:
            name: Of the agent.
            id: Of the agent instance, any non-empty text.
            offset: Start after this offset; `"-1"` is the start, `"now"` skips what exists.
            tail: Only the last N events, when reading from the start.
            live: How to wait for news: `True` or `"long-poll"`, `"sse"` (least latency, fastest catch-up), `False` to
                end when up to date.
            signal: Ends the stream quietly.
            backoff_options: How failures are retried; by default for 60 s, and for ever once the stream has been
                read from.
            timeout: Overall limit in seconds, from the first pull on; `FlueTimeoutError` carries the offset reached.

        Raises:
            ValueError: An argument that cannot work.
            TypeError: An argument of the wrong type.
        """
        spec = build_agent_stream(
            self._settings,
            name,
            id,
            offset=offset,
            tail=tail,
            live=live,
            signal=signal,
            backoff_options=backoff_options,
            timeout=timeout,
        )
        return FlueEventStream["models.AttachedAgentEvent"](self._transport, self._settings, spec)
