"""One body, both faces, equal transcripts.

A scenario is a function of a `Face`. `@on_both_faces` turns it into a test that runs it on the blocking and on the
asyncio client, each against a server of its own, and compares what the two did: requests, pauses, events, offsets,
errors.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import random
import re
import threading
from contextlib import contextmanager
from difflib import ndiff
from typing import TYPE_CHECKING, Any

from flue import (
    AsyncConversation,
    AsyncFlueClient,
    BackoffOptions,
    Conversation,
    FlueClient,
    FlueConnectionError,
    Timeouts,
)
from flue.testing import FlueTestServer

from .frames import RUN, logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Small enough for a test that waits for it, large enough for a busy machine.
TIMEOUTS = Timeouts(connect=2.0, read=2.0)
#: Fails soon: for scenarios in which nothing gets better.
BRIEF = BackoffOptions(initial_delay=0.001, max_delay=0.002, max_retries=3)
#: Pauses too short to wait for, and no end of tries.
EAGER = BackoffOptions(initial_delay=0.001, max_delay=0.002)

_MADE_UP = re.compile(r"(cursor=|\b(?:run|sub|inst|conv|inc|turn|entry|err)_)[0-9A-Z]+\b|(sub_ik_|\bpy-)[0-9a-f]{32}")

AGENT = "support"
"""The agent that conversations talk to, unless a scenario says otherwise."""


class Stream:
    """A stream of either face, pulled by plain calls. `describe` says what the transcript has of an event."""

    def __init__(self, face: Face, inner: Any, describe: Callable[[Any, Any], tuple[Any, ...]] | None = None) -> None:
        self.inner = inner
        self._face = face
        self._describe = describe or _event

    def next(self) -> Any:
        """The next event; `StopIteration` at the end."""
        try:
            event = self._face.wait(self.inner.__anext__) if self._face.is_async else next(self.inner)
        except (StopIteration, StopAsyncIteration):
            self._face.note("end", self.inner.offset)
            raise StopIteration from None
        except Exception as error:
            self._face.note("error", type(error).__name__, _text(error), self.inner.offset)
            raise
        self._face.note(*self._describe(event, self.inner))
        return event

    def __iter__(self) -> Iterator[Any]:
        while True:
            try:
                yield self.next()
            except StopIteration:
                return

    def collect(self, limit: int | None = None) -> list[Any]:
        """All events, or the next `limit`."""
        events: list[Any] = []
        while limit is None or len(events) < limit:
            try:
                events.append(self.next())
            except StopIteration:
                break
        return events

    def close(self) -> None:
        """Release the connection and wait until it is."""
        self._face.release(self.inner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def _event(event: Any, stream: Any) -> tuple[Any, ...]:
    return "event", event.type, event.event_index, stream.offset


def _chunk(chunk: Any, _stream: Any) -> tuple[Any, ...]:
    # Not the offset: how many batches a frame holds depends on who was quicker, the agent or its reader.
    position = getattr(chunk, "position", None)
    return "chunk", chunk.type, None if position is None else (position.batch, position.index)


def _state(state: Any, observation: Any) -> tuple[Any, ...]:
    parts = [[part.type for part in message.parts] for message in state.messages]
    return "state", parts, [entry.outcome for entry in state.settlements], observation.offset


class Talk:
    """One conversation, driven by plain calls whichever face it is."""

    def __init__(self, face: Face, inner: Any) -> None:
        self.inner = inner
        self._face = face

    def __getattr__(self, name: str) -> Any:
        """A method of the conversation; its result or error goes into the transcript."""
        found = getattr(self.inner, name)
        if not callable(found) or name == "attachment_url":
            return found
        return functools.partial(self._face.noted, name, found)

    def stream(self, *arguments: Any, **options: Any) -> Stream:
        return self._face.pulling(self.inner.stream(*arguments, **options), _chunk)

    def observe(self, **options: Any) -> Stream:
        return self._face.pulling(self.inner.observe(**options), _state)

    def close(self) -> None:
        self._face.release(self.inner)


class Face:
    """One client and its server, driven by plain calls whichever face it is.

    The asyncio face runs on a loop of its own that turns only inside a call, so that a scenario decides what happens
    between two pulls.
    """

    def __init__(self, *, is_async: bool, server: FlueTestServer, **client: Any) -> None:
        self.is_async = is_async
        self.server = server
        self.transcript: list[tuple[Any, ...]] = []
        self._loop = asyncio.new_event_loop() if is_async else None
        self._clients: list[Any] = []
        self.streams: list[Stream] = []
        self._defaults = {"base_url": server.base_url, "timeout": TIMEOUTS, **client}
        self._made: Any = None
        self._threads: list[threading.Thread] = []

    @property
    def name(self) -> str:
        return "async" if self.is_async else "sync"

    @property
    def client(self) -> Any:
        """The scenario's client, made at its first use."""
        if self._made is None:
            self._made = self.new_client()
        return self._made

    def new_client(self, **arguments: Any) -> Any:
        """Another client, closed with the scenario."""
        made = (AsyncFlueClient if self.is_async else FlueClient)(**{**self._defaults, **arguments})
        self._clients.append(made)
        return made

    def wait(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """The result of a call, awaited if it must be."""
        result = call(*arguments, **options)
        if not inspect.isawaitable(result):
            return result

        async def whole() -> Any:
            return await result

        assert self._loop is not None
        return self._loop.run_until_complete(whole())

    def start_run(self, count: int, *, finish: bool = False) -> str:
        """A run of so many `log` events, and its end."""
        run_id = self.server.create_run(run_id=RUN)
        self.server.append(run_id, *logs(0, count), raw=True)
        if finish:
            self.server.finish_run(run_id, result=42)
        return run_id

    def idle(self, seconds: float = 0.0) -> None:
        """Let the loop turn (callbacks of other threads, closing connections)."""
        if self._loop is not None:
            self._loop.run_until_complete(asyncio.sleep(seconds))

    def conversation(self, id: str = "one", *, agent: str = AGENT, **arguments: Any) -> Talk:
        """A conversation of its own, closed with the scenario."""
        defaults = {**self._defaults, "url": f"{self.server.base_url}/agents/{agent}/{id}"}
        del defaults["base_url"]
        made = (AsyncConversation if self.is_async else Conversation)(**{**defaults, **arguments})
        self._clients.append(made)
        return Talk(self, made)

    @property
    def asked(self) -> list[str]:
        """What was asked of conversations: method and what follows the conversation's id."""
        return [
            f"{request.method} {re.sub(r'^.*?/agents/[^/?]+/[^/?]+', '', request.target)}".strip()
            for request in self.server.requests
        ]

    def noted(self, kind: str, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        try:
            result = self.wait(call, *arguments, **options)
        except Exception as error:
            self.note("error", type(error).__name__, _text(error))
            raise
        self.note(kind, len(result) if isinstance(result, list) else "")
        return result

    def get(self, run_id: Any, **options: Any) -> Any:
        return self.noted("record", self.client.runs.get, run_id, **options)

    def events(self, run_id: Any, **options: Any) -> Any:
        return self.noted("events", self.client.runs.events, run_id, **options)

    def invoke(self, name: Any, **options: Any) -> Any:
        return self.noted("invoked", self.client.workflows.invoke, name, **options)

    def run(self, name: Any, **options: Any) -> Any:
        return self.noted("ran", self.client.workflows.run, name, **options)

    def stream(self, run_id: Any, client: Any = None, **options: Any) -> Stream:
        """A stream that the scenario closes, or else its end does."""
        return self.pulling((client or self.client).runs.stream(run_id, **options))

    def pulling(self, inner: Any, describe: Callable[[Any, Any], tuple[Any, ...]] | None = None) -> Stream:
        """A stream that was made already."""
        stream = Stream(self, inner, describe)
        self.streams.append(stream)
        return stream

    def after(self, count: int, call: Callable[[], object]) -> None:
        """Make a call on another thread once so many more requests have come in."""
        total = len(self.server.requests) + count

        def wait() -> None:
            self.server.wait_for_requests(total)
            call()

        thread = threading.Thread(target=wait, name="after")
        self._threads.append(thread)
        thread.start()

    def note(self, *facts: Any) -> None:
        """One line of the transcript; the server's address, which differs, is replaced."""
        address = self.server.base_url
        self.transcript.append(tuple(fact.replace(address, "URL") if isinstance(fact, str) else fact for fact in facts))

    @property
    def targets(self) -> list[str]:
        """What was asked of the server: request targets in order."""
        return [request.target for request in self.server.requests]

    @contextmanager
    def inside(self, inner: Any) -> Iterator[Any]:
        """The block of a client or a stream: `with` or `async with`."""
        if not self.is_async:
            with inner as entered:
                yield entered
            return
        entered = self.wait(inner.__aenter__)
        try:
            yield entered
        except BaseException as error:
            self.wait(inner.__aexit__, type(error), error, error.__traceback__)
            raise
        self.wait(inner.__aexit__, None, None, None)

    def release(self, inner: Any) -> None:
        """Close a client, a session or a stream of this face."""
        self.wait(inner.aclose if self.is_async else inner.close)

    def close(self) -> None:
        for thread in self._threads:
            thread.join()
        for stream in self.streams:
            stream.close()
        for client in self._clients:
            self.release(client)
        if self._loop is not None:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()


class _Pauses(logging.Handler):
    """Takes the pauses down from what the library logs."""

    def __init__(self, face: Face) -> None:
        super().__init__()
        self._face = face

    def emit(self, record: logging.LogRecord) -> None:
        delay = getattr(record, "flue_delay", None)
        if delay is not None:
            self._face.note("pause", round(delay, 9), getattr(record, "flue_error", None))


@contextmanager
def face_on(server: FlueTestServer, *, is_async: bool, **client: Any) -> Iterator[Face]:
    """A face against a running server."""
    random.seed(7)  # the jitter of both faces
    face = Face(is_async=is_async, server=server, **client)
    handler = _Pauses(face)
    logger = logging.getLogger("flue")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    try:
        yield face
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        face.close()


def on_both_faces(
    body: Callable[[Face], None] | None = None,
    *,
    compare: bool = True,
    client: dict[str, Any] | None = None,
    **server: Any,
) -> Any:
    """A test of a scenario.

    Args:
        body: The scenario; called once with each face, and with the parameters and fixtures that it asks for beside it.
        compare: Whether the transcripts must be equal. Only a scenario whose course depends on time says no.
        client: Arguments of the clients.
        server: Arguments of `FlueTestServer`.
    """
    if body is None:
        return functools.partial(on_both_faces, compare=compare, client=client, **server)
    scenario = body

    def test(**given: Any) -> None:
        transcripts: list[list[tuple[Any, ...]]] = []
        for is_async in (False, True):
            with FlueTestServer(**server) as running, face_on(running, is_async=is_async, **client or {}) as face:
                scenario(face, **given)
                asked = [(request.method, request.target) for request in running.requests]
                transcripts.append([_neutral(line) for line in [*asked, *face.transcript]])
        if compare:
            assert transcripts[0] == transcripts[1], "\n".join(
                ndiff(*([str(line) for line in one] for one in transcripts))
            )

    test.__name__ = scenario.__name__
    test.__doc__ = scenario.__doc__
    test.__module__ = scenario.__module__
    test.__dict__.update(scenario.__dict__)  # the marks of pytest, parameters among them
    # What the scenario asks for beside its face, pytest gives: parameters and fixtures.
    asked_for = list(inspect.signature(scenario).parameters.values())[1:]
    test.__signature__ = inspect.Signature(asked_for)  # type: ignore[attr-defined]  # read by inspect.signature()
    return test


def _text(error: Exception) -> str:
    """What an error says, if these are our own words: how a connection failed is told in those of each library."""
    return "" if isinstance(error, FlueConnectionError) else str(error)


def _neutral(line: tuple[Any, ...]) -> tuple[Any, ...]:
    """A line without what the clock and the dice of the server put into it: its cursors and the ids that it made up."""
    return tuple(_MADE_UP.sub(r"\1\2*", fact) if isinstance(fact, str) else fact for fact in line)


def later(call: Callable[[], object], seconds: float) -> threading.Timer:
    """Make a call on another thread soon."""
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
    return timer
