"""A network before a port."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time

from tests.network.loopback import LoopbackServer


class Relay(LoopbackServer):
    """What goes through to a port on 127.0.0.1, or back, arrives so many seconds later, whatever the amount."""

    def __init__(self, port: int, seconds: float) -> None:
        super().__init__()
        self._port = port
        self._seconds = seconds

    def serve(self, connection: socket.socket) -> None:
        """Relay one connection."""
        self.couple(connection, self.connect(self._port), self._pump)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        under_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        delivery = threading.Thread(target=deliver, args=(under_way, sink), daemon=True)
        delivery.start()
        data = b"."
        while data:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            under_way.put((time.monotonic() + self._seconds, data))
        delivery.join()


def deliver(under_way: queue.SimpleQueue[tuple[float, bytes]], sink: socket.socket) -> None:
    """Send each piece when it is due, up to an empty one."""
    with contextlib.suppress(OSError):
        while True:
            due, data = under_way.get()
            time.sleep(max(0.0, due - time.monotonic()))
            if not data:
                sink.shutdown(socket.SHUT_WR)
                return
            sink.sendall(data)
