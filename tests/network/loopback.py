"""A TCP server of threads that can be closed, opened again on the same port, and left without a trace."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 10.0
"""Seconds that a thread may take to end."""


def closed_port() -> int:
    """A port on which nobody listens, below the range from which the system takes those of clients."""
    for port in range(21_000, 32_000):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


def reset(sock: socket.socket) -> None:
    """Close a connection with a reset."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    release(sock)


def release(sock: socket.socket) -> None:
    """Close a socket and wake the thread that reads from it."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Copy bytes from one connection to another until either ends."""
    with contextlib.suppress(OSError):
        while received := source.recv(65536):
            sink.sendall(received)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class LoopbackServer:
    """Calls `serve` on a thread of its own for each connection.

    Args:
        host: The address to listen on.

    Attributes:
        port: Stays the same when the port is closed and opened again.
        accepted: How many connections have been accepted.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = 0
        self.accepted = 0
        self._listener: socket.socket | None = None
        self._acceptor: threading.Thread | None = None
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.closing = threading.Event()

    def serve(self, connection: socket.socket) -> None:
        """Serve one connection; it is closed when this returns."""
        raise NotImplementedError

    @property
    def address(self) -> str:
        """Host and port as in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __enter__(self) -> Self:
        self.open_port()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.close_port()
        for sock in self._held():
            release(sock)
        for thread in list(self._threads):
            thread.join(LIMIT)
            assert not thread.is_alive(), f"{thread.name} does not end"

    def open_port(self) -> None:
        """Listen."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, self.port), family=family, backlog=128)
        self.port = self._listener.getsockname()[1]
        self._acceptor = self._start(self._accept, self._listener)

    def close_port(self) -> None:
        """Refuse new connections; the open ones go on."""
        listener, self._listener = self._listener, None
        if listener is not None:
            release(listener)
            assert self._acceptor is not None
            self._acceptor.join(LIMIT)

    def drop_connections(self) -> None:
        """Reset all connections."""
        for sock in self._held():
            reset(sock)

    def _held(self) -> list[socket.socket]:
        with self._lock:
            return list(self._sockets)

    def _start(self, target: Callable[..., None], *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=arguments, name=type(self).__name__, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self.accepted += 1
            self.hold(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError):  # the other side has gone
                self.serve(connection)
        finally:
            self.drop(connection)

    def hold(self, sock: socket.socket) -> None:
        """Have a socket closed with the server."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._sockets.add(sock)
        if self.closing.is_set():
            release(sock)

    def connect(self, port: int) -> socket.socket:
        """A connection to a server on 127.0.0.1, closed with this one."""
        upstream = socket.create_connection(("127.0.0.1", port))
        self.hold(upstream)
        return upstream

    def drop(self, sock: socket.socket) -> None:
        """Close a socket."""
        with self._lock:
            self._sockets.discard(sock)
        release(sock)

    def couple(
        self,
        connection: socket.socket,
        upstream: socket.socket,
        copy: Callable[[socket.socket, socket.socket], None] = pump,
    ) -> None:
        """Copy bytes between two connections until both have ended."""
        back = self._start(copy, upstream, connection)
        try:
            copy(connection, upstream)
        finally:
            self.drop(upstream)
            back.join()
