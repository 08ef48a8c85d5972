"""One way to say what a scenario does, carried out by either client: one call, or one stream, at a time."""

from __future__ import annotations

from contextlib import closing
from operator import attrgetter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from faces import harness

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
        self.options = {"base_url": base_url, "timeout": None, **options}

    def _driver(self) -> harness.Face:
        server: Any = SimpleNamespace(base_url=self.base_url or "")
        return harness.Face(is_async=self.name == "async", server=server, **self.options)

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method, such as ``"runs.get"``, and give back its result."""
        with closing(self._driver()) as face:
            return face.wait(attrgetter(method)(face.client), *args, **kwargs)

    def read(self, method: str, *args: Any, each: Each | None = None, **kwargs: Any) -> Reading:
        """Iterate the stream that a method gives to its end, or until `each` has had enough."""
        events = []
        with closing(self._driver()) as face:
            stream = harness.Stream(face, attrgetter(method)(face.client)(*args, **kwargs))
            with closing(stream):
                for event in stream:
                    events.append(event)
                    if each and each(stream.inner, event):
                        break
                return Reading(events, stream.offset, stream.up_to_date, stream.closed)


class SyncFace(Face):
    name = "sync"


class AsyncFace(Face):
    name = "async"


FACES: dict[str, type[Face]] = {face.name: face for face in (SyncFace, AsyncFace)}
