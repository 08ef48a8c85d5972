"""A relay in front of a server, such as a NAT that forgets its connections."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from .loopback import LoopbackServer

if TYPE_CHECKING:
    import threading


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
        generation = self._generation
        upstream = self.connect(self._port)
        back: threading.Thread = self._start(self._copy, upstream, connection, generation)
        try:
            self._copy(connection, upstream, generation)
        finally:
            self.drop(upstream)
            back.join()

    def _copy(self, source: socket.socket, sink: socket.socket, generation: int) -> None:
        with contextlib.suppress(OSError):
            while received := source.recv(65536):
                if generation == self._generation:
                    sink.sendall(received)
                else:
                    self.swallowed += len(received)
        if generation == self._generation:
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)
