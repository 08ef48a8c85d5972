"""A request that is sent while the caller is busy with the answer before it."""

from __future__ import annotations

import asyncio
import time
from contextvars import copy_context
from typing import TYPE_CHECKING

from flue.aio.interrupt import patiently
from flue.aio.line import ON_SENT
from flue.core.actions import FRESH

if TYPE_CHECKING:
    from flue.aio.transport import Answer, Transport
    from flue.config import HeaderFields
    from flue.core.actions import Request

__all__ = ["Ahead"]

_TURNS = 10
"""Turns of the event loop that sending may take; it takes four, if no connection has to be made."""


class Ahead:
    """One such request. Its answer waits in the connection, unread but for its head."""

    def __init__(self, transport: Transport, request: Request, headers: HeaderFields[str]) -> None:
        """Begin to send it."""
        self._request = request
        self._begun = time.monotonic()
        self._sent = False
        context = copy_context()
        context.run(ON_SENT.set, self._when_sent)
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(transport.open(request, headers, None), context=context)

    def _when_sent(self) -> None:
        self._sent = True

    async def sent(self) -> None:
        """Let the loop send it, so that a caller who keeps the loop busy does not delay it."""
        for _ in range(_TURNS):
            if self._sent or self._task.done():
                return
            await asyncio.sleep(0)

    def answers(self, request: Request) -> bool:
        """Whether its answer is the one to a request, and worth reading."""
        return request == self._request and time.monotonic() - self._begun < FRESH

    async def answer(self) -> Answer:
        """What came of it; as `Transport.open`. To be called once."""
        try:
            return await self._task
        except asyncio.CancelledError:  # which may come together with the answer
            await self.discard()
            raise

    async def discard(self) -> None:
        """Close what came of it, or is to come."""
        self._task.cancel()
        await patiently(self._task)
        if not self._task.cancelled() and self._task.exception() is None:
            await self._task.result().close()
