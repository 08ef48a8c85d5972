"""Typed models of what Flue sends, one class for each JSON object.

Generated from schemas/ by `python -m codegen`: do not edit.
"""

from __future__ import annotations

from flue._unknown import UnknownContent
from golden_models.common import Colour, Empty, Everything, Point
from golden_models.shapes import Circle, Drawing, Figure, KnownFigure, Polygon

__all__ = [
    "Circle",
    "Colour",
    "Drawing",
    "Empty",
    "Everything",
    "Figure",
    "KnownFigure",
    "Point",
    "Polygon",
    "UnknownContent",
]
