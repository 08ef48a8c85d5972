"""JSON and models: what arrives becomes typed objects, typed objects and the caller's values become JSON.

The only package that knows cattrs. Like `flue` itself it loads each name when it is first used, so the models can be
built on `flue.codec._base`, and whoever decodes nothing loads neither cattrs nor the models.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flue.codec._base import JSON as JSON
    from flue.codec._base import DecodeError as DecodeError
    from flue.codec._converter import converter as converter
    from flue.codec._decoder import SUPPORTED_VERSION as SUPPORTED_VERSION
    from flue.codec._decoder import ConversationChunkDecoder as ConversationChunkDecoder
    from flue.codec._decoder import EventDecoder as EventDecoder
    from flue.codec._decoder import decode_event as decode_event
    from flue.codec._encode import dumps_input as dumps_input
    from flue.codec._encode import to_json as to_json
    from flue.codec._structure import decode as decode
    from flue.codec._structure import decode_agent_prompt_response as decode_agent_prompt_response
    from flue.codec._structure import decode_run_record as decode_run_record

_LAZY = {
    "ConversationChunkDecoder": "_decoder",
    "DecodeError": "_base",
    "EventDecoder": "_decoder",
    "JSON": "_base",
    "SUPPORTED_VERSION": "_decoder",
    "converter": "_converter",
    "decode": "_structure",
    "decode_agent_prompt_response": "_structure",
    "decode_event": "_decoder",
    "decode_run_record": "_structure",
    "dumps_input": "_encode",
    "to_json": "_encode",
}

__all__ = [*_LAZY]  # noqa: PLE0604  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'flue.codec' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"flue.codec.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
