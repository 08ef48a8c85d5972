"""Performs what a machine asks for, on the calling thread."""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, Any

from flue.core.actions import Deliver, Done, Fail, LiveModeChanged, Open, Read, Retry, Sleep
from flue.errors import FlueConnectionError

if TYPE_CHECKING:
    from flue._instrumentation import Instrumentation
    from flue.config import Settings
    from flue.core.protocol import RequestProtocol
    from flue.sync.interrupt import Interrupt
    from flue.sync.transport import Answer, Transport

__all__ = ["Driver", "Interrupted"]


class Interrupted(Exception):  # noqa: N818  # a message to the caller of the driver, never to the user
    """The call was cut short; the interrupt knows why."""


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

    def advance(self) -> Deliver | Done:
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
                self.release()
                if isinstance(action, Done):
                    self._instrumentation.ended()
                    return action
                if action.attempt is not None and not self._told:
                    self._told = True
                    self._instrumentation.failed(action.attempt)
                self._instrumentation.ended(action.error)
                raise action.error
            if interrupt.cause is not None:
                self.release()
                raise Interrupted
            if isinstance(action, Read):
                self._read()
            elif isinstance(action, Open):
                self._open(action)
            elif isinstance(action, LiveModeChanged):
                self._instrumentation.live_mode_changed(action.mode)
            else:
                self._pause(action)

    def fail(self, error: BaseException) -> None:
        """What was handed over has failed: it cannot be decoded, or the caller's code raised."""
        if isinstance(error, Exception):  # a task that is cancelled and Ctrl-C are ends like others
            self._instrumentation.ended(error)

    def release(self) -> None:
        """Close what is open. Idempotent."""
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.close()
        if self._interrupt.cause is not None:
            self._instrumentation.ended(cause=self._interrupt.cause)

    def _open(self, action: Open) -> None:
        headers = self._settings.request_headers(self._headers())
        self._instrumentation.request(action.request, headers)
        self.release()
        try:
            self._answer = self._transport.open(action.request, headers, self._interrupt)
        except FlueConnectionError as error:
            self._fault(error)
        else:
            self._instrumentation.response(self._answer.head.status)
            self._machine.response_started(self._answer.head, time.monotonic())

    def _read(self) -> None:
        assert self._answer is not None  # noqa: S101  # the machine reads only what it opened
        try:
            chunk = self._answer.read()
        except FlueConnectionError as error:
            self._fault(error)
            return
        if chunk:
            self._machine.data_received(chunk, time.monotonic())
        elif self._interrupt.cause is None:  # a connection that was shut down may look like one that ended
            self._machine.response_ended(time.monotonic())

    def _fault(self, error: FlueConnectionError) -> None:
        if self._interrupt.cause is None:
            self._machine.connection_failed(error, time.monotonic())

    def _pause(self, action: Retry | Sleep) -> None:
        self.release()
        if isinstance(action, Retry):
            self._instrumentation.failed(action.attempt)
            delay = action.attempt.delay
        else:
            self._instrumentation.idle(action.delay)
            delay = action.delay
        self._interrupt.pause(delay)

    def _headers(self) -> Any:
        source = self._settings.headers
        if not callable(source):
            return source
        made = source()
        if inspect.isawaitable(made):
            if inspect.iscoroutine(made):
                made.close()
            raise TypeError("the header callable returned an awaitable; an async one needs AsyncFlueClient")
        return made
