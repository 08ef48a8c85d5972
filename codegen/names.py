"""Names on the wire become Python names."""

from __future__ import annotations

import builtins
import keyword
import re
from typing import Final

# Names that an annotation or a decorator in a class body means; an attribute of that name would shadow them.
_ANNOTATION_NAMES: Final = frozenset({"str", "bool", "int", "float", "list", "dict", "datetime", "attrs"})
# Names that attrs, cattrs or the base class of the models use.
_MODEL_NAMES: Final = frozenset({"self", "cl", "converter", "wire_extra"})
# Names that the generated modules use beside those of the definitions.
_MODULE_NAMES: Final = frozenset(
    {
        *("Any", "Callable", "ClassVar", "Final", "Literal", "Mapping", "TypeAlias"),
        *("JSON", "Model", "WireModel"),
    }
)

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def attribute_name(wire: str) -> str:
    """Return the attribute for a property: `toolCallId` becomes `tool_call_id`, `from` becomes `from_`.

    Raises:
        ValueError: No name can be made of it.
    """
    words = _WORD.findall(wire)
    if re.search(r"[^A-Za-z0-9_.$@ -]", wire) or not words or words[0].isdigit():
        raise ValueError(f"{wire!r} cannot become a Python name")
    name = _join(words)
    if name == "wire_extra":
        raise ValueError(f"{wire!r} would become 'wire_extra', which holds what the schema does not name")
    return f"{name}_" if keyword.iskeyword(name) or name in _ANNOTATION_NAMES | _MODEL_NAMES else name


def class_name(name: str) -> str:
    """Return a definition's name if it can name a class.

    Raises:
        ValueError: It cannot.
    """
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name) or name in _MODULE_NAMES or hasattr(builtins, name):
        raise ValueError(f"{name!r} cannot name a class")
    return name


def function_name(name: str) -> str:
    """Return the snake_case form of a class name."""
    return _join(_WORD.findall(name))


def constant_name(name: str) -> str:
    """Return the upper-case form of a class name."""
    return function_name(name).upper()


def _join(words: list[str]) -> str:
    """Join words in snake_case; digits stay with the word before them: `sha256Sum` is `sha256_sum`."""
    name = ""
    for word in words:
        name += word.lower() if not name or word.isdigit() else f"_{word.lower()}"
    return name
