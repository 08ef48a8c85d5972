"""`client.workflows`: start runs, and see them through."""

# ruff: noqa: TC001, TC003  (whoever resolves the annotations at run time finds their names here)

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, overload

from flue import models
from flue._requests import Deadline, build_get_run, build_invoke, build_run_stream, check_handler, is_run_end
from flue._results import RunOutcome
from flue.config import Settings
from flue.core.retry import BackoffOptions
from flue.errors import FlueError
from flue.signals import AbortSignal
from flue.sync._driver import call_handler, pause, perform
from flue.sync.stream import FlueEventStream
from flue.sync.transport import Transport
from flue.types import UNSET

__all__ = ["Workflows"]


class Workflows:
    """Starts workflow runs.

    A POST is never repeated by this library: Flue 1.0 has no idempotency key, so a lost answer may be a started run.
    """

    def __init__(self, transport: Transport, settings: Settings) -> None:
        self._transport = transport
        self._settings = settings

    @overload
    def invoke(
        self,
        name: str,
        *,
        input: object = UNSET,
        wait: None = None,
        signal: AbortSignal | None = None,
        timeout: float | None = None,
    ) -> models.WorkflowInvokeResult: ...

    @overload
    def invoke(
        self,
        name: str,
        *,
        input: object = UNSET,
        wait: Literal["result"],
        signal: AbortSignal | None = None,
        timeout: float | None = None,
    ) -> models.WorkflowWaitResult: ...

    def invoke(
        self,
        name: str,
        *,
        input: object = UNSET,  # the word of Flue's own SDK
        wait: Literal["result"] | None = None,
        signal: AbortSignal | None = None,
        timeout: float | None = None,
    ) -> models.WorkflowInvokeResult | models.WorkflowWaitResult:
        """Start a run. The request is sent once, whatever happens: it is never repeated.

        Args:
            name: Of the workflow.
            input: JSON, attrs instances, dataclasses, datetimes (ISO 8601), `Decimal` and `UUID` (strings). Left
                out: no body. None: JSON `null`.
            wait: None to return when the run is admitted; `"result"` to wait for its result in the same request,
                which proxies may cut: `run()` is sturdier.
            signal: Ends the call with `AbortError`; a run that was admitted goes on.
            timeout: Overall limit in seconds. With `wait="result"` it also replaces a shorter read time-out.

        Raises:
            ValueError: An input that JSON cannot hold; raised before any I/O.
            NotFoundError: No such workflow.
            ServerError: Flue 1.0 answers 500 to an input that the workflow's schema refuses, and with `wait` when
                the run fails.
            FlueConnectionError: No response; whether the run was started is not known.
            FlueTimeoutError: `timeout` has passed.
            AbortError: `signal` was aborted.
        """
        spec = build_invoke(self._settings, name, input=input, wait=wait, signal=signal, timeout=timeout)
        return perform(self._transport, self._settings, spec)

    def run(
        self,
        name: str,
        *,
        input: object = UNSET,  # the word of Flue's own SDK
        on_event: Callable[[models.FlueEvent], object] | None = None,
        signal: AbortSignal | None = None,
        backoff_options: BackoffOptions | None = None,
        timeout: float | None = None,
    ) -> models.WorkflowRunResult:
        """Start a run, follow it to its end, and give its result. Every error after admission carries `run_id`.

        Args:
            name: Of the workflow, which must export `runs`.
            input: As for `invoke()`.
            on_event: Called with each event, in order; an exception from it ends the call, not the run.
            signal: Ends the call with `AbortError`; the run goes on.
            backoff_options: How failed reads are retried; the start itself is sent once.
            timeout: Overall limit in seconds.

        Raises:
            FlueExecutionError: The run failed; `.error` is what the server recorded.
            NotFoundError: No such workflow; or, with a `run_id`, a workflow that does not export `runs`.
            FlueError: The run could not be started or followed.
        """
        check_handler(self._settings, on_event)
        deadline = Deadline(timeout)
        build_run_stream(self._settings, "checked before the start", signal=signal, backoff_options=backoff_options)
        run_id = self.invoke(name, input=input, signal=signal, timeout=timeout).run_id
        outcome = RunOutcome(run_id, name)
        try:
            spec = build_run_stream(
                self._settings,
                run_id,
                signal=signal,
                backoff_options=backoff_options,
                timeout=deadline.remaining(),
                is_terminal=is_run_end(run_id),
            )
            with FlueEventStream(self._transport, self._settings, spec) as stream:
                for event in stream:
                    if on_event is not None:
                        call_handler(on_event, event)
                    if event.type == "run_end" and event.run_id == run_id:
                        outcome.from_event(event)
                if not outcome.done:
                    stream.raise_if_aborted()
            for delay in outcome.poll_record(deadline):
                if delay is not None:
                    pause(delay, signal)
                    continue
                record = build_get_run(
                    self._settings, run_id, signal=signal, backoff_options=backoff_options, timeout=deadline.remaining()
                )
                outcome.from_record(perform(self._transport, self._settings, record))
            return models.WorkflowRunResult(run_id=run_id, result=outcome.result())
        except FlueError as error:
            raise outcome.add_context(error)  # noqa: B904  # the same error
