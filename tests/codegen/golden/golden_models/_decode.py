"""Direct decoding: JSON text becomes a model without a dictionary in between.

Generated from schemas/ by `python -m codegen`: do not edit.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import UNSET

from flue.codec._base import AFTER, NO_EXTRA, SEPARATORS, NeedsSlowPath, from_iso, new, own_copy, struct
from golden_models.common import Point
from golden_models.shapes import Circle, Polygon

_ITEM: Final = (
    ("v", "v", Literal[2]),
    ("created_at", "createdAt", str),
    ("name", "name", str, None),
)

_CIRCLE: Final[Any] = struct(
    "Circle",
    ("radius", "radius", int | float),
    ("name", "name", str),
    tag=("kind", "circle"),
    shared=_ITEM,
)

_CIRCLE_ALONE: Final[Any] = struct(
    "Circle",
    ("kind", "kind", Literal["circle"]),
    ("radius", "radius", int | float),
    ("name", "name", str),
    shared=_ITEM,
)

_POINT: Final[Any] = struct(
    "Point",
    ("x", "x", int),
    ("y", "y", int),
)

_POLYGON: Final[Any] = struct(
    "Polygon",
    ("points", "points", list[_POINT]),
    ("closed", "closed", bool, None),
    ("filled", "filled", bool, None),
    ("hole", "hole", _CIRCLE_ALONE, None),
    ("centre", "centre", Any, UNSET),
    ("label", "label", Any, UNSET),
    ("moved_at", "movedAt", str, None),
    tag=("kind", "polygon"),
)

FIGURE: Final[Any] = _CIRCLE | _POLYGON


def _item(model: Any, wire: Any) -> None:
    model.v = 2
    value = wire.created_at
    if value[SEPARATORS] != "--T::." or value[AFTER] != "Z":
        raise NeedsSlowPath
    model.created_at = from_iso(value)
    model.name = wire.name
    model.wire_extra = NO_EXTRA


_base_of_circle: Final = own_copy(_item)


def _circle(wire: Any) -> Circle:
    model = new(Circle)
    _base_of_circle(model, wire)
    model.radius = wire.radius
    return model


def _point(wire: Any) -> Point:
    model = new(Point)
    model.x = wire.x
    model.y = wire.y
    model.wire_extra = NO_EXTRA
    return model


def _polygon(wire: Any) -> Polygon:
    model = new(Polygon)
    value = wire.points
    model.points = [_point(item) for item in value]
    model.closed = wire.closed
    if wire.filled is False:
        raise NeedsSlowPath
    model.filled = wire.filled is True
    value = wire.hole
    model.hole = None if value is None else _circle(value)
    if wire.centre is not UNSET:
        raise NeedsSlowPath
    model.centre = None
    value = wire.label
    if value is None:
        raise NeedsSlowPath
    model.label = None if value is UNSET else value
    value = wire.moved_at
    if value is None:
        model.moved_at = None
    else:
        if value[SEPARATORS] != "--T::." or value[AFTER] != "Z":
            raise NeedsSlowPath
        model.moved_at = from_iso(value)
    model.wire_extra = NO_EXTRA
    return model


BUILDERS: Final[dict[Any, Any]] = {
    _CIRCLE: _circle,
    _POINT: _point,
    _POLYGON: _polygon,
    _CIRCLE_ALONE: _circle,
}
