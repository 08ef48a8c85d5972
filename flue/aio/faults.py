"""What httpx raises, in our words.

An allow-list: `UnsupportedProtocol` is a `TransportError`, and no second try cures it.
"""

from __future__ import annotations

import ssl

import httpx

from flue.errors import FlueConnectionError

__all__ = ["RAISED", "to_connection_error"]

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


def to_connection_error(error: Exception, *, url: str) -> FlueConnectionError:
    """Our error for a library's exception, which becomes its `__cause__`."""
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
    retry = isinstance(error, _RETRIED) and not unverified and not str(error).startswith(_BAD_LOCATION)
    ours = FlueConnectionError(f"{url.partition('?')[0]}: {what}", retryable=retry, is_read_timeout=silent)
    ours.__cause__ = error
    return ours
