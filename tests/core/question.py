"""The smallest machine, and the response it takes."""

from __future__ import annotations

from flue.core.actions import Done, Request
from flue.core.protocol import RequestProtocol
from flue.core.retry import BackoffOptions, Budget

from .script import URL, Response

HEADERS = (("accept", "application/json"),)


DEFAULT = object()


class Question(RequestProtocol):
    """The least that asks: any 200 is the answer."""

    def __init__(self, budget=DEFAULT, method="GET", offset=None, idle=False):
        super().__init__(Budget(BackoffOptions()) if budget is DEFAULT else budget)
        self.method, self.where, self.idle = method, offset, idle

    def _build_request(self, now):
        return self._open(Request(self.method, URL, HEADERS), now)

    def _is_success(self, head, now):
        return head.status == 200

    def _checkpoint(self):
        return self.where

    def _was_idle(self, took):
        return self.idle

    def _on_body(self, now):
        self._finish(Done(b"".join(self._body)))


YES = Response(200, (), (b"y", b"es"))
