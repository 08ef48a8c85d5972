"""Sends requests and reads responses as they arrive; library errors become ours here and nowhere else.

A client's own requests go through an `HTTPAdapter`, without the work that `Session.send` does for each of them:
cookies, `.netrc`, redirects and the look-up of the environment. A session of the caller's is used as it is.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import socket
import ssl
import sys
import threading
import time
import traceback
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

import requests
import requests.exceptions
import urllib3
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from flue import _environment
from flue.config import KEEPALIVE, POOL_SIZE, HeaderFields
from flue.core import stream_state
from flue.core.actions import ResponseHead
from flue.core.chunked import ChunkedDecoder
from flue.core.framing import DecodeError
from flue.core.http_errors import RETRYABLE_STATUSES
from flue.errors import FlueConnectionError
from flue.sync._connection import (
    Cancellable,
    CancelToken,
    Connection,
    call_in_thread,
    calling,
    pool_classes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from urllib3.connectionpool import HTTPConnectionPool
    from urllib3.poolmanager import PoolManager

    from flue.config import Settings
    from flue.core.actions import Request

__all__ = ["Response", "Transport"]

USER_AGENT = f"flue-sdk python-requests/{requests.__version__}"
CHUNK = 120 * 1024
"""Bytes asked for at a time; what has arrived is returned at once, however little.

From 128 KiB on, glibc maps memory for each read anew, which costs an event some 10 us.
"""
SMALL_BODY = 64 * 1024
"""Bytes that a connection takes at once."""
GRACE = 0.5
"""Seconds for which the time-outs of a session come first."""
SOCKET_OPTIONS = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), *KEEPALIVE]

LIBRARY_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
"""Everything that a send or a read raises for reasons outside this program."""

_RETRYABLE = (
    OSError,  # all exceptions of requests, too
    urllib3.exceptions.ProtocolError,
    urllib3.exceptions.TimeoutError,
    urllib3.exceptions.DecodeError,
    urllib3.exceptions.SSLError,
)
# Subclasses of the above that another attempt cannot cure.
_FINAL = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidProxyURL,
    requests.exceptions.StreamConsumedError,  # by a hook of the session, which would do it again
    urllib3.exceptions.LocationValueError,
)
_READ_TIMEOUTS = (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError, TimeoutError)
_CONNECT_TIMEOUTS = (requests.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError)
# The only place where http.client says how a proxy has answered `CONNECT`.
_TUNNEL_FAILED = re.compile(r"Tunnel connection failed: (\d{3})")


class _Adapter(HTTPAdapter):
    """requests' own adapter, over connections that can be shut down; how a host is reached is found out once."""

    def __init__(self, *, trust_env: bool) -> None:
        self._trust_env = trust_env
        self._routes: dict[str, tuple[HTTPConnectionPool, bool]] = {}  # by origin; whether the proxy wants whole URLs
        super().__init__(pool_maxsize=POOL_SIZE)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """As the base class does, with pools of our connections."""
        super().init_poolmanager(*args, socket_options=SOCKET_OPTIONS, **kwargs)
        self.poolmanager.pool_classes_by_scheme = pool_classes()

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> PoolManager:
        """As the base class does, with pools of our connections."""
        is_new = proxy not in self.proxy_manager
        if proxy.lower().startswith("https"):
            kwargs["proxy_ssl_context"] = self._ssl_context
        manager: PoolManager = super().proxy_manager_for(proxy, socket_options=SOCKET_OPTIONS, **kwargs)
        if is_new:
            manager.pool_classes_by_scheme = pool_classes(socks=proxy.lower().startswith("socks"))
        return manager

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """The credentials of a proxy, in UTF-8 (RFC 7617); requests drops a user without a password."""
        parts = urlsplit(proxy)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if not (user or password):
            return {}
        credentials = f"{user}:{password}".encode()
        return {"Proxy-Authorization": f"Basic {base64.b64encode(credentials).decode()}"}

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """As the base class does, with the certificates of the environment."""
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https":
            pool["ssl_context"] = self._ssl_context
        return host, pool

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing to do: requests would add its own certificates to those of the context."""

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: Any,
        proxies: Any = None,
        cert: Any = None,
    ) -> HTTPConnectionPool:
        """The pool of the request's origin."""
        url = cast("str", request.url)
        origin = _origin(url)
        route = self._routes.get(origin)
        if route is None:
            proxy = None
            if self._trust_env:
                proxy = _environment.proxy_for(url, schemes=_environment.proxy_schemes("socks"))
            proxies = None if proxy is None else {"all": proxy}  # the environment decides
            found: Any = super().get_connection_with_tls_context(request, verify, proxies, cert)
            whole_url = proxy is not None and proxy.startswith("http") and url.startswith("http:")
            self._routes[origin] = route = found, whole_url
        return route[0]

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:  # noqa: ARG002
        """What the request line says: the path, or the whole URL for a proxy that forwards it."""
        url = cast("str", request.url)
        origin = _origin(url)
        return url if self._routes[origin][1] else url.removeprefix(origin)

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """As the base class does, without cookies."""
        response = requests.Response()
        response.status_code = resp.status
        response.headers = resp.headers
        response.raw = resp
        response.request = req
        return response

    @cached_property
    def _ssl_context(self) -> ssl.SSLContext:
        return _environment.ssl_context(trust_env=self._trust_env)


class Response:
    """An open response, read by one thread."""

    def __init__(
        self,
        head: ResponseHead,
        url: str,
        token: CancelToken,
        *,
        read: Callable[[], bytes],
        close: Callable[[], object],
        connection: Connection | None = None,
    ) -> None:
        """Wrap a body.

        Args:
            head: Status and headers.
            url: That was requested.
            token: Of the call.
            read: What has arrived of the body, decompressed; empty at the end.
            close: Closes the body; must not block.
            connection: Of the client's own that it comes over.
        """
        self.head = head
        self._url = url
        self._token = token
        self._read = read
        self._close = close
        self._connection = connection
        self._is_reading = False
        self._pid = os.getpid()

    def read(self) -> bytes:
        """What has arrived of the body, decompressed; waits for at least one byte. Empty at the end.

        Raises:
            FlueConnectionError: The body was cut, nothing came for the read time-out, or the call was cancelled.
        """
        self._is_reading = True
        handled = sys.exception()
        try:
            data = self._read()
        except LIBRARY_ERRORS as error:
            raise _connection_error(error, self._url, handled) from error
        finally:
            self._is_reading = False
        if not data:
            self._token.detach()  # the connection may serve another call by now
            if self._connection is not None:
                self._connection.touch()
        return data

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else close it. Idempotent; never blocks."""
        self._token.detach()
        if self._is_reading and self._pid != os.getpid():
            # A thread of the parent was reading when the process forked. Its lock on the file stays locked in the
            # child, where closing the file would wait for it, also when the collector does it.
            _unclosable.append(self._close)
            return
        self._close()


_unclosable: list[object] = []


class _ChunkedBody:
    """The body of a chunked event stream, read past the libraries.

    They would return one chunk at a time, that is one event.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._chunks = ChunkedDecoder()

    def read(self) -> bytes:
        chunks = self._chunks
        while not chunks.finished:
            data = self._stream.read1(CHUNK)
            if not data:
                raise ConnectionError("the connection ended before the body did")
            try:
                body = chunks.feed(data)
            except DecodeError as error:
                raise ConnectionError(str(error)) from None
            if body:
                return body
        return b""


class _UninterruptibleBody:
    """A body whose reader cannot be woken, of an adapter of the caller's: read on threads that can be left behind."""

    def __init__(self, response: requests.Response, token: CancelToken) -> None:
        self._response = response
        self._token = token
        self._lock = threading.Lock()
        self._is_reading = False
        self._is_closed = False

    def read(self) -> bytes:
        self._is_reading = True
        return call_in_thread(self._read, self._token, "flue-reader")

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            if self._is_reading:  # its thread closes it
                return
        self._response.close()

    def _read(self) -> bytes:
        try:
            return _read_some(self._response.raw)
        finally:
            with self._lock:
                self._is_reading = False
                is_closed = self._is_closed
            if is_closed:
                self._response.close()


class _CallersConnection(Cancellable):
    """The connection of a response over a session of the caller's. It has one call, so nothing is to be released."""

    def __init__(self, raw: urllib3.BaseHTTPResponse) -> None:
        self._raw = raw
        self._pid = os.getpid()

    def shutdown(self, token: CancelToken) -> None:  # noqa: ARG002
        """Wake the reader. A forked child would shut down its parent's connection."""
        if self._pid == os.getpid():
            with contextlib.suppress(OSError, RuntimeError, ValueError):  # closed, or given back to the pool
                self._raw.shutdown()


class Transport:
    """What a client sends with: an adapter of its own, or the caller's session, neither closed nor changed."""

    def __init__(self, settings: Settings, session: requests.Session | None) -> None:
        if session is not None and not isinstance(session, requests.Session):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"session must be a requests.Session, not {type(session).__name__}")
        self._timeouts = settings.timeouts
        self._trust_env = settings.trust_env
        self._session = session
        self._adapter: _Adapter | None = _Adapter(trust_env=settings.trust_env)
        self._pid = os.getpid()

    def open(self, request: Request, headers: HeaderFields[str], token: CancelToken) -> Response:
        """Send a request and wait for the head of its response.

        Args:
            request: What to send.
            headers: The caller's, names in lower case; they win over the protocol's.
            token: Cancels the wait.

        Raises:
            FlueConnectionError: No response came, or the call was cancelled.
        """
        merged = HeaderFields({"user-agent": USER_AGENT, **dict(request.headers), **headers})
        if request.body is not None:
            merged["content-length"] = str(len(request.body))
        read = self._timeouts.read if request.read_timeout is None else request.read_timeout
        timeout = (self._timeouts.connect, read)
        handled = sys.exception()
        try:
            if self._session is None:
                return self._open(request, merged, timeout, token)
            if "user-agent" not in headers:
                del merged["user-agent"]
            return self._open_with_session(self._session, request, merged, timeout, token)
        except LIBRARY_ERRORS as error:
            token.detach()
            raise _connection_error(error, request.url, handled) from error
        except BaseException:
            token.detach()
            raise

    def close(self) -> None:
        """Close the client's own connections."""
        adapter, self._adapter = self._adapter, None  # urllib3 closes a pool when nobody holds it any more
        if adapter is not None and self._pid == os.getpid():
            adapter.close()

    def _open(
        self, request: Request, headers: HeaderFields[str], timeout: tuple[float, float], token: CancelToken
    ) -> Response:
        prepared = requests.PreparedRequest()
        prepared.method, prepared.url, prepared.body = request.method, request.url, request.body
        prepared.headers = CaseInsensitiveDict(headers)
        with calling(token):
            response = self._own_adapter().send(prepared, stream=True, timeout=timeout)
        raw: Any = response.raw
        head = _head(response)
        connection = raw.connection
        if isinstance(connection, Connection):
            connection.touch()
        else:  # never so with the libraries that this was written for
            connection = None
        is_empty = head.status == 204 or head.headers.get("content-length") == "0"

        def close() -> None:
            if is_empty:
                with contextlib.suppress(*LIBRARY_ERRORS):  # nothing is to come; saying so gives the connection back
                    raw.read(1)
            # Giving the connection back takes the pool's lock, which the thread that collects a forgotten stream may
            # hold; closing does not.
            raw.close()

        return Response(
            head,
            request.url,
            token,
            read=_chunked_reader(head, connection) or (lambda: _read_some(raw)),
            close=close,
            connection=connection,
        )

    def _open_with_session(
        self,
        session: requests.Session,
        request: Request,
        headers: HeaderFields[str],
        timeout: tuple[float, float],
        token: CancelToken,
    ) -> Response:
        # A session gives no hold on a socket that waits for headers. When the caller goes, the request finishes by
        # itself, bounded by the time-outs, and its response is closed.
        if self._pid != os.getpid():
            self._pid = os.getpid()
            for adapter in session.adapters.values():
                adapter.close()  # a forked child must not use its parent's pooled connections
        # A session bounds neither a name look-up nor the upload of a body; where there is little to upload, the two
        # time-outs bound the whole.
        is_small = request.body is None or len(request.body) < SMALL_BODY
        response = call_in_thread(
            lambda: _send_with(session, request, headers, timeout),
            token,
            "flue-request",
            timeout=sum(timeout) + GRACE if is_small else None,
            discard=requests.Response.close,
        )
        head, raw = _head(response), response.raw
        close: Callable[[], object] = response.close
        if raw is None or getattr(raw, "closed", False) is True:
            read: Callable[[], bytes] = partial(next, _finished_body(response, head), b"")
            if raw is None:
                close = _nothing_to_close
        elif isinstance(raw, urllib3.BaseHTTPResponse) and raw.connection is not None:
            token.attach(_CallersConnection(raw))
            read = lambda: _read_some(raw)  # noqa: E731
        else:
            body = _UninterruptibleBody(response, token)
            read, close = body.read, body.close
        return Response(head, request.url, token, read=read, close=close)

    def _own_adapter(self) -> _Adapter:
        adapter = self._adapter
        if adapter is None:
            raise RuntimeError("the client is closed")
        if self._pid != os.getpid():  # a forked child must not use its parent's connections
            self._adapter = adapter = _Adapter(trust_env=self._trust_env)
            self._pid = os.getpid()
        return adapter


def _send_with(
    session: requests.Session, request: Request, headers: HeaderFields[str], timeout: tuple[float, float]
) -> requests.Response:
    # Without an auth of its own, requests would look into .netrc and put what it finds over the token.
    auth = _no_auth if "authorization" in headers or session.auth is None else None
    prepared = session.prepare_request(
        # Its parameters are named here, since requests merges nothing but mappings: a list would be dropped.
        requests.Request(
            request.method, request.url, headers=headers, data=request.body, params=session.params, auth=auth
        )
    )
    settings: dict[str, Any] = dict(session.merge_environment_settings(request.url, {}, True, None, None))
    cast("Any", prepared).register_hook("response", _hide_cookies)  # whose annotations are incomplete
    try:
        response = session.send(prepared, allow_redirects=False, timeout=timeout, **settings)
    except requests.HTTPError as error:  # of a hook that raises for the status, which is for the protocol to judge
        if error.response is None:  # pyright: ignore[reportUnnecessaryComparison]
            raise
        response = error.response
    except requests.RequestException:
        raise
    except ValueError as error:  # of a redirect to a URL that requests cannot parse
        raise requests.exceptions.InvalidURL(str(error)) from error
    if isinstance(response.raw, _PublicAttributes):
        response.raw = response.raw.original
    return response


class _PublicAttributes:
    """A response of urllib3 without what requests finds its cookies by."""

    def __init__(self, original: Any) -> None:
        self.original = original

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.original, name)


def _hide_cookies(response: requests.Response, **_: Any) -> requests.Response:
    """The last hook of a request: `Session.send` stores cookies behind it, and the caller's jar is not ours to fill."""
    response.history = []
    response.raw = _PublicAttributes(response.raw)
    return response


def _no_auth(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    return prepared


def _origin(url: str) -> str:
    return url[: url.index("/", url.index("//") + 2)]


def _head(response: requests.Response) -> ResponseHead:
    headers = stream_state.Headers(response.headers.items())
    return ResponseHead(response.status_code, headers, stream_state.body_length_known(headers), time.time())


def _chunked_reader(head: ResponseHead, connection: Connection | None) -> Callable[[], bytes] | None:
    """Reads the body as it arrives, if that is a chunked event stream, not compressed, over a connection of ours."""
    inner = None if connection is None else connection.http_response
    if inner is None or inner.fp is None or not inner.chunked or not head.body_length_known:
        return None
    if stream_state.media_type(head.headers) != "text/event-stream":
        return None
    return _ChunkedBody(inner.fp).read


def _finished_body(response: requests.Response, head: ResponseHead) -> Iterator[bytes]:
    """A body that is here already: a hook of the session has read it, or a mock was made with it."""
    try:
        body = response.content
    except RuntimeError as error:  # read and thrown away
        raise requests.exceptions.StreamConsumedError(str(error)) from error
    if not body and head.status != 204 and head.headers.get("content-length") != "0":
        raise requests.exceptions.StreamConsumedError("the response was closed before its body was read")
    yield body


def _nothing_to_close() -> None:
    """Of a response that never had a connection."""


def _read_some(raw: Any) -> bytes:
    """What has arrived. `iter_content` would hold a close-delimited body back until its end."""
    data: bytes
    if not isinstance(raw, urllib3.BaseHTTPResponse):
        data = raw.read1(CHUNK) if hasattr(raw, "read1") else raw.read(CHUNK)
        return data
    try:
        return raw.read1(CHUNK, decode_content=True)
    except AttributeError:  # over a file that has no `read1`
        return raw.read(CHUNK, decode_content=True)


def _connection_error(error: Exception, url: str, handled: BaseException | None) -> FlueConnectionError:
    """What a library's exception stands for.

    Args:
        error: The library's.
        url: Of the request.
        handled: What the caller was handling when the request was made: the last link of each chain, and no cause.
    """
    # urllib3 keeps an error, also one that it raises another for, in a local of a frame that the error's own traceback
    # holds: a cycle, which would keep the caller's stream alive until the collector comes. It also keeps plain headers,
    # which reports of crashes would show. Only finished frames are cleared.
    chain = list(_causes(error, handled))
    for link in chain:
        traceback.clear_frames(link.__traceback__)
    connecting = any(isinstance(link, _CONNECT_TIMEOUTS) or _is_handshake_timeout(link) for link in chain)
    is_read_timeout = not connecting and any(isinstance(link, _READ_TIMEOUTS) for link in chain)
    what = "nothing was heard for the read time-out" if is_read_timeout else _innermost(chain)
    return FlueConnectionError(
        f"{url.partition('?')[0]}: {what}", retryable=_is_retryable(error, chain), is_read_timeout=is_read_timeout
    )


def _is_retryable(error: Exception, chain: list[BaseException]) -> bool:
    if not isinstance(error, _RETRYABLE) or isinstance(error, _FINAL):
        return False
    if type(error) is requests.RequestException or any(
        isinstance(link, ssl.SSLCertVerificationError) for link in chain
    ):
        return False
    refusals = [match for link in chain if isinstance(link, OSError) and (match := _TUNNEL_FAILED.search(str(link)))]
    return not refusals or int(refusals[-1][1]) in RETRYABLE_STATUSES


def _is_handshake_timeout(link: BaseException) -> bool:
    # urllib3 reports it as a read time-out; only the text of the ssl module says what was going on.
    return isinstance(link, TimeoutError) and "handshake" in str(link)


def _causes(error: BaseException, handled: BaseException | None) -> Iterator[BaseException]:
    seen = {id(handled)}
    pending: list[object] = [error]
    while pending:
        link = pending.pop(0)
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            pending += [*link.args, getattr(link, "reason", None), link.__cause__, link.__context__]


def _innermost(chain: list[BaseException]) -> str:
    """The shortest true description: the libraries repeat host and pool at every level."""
    for link in reversed(chain):
        if isinstance(link, OSError) and str(link) and not isinstance(link, requests.RequestException):
            return f"{type(link).__name__}: {link}"
    if any(
        isinstance(link, urllib3.exceptions.IncompleteRead | urllib3.exceptions.InvalidChunkLength) for link in chain
    ):
        return "the connection ended before the body did"
    return f"{type(chain[0]).__name__}: {chain[0]}"
