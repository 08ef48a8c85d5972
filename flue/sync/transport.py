"""Requests over requests: opens an answer, reads it as it comes, and can be cut short at any moment.

Facts that decide this code. `iter_content` and `iter_lines` hold a close-delimited body back until its end, so
bodies are read from `raw.read1`. Redirects, cookies and `.netrc` are the business of `Session.send` and stay
switched off: the adapter is asked directly.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import requests
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict

from flue.core import wire
from flue.core.actions import Fault, Head, Request
from flue.sync.connection import InterruptibleAdapter, working_for
from flue.sync.faults import RAISED, to_fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue.config import Timeouts
    from flue.sync.interrupt import Interrupt

__all__ = ["Answer", "Transport", "TransportFault"]

CHUNK = 64 * 1024
"""Bytes asked for at a time; what has arrived is given at once, however little."""


class TransportFault(Exception):  # noqa: N818  # carries a Fault to the driver
    """An attempt failed; `.fault` says how."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault.error))
        self.fault = fault


class Answer:
    """An open answer. Used by one thread; `shutdown` may come from another."""

    def __init__(self, response: requests.Response, url: str, interrupt: Interrupt, *, ours: bool) -> None:
        self._response = response
        self._ours = ours
        self._url = url
        self._interrupt = interrupt
        raw: Any = response.raw
        self._read1: Callable[[int], bytes] = (
            (lambda size: raw.read1(size, decode_content=True)) if hasattr(raw, "read1") else raw.read
        )
        headers = wire.WireHeaders(_pairs(response))
        self.head = Head(response.status_code, headers, wire.framed(headers), time.time())

    def read(self) -> bytes:
        """What has arrived of the body, decoded; waits for at least one byte. Empty at the end.

        Raises:
            TransportFault: the body was cut, or nothing came for the read time-out.
        """
        try:
            return self._read1(CHUNK)
        except RAISED as error:
            raise TransportFault(to_fault(error, url=self._url)) from error

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else close it. Idempotent; never blocks."""
        self._interrupt.watch(None)
        if self.head.status == 204 or self.head.headers.get("content-length") == "0":
            with contextlib.suppress(Exception):  # nothing is to come; saying so is what gives the connection back
                self._read1(1)
        if self._ours:
            # Not Response.close(): it takes the pool's lock, which a garbage-collected stream's own thread may hold.
            self._response.raw.close()
        else:
            self._response.close()

    def shutdown(self, owner: Interrupt) -> None:  # noqa: ARG002  # an answer has one owner
        """Wake the thread that reads a body of a session that is not ours."""
        shutdown = getattr(self._response.raw, "shutdown", None)
        if shutdown is not None:
            with contextlib.suppress(Exception):  # closed meanwhile, or a raw object of a kind of its own
                shutdown()


class Transport:
    """What a client sends with: a session of its own, or the caller's, which is neither closed nor changed."""

    def __init__(self, timeouts: Timeouts, session: requests.Session | None) -> None:
        self._timeouts = timeouts
        self._theirs = session
        self._lock = threading.Lock()
        self._session: requests.Session | None = None
        self._environment: dict[str, Any] = {}
        self._pid = os.getpid()
        self._closed = False

    def open(self, request: Request, headers: dict[str, str], interrupt: Interrupt, patience: float | None) -> Answer:
        """Send a request and wait for the head of its answer.

        Args:
            request: what to send.
            headers: the caller's, names in lower case; they win over the protocol's.
            interrupt: cuts the wait short.
            patience: seconds that the answer may take, if more than the read time-out.

        Raises:
            TransportFault: no answer came.
        """
        merged = {**dict(request.headers), **headers}
        if request.body is not None:
            merged["content-length"] = str(len(request.body))
        read = self._timeouts.read if patience is None else max(self._timeouts.read, patience)
        timeout = (self._timeouts.connect, read)
        try:
            if self._theirs is None:
                with working_for(interrupt):
                    return Answer(self._send(request, merged, timeout), request.url, interrupt, ours=True)
            response = self._send_aside(request, merged, timeout, interrupt)
        except RAISED as error:
            raise TransportFault(to_fault(error, url=request.url)) from error
        answer = Answer(response, request.url, interrupt, ours=False)
        interrupt.watch(answer)
        return answer

    def close(self) -> None:
        """Close the session of our own."""
        self._closed = True
        with self._lock:
            session, self._session = self._session, None
        if session is not None and self._pid == os.getpid():
            session.close()

    def _own(self, url: str) -> requests.Session:
        with self._lock:
            if self._closed:
                raise RuntimeError("the client is closed")
            if self._pid != os.getpid():  # a forked child must not use its parent's connections
                self._pid = os.getpid()
                self._session = None
            if self._session is None:
                session = requests.Session()
                session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
                adapter = InterruptibleAdapter()
                session.mount("http://", adapter)
                session.mount("https://", adapter)
                # Proxies and certificates from the environment, looked up once: the origin never changes.
                self._environment = dict(session.merge_environment_settings(url, {}, True, None, None))
                self._session = session
            return self._session

    def _send(self, request: Request, headers: dict[str, str], timeout: tuple[float, float]) -> requests.Response:
        session = self._own(request.url)
        prepared = requests.PreparedRequest()
        prepared.method = request.method
        prepared.url = request.url
        prepared.headers = CaseInsensitiveDict({"user-agent": USER_AGENT, **headers})
        prepared.body = request.body
        prepared.prepare_cookies(RequestsCookieJar())  # pyright: ignore[reportUnknownMemberType]
        settings: dict[str, Any] = {**self._environment, "timeout": timeout, "stream": True}
        return session.get_adapter(request.url).send(prepared, **settings)

    def _send_theirs(
        self, request: Request, headers: dict[str, str], timeout: tuple[float, float]
    ) -> requests.Response:
        session = self._theirs
        assert session is not None  # noqa: S101  # for the type checkers
        # Without an auth of its own, requests would look into .netrc and put what it finds over the token.
        auth = _no_auth if "authorization" in headers or session.auth is None else None
        prepared = session.prepare_request(
            requests.Request(request.method, request.url, headers=headers, data=request.body, auth=auth)
        )
        settings: dict[str, Any] = dict(session.merge_environment_settings(request.url, {}, True, None, None))
        settings["timeout"] = timeout
        if type(session).send is requests.Session.send:
            # Past Session.send, which would store cookies in the caller's jar.
            return session.get_adapter(request.url).send(prepared, **settings)
        return session.send(prepared, allow_redirects=False, **settings)

    def _send_aside(
        self, request: Request, headers: dict[str, str], timeout: tuple[float, float], interrupt: Interrupt
    ) -> requests.Response:
        """Send with the caller's session, on a thread that can be left behind.

        A plain session gives no hold on a socket that waits for headers. When the caller goes, the request finishes
        by itself, bounded
        by the time-outs, and its answer is closed.
        """
        lock = threading.Lock()
        outcome: list[requests.Response | BaseException] = []
        left = False

        def send() -> None:
            try:
                result: requests.Response | BaseException = self._send_theirs(request, headers, timeout)
            except BaseException as error:  # noqa: BLE001  # raised again on the caller's thread
                result = error
            with lock:
                outcome.append(result)
                wanted = not left
            if not wanted and isinstance(result, requests.Response):
                result.close()
            interrupt.wake()

        threading.Thread(target=send, name="flue-request", daemon=True).start()
        try:
            interrupt.wait()
        finally:
            with lock:
                left = not outcome
        if left:
            raise OSError("interrupted")
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        return outcome[0]


def _no_auth(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    return prepared


def _pairs(response: requests.Response) -> Any:
    """The headers one by one: repeated ones must not be hidden."""
    raw: Any = getattr(response.raw, "headers", None)
    return raw.iteritems() if hasattr(raw, "iteritems") else response.headers.items()


def _user_agent() -> str:
    return f"flue-sdk python-requests/{requests.__version__}"


USER_AGENT = _user_agent()
