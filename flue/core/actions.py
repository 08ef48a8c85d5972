"""What a machine asks for, as values, and what it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from flue.core import framing
from flue.errors import DurableStreamError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue.core.retry import FailedAttempt
    from flue.core.stream_state import Headers
    from flue.errors import FlueError

__all__ = [
    "DELIVER",
    "READ",
    "Action",
    "Batch",
    "CallRequest",
    "Deliver",
    "Done",
    "Fail",
    "LiveModeChanged",
    "Open",
    "Read",
    "Request",
    "ResponseHead",
    "Retry",
    "Sleep",
]


class Request(msgspec.Struct, frozen=True):
    """One HTTP request, without the caller's headers.

    Attributes:
        method: `GET` or `POST`.
        url: Absolute, query included.
        headers: Of the protocol; the caller's are merged over them.
        body: Bytes, or None for none.
        read_timeout: Seconds of silence to allow instead of the client's `Timeouts.read`; None for that one.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    read_timeout: float | None = None


class ResponseHead(msgspec.Struct, frozen=True):
    """Status and headers of a response.

    Attributes:
        status: The HTTP status.
        headers: Its headers.
        body_length_known: Whether a truncated body is noticed (`stream_state.body_length_known`).
        received_at: Time of day in seconds since the epoch, for a `Retry-After` date.
    """

    status: int
    headers: Headers
    body_length_known: bool
    received_at: float


class CallRequest(msgspec.Struct, frozen=True):
    """A single request, and what is made of its response.

    Attributes:
        request: What to send.
        statuses: That mean success.
        build: From the parsed JSON to what the caller gets; raises `ValueError` for what does not fit.
        is_json: Whether the response is JSON; if not, `build` gets its bytes.
        idempotency_key: By which the server recognises a POST that it has admitted, so that it may be repeated.
    """

    request: Request
    statuses: frozenset[int]
    build: Callable[[Any], Any]
    is_json: bool = True
    idempotency_key: str | None = None

    def parse(self, body: bytes, head: ResponseHead) -> Any:
        """The caller's result.

        Raises:
            DurableStreamError: `PARSE_ERROR`, the body is not JSON or does not fit.
        """
        if not self.is_json:
            return self.build(body)
        try:
            return self.build(framing.parse_json(body))
        except framing.DecodeError as error:
            raise DurableStreamError("PARSE_ERROR", f"the response is not JSON: {error}", status=head.status) from error
        except ValueError as error:
            raise DurableStreamError(
                "PARSE_ERROR", f"the response does not fit: {error}", status=head.status
            ) from error


class Batch(msgspec.Struct):
    """Items that arrived together, whole, and the checkpoint behind them."""

    items: list[Any]
    offset: str
    up_to_date: bool
    closed: bool


class Open(msgspec.Struct, frozen=True):
    """Send this request (closing what is open), then report `response_started()` or `connection_failed()`."""

    request: Request


class Read(msgspec.Struct, frozen=True):
    """Read from the open body, then report `data_received()`, `response_ended()` or `connection_failed()`."""


class Retry(msgspec.Struct, frozen=True):
    """Close what is open, report the failed attempt, and wait for its delay."""

    attempt: FailedAttempt


class Sleep(msgspec.Struct, frozen=True):
    """Close what is open and wait: an empty response came too soon.

    Attributes:
        delay: Seconds.
    """

    delay: float


class LiveModeChanged(msgspec.Struct, frozen=True):
    """No I/O: from now on the stream waits for news in another way than was asked for.

    Attributes:
        mode: `long-poll`, `sse`, or None.
    """

    mode: str | None


class Deliver(msgspec.Struct, frozen=True):
    """No I/O: events can be pulled from the `EventBuffer`."""


class Done(msgspec.Struct, frozen=True):
    """Close what is open. There is nothing more to do.

    Attributes:
        value: The result of a single request; None for a stream.
    """

    value: Any = None


class Fail(msgspec.Struct, frozen=True):
    """Close what is open and raise.

    Attributes:
        error: What to raise; the same again for every later call.
        attempt: The failed attempt behind it, if it was one.
    """

    error: FlueError
    attempt: FailedAttempt | None = None


Action = Open | Read | Retry | Sleep | LiveModeChanged | Deliver | Done | Fail
READ = Read()
DELIVER = Deliver()
