"""What a server may answer, as values.

Offsets are Flue's: `at(n)` is the offset behind n items.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flue.core import stream_state
from flue.core.actions import ResponseHead
from flue.errors import FlueConnectionError

if TYPE_CHECKING:
    from collections.abc import Iterable

RECORDINGS = Path(__file__).parents[1] / "recordings"
URL = "https://flue.test/api/runs/run_1"
WALL = 1_800_000_000.0
READ_TIMEOUT = 90.0
"""Seconds that pass before a transport calls it silence."""

RESET = FlueConnectionError("the connection was reset")
ENDED = FlueConnectionError("the connection ended before the body did")
REFUSED = FlueConnectionError("the connection was refused")
SILENCE = FlueConnectionError("nothing was heard for 90 s", is_read_timeout=True)
UNTRUSTED = FlueConnectionError("certificate verify failed", retryable=False)


def recorded_answers(name: str) -> list[bytes]:
    """The bodies of a recording's answers, in the order of the wire."""
    answers = (RECORDINGS / name).read_bytes().split(b"HTTP/1.1 ")[1:]
    return [answer.partition(b"\r\n\r\n")[2] for answer in answers]


def at(count: int) -> str:
    """The offset behind `count` items, as Flue writes it."""
    return "-1" if count == 0 else f"{0:016d}_{count - 1:016d}"


def count_at(offset: str) -> int:
    return 0 if offset in {"-1", "now"} else int(offset.partition("_")[2]) + 1


@dataclass(frozen=True)
class Response:
    """One answer of the server.

    `body` is what the machine is told, step by step: bytes, a `FlueConnectionError`, or a number of seconds that pass. A body
    without a fault ends cleanly. A silence lasts `READ_TIMEOUT`.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: tuple[bytes | FlueConnectionError | float, ...] = ()
    after: float = 0.0  # seconds until the head is there

    def head(self) -> ResponseHead:
        headers = stream_state.Headers(self.headers)
        return ResponseHead(self.status, headers, stream_state.body_length_known(headers), WALL)

    def chunked_by(self, size: int) -> Response:
        body = b"".join(step for step in self.body if isinstance(step, bytes))
        return replace(self, body=tuple(body[i : i + size] for i in range(0, len(body), size)))

    def cut(self, position: int, fault: FlueConnectionError | None = RESET) -> Response:
        """The same answer, its body cut: by a fault, or (what no length betrays) by a clean end."""
        body = b"".join(step for step in self.body if isinstance(step, bytes))
        rest = () if fault is None else (fault,)
        return replace(self, body=(body[:position], *rest) if position else rest)


FRAMINGS = {
    "length": (("content-length", "1"),),
    "chunked": (("transfer-encoding", "chunked"),),
    "close": (("connection", "close"),),
    "gzip": (("content-length", "1"), ("content-encoding", "gzip")),
}


def facts(offset: str | None, *, up_to_date: bool, closed: bool, cursor: str | None) -> tuple[tuple[str, str], ...]:
    said = {
        "Stream-Next-Offset": offset,
        "Stream-Up-To-Date": "true" if up_to_date else None,
        "Stream-Closed": "true" if closed else None,
        "Stream-Cursor": cursor,
    }
    return tuple((name, value) for name, value in said.items() if value is not None)


def page(
    items: Iterable[Any] | bytes,
    offset: str | None,
    *,
    up_to_date: bool = False,
    closed: bool = False,
    cursor: str | None = None,
    framing: str = "length",
    content_type: str | None = "application/json",
    after: float = 0.0,
) -> Response:
    """A page, or a long poll that brought something."""
    body = items if isinstance(items, bytes) else json.dumps(list(items)).encode()
    headers = (
        *(() if content_type is None else (("Content-Type", content_type),)),
        *FRAMINGS[framing],
        *facts(offset, up_to_date=up_to_date, closed=closed, cursor=cursor),
    )
    return Response(200, headers, (body,) if body else (), after)


def nothing(
    offset: str | None,
    *,
    up_to_date: bool = True,
    closed: bool = False,
    cursor: str | None = None,
    after: float = 0.0,
) -> Response:
    """A 204: a long poll that ran out."""
    return Response(204, facts(offset, up_to_date=up_to_date, closed=closed, cursor=cursor), (), after)


def events(*steps: bytes | FlueConnectionError | float, framing: str = "chunked", after: float = 0.0) -> Response:
    """An answer of server-sent events."""
    return Response(200, (("Content-Type", "text/event-stream"), *FRAMINGS[framing]), steps, after)


def data_frame(items: Iterable[Any] | bytes) -> bytes:
    payload = items if isinstance(items, bytes) else json.dumps(list(items)).encode()
    return b"event: data\ndata:" + payload + b"\n\n"


def control_frame(offset: Any = None, **flags: Any) -> bytes:
    said = flags if offset is None else {"streamNextOffset": offset, **flags}
    return b"event: control\ndata:" + json.dumps(said).encode() + b"\n\n"


def frames(items: Iterable[Any], offset: str, **flags: Any) -> bytes:
    """Items and the control frame behind them."""
    return data_frame(items) + control_frame(offset, **flags)


def refusal(status: int, body: bytes = b"", **headers: str) -> Response:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Response(status, (("Content-Length", str(len(body))), *pairs), (body,) if body else ())
