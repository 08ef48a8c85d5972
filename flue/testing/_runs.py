"""Who calls the callables of a test; workflows and agents of Flue 1.0 as such callables: what they see and write."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from flue.testing._store import agent_path, format_offset, make_id, now_text, stable_id, to_json
from flue.types import UNSET, Unset

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine, Iterable, Mapping, Sequence

    from flue.testing._store import Event, Store

T = TypeVar("T")

JOIN_SECONDS = 5.0
"""How long a stop waits for a thread."""


class ServerStoppedError(Exception):
    """The server stopped while a callable was at work. Its run stays active, as on a server that died."""


class Workers:
    """The callables at work, from the start of a server to its stop. Used on its loop."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        """Set once the server stops."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._threads: set[threading.Thread] = set()

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run something that outlives the request that asked for it, until the server stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def call(self, function: Callable[[T], Any], argument: T, *, name: str) -> Any:
        """What a callable returns or raises.

        Args:
            function: A coroutine function, or a plain one, which gets a daemon thread of its own: nobody has to wait
                for it for ever.
            argument: Its only one.
            name: Of its thread.
        """
        if inspect.iscoroutinefunction(function):
            return await function(argument)
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # it cannot be cancelled any more

        def call() -> None:
            try:
                future.set_result(function(argument))
            except BaseException as raised:  # noqa: BLE001 - handed over to the task
                # What would end the loop itself, or cannot leave a coroutine, goes wrapped.
                passable = isinstance(raised, Exception) and not isinstance(raised, StopIteration)
                future.set_exception(raised if passable else RuntimeError(repr(raised)))
            finally:
                self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=call, name=name, daemon=True)
        self._threads.add(thread)
        thread.start()
        return await asyncio.wrap_future(future)

    async def stop(self) -> None:
        """End what is at work.

        Raises:
            RuntimeError: A thread does not end.
        """
        self.stopped.set()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for thread in list(self._threads):
            await asyncio.to_thread(thread.join, JOIN_SECONDS)
            if thread.is_alive():
                msg = f"{thread.name} is still running; a plain function should wait with sleep() of its argument"
                raise RuntimeError(msg)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # told to whoever waits for the result, and in the stream


WorkflowFunction: TypeAlias = "Callable[[WorkflowRun], Any] | Callable[[WorkflowRun], Awaitable[Any]]"
Validate: TypeAlias = Callable[[Any], object]
AgentFunction: TypeAlias = "Callable[[AgentTurn], Any] | Callable[[AgentTurn], Awaitable[Any]]"


def run_path(run_id: str) -> str:
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
        self._store.put_document(run_path(run_id), record if isinstance(input, Unset) else record | {"input": input})
        return run_id

    def append(self, run_id: str, events: Iterable[Event], *, raw: bool = False, notify: bool = True) -> None:
        """Add events, with their envelope unless they are raw."""
        envelope: Mapping[str, Any] | None = None if raw else {"runId": run_id}
        self._store.append(run_path(run_id), events, envelope=envelope, notify=notify)

    def start(self, run_id: str) -> None:
        record = self._store.document(run_path(run_id))
        names = ("runId", "workflowName", "startedAt", "input")
        self.append(run_id, [{"type": "run_start"} | {name: record[name] for name in names if name in record}])

    def append_end(self, run_id: str, *, notify: bool, result: Any = None, error: Any = None) -> dict[str, Any]:
        """Add ``run_end``. Returns the record of the run after it.

        Raises:
            KeyError: No such run.
            TypeError: The result is not JSON.
            ValueError: The same, or the stream is closed.
        """
        record = self.ended(run_id, result=result, error=error)
        event = {"type": "run_end", "runId": run_id, "result": record.get("result"), "isError": record["isError"]}
        event |= {name: record[name] for name in ("error", "durationMs") if name in record}
        self.append(run_id, [event], notify=notify)
        return record

    def close(self, run_id: str, record: Mapping[str, Any]) -> None:
        self._store.close_stream(run_path(run_id))
        self._store.put_document(run_path(run_id), record)

    def ended(self, run_id: str, *, result: Any = None, error: Any = None) -> dict[str, Any]:
        """The record of a run after its end.

        Raises:
            KeyError: No such run.
        """
        record = self._store.document(run_path(run_id))
        if record is None:
            raise KeyError(run_id)
        failed = error is not None
        duration = max(0, round((time.time() - datetime.fromisoformat(record["startedAt"]).timestamp()) * 1000))
        ended = {name: value for name, value in record.items() if name not in {"result", "error"}}
        ended |= {"status": "errored" if failed else "completed", "endedAt": now_text()}
        ended |= {"isError": failed, "durationMs": duration}
        return ended | ({"error": error} if failed else {"result": result})


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


NO_COST = {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0, "total": 0}
NO_USAGE = {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0, "totalTokens": 0, "cost": NO_COST}
MODEL = {"provider": "flue-testing", "id": "python"}

# Flue tells a client nothing more of an error that is not its own.
FAILED = {
    "name": "Error",
    "message": "The agent submission failed because of an internal error.",
    "type": "internal_error",
    "details": "The server encountered an unexpected error while processing the agent submission.",
}


class AgentTurn:
    """One submission to an agent instance, as its function sees it.

    Attributes:
        agent_name: As registered.
        instance_id: From the URL.
        submission_id: Of this submission.
        message: What was sent.
        images: Objects of the writer: ``type``, ``data`` (base64), ``mimeType``.
    """

    def __init__(
        self,
        agent_name: str,
        instance_id: str,
        message: str,
        images: list[dict[str, Any]],
        *,
        store: Store,
        stopped: threading.Event,
    ) -> None:
        self.agent_name = agent_name
        self.instance_id = instance_id
        self.submission_id = str(uuid.uuid4())
        self.message = message
        self.images = images
        self._store = store
        self._stopped = stopped
        self._events = 0
        self._instance = {"instanceId": instance_id, "submissionId": self.submission_id, "agentName": agent_name}
        self._operation = {
            "conversationId": stable_id("conv", agent_path(agent_name, instance_id)),
            "session": "default",
            "operationId": make_id("op"),
            "harness": "default",
        }

    def emit(self, event: Mapping[str, Any]) -> None:
        """Add an event to the stream of the instance; its readers see it at once.

        Args:
            event: Fields of the wire (camelCase), ``type`` among them. The envelope of the submission is added.

        Raises:
            ServerStoppedError: The server has stopped.
            TypeError: Not JSON.
            ValueError: Not JSON.
        """
        self._append(event, self._operation | self._instance)

    def text(self, text: str) -> None:
        """Add a ``text_delta`` event: some of the answer.

        Raises:
            ServerStoppedError: The server has stopped.
        """
        self.emit({"type": "text_delta", "text": text})

    def sleep(self, seconds: float) -> None:
        """Wait; for agents that are plain functions. An asynchronous one has `asyncio.sleep`.

        Raises:
            ServerStoppedError: The server stopped meanwhile.
        """
        if self._stopped.wait(seconds):
            raise ServerStoppedError

    def begin(self) -> None:
        """Add what stands before the events of the function."""
        self.emit({"type": "operation_start", "operationId": self._operation["operationId"], "operationKind": "prompt"})
        self.emit({"type": "agent_start"})

    def settle(self, outcome: Mapping[str, Any], *, started: float) -> None:
        """Add what stands behind them: the end of the operation, and ``submission_settled``.

        Args:
            outcome: ``{"result": ...}`` or ``{"error": ...}``.
            started: When it began, by the monotonic clock.
        """
        failed = "error" in outcome
        self.emit({"type": "agent_end", "messages": []})
        operation: dict[str, Any] = {"type": "operation", "operationId": self._operation["operationId"]}
        operation |= {"operationKind": "prompt", "durationMs": round((time.monotonic() - started) * 1000)}
        operation |= {"isError": failed} | dict(outcome)
        result = outcome.get("result")
        if isinstance(result, dict) and "usage" in result:
            operation["usage"] = result["usage"]
        self.emit(operation)
        self.emit({"type": "idle"})
        settled = {"type": "submission_settled", "submissionId": self.submission_id}
        self._append(settled | {"outcome": "failed" if failed else "completed"} | dict(outcome), self._instance)

    def _append(self, event: Mapping[str, Any], envelope: Mapping[str, Any]) -> None:
        if self._stopped.is_set():
            raise ServerStoppedError
        # The index of an event counts within its submission; the offset counts within the stream.
        numbered = {"eventIndex": self._events, **event}
        self._events += 1
        self._store.append(agent_path(self.agent_name, self.instance_id), [numbered], envelope=envelope)


class Runner:
    """Runs workflows, and gives prompts to agents, one after the other for each instance. Used on the loop.

    Args:
        store: Where the streams live.
        runs: What can be done to runs.
        workers: Who calls the functions.
    """

    def __init__(self, store: Store, runs: Runs, workers: Workers) -> None:
        self._store = store
        self._runs = runs
        self._workers = workers
        self._busy: dict[str, asyncio.Lock] = {}

    def invoke(self, workflow: Workflow, value: Any) -> tuple[str, asyncio.Task[Any]]:
        """Start a run.

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
            await self._finish(run.run_id, error={"name": type(error).__name__, "message": str(error)})
            raise
        try:
            await self._finish(run.run_id, result=result)
        except (TypeError, ValueError):
            message = 'Action "workflow" output is not JSON-serializable.'
            await self._finish(run.run_id, error={"name": "ActionOutputSerializationError", "message": message})
            raise
        return result

    async def _finish(self, run_id: str, **outcome: Any) -> None:
        """End a run as Flue does under the eyes of its readers: a long poll gets ``run_end`` before the close."""
        record = self._runs.append_end(run_id, notify=True, **outcome)
        # One turn of the loop until the readers are woken, one in which they look.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self._runs.close(run_id, record)

    def prompt(
        self, name: str, instance_id: str, function: AgentFunction, message: str, images: list[dict[str, Any]]
    ) -> tuple[str, str, asyncio.Task[Any]]:
        """Take a prompt.

        Returns:
            The offset of the stream now, the submission id, and the result to come; it raises what the agent raised.
        """
        path = agent_path(name, instance_id)
        self._store.create_stream(path)
        offset = format_offset(self._store.head(path))
        turn = AgentTurn(name, instance_id, message, images, store=self._store, stopped=self._workers.stopped)
        return offset, turn.submission_id, self._workers.spawn(self._answer(function, turn, path))

    async def _answer(self, function: AgentFunction, turn: AgentTurn, path: str) -> Any:
        async with self._busy.setdefault(path, asyncio.Lock()):
            started = time.monotonic()
            turn.begin()
            try:
                result = await self._workers.call(function, turn, name=f"agent {path}")
                if isinstance(result, str):
                    result = {"text": result, "usage": NO_USAGE, "model": MODEL}
                to_json(result)  # what is not JSON fails here, before anything is told
                turn.settle({"result": result}, started=started)
            except ServerStoppedError:
                raise
            except Exception:
                turn.settle({"error": FAILED}, started=started)
                raise
            return result
