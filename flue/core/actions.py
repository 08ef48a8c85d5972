"""What a machine asks for, as values, and what it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from flue.core.retry import FailedAttempt
    from flue.core.wire import WireHeaders
    from flue.errors import FlueError

__all__ = [
    "FRESH",
    "Action",
    "Batch",
    "Deliver",
    "Done",
    "Fail",
    "Fault",
    "Head",
    "Machine",
    "Open",
    "Read",
    "Request",
    "Sleep",
    "TransportFault",
]


class Request(msgspec.Struct, frozen=True):
    """One HTTP request, without the caller's headers.

    Attributes:
        method: `GET` or `POST`.
        url: absolute, query included.
        headers: of the protocol; the caller's are merged over them.
        body: bytes, or None for none.
        patient: the answer may be as long in coming as the caller waits (a POST that waits for a result).
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    patient: bool = False


class Head(msgspec.Struct, frozen=True):
    """The head of an answer.

    Attributes:
        status: the HTTP status.
        headers: its headers.
        framed: whether the end of the body will be known (`wire.framed`).
        wall: time of day in seconds since the epoch, for a `Retry-After` date.
    """

    status: int
    headers: WireHeaders
    framed: bool
    wall: float


class Fault(msgspec.Struct, frozen=True):
    """A transport's failure, in our words.

    Attributes:
        error: ours; the library's own exception is its `__cause__`.
        retry: whether asking again may help (not after a failed TLS verification).
        silent: nothing was heard for `timeout.read`.
    """

    error: FlueError
    retry: bool = True
    silent: bool = False


class TransportFault(Exception):  # noqa: N818  # carries a `Fault` from a transport to its driver, never to the user
    """An attempt failed; `.fault` says how."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault.error))
        self.fault = fault


class Batch(msgspec.Struct):
    """Items that arrived together, whole, and the checkpoint behind them."""

    items: list[Any]
    offset: str
    up_to_date: bool
    closed: bool


class Open(msgspec.Struct, frozen=True):
    """Send this request (closing what is open), then report `head()` or `fault()`."""

    request: Request


class Read(msgspec.Struct, frozen=True):
    """Read what has arrived of the open body, then report `data()`, `end()` or `fault()`."""


class Sleep(msgspec.Struct, frozen=True):
    """Close what is open and wait.

    Attributes:
        delay: seconds.
        attempt: the failed attempt that is the reason; None when a clean answer brought nothing and the next
            question is only paced.
    """

    delay: float
    attempt: FailedAttempt | None = None


class Deliver(msgspec.Struct, frozen=True):
    """Hand over the items of this batch one by one, then report `handed_over()`."""

    batch: Batch


class Done(msgspec.Struct, frozen=True):
    """Close what is open. The machine has nothing more to ask for.

    Attributes:
        value: the answer of a single request; None for a stream.
    """

    value: Any = None


class Fail(msgspec.Struct, frozen=True):
    """Close what is open and raise.

    Attributes:
        error: what to raise; the same again for every later call.
        attempt: the failed attempt behind it, if it was one.
    """

    error: FlueError
    attempt: FailedAttempt | None = None


FRESH = 5.0
"""Seconds for which the answer to what was asked ahead is worth reading; later the server may have given it up."""

Action = Open | Read | Sleep | Deliver | Done | Fail
READ = Read()


class Machine(Protocol):
    """What the faces drive. `now` is a monotonic clock's reading in seconds; only differences matter."""

    @property
    def live(self) -> str | None:
        """How it waits for news; None when it does not."""
        ...

    def next_action(self, now: float) -> Action:
        """What to do now. The machine does not move until it is told how that went."""
        ...

    def head(self, head: Head, now: float) -> None:
        """The answer to the last `Open` has begun."""
        ...

    def ahead(self) -> Request | None:
        """What will be asked next if the answer that has begun turns out well; None where that is not known.

        It may be sent while the caller is busy with that answer; the machine does not move by it, and asks for it in
        its turn.
        """
        ...

    def data(self, chunk: bytes, now: float) -> None:
        """Bytes of the body, decoded if they were compressed."""
        ...

    def end(self, now: float) -> None:
        """The body is over, without a fault."""
        ...

    def fault(self, fault: Fault, now: float) -> None:
        """The last `Open` or `Read` failed."""
        ...

    def dropped(self) -> None:
        """The caller was torn out of the last action by something that is not a fault; the connection is closed."""
        ...
