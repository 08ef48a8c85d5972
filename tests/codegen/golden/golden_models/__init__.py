"""Typed models of what Flue sends, one class for each JSON object.

Generated from schemas/ by `python -m codegen`: do not edit.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flue.codec._unknown import UnknownContent as UnknownContent
    from golden_models.common import Colour as Colour
    from golden_models.common import Empty as Empty
    from golden_models.common import Everything as Everything
    from golden_models.common import Point as Point
    from golden_models.shapes import Circle as Circle
    from golden_models.shapes import Drawing as Drawing
    from golden_models.shapes import Figure as Figure
    from golden_models.shapes import KnownFigure as KnownFigure
    from golden_models.shapes import Path as Path
    from golden_models.shapes import Polygon as Polygon

_LAZY = {
    "Circle": "golden_models.shapes",
    "Colour": "golden_models.common",
    "Drawing": "golden_models.shapes",
    "Empty": "golden_models.common",
    "Everything": "golden_models.common",
    "Figure": "golden_models.shapes",
    "KnownFigure": "golden_models.shapes",
    "Path": "golden_models.shapes",
    "Point": "golden_models.common",
    "Polygon": "golden_models.shapes",
    "UnknownContent": "flue.codec._unknown",
}

__all__ = [
    "Circle",
    "Colour",
    "Drawing",
    "Empty",
    "Everything",
    "Figure",
    "KnownFigure",
    "Path",
    "Point",
    "Polygon",
    "UnknownContent",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'golden_models' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
