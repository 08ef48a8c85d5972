"""Names that lead where a test wants them to, or nowhere."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

HANG = 8.0
"""Seconds after which a look-up that nobody releases is answered."""

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


class HangingNames:
    """Look-ups that are not answered until they are released.

    Attributes:
        asked: How many have begun.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.released = threading.Event()


@contextlib.contextmanager
def _resolving(answer: Callable[[str], Sequence[str] | None]) -> Iterator[None]:
    """Have names looked up here: the addresses of one, in order, or None for one that is left to the system."""
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        flags = options.get("flags", arguments[3] if len(arguments) > 3 else 0)
        name = host.decode() if isinstance(host, bytes) else str(host)
        addresses = None if flags & socket.AI_NUMERICHOST else answer(name)
        if addresses is None:
            return real(host, port, *arguments, **options)
        found: list[Any] = []
        for address in addresses:
            with contextlib.suppress(socket.gaierror):  # of the other family
                found += real(address, port, *arguments, **options)
        return found

    socket.getaddrinfo = look_up
    try:
        yield
    finally:
        socket.getaddrinfo = real


def names(addresses: Mapping[str, Sequence[str]]) -> contextlib.AbstractContextManager[None]:
    """Resolve these names to these addresses, in this order."""
    return _resolving(addresses.get)


@contextlib.contextmanager
def hanging(name: str, *, times: int | None = None) -> Iterator[HangingNames]:
    """Do not answer the look-ups of a name, or only the first `times`; the rest, and all at the end, lead to 127.0.0.1."""
    state = HangingNames()
    lock = threading.Lock()

    def answer(host: str) -> Sequence[str] | None:
        if host != name:
            return None
        with lock:
            state.asked += 1
            hangs = times is None or state.asked <= times
        if hangs:
            state.released.wait(HANG)
        return ["127.0.0.1"]

    with _resolving(answer):
        try:
            yield state
        finally:
            state.released.set()


@contextlib.contextmanager
def dead_address(port: int, host: str = "127.0.0.2") -> Iterator[str]:
    """An address whose port swallows SYNs: its queue of connections is full."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((host, port), family=family, backlog=0))
        for _ in range(3):
            filler = stack.enter_context(socket.socket(family))
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield host
