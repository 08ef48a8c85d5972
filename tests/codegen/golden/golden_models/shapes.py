"""A shape of a drawing.

Generated from schemas/shapes.json by `python -m codegen`: do not edit.
"""

# ruff: noqa: TC001, TC003  (whoever resolves the annotations at run time finds their names here)

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal, TypeAlias

import attrs

from flue.codec._base import JSON, WireModel
from flue.codec._unknown import UnknownContent
from golden_models.common import Point


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class Item(WireModel):
    """What every item has: lent to others, no class of its own.

    Attributes:
        v: Version of the format.
        created_at: When it was made.
        name: Its name.
    """

    v: Literal[2] = 2
    created_at: datetime
    name: str | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class Circle(Item):
    """A circle.

    Attributes:
        kind: The kind of shape.
        radius: Its radius.
        name: A circle always has a name.
    """

    kind: ClassVar[Literal["circle"]] = "circle"

    radius: float
    name: str  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class Polygon(WireModel):
    r"""A polygon.

    This sentence makes the description so long that its first sentence has to become the summary line of the docstring.

    A second paragraph, with a "quote" and a back\slash.

    Attributes:
        kind: The kind of shape.
        points: Its corners.
        closed: Whether the last corner meets the first.
        filled: Whether it is filled.
        hole: A hole in it: a member of a union on its own.
        centre: A point where it is one.
        label: Any JSON.
        moved_at: When it was moved.
    """

    kind: ClassVar[Literal["polygon"]] = "polygon"

    points: list[Point]
    closed: bool | None = None
    filled: bool = False
    hole: Circle | None = None
    centre: Point | JSON = None
    label: JSON = None
    moved_at: datetime | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class Path(WireModel):
    """A line between points.

    Attributes:
        kind: Always `path`, so that comparing it narrows.
        style: How it is drawn.
        closed: Whether its end meets its start.
    """

    kind: ClassVar[Literal["path"]] = "path"

    style: str
    closed: bool = False


Figure: TypeAlias = Circle | Polygon | Path | UnknownContent
"""A shape of a drawing."""

KnownFigure: TypeAlias = Circle | Polygon
"""A shape of a known kind."""


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class Drawing(WireModel):
    """A drawing.

    Attributes:
        shapes: What it shows.
        figures: The same, of known kinds only.
        background: A circle.
        tags: Anything.
    """

    shapes: list[Figure]
    figures: list[KnownFigure] | None = None
    background: Circle | None = None
    tags: list[JSON] | None = None
