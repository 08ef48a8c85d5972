"""The head of an answer, whole, and the one that counts."""

from __future__ import annotations

import http.client
from typing import Any, cast

__all__ = ["FinalResponse"]


class _Head:
    """Reads the lines of a head. http.client takes the end of the connection for the end of the head."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readline(self, limit: int = -1) -> bytes:
        line: bytes = self._stream.readline(limit)
        if not line.endswith(b"\n") and len(line) != limit:
            raise http.client.RemoteDisconnected("the connection ended inside the head of an answer")
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class FinalResponse(http.client.HTTPResponse):
    """http.client passes over `100 Continue` only; a proxy may send other interim answers (`103 Early Hints`)."""

    fp: Any

    def begin(self) -> None:
        """Read the head, whole."""
        stream = self.fp
        self.fp = _Head(stream)
        try:
            super().begin()
        finally:
            if isinstance(self.fp, _Head):  # not closed meanwhile
                self.fp = stream

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            # A private method, the same from Python 3.11 to 3.14.
            version, status, reason = cast("Any", super())._read_status()  # noqa: SLF001
            if not 101 < status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)
