"""The cattrs converter for users whose own classes hold models."""

from __future__ import annotations

import typing
from typing import Any, Final

import cattrs

from flue.codec._base import Model, is_model, type_error, union_members
from flue.codec._decoder import ConversationChunkDecoder, EventDecoder
from flue.codec._encode import to_json
from flue.codec._structure import Hook, structure_hook
from flue.models import AttachedAgentEvent, ConversationChunk, ConversationStreamItem, FlueEvent

__all__ = ["converter"]

_DECODERS: Final = {
    frozenset(typing.get_args(union)): decoder
    for union, decoder in (
        (FlueEvent, EventDecoder()),
        (AttachedAgentEvent, EventDecoder("agent")),
        (ConversationChunk, ConversationChunkDecoder()),
        (ConversationStreamItem, ConversationChunkDecoder()),
    )
}


def _is_models(type_: Any) -> bool:
    """Tell whether a type is a model or a union of models, with or without None."""
    members = union_members(type_)
    return all(isinstance(member, type) and issubclass(member, Model) for member in members) and any(
        map(is_model, members)
    )


def _hook(type_: Any) -> Hook:
    """Make the hook for a model or a union of models: events and chunks are decoded as those of a stream are."""
    decoder = _DECODERS.get(frozenset(union_members(type_)))
    if decoder is None:
        return structure_hook(type_)

    def hook(value: Any, _: Any) -> Any:
        if value is None and type(None) in typing.get_args(type_):
            return None
        if value.__class__ is not dict:
            raise type_error("an object", value)
        return decoder(value)

    return hook


converter: Final = cattrs.Converter()
"""The converter of this package, for users whose own classes hold models: `converter.structure(value, MyClass)`."""

converter.register_structure_hook_factory(_is_models, _hook)
converter.register_unstructure_hook(Model, to_json)
