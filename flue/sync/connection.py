"""Connections that another thread can shut down at any moment, from the look-up of the host to the last byte.

urllib3 keeps a connection's socket to itself until it is connected and, for TLS, until the handshake is over. These
classes keep a duplicate of the descriptor from before `connect()`: shutting that down reaches the connection in
every state, wrapped or not, and cannot hit a descriptor that was closed and given to somebody else.
"""

from __future__ import annotations

import contextlib
import http.client
import queue
import socket
import ssl
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

import urllib3.connection
import urllib3.connectionpool
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from flue.sync.head import FinalResponse
from flue.sync.interrupt import Interrupt, shut_down

FRESH = 5.0

if TYPE_CHECKING:
    from urllib3.poolmanager import PoolManager, ProxyManager

__all__ = ["Connection", "InterruptibleAdapter", "close_lost", "working_for"]

_thread_state = threading.local()
_POOL = 100
"""Connections kept per host; more may be open, they are closed after use."""

Address = tuple[Any, Any, int, str, Any]


@contextlib.contextmanager
def working_for(interrupt: Interrupt, kept: Connection | None = None) -> Any:
    """Connections used by this thread inside the block can be shut down by `interrupt`.

    The first one that it takes from a pool is the one that was `kept` for it, if there is one.
    """
    _thread_state.interrupt = interrupt
    _thread_state.kept = kept
    try:
        yield
    finally:
        _thread_state.interrupt = None
        unused = _take_kept()
        if unused is not None:
            unused.close()


def _take_kept() -> Connection | None:
    kept: Connection | None = getattr(_thread_state, "kept", None)
    _thread_state.kept = None
    return kept


def _working_for() -> Interrupt | None:
    return getattr(_thread_state, "interrupt", None)


class _Line:
    """The handle of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._handle = sock.dup()
        self.owner: Interrupt | None = None

    def serve(self) -> None:
        self.owner = _working_for()
        if self.owner is not None:
            self.owner.watch(self)

    def shutdown(self, owner: Interrupt) -> None:
        if self.owner is owner:  # a pooled connection may work for another call by now
            shut_down(self._handle)

    def close(self) -> None:
        self._handle.close()


class Connection(urllib3.connection.HTTPConnection):
    """What both connection classes do differently: connect by hand, keep a handle."""

    response_class = FinalResponse
    line: _Line | None = None
    _asked: tuple[Interrupt, str, dict[str, str], float] | None = None  # for whom, URL, headers, when

    def _new_conn(self) -> socket.socket:
        try:
            addresses = _look_up(self._dns_host, self.port)
        except OSError as error:
            # A gaierror, or what stands for one.
            raise NameResolutionError(self.host, self, error) from error  # type: ignore[arg-type]
        problem: Exception = OSError("the host has no address")
        for address in addresses:
            try:
                return self._connect(address)
            except OSError as error:
                problem = error
        if isinstance(problem, TimeoutError):
            message = f"Connection to {self.host} timed out. (connect timeout={self.timeout})"
            raise ConnectTimeoutError(self, message) from problem
        raise NewConnectionError(self, f"Failed to establish a new connection: {problem}") from problem

    def _connect(self, address: Address) -> socket.socket:
        family, kind, protocol, _, where = address
        sock = socket.socket(family, kind, protocol)
        try:
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            if isinstance(self.timeout, int | float):
                sock.settimeout(self.timeout)
            if self.source_address:
                sock.bind(self.source_address)
            self._drop_line()
            self.line = _Line(sock)
            self.line.serve()
            sock.connect(where)
        except BaseException:
            sock.close()
            self._drop_line()
            raise
        return sock

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **kwargs: Any) -> None:
        """Send a request, unless it is the one that was sent ahead."""
        if self.line is not None:
            self.line.serve()
        fresh = self.fresh
        asked, self._asked = self._asked, None
        if asked is not None:
            # For another call, even the same answer would be one from before that call.
            if fresh and asked[0] is _working_for() and method == "GET" and asked[1:3] == (url, headers):
                return
            self.close()  # or the answer to that would be taken for the answer to this
        super().request(method, url, body, headers, **kwargs)

    def ask_ahead(self, interrupt: Interrupt, url: str, headers: dict[str, str]) -> bool:
        """Send the request that is likely to be the next of a call; its answer waits until it is.

        Any other request closes the connection first.
        """
        if self.sock is None:
            return False
        try:
            super().request("GET", url, headers=headers, preload_content=False, decode_content=False)
        except (OSError, http.client.HTTPException):
            self.close()
            return False
        self._asked = (interrupt, url, headers, time.monotonic())
        return True

    @property
    def fresh(self) -> bool:
        """Whether the answer to what was asked ahead is worth reading."""
        return self._asked is not None and time.monotonic() - self._asked[3] < FRESH

    def close(self) -> None:
        """Close it, and the handle."""
        super().close()
        self._asked = None
        self._drop_line()

    def _drop_line(self) -> None:
        if self.line is not None:
            self.line.close()
            self.line = None


class _Http(Connection):
    pass


class _Https(Connection, urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        """As the base class does, and nothing is left of it when it fails."""
        try:
            super().connect()
        except BaseException as error:
            close_lost(error)
            raise


class _Pool(urllib3.connectionpool.HTTPConnectionPool):
    def _get_conn(self, timeout: float | None = None) -> Any:
        return _take_kept() or super()._get_conn(timeout)


class _HttpPool(_Pool):
    ConnectionCls = _Http  # pyright: ignore[reportAssignmentType]  # urllib3's own classes do not meet its protocol


class _HttpsPool(_Pool, urllib3.connectionpool.HTTPSConnectionPool):
    ConnectionCls = _Https  # pyright: ignore[reportAssignmentType]


class InterruptibleAdapter(HTTPAdapter):
    """requests' own adapter, over connections that can be shut down."""

    def __init__(self) -> None:
        super().__init__(pool_maxsize=_POOL)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """As the base class does, with pools of these connections."""
        super().init_poolmanager(*args, **kwargs)
        _use_our_pools(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> ProxyManager:
        """As the base class does, with pools of these connections."""
        manager: ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):  # whose connections have a way of their own to connect
            _use_our_pools(manager)
        return manager


def close_lost(error: BaseException | None) -> None:
    """Close the sockets that an error holds on to.

    CPython loses an `SSLSocket` whose peer was gone before the handshake, or whose handshake was ended by an exception
    that is no `OSError`: the collector would close it, whenever it comes, with a warning.
    """
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            made = frame.f_locals.get("self")
            if isinstance(made, ssl.SSLSocket):
                made.close()
        error = error.__context__


def _use_our_pools(manager: PoolManager) -> None:
    classes: dict[str, Any] = {"http": _HttpPool, "https": _HttpsPool}
    manager.pool_classes_by_scheme = classes


def _look_up(host: str, port: int | None) -> list[Address]:
    """The host's addresses.

    The resolver cannot be interrupted, so a name is looked up on a thread that the caller can walk away from.
    """
    interrupt = _working_for()
    with contextlib.suppress(OSError):  # a literal address needs no resolver
        return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    if interrupt is None:
        return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    answer: queue.SimpleQueue[list[Address] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))
        except OSError as error:
            answer.put(error)
        interrupt.wake()

    threading.Thread(target=ask, name="flue-resolver", daemon=True).start()
    interrupt.wait(lambda: not answer.empty())
    if answer.empty():  # the caller was interrupted
        raise OSError("interrupted")
    found = answer.get()
    if isinstance(found, OSError):
        raise found
    return found
