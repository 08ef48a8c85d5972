"""Performs the actions of a machine, in the calling task."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from flue._instrumentation import Instrumentation
from flue.core.actions import Deliver, Done, Fail, LiveModeChanged, Open, Read, Retry
from flue.core.protocol import CallProtocol
from flue.errors import FlueConnectionError, FlueError, FlueTimeoutError
from flue.signals import abort_error

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from flue._requests import CallSpec
    from flue.aio.transport import Response, Transport
    from flue.config import Settings
    from flue.core.actions import Request
    from flue.core.protocol import Machine
    from flue.core.retry import FailedAttempt
    from flue.signals import AbortSignal

__all__ = ["CancelToken", "Cause", "Driver", "pause", "perform"]

T = TypeVar("T")

Cause = Literal["cancelled", "aborted", "expired"]


class _Cancelled(Exception):  # noqa: N818  # from a wait to the driver around it, never to the user
    """The wait was cut short; the token knows why."""


class CancelToken:
    """Cuts the waits of one call short, from any task, thread or signal handler. A guard around each of them.

    The way of `asyncio.timeout()`: the task is cancelled where it waits, and the guard takes the cancellation back. A
    cancellation that came from elsewhere at the same time is counted by the task and goes through.

    Attributes:
        cause: why the call was cancelled; None while it was not.
        interrupted: whether the wait that is going on is to end, and the call to go on.
    """

    __slots__ = ("_cancelled", "_loop", "_outer", "_task", "cause", "interrupted")

    def __init__(self) -> None:
        self.cause: Cause | None = None
        self.interrupted = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[object] | None = None
        self._outer = 0
        self._cancelled = False

    def cancel(self, cause: Cause) -> None:
        """End the wait that is going on, and every later one. Only the first call counts."""
        if self.cause is None:
            self.cause = cause
        self._end_wait()

    def interrupt(self) -> None:
        """End the wait that is going on, and no later one."""
        self.interrupted = True
        self._end_wait()

    def _end_wait(self) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, nobody waits
                loop.call_soon_threadsafe(self._cancel_task)

    def _is_set(self) -> bool:
        return self.cause is not None or self.interrupted

    def _cancel_task(self) -> None:
        # Not on top of a cancellation that is under way: the second of two would interrupt what the first has to close.
        if self._task is not None and not self._cancelled and self._task.cancelling() <= self._outer:
            self._cancelled = True
            self._task.cancel()

    def __enter__(self) -> Self:
        if self._is_set():
            raise _Cancelled
        task: asyncio.Task[object] | None = asyncio.current_task()
        assert task is not None  # noqa: S101  # coroutines of this package run in tasks
        self._outer = task.cancelling()
        self._cancelled = False
        self._task = task
        self._loop = task.get_loop()
        if self._is_set():  # from another thread meanwhile
            self._task = self._loop = None
            raise _Cancelled
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        task, self._task, self._loop = self._task, None, None
        if self._cancelled and task is not None and task.uncancel() <= self._outer and kind is asyncio.CancelledError:
            raise _Cancelled from None


class Driver:
    """One machine and its open response."""

    def __init__(
        self,
        transport: Transport,
        settings: Settings,
        machine: Machine,
        token: CancelToken,
        instrumentation: Instrumentation,
        cancel_error: Callable[[Cause], FlueError | None],
    ) -> None:
        """Start before the first action.

        Args:
            transport: sends the requests.
            settings: of the client.
            machine: decides.
            token: cancels what is going on.
            instrumentation: is told.
            cancel_error: what a cancelled call raises; None where it ends quietly.
        """
        self._transport = transport
        self._settings = settings
        self._machine = machine
        self._token = token
        self._instrumentation = instrumentation
        self._cancel_error = cancel_error
        self._response: Response | None = None
        self._reported: FailedAttempt | None = None  # the failure that ended it: once, not at each later pull

    async def advance(self) -> Deliver | Done:
        """Go on until there is something to hand over or nothing more to do.

        Raises:
            FlueError: the machine gave up, or the call was cancelled.
        """
        machine, token = self._machine, self._token
        while True:
            if token.cause is not None:
                await self.aclose()
                machine.cancel(self._cancel_error(token.cause))
            elif token.interrupted:
                token.interrupted = False
                await self.interrupt()
            action = machine.next_action(time.monotonic())
            try:
                if isinstance(action, Read):
                    await self._read()
                elif isinstance(action, Open):
                    await self._open(action.request)
                elif isinstance(action, Deliver):
                    return action
                elif isinstance(action, Done):
                    await self.aclose()
                    self._instrumentation.ended()
                    return action
                elif isinstance(action, Fail):
                    await self.aclose()
                    if action.attempt is not None and action.attempt is not self._reported:
                        self._reported = action.attempt
                        await self._report(action.attempt)
                    self._instrumentation.ended(action.error)
                    raise action.error
                elif isinstance(action, LiveModeChanged):
                    self._instrumentation.live_mode_changed(action.mode)
                elif isinstance(action, Retry):
                    await self.aclose()
                    await self._report(action.attempt)
                    await self._pause(action.attempt.delay)
                else:
                    await self.aclose()
                    self._instrumentation.idle(action.delay)
                    await self._pause(action.delay)
            except _Cancelled:
                pass

    async def interrupt(self) -> None:
        """The caller was torn out of `advance()` by an exception that is no failure; it may call it again."""
        self._machine.connection_interrupted()
        await self.aclose()

    def report_failure(self, error: BaseException) -> None:
        """What was handed over has failed: it cannot be decoded, or the caller's code raised."""
        if isinstance(error, Exception):  # a task that is cancelled and Ctrl-C are ends like others
            self._instrumentation.ended(error)

    async def aclose(self) -> None:
        """Close what is open. Idempotent."""
        response = self.detach()
        if response is not None:
            await response.aclose()

    def detach(self) -> Response | None:
        """Leave the closing of what is open to the caller."""
        response, self._response = self._response, None
        if self._token.cause is not None:
            self._instrumentation.ended(cause=self._token.cause)
        return response

    async def _open(self, request: Request) -> None:
        await self.aclose()
        with self._token:
            headers = self._settings.request_headers(await self._headers())
            self._instrumentation.request(request, headers)
            try:
                self._response = response = await self._transport.open(request, headers)
            except FlueConnectionError as error:
                self._machine.connection_failed(error, time.monotonic())
            else:
                self._instrumentation.response(response.head.status)
                self._machine.response_started(response.head, time.monotonic())

    async def _read(self) -> None:
        response = self._response
        if response is None or not response.belongs_here():  # of another event loop, or of the parent of this process
            await self.interrupt()
            return
        with self._token:
            try:
                data = await response.read()
            except FlueConnectionError as error:
                self._machine.connection_failed(error, time.monotonic())
                return
        if data:
            self._machine.data_received(data, time.monotonic())
        else:
            self._machine.response_ended(time.monotonic())

    async def _pause(self, delay: float) -> None:
        with self._token:
            await asyncio.sleep(delay)

    async def _report(self, attempt: FailedAttempt) -> None:
        answer = self._instrumentation.failed(attempt)
        if inspect.isawaitable(answer):
            with self._token:
                await answer

    async def _headers(self) -> Any:
        headers = self._settings.headers
        if not callable(headers):
            return headers
        made = headers()
        return await made if inspect.isawaitable(made) else made


async def perform(transport: Transport, settings: Settings, spec: CallSpec[T]) -> T:
    """The result of a single request.

    Raises:
        AbortError: the caller's signal was aborted.
        FlueTimeoutError: the overall limit is over.
        FlueError: the server said no, or nothing that helps.
    """

    def cancel_error(cause: Cause) -> FlueError:
        if cause == "expired":
            return FlueTimeoutError(f"{spec.label}: no answer within {spec.timeout:g} s")
        return abort_error(spec.signal)

    token = CancelToken()
    machine = CallProtocol(spec.call, spec.budget, limit=settings.max_event_bytes)
    driver = Driver(transport, settings, machine, token, Instrumentation(spec.label, spec.options), cancel_error)
    loop = asyncio.get_running_loop()
    timer = None if spec.timeout is None else loop.call_later(spec.timeout, token.cancel, "expired")
    unsubscribe = None if spec.signal is None else spec.signal.subscribe(lambda: token.cancel("aborted"))
    try:
        result = await driver.advance()
    except Exception as error:  # of a callback of the caller's, too
        driver.report_failure(error)
        raise
    finally:
        if timer is not None:
            timer.cancel()
        if unsubscribe is not None:
            unsubscribe()
        await driver.aclose()
    assert isinstance(result, Done)  # noqa: S101  # a call delivers nothing else
    value: T = result.value
    return value


async def pause(seconds: float, signal: AbortSignal | None) -> None:
    """Wait. `AbortError` at once when the signal is aborted."""
    token = CancelToken()
    unsubscribe = None if signal is None else signal.subscribe(lambda: token.cancel("aborted"))
    try:
        with contextlib.suppress(_Cancelled), token:
            await asyncio.sleep(seconds)
    finally:
        if unsubscribe is not None:
            unsubscribe()
    if signal is not None and signal.aborted:
        raise abort_error(signal)
