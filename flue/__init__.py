"""Python client for Flue: talk to agents, start workflow runs, and follow what happens as typed objects.

`Conversation` and `AsyncConversation` are for Flue 2, `FlueClient` and `AsyncFlueClient` for Flue 1.0. The blocking
classes are on requests, the asyncio ones on httpx; methods and behaviour are the same. Importing this package loads
neither library: each name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from flue import models as _models

if TYPE_CHECKING:
    from flue._notebook import timeline as timeline
    from flue._notebook import to_frame as to_frame
    from flue._replay import replay as replay
    from flue.aio.client import AsyncFlueClient as AsyncFlueClient
    from flue.aio.conversation import AsyncConversation as AsyncConversation
    from flue.aio.conversation import AsyncConversationStream as AsyncConversationStream
    from flue.aio.conversation import AsyncObservation as AsyncObservation
    from flue.aio.many import AsyncFlueEventStreams as AsyncFlueEventStreams
    from flue.aio.stream import AsyncFlueEventStream as AsyncFlueEventStream
    from flue.codec import to_json as to_json
    from flue.config import Timeouts as Timeouts
    from flue.core.conversation import ConversationState as ConversationState
    from flue.core.conversation import Reply as Reply
    from flue.core.conversation import read_submission_reply as read_submission_reply
    from flue.core.retry import BackoffOptions as BackoffOptions
    from flue.core.retry import FailedAttempt as FailedAttempt
    from flue.errors import AbortError as AbortError
    from flue.errors import AuthenticationError as AuthenticationError
    from flue.errors import BadRequestError as BadRequestError
    from flue.errors import ConflictError as ConflictError
    from flue.errors import DurableStreamError as DurableStreamError
    from flue.errors import FlueApiError as FlueApiError
    from flue.errors import FlueConnectionError as FlueConnectionError
    from flue.errors import FlueError as FlueError
    from flue.errors import FlueExecutionError as FlueExecutionError
    from flue.errors import FlueTimeoutError as FlueTimeoutError
    from flue.errors import NotFoundError as NotFoundError
    from flue.errors import OffsetGoneError as OffsetGoneError
    from flue.errors import PermissionDeniedError as PermissionDeniedError
    from flue.errors import RateLimitedError as RateLimitedError
    from flue.errors import ServerError as ServerError
    from flue.errors import UnsupportedFlueEventVersionError as UnsupportedFlueEventVersionError
    from flue.models import *  # noqa: F403
    from flue.signals import AbortSignal as AbortSignal
    from flue.sync.client import FlueClient as FlueClient
    from flue.sync.conversation import Conversation as Conversation
    from flue.sync.conversation import ConversationStream as ConversationStream
    from flue.sync.conversation import Observation as Observation
    from flue.sync.many import FlueEventStreams as FlueEventStreams
    from flue.sync.stream import FlueEventStream as FlueEventStream
    from flue.types import UNSET as UNSET
    from flue.types import AgentPromptImage as AgentPromptImage
    from flue.types import Attachment as Attachment
    from flue.types import SignalMessage as SignalMessage
    from flue.types import StreamFailure as StreamFailure
    from flue.types import UserMessage as UserMessage

__version__ = "0.2.0"

_LAZY = {
    "AbortSignal": "flue.signals",
    "AgentPromptImage": "flue.types",
    "AsyncConversation": "flue.aio.conversation",
    "AsyncConversationStream": "flue.aio.conversation",
    "AsyncFlueClient": "flue.aio.client",
    "AsyncFlueEventStream": "flue.aio.stream",
    "AsyncFlueEventStreams": "flue.aio.many",
    "AsyncObservation": "flue.aio.conversation",
    "Attachment": "flue.types",
    "BackoffOptions": "flue.core.retry",
    "Conversation": "flue.sync.conversation",
    "ConversationState": "flue.core.conversation",
    "ConversationStream": "flue.sync.conversation",
    "FailedAttempt": "flue.core.retry",
    "FlueClient": "flue.sync.client",
    "FlueEventStream": "flue.sync.stream",
    "FlueEventStreams": "flue.sync.many",
    "Observation": "flue.sync.conversation",
    "Reply": "flue.core.conversation",
    "SignalMessage": "flue.types",
    "StreamFailure": "flue.types",
    "Timeouts": "flue.config",
    "UNSET": "flue.types",
    "UserMessage": "flue.types",
    "read_submission_reply": "flue.core.conversation",
    "replay": "flue._replay",
    "timeline": "flue._notebook",
    "to_frame": "flue._notebook",
    "to_json": "flue.codec",
    **dict.fromkeys(
        (
            "AbortError",
            "AuthenticationError",
            "BadRequestError",
            "ConflictError",
            "DurableStreamError",
            "FlueApiError",
            "FlueConnectionError",
            "FlueError",
            "FlueExecutionError",
            "FlueTimeoutError",
            "NotFoundError",
            "OffsetGoneError",
            "PermissionDeniedError",
            "RateLimitedError",
            "ServerError",
            "UnsupportedFlueEventVersionError",
        ),
        "flue.errors",
    ),
    **dict.fromkeys(_models.__all__, "flue.models"),
}

# The names of the models are the code generator's list.
__all__ = ["__version__", *_LAZY]  # noqa: PLE0604  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    home = _LAZY.get(name)
    if home is None:
        raise AttributeError(f"module 'flue' has no attribute {name!r}")
    try:
        module = importlib.import_module(home)
    except AttributeError as error:  # of a library that is too old; Python would take it for a missing name
        raise ImportError(f"flue.{name} cannot be loaded: {error}") from error
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
