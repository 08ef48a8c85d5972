"""What httpx raises, in our words.

An allow-list: `UnsupportedProtocol` is a `TransportError`, and no second try cures it.
"""

from __future__ import annotations

import ssl

import httpx

from flue.core.actions import Fault
from flue.errors import FlueConnectionError

__all__ = ["RAISED", "to_fault"]

RAISED = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError)
"""Everything that a send or a read raises for reasons outside this program."""

_RETRIED = (
    httpx.ConnectError,
    httpx.TimeoutException,
    httpx.NetworkError,
    httpx.RemoteProtocolError,
    httpx.ProxyError,
    httpx.DecodingError,
    OSError,
)
# httpx looks at a redirect's Location before it is told not to follow it; a second try would find the same one.
_BAD_LOCATION = "Invalid URL in location header"


def to_fault(error: Exception, *, url: str) -> Fault:
    """The fault that a library's exception stands for."""
    silent = isinstance(error, httpx.ReadTimeout)
    link: BaseException | None = error
    unverified = False
    innermost: BaseException = error
    while link is not None:
        unverified = unverified or isinstance(link, ssl.SSLCertVerificationError)
        if str(link):
            innermost = link
        link = link.__cause__ or link.__context__
    what = "nothing was heard for the read time-out" if silent else f"{type(innermost).__name__}: {innermost}"
    ours = FlueConnectionError(f"{url.partition('?')[0]}: {what}")
    ours.__cause__ = error
    retry = isinstance(error, _RETRIED) and not unverified and not str(error).startswith(_BAD_LOCATION)
    return Fault(ours, retry=retry, silent=silent)
