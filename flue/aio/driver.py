"""Performs what a machine asks for, in the calling task."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import TYPE_CHECKING, Any

from flue.aio.ahead import Ahead
from flue.aio.interrupt import Interrupted
from flue.core.actions import Batch, Deliver, Done, Fail, Open, Read, Sleep, TransportFault

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from flue.aio.interrupt import Interrupt
    from flue.aio.transport import Answer, Transport
    from flue.config import HeaderFields, Settings
    from flue.core.actions import Machine, Request
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
        self._answer: Answer | None = None
        self._next: tuple[Request, HeaderFields[str]] | None = None  # what can be asked ahead behind the open answer
        self._ahead: Ahead | None = None
        # Headers that are made anew for each request are those of the moment when it is the request's turn.
        self._asks_ahead = not observer.traced and not callable(settings.source)
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
        answer, self._answer = self._answer, None
        ahead, self._ahead = self._ahead, None
        if self._interrupt.cause is not None:
            self._observer.ended(cause=self._interrupt.cause)
        if answer is None and ahead is None:
            return None

        async def close() -> None:
            try:
                if answer is not None:
                    await answer.close()
            finally:
                if ahead is not None:
                    await ahead.discard()

        return close

    async def _close(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            await answer.close()

    async def _open(self, action: Open) -> None:
        await self._close()
        self._observer.waits_by(self._machine.live)
        self._observer.opening(action)
        with self._interrupt:
            headers = self._settings.merge(await self._headers())
            self._observer.sending(action.request, headers)
            try:
                self._answer = await self._answered(action.request, headers)
            except TransportFault as error:
                self._machine.fault(error.fault, time.monotonic())
            else:
                self._observer.answered(self._answer.head.status)
                self._machine.head(self._answer.head, time.monotonic())
                if self._asks_ahead and self._transport.asks_ahead:
                    following = self._machine.ahead()
                    self._next = None if following is None else (following, headers)

    async def _answered(self, request: Request, headers: HeaderFields[str]) -> Answer:
        self._next = None
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            if ahead.answers(request) and self._transport.asks_ahead:
                return await ahead.answer()
            self._asks_ahead = False  # the caller is slower than any server
            await ahead.discard()
        return await self._transport.open(request, headers, self.patience)

    async def _read(self) -> None:
        assert self._answer is not None  # noqa: S101  # the machine reads only what it opened
        with self._interrupt:
            try:
                chunk = await self._answer.read()
            except TransportFault as error:
                self._machine.fault(error.fault, time.monotonic())
                return
            if not chunk and self._next is not None:
                self._ahead = Ahead(self._transport, *self._next)
                await self._ahead.sent()
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
