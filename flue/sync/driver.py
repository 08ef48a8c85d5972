"""Performs what a machine asks for, on the calling thread."""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, Any

from flue.core.actions import Batch, Deliver, Done, Fail, Open, Read, Sleep, TransportFault

if TYPE_CHECKING:
    from flue.config import Settings
    from flue.core.actions import Machine
    from flue.observe import Observer
    from flue.sync.interrupt import Interrupt
    from flue.sync.transport import Answer, Transport

__all__ = ["Driver", "Interrupted"]


class Interrupted(Exception):  # noqa: N818  # a message to the caller of the driver, never to the user
    """The call was cut short; the interrupt knows why."""


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
        # Headers that are made anew for each request are those of the moment when it is the request's turn.
        self._asks_ahead = not observer.traced and not callable(settings.source)
        self._told = False  # of the failure that ended it: once, not at each later pull
        self.patience: float | None = None

    def advance(self) -> Batch | Done:
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
                self.release()
                if isinstance(action, Done):
                    self._observer.ended()
                    return action
                if action.attempt is not None and not self._told:
                    self._told = True
                    self._observer.failed(action.attempt)
                self._observer.ended(action.error)
                raise action.error
            if interrupt.cause is not None:
                self.release()
                raise Interrupted
            if isinstance(action, Read):
                self._read()
            elif isinstance(action, Open):
                self._open(action)
            else:
                self._pause(action)

    def fail(self, error: BaseException) -> None:
        """What was handed over has failed: it cannot be decoded, or the caller's code raised."""
        if isinstance(error, Exception):  # a task that is cancelled and Ctrl-C are ends like others
            self._observer.ended(error)

    def release(self) -> None:
        """Close what is open. Idempotent."""
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.close()
        if self._interrupt.cause is not None:
            self._observer.ended(cause=self._interrupt.cause)

    def _open(self, action: Open) -> None:
        self._observer.waits_by(self._machine.live)
        self._observer.opening(action)
        headers = self._settings.merge(self._headers())
        self._observer.sending(action.request, headers)
        kept = None if self._answer is None else self._answer.hand_on()
        if kept is not None and not kept.fresh:
            self._asks_ahead = False  # the caller is slower than any server
        self.release()
        try:
            self._answer = self._transport.open(action.request, headers, self._interrupt, self.patience, kept)
        except TransportFault as error:
            self._fault(error)
        else:
            self._observer.answered(self._answer.head.status)
            self._machine.head(self._answer.head, time.monotonic())
            ahead = self._machine.ahead() if self._asks_ahead else None
            if ahead is not None:
                self._transport.ask_ahead(self._answer, ahead, headers)

    def _read(self) -> None:
        assert self._answer is not None  # noqa: S101  # the machine reads only what it opened
        try:
            chunk = self._answer.read()
        except TransportFault as error:
            self._fault(error)
            return
        if chunk:
            self._machine.data(chunk, time.monotonic())
        elif self._interrupt.cause is None:  # a connection that was shut down may look like one that ended
            self._machine.end(time.monotonic())

    def _fault(self, error: TransportFault) -> None:
        if self._interrupt.cause is None:
            self._machine.fault(error.fault, time.monotonic())

    def _pause(self, action: Sleep) -> None:
        self.release()
        if action.attempt is not None:
            self._observer.failed(action.attempt)
        else:
            self._observer.pacing(action.delay)
        self._interrupt.pause(action.delay)

    def _headers(self) -> Any:
        source = self._settings.source
        if not callable(source):
            return source
        made = source()
        if inspect.isawaitable(made):
            if inspect.iscoroutine(made):
                made.close()
            raise TypeError("the header callable returned an awaitable; an async one needs AsyncFlueClient")
        return made
