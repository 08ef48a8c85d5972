"""What the two faces have in common: each class here is completed by both, with plain calls or with `await`."""

# ruff: noqa: TC001  (whoever resolves the annotations of a stream at run time finds their names here)

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Generic, Literal, NoReturn, TypeVar

from flue.core.protocol import BatchMachine
from flue.signals import AbortSignal, abort_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue._instrumentation import Instrumentation
    from flue.config import Settings
    from flue.core.protocol import Machine
    from flue.core.retry import FailedAttempt
    from flue.errors import FlueError

__all__ = ["BaseCancelToken", "BaseDriver", "BaseStream", "Cause", "State"]

Cause = Literal["cancelled", "aborted", "expired"]

TransportT = TypeVar("TransportT")
ResponseT = TypeVar("ResponseT")
TokenT = TypeVar("TokenT", bound="BaseCancelToken")


class BaseCancelToken:
    """Ends the waits of one call, from any thread, task, timer or signal handler.

    Attributes:
        cause: why the call was cancelled; None while it was not.
        interrupted: whether the wait that is going on is to end, and the call to go on.
    """

    __slots__ = ("cause", "interrupted")

    def __init__(self) -> None:
        self.cause: Cause | None = None
        self.interrupted = False

    def is_set(self) -> bool:
        """Whether a wait has to end."""
        return self.cause is not None or self.interrupted

    def cancel(self, cause: Cause) -> None:
        """End the wait that is going on, and every later one. Only the first call counts."""
        if self.cause is None:
            self.cause = cause
        self._end_wait()

    def interrupt(self) -> None:
        """End the wait that is going on, and no later one."""
        self.interrupted = True
        self._end_wait()

    def watch(self, signal: AbortSignal | None, timeout: float | None = None) -> Callable[[], None]:
        """Be cancelled by the caller's signal, and after so many seconds.

        Returns:
            A function that ends that; to be called once.
        """
        cancel_timer = None if timeout is None else self._start_timer(timeout)
        unsubscribe = None if signal is None else signal.subscribe(lambda: self.cancel("aborted"))

        def unwatch() -> None:
            if cancel_timer is not None:
                cancel_timer()
            if unsubscribe is not None:
                unsubscribe()

        return unwatch

    def _start_timer(self, seconds: float) -> Callable[[], None]:
        """Be cancelled after so many seconds; returns a function that prevents that."""
        raise NotImplementedError

    def _end_wait(self) -> None:
        """End the wait that is going on, if there is one."""
        raise NotImplementedError


class BaseDriver(Generic[TransportT, ResponseT, TokenT]):
    """One machine and its open response."""

    def __init__(
        self,
        transport: TransportT,
        settings: Settings,
        machine: Machine,
        token: TokenT,
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
        self._response: ResponseT | None = None
        self._reported: FailedAttempt | None = None  # the failure that ended it: once, not at each later pull

    def report_failure(self, error: BaseException) -> None:
        """What was handed over has failed: it cannot be decoded, or the caller's code raised."""
        if isinstance(error, Exception):  # Ctrl-C and a task that is cancelled are ends like others
            self._instrumentation.ended(error)

    def detach(self) -> ResponseT | None:
        """Leave the closing of what is open to the caller."""
        response, self._response = self._response, None
        if self._token.cause is not None:
            self._instrumentation.ended(cause=self._token.cause)
        return response


class State(enum.Enum):
    """Where a stream is."""

    NOT_STARTED = "not started"
    IDLE = "reading"  # between two pulls
    RECEIVING = "receiving"  # a thread or task waits for the server
    CLOSED = "ended"


class BaseStream:
    """What can be read of a stream at any time."""

    _machine: BatchMachine
    _token: BaseCancelToken
    _signal: AbortSignal | None
    _state: State

    @property
    def offset(self) -> str:
        """The resume checkpoint: everything before it has been handed over.

        Give it to `stream(offset=...)`, also in another process.
        """
        return self._machine.offset

    @property
    def up_to_date(self) -> bool:
        """All that the server had at its last response has been handed over."""
        return self._machine.up_to_date

    @property
    def closed(self) -> bool:
        """All has been handed over, and nothing will be added."""
        return self._machine.closed

    def interrupted_by(self) -> Cause | None:
        """Why the stream was cancelled, if it was."""
        return self._token.cause

    def raise_if_aborted(self) -> None:
        """`AbortError` if the caller's signal has ended the stream, which itself ends quietly."""
        if self._token.cause == "aborted":
            raise abort_error(self._signal)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a live stream cannot be pickled or copied; save its .offset and open a new one")

    def __repr__(self) -> str:
        state = State.IDLE if self._state is State.RECEIVING else self._state
        return f"<{type(self).__name__} {state.value} offset={self.offset!r}>"
