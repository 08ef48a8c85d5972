"""Bytes to items: JSON pages and server-sent events.

An item stays raw (`msgspec.Raw`, a slice of its page) until somebody asks for it: this module knows where an item
ends, not what it says.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NoReturn

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DecodeError", "SseParser", "TooLargeError", "parse_json", "split_array"]

_split: Final[Callable[[bytes], list[Any]]] = msgspec.json.Decoder(list[msgspec.Raw]).decode
_BOM = b"\xef\xbb\xbf"
_EVENT_LINES = {b"event: data": b"data", b"event: control": b"control"}


class DecodeError(Exception):
    """Malformed bytes; the text says why. The machine turns it into an error or a retry."""


class TooLargeError(DecodeError):
    """More bytes than the caller's limit."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse_json(body: bytes) -> Any:
    """One JSON document, read the way JavaScript reads it: BOM dropped, invalid UTF-8 replaced, lone surrogates kept.

    Raises:
        DecodeError: Not JSON; nested too deep; an integer of thousands of digits.
    """
    try:
        return json.loads(body.decode("utf-8-sig", "replace"), parse_constant=_refuse_constant)
    except RecursionError:
        raise DecodeError("JSON is nested too deep") from None
    except ValueError as error:
        raise DecodeError(str(error)) from None


def split_array(body: bytes) -> list[Any]:
    """The items of a JSON page, raw where the strict parser agrees and as objects where only the lenient one does.

    White space alone is an empty page. A document that is not an array counts as its only item, as in the reference
    client: the codec then says what is wrong with it.

    Raises:
        DecodeError: Not JSON.
    """
    try:
        return _split(body)
    except (msgspec.MsgspecError, RecursionError):
        pass
    if not body.strip(b" \t\r\n"):
        return []
    value = parse_json(body)
    return value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]


class SseParser:
    """Server-sent events by the WHATWG grammar: LF, CRLF and CR end a line, and nothing else does.

    (`str.splitlines` and the line iterators of both HTTP libraries also split at U+0085, U+2028 and U+2029, which are
    legal inside JSON strings.) Works on bytes, so characters may be cut anywhere. Feeding costs time linear in the
    bytes, however large an event is.
    """

    def __init__(self, limit: int | None = None) -> None:
        """Args: limit: the largest event in bytes, or None."""
        self._limit = limit
        self._partial: list[bytes] = []  # of the line that has not ended yet
        self._pending = 0  # its bytes
        self._size = 0  # bytes of data of the event that has not ended yet
        self._after_cr = False
        self._first = True
        self._event = b""
        self._data: list[bytes] = []
        self._too_large: TooLargeError | None = None

    def feed(self, chunk: bytes) -> list[tuple[bytes, bytes]]:
        """Parse some bytes; return the events that they completed, as pairs of event type and data.

        Raises:
            TooLargeError: An event is larger than the limit. Where others were completed before it, those are returned,
                and the next call raises.
        """
        events: list[tuple[bytes, bytes]] = []
        try:
            self._feed(chunk, events)
        except TooLargeError as error:
            if not events:
                raise
            self._too_large = error
        return events

    def _feed(self, chunk: bytes, events: list[tuple[bytes, bytes]]) -> None:
        if self._too_large is not None:
            raise self._too_large
        if self._after_cr and chunk[:1] == b"\n":  # the second half of a CRLF
            self._after_cr = False
            chunk = chunk[1:]
        if not chunk:
            return
        self._after_cr = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = chunk.split(b"\n")
        rest = lines.pop()
        if lines and (self._partial or self._first):
            lines[0] = self._whole(lines[0])
        for line in lines:
            if not line:
                if self._data:
                    data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                    events.append((self._event, data))
                    self._data = []
                self._event, self._size = b"", 0
            elif line in _EVENT_LINES:  # most lines are one of these two, or data
                self._event = _EVENT_LINES[line]
            elif self._limit is None and line[:5] == b"data:":
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            else:
                self._field(line)
        if rest:
            self._partial.append(rest)
            self._pending += len(rest)
            self._check_size()

    @property
    def is_between_events(self) -> bool:
        """Whether everything that was fed belongs to events that are complete, or to comments."""
        return not (self._partial or self._data or self._event)

    def _whole(self, line: bytes) -> bytes:
        """The complete line: what was received of it before, and its end."""
        if self._partial:
            self._partial.append(line)
            line = b"".join(self._partial)
            self._partial.clear()
            self._pending = 0
        if self._first:
            self._first = False
            line = line.removeprefix(_BOM)
        return line

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if name == b"data":
            self._data.append(value)
            if self._limit is not None:
                self._size += len(value)
                self._check_size()
        elif name == b"event":
            self._event = value

    def _check_size(self) -> None:
        unfinished = max(self._pending - len(b"data: "), 0)  # of the event's data, as far as it is known
        if self._limit is not None and self._size + unfinished > self._limit:
            raise TooLargeError(f"an event is larger than the limit of {self._limit} bytes")
