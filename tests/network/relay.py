"""A relay in front of a server, such as a NAT that forgets its connections."""

from __future__ import annotations

import contextlib
import functools
import socket

from .loopback import LoopbackServer


class Relay(LoopbackServer):
    """Passes bytes on to a server.

    Args:
        port: Of the server, on 127.0.0.1.
        host: The address to listen on.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        super().__init__(host)
        self._port = port
        self._generation = 0
        self.swallowed = 0
        """Bytes of clients that have been thrown away."""

    def forget(self) -> None:
        """From now on the bytes of all connections that are there vanish, in both directions and without a word."""
        self._generation += 1

    def serve(self, connection: socket.socket) -> None:
        """Relay one connection."""
        copy = functools.partial(self._copy, self._generation)
        self.couple(connection, self.connect(self._port), copy)

    def _copy(self, generation: int, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while received := source.recv(65536):
                if generation == self._generation:
                    sink.sendall(received)
                else:
                    self.swallowed += len(received)
        if generation == self._generation:
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)
