"""Proxies: of HTTP requests and CONNECT tunnels, and one that speaks SOCKS 5."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .loopback import LoopbackServer, pump

if TYPE_CHECKING:
    from typing import BinaryIO


@dataclass(frozen=True)
class Request:
    """A request as it was sent."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    raw: bytes

    def header(self, name: str) -> str | None:
        """The value of a header, or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def read_request(stream: BinaryIO) -> Request | None:
    """The next request of a connection with its body, or None when the client has closed it."""
    lines: list[bytes] = []
    while (line := stream.readline()) != b"\r\n":
        if not line:
            return None
        lines.append(line)
    first, *others = (line.decode("latin-1").strip() for line in lines)
    method, target, _ = first.split(" ")
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in others))
    request = Request(method, target, headers, b"".join([*lines, b"\r\n"]))
    length = int(request.header("content-length") or 0)
    body = stream.read(length)
    return replace(request, raw=request.raw + body) if len(body) == length else None


class ForwardProxy(LoopbackServer):
    """Forwards requests in absolute form, and tunnels, to one server whatever host they name.

    Args:
        port: Of that server, on 127.0.0.1.

    Attributes:
        requests: All requests that the proxy has read, the refused ones too; of a tunnel only its CONNECT.
    """

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port
        self._refusals: list[int] = []
        self.requests: list[Request] = []

    @property
    def url(self) -> str:
        """What a proxy variable is set to."""
        return f"http://{self.address}"

    @property
    def targets(self) -> list[str]:
        """Method and target of each request."""
        return [f"{request.method} {request.target}" for request in list(self.requests)]

    def refuse(self, status: int, *, times: int = 1) -> None:
        """Answer the next requests, CONNECT included, with this status."""
        self._refusals += [status] * times

    def serve(self, connection: socket.socket) -> None:
        """Forward the requests of one connection."""
        upstream: socket.socket | None = None
        stream = connection.makefile("rb")
        try:
            while request := read_request(stream):
                self.requests.append(request)
                if self._refusals:
                    connection.sendall(refusal(self._refusals.pop(0)))
                    return
                if request.method == "CONNECT":  # its client waits for the answer before it sends more
                    connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    self.couple(connection, self.connect(self._port))
                    return
                if upstream is None:
                    upstream = self.connect(self._port)
                    self._start(pump, upstream, connection)
                upstream.sendall(origin_form(request))
        finally:
            stream.close()
            if upstream is not None:
                self.drop(upstream)


class SocksProxy(LoopbackServer):
    """SOCKS 5 without authentication, to one server whatever host is named.

    Attributes:
        hosts: The hosts that were asked for.
    """

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port
        self.hosts: list[str] = []

    def serve(self, connection: socket.socket) -> None:
        """Carry out one CONNECT."""
        _, count = read_exactly(connection, 2)
        read_exactly(connection, count)
        connection.sendall(b"\x05\x00")
        _, _, _, kind = read_exactly(connection, 4)
        if kind == 3:
            host = read_exactly(connection, read_exactly(connection, 1)[0]).decode()
        else:
            family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
            host = socket.inet_ntop(family, read_exactly(connection, size))
        read_exactly(connection, 2)
        self.hosts.append(host)
        connection.sendall(b"\x05\x00\x00\x01" + socket.inet_aton("127.0.0.1") + struct.pack("!H", self._port))
        self.couple(connection, self.connect(self._port))


def read_exactly(connection: socket.socket, size: int) -> bytes:
    """So many bytes."""
    received = b""
    while len(received) < size:
        more = connection.recv(size - len(received))
        if not more:
            raise ConnectionError("the client has gone")
        received += more
    return received


def origin_form(request: Request) -> bytes:
    """A request as the server behind the proxy gets it."""
    parts = urlsplit(request.target)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    return request.raw.replace(request.target.encode(), target.encode(), 1)


def refusal(status: int) -> bytes:
    """The answer of a proxy that does not forward."""
    extra = 'Proxy-Authenticate: Basic realm="proxy"\r\n' if status == 407 else ""
    return f"HTTP/1.1 {status} Refused\r\n{extra}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
