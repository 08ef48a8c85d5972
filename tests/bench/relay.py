"""A network before a port: `python -m tests.bench.relay PORT MILLISECONDS...`.

It prints the port of a relay for each number, which delays every byte by half of that in each direction.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

from .server import listen, run

if TYPE_CHECKING:
    from collections.abc import Callable


def relaying(port: int, seconds: float) -> Callable[[socket.socket], None]:
    """What goes through arrives so many seconds later, whatever the amount."""

    def relay(connection: socket.socket) -> None:
        upstream = socket.create_connection(("127.0.0.1", port))
        upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=pump, args=(upstream, connection), daemon=True).start()
        pump(connection, upstream)

    def pump(source: socket.socket, sink: socket.socket) -> None:
        under_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        threading.Thread(target=deliver, args=(under_way, sink), daemon=True).start()
        data = b"."
        while data:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            under_way.put((time.monotonic() + seconds, data))

    def deliver(under_way: queue.SimpleQueue[tuple[float, bytes]], sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                due, data = under_way.get()
                time.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(data)

    return relay


if __name__ == "__main__":
    upstream, *delays = map(int, sys.argv[1:])
    run({"ports": [listen(relaying(upstream, delay / 2000)) for delay in delays]})
