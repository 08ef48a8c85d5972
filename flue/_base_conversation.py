"""What the conversations of both faces have in common."""

# ruff: noqa: TC001  (whoever resolves the annotations at run time finds their names here)

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Self, cast

import flue
from flue import _conversation_requests as builders
from flue._base import BaseStream
from flue.config import Settings
from flue.core.protocol import Phase
from flue.errors import FlueError

if TYPE_CHECKING:
    from flue.core.conversation_protocol import ObservationProtocol

__all__ = ["BaseConversation", "BaseObservation"]


class BaseObservation(BaseStream["flue.ConversationState"]):
    """What can be read of an observation at any time."""

    @property
    def state(self) -> flue.ConversationState | None:
        """The newest state; None before the first one."""
        return self._observed.state

    @property
    def phase(self) -> Phase:
        """`loading`, `connecting`, `live`, `absent` (no such conversation), `error` (see `.error`) or `closed`."""
        return "closed" if self._token.cause is not None else self._observed.phase

    @property
    def error(self) -> FlueError | None:
        """Why the phase is `absent` or `error`, or why an attempt is about to be retried; else None."""
        return self._observed.error

    def refresh(self) -> None:
        """Read the history again at once, also after `absent` and `error`: the next pull goes on.

        A thread or task that waits for the next state looks again within 100 ms. Does nothing once the observation is
        closed.
        """
        self._observed.refresh()
        self._token.interrupt()

    @property
    def _observed(self) -> ObservationProtocol:
        return cast("ObservationProtocol", self._machine)


class BaseConversation:
    """What a conversation knows without a request."""

    _transport: Any
    _settings: Settings
    _owns_transport: bool

    @classmethod
    def for_client(cls, transport: object, settings: Settings, segments: tuple[object, ...]) -> Self:
        """What `client.conversation()` returns: closing it leaves the client's connections open."""
        conversation = cls.__new__(cls)
        conversation._bind(transport, builders.conversation_settings(settings, segments), owns_transport=False)  # noqa: SLF001  # of this very class
        return conversation

    def _bind(self, transport: object, settings: Settings, *, owns_transport: bool) -> None:
        self._transport = transport
        self._settings = settings
        self._owns_transport = owns_transport

    @property
    def url(self) -> str:
        """The conversation's URL, without a trailing slash."""
        return self._settings.base_url

    def attachment_url(self, id: str) -> str:
        """Where the bytes of a file part are; reading them needs the conversation's token."""
        return builders.attachment_url(self._settings, id)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a conversation holds connections and cannot be pickled; make one in each process")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"
