"""Answers written by hand, for tests of a reader: byte for byte, one after the other."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flue.testing.faults import NO_FAULT, target_matches

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Sequence

    from flue.testing.faults import Fault
    from flue.testing.http1 import RecordedRequest


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer written by hand.

    Args:
        status: Of the answer.
        headers: Pairs, sent in this order, duplicates included; date, connection and framing are added. A
            ``content-length`` or ``transfer-encoding`` among them is taken as it stands: the body is then sent
            raw and the connection closed behind it.
        body: In one piece, or its pieces: each is a chunk of its own.
        fault: How it is spoilt on its way.
    """

    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | Iterable[bytes] = b""
    fault: Fault = NO_FAULT


class Scripts:
    """The scripts of a server, asked in order for every request. Usable from any thread."""

    def __init__(self) -> None:
        self._scripts: list[_Script] = []
        self._lock = threading.Lock()

    def add(
        self,
        path: str | re.Pattern[str],
        replies: Iterable[bytes | Reply],
        *,
        method: str | None = None,
        repeat_last: bool = False,
    ) -> None:
        """Answer the requests to a path by hand; see `FlueTestServer.script`."""
        with self._lock:
            self._scripts.append(_Script(path, list(replies), method=method, repeat_last=repeat_last))

    def clear(self) -> None:
        """Forget every script."""
        with self._lock:
            self._scripts.clear()

    def take(self, request: RecordedRequest) -> bytes | Reply | None:
        """The reply to this request, or `None` when no script is for it.

        Raises:
            ScriptExhaustedError: A script is for it and has no reply left.
        """
        with self._lock:
            for script in self._scripts:
                if script.matches(request):
                    return script.take(request)
        return None


class ScriptExhaustedError(Exception):
    """A request came in for which its script has no reply left."""


class _Script:
    def __init__(
        self, path: str | re.Pattern[str], replies: list[bytes | Reply], *, method: str | None, repeat_last: bool
    ) -> None:
        self._path = path
        self._replies = replies
        self._method = method
        self._repeat_last = repeat_last

    def matches(self, request: RecordedRequest) -> bool:
        return self._method in {None, request.method} and target_matches(self._path, request.target)

    def take(self, request: RecordedRequest) -> bytes | Reply:
        if not self._replies:
            raise ScriptExhaustedError(f"no reply left for {request.method} {request.target}")
        if self._repeat_last and len(self._replies) == 1:
            return self._replies[0]
        return self._replies.pop(0)
