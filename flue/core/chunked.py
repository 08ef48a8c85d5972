"""The chunked transfer coding (RFC 9112 section 7.1), decoded incrementally.

Both libraries return a chunked body chunk by chunk. Where a server writes one chunk per event, each event then passes
through every layer by itself; decoded here, events that arrived together stay together.
"""

from __future__ import annotations

import re
from functools import lru_cache

from flue.core.framing import DecodeError

__all__ = ["ChunkedDecoder"]

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?\r?", re.DOTALL)
_MAX_LINE = 64 * 1024
"""The longest chunk size with its extensions, and the longest trailer, in bytes."""


class ChunkedDecoder:
    """Turns the bytes of the connection into those of the body.

    Attributes:
        finished: Whether the last chunk and its trailers have been decoded. A connection that ends before was cut.
    """

    def __init__(self) -> None:
        self.finished = False
        self._remaining = 0  # bytes of the open chunk that are still to come
        self._line: list[bytes] = []  # of the line that has not ended yet
        self._length = 0
        self._after_chunk = False
        self._in_trailers = False

    def feed(self, data: bytes) -> bytes:
        """Decode some bytes; return those of the body.

        Raises:
            DecodeError: Not the chunked coding.
        """
        body: list[bytes] = []
        position, size = 0, len(data)
        while position < size and not self.finished:
            if not (self._remaining or self._line or self._after_chunk or self._in_trailers):
                position = _whole_chunks(data, position, body)
                if position == size:
                    break
            if self._remaining:
                part = data[position : position + self._remaining]
                body.append(part)
                position += len(part)
                self._remaining -= len(part)
                continue
            end = data.find(b"\n", position)
            self._line.append(data[position : end if end >= 0 else size])
            self._length += len(self._line[-1])
            if self._length > _MAX_LINE:
                raise DecodeError("a line of the chunked coding has no end")
            if end < 0:
                break
            position = end + 1
            line = b"".join(self._line)
            self._line.clear()
            self._length = 0
            self._parse_line(line)
        return body[0] if len(body) == 1 else b"".join(body)

    def _parse_line(self, line: bytes) -> None:
        if self._in_trailers:
            self.finished = line in {b"", b"\r"}
        elif self._after_chunk:
            if line not in {b"", b"\r"}:
                raise DecodeError("a chunk is longer than it says")
            self._after_chunk = False
        else:
            match = _SIZE.fullmatch(line)
            if match is None:
                raise DecodeError(f"not the size of a chunk: {line[:20]!r}")
            self._remaining = int(match[1], 16)
            self._after_chunk = self._remaining > 0
            self._in_trailers = self._remaining == 0


def _whole_chunks(data: bytes, position: int, body: list[bytes]) -> int:
    """Append the complete chunks from `position` on to `body`; return the position after them.

    The fast path of nearly all bytes. Anything unusual is left to `ChunkedDecoder.feed`.
    """
    while (end := data.find(b"\r\n", position, position + 18)) > 0:
        length = _size_of(data[position:end])
        stop = end + 2 + length
        if not length or data[stop : stop + 2] != b"\r\n":
            break
        body.append(data[end + 2 : stop])
        position = stop + 2
    return position


@lru_cache(maxsize=4096)
def _size_of(line: bytes) -> int:
    """The number in a line of hexadecimal digits; 0 for any other line."""
    match = _SIZE.fullmatch(line)
    return int(match[1], 16) if match is not None and match[1] == line else 0
