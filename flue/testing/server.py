"""A Flue server on loopback, for tests and demonstrations: real streams, faults on demand."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from flue.testing._conversation_routes import ConversationRoutes
from flue.testing._conversations import Conversations
from flue.testing._http import Response, ServerThread
from flue.testing._routes import Agent, RefusedError, RouteOptions, RunRoutes, StreamCondition, UnsupportedVersionError
from flue.testing._runs import (
    AgentFunction,
    Runner,
    Runs,
    ServerStoppedError,
    Workers,
    Workflow,
    WorkflowFunction,
    run_path,
)
from flue.testing._store import Store
from flue.testing.faults import NO_FAULT, FaultQueue, Reply, Script, ScriptExhaustedError
from flue.types import UNSET

if TYPE_CHECKING:
    import re
    import ssl
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
    from pathlib import Path

    from flue.testing._conversations import Conversation
    from flue.testing._http import RecordedRequest
    from flue.testing._runs import Validate
    from flue.testing._store import Event
    from flue.testing._turns import ConversationFunction
    from flue.testing.faults import Fault

logger = logging.getLogger("flue.testing")

A = TypeVar("A", bound="AgentFunction | ConversationFunction")
F = TypeVar("F", bound=WorkflowFunction)


class FlueTestServer:
    """A server that speaks Flue 1.0 or Flue 2, in this process, on loopback.

    Workflows are Python callables, runs are real streams: catch-up, long poll, server-sent events, records. With
    ``flue_version=2`` there are agents and their conversations instead, as of Flue 2.1. Every method may be called
    from any thread; a test that runs on an event loop waits for the server with ``await asyncio.to_thread(...)``.

    Example:
        >>> from flue.testing import FlueTestServer
        >>> with FlueTestServer() as server:
        ...     @server.workflow("report")
        ...     def report(run):
        ...         run.log("half way", done=50)
        ...         return {"ok": True}
        ...     url = server.base_url

        A conversation of Flue 2:

        >>> with FlueTestServer(flue_version=2) as server:
        ...     @server.agent("support")
        ...     def support(turn):
        ...         with turn.tool("look_up", {"ticket": 42}) as call:
        ...             call.output = {"state": "open"}
        ...         turn.text("Ticket 42 ", "is open.")
        ...     url = f"{server.base_url}/agents/support/ticket-42"

    Args:
        token: The bearer token that every request must carry; without one, none is asked for.
        flue_version: 1, or 2 for conversations.
        port: To listen on; 0 is any free one.
        base_path: Where the routes are mounted: empty, or beginning with a slash and not ending with one.
        database: A SQLite file for the state. A server that is given the file of an earlier one serves its runs;
            those that were active then stay active, and their streams open, as on Flue under Node. Conversations
            are kept likewise; a submission that was at work then never settles.
        poll_hold: Seconds that a long poll waits for something new, and a server-sent stream between two
            keep-alive frames.
        heartbeat: Seconds between two heartbeat comments of a server-sent stream.
        page_limit: Events (Flue 2: batches) in one page or data frame.
        keep_alive: Seconds after which an idle connection is closed.
        check_versions: Refuse to serve events of another version than 3, as Flue does. Otherwise they are
            served as they are, so that a client's own check can be tested.
        ssl_context: For HTTPS.

    Raises:
        ValueError: `base_path` is malformed, or there is no such `flue_version`.
    """

    def __init__(
        self,
        token: str | None = None,
        *,
        flue_version: Literal[1, 2] = 1,
        port: int = 0,
        base_path: str = "/api",
        database: str | Path | None = None,
        poll_hold: float = 30.0,
        heartbeat: float = 15.0,
        page_limit: int = 100,
        keep_alive: float = 5.0,
        check_versions: bool = False,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        if base_path and (not base_path.startswith("/") or base_path.endswith("/")):
            msg = f"base_path must be empty, or begin with a slash and not end with one: {base_path!r}"
            raise ValueError(msg)
        if flue_version not in {1, 2}:
            msg = f"flue_version must be 1 or 2: {flue_version!r}"
            raise ValueError(msg)
        self._flue_version: Literal[1, 2] = flue_version
        self._port = port
        self._keep_alive = keep_alive
        self._ssl = ssl_context
        scheme = "http" if ssl_context is None else "https"
        self._options = RouteOptions(base_path, token, scheme, poll_hold, heartbeat, page_limit, check_versions)

        self._workflows: dict[str, Workflow] = {}
        self._agents: dict[str, Agent] = {}
        self._faults = FaultQueue()
        self._scripts: list[Script] = []
        self._store = Store(database)
        self._runs = Runs(self._store)
        self._conversations = Conversations(self._store)

        # What tests ask about; written on the loop of the server.
        self._changed = threading.Condition()
        self._requests: list[RecordedRequest] = []
        self._open_connections = 0
        self._problems: list[str] = []

        self._thread: ServerThread | None = None
        self._routes: RunRoutes | ConversationRoutes | None = None

    # Start and stop

    def start(self) -> None:
        """Listen and serve; returns when connections are accepted.

        Raises:
            OSError: The port is taken.
            RuntimeError: The server runs already.
        """
        if self._thread is not None:
            raise RuntimeError("the server runs already")
        sock = self._listen()
        workers = Workers()
        condition = StreamCondition()  # of the loop to come
        routes = self._routes = self._make_routes(workers, condition)
        thread = ServerThread(
            workers,
            lambda request: self._respond(routes, request),
            on_count=self._set_open_connections,
            on_error=self._report,
            keep_alive=self._keep_alive,
            ssl_context=self._ssl,
        )
        self._store.on_change = lambda path: thread.call_soon(condition.wake, path)
        thread.start(sock)
        self._thread = thread

    def stop(self) -> None:
        """Reset every connection, end running workflows, leave no thread and no socket. Idempotent.

        Raises:
            RuntimeError: The thread of a workflow does not end within five seconds.
        """
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop()

    def close(self) -> None:
        """Stop for good, and close the database."""
        self.stop()
        self._store.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def restart(self, *, lose_state: bool = False) -> None:
        """Stop, and start again on the same port. Runs that were active stay so, and nobody works on them any more.

        Args:
            lose_state: Forget every run and conversation, as Flue does without a database. A conversation that is
                written to again is another one: its `uid` and its incarnation are new.
        """
        self.stop()
        if lose_state:
            self._store.forget()
            self._conversations.forget()
        self.start()

    def pause_listening(self) -> None:
        """Close the port: new connections are refused, open ones go on."""
        thread = self._running()
        thread.call(thread.close_port())

    def resume_listening(self) -> None:
        """Open the port again, the same one."""
        thread = self._running()
        thread.call(thread.listen(self._listen()))

    def drop_connections(self) -> None:
        """Reset every open connection."""
        thread = self._running()
        thread.call(thread.reset_connections())

    # Addresses

    @property
    def port(self) -> int:
        """The port; 0 before the first start when none was given."""
        return self._port

    @property
    def flue_version(self) -> Literal[1, 2]:
        """The generation of Flue that the server speaks."""
        return self._flue_version

    @property
    def base_url(self) -> str:
        """Where the routes are mounted: what a client is given."""
        return f"{self._options.scheme}://127.0.0.1:{self._port}{self._options.base_path}"

    # Workflows and agents: may be added while the server runs

    def workflow(
        self,
        name: str,
        *,
        runs: bool = True,
        accepts_input: bool = True,
        validate: Validate | None = None,
    ) -> Callable[[F], F]:
        """Register the decorated function as a workflow; see `add_workflow`."""

        def register(function: F) -> F:
            self.add_workflow(name, function, runs=runs, accepts_input=accepts_input, validate=validate)
            return function

        return register

    def add_workflow(
        self,
        name: str,
        function: WorkflowFunction,
        *,
        runs: bool = True,
        accepts_input: bool = True,
        validate: Validate | None = None,
    ) -> None:
        """Register a workflow, in place of an older one of this name.

        Args:
            name: In the URL.
            function: Called with a `WorkflowRun` for every invocation: a plain function on a thread of its own,
                a coroutine function on the loop of the server. What it returns is the result of the run, what
                it raises is its error.
            runs: Whether its runs can be read. Without, they answer 404 though they execute.
            accepts_input: Whether it takes input at all. Input that is not wanted is a 500.
            validate: Called with the input; a `ValueError`, `TypeError` or `LookupError` that it raises is a
                500 with an issue of that text, before anything runs. `InvalidInputError` says where, too.

        Raises:
            RuntimeError: The server speaks Flue 2, which has no workflows.
            TypeError: The function cannot be called.
        """
        self._require_version(1)
        if not callable(function):
            raise TypeError(f"function must be callable, not {type(function).__name__}")
        self._workflows[name] = Workflow(name, function, runs, accepts_input, validate)

    def agent(self, name: str, *, validate_initial_data: Callable[[Any], object] | None = None) -> Callable[[A], A]:
        """Register the decorated function as an agent; see `add_agent`."""

        def register(function: A) -> A:
            self.add_agent(name, function, validate_initial_data=validate_initial_data)
            return function

        return register

    def add_agent(
        self,
        name: str,
        function: AgentFunction | ConversationFunction,
        *,
        validate_initial_data: Callable[[Any], object] | None = None,
    ) -> None:
        """Register an agent, in place of an older one of this name.

        Args:
            name: In the URL.
            function: A plain function is called on a thread of its own, a coroutine function on the loop of the
                server; one call after the other for each instance or conversation.

                Flue 1.0: called with an `AgentTurn` for every prompt. A text that it returns is the answer of a
                model, anything else is the result as it is. What it raises settles the submission as failed; as
                from Flue, a client does not learn why.

                Flue 2: called with a `ConversationTurn` for every message that has not joined the turn of another
                one. It returns the text of the reply, or `None`; text that it has written itself is not added again.
                What it raises settles the submission as failed, with the text of the error.
            validate_initial_data: Flue 2: called with the ``initialData`` of a new conversation, or `None`; a
                `ValueError`, `TypeError` or `LookupError` that it raises is a 400 with this text.
        """
        if validate_initial_data is not None:
            self._require_version(2)
        self._agents[name] = Agent(function, validate_initial_data)

    # Runs written event by event, which no workflow works on; also while the server does not run

    def create_run(self, workflow_name: str = "test", *, input: Any = UNSET, run_id: str | None = None) -> str:
        """Make an active run with an empty stream, which nobody works on. Returns its id.

        Args:
            workflow_name: In the record. The workflow need not be registered.
            input: In the record.
            run_id: Instead of a new one.

        Raises:
            ValueError: There is a run of this id.
        """
        self._require_version(1)
        return self._runs.create(workflow_name, input=input, run_id=run_id)

    def append(self, run_id: str, *events: Event, raw: bool = False, notify: bool = True) -> None:
        """Add events to the stream of a run; its readers see them at once, all together.

        Args:
            run_id: Of a run whose stream is open.
            events: Fields of the wire (camelCase); ``runId``, ``v``, ``eventIndex`` and ``timestamp`` are added
                unless they are there. Text and bytes are JSON already and served untouched.
            raw: Add nothing.
            notify: Wake the readers that wait. Without, it is as if another process had written: they notice
                at their next read.

        Raises:
            KeyError: No such run.
            ValueError: Its stream is closed.
        """
        self._runs.append(run_id, events, raw=raw, notify=notify)

    def close_run(self, run_id: str, *, notify: bool = True) -> None:
        """Close the stream of a run; its record stays as it is.

        Raises:
            KeyError: No such run.
        """
        self._store.close_stream(run_path(run_id), notify=notify)

    def complete_record(self, run_id: str, *, result: Any = None, error: Any = None) -> None:
        """Write the end of a run into its record; its stream stays as it is.

        Raises:
            KeyError: No such run.
        """
        self._store.put_document(run_path(run_id), self._runs.ended(run_id, result=result, error=error))

    def finish_run(self, run_id: str, *, result: Any = None, error: Any = None) -> None:
        """End a run as Flue does: ``run_end``, then the stream is closed, then the record is written.

        Args:
            run_id: Of a run whose stream is open.
            result: Of the run, when it did not fail.
            error: Why it failed, JSON: usually ``{"name": ..., "message": ...}``.

        Raises:
            KeyError: No such run.
            ValueError: Its stream is closed.
        """
        # Not told before the close: a reader that waits sees both at once.
        self._runs.close(run_id, self._runs.append_end(run_id, notify=False, result=result, error=error))

    @property
    def run_ids(self) -> list[str]:
        """The ids of all runs, those of workflows too, in the order of their making."""
        return self._store.documents(run_path(""))

    def history(self, run_id: str) -> list[Any]:
        """Every event of a run so far, parsed.

        Raises:
            KeyError: No such run.
        """
        return self._store.history(run_path(run_id))

    # Conversations (Flue 2), also while the server does not run; `add_agent` must have named the agent

    def create_conversation(self, agent_name: str, conversation_id: str, *, initial_data: Any = UNSET) -> str:
        """Make a conversation to which nothing was sent yet. Returns its uid.

        Raises:
            ValueError: There is one.
        """
        self._require_version(2)
        return self._conversations.create(agent_name, conversation_id, initial_data).uid

    def snapshot(self, agent_name: str, conversation_id: str) -> dict[str, Any]:
        """A conversation as ``view=history`` shows it.

        Raises:
            KeyError: No such conversation.
        """
        return self._conversation(agent_name, conversation_id).snapshot()

    def append_chunks(self, agent_name: str, conversation_id: str, *chunks: Mapping[str, Any]) -> None:
        """Add one batch to the stream of a conversation; without a chunk, only the offset moves.

        Args:
            agent_name: Of the agent.
            conversation_id: Of a conversation that exists.
            chunks: Fields of the wire (camelCase); ``conversationId`` and ``position`` are added unless they are
                there. Chunks of a known type change the state, too.

        Raises:
            KeyError: No such conversation.
            TypeError: A chunk is not JSON.
            ValueError: A chunk is not JSON.
        """
        self._conversation(agent_name, conversation_id).append(*chunks)

    def compact(self, agent_name: str, conversation_id: str) -> None:
        """Compact a conversation: readers get a ``conversation-reset`` with the whole state.

        Raises:
            KeyError: No such conversation.
        """
        self._conversation(agent_name, conversation_id).append_reset()

    def reset_incarnation(self, agent_name: str, conversation_id: str) -> None:
        """Begin the stream of a conversation anew: another incarnation, the same messages, offsets from the start.

        Server-sent streams of the old one end.

        Raises:
            KeyError: No such conversation.
        """
        self._conversation(agent_name, conversation_id).new_incarnation()

    def delete_conversation(self, agent_name: str, conversation_id: str) -> None:
        """Lose a conversation with all work on it; who sends to it again creates another one.

        Raises:
            KeyError: No such conversation.
        """
        conversation = self._conversation(agent_name, conversation_id)
        if self._thread is not None and isinstance(self._routes, ConversationRoutes):
            self._thread.call(self._routes.delete(conversation))
        else:
            self._conversations.delete(conversation)

    def _conversation(self, agent_name: str, conversation_id: str) -> Conversation:
        self._require_version(2)
        conversation = self._conversations.get(agent_name, conversation_id)
        if conversation is None:
            raise KeyError(conversation_id)
        return conversation

    # Faults and scripts

    @property
    def faults(self) -> FaultQueue:
        """The faults to come."""
        return self._faults

    def script(
        self,
        path: str | re.Pattern[str],
        replies: Iterable[bytes | Reply],
        *,
        method: str | None = None,
        repeat_last: bool = False,
    ) -> None:
        """Answer requests by hand, without the routes. Earlier scripts come first.

        Args:
            path: The requests whose target (path and query) contains this text or is found by this pattern.
            replies: One for each request, in order. Bytes are sent as they are, and the connection closed.
            method: Only requests of this method.
            repeat_last: The last reply is for all that follow. Otherwise these get status 599, and `problems`
                says so.
        """
        self._scripts.append(Script(path, list(replies), method, repeat_last=repeat_last))

    # What the server has seen

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests so far, in the order they arrived."""
        with self._changed:
            return list(self._requests)

    @property
    def open_connections(self) -> int:
        """How many connections are open."""
        return self._open_connections

    @property
    def problems(self) -> list[str]:
        """What went wrong in the server itself or with its scripts: empty in a good test."""
        with self._changed:
            return list(self._problems)

    def wait_for_requests(self, count: int, timeout: float = 5.0) -> list[RecordedRequest]:
        """Wait until so many requests have come in, and return all.

        Raises:
            TimeoutError: They have not, in `timeout` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._requests) >= count, timeout):
                msg = f"{len(self._requests)} of {count} requests after {timeout:g} s"
                raise TimeoutError(msg)
            return list(self._requests)

    def wait_for_connections(self, count: int, timeout: float = 5.0) -> None:
        """Wait until exactly so many connections are open.

        Raises:
            TimeoutError: They are not, in `timeout` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._open_connections == count, timeout):
                msg = f"{self._open_connections} connections, not {count} after {timeout:g} s"
                raise TimeoutError(msg)

    # On the loop of the server

    def _make_routes(self, workers: Workers, condition: StreamCondition) -> RunRoutes | ConversationRoutes:
        if self._flue_version == 2:
            return ConversationRoutes(
                self._options, condition, self._agents, conversations=self._conversations, workers=workers
            )
        return RunRoutes(
            self._options,
            condition,
            self._agents,
            store=self._store,
            runner=Runner(self._store, self._runs, workers),
            workflows=self._workflows,
        )

    async def _respond(
        self, routes: RunRoutes | ConversationRoutes, request: RecordedRequest
    ) -> tuple[Response | bytes, Fault]:
        """The response to a request, and its fault. Never raises: an error of the server is a 500."""
        with self._changed:
            request = replace(request, number=len(self._requests) + 1)
            self._requests.append(request)
            self._changed.notify_all()
        try:
            return await self._choose_response(routes, request)
        except ScriptExhaustedError as error:
            self._add_problem(str(error))
            return Response(599, [("content-type", "text/plain")], str(error).encode()), NO_FAULT
        except ServerStoppedError:
            pass
        except Exception as error:  # noqa: BLE001 - reported to the test
            self._report(error)
        return RefusedError("internal_error").response, NO_FAULT

    async def _choose_response(
        self, routes: RunRoutes | ConversationRoutes, request: RecordedRequest
    ) -> tuple[Response | bytes, Fault]:
        """Faults come first, then scripts, then the routes."""
        fault = self._faults.take(request)
        if fault.refuse:
            return b"", fault
        if fault.status is not None:
            return Response(fault.status, [], fault.body or b""), fault
        script = next((script for script in self._scripts if script.matches(request)), None)
        reply = None if script is None else script.take(request)
        if isinstance(reply, Reply) and fault is NO_FAULT:
            fault = reply.fault
        response = await routes.respond(request) if reply is None else _scripted(reply)
        if fault.body is not None and isinstance(response, Response):
            response = replace(response, body=fault.body)
        return response, fault

    def _set_open_connections(self, count: int) -> None:
        with self._changed:
            self._open_connections = count
            self._changed.notify_all()

    def _report(self, error: BaseException) -> None:
        """Note what failed, unless Flue would have failed too."""
        if not isinstance(error, UnsupportedVersionError):
            self._add_problem(f"{type(error).__name__}: {error}", error)

    def _add_problem(self, problem: str, error: BaseException | None = None) -> None:
        logger.error("%s", problem, exc_info=error)
        with self._changed:
            self._problems.append(problem)

    def _listen(self) -> socket.socket:
        # A thousand clients may come at once.
        sock = socket.create_server(("127.0.0.1", self._port), backlog=4096)
        self._port = sock.getsockname()[1]
        return sock

    def _require_version(self, version: int) -> None:
        if self._flue_version != version:
            msg = f"only with flue_version={version}: this server speaks Flue {self._flue_version}"
            raise RuntimeError(msg)

    def _running(self) -> ServerThread:
        if self._thread is None:
            raise RuntimeError("the server does not run")
        return self._thread


def _scripted(reply: bytes | Reply) -> Response | bytes:
    if isinstance(reply, bytes):
        return reply
    body = reply.body if isinstance(reply.body, bytes) else _chunks(reply.body)
    return Response(reply.status, list(reply.headers), body)


async def _chunks(pieces: Iterable[bytes]) -> AsyncGenerator[bytes, None]:
    for piece in pieces:
        yield piece
        # A body without end that meets no resistance (TLS to a client that has gone gives none) must let the loop
        # turn: only then is the end of the connection noticed.
        await asyncio.sleep(0)
