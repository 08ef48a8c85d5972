"""HTTP over httpx: sends requests and reads the bodies of their responses as they arrive."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import sys
import time
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

import httpx

from flue import _environment
from flue.config import KEEPALIVE, MAX_IDLE, POOL_SIZE, HeaderFields
from flue.core.actions import Request, ResponseHead
from flue.core.http_errors import RETRYABLE_STATUSES
from flue.core.stream_state import Headers, body_length_known
from flue.errors import FlueConnectionError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
    from http.cookiejar import Cookie, CookieJar

    from flue.config import Settings

__all__ = ["Response", "Transport", "wait_uncancelled"]

T = TypeVar("T")

USER_AGENT = f"flue-sdk python-httpx/{httpx.__version__}"
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=POOL_SIZE, keepalive_expiry=MAX_IDLE)
_RAISED = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError)
"""What httpx raises for reasons outside this program."""
_RETRYABLE = (
    httpx.ConnectError,
    httpx.TimeoutException,
    httpx.NetworkError,
    httpx.RemoteProtocolError,
    httpx.ProxyError,
    httpx.DecodingError,
    OSError,
)
"""An allow-list: `UnsupportedProtocol` is a `TransportError` too, and a retry does not help there."""


_CLEANUP = 0.05
"""Seconds that a cancelled request has for closing what it opened before it is cancelled again."""
_closing: set[asyncio.Task[None]] = set()  # a loop keeps no hold of its tasks
_inherited: list[object] = []  # the connections of the parent of a forked process


class Response:
    """A response whose head has arrived.

    Attributes:
        head: Its status and headers.
    """

    def __init__(self, response: httpx.Response, url: str, *, read_timeout: float | None = None) -> None:
        """Take over a response.

        Args:
            response: Of which nothing but the head has been read.
            url: That was asked.
            read_timeout: Seconds without a byte, of a response of our own connection pool; None for one of the
                caller's client, whose body only httpx may read.
        """
        headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
        http2 = response.http_version == "HTTP/2"
        length_known = body_length_known(headers, http2=http2)
        self.head = ResponseHead(response.status_code, headers, length_known, time.time())
        self._response = response
        self._url = url
        self._network_stream = None if http2 else response.extensions.get("network_stream")
        # Past httpx's decoders where there is nothing to decode: two layers less for each chunk.
        plain = read_timeout is not None and "content-encoding" not in headers
        stream = response.stream
        self._chunks: AsyncIterator[bytes] = (
            aiter(stream) if plain and isinstance(stream, httpx.AsyncByteStream) else response.aiter_bytes()
        )
        self._read: Callable[[], Awaitable[bytes]] = self._next_chunk
        if read_timeout is not None:
            from flue.aio._network import event_stream_body  # noqa: PLC0415  # httpx too loads httpcore when it sends

            events = event_stream_body(response, headers, read_timeout)
            if events is not None:
                self._read = events.read
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._pid = os.getpid()

    def belongs_here(self) -> bool:
        """Whether this is the event loop and the process that opened it; no other may read it."""
        return asyncio.get_running_loop() is self._loop and os.getpid() == self._pid

    async def read(self) -> bytes:
        """What has arrived of the body, decompressed; waits for at least one byte. Empty at the end.

        Raises:
            FlueConnectionError: The body was cut, or nothing came for the read time-out.
        """
        handled = sys.exception()
        try:
            data = await self._read()
            if not data:
                self._closed = True
                await self._response.aclose()
        except _RAISED as error:
            raise _connection_error(error, self._url, handled) from error
        except BaseException:
            # httpcore closes what is torn out of a read, but awaits while it does: a second cancellation there leaves
            # the connection open. HTTP/1.1 only: a connection of HTTP/2 carries the requests of others.
            self._closed = True
            await wait_uncancelled(self._abort())
            raise
        return data

    async def aclose(self) -> None:
        """Give the connection back if the body was read to its end, else close it. Idempotent."""
        if self._closed:
            return
        if not self.belongs_here():
            self.close_soon()
            return
        self._closed = True
        await wait_uncancelled(self._finish())

    def close_soon(self) -> None:
        """Have it closed by its event loop. A plain call, from any thread."""
        if self._pid != os.getpid():  # the parent's; what is never collected is never closed
            _inherited.append(self._response)
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed, and its connections with it
            self._loop.call_soon_threadsafe(self._start_closing)

    def _start_closing(self) -> None:
        task = self._loop.create_task(self.aclose())
        _closing.add(task)
        task.add_done_callback(_closing.discard)

    async def _next_chunk(self) -> bytes:
        return await anext(self._chunks, b"")

    async def _finish(self) -> None:
        with contextlib.suppress(*_RAISED):
            if self.head.status == 204 or self.head.headers.get("content-length") == "0":
                # Nothing is to come, but only a body that was read gives its connection back.
                await anext(self._chunks, b"")
            await self._response.aclose()

    async def _abort(self) -> None:
        with contextlib.suppress(*_RAISED):
            await self._response.aclose()
        if self._network_stream is not None:
            await self._network_stream.aclose()


class Transport:
    """What a client sends with: connection pools of its own, some for each event loop, or the caller's client.

    The caller's client is neither closed nor changed.
    """

    def __init__(self, settings: Settings, http_client: httpx.AsyncClient | None) -> None:
        if http_client is not None and not isinstance(http_client, httpx.AsyncClient):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"http_client must be an httpx.AsyncClient, not {type(http_client).__name__}")
        self._timeouts = settings.timeouts
        self._trust_env = settings.trust_env
        self._http_client = http_client
        # A connection belongs to the loop that opened it; a loop that is gone takes its pools along.
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pools] = WeakKeyDictionary()
        self._pid = os.getpid()
        self._closed = False

    async def open(self, request: Request, headers: HeaderFields[str]) -> Response:
        """Send a request and wait for the head of its response.

        Args:
            request: What to send.
            headers: The caller's, names in lower case; they win over the protocol's.

        Raises:
            FlueConnectionError: No response came.
        """
        merged = HeaderFields({"user-agent": USER_AGENT, **dict(request.headers), **headers})
        fields = HeaderFields({name.encode(): value.encode("latin-1") for name, value in merged.items()})
        read = self._timeouts.read if request.read_timeout is None else request.read_timeout
        timeout = {"connect": self._timeouts.connect, "read": read, "write": read, "pool": None}
        tracker = _ConnectTracker()
        # In a task of its own, which is cancelled once whatever happens to the caller: httpcore awaits while it closes
        # what a cancelled request leaves behind, and a second cancellation there would leave connections open.
        sending = asyncio.ensure_future(self._send(request, fields, timeout, tracker))
        handled = sys.exception()
        try:
            return await asyncio.shield(sending)
        except _RAISED as error:
            raise _connection_error(error, request.url, handled) from error
        except asyncio.CancelledError:
            await wait_uncancelled(_abandon(sending, tracker))
            raise

    async def aclose(self) -> None:
        """Close the connection pools of our own."""
        self._closed = True
        self._forget_parent()
        pools = self._pools.pop(asyncio.get_running_loop(), None)
        self._pools.clear()
        if pools is not None:
            await pools.aclose()

    async def _send(
        self, request: Request, fields: HeaderFields[bytes], timeout: dict[str, float | None], tracker: _ConnectTracker
    ) -> Response:
        client = self._http_client
        if client is None:
            extensions = {"timeout": timeout, "trace": tracker.trace}
            built = httpx.Request(
                request.method, request.url, headers=fields, content=request.body, extensions=extensions
            )
            pools = await self._pools_of_loop()
            response = await pools.transport_for(request.url).handle_async_request(built)
            return Response(response, request.url, read_timeout=timeout["read"])
        built = client.build_request(
            request.method,
            request.url,
            headers=fields,
            content=request.body,
            timeout=httpx.Timeout(**timeout),
            extensions={"trace": tracker.trace},
        )
        if client.params:  # they have replaced the query of the URL
            url = httpx.URL(request.url)
            built.url = url.copy_with(query=b"&".join(filter(None, (url.query, built.url.query))))
        cookies = list(client.cookies.jar)
        try:
            if b"authorization" in fields:  # else the client's own `auth` would replace the token
                response = await client.send(built, stream=True, follow_redirects=False, auth=None)
            else:
                response = await client.send(built, stream=True, follow_redirects=False)
        except httpx.HTTPStatusError as error:
            # Of a hook that raises for the status, which is for the protocol to judge. httpx has closed the body.
            response = error.response
        _restore_cookies(client.cookies.jar, cookies, response)
        return Response(response, request.url)

    async def _pools_of_loop(self) -> _Pools:
        if self._closed:
            raise RuntimeError("the client is closed")
        self._forget_parent()
        loop = asyncio.get_running_loop()
        pools = self._pools.get(loop)
        if pools is None:
            for gone in [other for other in self._pools if other.is_closed()]:
                del self._pools[gone]
            self._pools[loop] = pools = _Pools(trust_env=self._trust_env)
            await pools.start()
        return pools

    def _forget_parent(self) -> None:
        """In a forked child: never touch the parent's connections, not even to close them."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            _inherited.append(list(self._pools.items()))
            self._pools.clear()


def _restore_cookies(jar: CookieJar, before: list[Cookie], response: httpx.Response) -> None:
    """Take out of a caller's jar what httpx has stored of a response: the jar is not ours to fill."""
    received = [value for each in (*response.history, response) for value in each.headers.get_list("set-cookie")]
    names = {value.partition("=")[0].strip() for value in received}
    if names:
        for cookie in [cookie for cookie in jar if cookie.name in names]:
            jar.clear(cookie.domain, cookie.path, cookie.name)
        for cookie in before:
            if cookie.name in names:
                jar.set_cookie(cookie)


class _Pools:
    """The connection pools of one event loop: one for each origin, made when it is first asked."""

    def __init__(self, *, trust_env: bool) -> None:
        self._trust_env = trust_env
        self._transports: dict[str, httpx.AsyncHTTPTransport] = {}
        self._shutdown = self._close_on_shutdown()

    async def start(self) -> None:
        """Have the loop close the pools at its end, if nobody did before."""
        await anext(self._shutdown)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._shutdown.aclose()

    async def _close_on_shutdown(self) -> AsyncGenerator[None, None]:
        # A loop that shuts down closes its suspended generators.
        try:
            yield
        finally:
            for transport in self._transports.values():
                await transport.aclose()

    def transport_for(self, url: str) -> httpx.AsyncHTTPTransport:
        """The transport to the origin of one of our URLs."""
        origin = url[: url.index("/", url.index("//") + 2)]
        transport = self._transports.get(origin)
        if transport is None:
            self._transports[origin] = transport = _new_transport(url, trust_env=self._trust_env)
        return transport


def _new_transport(url: str, *, trust_env: bool) -> httpx.AsyncHTTPTransport:
    proxy_url = None
    if trust_env:
        proxy_url = _environment.proxy_for(url, schemes=_environment.proxy_schemes("socksio"))
    # SOCKS leaves names to the proxy either way; older versions of httpx do not know the word.
    proxy = None if proxy_url is None else httpx.URL(proxy_url.replace("socks5h://", "socks5://", 1))
    tls_to_proxy = proxy is not None and proxy.scheme == "https"
    if tls_to_proxy or url.startswith("https:"):
        context = _environment.ssl_context(trust_env=trust_env)
    else:  # certificates are loaded where they are needed only; that takes a while
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    kind = _SocksTransport if proxy is not None and proxy.scheme == "socks5" else httpx.AsyncHTTPTransport
    return kind(
        verify=context,
        trust_env=False,
        limits=_LIMITS,
        proxy=None if proxy is None else httpx.Proxy(proxy, ssl_context=context if tls_to_proxy else None),
        socket_options=KEEPALIVE,
    )


class _SocksTransport(httpx.AsyncHTTPTransport):
    """The way through a SOCKS proxy, with an end for the greeting of the proxy, which httpcore waits for without one.

    What goes wrong there is not translated and closes nothing either: httpcore's `trace` extension tells when it is.
    """

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As the base class does; `ConnectTimeout` and `ProxyError` for a greeting that fails."""
        seconds: float = request.extensions["timeout"]["connect"]
        trace: Callable[[str, dict[str, Any]], Awaitable[None]] = request.extensions["trace"]
        limit = asyncio.timeout(None)
        greeted: Any = None  # the connection, as long as the proxy has not let it through

        async def follow(event: str, info: dict[str, Any]) -> None:
            nonlocal greeted
            if event.endswith(".setup_socks5_connection.started"):
                greeted = info["stream"]
                limit.reschedule(asyncio.get_running_loop().time() + seconds)
            elif event.endswith(".setup_socks5_connection.complete"):
                greeted = None
                limit.reschedule(None)
            await trace(event, info)

        request.extensions["trace"] = follow
        try:
            async with limit:
                return await super().handle_async_request(request)
        except Exception as error:
            if greeted is None:
                raise
            await greeted.aclose()
            if limit.expired():
                raise httpx.ConnectTimeout("the proxy did not answer") from error
            if isinstance(error, httpx.HTTPError):
                raise
            raise httpx.ProxyError(f"not the answer of a SOCKS proxy: {error}") from error


class _ConnectTracker:
    """Knows the connection that was opened for a request.

    httpcore forgets a connection when its task is cancelled between the TCP connect and the first byte of the request,
    the TLS handshake included. Its `trace` extension tells which connection that was.
    """

    def __init__(self) -> None:
        self._stream: Any = None

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """Called by httpcore at each of its steps."""
        if event.startswith("http11."):
            return
        if event.endswith((".connect_tcp.complete", ".connect_unix_socket.complete")):
            self._stream = info["return_value"]
        elif event.endswith(".start_tls.complete"):
            tls = info["return_value"].get_extra_info("ssl_object")
            if tls is not None and tls.selected_alpn_protocol() == "h2":
                self._stream = None
        elif event.startswith("http2."):
            self._stream = None  # it may carry the requests of others by now

    async def aclose(self) -> None:
        """Close the connection of a request that was cancelled."""
        if self._stream is not None:
            await self._stream.aclose()


async def _abandon(sending: asyncio.Task[Response], tracker: _ConnectTracker) -> None:
    """Cancel a request that is being sent, and close what it leaves behind."""
    if not sending.cancelling():
        sending.cancel()
    # anyio takes a cancellation that comes while it cancels attempts to connect of its own for one of those.
    while not (await asyncio.wait([sending], timeout=_CLEANUP))[0]:
        sending.cancel()
    if sending.cancelled() or sending.exception() is not None:
        await tracker.aclose()
    else:
        await sending.result().aclose()


async def wait_uncancelled(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which goes on to its end through any cancellation of the caller.

    Raises:
        asyncio.CancelledError: The caller was cancelled meanwhile; `work` is done.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()


def _connection_error(error: Exception, url: str, handled: BaseException | None) -> FlueConnectionError:
    """Our error for one of httpx. `handled`: what the caller was handling before, which is no cause of it."""
    is_read_timeout = isinstance(error, httpx.ReadTimeout)
    link: BaseException | None = error
    unverified = False
    innermost: BaseException = error
    while link is not None and link is not handled:
        unverified = unverified or isinstance(link, ssl.SSLCertVerificationError)
        # Behind a time-out is what it interrupted: a task, or an operation of TLS. Without the word "proxy" the causes
        # of a `ProxyError` would seem to be the server's.
        if str(link) and not isinstance(error, httpx.TimeoutException | httpx.ProxyError):
            innermost = link
        link = link.__cause__ or link.__context__
    what = f"{type(innermost).__name__}: {innermost}".removesuffix(": ")
    if is_read_timeout:
        what = "nothing was heard for the read time-out"
    retryable = isinstance(error, _RETRYABLE) and not unverified and not _is_final(error)
    return FlueConnectionError(f"{url.partition('?')[0]}: {what}", retryable=retryable, is_read_timeout=is_read_timeout)


def _is_final(error: Exception) -> bool:
    """Whether a retry would find the same again."""
    text = str(error)
    if isinstance(error, httpx.ProxyError):  # "407 Proxy Authentication Required": what the proxy says to CONNECT
        status = text.partition(" ")[0]
        return status.isdecimal() and int(status) not in RETRYABLE_STATUSES
    # httpx looks at the Location of a redirect before it is told not to follow it.
    return text.startswith("Invalid URL in location header")
