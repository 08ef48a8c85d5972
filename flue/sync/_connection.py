"""Connections that another thread can shut down at any moment, and the token by which a call is cancelled.

A thread may be blocked in four places: a pause, a name look-up, a socket that connects or waits for headers, a body. A
pause ends when its lock is released; a look-up runs on a thread of its own that can be left behind. The other two end
when the socket is shut down: `close()` would block until the reader is done.

urllib3 keeps a socket to itself until it is connected and, for TLS, until the handshake is over, and http.client
closes its connection object as soon as it has read the head of a response that says `Connection: close`. So the call
holds a duplicate of the descriptor, made before `connect()`: shutting that down reaches the connection in every state,
and cannot hit a descriptor that was closed and given to somebody else.
"""

from __future__ import annotations

import contextlib
import contextvars
import http.client
import math
import os
import socket
import ssl
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, TypeVar, cast

import urllib3.connection
import urllib3.connectionpool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from flue._base import BaseCancelToken
from flue.config import MAX_IDLE
from flue.signals import call_later

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = [
    "MAX_LOCK_WAIT",
    "CancelToken",
    "Cancellable",
    "Connection",
    "call_in_thread",
    "calling",
    "pool_classes",
]

T = TypeVar("T")
Address = tuple[Any, Any, int, str, Any]

MAX_LOCK_WAIT = 0.2 if os.name == "nt" else 1.0
"""Seconds that a thread waits for a lock at a time.

On Windows Ctrl-C is not noticed in there; elsewhere that is so where it comes in the instant before the wait.
"""


class Cancellable:
    """A connection that can be shut down while another thread reads from it."""

    def acquire(self, token: CancelToken) -> None:
        """Serve this call from now on."""

    def release(self, token: CancelToken) -> None:
        """The call of `token` is done with it."""

    def shutdown(self, token: CancelToken) -> None:
        """End every wait on it, if it still serves the call of `token`. Must not block."""
        raise NotImplementedError


class CancelToken(BaseCancelToken):
    """Cancels one call. `cancel()` takes no lock that its own thread could hold."""

    __slots__ = ("_attached", "_wakeup")

    def __init__(self) -> None:
        super().__init__()
        self._attached: Cancellable | None = None
        self._wakeup = threading.Lock()
        self._wakeup.acquire()

    def attach(self, connection: Cancellable) -> None:
        """Shut this down when the call is cancelled, and nothing that was attached before."""
        if connection is not self._attached:
            self.detach()
        self._attached = connection
        connection.acquire(self)
        if self.is_set():  # cancelled meanwhile
            connection.shutdown(self)

    def detach(self) -> None:
        """Release what is attached. Idempotent."""
        attached, self._attached = self._attached, None
        if attached is not None:
            attached.release(self)

    def sleep(self, seconds: float) -> None:
        """Wait, unless or until cancelled."""
        self.wait_for(lambda: False, seconds)

    def wait_for(self, done: Callable[[], object], timeout: float | None = None) -> None:
        """Wait until `done()`, for at most `timeout` seconds; unless or until cancelled.

        Whoever makes it done calls `wake()`.
        """
        left = math.inf if timeout is None else timeout
        while left > 0 and not self.is_set() and not done():
            step = min(left, MAX_LOCK_WAIT)
            begun = time.monotonic()
            woken = self._wakeup.acquire(timeout=step)
            # A wait that was not cut short took its time, whatever the clock says: tests freeze clocks.
            left -= time.monotonic() - begun if woken else step

    def _start_timer(self, seconds: float) -> Callable[[], None]:
        return call_later(seconds, lambda: self.cancel("expired"))

    def _end_wait(self) -> None:
        self.wake()
        attached = self._attached
        if attached is not None:
            attached.shutdown(self)

    def wake(self) -> None:
        """Wake the waiter to re-check its condition. Wake-ups may be spurious."""
        with contextlib.suppress(RuntimeError):  # released already
            self._wakeup.release()


def call_in_thread(
    function: Callable[[], T],
    token: CancelToken,
    name: str,
    *,
    timeout: float | None = None,
    discard: Callable[[T], object] | None = None,
) -> T:
    """The result of a function that cannot be interrupted: it runs on a thread that can be left behind.

    Args:
        function: What to call; what it raises is raised here.
        token: Cancels the wait.
        name: Of the thread.
        timeout: Seconds to wait, or None for no limit.
        discard: Called on that thread with a result that comes too late.

    Raises:
        TimeoutError: The function did not return in time.
        OSError: The call was cancelled, or no thread can be started.
    """
    # A plain lock and not a `Future`, which enters its own by Python code: Ctrl-C can come when it has just been taken.
    # It would stay locked, and the thread wait for it for ever, with its connection.
    lock = threading.Lock()
    results: list[T] = []
    errors: list[BaseException] = []
    abandoned = False

    def work() -> None:
        try:
            made = [function()]
        except BaseException as error:  # noqa: BLE001  # raised again on the caller's thread
            close_leaked_ssl_sockets(error, None)
            errors.append(error)
        else:
            with lock:
                results.extend(made)
                late = abandoned
            if late and discard is not None:
                discard(made[0])
        token.wake()

    try:
        # In the caller's context: what is called may be the caller's own, and instrumentation finds its span there.
        run = contextvars.copy_context().run
        threading.Thread(target=run, args=(work,), name=name, daemon=True).start()
        token.wait_for(lambda: results or errors, timeout)
    except RuntimeError as error:  # too many threads, or the interpreter is about to exit
        raise OSError(f"no thread can be started: {error}") from error
    finally:
        with lock:
            abandoned = not results
    if errors:
        raise errors[0]
    if results:
        return results[0]
    raise OSError("cancelled") if token.is_set() else TimeoutError("timed out")


class _Calling(threading.local):
    """The call that a thread performs.

    `HTTPAdapter.send` has no argument that reaches the connection, and the connection must be known to the token
    before it is connected.
    """

    token: CancelToken | None = None


_calling = _Calling()


@contextlib.contextmanager
def calling(token: CancelToken) -> Generator[None]:
    """Connections that this thread uses inside the block are shut down when `token` is cancelled."""
    _calling.token = token
    try:
        yield
    finally:
        _calling.token = None


class SocketHandle(Cancellable):
    """A duplicate of a connection's descriptor, to shut the connection down with.

    It outlives the connection object while a call is attached.
    """

    def __init__(self, sock: socket.socket) -> None:
        # Not `sock.dup()`, which TLS sockets refuse, nor `os.dup()`, which knows no sockets on Windows.
        self._duplicate = socket.fromfd(sock.fileno(), sock.family, sock.type, sock.proto)
        # Reentrant, since a signal handler may cancel while its own thread attaches.
        self._lock = threading.RLock()
        self._token: CancelToken | None = None
        self._connection_closed = False
        self._pid = os.getpid()
        self.is_shut_down = False

    def acquire(self, token: CancelToken) -> None:
        """Let this call shut the connection down, and no other."""
        with self._lock:
            self._token = token

    def release(self, token: CancelToken) -> None:
        """The call is done with the connection, which may serve another by now."""
        with self._lock:
            if self._token is token:
                self._token = None
                if self._connection_closed:
                    self._duplicate.close()

    def shutdown(self, token: CancelToken) -> None:
        """Wake the thread that waits on the connection, if that still serves the call of `token`."""
        with self._lock:
            # A pooled connection may serve another call by now. A forked child would shut down its parent's.
            if self._token is token and self._pid == os.getpid():
                self.is_shut_down = True
                with contextlib.suppress(OSError):
                    self._duplicate.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """The connection object is closed; the response may still be read."""
        with self._lock:
            self._connection_closed = True
            if self._token is None:
                self._duplicate.close()


class _StrictReader:
    """Reads the lines of a head. http.client takes the end of the connection for the end of the head."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readline(self, limit: int = -1) -> bytes:
        line: bytes = self._stream.readline(limit)
        if not line.endswith(b"\n") and len(line) != limit:
            raise http.client.RemoteDisconnected("the connection ended inside the head of a response")
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class HTTPResponse(http.client.HTTPResponse):
    """http.client skips `100 Continue` only; a proxy may send other interim responses (`103 Early Hints`)."""

    fp: Any

    def begin(self) -> None:
        """Read the head, whole."""
        stream = self.fp
        self.fp = _StrictReader(stream)
        try:
            super().begin()
            while 101 < self.status < 200:
                self.headers = cast("Any", None)  # or begin() would think that it is done
                super().begin()
        finally:
            if isinstance(self.fp, _StrictReader):  # not closed meanwhile
                self.fp = stream


class Connection(urllib3.connection.HTTPConnection):
    """What the connection classes do differently.

    Attributes:
        handle: Shuts the connection down; None before it is opened.
        http_response: Of the request that was sent last.
    """

    handle: SocketHandle | None = None
    http_response: HTTPResponse | None = None
    _used_at = 0.0

    def response_class(self, *args: Any, **kwargs: Any) -> HTTPResponse:  # type: ignore[override]  # called like the class
        """What http.client reads the response with."""
        self.http_response = HTTPResponse(*args, **kwargs)
        return self.http_response

    @property
    def is_connected(self) -> bool:
        """Whether the connection can be used again: urllib3 asks when it takes one from the pool."""
        fresh = time.monotonic() - self._used_at < MAX_IDLE
        return fresh and not (self.handle is not None and self.handle.is_shut_down) and super().is_connected

    def touch(self) -> None:
        """The server has just sent something: the connection is not idle."""
        self._used_at = time.monotonic()

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request for the call that this thread performs."""
        if self.handle is not None and _calling.token is not None:
            _calling.token.attach(self.handle)
        super().request(*args, **kwargs)

    def close(self) -> None:
        """Close the socket, and the handle when no call needs it any more."""
        super().close()
        handle, self.handle = self.handle, None
        if handle is not None:
            handle.close()

    # A private method of urllib3, which its own `contrib.socks` overrides likewise. There is no public way to a socket
    # that is not connected yet, and a cancelled call must not wait until it is.
    def _new_conn(self) -> socket.socket:
        """The connected socket."""
        try:
            addresses = _resolve(self._dns_host, self.port, _calling.token, self.timeout)
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"The name look-up of {self.host} timed out.") from error
        except (OSError, UnicodeError) as error:
            # A gaierror, or what stands for one.
            raise NameResolutionError(self.host, self, error) from error  # type: ignore[arg-type]
        problem: Exception = OSError("the host has no address")
        for address in addresses:
            try:
                return self._connect_to(address)
            except OSError as error:
                problem = error
        if isinstance(problem, TimeoutError):
            message = f"Connection to {self.host} timed out. (connect timeout={self.timeout})"
            raise ConnectTimeoutError(self, message) from problem
        raise NewConnectionError(self, f"Failed to establish a new connection: {problem}") from problem

    def _connect_to(self, address: Address) -> socket.socket:
        family, kind, protocol, _, where = address
        sock = socket.socket(family, kind, protocol)
        try:
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            if isinstance(self.timeout, int | float):
                sock.settimeout(self.timeout)
            if self.source_address:
                sock.bind(self.source_address)
            self._make_handle(sock)
            sock.connect(where)
        except BaseException:
            sock.close()
            raise
        return sock

    def _make_handle(self, sock: socket.socket) -> None:
        if self.handle is not None:  # of an address that did not answer
            self.handle.close()
        self.handle = SocketHandle(sock)
        if _calling.token is not None:
            _calling.token.attach(self.handle)


class _HTTPSConnection(Connection, urllib3.connection.HTTPSConnection):  # pyright: ignore[reportIncompatibleVariableOverride]
    def connect(self) -> None:
        """As the base class does, and nothing is left of it when it fails."""
        handled = sys.exception()
        try:
            super().connect()
        except BaseException as error:
            close_leaked_ssl_sockets(error, handled)
            raise


class _HTTPPool(urllib3.connectionpool.HTTPConnectionPool):
    ConnectionCls = Connection  # pyright: ignore[reportAssignmentType]  # urllib3's own classes do not meet its protocol


class _HTTPSPool(urllib3.connectionpool.HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection  # pyright: ignore[reportAssignmentType]


def pool_classes(*, socks: bool = False) -> dict[str, Any]:
    """The pools of these connections, for `PoolManager.pool_classes_by_scheme`.

    Args:
        socks: Connections through a SOCKS proxy; needs PySocks.
    """
    if not socks:
        return {"http": _HTTPPool, "https": _HTTPSPool}
    from urllib3.contrib.socks import SOCKSConnection  # noqa: PLC0415  # needs an extra

    class SocksConnection(Connection, SOCKSConnection):  # pyright: ignore[reportIncompatibleVariableOverride]
        def _new_conn(self) -> Any:
            # PySocks shows nobody its socket before the proxy has connected it.
            connect = super(Connection, self)._new_conn
            token = _calling.token or CancelToken()
            # PySocks bounds each step by the time-out, but for the look-up of names.
            limit = 2 * self.timeout if isinstance(self.timeout, int | float) else None
            try:
                sock = call_in_thread(connect, token, "flue-connect", timeout=limit, discard=socket.socket.close)
            except TimeoutError as error:
                raise ConnectTimeoutError(
                    self, f"The connection through the proxy to {self.host} timed out."
                ) from error
            self._make_handle(sock)
            return sock

    class SocksHTTPSConnection(SocksConnection, _HTTPSConnection):
        pass

    return {
        "http": type("_SocksPool", (_HTTPPool,), {"ConnectionCls": SocksConnection}),
        "https": type("_SocksHTTPSPool", (_HTTPSPool,), {"ConnectionCls": SocksHTTPSConnection}),
    }


def close_leaked_ssl_sockets(error: BaseException | None, handled: BaseException | None) -> None:
    """Close the sockets that an error holds on to, but none of what the caller was handling before.

    CPython loses an `SSLSocket` whose peer was gone before the handshake, or whose handshake was ended by an exception
    that is no `OSError`: the collector would close it, whenever it comes, with a warning. There is no other way to it
    than the frames of the traceback.
    """
    while error is not None and error is not handled:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            made = frame.f_locals.get("self")
            if isinstance(made, ssl.SSLSocket):
                made.close()
        error = error.__context__


def _resolve(host: str, port: int | None, token: CancelToken | None, timeout: Any) -> list[Address]:
    """The host's addresses. The resolver knows no time-out and cannot be interrupted."""
    with contextlib.suppress(OSError):  # a literal address needs no resolver
        return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    limit = timeout if isinstance(timeout, int | float) else None
    return call_in_thread(
        lambda: socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM),
        token or CancelToken(),
        "flue-resolver",
        timeout=limit,
    )
