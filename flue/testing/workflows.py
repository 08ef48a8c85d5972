"""Workflows as Python callables, and the runs they are given."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from flue.testing.answers import input_invalid, input_unexpected
from flue.testing.runs import Unset

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from flue.testing.answers import Answer
    from flue.testing.runs import Runs

WorkflowFunction: TypeAlias = "Callable[[WorkflowRun], Any] | Callable[[WorkflowRun], Awaitable[Any]]"
Validate: TypeAlias = Callable[[Any], object]

JOIN_SECONDS = 5.0
"""How long a stop waits for the threads of workflows."""


class ServerStoppedError(Exception):
    """The server stopped while a workflow was running. Its run stays active, as on a server that died."""


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


class Executor:
    """Runs workflows: functions on a thread each, coroutine functions on the loop of the server.

    Args:
        runs: Where the runs are kept.
    """

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._stopped = threading.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._threads: set[threading.Thread] = set()

    def start(self, workflow: Workflow, value: Any) -> tuple[str, asyncio.Future[Any]]:
        """Start a run. Called on the loop of the server.

        Returns:
            The run id and the result to come; it raises what the workflow raised.
        """
        run_id = self._runs.create(workflow.name, input=value)
        given: Any = value if not isinstance(value, Unset) else {} if workflow.accepts_input else None
        run = WorkflowRun(run_id, workflow.name, given, runs=self._runs, stopped=self._stopped)
        task = asyncio.get_running_loop().create_task(self._execute(workflow, run))
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return run_id, task

    async def stop(self) -> None:
        """End what is running. The runs stay active and their streams open, as when a server dies.

        Raises:
            RuntimeError: The thread of a workflow does not end.
        """
        self._stopped.set()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for thread in list(self._threads):
            await asyncio.to_thread(thread.join, JOIN_SECONDS)
            if thread.is_alive():
                msg = f"{thread.name} is still running; use run.sleep() to wait in a workflow"
                raise RuntimeError(msg)

    async def _execute(self, workflow: Workflow, run: WorkflowRun) -> Any:
        self._runs.start(run.run_id)
        try:
            if inspect.iscoroutinefunction(workflow.function):
                result = await workflow.function(run)
            else:
                result = await self._in_thread(workflow.function, run)
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

    async def _in_thread(self, function: Callable[[WorkflowRun], Any], run: WorkflowRun) -> Any:
        """Call a function on a daemon thread of its own, which a stop does not have to wait for for ever."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        def call() -> None:
            result, error = None, None
            try:
                result = function(run)
            except BaseException as raised:  # noqa: BLE001 - handed over to the task
                error = raised
            finally:
                self._threads.discard(threading.current_thread())
            with contextlib.suppress(RuntimeError):  # the server has stopped meanwhile
                loop.call_soon_threadsafe(settle, result, error)

        thread = threading.Thread(target=call, name=f"workflow {run.workflow_name} {run.run_id}", daemon=True)
        self._threads.add(thread)
        thread.start()
        return await future

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # told to whoever waits for the result, and in run_end
