"""Talking to the server with nothing but the standard library, and reading recordings of real ones."""

from __future__ import annotations

import http.client
import json
import socket
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

RECORDINGS = Path(__file__).parents[1] / "recordings"
TIMEOUT = 10.0

CLOSED, RESET = "closed", "reset"
JSON = [("content-type", "application/json")]
CLOSE = "Connection: close\r\n"


@dataclass
class Got:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name):
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, values
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json()["error"]


def ask(server, method, target, body=None, headers=(), *, connection=None):
    """One request; without a connection of the test's own, on a new one. The target lies below the base path."""
    with ExitStack() as stack:
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
            stack.callback(connection.close)
        connection.request(method, urlsplit(server.base_url).path + target, body=body, headers=dict(headers))
        response = connection.getresponse()
        return Got(response.status, response.getheaders(), response.read())


def get(server, target, **options):
    return ask(server, "GET", target, **options)


def invoke(server, name, value=None, *, query=""):
    body = None if value is None else json.dumps(value).encode()
    return ask(server, "POST", f"/workflows/{name}{query}", body, [] if value is None else JSON)


def log(i):
    return {"type": "log", "level": "info", "message": str(i)}


@contextmanager
def opened(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as sock:
        yield sock


def request_bytes(server, target, *, method="GET", extra=""):
    return f"{method} /api{target} HTTP/1.1\r\nHost: x\r\n{extra}\r\n".encode()


def read_all(sock):
    """Every byte until the end, and how that came."""
    data = b""
    deadline = time.monotonic() + 3 * TIMEOUT
    try:
        while piece := sock.recv(65536):
            data += piece
            assert time.monotonic() < deadline, f"does not end: {data[-200:]!r}"
    except ConnectionResetError:
        return data, RESET
    return data, CLOSED


def read_until(sock, marker):
    data = b""
    deadline = time.monotonic() + 3 * TIMEOUT
    while marker not in data:
        piece = sock.recv(65536)
        assert piece, f"ended before {marker!r}: {data!r}"
        data += piece
        assert time.monotonic() < deadline, f"{marker!r} does not come: {data[-200:]!r}"
    return data


@contextmanager
def requested(server, target, *, method="GET", extra=""):
    """A connection of its own on which a request was sent."""
    with opened(server) as sock:
        sock.sendall(request_bytes(server, target, method=method, extra=extra))
        yield sock


def raw(server, target, **options):
    """All bytes of an answer on a connection of its own, and how it ended."""
    with requested(server, target, **options) as sock:
        return read_all(sock)


def split(data):
    head, _, body = data.partition(b"\r\n\r\n")
    return head, body


def dechunk(data):
    """The payload of a chunked body and whether it is complete."""
    payload = b""
    while True:
        size, line, rest = data.partition(b"\r\n")
        if not line:
            return payload, False
        length = int(size, 16)
        if length == 0:
            return payload, rest == b"\r\n"
        payload += rest[:length]
        if len(rest) < length + 2:
            return payload, False
        data = rest[length + 2 :]


def recorded(name, *, under=""):
    """The answers of a recording in order: title (where there are any) and answer.

    Args:
        name: Of the file, or how it begins.
        under: The folder.
    """
    (path,) = (RECORDINGS / under).glob(f"{name}*")
    data = path.read_bytes()
    found = []
    while data := data.lstrip(b"\r\n"):
        title = ""
        if data.startswith(b"### "):
            line, _, data = data.partition(b"\n")
            title = line.decode().strip()[4:]
        head, data = split(data)
        status, *lines = head.decode().split("\r\n")
        headers = [tuple(line.split(": ", 1)) for line in lines]
        got = Got(int(status.split()[1]), headers, b"")
        length = len(data) if got.header("transfer-encoding") else int(got.header("content-length") or 0)
        got.body, data = data[:length], data[length:]
        found.append((title, got))
    return found
