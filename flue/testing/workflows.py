"""Workflows as Python callables, and the runs they are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from flue.testing.answers import input_invalid, input_unexpected
from flue.testing.runs import Unset
from flue.testing.workers import ServerStoppedError

if TYPE_CHECKING:
    import asyncio
    import threading
    from collections.abc import Awaitable, Mapping, Sequence

    from flue.testing.answers import Answer
    from flue.testing.runs import Runs
    from flue.testing.workers import Workers

WorkflowFunction: TypeAlias = "Callable[[WorkflowRun], Any] | Callable[[WorkflowRun], Awaitable[Any]]"
Validate: TypeAlias = Callable[[Any], object]


class InvalidInputError(ValueError):
    """What the `validate` of a workflow raises to say where in the input the problem is.

    Args:
        message: What is wrong.
        path: Keys and indices that lead there.
    """

    def __init__(self, message: str, path: Sequence[str | int] = ()) -> None:
        super().__init__(message)
        self.path = list(path)


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow as registered; see `FlueTestServer.add_workflow`."""

    name: str
    function: WorkflowFunction
    runs: bool = True
    accepts_input: bool = True
    validate: Validate | None = None

    def refuse(self, value: Any) -> Answer | None:
        """The answer to an input that does not do, or `None`."""
        if not self.accepts_input:
            return None if isinstance(value, Unset) else input_unexpected()
        if self.validate is not None:
            try:
                self.validate({} if isinstance(value, Unset) else value)
            except InvalidInputError as error:
                return input_invalid([{"message": str(error), "path": error.path}])
            except (ValueError, TypeError, LookupError) as error:
                return input_invalid([{"message": str(error)}])
        return None


class WorkflowRun:
    """A run in progress, as its workflow sees it.

    Attributes:
        run_id: Of this run.
        workflow_name: Of the workflow that runs.
        input: The input of the invocation, parsed. Without one: ``{}``, or `None` when the workflow takes none.
    """

    def __init__(self, run_id: str, workflow_name: str, value: Any, *, runs: Runs, stopped: threading.Event) -> None:
        self.run_id = run_id
        self.workflow_name = workflow_name
        self.input = value
        self._runs = runs
        self._stopped = stopped

    def emit(self, event: Mapping[str, Any]) -> None:
        """Add an event to the stream of the run; its readers see it at once.

        Args:
            event: Fields of the wire (camelCase), ``type`` among them; ``runId``, ``v``, ``eventIndex`` and
                ``timestamp`` are added unless they are there.

        Raises:
            ServerStoppedError: The server has stopped.
            TypeError: Not JSON.
            ValueError: Not JSON.
        """
        if self._stopped.is_set():
            raise ServerStoppedError
        self._runs.append(self.run_id, [event])

    def log(self, message: str, level: str = "info", **attributes: Any) -> None:
        """Add a ``log`` event.

        Args:
            message: What is said.
            level: ``"info"``, ``"warn"`` or ``"error"``.
            attributes: Values that go with it, JSON.

        Raises:
            ServerStoppedError: The server has stopped.
        """
        event: dict[str, Any] = {"type": "log", "level": level, "message": message}
        self.emit(event | {"attributes": attributes} if attributes else event)

    def sleep(self, seconds: float) -> None:
        """Wait; for workflows that are plain functions. An asynchronous one has `asyncio.sleep`.

        Raises:
            ServerStoppedError: The server stopped meanwhile.
        """
        if self._stopped.wait(seconds):
            raise ServerStoppedError


class WorkflowRunner:
    """Starts workflows.

    Args:
        runs: Where the runs are kept.
        workers: Who calls the functions.
    """

    def __init__(self, runs: Runs, workers: Workers) -> None:
        self._runs = runs
        self._workers = workers

    def start(self, workflow: Workflow, value: Any) -> tuple[str, asyncio.Task[Any]]:
        """Start a run. Called on the loop of the server.

        Returns:
            The run id and the result to come; it raises what the workflow raised.
        """
        run_id = self._runs.create(workflow.name, input=value)
        given: Any = value if not isinstance(value, Unset) else {} if workflow.accepts_input else None
        run = WorkflowRun(run_id, workflow.name, given, runs=self._runs, stopped=self._workers.stopped)
        return run_id, self._workers.spawn(self._execute(workflow, run))

    async def _execute(self, workflow: Workflow, run: WorkflowRun) -> Any:
        self._runs.start(run.run_id)
        try:
            name = f"workflow {workflow.name} {run.run_id}"
            result = await self._workers.call(workflow.function, run, name=name)
        except ServerStoppedError:
            raise
        except Exception as error:
            await self._runs.finish_live(run.run_id, error={"name": type(error).__name__, "message": str(error)})
            raise
        try:
            await self._runs.finish_live(run.run_id, result=result)
        except (TypeError, ValueError):
            message = 'Action "workflow" output is not JSON-serializable.'
            unserializable = {"name": "ActionOutputSerializationError", "message": message}
            await self._runs.finish_live(run.run_id, error=unserializable)
            raise
        return result
