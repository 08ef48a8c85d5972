"""Griffe extension: has `Example:` read as the section that Google calls `Examples:`, so that code is shown as code."""

from __future__ import annotations

import re
from typing import Any

import griffe


class ExampleSections(griffe.Extension):
    """Renames the headings as docstrings are loaded."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for every object of the library."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
