"""The chunked transfer coding (RFC 9112 section 7.1), incremental.

The libraries give a chunked body chunk by chunk. A server that writes an event a chunk has then each of them go
through every layer, however many have arrived together; decoded here, what arrived together stays together.
"""

from __future__ import annotations

import re
from functools import lru_cache

from flue.core.framing import DecodeError

__all__ = ["ChunkedDecoder"]

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?\r?", re.DOTALL)
_LONGEST_LINE = 64 * 1024
"""Bytes; of a size with its extensions, and of a trailer."""


class ChunkedDecoder:
    """Takes the bytes of the connection, gives those of the body.

    Attributes:
        finished: the last chunk and its trailers have passed. A connection that ends before was cut.
    """

    def __init__(self) -> None:
        self.finished = False
        self._left = 0  # bytes of the open chunk that have not come
        self._line: list[bytes] = []  # of the line that has not ended yet
        self._length = 0
        self._behind_chunk = False
        self._in_trailers = False

    def feed(self, data: bytes) -> bytes:
        """Decode what has come.

        Raises:
            DecodeError: not the chunked coding.
        """
        body: list[bytes] = []
        position, size = 0, len(data)
        while position < size and not self.finished:
            if not (self._left or self._line or self._behind_chunk or self._in_trailers):
                position = _whole_chunks(data, position, body)
                if position == size:
                    break
            if self._left:
                part = data[position : position + self._left]
                body.append(part)
                position += len(part)
                self._left -= len(part)
                continue
            end = data.find(b"\n", position)
            self._line.append(data[position : end if end >= 0 else size])
            self._length += len(self._line[-1])
            if self._length > _LONGEST_LINE:
                raise DecodeError("a line of the chunked coding has no end")
            if end < 0:
                break
            position = end + 1
            line = b"".join(self._line)
            self._line.clear()
            self._length = 0
            self._take_line(line)
        return body[0] if len(body) == 1 else b"".join(body)

    def _take_line(self, line: bytes) -> None:
        if self._in_trailers:
            self.finished = line in {b"", b"\r"}
        elif self._behind_chunk:
            if line not in {b"", b"\r"}:
                raise DecodeError("a chunk is longer than it says")
            self._behind_chunk = False
        else:
            match = _SIZE.fullmatch(line)
            if match is None:
                raise DecodeError(f"not the size of a chunk: {line[:20]!r}")
            self._left = int(match[1], 16)
            self._behind_chunk = self._left > 0
            self._in_trailers = self._left == 0


def _whole_chunks(data: bytes, position: int, body: list[bytes]) -> int:
    """Take the chunks that have come whole, one after the other; where the first that has not begins.

    The way of nearly all bytes. What is unusual in any way is left to the slow one.
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
    """The size that a line of hexadecimal digits says; 0 for any other."""
    match = _SIZE.fullmatch(line)
    return int(match[1], 16) if match is not None and match[1] == line else 0
