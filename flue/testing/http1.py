"""The receiving half of HTTP/1.1: bytes of a connection to requests as values.

As small as a test server allows, and strict: what is malformed is refused, never guessed.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MAX_HEAD = 1 << 20
"""Bytes of a request line with its headers."""


class MalformedRequestError(Exception):
    """What came in is not an HTTP request."""


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request as it came in.

    Attributes:
        number: 1 for the first request that the server got, and so on.
        method: In upper case.
        target: Path and query as sent.
        path: The path as sent: percent-encoding is left alone.
        query: Decoded pairs in the order sent.
        headers: Pairs in the order and spelling sent.
        body: The whole body.
        version: ``"HTTP/1.1"`` or ``"HTTP/1.0"``.
    """

    number: int
    method: str
    target: str
    path: str
    query: list[tuple[str, str]]
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)
    version: str = field(default="HTTP/1.1", repr=False)

    def header(self, name: str) -> str | None:
        """The value of a header, in any case; repeated ones joined by a comma; `None` when not sent."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    def first(self, name: str) -> str | None:
        """The first value of a query parameter, or `None`."""
        return next((value for key, value in self.query if key == name), None)

    def all(self, name: str) -> list[str]:
        """Every value of a query parameter."""
        return [value for key, value in self.query if key == name]

    def json(self) -> Any:
        """The body parsed.

        Raises:
            ValueError: It is not JSON.
        """
        return json.loads(self.body)

    @property
    def wants_close(self) -> bool:
        """Whether the connection ends with the answer."""
        connection = (self.header("connection") or "").lower()
        return "close" in connection or (self.version == "HTTP/1.0" and "keep-alive" not in connection)


def path_segments(path: str, prefix: str) -> list[str] | None:
    """The decoded segments of a path below a prefix; `None` when it lies elsewhere."""
    if not path.startswith(prefix + "/"):
        return None
    return [_decode(segment) for segment in path[len(prefix) + 1 :].split("/")]


def _decode(segment: str) -> str:
    """Percent-decoding as Hono does it: what is no UTF-8 stays as it is."""

    def decode(escapes: re.Match[str]) -> str:
        try:
            return unquote(escapes[0], errors="strict")
        except UnicodeDecodeError:
            return escapes[0]

    return re.sub("(?:%[0-9A-Fa-f]{2})+", decode, segment)


async def read_request(
    reader: asyncio.StreamReader,
    *,
    number: Callable[[], int],
    proceed: Callable[[], Awaitable[None]],
    idle: float | None = None,
) -> RecordedRequest | None:
    """The next request of a connection, or `None` when it ended between two of them.

    Args:
        reader: Where the bytes come from; its limit bounds the head.
        number: Called once the request is complete.
        proceed: Awaited when the client asks for ``100 Continue`` before it sends the body.
        idle: Seconds in which the head must have come.

    Raises:
        TimeoutError: It has not.
        MalformedRequestError: Not HTTP, or too large a head.
        asyncio.IncompleteReadError: The connection ended inside the request.
    """
    try:
        async with asyncio.timeout(idle):
            head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise
    except asyncio.LimitOverrunError as error:
        raise MalformedRequestError("the head is too large") from error
    lines = head[:-4].decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise MalformedRequestError(f"no request line: {lines[0]!r}")
    headers = [_header(line) for line in lines[1:]]
    lowered = {name.lower(): value for name, value in headers}
    if lowered.get("expect", "").lower() == "100-continue":
        await proceed()
    body = await _read_body(reader, lowered)
    method, target, version = parts
    path, _, query = target.partition("?")
    return RecordedRequest(
        number=number(),
        method=method.upper(),
        target=target,
        path=path,
        query=parse_qsl(query, keep_blank_values=True),
        headers=headers,
        body=body,
        version=version,
    )


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name or name != name.strip():
        raise MalformedRequestError(f"no header: {line!r}")
    return name, value.strip(" \t")


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _read_chunked(reader)
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit():
        raise MalformedRequestError(f"no length: {length!r}")
    return await reader.readexactly(int(length))


async def _read_chunked(reader: asyncio.StreamReader) -> bytes:
    chunks: list[bytes] = []
    while True:
        line = await reader.readuntil(b"\r\n")
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError as error:
            raise MalformedRequestError(f"no chunk size: {line!r}") from error
        chunk = await reader.readexactly(size + 2)
        if not size:
            return b"".join(chunks)
        chunks.append(chunk[:-2])
