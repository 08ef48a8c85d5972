"""Schemas in scratch directories, and the command line of the generator on them."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from codegen.__main__ import Target
from codegen.load import DIALECT

if TYPE_CHECKING:
    from pathlib import Path

MINIMAL: dict[str, Any] = {
    "$schema": DIALECT,
    "$id": "thing.json",
    "title": "Things",
    "description": "Things.",
    "$defs": {
        "Colour": {"type": "string", "description": "A colour.", "enum": ["red", "blue"]},
        "Circle": {
            "type": "object",
            "description": "A circle.",
            "properties": {
                "kind": {"const": "circle", "description": "."},
                "r": {"type": "number", "description": "."},
            },
            "required": ["kind"],
        },
        "Square": {
            "type": "object",
            "description": "A square.",
            "properties": {
                "kind": {"const": "square", "description": "."},
                "a": {"type": "number", "description": "."},
            },
            "required": ["kind"],
        },
        "Figure": {"description": "A shape.", "oneOf": [{"$ref": "#/$defs/Circle"}, {"$ref": "#/$defs/Square"}]},
        "Thing": {
            "type": "object",
            "description": "A thing.",
            "properties": {
                "name": {"type": "string", "description": "Its name."},
                "size": {"type": "integer", "description": "Its size."},
                "madeAt": {"type": "string", "format": "date-time", "description": "When it was made."},
                "shapes": {"type": "array", "items": {"$ref": "#/$defs/Figure"}, "description": "Its shapes."},
                "colour": {"$ref": "#/$defs/Colour", "description": "Its colour."},
                "any": {"description": "Anything.", "anyOf": [{"$ref": "#/$defs/Circle"}, {}]},
            },
            "required": ["name"],
        },
    },
}


def changed(pointer: str, value: Any) -> dict[str, Any]:
    """The minimal schema with one value set; an Ellipsis removes it."""
    schema = copy.deepcopy(MINIMAL)
    *steps, last = pointer.split("/")
    target: Any = schema
    for step in steps:
        target = target[int(step) if isinstance(target, list) else step]
    if value is ...:
        del target[last]
    else:
        target[int(last) if isinstance(target, list) else last] = value
    return schema


def target(directory: Path, fallbacks: dict[str, str] | None = None) -> Target:
    return Target(
        schemas=directory / "schemas",
        directory=directory / "scratch_models",
        package="scratch_models",
        fallbacks=fallbacks or {},
    )


def put(directory: Path, schema: dict[str, Any], name: str = "thing.json") -> Target:
    """Write a schema file into a scratch directory."""
    (directory / "schemas").mkdir(exist_ok=True)
    (directory / "schemas" / name).write_text(json.dumps(schema))
    return target(directory)
