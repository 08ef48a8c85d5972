"""Opens an answer, reads it as it comes, and can be cut short at any moment.

`iter_content` and `iter_lines` of requests hold a close-delimited body back until its end, so bodies are read from
urllib3's response with `read1`.
"""

from __future__ import annotations

import contextlib
import time
import traceback
from typing import TYPE_CHECKING, Any

from flue.config import HeaderFields
from flue.core import stream_state
from flue.core.actions import Request, ResponseHead
from flue.core.chunked import ChunkedDecoder
from flue.core.framing import DecodeError
from flue.sync.connection import Connection, working_for
from flue.sync.faults import RAISED, to_connection_error
from flue.sync.head import FinalResponse
from flue.sync.own import OwnSession
from flue.sync.theirs import send_aside

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from flue.config import Timeouts
    from flue.errors import FlueConnectionError
    from flue.sync.interrupt import Interrupt

__all__ = ["Answer", "Transport"]

CHUNK = 64 * 1024
"""Bytes asked for at a time; what has arrived is given at once, however little."""
PIECE = 1024 * 1024
"""Bytes of a body of known length that are read at a time."""


class Answer:
    """An open answer. Used by one thread; `shutdown` may come from another."""

    def __init__(self, raw: Any, status: int, url: str, interrupt: Interrupt, close: Callable[[], None]) -> None:
        """Wrap a response.

        Args:
            raw: urllib3's response, or what a caller's own adapter gives for one.
            status: its HTTP status.
            url: that was asked.
            interrupt: of the call.
            close: closes the response; must not block.
        """
        self._raw = raw
        self._url = url
        self._interrupt = interrupt
        self._close = close
        self._partial = hasattr(raw, "read1")
        given: Any = getattr(raw, "headers", {})
        headers = stream_state.Headers(given.iteritems() if hasattr(given, "iteritems") else given.items())
        self.head = ResponseHead(status, headers, stream_state.body_length_known(headers), time.time())
        self._straight = _straight(raw, self.head)

    def read(self) -> bytes:
        """What has arrived of the body, decoded; waits for at least one byte. Empty at the end.

        Raises:
            FlueConnectionError: the body was cut, or nothing came for the read time-out.
        """
        try:
            if self._straight is not None:
                return self._straight.read()
            chunk: bytes = self._raw.read1(CHUNK, decode_content=True) if self._partial else self._raw.read(CHUNK)
        except RAISED as error:
            raise _fault(error, self._url) from error
        return chunk

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else close it. Idempotent; never blocks."""
        self._interrupt.watch(None)
        if self.head.status == 204 or self.head.headers.get("content-length") == "0":
            with contextlib.suppress(Exception):  # nothing is to come; saying so is what gives the connection back
                self._raw.read(1)
        self._close()

    def shutdown(self, owner: Interrupt) -> None:  # noqa: ARG002  # an answer has one owner
        """Wake the thread that reads a body of a session that is not ours."""
        if hasattr(self._raw, "shutdown"):
            with contextlib.suppress(Exception):  # closed meanwhile, or a raw object of a kind of its own
                self._raw.shutdown()


def _merged(request: Request, headers: HeaderFields[str]) -> HeaderFields[str]:
    merged = HeaderFields({**dict(request.headers), **headers})
    if request.body is not None:
        merged["content-length"] = str(len(request.body))
    return merged


def _fault(error: Exception, url: str) -> FlueConnectionError:
    # urllib3 keeps the error in a local of a frame that the error's own traceback holds: a cycle, which would keep the
    # caller's stream alive until the collector comes. Only finished frames are cleared.
    traceback.clear_frames(error.__traceback__)
    return to_connection_error(error, url=url)


class _EventBody:
    """The body of a chunked event stream, read past the libraries.

    They would give one chunk at a time, that is one event.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._chunks = ChunkedDecoder()

    def read(self) -> bytes:
        """What has arrived; waits for at least one byte. Empty at the end."""
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


class _SizedBody:
    """A body of known length, read past urllib3: in large pieces, without a copy on the way."""

    def __init__(self, raw: Any, inner: FinalResponse) -> None:
        self._raw = raw
        self._inner = inner
        self._left = inner.length or 0
        self.then: Callable[[Connection], bool] | None = None  # what is to be done with the free connection

    def hand_on(self) -> Connection | None:
        """Give away the connection that was kept."""
        connection = None if self._left else self._raw.connection
        if connection is not None:
            self._raw._connection = None  # noqa: SLF001  # or closing the response would close it
        return connection

    def read(self) -> bytes:
        """The next piece; waits for all of it. Empty at the end, when the connection has been given back."""
        size = min(self._left, PIECE)
        if not size:
            return b""
        data = self._inner.read(size)
        if len(data) < size:
            raise ConnectionError("the connection ended before the body did")
        self._left -= size
        if not self._left:
            connection = self._raw.connection
            if self.then is None or not isinstance(connection, Connection) or not self.then(connection):
                self._raw.release_conn()  # else it is kept for the answer that is under way: see `hand_on`
        return data


def _straight(raw: Any, head: ResponseHead) -> _EventBody | _SizedBody | None:
    """The body under a response, if that came over one of our own connections and is not compressed."""
    inner = getattr(raw, "_fp", None)
    if not head.body_length_known or not isinstance(inner, FinalResponse):
        return None
    if inner.chunked:
        return _EventBody(inner.fp) if stream_state.media_type(head.headers) == "text/event-stream" else None
    return _SizedBody(raw, inner) if inner.length else None


class Transport:
    """What a client sends with: a session of its own, or the caller's, which is neither closed nor changed."""

    def __init__(self, timeouts: Timeouts, session: requests.Session | None) -> None:
        self._timeouts = timeouts
        self._theirs = session
        self._own = OwnSession()

    def open(
        self,
        request: Request,
        headers: HeaderFields[str],
        interrupt: Interrupt,
    ) -> Answer:
        """Send a request and wait for the head of its answer.

        Args:
            request: what to send.
            headers: the caller's, names in lower case; they win over the protocol's.
            interrupt: cuts the wait short.

        Raises:
            FlueConnectionError: no answer came.
        """
        merged = _merged(request, headers)
        read = self._timeouts.read if request.read_timeout is None else request.read_timeout
        timeout = (self._timeouts.connect, read)
        try:
            if self._theirs is None:
                with working_for(interrupt):
                    raw = self._own.send(request, merged, timeout)
                # Closing the response is enough. Giving its connection back takes the pool's lock, which the thread
                # that collects a forgotten stream may hold.
                return Answer(raw, raw.status, request.url, interrupt, raw.close)
            response = send_aside(self._theirs, request, merged, timeout, interrupt)
        except RAISED as error:
            raise _fault(error, request.url) from error
        answer = Answer(response.raw, response.status_code, request.url, interrupt, response.close)
        interrupt.watch(answer)
        return answer

    def close(self) -> None:
        """Close the session of our own."""
        self._own.close()
