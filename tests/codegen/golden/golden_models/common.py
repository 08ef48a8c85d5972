"""Every type that a property may have.

Generated from schemas/common.json by `python -m codegen`: do not edit.
"""

# ruff: noqa: TC003  (whoever resolves the annotations at run time finds their names here)

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

import attrs

from flue.codec._base import JSON, WireModel

Colour: TypeAlias = Literal["red", 'it\'s "blue"']
"""A colour."""


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class Point(WireModel):
    """A point.

    Attributes:
        x: To the right.
        y: Upwards.
    """

    x: int
    y: int


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class Empty(WireModel):
    """An object that has nothing."""


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class Everything(WireModel):
    """One property of each type, required and not, under names that are hard on Python.

    Attributes:
        from_: A keyword.
        class_: Another.
        str_: A name that annotations use.
        self_: A name that constructors use.
        items: A name that the decoding function uses.
        input: Any JSON, and the name of a builtin.
        payload: Any JSON that has to be there, null included.
        http_status2: Capitals and a digit.
        private_name: Signs that no name may have.
        meta: An object with any keys.
        colour: One of a few strings.
        text: Text, or points.
        origin: A point where it is one.
        last_seen: A moment.
        parent: A model within itself.
    """

    from_: str
    class_: str | None = None
    str_: str | None = None
    self_: bool | None = None
    items: int | None = None
    input: JSON = None
    payload: JSON
    http_status2: int | None = None
    private_name: float | None = None
    meta: dict[str, JSON] | None = None
    colour: Colour | None = None
    text: str | list[Point]
    origin: Point | JSON = None
    last_seen: datetime | None = None
    parent: Everything | None = None
