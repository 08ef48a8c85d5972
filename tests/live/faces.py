"""One way to say what a scenario does, carried out by either client: one call, or one stream, at a time."""

from __future__ import annotations

from contextlib import closing
from operator import attrgetter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from faces import harness

from .server import TOKEN

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

    def __init__(self, url: str | None = None, **options: Any) -> None:
        self.url = url
        self.options = {"timeout": None, **options}

    def _driver(self) -> harness.Face:
        server: Any = SimpleNamespace(base_url=self.url or "")
        return harness.Face(is_async=self.name == "async", server=server, **{"base_url": self.url, **self.options})

    def _client(self, driver: harness.Face) -> Any:
        return driver.client

    def _stream(self, driver: harness.Face, method: str, *args: Any, **kwargs: Any) -> harness.Stream:
        return harness.Stream(driver, attrgetter(method)(driver.client)(*args, **kwargs))

    def call(self, method: str | Callable[[Any], Callable[..., Any]], *args: Any, **kwargs: Any) -> Any:
        """Call a method, such as ``"runs.get"`` (or found by a function of the client), and give back its result."""
        find = attrgetter(method) if isinstance(method, str) else method
        with closing(self._driver()) as driver:
            return driver.wait(find(self._client(driver)), *args, **kwargs)

    def read(self, method: str, *args: Any, each: Each | None = None, **kwargs: Any) -> Reading:
        """Iterate the stream that a method gives to its end, or until `each` has had enough."""
        events = []
        with closing(self._driver()) as driver, closing(self._stream(driver, method, *args, **kwargs)) as stream:
            for event in stream:
                events.append(event)
                if each and each(stream.inner, event):
                    break
            return Reading(events, stream.offset, stream.up_to_date, stream.closed)


class Client(Face):
    """The same of a conversation, whose URL it is given."""

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **{"token": TOKEN, "timeout": 60.0, **options})

    def _client(self, driver: harness.Face) -> Any:
        return driver.conversation(url=self.url).inner

    def _stream(self, driver: harness.Face, method: str, *args: Any, **kwargs: Any) -> harness.Stream:
        return getattr(driver.conversation(url=self.url), method)(*args, **kwargs)

    def items(self, method: str, *args: Any, until: Callable[[Any], object] | None = None, **kwargs: Any) -> list[Any]:
        """What comes from `stream` or `observe`, to the end, or until something satisfies `until`."""
        return self.read(method, *args, each=until and (lambda _stream, item: until(item)), **kwargs).events


def _named(kind: type[Any]) -> dict[str, Any]:
    return {name: type(f"{name}_{kind.__name__}", (kind,), {"name": name}) for name in ("sync", "async")}


FACES: dict[str, type[Face]] = _named(Face)
CLIENTS: dict[str, type[Client]] = _named(Client)
