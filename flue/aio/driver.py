"""Performs what a machine asks for, in the calling task."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import TYPE_CHECKING, Any

from flue.aio.interrupt import Interrupted
from flue.core.actions import Deliver, Done, Fail, LiveModeChanged, Open, Read, Retry, Sleep
from flue.errors import FlueConnectionError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from flue._instrumentation import Instrumentation
    from flue.aio.interrupt import Interrupt
    from flue.aio.transport import Answer, Transport
    from flue.config import Settings
    from flue.core.protocol import RequestProtocol

__all__ = ["Driver"]


class Driver:
    """One machine and its open answer."""

    def __init__(
        self,
        transport: Transport,
        settings: Settings,
        machine: RequestProtocol,
        interrupt: Interrupt,
        instrumentation: Instrumentation,
    ) -> None:
        self._transport = transport
        self._settings = settings
        self._machine = machine
        self._interrupt = interrupt
        self._instrumentation = instrumentation
        self._answer: Answer | None = None
        self._told = False  # of the failure that ended it: once, not at each later pull

    async def advance(self) -> Deliver | Done:
        """Go on until there is something to hand over or nothing more to do.

        Raises:
            Interrupted: the interrupt was fired.
            FlueError: the machine gave up.
        """
        machine, interrupt = self._machine, self._interrupt
        while True:
            action = machine.next_action(time.monotonic())
            if isinstance(action, Deliver):
                return action
            if isinstance(action, Done | Fail):
                await self.release()
                if isinstance(action, Done):
                    self._instrumentation.ended()
                    return action
                if action.attempt is not None and not self._told:
                    self._told = True
                    self._instrumentation.failed(action.attempt)
                self._instrumentation.ended(action.error)
                raise action.error
            if interrupt.cause is not None:
                await self.release()
                raise Interrupted
            if isinstance(action, Read):
                await self._read()
            elif isinstance(action, Open):
                await self._open(action)
            elif isinstance(action, LiveModeChanged):
                self._instrumentation.live_mode_changed(action.mode)
            else:
                await self._pause(action)

    def fail(self, error: BaseException) -> None:
        """What was handed over has failed: it cannot be decoded, or the caller's code raised."""
        if isinstance(error, Exception):  # a task that is cancelled and Ctrl-C are ends like others
            self._instrumentation.ended(error)

    async def release(self) -> None:
        """Close what is open. Idempotent."""
        close = self.abandon()
        if close is not None:
            await close()

    def abandon(self) -> Callable[[], Coroutine[object, object, None]] | None:
        """Hand what is open to somebody who can still await its closing."""
        answer, self._answer = self._answer, None
        if self._interrupt.cause is not None:
            self._instrumentation.ended(cause=self._interrupt.cause)
        return None if answer is None else answer.close

    async def _close(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            await answer.close()

    async def _open(self, action: Open) -> None:
        await self._close()
        with self._interrupt:
            headers = self._settings.request_headers(await self._headers())
            self._instrumentation.request(action.request, headers)
            try:
                self._answer = await self._transport.open(action.request, headers)
            except FlueConnectionError as error:
                self._machine.connection_failed(error, time.monotonic())
            else:
                self._instrumentation.response(self._answer.head.status)
                self._machine.response_started(self._answer.head, time.monotonic())

    async def _read(self) -> None:
        assert self._answer is not None  # noqa: S101  # the machine reads only what it opened
        with self._interrupt:
            try:
                chunk = await self._answer.read()
            except FlueConnectionError as error:
                self._machine.connection_failed(error, time.monotonic())
                return
        if chunk:
            self._machine.data_received(chunk, time.monotonic())
        else:
            self._machine.response_ended(time.monotonic())

    async def _pause(self, action: Retry | Sleep) -> None:
        await self.release()
        if isinstance(action, Retry):
            self._instrumentation.failed(action.attempt)
            delay = action.attempt.delay
        else:
            self._instrumentation.idle(action.delay)
            delay = action.delay
        with self._interrupt:
            await asyncio.sleep(delay)

    async def _headers(self) -> Any:
        source = self._settings.headers
        if not callable(source):
            return source
        made = source()
        return await made if inspect.isawaitable(made) else made
