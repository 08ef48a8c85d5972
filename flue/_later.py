"""Modules that are loaded when they are first used: what decodes events takes longer to load than all the rest."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["Later"]


class Later:
    """Stands for a module. Each name is looked up there once."""

    def __init__(self, module: str) -> None:
        """Args: module: its dotted name."""
        self._module = module

    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module(self._module), name)
        setattr(self, name, value)
        return value
