"""Names of all models, for whoever must not import the models to know them.

Generated from schemas/ by `python -m codegen`: do not edit.
"""

from __future__ import annotations

from typing import Final

NAMES: Final = (
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
)
