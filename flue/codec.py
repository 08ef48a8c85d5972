"""JSON and models: what arrives becomes typed objects, typed objects and the caller's values become JSON.

The only module that knows cattrs. Its converter carries the generated functions, so a model is decoded by straight-line
code that was written for it, alone or inside the user's own attrs classes.
"""

from __future__ import annotations

import json
import logging
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, TypeVar

import cattrs
import msgspec

from flue._encode import dumps_input, to_json
from flue._unknown import UnknownEvent
from flue._wire_model import JSON, DecodeError, Model
from flue._wire_values import fitting, type_name, unknown_tag
from flue.errors import DurableStreamError, FlueError, UnsupportedFlueEventVersionError
from flue.models import AgentPromptResponse, AttachedAgentEvent, FlueEvent, RunEndEvent, RunRecord
from flue.models import _direct as direct
from flue.models._direct import READ
from flue.models._structure import ATTACHED_AGENT_EVENT, FLUE_EVENT, STRUCTURES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flue._wire_model import Structure

__all__ = [
    "JSON",
    "SUPPORTED_VERSION",
    "DecodeError",
    "EventDecoder",
    "converter",
    "decode",
    "decode_agent_prompt_response",
    "decode_event",
    "decode_run_record",
    "dumps_input",
    "to_json",
]

SUPPORTED_VERSION: Final = 3
"""The event format that this version reads; servers stamp it on every event as `v`."""

M = TypeVar("M", bound=Model)

_RAW_TYPES: Final[frozenset[Any]] = frozenset({msgspec.Raw, bytes, bytearray, memoryview})
# What the direct way refuses: it says more than that can keep, or something wrong.
_REFUSED: Final = (ValueError, RecursionError)
_parse_strictly: Final = msgspec.json.Decoder().decode
_log: Final = logging.getLogger("flue")


class EventDecoder:
    """Decodes the items of one stream, one at a time.

    An event of an unknown type, or one that does not fit its schema, becomes an `UnknownEvent` and is logged at
    WARNING, once for each type and kind of problem.

    Args:
        kind: `run` for the stream of a workflow run, `agent` for that of an agent.
        log_where: What the stream belongs to, for the log: `run run_1`.
    """

    __slots__ = ("_logged", "_parse", "_variants", "_where")

    def __init__(self, kind: Literal["run", "agent"] = "run", log_where: str = "") -> None:
        self._variants = FLUE_EVENT if kind == "run" else ATTACHED_AGENT_EVENT
        self._parse = _direct_parser(kind)
        self._where = f"{log_where}: " if log_where else ""
        self._logged: set[tuple[str | None, bool]] = set()

    def __call__(self, item: Any) -> FlueEvent:
        """Decode one item.

        Args:
            item: JSON text as `msgspec.Raw` or bytes, or a JSON value that was parsed already.

        Raises:
            UnsupportedFlueEventVersionError: The item is not an event of version 3.
            DurableStreamError: `PARSE_ERROR`: the item is not JSON, is nested too deep, or has an integer of
                thousands of digits.
        """
        if item.__class__ not in _RAW_TYPES:
            return self._indirect(item)
        try:
            wire = self._parse(item)
            event: FlueEvent = READ[wire.__class__](wire)
        except _REFUSED:
            return self._indirect(item)
        return event

    def decode_many(self, items: list[Any]) -> list[FlueEvent]:
        """Decode items up to the first that cannot be decoded or that ends a run, without these.

        The same as one call for each, without the calls: they would be a twelfth of the time.
        """
        parse = self._parse
        events: list[FlueEvent] = []
        try:
            for item in items:
                if item.__class__ in _RAW_TYPES:
                    try:
                        wire = parse(item)
                        event: FlueEvent = READ[wire.__class__](wire)
                    except _REFUSED:
                        event = self._indirect(item)
                else:
                    event = self._indirect(item)
                if event.__class__ is RunEndEvent:
                    break
                events.append(event)
        except FlueError:
            pass  # for the pull that gets to that item
        return events

    def _indirect(self, item: Any) -> FlueEvent:
        """Decode an item by way of a dictionary: whatever it is, and with all that it says."""
        obj = _parse(item) if item.__class__ in _RAW_TYPES else item
        if obj.__class__ is not dict:
            raise UnsupportedFlueEventVersionError(None)
        if obj.get("v") != SUPPORTED_VERSION:
            raise UnsupportedFlueEventVersionError(obj.get("v"))
        tag = obj.get("type")
        variant = self._variants.get(tag) if type(tag) is str else None
        if variant is None:
            return self._unknown(obj, unknown_tag("type", tag))
        try:
            return variant(obj)
        except DecodeError as error:
            return self._unknown(obj, str(error))

    def _unknown(self, obj: dict[str, Any], problem: str) -> UnknownEvent:
        tag = obj.get("type")
        wire_type = tag if isinstance(tag, str) else None
        known = wire_type in self._variants
        if (wire_type, known) not in self._logged:
            self._logged.add((wire_type, known))
            subject = f"a {wire_type!r} event does not fit its schema: " if known else "an event of "
            _log.warning("%s%s%s; it arrives as UnknownEvent", self._where, subject, problem)
        return UnknownEvent(wire_type, obj, problem)


@cache
def _direct_parser(kind: Literal["run", "agent"]) -> Callable[[Any], Any]:
    return msgspec.json.Decoder(direct.FLUE_EVENT if kind == "run" else direct.ATTACHED_AGENT_EVENT).decode


def _parse(text: Any) -> Any:
    """Parse JSON text of any of the raw types."""
    try:
        return _parse_strictly(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _parse_leniently(bytes(text))


def _parse_leniently(text: bytes) -> Any:
    """Parse what JavaScript accepts and a strict parser refuses: lone surrogates, and bytes that are not UTF-8."""
    try:
        return json.loads(text.decode("utf-8", "replace"), parse_constant=_refuse_constant)
    except RecursionError:
        raise DurableStreamError("PARSE_ERROR", "an event is nested too deep") from None
    except ValueError as error:
        raise DurableStreamError("PARSE_ERROR", f"an event is not JSON: {error}") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def decode_event(obj: Any) -> FlueEvent:
    """Decode one event, raw or parsed; see `EventDecoder` for what it becomes and what is raised."""
    return EventDecoder()(obj)


_structures: Final[Mapping[Any, Structure]] = {
    **STRUCTURES,
    FlueEvent: decode_event,
    AttachedAgentEvent: EventDecoder("agent"),
}


def _make_converter() -> cattrs.Converter:
    made = cattrs.Converter()
    made.register_structure_hook_factory(_structures.__contains__, _hook)
    made.register_unstructure_hook(Model, to_json)
    return made


def _hook(type_: Any) -> Callable[[Any, Any], Any]:
    """Return the decoding function of a model or a union as cattrs calls it, for whatever value it is given."""
    structure = _structures[type_]

    def hook(obj: Any, _: Any) -> Any:
        if obj.__class__ is not dict:
            raise DecodeError((), f"expected an object, found {type_name(obj)}")
        return structure(obj)

    return hook


converter: Final = _make_converter()
"""The converter of this package, for users whose own classes hold models: `converter.structure(value, MyClass)`."""

_structure_run_record: Final = converter.get_structure_hook(RunRecord)


def decode(model: type[M], obj: Any) -> M:
    """Decode a JSON value that was parsed already.

    Args:
        model: The class of `flue.models` that it should become.
        obj: The value.

    Raises:
        DecodeError: The value does not fit the schema of the class.
    """
    return converter.structure(obj, model)


def decode_run_record(obj: Any) -> RunRecord:
    """Decode the record of a run.

    Raises:
        DecodeError: The value is no run record.
    """
    record: RunRecord = _structure_run_record(obj, RunRecord)
    return record


def decode_agent_prompt_response(obj: Any) -> AgentPromptResponse | JSON:
    """Return an agent's answer as an `AgentPromptResponse` where it has that shape, else the JSON as it is."""
    return fitting(STRUCTURES[AgentPromptResponse], obj)
