"""From a request to the answer and the fault that spoils it: faults first, then scripts, then the routes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from flue.testing import answers
from flue.testing.agent_routes import AgentRoutes
from flue.testing.agents import AgentRunner
from flue.testing.answers import Answer
from flue.testing.connections import Exchange
from flue.testing.conversations import Conversations
from flue.testing.faults import NO_FAULT, FaultQueue
from flue.testing.routes import Routes
from flue.testing.runs import Runs
from flue.testing.scripts import Reply, ScriptExhaustedError, Scripts
from flue.testing.streams import StreamReads, UnsupportedVersionError
from flue.testing.views import ConversationReads
from flue.testing.workers import ServerStoppedError, Workers
from flue.testing.workflows import WorkflowRunner

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from flue.testing.agents import AgentFunction
    from flue.testing.http1 import RecordedRequest
    from flue.testing.observed import Observed
    from flue.testing.store import Store
    from flue.testing.streams import ReadOptions
    from flue.testing.workflows import Workflow


class Application:
    """All of a server but its sockets; it outlives them when the server is restarted.

    Args:
        base_path: What the path of every route begins with.
        token: The bearer token that every request must carry, or `None`.
        scheme: Of the URLs that are handed out.
        agent_views: Answer reads of agents as betas 8 and 9 do.
        store: Where the state is.
        options: How reads behave.
        observed: What the test will ask about.
    """

    def __init__(
        self,
        *,
        base_path: str,
        token: str | None,
        scheme: str,
        agent_views: bool,
        store: Store,
        options: ReadOptions,
        observed: Observed,
    ) -> None:
        self._base_path = base_path
        self._token = token
        self._scheme = scheme
        self._observed = observed
        self._store = store
        self._conversations = Conversations(store)
        self.runs = Runs(store)
        self.reads = StreamReads(store, options)
        views = ConversationReads(store, self._conversations, options, self.reads.wakeups)
        self._views = views if agent_views else None
        self.faults = FaultQueue()
        self.scripts = Scripts()
        self.workflows: dict[str, Workflow] = {}
        self.agents: dict[str, AgentFunction] = {}
        self.begin()

    def begin(self) -> None:
        """Get ready to answer; after an `end` again."""
        self._workers = Workers()
        agents = AgentRoutes(
            agents=self.agents,
            runner=AgentRunner(self._store, self._workers, self._conversations),
            reads=self.reads,
            views=self._views,
            scheme=self._scheme,
        )
        self._routes = Routes(
            base_path=self._base_path,
            token=self._token,
            store=self._store,
            reads=self.reads,
            workflows=self.workflows,
            runner=WorkflowRunner(self.runs, self._workers),
            agents=agents,
        )

    async def end(self) -> None:
        """End the workflows and agents that are at work.

        Raises:
            RuntimeError: One of them does not end.
        """
        await self._workers.stop()

    async def respond(self, request: RecordedRequest) -> Exchange:
        """What is answered to a request, and how it is spoilt. Never fails: a fault of ours is a 500."""
        self._observed.add_request(request)
        try:
            return await self._respond(request)
        except ScriptExhaustedError as error:
            self._observed.add_problem(str(error))
            return Exchange(Answer(599, [("content-type", "text/plain")], str(error).encode()))
        except ServerStoppedError:
            return Exchange(answers.internal_error())
        except Exception as error:  # noqa: BLE001 - reported to the test
            self.report(error)
            return Exchange(answers.internal_error())

    def report(self, error: BaseException) -> None:
        """Note what failed, unless it is a failure that Flue would have too."""
        if not isinstance(error, UnsupportedVersionError):
            self._observed.add_problem(f"{type(error).__name__}: {error}", error)

    async def _respond(self, request: RecordedRequest) -> Exchange:
        fault = self.faults.take(request)
        if fault.refuse:
            return Exchange(b"", fault)
        if fault.status is not None:
            return Exchange(Answer(fault.status, [], fault.body or b""), fault)
        reply = self.scripts.take(request)
        if isinstance(reply, Reply) and fault is NO_FAULT:
            fault = reply.fault
        answer = await self._routes.answer(request) if reply is None else _scripted(reply)
        if fault.body is not None and isinstance(answer, Answer):
            answer = replace(answer, body=fault.body)
        return Exchange(answer, fault)


def _scripted(reply: bytes | Reply) -> Answer | bytes:
    if isinstance(reply, bytes):
        return reply
    body = reply.body if isinstance(reply.body, bytes) else _chunks(reply.body)
    return Answer(reply.status, list(reply.headers), body)


async def _chunks(pieces: Iterable[bytes]) -> AsyncGenerator[bytes, None]:
    for piece in pieces:
        yield piece
        # A body without end that meets no resistance (TLS to a client that has gone gives none) must let the loop turn,
        # which is how it learns of that.
        await asyncio.sleep(0)
