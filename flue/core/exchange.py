"""One question, one answer: the machine behind `get`, `invoke`, `send` and `prompt`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flue.core import wire
from flue.core.actions import Action, Done, Head
from flue.core.attempts import Attempts
from flue.core.framing import Malformed
from flue.errors import DurableStreamError, FlueConnectionError

if TYPE_CHECKING:
    from flue.core.operations import Operation
    from flue.core.retry import Budget

__all__ = ["Exchange"]


class Exchange(Attempts):
    """Ask until the budget is used up or the answer is there: `Open Read* (Sleep Open Read*)* Done(value)`."""

    def __init__(self, operation: Operation, budget: Budget | None, *, limit: int | None = None) -> None:
        super().__init__(budget)
        self._operation = operation
        self._limit = limit
        self._head: Head | None = None

    def _checkpoint(self) -> str | None:
        return None

    def _waited(self, took: float) -> bool:  # noqa: ARG002
        return False

    def dropped(self) -> None:
        """The connection is gone. A POST is not asked again: it may have been admitted."""
        super().dropped()
        if self._operation.request.method == "POST":
            self.fail(FlueConnectionError("the request was torn off, and is not repeated"))

    def _ask(self, now: float) -> Action:
        return self._open(self._operation.request, now)

    def _accept(self, head: Head, now: float) -> bool:
        if head.status not in self._operation.statuses:
            return False
        self._head = head
        media = wire.media_type(head.headers)
        if not wire.is_json(media):
            message = f"expected application/json, got {media!r}"
            self._protocol_error("UNEXPECTED_CONTENT_TYPE", message, now, status=head.status)
        return True

    def data(self, chunk: bytes, now: float) -> None:
        """Bytes of the answer."""
        refused = self._refusal is not None
        super().data(chunk, now)
        if self._limit is not None and self._size > self._limit and not refused:
            message = f"the answer is larger than the limit of {self._limit} bytes"
            self._protocol_error("EVENT_TOO_LARGE", message, now)

    def _ended(self, now: float) -> None:
        head, body = self._head, b"".join(self._body)
        assert head is not None  # noqa: S101  # for the type checkers: a body follows a head
        try:
            value = self._operation.parse(body, head)
        except DurableStreamError as error:
            if head.framed or not isinstance(error.__cause__, Malformed):  # JSON, but not the answer
                self._failed(error, now, retry=False)
            else:
                half = FlueConnectionError(f"the answer ended early, after {len(body)} bytes")
                half.__cause__ = error
                self._failed(half, now, retry=True)
            return
        self._finish(Done(value))
