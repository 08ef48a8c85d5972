"""Runs, and the workflows that produce them: Python callables."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from flue.testing._connections import ServerStoppedError
from flue.testing._responses import input_invalid, input_unexpected
from flue.testing._store import UNSET, Unset, make_id, now_text

if TYPE_CHECKING:
    import threading
    from collections.abc import Awaitable, Iterable, Mapping, Sequence

    from flue.testing._connections import Workers
    from flue.testing._http import Response
    from flue.testing._store import Event, Store


def run_path(run_id: str) -> str:
    """The path of the stream of a run."""
    return f"runs/{run_id}"


class Runs:
    """What can be done to runs, in the order in which Flue does it.

    Args:
        store: Where they live.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, workflow_name: str, *, input: Any = UNSET, run_id: str | None = None) -> str:
        """Make a run: an active record and an empty stream. Returns its id.

        Raises:
            ValueError: There is a run of this id.
        """
        run_id = run_id or make_id("run")
        if not self._store.create_stream(run_path(run_id)):
            msg = f"run {run_id!r} exists"
            raise ValueError(msg)
        record = {"runId": run_id, "workflowName": workflow_name, "status": "active", "startedAt": now_text()}
        self._store.put_record(record if isinstance(input, Unset) else record | {"input": input})
        return run_id

    def append(self, run_id: str, events: Iterable[Event], *, raw: bool = False, notify: bool = True) -> None:
        """Add events, with their envelope unless they are raw."""
        envelope: Mapping[str, Any] | None = None if raw else {"runId": run_id}
        self._store.append(run_path(run_id), events, envelope=envelope, notify=notify)

    def start(self, run_id: str) -> None:
        """Add ``run_start``."""
        record = self._record(run_id)
        event = {"type": "run_start"} | {name: record[name] for name in ("runId", "workflowName", "startedAt")}
        self.append(run_id, [event | {"input": record["input"]} if "input" in record else event])

    def finish(self, run_id: str, *, result: Any = None, error: Any = None) -> None:
        """End a run: ``run_end``, closed, record. A reader that waits sees the first two at once.

        Raises:
            KeyError: No such run.
            TypeError: The result is not JSON.
            ValueError: The same, or the stream is closed.
        """
        event, record = self._ended(run_id, result, error)
        self.append(run_id, [event], notify=False)
        self._store.close_stream(run_path(run_id))
        self._store.put_record(record)

    async def finish_live(self, run_id: str, *, result: Any = None, error: Any = None) -> None:
        """End a run as Flue does under the eyes of its readers: a long poll gets ``run_end`` before the close.

        Raises:
            TypeError: The result is not JSON.
            ValueError: The same.
        """
        event, record = self._ended(run_id, result, error)
        self.append(run_id, [event])
        # One turn of the loop until the readers are woken, one in which they look.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self._store.close_stream(run_path(run_id))
        self._store.put_record(record)

    def complete_record(self, run_id: str, *, result: Any = None, error: Any = None) -> None:
        """Write the end of a run into its record, and nothing into its stream.

        Raises:
            KeyError: No such run.
        """
        self._store.put_record(self._ended(run_id, result, error)[1])

    def _ended(self, run_id: str, result: Any, error: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The last event of a run, and its record after it."""
        record = self._record(run_id)
        failed = error is not None
        duration = max(0, round((time.time() - datetime.fromisoformat(record["startedAt"]).timestamp()) * 1000))
        event: dict[str, Any] = {"type": "run_end", "runId": run_id, "result": None if failed else result}
        event |= {"isError": True, "error": error} if failed else {"isError": False}
        record["status"] = "errored" if failed else "completed"
        record |= {"endedAt": now_text(), "isError": failed, "durationMs": duration}
        record |= {"error": error} if failed else {"result": result}
        return event | {"durationMs": duration}, record

    def _record(self, run_id: str) -> dict[str, Any]:
        record = self._store.record(run_id)
        if record is None:
            raise KeyError(run_id)
        return record


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

    def check_input(self, value: Any) -> Response | None:
        """The response that refuses an input, or `None`."""
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
