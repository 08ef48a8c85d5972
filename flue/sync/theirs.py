"""The caller's own session: used as it is, neither closed nor changed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import requests
from requests import hooks

from flue.sync.connection import close_lost

if TYPE_CHECKING:
    from http.cookiejar import CookieJar

    from flue.config import HeaderFields
    from flue.core.actions import Request
    from flue.sync.interrupt import Interrupt

__all__ = ["send_aside"]

_dispatch = cast("Any", hooks.dispatch_hook)  # pyright: ignore[reportUnknownMemberType]


def send_aside(
    session: requests.Session,
    request: Request,
    headers: HeaderFields[str],
    timeout: tuple[float, float],
    interrupt: Interrupt,
) -> requests.Response:
    """Send with the caller's session, on a thread that can be left behind.

    A plain session gives no hold on a socket that waits for headers. When the caller goes, the request finishes by
    itself, bounded by the time-outs, and its answer is closed.
    """
    lock = threading.Lock()
    outcome: list[requests.Response | BaseException] = []
    left = False

    def send() -> None:
        try:
            result: requests.Response | BaseException = _send(session, request, headers, timeout)
        except BaseException as error:  # noqa: BLE001  # raised again on the caller's thread
            result = error
            close_lost(error)
        with lock:
            outcome.append(result)
            wanted = not left
        if not wanted and isinstance(result, requests.Response):
            result.close()
        interrupt.wake()

    threading.Thread(target=send, name="flue-request", daemon=True).start()
    try:
        interrupt.wait(lambda: outcome)
    finally:
        with lock:
            left = not outcome
    if left:
        raise OSError("interrupted")
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def _send(
    session: requests.Session, request: Request, headers: HeaderFields[str], timeout: tuple[float, float]
) -> requests.Response:
    # Without an auth of its own, requests would look into .netrc and put what it finds over the token.
    auth = _no_auth if "authorization" in headers or session.auth is None else None
    prepared = session.prepare_request(
        requests.Request(request.method, request.url, headers=headers, data=request.body, auth=auth)
    )
    settings: dict[str, Any] = dict(session.merge_environment_settings(request.url, {}, True, None, None))
    settings["timeout"] = timeout
    if type(session).send is requests.Session.send:
        # Past Session.send, which would store cookies in the caller's jar; its other work are the hooks, those of an
        # auth among them.
        response = session.get_adapter(request.url).send(prepared, **settings)
        hooked: requests.Response = _dispatch("response", prepared.hooks, response, **settings)
        return hooked
    jar = cast("CookieJar", session.cookies)
    cookies = list(jar)
    response = session.send(prepared, allow_redirects=False, **settings)
    if "set-cookie" in response.headers:  # requests has stored it; the caller's jar is not ours to fill
        jar.clear()
        for cookie in cookies:
            jar.set_cookie(cookie)
    return response


def _no_auth(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    return prepared
