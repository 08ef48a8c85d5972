"""What a response says about the stream, in headers or in a control event: offsets, flags, URLs, origins."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, urlencode, urljoin, urlsplit

import msgspec

from flue.core import framing

if TYPE_CHECKING:
    from flue.core.actions import ResponseHead

__all__ = [
    "NEXT_OFFSET",
    "START",
    "Headers",
    "IdleBackoff",
    "OffsetHistory",
    "StreamState",
    "body_length_known",
    "check_offset",
    "from_control",
    "from_head",
    "is_valid_offset",
    "media_type",
    "normalise_path",
    "normalise_url",
    "origin",
    "quote_path_segment",
    "read_url",
    "redirect_target",
    "retry_after",
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
_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")


class Headers(Mapping[str, str]):
    """A response's headers, names case-insensitive, repeated ones joined with `", "` (RFC 9110 section 5.3).

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
        return f"Headers({self._values!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Headers, (tuple(self._values.items()),)

    def flag(self, name: str) -> bool:
        """Whether a header says exactly `true` (Durable Streams section 4.1), in any case."""
        return self._values.get(name, "").strip().lower() == "true"


def quote_path_segment(value: object, what: str) -> str:
    """An id or a name as one path segment.

    Raises:
        TypeError: Not a str.
        ValueError: Empty, `.` or `..` (no encoding keeps these two inside their segment), or not encodable as UTF-8.
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
        TypeError: Not a str.
        ValueError: Empty, or with characters that no offset has (Durable Streams section 8).
    """
    if not isinstance(value, str):
        raise TypeError(f"offset must be str, not {type(value).__name__}")
    if not value:
        raise ValueError("offset must not be empty")
    if any(character.isspace() or not character.isprintable() for character in value):
        raise ValueError(f"offset must be one token without white space: {value!r}")
    return value


def is_valid_offset(value: str) -> bool:
    """Whether a server's offset can be sent back: one ASCII token, neither a repeated header's two nor `now`."""
    return _USABLE.fullmatch(value) is not None and value != NOW


def is_after(old: str, new: str) -> bool:
    """Whether a server's offset is certainly a step forward: in Flue's format, of the same length, and greater.

    The fast path of nearly all offsets; where it says no, `is_valid_offset` and `is_before` decide.
    """
    # Numbers with the same count of digits sort as their text does.
    same_form = len(new) == len(old) and new.find("_") == old.find("_")
    return new > old and same_form and _FLUE_OFFSET.fullmatch(new) is not None


def is_before(old: str, new: str) -> bool:
    """Whether a server's offset lies before the one it gave earlier.

    Only Flue's own format is compared, others stay opaque.
    """
    if _FLUE_OFFSET.fullmatch(old) and _FLUE_OFFSET.fullmatch(new):
        return [int(part) for part in new.split("_")] < [int(part) for part in old.split("_")]
    return new == START and old not in {START, NOW}


def read_url(
    url: str,
    *,
    offset: str,
    tail: int | None = None,
    live: str | None = None,
    cursor: str | None = None,
    query: tuple[tuple[str, str], ...] = (),
) -> str:
    """The URL of one read, parameters in lexicographic order (Durable Streams section 10.1).

    Args:
        url: Of the stream, without a query.
        offset: To read from.
        tail: Only the last so many items.
        live: How to wait for news.
        cursor: Echoed from the last response.
        query: Further parameters, which the stream always has.
    """
    parameters: dict[str, str] = dict(query)
    if cursor is not None:
        parameters["cursor"] = cursor
    if live is not None:
        parameters["live"] = live
    parameters["offset"] = offset
    if tail is not None:
        parameters["tail"] = str(tail)
    return f"{url}?{urlencode(sorted(parameters.items()), quote_via=quote)}"


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: what a token may be sent to."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    port = (443 if scheme == "https" else 80) if parts.port is None else parts.port
    return scheme, (parts.hostname or "").lower(), port


def normalise_url(url: str) -> str:
    """A URL as it goes over the wire: the HTTP libraries, which normalise by rules of their own, get the same.

    Raises:
        ValueError: Not a URL.
    """
    parts = urlsplit(url)
    query = f"?{_escape(parts.query)}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{normalise_path(parts.path) or '/'}{query}"


def normalise_path(path: str) -> str:
    """A path without dot segments (RFC 3986 section 5.2.4), its escapes in upper case."""
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[max(1, len(segments) - 1) :]
        elif segment != ".":
            segments.append(segment)
    if path.endswith(("/.", "/..")):
        segments.append("")
    return _escape("/".join(segments))


def _escape(text: str) -> str:
    encoded = _STRAY_PERCENT.sub("%25", quote(text, safe="/%:@!$&'()*+,;=~?"))
    return _ESCAPE.sub(lambda escape: escape[0].upper(), encoded)


def redirect_target(url: str, location: str | None) -> str | None:
    """Where a redirect leads, if that is the same origin; else None."""
    if not location:
        return None
    try:
        target = urljoin(url, location).partition("#")[0]
        safe = target.isascii() and target.isprintable() and " " not in target and "@" not in urlsplit(target).netloc
        return normalise_url(target) if safe and origin(target) == origin(url) else None
    except ValueError:
        return None


def media_type(headers: Mapping[str, str]) -> str:
    """The content type without its parameters, in lower case; empty when there is none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(media: str) -> bool:
    """Whether a body of that type may be JSON; a missing type is given the benefit of the doubt."""
    return media in {"", "application/json", "text/json"} or media.endswith("+json")


def body_length_known(headers: Mapping[str, str], *, http2: bool = False) -> bool:
    """Whether the end of the body is known, so that a body which ended is whole.

    A close-delimited body may have been cut anywhere; so may a compressed one, since both libraries return a truncated
    gzip body without an error.
    """
    if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        return False
    return http2 or "content-length" in headers or "chunked" in headers.get("transfer-encoding", "").lower()


def retry_after(headers: Mapping[str, str], received_at: float) -> float:
    """Seconds that the server asked to wait: 0 for nonsense or a date in the past, at most `MAX_RETRY_AFTER`.

    Args:
        headers: The response's.
        received_at: The time of day in seconds since the epoch; the date form is the only place where it matters.
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
    delta = (date if date.tzinfo else date.replace(tzinfo=UTC)) - datetime.fromtimestamp(received_at, UTC)
    return min(max(delta.total_seconds(), 0.0), MAX_RETRY_AFTER)


MIN_IDLE = 1.0
"""Empty responses faster than this (seconds) are throttled."""
MAX_IDLE_DELAY = 2.0
"""The longest such pause in seconds, and so the longest that throttling may delay an event."""
OFFSETS_KEPT = 64
"""How many of the latest offsets are remembered; none of them may come again."""


class StreamState(
    msgspec.Struct,
    gc=False,
    rename={
        "offset": "streamNextOffset",
        "cursor": "streamCursor",
        "up_to_date": "upToDate",
        "closed": "streamClosed",
    },
):
    """The state of a stream at a response. The names on the wire are those of a control event.

    Attributes:
        offset: The next offset; None when the response does not say.
        cursor: To be echoed by the next live request; None to keep the old one.
        up_to_date: The response reaches the end of what there is.
        closed: And nothing will be added.
    """

    offset: str | None = None
    cursor: str | None = None
    up_to_date: bool = False
    closed: bool = False


_parse = msgspec.json.Decoder().decode
_parse_control = msgspec.json.Decoder(StreamState).decode


def from_head(head: ResponseHead) -> StreamState:
    """The state of the stream at a page. A 204 ends a long poll, so it is up to date whether it says so or not."""
    closed = head.headers.flag(CLOSED)
    return StreamState(
        offset=head.headers.get(NEXT_OFFSET),
        cursor=head.headers.get(CURSOR),
        up_to_date=closed or head.status == 204 or head.headers.flag(UP_TO_DATE),
        closed=closed,
    )


def from_control(payload: bytes) -> StreamState:
    """The state of the stream at a control event (Durable Streams section 5.8); unknown keys are ignored.

    Raises:
        DecodeError: Not a JSON object.
    """
    try:
        state = _parse_control(payload)
    except (msgspec.MsgspecError, RecursionError):
        return _from_odd_control(payload)
    if state.closed:
        state.up_to_date = True
    return state


def _from_odd_control(payload: bytes) -> StreamState:
    """The same for a control event with other types, with a lone surrogate, or that is not JSON at all."""
    try:
        parsed = _parse(payload)
    except (msgspec.MsgspecError, RecursionError):
        parsed = framing.parse_json(payload)
    if not isinstance(parsed, dict):
        raise framing.DecodeError("not an object")
    control = cast("dict[str, Any]", parsed)
    offset, cursor = control.get("streamNextOffset"), control.get("streamCursor")
    closed = control.get("streamClosed") is True
    return StreamState(
        offset=offset if isinstance(offset, str) else None,
        cursor=cursor if isinstance(cursor, str) else None,
        up_to_date=closed or control.get("upToDate") is True,
        closed=closed,
    )


class OffsetHistory:
    """The offsets that a stream has passed; it only moves forward."""

    def __init__(self) -> None:
        self._recent: deque[str] = deque(maxlen=OFFSETS_KEPT)

    def is_backward(self, old: str, new: str) -> bool:
        """Whether the step leads to where the stream has been.

        Offsets are opaque, so beyond Flue's own only a repeated one tells.
        """
        return is_before(old, new) or new in self._recent

    def add(self, offset: str) -> None:
        """The offset lies behind."""
        self._recent.append(offset)


class IdleBackoff:
    """Pauses after responses that come at once and are empty."""

    def __init__(self) -> None:
        self._idle = 0

    def next_delay(self, *, received: bool, took: float) -> float:
        """Seconds to wait before the next request: none after items or a long wait, then more and more."""
        self._idle = 0 if received or took >= MIN_IDLE else self._idle + 1
        return self.delay

    @property
    def delay(self) -> float:
        """Seconds of the current pause: the least that a failure in between waits."""
        # The first is not throttled: a new stream begins with an empty page.
        return min(0.1 * 2.0 ** min(self._idle - 2, 10), MAX_IDLE_DELAY) if self._idle > 1 else 0.0
