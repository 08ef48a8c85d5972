"""The HTTP routes of Flue 1.0: runs, workflows and, by their own module, agents, with its order of checks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from flue.testing import answers
from flue.testing.answers import Answer, json_answer
from flue.testing.bodies import parse_body, refuse_wait
from flue.testing.http1 import path_segments
from flue.testing.runs import run_path

if TYPE_CHECKING:
    from flue.testing.agent_routes import AgentRoutes
    from flue.testing.http1 import RecordedRequest
    from flue.testing.store import Store
    from flue.testing.streams import StreamReads
    from flue.testing.workflows import Workflow, WorkflowRunner


class Routes:
    """Answers requests.

    Args:
        base_path: What every path begins with; empty or beginning with a slash.
        token: The bearer token that every request must carry, or `None`.
        store: Where the state is.
        reads: Answers reads of streams.
        workflows: By name; may grow while the server runs.
        runner: Runs them.
        agents: Answers requests to agents.
    """

    def __init__(
        self,
        *,
        base_path: str,
        token: str | None,
        store: Store,
        reads: StreamReads,
        workflows: dict[str, Workflow],
        runner: WorkflowRunner,
        agents: AgentRoutes,
    ) -> None:
        self._base_path = base_path
        self._token = token
        self._store = store
        self._reads = reads
        self._workflows = workflows
        self._runner = runner
        self._agents = agents

    async def answer(self, request: RecordedRequest) -> Answer:
        """The answer of the route that the request names."""
        answer = await self._answer(request)
        if request.method == "HEAD":
            # Hono makes a new answer without the body, whose headers are in lower case and sorted.
            return replace(answer, headers=sorted((name.lower(), value) for name, value in answer.headers))
        return answer

    async def _answer(self, request: RecordedRequest) -> Answer:
        segments = path_segments(request.path, self._base_path)
        if segments is None:
            return answers.no_route()
        if self._token is not None and request.header("authorization") != f"Bearer {self._token}":
            return answers.unauthorized()
        match segments:
            case ["runs", run_id] if run_id:
                return await self._run(request, run_id)
            case ["workflows", name] if name:
                return await self._workflow(request, name)
            case ["agents", name, instance_id] if name and instance_id:
                return await self._agents.answer(request, name, instance_id)
            case _:
                return answers.no_route()

    async def _run(self, request: RecordedRequest, run_id: str) -> Answer:
        record = self._store.record(run_id)
        workflow = None if record is None else self._workflows.get(record["workflowName"])
        if record is None or (workflow is not None and not workflow.runs):
            return answers.run_not_found(run_id)
        if request.method == "HEAD":
            return self._reads.head(run_path(run_id)) or answers.run_not_found(run_id)
        if request.method != "GET":
            return answers.method_not_allowed(request.method, "GET", "HEAD")
        if request.first("meta") is not None:
            return json_answer(record)
        return await self._reads.read(run_path(run_id), request) or answers.run_not_found(run_id)

    async def _workflow(self, request: RecordedRequest, name: str) -> Answer:
        if request.method != "POST":
            return answers.method_not_allowed(request.method, "POST")
        refusal = refuse_wait(request)
        if refusal is not None:
            return refusal
        if not name.strip():
            shape = "Workflow URLs must have the shape /workflows/<name> with a non-empty segment."
            return answers.invalid_request(shape)
        workflow = self._workflows.get(name)
        if workflow is None:
            return answers.workflow_not_found(name)
        value = parse_body(request)
        refusal = value if isinstance(value, Answer) else workflow.refuse(value)
        if refusal is not None:
            return refusal
        run_id, result = self._runner.start(workflow, value)
        if request.first("wait") is None:
            return json_answer({"runId": run_id}, status=202)
        try:
            # Shielded: the run goes on when the client that waits for it leaves.
            return json_answer({"result": await asyncio.shield(result), "runId": run_id})
        except Exception:  # noqa: BLE001 - whatever the workflow raised; its run says what
            return answers.internal_error()
