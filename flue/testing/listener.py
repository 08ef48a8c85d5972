"""Accepting connections. asyncio's own server loses those that arrive while it is closed; this one does not."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

BACKLOG = 4096
"""Connections that may wait to be accepted: a thousand clients may come at once."""

SECONDS_TO_RECOVER = 0.1


def listen(port: int) -> socket.socket:
    """A socket that listens on loopback; port 0 is any free one.

    Raises:
        OSError: The port is taken.
    """
    sock = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
    sock.setblocking(False)
    return sock


class Listener:
    """Gives every connection that comes in a protocol. Made, used and closed on a selector loop.

    Args:
        sock: That listens; closed with the listener.
        make_protocol: For a new connection.
        ssl_context: For HTTPS.
        report: Called with what keeps it from accepting.
    """

    def __init__(
        self,
        sock: socket.socket,
        make_protocol: Callable[[], asyncio.BaseProtocol],
        ssl_context: ssl.SSLContext | None,
        report: Callable[[Exception], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._make_protocol = make_protocol
        self._ssl = ssl_context
        self._report = report
        self._arriving: set[asyncio.Task[None]] = set()
        self._paused: asyncio.TimerHandle | None = None
        self._listen()

    async def close(self) -> None:
        """Close the port. Connections that have got their protocol go on; who has not shaken hands yet is let go."""
        self._loop.remove_reader(self._sock)
        if self._paused is not None:
            self._paused.cancel()
        self._sock.close()
        await asyncio.sleep(0)  # a task that has not begun could not close its connection
        for task in self._arriving:
            task.cancel()
        await asyncio.gather(*self._arriving, return_exceptions=True)

    def _listen(self) -> None:
        self._loop.add_reader(self._sock, self._accept)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._sock.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                # No descriptors left, most likely. Some may be given back before long.
                self._loop.remove_reader(self._sock)
                self._paused = self._loop.call_later(SECONDS_TO_RECOVER, self._listen)
                self._report(error)
                return
            task = self._loop.create_task(self._welcome(connection))
            self._arriving.add(task)
            task.add_done_callback(self._arriving.discard)

    async def _welcome(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        try:
            # asyncio leaves this out for accepted sockets. Without it a part of an answer waits for the
            # acknowledgement of the part before, and a reset loses it.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(self._make_protocol, connection, ssl=self._ssl)
        except OSError:
            # A client that leaves in the handshake, or does not like the certificate, is no problem of ours.
            connection.close()
