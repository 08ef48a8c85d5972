"""Connections: one task each, from accepting to the end, cancelled when the client goes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flue.testing.faults import NO_FAULT
from flue.testing.http1 import MAX_HEAD, MalformedRequestError, read_request
from flue.testing.sending import ConnectionEndedError, Wire, abort, reset, send_answer, send_raw

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flue.testing.answers import Answer
    from flue.testing.faults import Fault
    from flue.testing.http1 import RecordedRequest

MALFORMED = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is answered, raw bytes included, and the fault that spoils it."""

    answer: Answer | bytes
    fault: Fault = NO_FAULT


class Connections:
    """The open connections of a server. Used on its loop only.

    Args:
        respond: Makes the exchange for a request; whatever it raises is its own affair to report.
        number: Numbers the requests.
        changed: Called when the count of open connections has changed.
        report: Called with what made an answer fail half-way.
        keep_alive: Seconds after which an idle connection is closed.
    """

    def __init__(
        self,
        *,
        respond: Callable[[RecordedRequest], Awaitable[Exchange]],
        number: Callable[[], int],
        changed: Callable[[int], None],
        report: Callable[[Exception], None],
        keep_alive: float,
    ) -> None:
        self._respond = respond
        self._number = number
        self._keep_alive = keep_alive
        self._changed = changed
        self._report = report
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def accept(self) -> asyncio.StreamReaderProtocol:
        """The protocol of a new connection."""
        return _Protocol(self)

    def opened(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> asyncio.Task[None]:
        """Serve a new connection in a task of its own."""
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._open[task] = writer
        task.add_done_callback(self._closed)
        self._changed(len(self._open))
        return task

    def drop(self) -> None:
        """Reset every open connection."""
        for task, writer in list(self._open.items()):
            reset(writer)
            task.cancel()

    async def close(self) -> None:
        """Reset every open connection and wait for their tasks."""
        tasks = list(self._open)
        self.drop()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _closed(self, task: asyncio.Task[None]) -> None:
        del self._open[task]
        self._changed(len(self._open))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(writer)
        try:
            while await self._exchange(reader, wire):
                pass
        except (OSError, ConnectionEndedError, asyncio.IncompleteReadError):
            pass  # the client has gone or was silent for too long, or the connection ended as it was meant to
        except asyncio.CancelledError:
            abort(writer)
            raise
        except Exception as error:  # noqa: BLE001 - reported, and the client sees what Node would show it
            reset(writer)
            self._report(error)
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, wire: Wire) -> bool:
        """Read one request and answer it; whether the connection can carry another one."""

        async def proceed() -> None:
            await wire.send(CONTINUE)

        try:
            request = await read_request(reader, number=self._number, proceed=proceed, idle=self._keep_alive)
        except MalformedRequestError:
            await wire.send(MALFORMED)
            return False
        if request is None:
            return False
        exchange = await self._respond(request)
        if exchange.fault.refuse:
            wire.end("reset")
            return False
        if exchange.fault.stall_before_headers:
            await asyncio.sleep(exchange.fault.stall_before_headers)
        if isinstance(exchange.answer, bytes):
            await send_raw(wire, exchange.answer, exchange.fault)
            return False
        return await send_answer(wire, request, exchange.answer, exchange.fault)


class _Protocol(asyncio.StreamReaderProtocol):
    """A stream protocol that ends the task of its connection as soon as the client has gone."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._serving: asyncio.Task[None] | None = None
        loop = asyncio.get_running_loop()
        super().__init__(asyncio.StreamReader(limit=MAX_HEAD, loop=loop), self._opened, loop=loop)

    def _opened(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving = self._connections.opened(reader, writer)

    def eof_received(self) -> bool | None:
        self._end()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def _end(self) -> None:
        if self._serving is not None:
            self._serving.cancel()
