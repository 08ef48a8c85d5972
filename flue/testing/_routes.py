"""The HTTP routes of Flue 1.0 in its order of checks: runs, workflows and, by `AgentRoutes`, agents."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from flue.testing import _responses as responses
from flue.testing._http import Response, path_segments
from flue.testing._responses import json_response, parse_body, validate_wait
from flue.testing._runs import run_path

if TYPE_CHECKING:
    from flue.testing._agents import AgentRoutes
    from flue.testing._http import RecordedRequest
    from flue.testing._runs import Workflow, WorkflowRunner
    from flue.testing._store import Store
    from flue.testing._streams import EventStreamReader


class Routes:
    """Answers requests.

    Args:
        base_path: What every path begins with; empty or beginning with a slash.
        token: The bearer token that every request must carry, or `None`.
        store: Where the state is.
        reader: Reads streams.
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
        reader: EventStreamReader,
        workflows: dict[str, Workflow],
        runner: WorkflowRunner,
        agents: AgentRoutes,
    ) -> None:
        self._base_path = base_path
        self._token = token
        self._store = store
        self._reader = reader
        self._workflows = workflows
        self._runner = runner
        self._agents = agents

    async def respond(self, request: RecordedRequest) -> Response:
        """The response of the route that the request names."""
        response = await self._respond(request)
        if request.method == "HEAD":
            # Hono makes a new response without the body, whose headers are in lower case and sorted.
            return replace(response, headers=sorted((name.lower(), value) for name, value in response.headers))
        return response

    async def _respond(self, request: RecordedRequest) -> Response:
        segments = path_segments(request.path, self._base_path)
        if segments is None:
            return responses.no_route()
        if self._token is not None and request.header("authorization") != f"Bearer {self._token}":
            return responses.unauthorized()
        match segments:
            case ["runs", run_id] if run_id:
                return await self._run(request, run_id)
            case ["workflows", name] if name:
                return await self._workflow(request, name)
            case ["agents", name, instance_id] if name and instance_id:
                return await self._agents.respond(request, name, instance_id)
            case _:
                return responses.no_route()

    async def _run(self, request: RecordedRequest, run_id: str) -> Response:
        record = self._store.record(run_id)
        workflow = None if record is None else self._workflows.get(record["workflowName"])
        if record is None or (workflow is not None and not workflow.runs):
            return responses.run_not_found(run_id)
        if request.method == "HEAD":
            return self._reader.head(run_path(run_id)) or responses.run_not_found(run_id)
        if request.method != "GET":
            return responses.method_not_allowed(request.method, "GET", "HEAD")
        if request.first("meta") is not None:
            return json_response(record)
        return await self._reader.read(run_path(run_id), request) or responses.run_not_found(run_id)

    async def _workflow(self, request: RecordedRequest, name: str) -> Response:
        if request.method != "POST":
            return responses.method_not_allowed(request.method, "POST")
        refusal = validate_wait(request)
        if refusal is not None:
            return refusal
        if not name.strip():
            shape = "Workflow URLs must have the shape /workflows/<name> with a non-empty segment."
            return responses.invalid_request(shape)
        workflow = self._workflows.get(name)
        if workflow is None:
            return responses.workflow_not_found(name)
        value = parse_body(request)
        refusal = value if isinstance(value, Response) else workflow.check_input(value)
        if refusal is not None:
            return refusal
        run_id, result = self._runner.start(workflow, value)
        if request.first("wait") is None:
            return json_response({"runId": run_id}, status=202)
        try:
            # Shielded: the run goes on when the client that waits for it leaves.
            return json_response({"result": await asyncio.shield(result), "runId": run_id})
        except Exception:  # noqa: BLE001 - whatever the workflow raised; its run says what
            return responses.internal_error()
