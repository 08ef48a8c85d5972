"""Requests over httpx: opens an answer and reads it as it comes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncGenerator
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import anyio
import httpx

from flue.aio.faults import RAISED, to_connection_error
from flue.aio.interrupt import patiently
from flue.aio.line import OPENED, Line
from flue.aio.own import KEPT, USER_AGENT, Connections, Opened, is_proxied
from flue.config import HeaderFields
from flue.core import stream_state
from flue.core.actions import Request, ResponseHead

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from httpx._client import UseClientDefault

    from flue.config import Timeouts

__all__ = ["Answer", "Transport"]

_TURNS = 100
"""Turns of the event loop in which a connection that is there is written to; a bound, it takes a few."""
_Kept = tuple[Connections | httpx.AsyncClient, AsyncGenerator[None, None]]


class Answer:
    """An open answer."""

    def __init__(self, opened: Opened | _Foreign, url: str) -> None:
        self._opened = opened
        self._url = url
        self._closed = False
        self.head = ResponseHead(opened.status, opened.headers, opened.framed, time.time())

    async def read(self) -> bytes:
        """What has arrived of the body, decoded; waits for at least one byte. Empty at the end.

        Raises:
            FlueConnectionError: the body was cut, or nothing came for the read time-out.
        """
        try:
            chunk = await self._opened.read()
        except RAISED as error:
            raise to_connection_error(error, url=self._url) from error
        except BaseException:
            self._cut()
            raise
        self._closed = not chunk
        return chunk

    def _cut(self) -> None:
        """End the connection of a read that was cancelled, at once.

        httpcore does so too, but awaits in between: a second cancellation there would leave the connection open.
        asyncio sees
        the end of a socket that was shut down and closes it by itself.
        """
        line = self._opened.line
        sock = None if line is None else line.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        """Give the connection back if the body was read to its end, else close it. Idempotent."""
        if self._closed:
            return
        if self.head.status == 204 or self.head.headers.get("content-length") == "0":
            await self._opened.read()  # nothing is to come; reading that is what gives the connection back
        # To its end, whoever is cancelled: it may close other connections of the pool, too.
        closing = asyncio.ensure_future(self._opened.aclose())
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await patiently(closing)
            raise


class _Foreign:
    """An answer of the caller's client, or of one that goes through a proxy."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._chunks: AsyncIterator[bytes] = response.aiter_bytes()
        self.status = response.status_code
        self.headers = stream_state.Headers(response.headers.multi_items())
        self.framed = stream_state.body_length_known(self.headers, http2=response.http_version == "HTTP/2")
        self.line: Any = response.extensions.get("network_stream")

    async def read(self) -> bytes:
        """As `Opened.read`."""
        return await anext(self._chunks, b"")

    async def aclose(self) -> None:
        """As `Opened.aclose`."""
        await self._response.aclose()


class _Handshake:
    """The connection whose TLS handshake is going on: httpcore forgets it when it is cancelled there."""

    def __init__(self) -> None:
        self._stream: Any = None

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """Told by httpcore what it does (its `trace` extension)."""
        if event == "connection.connect_tcp.complete":
            self._stream = info["return_value"]
        elif event == "connection.start_tls.complete":
            self._stream = None

    async def abandon(self) -> None:
        """Close the connection if its handshake had not ended."""
        if self._stream is not None:
            await self._stream.aclose()


class Transport:
    """What a client sends with: clients of its own, one for each event loop, or the caller's.

    The caller's is neither closed nor changed.
    """

    def __init__(self, timeouts: Timeouts, http_client: httpx.AsyncClient | None) -> None:
        self._timeouts = timeouts
        self._theirs = http_client
        # A connection belongs to the loop that opened it; a loop that is gone takes its client along.
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, _Kept] = WeakKeyDictionary()
        self._closed = False

    async def open(self, request: Request, headers: HeaderFields[str]) -> Answer:
        """Send a request and wait for the head of its answer.

        Args:
            request: what to send.
            headers: the caller's, names in lower case; they win over the protocol's.

        Raises:
            FlueConnectionError: no answer came.
        """
        merged = HeaderFields({**dict(request.headers), **headers})
        fields = HeaderFields({name.encode(): value.encode("latin-1") for name, value in merged.items()})
        read = self._timeouts.read if request.read_timeout is None else request.read_timeout
        timeout = httpx.Timeout(read, connect=self._timeouts.connect)
        try:
            opened = await self._send(request, fields, timeout, authorized="authorization" in merged)
        except RAISED as error:
            raise to_connection_error(error, url=request.url) from error
        return Answer(opened, request.url)

    async def aclose(self) -> None:
        """Close the clients of our own."""
        self._closed = True
        here = asyncio.get_running_loop()
        for loop, (_, keeper) in list(self._clients.items()):
            if loop is here:
                await keeper.aclose()
        self._clients.clear()

    async def _send(
        self, request: Request, fields: HeaderFields[bytes], timeout: httpx.Timeout, *, authorized: bool
    ) -> Opened | _Foreign:
        client = await self._own() if self._theirs is None else self._theirs
        handshake = _Handshake()
        opened_here: list[Line] = []
        # In a task of its own, which is left to give its connections up when the caller goes: httpcore awaits while it
        # does, and shields that from scopes of anyio only. A native cancellation there would leave connections open.
        scope = anyio.CancelScope()

        async def within() -> Opened | _Foreign | None:
            with scope:
                if isinstance(client, Connections):
                    OPENED.set(opened_here)
                    return await client.send(request, fields, timeout)
                built = client.build_request(
                    request.method,
                    request.url,
                    headers=fields,
                    content=request.body,
                    timeout=timeout,
                    extensions={"trace": handshake.trace} if request.url.startswith("https:") else {},
                )
                return _Foreign(await self._send_built(client, built, None if authorized else httpx.USE_CLIENT_DEFAULT))
            return None

        sending = asyncio.ensure_future(within())
        try:
            opened = await asyncio.shield(sending)
        except asyncio.CancelledError:
            await _while_fresh(opened_here)
            scope.cancel()
            await patiently(sending)
            if not sending.cancelled() and sending.exception() is None and (late := sending.result()) is not None:
                await late.aclose()
            else:
                for line in opened_here:
                    await line.aclose()
                await handshake.abandon()
            raise
        assert opened is not None  # noqa: S101  # only a cancelled scope gives none
        return opened

    async def _send_built(
        self, client: httpx.AsyncClient, built: httpx.Request, auth: httpx.Auth | UseClientDefault | None
    ) -> httpx.Response:
        if self._theirs is None:
            return await client.send(built, stream=True, follow_redirects=False, auth=auth)
        cookies = list(client.cookies.jar)
        response = await client.send(built, stream=True, follow_redirects=False, auth=auth)
        if "set-cookie" in response.headers:  # httpx has stored it; the caller's jar is not ours to fill
            jar = client.cookies.jar
            jar.clear()
            for cookie in cookies:
                jar.set_cookie(cookie)
        return response

    async def _own(self) -> Connections | httpx.AsyncClient:
        if self._closed:
            raise RuntimeError("the client is closed")
        loop = asyncio.get_running_loop()
        kept = self._clients.get(loop)
        if kept is None:
            for gone in [other for other in self._clients if other.is_closed()]:
                del self._clients[gone]
            client = _proxied_client() if is_proxied() else Connections()
            keeper = _keep(client)
            await anext(keeper)
            self._clients[loop] = kept = client, keeper
        return kept[0]


def _proxied_client() -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=KEPT)
    client = httpx.AsyncClient(limits=limits, headers={"user-agent": USER_AGENT})
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client


async def _while_fresh(lines: list[Line]) -> None:
    """Let httpcore go on from a connection that is there to the first byte on it: a few turns of the loop."""
    for _ in range(_TURNS):
        if not any(line.fresh for line in lines):
            return
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0)


async def _keep(client: Connections | httpx.AsyncClient) -> AsyncGenerator[None, None]:
    """Close the client at the end of its loop, which shuts its suspended generators down, or when it is forgotten."""
    try:
        yield
    finally:
        await client.aclose()
