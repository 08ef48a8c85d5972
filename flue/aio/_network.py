"""The body of a chunked event stream, read as it arrives: the one place that looks behind httpx.

httpcore hands a chunked body over chunk by chunk, each through all of its layers. Most servers write one event a chunk,
so an event would cost some three times as much as it does here, where all that has arrived is decoded at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from flue.core.chunked import ChunkedDecoder
from flue.core.framing import DecodeError
from flue.core.stream_state import media_type

if TYPE_CHECKING:
    from flue.core.stream_state import Headers

__all__ = ["EventStreamBody", "event_stream_body"]

_READ_SIZE = 64 * 1024


class EventStreamBody:
    """Reads the connection of one response from the end of the response's head on."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, received: bytes, read_timeout: float | None) -> None:
        """Take over a body.

        Args:
            stream: The connection.
            received: What has arrived of the body together with the head.
            read_timeout: Seconds without a byte.
        """
        self._stream = stream
        self._received = received
        self._read_timeout = read_timeout
        self._decoder = ChunkedDecoder()

    async def read(self) -> bytes:
        """What has arrived; waits for at least one byte. Empty at the end.

        Raises:
            httpx.TransportError: The same that httpx raises when it reads a body.
        """
        while not self._decoder.finished:
            data, self._received = self._received, b""
            if not data:
                try:
                    data = await self._stream.read(_READ_SIZE, self._read_timeout)
                except httpcore.ReadTimeout as error:
                    raise httpx.ReadTimeout(str(error)) from error
                except httpcore.NetworkError as error:
                    raise httpx.ReadError(str(error)) from error
                if not data:
                    raise httpx.RemoteProtocolError("the connection ended before the body did")
            try:
                body = self._decoder.feed(data)
            except DecodeError as error:
                raise httpx.RemoteProtocolError(str(error)) from None
            if body:
                return body
        return b""


def event_stream_body(response: httpx.Response, headers: Headers, read_timeout: float | None) -> EventStreamBody | None:
    """The reader of a response of our own connection pool, or None where httpx has to read it.

    Args:
        response: Of which nothing but the head has been read.
        headers: Its headers.
        read_timeout: Seconds without a byte.
    """
    chunked = headers.get("transfer-encoding", "").strip().lower() == "chunked"
    if not chunked or media_type(headers) != "text/event-stream" or "content-encoding" in headers:
        return None
    stream = response.extensions.get("network_stream")
    body: Any = response.stream
    # What has arrived together with the head waits in the parser of httpcore, which has no public name for it. Where
    # any of these names leads nowhere (another version, a mock, HTTP/2), httpx reads the body.
    try:
        connection = body._httpcore_stream._stream._connection  # noqa: SLF001
        received, _ = connection._h11_state.trailing_data  # noqa: SLF001
        if stream is None or connection._network_stream is not stream:  # noqa: SLF001
            return None
    except AttributeError:
        return None
    return EventStreamBody(stream, bytes(received), read_timeout)
