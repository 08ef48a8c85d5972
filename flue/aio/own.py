"""The connections of our own: httpcore, the engine of httpx, without httpx's work for each request.

`AsyncClient.send` spends half of its time on what a read of a stream has no use for: cookies, redirects, auth flows,
events, the merging of URLs and headers. Where the environment names a proxy, `httpx.AsyncClient` is used as it is.
"""

from __future__ import annotations

import urllib.request
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import httpcore
import httpx

from flue.aio.line import Backend, Line
from flue.config import HeaderFields
from flue.core import stream_state
from flue.core.chunked import ChunkedDecoder
from flue.core.framing import DecodeError

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from flue.core.actions import Request

__all__ = ["KEPT", "USER_AGENT", "Connections", "Opened", "is_proxied"]

KEPT = 100
"""Idle connections kept; open ones are not limited, since every live stream has its own."""
USER_AGENT = f"flue-sdk python-httpx/{httpx.__version__}"
_AGENT = USER_AGENT.encode()
_CHUNK = 64 * 1024
_RAISED = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)


def is_proxied() -> bool:
    """Whether the environment names a proxy."""
    return not urllib.request.getproxies().keys().isdisjoint({"http", "https", "all", "socks"})


class Opened:
    """An answer whose head has come."""

    def __init__(self, response: httpcore.Response, read_timeout: float) -> None:
        self._response = response
        self._timeout = read_timeout
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers]
        self.headers = stream_state.Headers(pairs)
        self.status = response.status
        self.line: Line = cast("Any", response).extensions["network_stream"]
        self.framed = stream_state.body_length_known(self.headers)
        self._chunks: AsyncIterator[bytes] = aiter(response.stream)  # type: ignore[arg-type]
        self._events: ChunkedDecoder | None = None
        if "content-encoding" in self.headers:
            self._chunks = httpx.Response(
                response.status, headers=response.headers, stream=_Body(response)
            ).aiter_bytes()
        elif stream_state.media_type(self.headers) == "text/event-stream" and "transfer-encoding" in self.headers:
            self._events = ChunkedDecoder()

    async def read(self) -> bytes:
        """What has arrived of the body, decoded; waits for at least one byte. Empty at the end.

        Raises:
            httpx.HTTPError: as httpx does.
        """
        try:
            chunk = await anext(self._chunks, b"") if self._events is None else await self._read_events(self._events)
            if not chunk:
                await self._response.aclose()
        except _RAISED as error:
            raise _as_httpx(error) from error
        return chunk

    async def _read_events(self, chunks: ChunkedDecoder) -> bytes:
        while not chunks.finished:
            data = await self.line.read(_CHUNK, self._timeout)
            if not data:
                raise httpx.RemoteProtocolError("the connection ended before the body did")
            try:
                body = chunks.feed(data)
            except DecodeError as error:
                raise httpx.RemoteProtocolError(str(error)) from None
            if body:
                return body
        return b""

    async def aclose(self) -> None:
        """Give the connection back if the body was read to its end, else close it."""
        await self._response.aclose()


class _Body(httpx.AsyncByteStream):
    """A body on its way to httpx's decoders."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()


class Connections:
    """The connections that a client keeps in one event loop."""

    def __init__(self) -> None:
        self._pools: dict[bytes, httpcore.AsyncConnectionPool] = {}

    async def send(self, request: Request, fields: dict[bytes, bytes], timeout: httpx.Timeout) -> Opened:
        """Send a request and wait for the head of its answer.

        Raises:
            httpx.HTTPError: as httpx does.
        """
        url, host = _parse(request.url)
        length = {} if request.method == "GET" else {b"content-length": b"%d" % len(request.body or b"")}
        asked = httpcore.Request(
            request.method,
            url,
            headers=list((HeaderFields({b"host": host, b"user-agent": _AGENT}) | fields | length).items()),
            content=request.body,
            extensions={"timeout": timeout.as_dict()},
        )
        try:
            response = await self._pool(url.scheme).handle_async_request(asked)
        except _RAISED as error:
            raise _as_httpx(error) from error
        return Opened(response, timeout.read or 0.0)

    async def aclose(self) -> None:
        """Close all of them."""
        for pool in list(self._pools.values()):
            await pool.aclose()

    def _pool(self, scheme: bytes) -> httpcore.AsyncConnectionPool:
        pool = self._pools.get(scheme)
        if pool is None:
            # Certificates are loaded where they are needed only; that takes a while.
            context: ssl.SSLContext | None = httpx.create_ssl_context() if scheme == b"https" else None
            self._pools[scheme] = pool = httpcore.AsyncConnectionPool(
                ssl_context=context,
                max_connections=None,
                max_keepalive_connections=KEPT,
                keepalive_expiry=httpx.Limits().keepalive_expiry,
                network_backend=Backend(scheme),
            )
        return pool


def _parse(url: str) -> tuple[httpcore.URL, bytes]:
    """The parts of one of our URLs, all ASCII but for the host, and the `Host` header."""
    begin = url.index("/", url.index("//") + 2)
    scheme, host, port, netloc = _parse_origin(url[:begin])
    return httpcore.URL(scheme=scheme, host=host, port=port, target=url[begin:].encode("ascii")), netloc


@lru_cache(maxsize=64)
def _parse_origin(origin: str) -> tuple[bytes, bytes, int | None, bytes]:
    parsed = httpx.URL(origin)
    return parsed.raw_scheme, parsed.raw_host, parsed.port, parsed.netloc


def _as_httpx(error: Exception) -> httpx.HTTPError:
    """The exception of httpx that stands for one of httpcore: they have the same names."""
    kind: type[httpx.HTTPError] = getattr(httpx, type(error).__name__, httpx.TransportError)
    return kind(str(error))
