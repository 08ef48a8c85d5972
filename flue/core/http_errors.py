"""Error responses: which of them are retried, and which exception each becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from flue import errors
from flue.core import framing

if TYPE_CHECKING:
    from flue.core.stream_state import Headers
    from flue.models import FluePublicError

__all__ = ["ERROR_BODY_LIMIT", "RETRYABLE_STATUSES", "SSE_UNSUPPORTED", "api_error", "parse_body", "status_error"]

RETRYABLE_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which a read is retried."""
SSE_UNSUPPORTED = frozenset({406, 415, 501})
"""Statuses by which a server or a proxy refuses server-sent events."""
AUTH_STATUSES = frozenset({401, 403})

ERROR_BODY_LIMIT = 256 * 1024
"""Bytes of an error response's body that are read."""
_EXCERPT = 200

_BY_STATUS: dict[int, type[errors.FlueApiError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    410: errors.OffsetGoneError,
    416: errors.OffsetGoneError,
    429: errors.RateLimitedError,
}


def parse_body(body: bytes) -> Any:
    """A body as JSON, else as text; `""` for none."""
    if not body:
        return ""
    try:
        return framing.parse_json(body)
    except framing.DecodeError:
        return body.decode("utf-8", "replace")


def api_error(status: int, body: bytes, headers: Headers, url: str, wait: float) -> errors.FlueError:
    """The exception for an error response.

    Args:
        status: Of the response.
        body: As far as it was read.
        headers: Of the response.
        url: Of the request.
        wait: Seconds that `Retry-After` asked for.
    """
    parsed = parse_body(body)
    fields = _object(_object(parsed).get("error"))
    kind, text = fields.get("type"), fields.get("message")
    if status == 500 and kind == "product_event_version_unsupported":
        meta = _object(fields.get("meta"))
        unsupported = errors.UnsupportedFlueEventVersionError(meta.get("storedVersion"))
        unsupported.add_note(f"the server said: {text}")
        return unsupported
    ref = _ref(fields.get("ref"), headers)
    message = f"Flue API error {status}"
    if isinstance(kind, str) and kind:
        message += f" [{kind}]"
    if ref is not None:
        message += f" (ref {ref})"
    message += f": {text if isinstance(text, str) and text else 'request failed'}"
    envelope = _public_error(fields)
    if envelope is None or not kind or not text:  # most often the wrong path, or a proxy on the way
        message += f" ({url.partition('?')[0]})"
    error = status_error(status, message, body=parsed, error=envelope, headers=headers, url=url, ref=ref)
    if isinstance(error, errors.RateLimitedError):
        error.retry_after = wait or None
    if isinstance(parsed, str) and parsed.strip():
        error.add_note(f"the response is not Flue's: {' '.join(parsed[:_EXCERPT].split())}")
    return error


def _ref(said: Any, headers: Headers) -> str | None:
    """The server's name for what it logged about the failure: in the envelope, else in a header."""
    ref = said if isinstance(said, str) and said else headers.get("flue-error-ref", "").strip()
    return ref if ref and ref.isascii() and ref.isprintable() and len(ref) <= _EXCERPT else None


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def status_error(status: int, message: str, **attributes: Any) -> errors.FlueApiError:
    """A `FlueApiError` of the class that belongs to a status."""
    cls = _BY_STATUS.get(status, errors.ServerError if 500 <= status < 600 else errors.FlueApiError)
    return cls(message, status=status, **attributes)


def _public_error(fields: dict[str, Any]) -> FluePublicError | None:
    kind, text, details = fields.get("type"), fields.get("message"), fields.get("details", "")
    if not isinstance(kind, str) or not isinstance(text, str):
        return None
    from flue.models import FluePublicError  # noqa: PLC0415  # the models are loaded when there is something to put into them

    dev = fields.get("dev")
    return FluePublicError(
        type=kind,
        message=text,
        details=details if isinstance(details, str) else "",
        dev=dev if isinstance(dev, str) else None,
        meta=fields.get("meta"),
    )
