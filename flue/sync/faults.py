"""What requests and urllib3 raise, in our words.

An allow-list: what is not known to be worth another try is not tried again.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import requests.exceptions as theirs
import urllib3.exceptions as urllib3_theirs

from flue.errors import FlueConnectionError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RAISED", "to_connection_error"]

RAISED = (theirs.RequestException, urllib3_theirs.HTTPError, OSError)
"""Everything that a send or a read raises for reasons outside this program."""

_RETRIED = (
    theirs.ConnectionError,  # refused, reset, garbage for a status line; a read timeout inside a body, too
    theirs.Timeout,
    theirs.ChunkedEncodingError,
    theirs.ContentDecodingError,
    urllib3_theirs.ProtocolError,
    urllib3_theirs.TimeoutError,
    urllib3_theirs.DecodeError,
    urllib3_theirs.NewConnectionError,
    urllib3_theirs.SSLError,
    OSError,
)
# Subclasses of the above that a second try cannot cure.
_FINAL = (
    theirs.InvalidURL,
    theirs.InvalidSchema,
    theirs.MissingSchema,
    theirs.InvalidHeader,
    theirs.InvalidProxyURL,
    urllib3_theirs.LocationValueError,
)
_SILENT = (theirs.ReadTimeout, urllib3_theirs.ReadTimeoutError, TimeoutError)


def to_connection_error(error: Exception, *, url: str) -> FlueConnectionError:
    """Our error for a library's exception, which becomes its `__cause__`."""
    chain = list(_causes(error))
    connecting = any(isinstance(link, urllib3_theirs.ConnectTimeoutError | theirs.ConnectTimeout) for link in chain)
    silent = not connecting and any(isinstance(link, _SILENT) for link in chain)
    unverified = any(isinstance(link, ssl.SSLCertVerificationError) for link in chain)
    retry = isinstance(error, _RETRIED) and not isinstance(error, _FINAL) and not unverified
    # An exception of requests is an OSError: only what is neither its base class alone nor a mistake of the caller
    # is retried.
    if type(error) is theirs.RequestException:
        retry = False
    what = "nothing was heard for the read time-out" if silent else _innermost(chain)
    ours = FlueConnectionError(f"{url.partition('?')[0]}: {what}", retryable=retry, is_read_timeout=silent)
    ours.__cause__ = error
    return ours


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending:
        link = pending.pop(0)
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            pending += [*link.args, getattr(link, "reason", None), link.__cause__, link.__context__]


def _innermost(chain: list[BaseException]) -> str:
    """The shortest true description: theirs repeat host and pool at every level."""
    for link in reversed(chain):
        if isinstance(link, OSError) and str(link) and not isinstance(link, theirs.RequestException):
            return f"{type(link).__name__}: {link}"
    if any(isinstance(link, urllib3_theirs.IncompleteRead | urllib3_theirs.InvalidChunkLength) for link in chain):
        return "the connection ended before the body did"
    return f"{type(chain[0]).__name__}: {chain[0]}"
