"""The error that a Flue server answers with, under the key `error` of the body.

Generated from schemas/public_error.json by `python -m codegen`: do not edit.
"""

from __future__ import annotations

import attrs

from flue.codec._base import JSON, WireModel


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class FluePublicError(WireModel):
    """The error that a Flue server answers with, under the key `error` of the body.

    Attributes:
        type: Stable type of the error, such as `run_not_found`.
        message: What went wrong, in one sentence.
        details: Longer explanation for people; may be empty.
        dev: Advice for the developer; only from a local development server.
        meta: Structured details, by the type of the error.
    """

    type: str
    message: str
    details: str
    dev: str | None = None
    meta: dict[str, JSON] | None = None
