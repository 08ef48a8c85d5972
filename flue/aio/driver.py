"""Performs what a machine asks for, in the calling task."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import TYPE_CHECKING, Any

from flue.aio.interrupt import Interrupted
from flue.core.actions import Batch, Deliver, Done, Fail, Open, Read, Sleep, TransportFault

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from flue.aio.interrupt import Interrupt
    from flue.aio.transport import Response, Transport
    from flue.config import Settings
    from flue.core.actions import Machine
    from flue.observe import Observer

__all__ = ["Driver"]


class Driver:
    """One machine and its open answer."""

    def __init__(
        self, transport: Transport, settings: Settings, machine: Machine, interrupt: Interrupt, observer: Observer
    ) -> None:
        self._transport = transport
        self._settings = settings
        self._machine = machine
        self._interrupt = interrupt
        self._observer = observer
        self._response: Response | None = None
        self._told = False  # of the failure that ended it: once, not at each later pull
        self.patience: float | None = None

    async def advance(self) -> Batch | Done:
        """Go on until there is something to hand over or nothing more to do.

        Raises:
            Interrupted: the interrupt was fired.
            FlueError: the machine gave up.
        """
        machine, interrupt = self._machine, self._interrupt
        while True:
            action = machine.next_action(time.monotonic())
            if isinstance(action, Deliver):
                return action.batch
            if isinstance(action, Done | Fail):
                await self.release()
                if isinstance(action, Done):
                    self._observer.ended()
                    return action
                if action.attempt is not None and not self._told:
                    self._told = True
                    self._observer.failed(action.attempt)
                self._observer.ended(action.error)
                raise action.error
            if interrupt.cause is not None:
                await self.release()
                raise Interrupted
            if isinstance(action, Read):
                await self._read()
            elif isinstance(action, Open):
                await self._open(action)
            else:
                await self._pause(action)

    def fail(self, error: BaseException) -> None:
        """What was handed over has failed: it cannot be decoded, or the caller's code raised."""
        if isinstance(error, Exception):  # a task that is cancelled and Ctrl-C are ends like others
            self._observer.ended(error)

    async def release(self) -> None:
        """Close what is open. Idempotent."""
        close = self.abandon()
        if close is not None:
            await close()

    def abandon(self) -> Callable[[], Coroutine[object, object, None]] | None:
        """Hand what is open to somebody who can still await its closing."""
        response, self._response = self._response, None
        if self._interrupt.cause is not None:
            self._observer.ended(cause=self._interrupt.cause)
        return None if response is None else response.aclose

    async def _open(self, action: Open) -> None:
        await self.release()
        self._observer.waits_by(self._machine.live)
        self._observer.opening(action)
        with self._interrupt:
            headers = self._settings.merge(await self._headers())
            self._observer.sending(action.request, headers)
            try:
                self._response = await self._transport.open(action.request, headers, self.patience)
            except TransportFault as error:
                self._machine.fault(error.fault, time.monotonic())
            else:
                self._observer.answered(self._response.head.status)
                self._machine.head(self._response.head, time.monotonic())

    async def _read(self) -> None:
        assert self._response is not None  # noqa: S101  # the machine reads only what it opened
        with self._interrupt:
            try:
                chunk = await self._response.read()
            except TransportFault as error:
                self._machine.fault(error.fault, time.monotonic())
                return
        if chunk:
            self._machine.data(chunk, time.monotonic())
        else:
            self._machine.end(time.monotonic())

    async def _pause(self, action: Sleep) -> None:
        await self.release()
        if action.attempt is not None:
            self._observer.failed(action.attempt)
        else:
            self._observer.pacing(action.delay)
        with self._interrupt:
            await asyncio.sleep(action.delay)

    async def _headers(self) -> Any:
        source = self._settings.source
        if not callable(source):
            return source
        made = source()
        return await made if inspect.isawaitable(made) else made
