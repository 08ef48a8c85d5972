"""The session of our own: requests' adapters and look-up of the environment, without its work for each call.

`Session.get` spends most of its time on preparing what does not change between two reads of one stream: environment,
proxies, certificates, the pool. Here that is found out once for each origin; a request then goes straight to
urllib3's pool. Redirects, cookies and `.netrc` are the business of `Session.send`, and stay out with it.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import attrs
import requests
from urllib3.util import Timeout

from flue.config import HeaderFields
from flue.core import stream_state
from flue.sync.connection import InterruptibleAdapter

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse
    from urllib3.connectionpool import HTTPConnectionPool

    from flue.core.actions import Request
    from flue.sync.connection import Connection
    from flue.sync.interrupt import Interrupt

__all__ = ["OwnSession"]

USER_AGENT = f"flue-sdk python-requests/{requests.__version__}"


@attrs.frozen
class _Route:
    """How an origin is reached."""

    pool: HTTPConnectionPool
    prefix: str  # what of a URL the request line leaves out: nothing for a plain proxy, which wants it whole


class OwnSession:
    """A session made when it is first used, and made anew in a forked child."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: requests.Session | None = None
        self._routes: dict[tuple[str, str, int], _Route] = {}
        self._pid = os.getpid()
        self._closed = False

    def send(self, request: Request, headers: HeaderFields[str], timeout: tuple[float, float]) -> BaseHTTPResponse:
        """The answer, its body not read. Raises what requests and urllib3 raise."""
        route = self._route(request.url)
        return route.pool.urlopen(
            request.method,
            request.url.removeprefix(route.prefix),
            body=request.body,
            headers=HeaderFields({"user-agent": USER_AGENT, **headers}),
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=Timeout(connect=timeout[0], read=timeout[1]),
            preload_content=False,
            decode_content=False,
        )

    def ask_ahead(
        self, connection: Connection, interrupt: Interrupt, request: Request, headers: HeaderFields[str]
    ) -> bool:
        """Send a request on a connection that has just become free, for the next `send()` of the same."""
        target = request.url.removeprefix(self._route(request.url).prefix)
        return connection.ask_ahead(interrupt, target, HeaderFields({"user-agent": USER_AGENT, **headers}))

    def close(self) -> None:
        """Close its connections."""
        with self._lock:
            session, self._session = self._session, None
            self._routes = {}
            self._closed = True
        if session is not None and self._pid == os.getpid():
            session.close()

    def _route(self, url: str) -> _Route:
        origin = stream_state.origin(url)
        route = self._routes.get(origin)
        if route is not None and self._pid == os.getpid():
            return route
        with self._lock:
            if self._closed:
                raise RuntimeError("the client is closed")
            if self._pid != os.getpid():  # a forked child must not use its parent's connections
                self._pid = os.getpid()
                self._session = None
                self._routes = {}
            if self._session is None:
                self._session = requests.Session()
                adapter = InterruptibleAdapter()
                self._session.mount("http://", adapter)
                self._session.mount("https://", adapter)
            self._routes[origin] = route = _find_route(self._session, url)
            return route


def _find_route(session: requests.Session, url: str) -> _Route:
    settings: dict[str, Any] = dict(session.merge_environment_settings(url, {}, True, None, None))
    adapter: Any = session.get_adapter(url)
    prepared = requests.Request("GET", url).prepare()
    verify, proxies, cert = settings["verify"], settings["proxies"], settings["cert"]
    pool: Any = adapter.get_connection_with_tls_context(prepared, verify, proxies=proxies, cert=cert)
    adapter.cert_verify(pool, url, verify, cert)
    asked = adapter.request_url(prepared, proxies)
    return _Route(pool, url[: url.index("/", url.index("//") + 2)] if asked.startswith("/") else "")
