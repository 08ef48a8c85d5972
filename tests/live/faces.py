"""One way to say what a scenario does, carried out by either client."""

from __future__ import annotations

import asyncio
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from flue import AsyncFlueClient, FlueClient

if TYPE_CHECKING:
    from collections.abc import Callable

    #: Called with the stream and the event just handed over; a true answer ends the reading.
    Each = Callable[[Any, Any], object]


class Reading(NamedTuple):
    """What came out of a stream, and what the stream said of itself afterwards."""

    events: list[Any]
    offset: str
    up_to_date: bool
    closed: bool

    @property
    def types(self) -> list[str]:
        """The wire types of the events, in order."""
        return [event.type for event in self.events]


class Face:
    """A client used for one call at a time; `options` are its constructor's arguments."""

    name: str

    def __init__(self, base_url: str | None = None, **options: Any) -> None:
        self.base_url = base_url
        self.options = options

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method, such as ``"runs.get"``, and give back its result."""
        raise NotImplementedError

    def read(self, method: str, *args: Any, each: Each | None = None, **kwargs: Any) -> Reading:
        """Iterate the stream that a method gives to its end, or until `each` has had enough."""
        raise NotImplementedError


class SyncFace(Face):
    name = "sync"

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        with FlueClient(self.base_url, **self.options) as client:
            return attrgetter(method)(client)(*args, **kwargs)

    def read(self, method: str, *args: Any, each: Each | None = None, **kwargs: Any) -> Reading:
        events = []
        with (
            FlueClient(self.base_url, **self.options) as client,
            attrgetter(method)(client)(*args, **kwargs) as stream,
        ):
            for event in stream:
                events.append(event)
                if each and each(stream, event):
                    break
            return Reading(events, stream.offset, stream.up_to_date, stream.closed)


class AsyncFace(Face):
    name = "async"

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        async def main() -> Any:
            async with AsyncFlueClient(self.base_url, **self.options) as client:
                return await attrgetter(method)(client)(*args, **kwargs)

        return asyncio.run(main())

    def read(self, method: str, *args: Any, each: Each | None = None, **kwargs: Any) -> Reading:
        async def main() -> Reading:
            events = []
            async with (
                AsyncFlueClient(self.base_url, **self.options) as client,
                attrgetter(method)(client)(*args, **kwargs) as stream,
            ):
                async for event in stream:
                    events.append(event)
                    if each and each(stream, event):
                        break
                return Reading(events, stream.offset, stream.up_to_date, stream.closed)

        return asyncio.run(main())


FACES: dict[str, type[Face]] = {face.name: face for face in (SyncFace, AsyncFace)}
