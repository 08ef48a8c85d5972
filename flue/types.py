"""Small public values that are arguments or results of both faces."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Literal

import attrs

from flue.errors import FlueError  # noqa: TC001  # cattrs and others resolve the annotations at run time

__all__ = ["UNSET", "AgentPromptImage", "Live", "StreamFailure", "Unset", "check_base64", "shorten_data"]

Live = bool | Literal["long-poll", "sse"]
"""How a stream waits for news: True is `"long-poll"`, False catches up and ends."""


class Unset:
    """The type of `UNSET`."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset()
"""The argument was not given; None is JSON `null`."""

MAX_CHARACTERS = 14 * 1024 * 1024
"""The most base64 characters of one image that Flue takes."""


def check_base64(data: object, what: str) -> None:
    """Data of an image as `bytes` or as base64 text; `ValueError` or `TypeError` naming `what` for anything else."""
    if isinstance(data, bytes):
        size = (len(data) + 2) // 3 * 4
    elif isinstance(data, str):
        size = len(data)
    else:
        raise TypeError(f"the data of {what} must be bytes or base64 str, not {type(data).__name__}")
    if not data:
        raise ValueError(f"the data of {what} must not be empty")
    if size > MAX_CHARACTERS:
        raise ValueError(f"{what} has {size} base64 characters, Flue takes {MAX_CHARACTERS} at most")
    if isinstance(data, str):
        try:
            base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError) as error:
            message = f"the data of {what} is not base64 (no line breaks, no 'data:' before it): {error}"
            raise ValueError(message) from None


def _check_data(_image: object, _attribute: attrs.Attribute[Any], data: object) -> None:
    check_base64(data, "an image")


def _check_mime_type(_image: object, _attribute: attrs.Attribute[Any], mime_type: Any) -> None:
    if not isinstance(mime_type, str):
        raise TypeError(f"the mime_type of an image must be str, not {type(mime_type).__name__}")
    if not mime_type.strip():
        raise ValueError("the mime_type of an image must not be empty")


def shorten_data(data: bytes | str) -> str:
    """The data in a `repr`."""
    return f"<{len(data)} {'bytes' if isinstance(data, bytes) else 'base64 characters'}>"


@attrs.frozen
class AgentPromptImage:
    """An image for an agent to look at. The agent's model must be able to.

    Attributes:
        data: the image itself as `bytes`, or as base64 text; at most 14 MiB of base64 characters (10.5 MiB of bytes).
        mime_type: its media type, such as `image/png`.

    Raises:
        ValueError: the data is empty, too large or no base64, or the media type is empty.
        TypeError: an argument of the wrong type.

    Example:
        >>> AgentPromptImage(b"GIF89a", "image/gif").base64
        'R0lGODlh'
    """

    data: bytes | str = attrs.field(validator=_check_data, repr=shorten_data)
    mime_type: str = attrs.field(validator=_check_mime_type)

    @property
    def base64(self) -> str:
        """The data as base64 text."""
        return base64.b64encode(self.data).decode("ascii") if isinstance(self.data, bytes) else self.data


@attrs.frozen
class StreamFailure:
    """What `stream_many()` yields instead of an event when one run cannot be read on; the others go on.

    Attributes:
        error: why.
        offset: from which that run can be resumed.
        type: `stream_failure`, beside the types of the events.
    """

    error: FlueError
    offset: str
    type: Literal["stream_failure"] = attrs.field(default="stream_failure", init=False)
