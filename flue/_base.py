"""What the two faces have in common: each class here is completed by both, with plain calls or with `await`."""

# ruff: noqa: TC001, TC003  (whoever resolves the annotations at run time finds their names here)

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, TypeVar

from flue.core.events import EventBuffer
from flue.core.protocol import BatchMachine
from flue.errors import FlueTimeoutError
from flue.signals import AbortSignal, abort_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue._instrumentation import Instrumentation
    from flue._requests import StreamSpec
    from flue.config import Settings
    from flue.core.protocol import Machine
    from flue.core.retry import FailedAttempt
    from flue.errors import FlueError

__all__ = [
    "BaseCancelToken",
    "BaseChannel",
    "BaseDriver",
    "BaseStream",
    "BaseStreams",
    "Cause",
    "State",
    "T",
]

Cause = Literal["cancelled", "aborted", "expired"]

TransportT = TypeVar("TransportT")
ResponseT = TypeVar("ResponseT")
TokenT = TypeVar("TokenT", bound="BaseCancelToken")
ChannelT = TypeVar("ChannelT", bound="BaseChannel")

if TYPE_CHECKING:
    import typing_extensions

    from flue.models import FlueEvent

    T = typing_extensions.TypeVar("T", default=FlueEvent)
else:
    T = TypeVar("T")


class BaseCancelToken:
    """Ends the waits of one call, from any thread, task, timer or signal handler.

    Attributes:
        cause: Why the call was cancelled; None while it was not.
        interrupted: Whether the wait that is going on is to end, and the call to go on.
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
            transport: Sends the requests.
            settings: Of the client.
            machine: Decides.
            token: Cancels what is going on.
            instrumentation: Reports what is done.
            cancel_error: What a cancelled call raises; None where it ends quietly.
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


class BaseStream(Generic[T]):
    """What can be read of a stream at any time."""

    _token: BaseCancelToken

    def __init__(self, spec: StreamSpec[Any, T]) -> None:
        self._machine: BatchMachine = spec.machine
        self._events: EventBuffer[T] = spec.events
        self._decoded = spec.events.decoded
        self._signal = spec.signal
        self._timeout = spec.timeout
        self._deadline = 0.0
        self._state = State.NOT_STARTED

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


class BaseStreams(Generic[ChannelT]):
    """What can be read of an iterator of many runs at any time. Its channel is what its readers know of it."""

    _channel: ChannelT
    _timeout: float | None

    @property
    def offsets(self) -> Mapping[str, str]:
        """The resume checkpoint of each run, for `stream_many(offsets=...)`; a copy that may be kept.

        A run that was begun at `now` stays there until its first event is handed over.
        """
        return dict(self._channel.offsets)

    def cancel(self, reason: object = None) -> None:  # noqa: ARG002  # as that of one stream
        """End the iteration without an error; a plain call, from any task, thread or signal handler. Idempotent.

        The runs go on.
        """
        self._channel.cancel("cancelled")

    def _raise_failure(self) -> None:
        """Raise what has ended the iteration, unless that was an end like others."""
        channel = self._channel
        if channel.cause == "expired":
            raise FlueTimeoutError(f"the streams did not end within {self._timeout:g} s; .offsets says how far")
        if channel.cause is None and channel.error is not None:
            raise channel.error

    def __reduce__(self) -> NoReturn:
        raise TypeError("live streams cannot be pickled or copied; save their .offsets and open new ones")


class BaseChannel(BaseCancelToken):
    """What the readers of many runs share with whom they read for, who can so be collected while they wait.

    Attributes:
        offsets: How far each run has been handed over.
        error: Of a callback of the caller's, which ends all.
    """

    def __init__(self, offsets: dict[str, str]) -> None:
        super().__init__()
        self.offsets = offsets
        self.error: BaseException | None = None
        self._over = False  # nothing more is read
        self._unwatch: Callable[[], None] | None = None
