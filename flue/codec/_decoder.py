"""The items of a stream become typed events or chunks, one at a time."""

from __future__ import annotations

import logging
import typing
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Literal, TypeVar

import msgspec

from flue.codec._base import DecodeError, Model, is_model, unknown_tag
from flue.codec._unknown import Unknown, UnknownChunk, UnknownEvent
from flue.core import framing
from flue.errors import DurableStreamError, FlueError, UnsupportedFlueEventVersionError
from flue.models import AttachedAgentEvent, ConversationStreamItem, FlueEvent, RunEndEvent
from flue.models import _decode as direct
from flue.models._decode import BUILDERS

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SUPPORTED_VERSION", "ConversationChunkDecoder", "EventDecoder", "decode_event"]

SUPPORTED_VERSION: Final = 3
"""The event format that this version reads; servers stamp it on every event as `v`."""

T = TypeVar("T")

_RAW_TYPES: Final[frozenset[Any]] = frozenset({msgspec.Raw, bytes, bytearray, memoryview})
# What the direct decoding refuses: it says more than that can keep, or something wrong.
_REFUSED: Final = (msgspec.MsgspecError, ValueError, RecursionError)
_parse_strictly: Final = msgspec.json.Decoder().decode
_log: Final = logging.getLogger("flue")


class _Decoder(Generic[T]):
    """Decodes the items of one stream: directly where that loses nothing, else by way of a dictionary."""

    __slots__ = ("_logged", "_parse", "_variants", "_where")

    _noun: ClassVar[str]
    _unknown: ClassVar[type[Unknown]]
    _last: ClassVar[type[Model] | None] = None

    def __init__(self, union: Any, parse: Callable[[Any], Any], log_where: str) -> None:
        self._variants = _variants(union)
        self._parse = parse
        self._where = f"{log_where}: " if log_where else ""
        self._logged: set[tuple[str | None, bool]] = set()

    def __call__(self, item: Any) -> T:
        """Decode one item.

        Args:
            item: JSON text as `msgspec.Raw` or bytes, or a JSON value that was parsed already.

        Raises:
            FlueError: The item cannot be decoded.
        """
        if type(item) not in _RAW_TYPES:
            return self._decode_slow(item)
        try:
            wire = self._parse(item)
            decoded: T = BUILDERS[type(wire)](wire)
        except _REFUSED:
            return self._decode_slow(item)
        return decoded

    def decode_many(self, items: list[Any]) -> list[T]:
        """Decode items up to the first that cannot be decoded or that ends a run, without these.

        The same as one call for each, without the calls: they would be a twelfth of the time.
        """
        parse, last = self._parse, self._last
        decoded: list[T] = []
        try:
            for item in items:
                if type(item) in _RAW_TYPES:
                    try:
                        wire = parse(item)
                        one: T = BUILDERS[type(wire)](wire)
                    except _REFUSED:
                        one = self._decode_slow(item)
                else:
                    one = self._decode_slow(item)
                if type(one) is last:
                    break
                decoded.append(one)
        except FlueError:
            pass  # for the pull that gets to that item
        return decoded

    def _decode_slow(self, item: Any) -> T:
        """Decode an item by way of a dictionary: whatever it is, and with all that it says."""
        obj = self._checked(self._parse_any(item) if type(item) in _RAW_TYPES else item)
        tag = obj.get("type")
        variant = self._variants.get(tag) if type(tag) is str else None
        if variant is None:
            return self._not_understood(obj, unknown_tag("type", tag))
        try:
            return typing.cast("T", _slow_decode()(variant, obj))
        except DecodeError as error:
            return self._not_understood(obj, str(error))

    def _parse_any(self, text: Any) -> Any:
        """Parse JSON text of any of the raw types, as strictly as it allows."""
        try:
            return _parse_strictly(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        try:
            return framing.parse_json(bytes(text))
        except framing.DecodeError as error:
            raise DurableStreamError("PARSE_ERROR", f"{_an(self._noun)} is not JSON: {error}") from error

    def _checked(self, obj: Any) -> dict[str, Any]:
        """Return the item if it can be one of this stream at all."""
        raise NotImplementedError

    def _not_understood(self, obj: dict[str, Any], problem: str) -> T:
        tag = obj.get("type")
        wire_type = tag if isinstance(tag, str) else None
        known = wire_type in self._variants
        if (wire_type, known) not in self._logged:
            self._logged.add((wire_type, known))
            if known:
                subject = f"a {wire_type!r} {self._noun} does not fit its schema: "
            else:
                subject = f"{_an(self._noun)} {'whose' if wire_type is None else 'of'} "
            _log.warning("%s%s%s; it arrives as %s", self._where, subject, problem, self._unknown.__name__)
        return typing.cast("T", self._unknown(wire_type, obj, problem))


class EventDecoder(_Decoder[FlueEvent]):
    """Decodes the events of one stream.

    An event of an unknown type, or one that does not fit its schema, becomes an `UnknownEvent` and is logged at
    WARNING, once for each type and kind of problem.

    Calling it with an item raises `UnsupportedFlueEventVersionError` where that is not an event of version 3, and
    `DurableStreamError` (`PARSE_ERROR`) where it is not JSON, is nested too deep, or has an integer of thousands of
    digits.

    Args:
        kind: `run` for the stream of a workflow run, `agent` for that of an agent.
        log_where: What the stream belongs to, for the log: `run run_1`.
    """

    __slots__ = ()
    _noun = "event"
    _unknown = UnknownEvent
    _last = RunEndEvent

    def __init__(self, kind: Literal["run", "agent"] = "run", log_where: str = "") -> None:
        super().__init__(FlueEvent if kind == "run" else AttachedAgentEvent, _direct_parser(kind), log_where)

    def _checked(self, obj: Any) -> dict[str, Any]:
        if obj.__class__ is not dict:
            raise UnsupportedFlueEventVersionError(None)
        if obj.get("v") != SUPPORTED_VERSION:
            raise UnsupportedFlueEventVersionError(obj.get("v"))
        checked: dict[str, Any] = obj
        return checked


class ConversationChunkDecoder(_Decoder[ConversationStreamItem]):
    """Decodes the items of one conversation's stream: its chunks, and the checkpoints between them.

    A chunk of an unknown type, or one that does not fit its schema, becomes an `UnknownChunk` and is logged at WARNING,
    once for each type and kind of problem.

    Calling it with an item raises `DurableStreamError` (`PARSE_ERROR`) where that is not a JSON object, is nested too
    deep, or has an integer of thousands of digits.

    Args:
        log_where: What the stream belongs to, for the log: `conversation https://host/agents/support/1`.
    """

    __slots__ = ()
    _noun = "chunk"
    _unknown = UnknownChunk

    def __init__(self, log_where: str = "") -> None:
        super().__init__(ConversationStreamItem, _direct_parser("conversation"), log_where)

    def _checked(self, obj: Any) -> dict[str, Any]:
        if obj.__class__ is not dict:
            raise DurableStreamError("PARSE_ERROR", "a chunk is not an object")
        checked: dict[str, Any] = obj
        return checked


def decode_event(obj: Any) -> FlueEvent:
    """Decode one event, raw or parsed; see `EventDecoder` for what it becomes and what is raised."""
    return EventDecoder()(obj)


@cache
def _variants(union: Any) -> dict[str, type[Model]]:
    return {getattr(member, "type"): member for member in typing.get_args(union) if is_model(member)}  # noqa: B009


@cache
def _slow_decode() -> Callable[[type[Model], Any], Model]:
    from flue.codec._structure import decode  # noqa: PLC0415  # loads cattrs: many streams do without

    return decode


@cache
def _direct_parser(kind: Literal["run", "agent", "conversation"]) -> Callable[[Any], Any]:
    structs = {
        "run": direct.FLUE_EVENT,
        "agent": direct.ATTACHED_AGENT_EVENT,
        "conversation": direct.CONVERSATION_STREAM_ITEM,
    }
    return msgspec.json.Decoder(structs[kind]).decode


def _an(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
