"""What an answer says about the stream, whether in headers or in a control event, and whether that makes sense."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, cast

import msgspec

from flue.core import framing, wire

if TYPE_CHECKING:
    from flue.core.actions import Head

__all__ = ["Course", "Facts", "Pace", "from_control", "from_head"]


class _Control(msgspec.Struct, gc=False):
    """A control event as it should be; the names are those of the wire."""

    streamNextOffset: str | None = None  # noqa: N815
    streamCursor: str | None = None  # noqa: N815
    upToDate: bool = False  # noqa: N815
    streamClosed: bool = False  # noqa: N815


_parse = msgspec.json.Decoder().decode
_parse_control = msgspec.json.Decoder(_Control).decode

QUICK = 1.0
"""Seconds. An answer without items that came sooner is followed by a pause."""
MAX_PACE = 2.0
"""Seconds; the longest such pause, and so the longest that pacing may delay an event."""
SEEN = 64
"""How many offsets of late must not come again."""


class Facts(msgspec.Struct, gc=False):
    """The stream's state at an answer.

    Attributes:
        offset: the next offset; None when the answer does not say.
        cursor: to be echoed by the next live request; None to keep the old one.
        up_to_date: the answer reaches the end of what there is.
        closed: and nothing will be added.
    """

    offset: str | None
    cursor: str | None
    up_to_date: bool
    closed: bool


def from_head(head: Head) -> Facts:
    """The facts of a page. A 204 ends a long poll, so it is up to date whether it says so or not."""
    closed = head.headers.flag(wire.CLOSED)
    return Facts(
        offset=head.headers.get(wire.NEXT_OFFSET),
        cursor=head.headers.get(wire.CURSOR),
        up_to_date=closed or head.status == 204 or head.headers.flag(wire.UP_TO_DATE),
        closed=closed,
    )


def from_control(payload: bytes) -> Facts:
    """The facts of a control event (Durable Streams section 5.8); unknown keys are ignored.

    Raises:
        Malformed: not a JSON object.
    """
    try:
        said = _parse_control(payload)
    except (msgspec.MsgspecError, RecursionError):
        return _from_odd_control(payload)
    return Facts(said.streamNextOffset, said.streamCursor, said.streamClosed or said.upToDate, said.streamClosed)


def _from_odd_control(payload: bytes) -> Facts:
    """The same for one with other types, a lone surrogate, or what is no JSON at all."""
    try:
        parsed = _parse(payload)
    except (msgspec.MsgspecError, RecursionError):
        parsed = framing.parse_json(payload)
    if not isinstance(parsed, dict):
        raise framing.Malformed("not an object")
    control = cast("dict[str, Any]", parsed)
    offset, cursor = control.get("streamNextOffset"), control.get("streamCursor")
    closed = control.get("streamClosed") is True
    return Facts(
        offset=offset if isinstance(offset, str) else None,
        cursor=cursor if isinstance(cursor, str) else None,
        up_to_date=closed or control.get("upToDate") is True,
        closed=closed,
    )


class Course:
    """The way of the offset: forward only."""

    def __init__(self) -> None:
        self._recent: deque[str] = deque(maxlen=SEEN)

    def turns_back(self, old: str, new: str) -> bool:
        """Whether the step leads to where the stream has been.

        Offsets are opaque, so beyond Flue's own only a repeated one tells.
        """
        return wire.goes_back(old, new) or new in self._recent

    def passed(self, offset: str) -> None:
        """The offset lies behind."""
        self._recent.append(offset)


class Pace:
    """Pauses for a server that answers at once and brings nothing."""

    def __init__(self) -> None:
        self._idle = 0

    def after(self, *, brought: bool, took: float) -> float:
        """Seconds to wait before the next question: none after news or a long wait, then more and more."""
        self._idle = 0 if brought or took >= QUICK else self._idle + 1
        return self.current

    @property
    def current(self) -> float:
        """Seconds of the last such pause: what a failure in between waits for at least."""
        # The first is free: an empty page is what a new stream begins with.
        return min(0.1 * 2.0 ** min(self._idle - 2, 10), MAX_PACE) if self._idle > 1 else 0.0
