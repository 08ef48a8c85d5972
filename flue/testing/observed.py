"""What a server saw, for the test that runs it: requests, open connections, problems of its own."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue.testing.http1 import RecordedRequest

logger = logging.getLogger("flue.testing")


class Observed:
    """Written on the loop of the server, read and waited for from any other thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._requests: list[RecordedRequest] = []
        self._numbered = 0
        self._connections = 0
        self._problems: list[str] = []

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests so far, in the order they arrived."""
        with self._changed:
            return list(self._requests)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return self._connections

    @property
    def problems(self) -> list[str]:
        """What went wrong in the server itself, or with its scripts."""
        with self._changed:
            return list(self._problems)

    def next_number(self) -> int:
        """The number of the next request."""
        self._numbered += 1
        return self._numbered

    def add_request(self, request: RecordedRequest) -> None:
        """Note a request."""
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()

    def set_connections(self, count: int) -> None:
        """Note how many connections are open."""
        with self._changed:
            self._connections = count
            self._changed.notify_all()

    def add_problem(self, problem: str, error: BaseException | None = None) -> None:
        """Note a problem, and log it with its traceback."""
        logger.error("%s", problem, exc_info=error)
        with self._changed:
            self._problems.append(problem)

    def wait_for_requests(self, count: int, timeout: float) -> list[RecordedRequest]:
        """Wait until so many requests have come in.

        Raises:
            TimeoutError: They have not, in that many seconds.
        """
        self._wait(lambda: len(self._requests) >= count, timeout, lambda: f"{len(self._requests)} of {count} requests")
        return self.requests

    def wait_for_connections(self, count: int, timeout: float) -> None:
        """Wait until exactly so many connections are open.

        Raises:
            TimeoutError: They are not, in that many seconds.
        """
        self._wait(lambda: self._connections == count, timeout, lambda: f"{self._connections} connections, not {count}")

    def _wait(self, met: Callable[[], bool], timeout: float, found: Callable[[], str]) -> None:
        deadline = time.monotonic() + timeout
        with self._changed:
            while not met():
                if not self._changed.wait(deadline - time.monotonic()):
                    msg = f"{found()} after {timeout:g} s"
                    raise TimeoutError(msg)
