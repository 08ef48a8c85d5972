"""Direct decoding: JSON text becomes a model without a dictionary in between.

Generated from schemas/ by `python -m codegen`: do not edit.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from flue._wire_model import NO_EXTRA
from flue._wire_struct import Indirect, struct
from flue._wire_values import from_iso, new
from golden_models.common import Point
from golden_models.shapes import Circle, Polygon

_CIRCLE: Final[Any] = struct(
    "Circle",
    "kind",
    "circle",
    ("radius", "radius", int | float),
    ("name", "name", str),
    ("v", "v", Literal[2]),
    ("created_at", "createdAt", str),
)

_POINT: Final[Any] = struct(
    "Point",
    "",
    "",
    ("x", "x", int),
    ("y", "y", int),
)

_POLYGON: Final[Any] = struct(
    "Polygon",
    "kind",
    "polygon",
    ("points", "points", list[_POINT]),
    ("closed", "closed", bool, None),
)

FIGURE: Final[Any] = _CIRCLE | _POLYGON


def _circle(wire: Any) -> Circle:
    built = new(Circle)
    built.radius = wire.radius
    built.name = wire.name
    built.v = 2
    value = wire.created_at
    if value[4:20:3] != "--T::." or value[23:] != "Z":
        raise Indirect
    built.created_at = from_iso(value)
    built.wire_extra = NO_EXTRA
    return built


def _point(wire: Any) -> Point:
    built = new(Point)
    built.x = wire.x
    built.y = wire.y
    built.wire_extra = NO_EXTRA
    return built


def _polygon(wire: Any) -> Polygon:
    built = new(Polygon)
    value = wire.points
    built.points = [_point(element) for element in value]
    built.closed = wire.closed
    built.wire_extra = NO_EXTRA
    return built


READ: Final[dict[Any, Any]] = {
    _CIRCLE: _circle,
    _POINT: _point,
    _POLYGON: _polygon,
}
