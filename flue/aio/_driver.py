"""Performs the actions of a machine, in the calling task."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from flue._base import BaseCancelToken, BaseDriver
from flue._instrumentation import Instrumentation
from flue.aio.transport import Response, Transport
from flue.core.actions import Deliver, Done, Fail, LiveModeChanged, Open, Read, Retry
from flue.core.protocol import CallProtocol
from flue.errors import FlueConnectionError
from flue.signals import abort_error

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from flue._requests import CallSpec
    from flue.config import Settings
    from flue.core.actions import Request
    from flue.core.retry import FailedAttempt
    from flue.signals import AbortSignal

__all__ = ["CancelToken", "Driver", "call_handler", "pause", "perform"]

T = TypeVar("T")


class _Cancelled(Exception):  # noqa: N818  # from a wait to the driver around it, never to the user
    """The wait was cut short; the token knows why."""


class CancelToken(BaseCancelToken):
    """Cuts the waits of one call short, from any task, thread or signal handler. A guard around each of them.

    The way of `asyncio.timeout()`: the task is cancelled where it waits, and the guard takes the cancellation back. A
    cancellation that came from elsewhere at the same time is counted by the task and goes through.
    """

    __slots__ = ("_cancelled", "_loop", "_outer", "_task")

    def __init__(self) -> None:
        super().__init__()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[object] | None = None
        self._outer = 0
        self._cancelled = False

    def _start_timer(self, seconds: float) -> Callable[[], None]:
        return asyncio.get_running_loop().call_later(seconds, self.cancel, "expired").cancel

    def _end_wait(self) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, nobody waits
                loop.call_soon_threadsafe(self._cancel_task)

    def _cancel_task(self) -> None:
        # Not on top of a cancellation that is under way: the second of two would interrupt what the first has to close.
        if self._task is not None and not self._cancelled and self._task.cancelling() <= self._outer:
            self._cancelled = True
            self._task.cancel()

    def __enter__(self) -> Self:
        if self.is_set():
            raise _Cancelled
        task: asyncio.Task[object] | None = asyncio.current_task()
        assert task is not None  # noqa: S101  # coroutines of this package run in tasks
        self._outer = task.cancelling()
        self._cancelled = False
        self._task = task
        self._loop = task.get_loop()
        if self.is_set():  # from another thread meanwhile
            self._task = self._loop = None
            raise _Cancelled
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        task, self._task, self._loop = self._task, None, None
        if self._cancelled and task is not None and task.uncancel() <= self._outer and kind is asyncio.CancelledError:
            raise _Cancelled from None


class Driver(BaseDriver[Transport, Response, CancelToken]):
    """Performs in the task that awaits `advance()`."""

    async def advance(self) -> Deliver | Done:
        """Go on until there is something to hand over or nothing more to do.

        Raises:
            FlueError: The machine gave up, or the call was cancelled.
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

    async def aclose(self) -> None:
        """Close what is open. Idempotent."""
        response = self.detach()
        if response is not None:
            await response.aclose()

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
        returned = self._instrumentation.failed(attempt)
        if inspect.isawaitable(returned):
            with self._token:
                await returned

    async def _headers(self) -> Any:
        headers = self._settings.headers
        if not callable(headers):
            return headers
        made = headers()
        return await made if inspect.isawaitable(made) else made


async def perform(transport: Transport, settings: Settings, spec: CallSpec[T]) -> T:
    """The result of a single request.

    Raises:
        AbortError: The caller's signal was aborted.
        FlueTimeoutError: The overall limit is over.
        FlueError: The server said no, or nothing that helps.
    """
    token = CancelToken()
    machine = CallProtocol(spec.call, spec.budget, limit=settings.max_event_bytes)
    driver = Driver(transport, settings, machine, token, Instrumentation(spec.label, spec.options), spec.cancel_error)
    unwatch = token.watch(spec.signal, spec.timeout)
    try:
        result = await driver.advance()
    except Exception as error:  # of a callback of the caller's, too
        driver.report_failure(error)
        raise
    finally:
        unwatch()
        await driver.aclose()
    return cast("T", cast("Done", result).value)


async def call_handler(on_event: Callable[[T], object], event: T) -> None:
    """Give an event to the caller's handler, and wait for it where it is async."""
    returned = on_event(event)
    if inspect.isawaitable(returned):
        await returned


async def pause(seconds: float, signal: AbortSignal | None) -> None:
    """Wait. `AbortError` at once when the signal is aborted."""
    token = CancelToken()
    unwatch = token.watch(signal)
    try:
        with contextlib.suppress(_Cancelled), token:
            await asyncio.sleep(seconds)
    finally:
        unwatch()
    if signal is not None and signal.aborted:
        raise abort_error(signal)
