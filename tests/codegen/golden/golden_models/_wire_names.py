"""Keys on the wire of the models' attributes.

Generated from schemas/ by `python -m codegen`: do not edit.
"""

from __future__ import annotations

from typing import Final

WIRE_NAMES: Final[dict[str, str]] = {
    "class_": "class",
    "created_at": "createdAt",
    "from_": "from",
    "http_status2": "HTTPStatus2",
    "last_seen": "lastSeen",
    "moved_at": "movedAt",
    "private_name": "_private-name",
    "self_": "self",
    "str_": "str",
}
"""The key of an attribute, where it is not the attribute's name."""

PREFIXED: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "Path": {"style": ("kind", "path:")},
}
"""The attributes of a model that hold the end of a string, with its key and the beginning of it."""
