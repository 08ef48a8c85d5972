"""Lays out Python text the way `ruff format` does, so that generated files need no formatter."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

WIDTH: Final = 120


def bracketed(head: str, parts: Iterable[str], tail: str, *, explode: bool = False) -> list[str]:
    """Lay out a bracketed list: on one line where it fits, else one element a line with a trailing comma.

    Args:
        head: The text up to and with the opening bracket.
        parts: The elements.
        tail: The closing bracket and what follows it.
        explode: Give every element its line even where they would fit on one.
    """
    elements = list(parts)
    line = head + ", ".join(elements) + tail
    if not elements or (len(line) <= WIDTH and not explode):
        return [line]
    indent = head[: len(head) - len(head.lstrip())]
    return [head, *(f"{indent}    {element}," for element in elements), indent + tail]


def alternatives(head: str, members: list[str]) -> list[str]:
    """Lay out `Name = A | B | C`, in parentheses with one member a line where it is too long."""
    line = head + " | ".join(members)
    if len(line) <= WIDTH:
        return [line]
    return [f"{head}(", f"    {members[0]}", *(f"    | {member}" for member in members[1:]), ")"]


def docstring(description: str, attributes: Iterable[tuple[str, str]] = (), indent: str = "") -> list[str]:
    """Lay out a docstring in Google style: the description, then its `Attributes:` section."""
    lines: list[str] = []
    for paragraph in _paragraphs(description, WIDTH - len(indent) - 7):
        if lines:
            lines.append("")
        lines += _wrapped(paragraph, indent, indent, reserve=0 if lines else 4)
    described = list(attributes)
    if described:
        lines += ["", f"{indent}Attributes:"]
        for name, text in described:
            lines += _wrapped(f"{name}: {text}", indent + "    ", indent + "        ")
    raw = "r" if any("\\" in line for line in lines) else ""
    lines[0] = f'{indent}{raw}"""{lines[0].lstrip()}'
    if len(lines) == 1 and len(lines[0]) + 3 <= WIDTH and not lines[0].endswith('"'):
        return [f'{lines[0]}"""']
    return [*lines, f'{indent}"""']


def quoted(text: str) -> str:
    """Return a string literal: in double quotes, unless single ones need less escaping."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    signs = (sign if sign in "'\"" else repr(sign)[1:-1] for sign in text)
    return quote + "".join(f"\\{sign}" if sign == quote else sign for sign in signs) + quote


def _paragraphs(description: str, width: int) -> list[str]:
    """Split a description so that its first paragraph is one line, if its first sentence is short enough."""
    first, *others = description.split("\n\n")
    summary, dot, rest = first.partition(". ")
    if len(first) > width and dot:
        return [f"{summary}.", rest, *others]
    return [first, *others]


def _wrapped(text: str, first: str, later: str, reserve: int = 0) -> list[str]:
    """Wrap a paragraph; `reserve` columns of its first line stay free for the quotes."""
    lines = textwrap.wrap(
        text.replace('"""', "'''"),
        WIDTH,
        initial_indent=first + " " * reserve,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )
    lines[0] = first + lines[0].lstrip()
    return lines
