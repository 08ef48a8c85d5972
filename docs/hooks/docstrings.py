"""Griffe extension: has docstrings shown as their readers want them."""

from __future__ import annotations

import re
from typing import Any

import griffe


class Docstrings(griffe.Extension):
    """Changes them as they are loaded.

    `Example:` becomes the section that Google calls `Examples:`, so that code is shown as code. What a generated
    module says of itself is for those who open the file.
    """

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for every object of the library."""
        if obj.docstring is None:
            return
        if obj.is_module and obj.path.startswith("flue.models."):
            obj.docstring = None
        else:
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
