"""Performs the actions of a machine, on the calling thread."""

from __future__ import annotations

import inspect
import os
import time
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flue._base import BaseDriver
from flue._instrumentation import Instrumentation
from flue.core.actions import Deliver, Done, Fail, LiveModeChanged, Open, Read, Retry, Sleep
from flue.core.protocol import CallProtocol
from flue.errors import FlueConnectionError
from flue.signals import abort_error
from flue.sync._connection import CancelToken
from flue.sync.transport import Response, Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue._requests import CallSpec
    from flue.config import Settings
    from flue.core.retry import FailedAttempt
    from flue.signals import AbortSignal

__all__ = ["Driver", "call_handler", "pause", "perform"]

T = TypeVar("T")


class Driver(BaseDriver[Transport, Response, CancelToken]):
    """Performs on the thread that calls `advance()`."""

    _pid = 0  # of the process that opened the response

    def advance(self) -> Deliver | Done:
        """Go on until there is something to hand over or nothing more to do.

        Raises:
            FlueError: The machine gave up, or the call was cancelled.
        """
        machine, token = self._machine, self._token
        while True:
            if token.cause is not None:
                self.close()
                machine.cancel(self._cancel_error(token.cause))
            elif token.interrupted:
                token.interrupted = False
                self.interrupt()
            action = machine.next_action(time.monotonic())
            if isinstance(action, Read):
                self._read()
            elif isinstance(action, Open):
                self._open(action)
            elif isinstance(action, Deliver):
                return action
            elif isinstance(action, Done):
                self.close()
                self._instrumentation.ended()
                return action
            elif isinstance(action, Fail):
                self.close()
                if action.attempt is not None and action.attempt is not self._reported:
                    self._reported = action.attempt
                    self._report(action.attempt)
                self._instrumentation.ended(action.error)
                raise action.error
            elif isinstance(action, LiveModeChanged):
                self._instrumentation.live_mode_changed(action.mode)
            else:
                self._pause(action)

    def interrupt(self) -> None:
        """The caller was torn out of `advance()` by an exception that is no failure; it may call it again."""
        self.close()
        self._machine.connection_interrupted()

    def close(self) -> None:
        """Close what is open. Idempotent."""
        response = self.detach()
        if response is not None:
            response.close()

    def _open(self, action: Open) -> None:
        headers = self._settings.request_headers(self._headers())
        self._instrumentation.request(action.request, headers)
        self.close()
        self._pid = os.getpid()
        try:
            self._response = self._transport.open(action.request, headers, self._token)
        except FlueConnectionError as error:
            self._fail(error)
        else:
            self._instrumentation.response(self._response.head.status)
            self._machine.response_started(self._response.head, time.monotonic())

    def _read(self) -> None:
        assert self._response is not None  # noqa: S101  # the machine reads only what it opened
        if self._pid != os.getpid():  # the response is the parent's: a forked child opens one of its own
            self.interrupt()
            return
        try:
            data = self._response.read()
        except FlueConnectionError as error:
            self._fail(error)
            return
        if data:
            self._machine.data_received(data, time.monotonic())
        elif not self._token.is_set():  # a connection that was shut down may look like one that ended
            self._machine.response_ended(time.monotonic())

    def _pause(self, action: Retry | Sleep) -> None:
        self.close()
        if isinstance(action, Retry):
            self._report(action.attempt)
            self._token.sleep(action.attempt.delay)
        else:
            self._instrumentation.idle(action.delay)
            self._token.sleep(action.delay)

    def _report(self, attempt: FailedAttempt) -> None:
        _refuse_coroutine(self._instrumentation.failed(attempt), "on_failed_attempt")

    def _fail(self, error: FlueConnectionError) -> None:
        if not self._token.is_set():
            self._machine.connection_failed(error, time.monotonic())

    def _headers(self) -> Any:
        headers = self._settings.headers
        if not callable(headers):
            return headers
        made = headers()
        if inspect.isawaitable(made):
            if inspect.iscoroutine(made):
                made.close()
            raise TypeError("the header callable returned an awaitable; an async one needs AsyncFlueClient")
        return made


def call_handler(on_event: Callable[[T], object], event: T) -> None:
    """Give an event to the caller's handler.

    Raises:
        TypeError: It returned a coroutine, which nobody would await.
    """
    _refuse_coroutine(on_event(event), "on_event")


def _refuse_coroutine(returned: object, what: str) -> None:
    if inspect.iscoroutine(returned):
        returned.close()
        raise TypeError(f"{what} returned a coroutine; an async one needs AsyncFlueClient or AsyncConversation")


def perform(transport: Transport, settings: Settings, spec: CallSpec[T]) -> T:
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
        result = driver.advance()
    except Exception as error:  # of a callback of the caller's, too
        driver.report_failure(error)
        raise
    finally:
        driver.close()
        unwatch()
    return cast("T", cast("Done", result).value)


def pause(seconds: float, signal: AbortSignal | None) -> None:
    """Wait. `AbortError` at once when the signal is aborted."""
    token = CancelToken()
    unwatch = token.watch(signal)
    try:
        token.sleep(seconds)
    finally:
        unwatch()
    if signal is not None and signal.aborted:
        raise abort_error(signal)
