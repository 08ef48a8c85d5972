"""Parts of events in words, on one line each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from flue.cli.text import clean, one_line

if TYPE_CHECKING:
    from flue.cli.tree import Totals

__all__ = [
    "arguments",
    "clock",
    "compact",
    "count",
    "duration",
    "failure",
    "message_text",
    "pretty",
    "tool_result",
    "totals",
]

_LONGEST = 2000
"""Characters of a value that are looked at for a line: more than any line has."""


def duration(milliseconds: float) -> str:
    """A length of time, as exact as a person wants it."""
    if round(milliseconds) < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    return f"{seconds:.1f} s" if round(seconds, 1) < 60 else clock(round(seconds))


def clock(seconds: float) -> str:
    """A length of time as minutes and seconds, with hours where there are any."""
    minutes, rest = divmod(max(int(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def count(number: int, noun: str) -> str:
    """A number and what it counts."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def compact(value: Any) -> str:
    """A JSON value on one line."""
    return one_line(_dumps(value)[:_LONGEST])


def pretty(value: Any, indent: int | None = 2) -> list[str]:
    """The lines of a JSON value for reading: text as it is, everything else indented."""
    return clean(value if isinstance(value, str) else _dumps(value, indent)).split("\n")


def arguments(value: Any) -> str:
    """What a tool is called with, as in a call."""
    if value is None:
        return ""
    if not isinstance(value, dict):
        return compact(value)
    members = cast("dict[str, Any]", value)
    return ", ".join(f"{one_line(name[:_LONGEST])}={compact(member)}" for name, member in members.items())


def tool_result(value: Any) -> str:
    """What a tool gave back: its text where it has some, else the JSON."""
    text = _content_text(value)
    return compact(value) if text is None else one_line(text[:_LONGEST])


def failure(error: Any) -> str:
    """Why something failed, from whatever the server recorded."""
    if isinstance(error, dict):
        members = cast("dict[str, Any]", error)
        name, message = members.get("name"), members.get("message")
        if isinstance(message, str):
            return one_line(f"{name}: {message}" if isinstance(name, str) and name != "Error" else message)
    return "no error was recorded" if error is None else compact(error)


def message_text(message: Any) -> tuple[str, str]:
    """Who speaks in a message, and its text. The shape of messages is not promised, so nothing is taken for granted."""
    if not isinstance(message, dict):
        return "", ""
    role = cast("dict[str, Any]", message).get("role")
    return role if isinstance(role, str) else "", _content_text(message) or ""


def totals(seen: Totals) -> str:
    """Tokens and cost, or nothing where no model was at work."""
    if not seen.turns:
        return ""
    cost = f", cost {seen.cost:.4f}" if seen.cost else ""
    tokens = f"{count(seen.tokens, 'token')} ({seen.input:,} in, {seen.output:,} out)"
    return f"{count(seen.turns, 'turn')}, {tokens}{cost}"


def _content_text(value: Any) -> str | None:
    """The text of a `content`, which is text itself or a list of parts."""
    if not isinstance(value, dict):
        return None
    content = cast("dict[str, Any]", value).get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    elements: Any = content  # pyright: ignore[reportUnknownVariableType]  # JSON: looked at one by one below
    parts = [cast("dict[str, Any]", part) for part in elements if isinstance(part, dict)]
    texts = [part["text"] for part in parts if part.get("type") == "text" and isinstance(part.get("text"), str)]
    return "".join(texts) if texts else None


def _dumps(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)
