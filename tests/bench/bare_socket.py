"""A reader of live events that cannot be faster: a socket, a search for the end, one call of orjson."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .readers import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .readers import Live


class BareSocket(Reader):
    """Knows the benchmark's server: one chunk is one frame, one event an answer."""

    def __init__(self, base_url: str, headers: dict[str, str]) -> None:
        import orjson

        super().__init__(base_url, headers)
        self.loads = orjson.loads

    @contextmanager
    def open(self, run: str, live: Live) -> Iterator[Iterator[Any]]:
        target = urlsplit(self.url(run))
        with socket.create_connection((target.hostname, target.port), timeout=60) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield self.frames(connection, target.path) if live == "sse" else self.polls(connection, target.path)

    def frames(self, connection: socket.socket, path: str) -> Iterator[Any]:
        connection.sendall(b"GET %s?offset=-1&live=sse HTTP/1.1\r\nHost: bench\r\n\r\n" % path.encode())
        rest = b""
        while chunk := connection.recv(65536):
            *whole, rest = (rest + chunk).split(b"\n\n")
            for frame in whole:
                begin = frame.find(b"data:[")
                if begin >= 0:
                    yield from self.loads(frame[begin + 5 :])
                elif b'"streamClosed": true' in frame:
                    return

    def polls(self, connection: socket.socket, path: str) -> Iterator[Any]:
        offset, closed = b"-1", False
        while not closed:
            ask = b"GET %s?offset=%s&live=long-poll HTTP/1.1\r\nHost: bench\r\n\r\n"
            connection.sendall(ask % (path.encode(), offset))
            received = connection.recv(65536)
            while b"\r\n\r\n" not in received:
                received += connection.recv(65536)
            head, _, body = received.partition(b"\r\n\r\n")
            headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
            while len(body) < int(headers[b"Content-Length"]):
                body += connection.recv(65536)
            yield from self.loads(body)
            offset, closed = headers[b"Stream-Next-Offset"], b"Stream-Closed" in headers
