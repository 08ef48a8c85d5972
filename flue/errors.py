"""Everything that this library raises on its own account.

```
FlueError
 ├─ FlueApiError                  an error response
 │    ├─ BadRequestError          400
 │    ├─ AuthenticationError      401
 │    ├─ PermissionDeniedError    403
 │    ├─ NotFoundError            404
 │    ├─ ConflictError            409
 │    ├─ OffsetGoneError          410, 416
 │    ├─ RateLimitedError         429
 │    └─ ServerError              5xx
 ├─ FlueConnectionError           no usable response; retries used up
 ├─ FlueTimeoutError              also a TimeoutError
 ├─ DurableStreamError            the server broke the stream protocol
 ├─ UnsupportedFlueEventVersionError
 ├─ FlueExecutionError            the run or the submission failed
 └─ AbortError                    the caller's own signal
```

Bad arguments are `ValueError` and `TypeError`, raised before any I/O. No exception of requests, urllib3 or httpx
escapes: the original is the `__cause__`. All errors pickle, notes included.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # whoever resolves the annotations at run time finds it here
from typing import Any, Literal, cast

from flue.models.public_error import FluePublicError  # noqa: TC001

__all__ = [
    "AbortError",
    "AuthenticationError",
    "BadRequestError",
    "ConflictError",
    "DurableStreamError",
    "FlueApiError",
    "FlueConnectionError",
    "FlueError",
    "FlueExecutionError",
    "FlueTimeoutError",
    "NotFoundError",
    "OffsetGoneError",
    "PermissionDeniedError",
    "RateLimitedError",
    "ServerError",
    "UnsupportedFlueEventVersionError",
]


def _restore(cls: type[FlueError], args: tuple[Any, ...], state: dict[str, Any]) -> FlueError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class FlueError(Exception):
    """The root of the tree.

    Attributes:
        run_id: The run that the error belongs to, where a run had been admitted; else None.
        submission_id: The submission to a conversation that the error belongs to, where one had been admitted; else
            None.
    """

    run_id: str | None = None
    submission_id: str | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.__dict__.copy())


class FlueApiError(FlueError):
    """The server answered with an error status.

    Attributes:
        status: The HTTP status.
        body: The parsed JSON body, else its text; `""` when there was none.
        error: The server's error envelope, when it sent one.
        headers: The response's headers, case-insensitive, cookies left out.
        url: The URL of the request.
        ref: The server's name for what it logged about the failure (`err_...`), when it sent one.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        body: Any = "",
        error: FluePublicError | None = None,
        headers: Mapping[str, str] | None = None,
        url: str = "",
        ref: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        self.error = error
        self.headers: Mapping[str, str] = headers if headers is not None else {}
        self.url = url
        self.ref = ref


class BadRequestError(FlueApiError):
    """400: the server did not understand the request."""


class AuthenticationError(FlueApiError):
    """401: the token is missing or not accepted."""


class PermissionDeniedError(FlueApiError):
    """403: the token is known and does not suffice."""


class NotFoundError(FlueApiError):
    """404: no such run, workflow, agent or stream, or one that the application does not expose."""


class ConflictError(FlueApiError):
    """409: the conversation exists already (its uid is in `.error.meta`), or the key was used for another message."""


class OffsetGoneError(FlueApiError):
    """410 or 416: the stream no longer holds what follows the offset; reading on would skip events."""


class RateLimitedError(FlueApiError):
    """429: too many requests.

    Attributes:
        retry_after: Seconds that the server asked to wait, at most 3600; None when it did not say.
    """

    retry_after: float | None = None


class ServerError(FlueApiError):
    """5xx: the server failed. Flue 1.0 also answers 500 to input that a workflow's schema refuses."""


class FlueConnectionError(FlueError):
    """No usable response came: refused, reset, cut short, silent, and the retries (if any) are used up.

    Attributes:
        retryable: Whether another attempt may help (not after a failed TLS verification, for instance).
        is_read_timeout: Nothing was received for `Timeouts.read`.
    """

    def __init__(self, message: str, *, retryable: bool = True, is_read_timeout: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.is_read_timeout = is_read_timeout


class FlueTimeoutError(FlueError, TimeoutError):
    """The caller's `timeout` is over.

    Attributes:
        offset: Where a stream read can go on; None where no stream was read.
    """

    def __init__(self, message: str, *, offset: str | None = None) -> None:
        super().__init__(message)
        self.offset = offset


class DurableStreamError(FlueError):
    """The server broke the Durable Streams protocol; a retry would not help.

    Attributes:
        code: What was broken: `PARSE_ERROR`, `UNEXPECTED_CONTENT_TYPE`, `UNEXPECTED_STATUS`, `INVALID_OFFSET`,
            `MISSING_OFFSET`, `OFFSET_STALLED`, `OFFSET_REGRESSED`, `EVENT_TOO_LARGE`, `UNSUPPORTED_SERVER`; of
            conversations also `STREAM_REPLACED` (the server's store was exchanged) and `UNKNOWN_CHUNK`.
        offset: The checkpoint before the response that was malformed.
        status: The HTTP status of that response, where it matters.
    """

    def __init__(self, code: str, message: str = "", *, offset: str | None = None, status: int | None = None) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.offset = offset
        self.status = status


class UnsupportedFlueEventVersionError(FlueError):
    """An event of another format version; reading on with this library would misunderstand it.

    Attributes:
        received: The `v` that came; None when the event had none or was not an object.
        supported: The version that this library reads.
    """

    def __init__(self, received: Any, supported: int = 3) -> None:
        super().__init__(
            f"the server sent an event of format version {received!r}; this library reads version {supported}"
        )
        self.received = received
        self.supported = supported


class FlueExecutionError(FlueError):
    """The run or the submission itself failed.

    Attributes:
        target: What failed.
        target_id: The run's or the submission's id.
        failure: `failed`; `aborted`, for a submission to a conversation; or `terminal_event_missing`, when its stream
            ended and nothing says how it went.
        error: What the server recorded as the error: any JSON value, most often a dict with `name` and `message`.
        run_id: The run's id, for a run.
        submission_id: The submission's id, for a submission.
    """

    def __init__(
        self,
        target: Literal["workflow_run", "agent_submission"],
        target_id: str,
        failure: Literal["failed", "aborted", "terminal_event_missing"],
        error: Any = None,
    ) -> None:
        # The words of Flue's own SDK.
        what = "workflow run" if target == "workflow_run" else "Agent submission"
        if failure == "terminal_event_missing":
            message = f"{what} {target_id} ended without a terminal event"
        else:
            text = _error_text(error, named=target == "workflow_run")
            message = f"{what} {target_id} {'failed' if failure == 'failed' else 'was aborted'}: {text}"
        super().__init__(message)
        self.target = target
        self.target_id = target_id
        self.failure = failure
        self.error = error
        self.run_id = target_id if target == "workflow_run" else None
        self.submission_id = target_id if target == "agent_submission" else None


class AbortError(FlueError):
    """The caller's `AbortSignal` was aborted.

    Attributes:
        reason: What was given to `AbortSignal.abort()`.
    """

    def __init__(self, reason: Any = None) -> None:
        super().__init__("aborted" if reason is None else f"aborted: {reason}")
        self.reason = reason


def _error_text(error: Any, *, named: bool) -> str:
    if isinstance(error, dict):
        recorded = cast("dict[str, Any]", error)
        name, message = recorded.get("name"), recorded.get("message")
        if isinstance(message, str):
            return f"{name}: {message}" if named and isinstance(name, str) and name != "Error" else message
    return "no error was recorded" if error is None else str(cast("object", error))
