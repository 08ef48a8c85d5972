"""Decoding functions of the models: a parsed JSON object becomes a model.

Generated from schemas/ by `python -m codegen`: do not edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flue._unknown import UnknownContent
from flue._wire_model import NO_EXTRA, DecodeError
from flue._wire_values import (
    fitting,
    from_iso,
    integer,
    items,
    leftover,
    misfit,
    nested,
    new,
    no_member,
    parse_time,
    unknown_tag,
)
from golden_models.common import Empty, Everything, Point
from golden_models.shapes import Circle, Drawing, Figure, KnownFigure, Polygon

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue._wire_model import Get, Model, Shape, Structure
    from golden_models.common import Colour

_COLOUR: Final[frozenset[Colour]] = frozenset({"red", 'it\'s "blue"'})

_POINT: Shape = (
    ("x", "x", "integer"),
    ("y", "y", "integer"),
)

_EMPTY: Shape = ()

_EVERYTHING: Shape = (
    ("from", "from_", "plain"),
    ("class", "class_", "plain"),
    ("str", "str_", "plain"),
    ("self", "self_", "plain"),
    ("items", "items", "integer"),
    ("input", "input", "plain"),
    ("payload", "payload", "json"),
    ("HTTPStatus2", "http_status2", "integer"),
    ("_private-name", "private_name", "plain"),
    ("meta", "meta", "plain"),
    ("colour", "colour", "plain"),
    ("text", "text", "nested"),
    ("origin", "origin", "nested"),
    ("lastSeen", "last_seen", "time"),
    ("parent", "parent", "nested"),
)

_CIRCLE: Shape = (
    ("kind", "kind", "plain"),
    ("radius", "radius", "plain"),
    ("name", "name", "plain"),
    ("v", "v", "integer"),
    ("createdAt", "created_at", "time"),
)

_POLYGON: Shape = (
    ("kind", "kind", "plain"),
    ("points", "points", "nested"),
    ("closed", "closed", "plain"),
)

_DRAWING: Shape = (
    ("shapes", "shapes", "nested"),
    ("figures", "figures", "nested"),
    ("background", "background", "nested"),
    ("tags", "tags", "plain"),
)


def structure_point(obj: dict[str, Any]) -> Point:
    get: Get = obj.get
    count = 2
    x = get("x")
    if type(x) is not int:
        x = integer("x", x)
        count -= 1
    y = get("y")
    if type(y) is not int:
        y = integer("y", y)
        count -= 1
    built = new(Point)
    built.x = x
    built.y = y
    built.wire_extra = NO_EXTRA
    if count != len(obj):
        built.wire_extra = leftover(built, obj, _POINT)
    return built


def structure_empty(obj: dict[str, Any]) -> Empty:
    count = 0
    built = new(Empty)
    built.wire_extra = NO_EXTRA
    if count != len(obj):
        built.wire_extra = leftover(built, obj, _EMPTY)
    return built


def structure_everything(obj: dict[str, Any]) -> Everything:
    get: Get = obj.get
    count = 3
    size = len(obj)
    from_ = get("from")
    if type(from_) is not str:
        raise misfit("from", "a string", from_)
    payload = get("payload")
    if payload is None and "payload" not in obj:
        raise misfit("payload", "a value", None)
    text = get("text")
    if type(text) is not str:
        text = items("text", structure_point, text)
    class_ = str_ = self_ = items_ = input_ = http_status2 = private_name = meta = colour = origin = None
    last_seen = parent = None
    if count != size:
        class_ = get("class")
        if class_ is not None:
            if type(class_) is not str:
                raise misfit("class", "a string", class_)
            count += 1
        str_ = get("str")
        if str_ is not None:
            if type(str_) is not str:
                raise misfit("str", "a string", str_)
            count += 1
        self_ = get("self")
        if self_ is not None:
            if type(self_) is not bool:
                raise misfit("self", "a boolean", self_)
            count += 1
    if count != size:
        items_ = get("items")
        if items_ is not None:
            if type(items_) is not int:
                items_ = integer("items", items_)
                count -= 1
            count += 1
        input_ = get("input")
        if input_ is not None:
            count += 1
        http_status2 = get("HTTPStatus2")
        if http_status2 is not None:
            if type(http_status2) is not int:
                http_status2 = integer("HTTPStatus2", http_status2)
                count -= 1
            count += 1
    if count != size:
        private_name = get("_private-name")
        if private_name is not None:
            if type(private_name) is not int and type(private_name) is not float:
                raise misfit("_private-name", "a number", private_name)
            count += 1
        meta = get("meta")
        if meta is not None:
            if type(meta) is not dict:
                raise misfit("meta", "an object", meta)
            count += 1
        colour = get("colour")
        if colour is not None:
            if type(colour) is not str or colour not in _COLOUR:
                raise no_member("colour", _COLOUR, colour)
            count += 1
    if count != size:
        origin = get("origin")
        if origin is not None:
            origin = fitting(structure_point, origin)
            count += 1
        last_seen = get("lastSeen")
        if last_seen is not None:
            if type(last_seen) is str and last_seen[4:20:3] == "--T::." and last_seen[23:] == "Z":
                try:
                    last_seen = from_iso(last_seen)
                except ValueError:
                    raise misfit("lastSeen", "a timestamp", last_seen) from None
            else:
                last_seen = parse_time("lastSeen", last_seen)
                count -= 1
            count += 1
        parent = get("parent")
        if parent is not None:
            parent = nested("parent", structure_everything, parent)
            count += 1
    built = new(Everything)
    built.from_ = from_
    built.class_ = class_
    built.str_ = str_
    built.self_ = self_
    built.items = items_
    built.input = input_
    built.payload = payload
    built.http_status2 = http_status2
    built.private_name = private_name
    built.meta = meta
    built.colour = colour
    built.text = text
    built.origin = origin
    built.last_seen = last_seen
    built.parent = parent
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _EVERYTHING)
    return built


def structure_circle(obj: dict[str, Any]) -> Circle:
    get: Get = obj.get
    count = 5
    if get("kind") != "circle":
        raise misfit("kind", '"circle"', get("kind"))
    radius = get("radius")
    if type(radius) is not int and type(radius) is not float:
        raise misfit("radius", "a number", radius)
    name = get("name")
    if type(name) is not str:
        raise misfit("name", "a string", name)
    v = get("v")
    if type(v) is not int:
        v = integer("v", v)
        count -= 1
    if v != 2:
        raise misfit("v", "2", v)
    created_at = get("createdAt")
    if type(created_at) is str and created_at[4:20:3] == "--T::." and created_at[23:] == "Z":
        try:
            created_at = from_iso(created_at)
        except ValueError:
            raise misfit("createdAt", "a timestamp", created_at) from None
    else:
        created_at = parse_time("createdAt", created_at)
        count -= 1
    built = new(Circle)
    built.radius = radius
    built.name = name
    built.v = 2
    built.created_at = created_at
    built.wire_extra = NO_EXTRA
    if count != len(obj):
        built.wire_extra = leftover(built, obj, _CIRCLE)
    return built


def structure_polygon(obj: dict[str, Any]) -> Polygon:
    get: Get = obj.get
    count = 2
    size = len(obj)
    if get("kind") != "polygon":
        raise misfit("kind", '"polygon"', get("kind"))
    points = get("points")
    points = items("points", structure_point, points)
    closed = None
    if count != size:
        closed = get("closed")
        if closed is not None:
            if type(closed) is not bool:
                raise misfit("closed", "a boolean", closed)
            count += 1
    built = new(Polygon)
    built.points = points
    built.closed = closed
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _POLYGON)
    return built


def structure_drawing(obj: dict[str, Any]) -> Drawing:
    get: Get = obj.get
    count = 1
    size = len(obj)
    shapes = get("shapes")
    shapes = items("shapes", structure_figure, shapes)
    figures = background = tags = None
    if count != size:
        figures = get("figures")
        if figures is not None:
            figures = items("figures", structure_known_figure, figures)
            count += 1
        background = get("background")
        if background is not None:
            background = nested("background", structure_circle, background)
            count += 1
        tags = get("tags")
        if tags is not None:
            if type(tags) is not list:
                raise misfit("tags", "an array", tags)
            count += 1
    built = new(Drawing)
    built.shapes = shapes
    built.figures = figures
    built.background = background
    built.tags = tags
    built.wire_extra = NO_EXTRA
    if count != size:
        built.wire_extra = leftover(built, obj, _DRAWING)
    return built


KNOWN_FIGURE: Final[dict[str, Callable[[dict[str, Any]], KnownFigure]]] = {
    "circle": structure_circle,
    "polygon": structure_polygon,
}

FIGURE: Final[dict[str, Callable[[dict[str, Any]], Figure]]] = {
    "circle": structure_circle,
    "polygon": structure_polygon,
}


def structure_known_figure(obj: dict[str, Any]) -> KnownFigure:
    tag = obj.get("kind")
    variant = KNOWN_FIGURE.get(tag) if isinstance(tag, str) else None
    if variant is None:
        raise DecodeError(("kind",), unknown_tag("kind", tag))
    return variant(obj)


def structure_figure(obj: dict[str, Any]) -> Figure:
    tag = obj.get("kind")
    variant = FIGURE.get(tag) if isinstance(tag, str) else None
    if variant is None:
        return UnknownContent(tag if isinstance(tag, str) else None, obj, unknown_tag("kind", tag))
    return variant(obj)


SHAPES: Final[dict[type[Model], Shape]] = {
    Point: _POINT,
    Empty: _EMPTY,
    Everything: _EVERYTHING,
    Circle: _CIRCLE,
    Polygon: _POLYGON,
    Drawing: _DRAWING,
}

STRUCTURES: Final[dict[Any, Structure]] = {
    Point: structure_point,
    Empty: structure_empty,
    Everything: structure_everything,
    Circle: structure_circle,
    Polygon: structure_polygon,
    Drawing: structure_drawing,
    KnownFigure: structure_known_figure,
    Figure: structure_figure,
}
