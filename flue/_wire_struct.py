"""What the generated direct decoding shares."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["Indirect", "struct"]


class Indirect(ValueError):  # noqa: N818  # no fault of anybody's
    """The JSON text says more than the direct way can keep; the decoding functions of the models can."""


def struct(name: str, tag_field: str, tag: str, *fields: tuple[Any, ...]) -> Any:
    """Make the struct that a model's JSON is parsed into.

    Args:
        name: of the model.
        tag_field: the key of its tag; empty for none.
        tag: the value of its tag.
        fields: attribute, key, type, and for an optional one what stands for its absence.
    """
    return msgspec.defstruct(
        name,
        [(attribute, *kind) for attribute, _, *kind in fields],
        rename={attribute: key for attribute, key, *_ in fields},
        tag_field=tag_field or None,
        tag=tag or None,
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,  # lives for a moment, and holds no cycle
    )
