"""The least machine there can be, and the answer it takes."""

from __future__ import annotations

from flue.core.actions import Done, Request
from flue.core.attempts import Attempts
from flue.core.retry import BackoffOptions, Budget

from .script import URL, Answer

HEADERS = (("accept", "application/json"),)


DEFAULT = object()


class Question(Attempts):
    """The least that asks: any 200 is the answer."""

    def __init__(self, budget=DEFAULT, method="GET", offset=None, idle=False):
        super().__init__(Budget(BackoffOptions()) if budget is DEFAULT else budget)
        self.method, self.where, self.idle = method, offset, idle

    def _ask(self, now):
        return self._open(Request(self.method, URL, HEADERS), now)

    def _accept(self, head, now):
        return head.status == 200

    def _checkpoint(self):
        return self.where

    def _waited(self, took):
        return self.idle

    def _ended(self, now):
        self._finish(Done(b"".join(self._body)))


YES = Answer(200, (), (b"y", b"es"))
