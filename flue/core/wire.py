"""Names and values of the wire: headers, query parameters, paths, origins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlencode, urljoin, urlsplit

__all__ = [
    "NEXT_OFFSET",
    "START",
    "WireHeaders",
    "check_offset",
    "framed",
    "media_type",
    "origin",
    "read_url",
    "redirect_target",
    "retry_after",
    "segment",
    "usable_offset",
]

NEXT_OFFSET = "stream-next-offset"
CURSOR = "stream-cursor"
UP_TO_DATE = "stream-up-to-date"
CLOSED = "stream-closed"

START = "-1"
"""The offset before the first event (Durable Streams section 8)."""
NOW = "now"
"""The offset behind the last event that there is; a server answers with the concrete one."""

MAX_RETRY_AFTER = 3600.0
"""Seconds. A server that asks for more gets an hour."""

# What `encodeURIComponent` leaves alone; Python's quote() keeps "_.-~" by itself.
_SEGMENT_SAFE = "!'()*~"
_FLUE_OFFSET = re.compile(r"[0-9]+_[0-9]+")
# Printable ASCII without what separates: , & = ? / and white space.
_USABLE = re.compile(r"[!-%'-+\-.0-<>@-~]+")
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")


class WireHeaders(Mapping[str, str]):
    """An answer's headers, names case-insensitive, repeated ones joined with `", "` (RFC 9110 section 5.3).

    Cookies are left out.
    """

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        values: dict[str, str] = {}
        for name, value in pairs:
            key = name.lower()
            if key != "set-cookie":
                values[key] = f"{values[key]}, {value}" if key in values else value
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"WireHeaders({self._values!r})"

    def flag(self, name: str) -> bool:
        """Whether a header says exactly `true` (Durable Streams section 4.1), in any case."""
        return self._values.get(name, "").strip().lower() == "true"


def segment(value: object, what: str) -> str:
    """An id or a name as one path segment.

    Raises:
        TypeError: not a str.
        ValueError: empty, `.` or `..` (no encoding keeps these two inside their segment), or not encodable as UTF-8.
    """
    if not isinstance(value, str):
        raise TypeError(f"{what} must be str, not {type(value).__name__}")
    if value in {"", ".", ".."}:
        raise ValueError(f"{what} must not be {value!r}")
    try:
        return quote(value, safe=_SEGMENT_SAFE)
    except UnicodeEncodeError:
        raise ValueError(f"{what} contains a lone surrogate") from None


def check_offset(value: object) -> str:
    """A caller's offset: an opaque token, never parsed.

    Raises:
        TypeError: not a str.
        ValueError: empty, or with characters that no offset has (Durable Streams section 8).
    """
    if not isinstance(value, str):
        raise TypeError(f"offset must be str, not {type(value).__name__}")
    if not value:
        raise ValueError("offset must not be empty")
    if any(character.isspace() or not character.isprintable() for character in value):
        raise ValueError(f"offset must be one token without white space: {value!r}")
    return value


def usable_offset(value: str) -> bool:
    """Whether a server's offset can be sent back: one ASCII token, neither a repeated header's two nor `now`."""
    return _USABLE.fullmatch(value) is not None and value != NOW


def goes_on(old: str, new: str) -> bool:
    """Whether a server's offset is certainly a step forward: Flue's own, as long as the one before, and greater.

    A quick answer for nearly all; where it is no, `usable_offset` and `goes_back` decide.
    """
    # Numbers of as many digits are ordered as their text is.
    same_form = len(new) == len(old) and new.find("_") == old.find("_")
    return new > old and same_form and _FLUE_OFFSET.fullmatch(new) is not None


def goes_back(old: str, new: str) -> bool:
    """Whether a server's offset lies before the one it gave earlier.

    Only Flue's own format is compared, others stay opaque.
    """
    if _FLUE_OFFSET.fullmatch(old) and _FLUE_OFFSET.fullmatch(new):
        return [int(part) for part in new.split("_")] < [int(part) for part in old.split("_")]
    return new == START and old not in {START, NOW}


def read_url(
    url: str, *, offset: str, tail: int | None = None, live: str | None = None, cursor: str | None = None
) -> str:
    """The URL of one read, parameters in lexicographic order (Durable Streams section 10.1)."""
    query: dict[str, str] = {}
    if cursor is not None:
        query["cursor"] = cursor
    if live is not None:
        query["live"] = live
    query["offset"] = offset
    if tail is not None:
        query["tail"] = str(tail)
    return f"{url}?{urlencode(query, quote_via=quote)}"


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: what a token may be sent to."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or (443 if scheme == "https" else 80)


def redirect_target(url: str, location: str | None) -> str | None:
    """Where a redirect leads, if that is the same origin; else None."""
    if not location:
        return None
    try:
        target = urljoin(url, location).partition("#")[0]
        safe = target.isascii() and target.isprintable() and " " not in target and "@" not in urlsplit(target).netloc
        return target if safe and origin(target) == origin(url) else None
    except ValueError:
        return None


def media_type(headers: Mapping[str, str]) -> str:
    """The content type without its parameters, in lower case; empty when there is none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(media: str) -> bool:
    """Whether a body of that type may be JSON; a missing type is given the benefit of the doubt."""
    return media in {"", "application/json", "text/json"} or media.endswith("+json")


def framed(headers: Mapping[str, str], *, http2: bool = False) -> bool:
    """Whether the end of the body is known, so that a body which ended is whole.

    A close-delimited body may have been cut anywhere; so may a compressed one, since both libraries return a
    truncated gzip body without
    an error.
    """
    if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        return False
    return http2 or "content-length" in headers or "chunked" in headers.get("transfer-encoding", "").lower()


def retry_after(headers: Mapping[str, str], wall: float) -> float:
    """Seconds that a server asked to wait, between 0 and `MAX_RETRY_AFTER`; 0 for nonsense and for a date in the past.

    Args:
        headers: the answer's.
        wall: the time of day in seconds since the epoch; the date form is the only place where it matters.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return 0.0
    if _SECONDS.fullmatch(value):
        return min(float(value), MAX_RETRY_AFTER)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    delta = (date if date.tzinfo else date.replace(tzinfo=UTC)) - datetime.fromtimestamp(wall, UTC)
    return min(max(delta.total_seconds(), 0.0), MAX_RETRY_AFTER)
