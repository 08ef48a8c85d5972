"""A checkpoint store asked from an event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flue.core.follow import Follow
    from flue.keeping import Keeper

__all__ = ["AsyncKeeper"]


class AsyncKeeper:
    """Asks the store on a worker thread, which cannot be cancelled: what a cancelled pull began goes on."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._saving: asyncio.Task[None] | None = None

    async def resume(self, machine: Follow) -> None:
        """Have the machine start where the consumer stopped, if it has been here before."""
        saved = await asyncio.to_thread(self._keeper.load)
        self._keeper.start(machine, saved)

    async def keep(self, machine: Follow) -> None:
        """Save the checkpoint if it moved. Savings never overtake each other: the later one would be undone."""
        if self._saving is None:
            offset = self._keeper.due(machine)
            if offset is None:
                return
            self._saving = asyncio.create_task(asyncio.to_thread(self._keeper.save, offset))
        saving = self._saving
        try:
            await asyncio.shield(saving)
        finally:
            if saving.done():
                self._saving = None
