"""A shape of a drawing.

Generated from schemas/shapes.json by `python -m codegen`: do not edit.
"""

# ruff: noqa: TC001, TC003  (whoever resolves the annotations at run time finds their names here)

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeAlias

import attrs

from flue.codec._base import JSON, NO_EXTRA, Model
from flue.codec._unknown import UnknownContent
from golden_models.common import Point


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class Circle(Model):
    """A circle.

    Attributes:
        kind: The kind of shape.
        radius: Its radius.
        name: A circle always has a name.
        v: Version of the format.
        created_at: When it was made.
        wire_extra: What came with the object and is not in the attributes: unknown keys, explicit nulls, other
            spellings of a value.
    """

    kind: ClassVar[Literal["circle"]] = "circle"

    radius: float
    name: str
    v: Literal[2] = 2
    created_at: datetime
    wire_extra: Mapping[str, Any] = NO_EXTRA


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class Polygon(Model):
    r"""A polygon.

    This sentence makes the description so long that its first sentence has to become the summary line of the docstring.

    A second paragraph, with a "quote" and a back\slash.

    Attributes:
        kind: The kind of shape.
        points: Its corners.
        closed: Whether the last corner meets the first.
        wire_extra: What came with the object and is not in the attributes: unknown keys, explicit nulls, other
            spellings of a value.
    """

    kind: ClassVar[Literal["polygon"]] = "polygon"

    points: list[Point]
    closed: bool | None = None
    wire_extra: Mapping[str, Any] = NO_EXTRA


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class Path(Model):
    """A line between points.

    Attributes:
        kind: Always `path`, so that comparing it narrows.
        style: How it is drawn.
        closed: Whether its end meets its start.
        wire_extra: What came with the object and is not in the attributes: unknown keys, explicit nulls, other
            spellings of a value.
    """

    kind: ClassVar[Literal["path"]] = "path"

    style: str
    closed: bool = False
    wire_extra: Mapping[str, Any] = NO_EXTRA


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class Drawing(Model):
    """A drawing.

    Attributes:
        shapes: What it shows.
        figures: The same, of known kinds only.
        background: A circle.
        tags: Anything.
        wire_extra: What came with the object and is not in the attributes: unknown keys, explicit nulls, other
            spellings of a value.
    """

    shapes: list[Figure]
    figures: list[KnownFigure] | None = None
    background: Circle | None = None
    tags: list[JSON] | None = None
    wire_extra: Mapping[str, Any] = NO_EXTRA


KnownFigure: TypeAlias = Circle | Polygon
"""A shape of a known kind."""

Figure: TypeAlias = Circle | Polygon | Path | UnknownContent
"""A shape of a drawing."""
