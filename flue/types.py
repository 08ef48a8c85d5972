"""Small public values that are arguments or results of both faces."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, cast

import attrs

from flue.errors import FlueError  # noqa: TC001  # cattrs and others resolve the annotations at run time

__all__ = [
    "UNSET",
    "AgentPromptImage",
    "Attachment",
    "Live",
    "SignalMessage",
    "StreamFailure",
    "Unset",
    "UserMessage",
    "check_attachments",
]

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


def _check_base64(data: object, what: str) -> None:
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


def _check_data(value: object, _attribute: attrs.Attribute[Any], data: object) -> None:
    _check_base64(data, "an image" if isinstance(value, AgentPromptImage) else "an attachment")


def _check_mime_type(_image: object, _attribute: attrs.Attribute[Any], mime_type: Any) -> None:
    if not isinstance(mime_type, str):
        raise TypeError(f"the mime_type of an image must be str, not {type(mime_type).__name__}")
    if not mime_type.strip():
        raise ValueError("the mime_type of an image must not be empty")


def _shorten_data(data: bytes | str) -> str:
    """The data in a `repr`."""
    return f"<{len(data)} {'bytes' if isinstance(data, bytes) else 'base64 characters'}>"


@attrs.frozen
class AgentPromptImage:
    """An image for an agent to look at. The agent's model must be able to.

    Attributes:
        data: The image itself as `bytes`, or as base64 text; at most 14 MiB of base64 characters (10.5 MiB of bytes).
        mime_type: Its media type, such as `image/png`.

    Raises:
        ValueError: The data is empty, too large or no base64, or the media type is empty.
        TypeError: An argument of the wrong type.

    Example:
        >>> AgentPromptImage(b"GIF89a", "image/gif").base64
        'R0lGODlh'
    """

    data: bytes | str = attrs.field(validator=_check_data, repr=_shorten_data)
    mime_type: str = attrs.field(validator=_check_mime_type)

    @property
    def base64(self) -> str:
        """The data as base64 text."""
        return base64.b64encode(self.data).decode("ascii") if isinstance(self.data, bytes) else self.data


_TAG_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def _check_str(value: object, attribute: attrs.Attribute[Any], text: object) -> None:
    if not isinstance(text, str):
        raise TypeError(f"the {attribute.name} of a {type(value).__name__} must be str, not {type(text).__name__}")


def _check_not_empty(value: object, attribute: attrs.Attribute[Any], text: str) -> None:
    if not text.strip():
        raise ValueError(f"the {attribute.name} of a {type(value).__name__} must not be empty")


@attrs.frozen
class Attachment:
    """An image that goes with a user's message. The agent's model must be able to look at it.

    Attributes:
        data: The image itself as `bytes`, or as base64 text; at most 14,680,064 base64 characters (10.5 MiB of bytes).
        mime_type: Its media type, such as `image/png`.
        filename: Its name, or None.

    Raises:
        ValueError: The data is empty, too large or no base64, or the media type is empty.
        TypeError: An argument of the wrong type.

    Example:
        >>> Attachment(b"GIF89a", "image/gif", "dot.gif").base64
        'R0lGODlh'
    """

    data: bytes | str = attrs.field(validator=_check_data, repr=_shorten_data)
    mime_type: str = attrs.field(validator=[_check_str, _check_not_empty])
    filename: str | None = attrs.field(default=None, validator=attrs.validators.optional(_check_str))

    @property
    def base64(self) -> str:
        """The data as base64 text."""
        return base64.b64encode(self.data).decode("ascii") if isinstance(self.data, bytes) else self.data


def check_attachments(value: object) -> tuple[Attachment, ...]:
    """`TypeError` for what is not several `Attachment`s."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise TypeError(f"attachments must be a list of Attachment, not {type(value).__name__}")  # pyright: ignore[reportUnknownArgumentType]
    found = tuple(cast("Iterable[object]", value))
    for index, attachment in enumerate(found):
        if not isinstance(attachment, Attachment):
            raise TypeError(f"attachments[{index}] must be an Attachment, not {type(attachment).__name__}")
    return cast("tuple[Attachment, ...]", found)


def _attributes(value: object) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise TypeError(f"the attributes of a SignalMessage must be a mapping, not {type(value).__name__}")
    found = dict(cast("Mapping[object, object]", value))
    for name, text in found.items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise TypeError(f"the attributes of a SignalMessage must be texts by name, but {name!r} is not")
    return cast("dict[str, str]", found)


def _check_tag_name(_value: object, _attribute: attrs.Attribute[Any], name: str) -> None:
    if not _TAG_NAME.fullmatch(name):
        raise ValueError(f"the tag_name of a SignalMessage must be an XML name without a colon, not {name!r}")


@attrs.frozen
class UserMessage:
    """A user's turn.

    Attributes:
        body: What the user says; may be empty.
        attachments: Images that go with it.

    Raises:
        TypeError: An argument of the wrong type.

    Example:
        >>> UserMessage("What is on this picture?", [Attachment(b"GIF89a", "image/gif")]).attachments
        (Attachment(data=<6 bytes>, mime_type='image/gif', filename=None),)
    """

    body: str = attrs.field(validator=_check_str)
    attachments: tuple[Attachment, ...] = attrs.field(default=(), converter=check_attachments)


@attrs.frozen
class SignalMessage:
    """News from elsewhere that an agent is told: not a user's turn, but handled like one.

    Attributes:
        type: What kind of news it is, in the application's own words; Flue's own types are refused by the server.
        body: The news; may be empty.
        attributes: Texts by name that go with it, or None.
        tag_name: The XML element in which the model is shown it; None for Flue's own.

    Raises:
        ValueError: The type is empty, or the tag is no XML name.
        TypeError: An argument of the wrong type.

    Example:
        >>> SignalMessage("deploy", "Version 7 is live.", {"service": "shop"}).type
        'deploy'
    """

    type: str = attrs.field(validator=[_check_str, _check_not_empty])
    body: str = attrs.field(validator=_check_str)
    attributes: Mapping[str, str] | None = attrs.field(default=None, converter=_attributes)
    tag_name: str | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.and_(_check_str, _check_tag_name))
    )


@attrs.frozen
class StreamFailure:
    """What `stream_many()` yields instead of an event when one run cannot be read on; the others go on.

    Attributes:
        error: Why.
        offset: From which that run can be resumed.
        type: `stream_failure`, beside the types of the events.
    """

    error: FlueError
    offset: str
    type: Literal["stream_failure"] = attrs.field(default="stream_failure", init=False)
