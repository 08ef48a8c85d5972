"""HTTP answers that say no: which of them may change their mind, and what they are as errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from flue import errors
from flue.core import framing

if TYPE_CHECKING:
    from flue.core.wire import WireHeaders
    from flue.models import FluePublicError

__all__ = ["ERROR_BODY_LIMIT", "RETRIED", "SSE_REFUSED", "api_error", "parse_body", "status_error"]

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which a read is asked again."""
SSE_REFUSED = frozenset({406, 415, 501})
"""Statuses by which a server or a proxy says that it does not do server-sent events."""
CREDENTIALS = frozenset({401, 403})

ERROR_BODY_LIMIT = 256 * 1024
"""Bytes of a refusal's body that are read; the rest is of no use to anybody."""
_EXCERPT = 200

_BY_STATUS: dict[int, type[errors.FlueApiError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
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
    except framing.Malformed:
        return body.decode("utf-8", "replace")


def api_error(status: int, body: bytes, headers: WireHeaders, url: str, wait: float) -> errors.FlueError:
    """The error for an answer with that status.

    Args:
        status: of the answer.
        body: as far as it was read.
        headers: of the answer.
        url: that was asked.
        wait: seconds that `Retry-After` asked for.
    """
    parsed = parse_body(body)
    fields = _object(_object(parsed).get("error"))
    kind, text = fields.get("type"), fields.get("message")
    if status == 500 and kind == "product_event_version_unsupported":
        meta = _object(fields.get("meta"))
        error = errors.UnsupportedFlueEventVersionError(meta.get("storedVersion"))
        error.add_note(f"the server said: {text}")
        return error
    message = f"Flue API error {status}"
    if isinstance(kind, str) and kind:
        message += f" [{kind}]"
    message += f": {text if isinstance(text, str) and text else 'request failed'}"
    refusal = status_error(status, message, body=parsed, error=_public_error(fields), headers=headers, url=url)
    if isinstance(refusal, errors.RateLimitedError):
        refusal.retry_after = wait or None
    if isinstance(parsed, str) and parsed.strip():
        refusal.add_note(f"the answer was not Flue's: {' '.join(parsed[:_EXCERPT].split())}")
    return refusal


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
