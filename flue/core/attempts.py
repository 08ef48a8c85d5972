"""What following a stream and asking one question have in common: attempts, redirects, refusals, the budget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from flue.core import wire
from flue.core.actions import READ, Action, Fail, Fault, Head, Open, Read, Request, Sleep
from flue.core.answers import CREDENTIALS, ERROR_BODY_LIMIT, RETRIED, api_error, status_error
from flue.core.retry import FailedAttempt
from flue.errors import DurableStreamError, FlueApiError, FlueConnectionError, FlueError

if TYPE_CHECKING:
    from flue.core.retry import Budget

__all__ = ["Attempts"]

MAX_REDIRECTS = 5


class Attempts:
    """The part of a machine between `Open` and a good answer. Subclasses say what to ask and what a good answer means.

    A budget of None means one attempt only: that is how a POST is sent.
    """

    def __init__(self, budget: Budget | None) -> None:
        self._budget = budget
        self._action: Action | None = None  # decided, not yet performed
        self._over: Action | None = None  # the last word: `Done` or `Fail`
        self._request = Request("GET", "")
        self._opened_at = 0.0
        self._redirects = 0
        self._refusal: Head | None = None  # of the answer whose body says why not
        self._body: list[bytes] = []
        self._size = 0

    # What the subclasses answer.

    def _ask(self, now: float) -> Action:
        raise NotImplementedError

    def _accept(self, head: Head, now: float) -> bool:
        """Whether the answer is one to go on with."""
        raise NotImplementedError

    def _checkpoint(self) -> str | None:
        """Where a stream read goes on; None where there is no stream."""
        raise NotImplementedError

    def _waited(self, took: float) -> bool:
        """Whether the attempt that failed had been waiting for news, so that its time was not lost."""
        raise NotImplementedError

    # What the faces call.

    @property
    def live(self) -> Literal["long-poll", "sse"] | None:
        """How it waits for news; None when it does not."""
        return None

    def next_action(self, now: float) -> Action:
        """What to do now."""
        if self._over is not None:
            return self._over
        action = self._action
        if action is None:
            action = self._ask(now)
        self._action = READ if isinstance(action, Open | Read) else None
        return action

    def head(self, head: Head, now: float) -> None:
        """The answer has begun."""
        self._body.clear()
        self._size = 0
        self._refusal = None
        self._action = READ
        if 300 <= head.status < 400 and head.status != 304:
            self._redirect(head)
        elif not self._accept(head, now):
            if head.status >= 400:
                self._refusal = head
            else:
                message = f"status {head.status} answers nothing that was asked"
                self._protocol_error("UNEXPECTED_STATUS", message, now, status=head.status)

    def ahead(self) -> Request | None:
        """What will be asked next if this answer turns out well."""
        return None

    def data(self, chunk: bytes, now: float) -> None:
        """Bytes of the body."""
        self._body.append(chunk)
        self._size += len(chunk)
        if self._refusal is not None and self._size > ERROR_BODY_LIMIT:
            self._refused(self._refusal, now)

    def end(self, now: float) -> None:
        """The body is over."""
        if self._refusal is not None:
            self._refused(self._refusal, now)
        else:
            self._ended(now)

    def fault(self, fault: Fault, now: float) -> None:
        """The attempt failed on the way."""
        if self._refusal is not None:  # the status is known, only its reasons were lost
            self._refused(self._refusal, now)
        else:
            self._failed(fault.error, now, retry=fault.retry, silent=fault.silent)

    def fail(self, error: FlueError) -> None:
        """The caller found something that ends it all: from now on every `next_action()` is this error."""
        self._finish(Fail(error))

    def dropped(self) -> None:
        """The caller was torn out of a wait and the connection is gone.

        Asked again, the machine goes on where it was.
        """
        self._action = None
        self._refusal = None
        self._body.clear()

    @property
    def last_word(self) -> Action | None:
        """`Done` or `Fail` once the machine is over."""
        return self._over

    # What both use.

    def _ended(self, now: float) -> None:
        raise NotImplementedError

    def _open(self, request: Request, now: float) -> Action:
        self._request = request
        self._redirects = 0
        self._opened_at = now
        if self._budget is not None:
            self._budget.opened(now)
        return Open(request)

    def _finish(self, last: Action) -> None:
        self._over = last
        self._body.clear()

    def _redirect(self, head: Head) -> None:
        # Same origin and GET only: the libraries strip `Authorization` elsewhere but keep custom headers, and turn a
        # POST into a GET.
        location = head.headers.get("location")
        target = wire.redirect_target(self._request.url, location)
        self._redirects += 1
        if self._request.method != "GET":
            reason = "a redirect of a POST is not followed"
        elif target is None:
            reason = (
                "the redirect leads to no usable address of the same origin" if location else "a redirect to nowhere"
            )
        elif self._redirects > MAX_REDIRECTS:
            reason = f"more than {MAX_REDIRECTS} redirects"
        else:
            request = self._request
            self._request = Request(request.method, target, request.headers, request.body, request.patient)
            self._action = Open(self._request)
            return
        message = f"Flue API error {head.status}: {reason}"
        self._fatal(status_error(head.status, message, headers=head.headers, url=self._request.url))

    def _refused(self, head: Head, now: float) -> None:
        self._refusal = None
        wait = wire.retry_after(head.headers, head.wall)
        error = api_error(head.status, b"".join(self._body), head.headers, self._request.url, wait)
        self._body.clear()
        retry = isinstance(error, FlueApiError) and (
            head.status in RETRIED
            or (head.status in CREDENTIALS and self._budget is not None and self._budget.may_refresh())
        )
        self._failed(error, now, retry=retry, at_least=wait)

    def _protocol_error(
        self, code: str, message: str, now: float, *, status: int | None = None, retry: bool = False
    ) -> None:
        error = DurableStreamError(code, message, offset=self._checkpoint(), status=status)
        self._failed(error, now, retry=retry)

    def _failed(
        self, error: FlueError, now: float, *, retry: bool, silent: bool = False, at_least: float = 0.0
    ) -> None:
        """One attempt failed: ask again after a pause, or give up."""
        self._body.clear()
        budget = self._budget
        if not retry or budget is None:
            self._fatal(error)
            return
        # After a silence, a pause as long as the silence itself is long enough.
        took = now - self._opened_at
        delay = budget.failed(now, at_least=at_least, at_most=took if silent else math.inf, idle=self._waited(took))
        if delay is None:
            error.add_note(f"gave up after {budget.attempts} tries in {budget.elapsed(now):.1f} s without progress")
            self._fatal(error, counted=True)
            return
        self._action = Sleep(delay, FailedAttempt(budget.attempts, delay, error, self._checkpoint(), will_retry=True))

    def _fatal(self, error: FlueError, *, counted: bool = False) -> None:
        offset = self._checkpoint()
        if offset is not None and isinstance(error, FlueApiError | FlueConnectionError):
            error.add_note(f"events can be read on from offset {offset!r}")
        if self._request.method == "POST" and isinstance(error, FlueConnectionError):
            error.add_note("the request is not repeated: whether the server has admitted it is not known")
        attempts = self._budget.attempts if self._budget is not None else 0
        number = attempts if counted else attempts + 1
        self._finish(Fail(error, FailedAttempt(number, 0.0, error, offset, will_retry=False)))
