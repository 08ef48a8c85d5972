"""Faults and scripted replies as data.

A `Fault` says what goes wrong with a response, a `FaultQueue` with which ones. Every field works with every route, and
fields combine: ``Fault(gzip=True, cut_after=40, end="close")`` is a compressed body that stops half-way. A `Reply` is
a whole response written by hand.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import re

    from flue.testing._http import RecordedRequest

End: TypeAlias = Literal["reset", "close", "clean"]
Framing: TypeAlias = Literal["length", "chunked", "close"]
HeaderPairs: TypeAlias = Sequence[tuple[str, str]]
Live: TypeAlias = Literal["long-poll", "sse"] | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing, or several at once, that go wrong with the response to a request.

    Which response is sent:

    Args:
        status: Answered instead of the route, which is then not run: what a proxy in front would do. The
            body is empty unless `body` is given; no header but those given here.
        body: Sent instead of the body of the route; its status and headers stay. Bytes.
        headers: All headers, in order, duplicates included, instead of those of the route.
        extra_headers: Appended to the headers, duplicates included.
        drop_headers: Names of headers to leave out, in any case; ``date``, ``connection`` and the like too.
        content_type: Replaces the content type.
        gzip: Compress the body. A live stream is flushed at every frame.
        framing: ``"length"`` (Content-Length), ``"chunked"``, or ``"close"``: the end of the connection is
            the end of the body. By default as the route does it. A live stream has no length.

    How it travels:

    Args:
        refuse: Reset the connection before a byte of the response. The route is not run. For a port where
            nobody listens see `FlueTestServer.pause_listening`.
        stall_before_headers: Seconds between the work of the route and the first byte of its response.
        stall_after: Bytes of the body after which nothing is sent for `stall` seconds. 0: right behind the head.
        stall: Seconds of the silence at `stall_after`.
        trickle: Bytes sent at a time, each in its own packet.
        trickle_pause: Seconds between two packets of a `trickle`.

    How it ends:

    Args:
        cut_head_after: Bytes of the status line and headers that are sent before the end.
        cut_after: Bytes of the body (as sent: compressed when `gzip`) before the end. A shorter response
            ends as usual.
        end: ``"reset"`` resets the connection; ``"close"`` closes it with the body unfinished; ``"clean"``
            finishes the body properly at that point, as a server that recycles a stream does. A cut is a
            ``"reset"`` unless this says otherwise. Without a cut it happens behind the whole body.

    Raises:
        ValueError: A value makes no sense, or two contradict each other.
    """

    status: int | None = None
    body: bytes | None = None
    headers: HeaderPairs | None = None
    extra_headers: HeaderPairs = ()
    drop_headers: Sequence[str] = ()
    content_type: str | None = None
    gzip: bool = False
    framing: Framing | None = None
    refuse: bool = False
    stall_before_headers: float = 0.0
    stall_after: int | None = None
    stall: float = 0.0
    trickle: int | None = None
    trickle_pause: float = 0.0
    cut_head_after: int | None = None
    cut_after: int | None = None
    end: End | None = None

    def __post_init__(self) -> None:
        for name in ("stall_before_headers", "stall", "trickle_pause", "cut_after", "cut_head_after", "stall_after"):
            value = getattr(self, name)
            if value is not None and value < 0:
                msg = f"{name} must not be negative: {value!r}"
                raise ValueError(msg)
        if self.trickle is not None and self.trickle < 1:
            msg = f"trickle must be at least one byte: {self.trickle!r}"
            raise ValueError(msg)
        if self.stall and self.stall_after is None:
            msg = "stall needs stall_after: the number of body bytes it follows"
            raise ValueError(msg)
        if self.end not in {None, "reset", "close", "clean"}:
            msg = f'end must be "reset", "close" or "clean": {self.end!r}'
            raise ValueError(msg)
        if self.framing not in {None, "length", "chunked", "close"}:
            msg = f'framing must be "length", "chunked" or "close": {self.framing!r}'
            raise ValueError(msg)


NO_FAULT = Fault()

Chooser: TypeAlias = Callable[["RecordedRequest"], "Fault | None"]


def target_matches(pattern: str | re.Pattern[str] | None, target: str) -> bool:
    """Whether a request target (path and query) contains a text or is found by a regular expression."""
    if pattern is None:
        return True
    return pattern in target if isinstance(pattern, str) else pattern.search(target) is not None


@dataclass(slots=True, kw_only=True, eq=False)
class FaultRule:
    """A fault, the requests that it is for, and how often it has been used. Made by `FaultQueue.add`."""

    fault: Fault | Chooser
    method: str | None
    path: str | re.Pattern[str] | None
    live: Live | None
    times: int | None
    after: int
    applied: int = 0
    """How many responses it has been applied to."""

    @property
    def exhausted(self) -> bool:
        """It has been used as often as it was meant to."""
        return self.times is not None and self.applied >= self.times

    def take(self, request: RecordedRequest) -> Fault | None:
        """The fault for this request, or `None` when it is not for this one."""
        if self.exhausted or not self._matches(request):
            return None
        if self.after > 0:
            self.after -= 1
            return None
        fault = self.fault if isinstance(self.fault, Fault) else self.fault(request)
        if fault is not None:
            self.applied += 1
        return fault

    def _matches(self, request: RecordedRequest) -> bool:
        live = request.first("live")
        return (
            (self.method is None or self.method.upper() == request.method)
            and (self.live is None or self.live == (live is not None if isinstance(self.live, bool) else live))
            and target_matches(self.path, request.target)
        )


class FaultQueue:
    """The faults of a server, asked in order for every request; the first that is for it is used.

    Usable from any thread.

    Example:
        >>> from flue.testing import Fault, FlueTestServer
        >>> with FlueTestServer() as server:
        ...     _ = server.faults.add(Fault(status=503), times=2)
        ...     _ = server.faults.add(Fault(cut_after=100), live="sse", after=1)
        ...     server.faults.pending
        3
    """

    def __init__(self) -> None:
        self._rules: list[FaultRule] = []
        self._lock = threading.RLock()

    def add(
        self,
        fault: Fault | Chooser,
        *,
        method: str | None = None,
        path: str | re.Pattern[str] | None = None,
        live: Live | None = None,
        times: int | None = 1,
        after: int = 0,
    ) -> FaultRule:
        """Apply a fault to some of the responses to come.

        Args:
            fault: What goes wrong, or a function that says so for each request (`None`: nothing).
            method: Only requests of this method.
            path: Only requests whose target (path and query) contains this text or is found by this pattern.
            live: Only ``"long-poll"`` or ``"sse"`` reads; `True`: either of them; `False`: neither.
            times: How many responses; `None`: all of them.
            after: How many requests that it would be for are let through first. Requests that an earlier
                rule took do not count.

        Returns:
            The rule, whose ``applied`` counts.

        Raises:
            TypeError: Neither a `Fault` nor a function.
        """
        if not isinstance(fault, Fault) and not callable(fault):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"fault must be a Fault or a function, not {type(fault).__name__}")
        rule = FaultRule(fault=fault, method=method, path=path, live=live, times=times, after=after)
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """Let everything go well from now on."""
        with self._lock:
            self._rules.clear()

    @property
    def pending(self) -> int:
        """How many faults have yet to happen. Rules without a number of times are not counted."""
        with self._lock:
            return sum(rule.times - rule.applied for rule in self._rules if rule.times is not None)

    def take(self, request: RecordedRequest) -> Fault:
        """The fault for this request; one in which nothing goes wrong when no rule is for it."""
        with self._lock:
            for rule in list(self._rules):
                fault = rule.take(request)
                if fault is not None:
                    if rule.exhausted:
                        self._rules.remove(rule)
                    return fault
        return NO_FAULT


@dataclass(frozen=True, slots=True)
class Reply:
    """A response written by hand.

    Args:
        status: The status code.
        headers: Pairs, sent in this order, duplicates included; date, connection and framing are added. A
            ``content-length`` or ``transfer-encoding`` among them is taken as it stands: the body is then sent
            raw and the connection closed behind it.
        body: In one piece, or its pieces: each is a chunk of its own.
        fault: What goes wrong with it.
    """

    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | Iterable[bytes] = b""
    fault: Fault = NO_FAULT


class ScriptExhaustedError(Exception):
    """A request came in for which its script has no reply left."""


@dataclass(slots=True)
class Script:
    """Replies to the requests to a path; see `FlueTestServer.script`."""

    path: str | re.Pattern[str]
    replies: list[bytes | Reply]
    method: str | None
    repeat_last: bool

    def matches(self, request: RecordedRequest) -> bool:
        """Whether it is for this request."""
        return self.method in {None, request.method} and target_matches(self.path, request.target)

    def take(self, request: RecordedRequest) -> bytes | Reply:
        """The reply to this request.

        Raises:
            ScriptExhaustedError: There is none left.
        """
        if not self.replies:
            raise ScriptExhaustedError(f"no reply left for {request.method} {request.target}")
        return self.replies[0] if self.repeat_last and len(self.replies) == 1 else self.replies.pop(0)
