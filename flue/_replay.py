"""`replay()`: saved events, typed again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from flue.codec import EventDecoder
from flue.core import framing
from flue.errors import DurableStreamError, UnsupportedFlueEventVersionError
from flue.models import FlueEvent  # noqa: TC001  # whoever resolves the annotations at run time finds it here

__all__ = ["replay"]

_BOM = b"\xef\xbb\xbf"

JsonLine = str | bytes | Mapping[str, Any]


def replay(source: str | os.PathLike[str] | Iterable[JsonLine]) -> Iterator[FlueEvent]:
    """The typed events of a recording: JSON lines (as the command line writes them) or one saved JSON page.

    Events are decoded as they are pulled, so a file may be larger than memory when it holds JSON lines. Blank lines
    and a byte order mark are passed over. Events of unknown types arrive as `UnknownEvent`, as in a live stream.

    Args:
        source: A path; or lines, from an open file for instance, each a JSON object as text, UTF-8 bytes or parsed; or
            the lines of a JSON array.

    Raises:
        TypeError: Neither a path nor lines.
        OSError: The file cannot be read.
        DurableStreamError: `PARSE_ERROR`, with the number of the line that is not JSON.
        UnsupportedFlueEventVersionError: An event of another format version, or no event; a note names the line.

    Example:
        >>> event = {"v": 3, "type": "log", "level": "info", "message": "hello", "eventIndex": 0,
        ...          "timestamp": "2026-11-23T09:14:54.876Z"}
        >>> [event.message for event in replay([event])]
        ['hello']
    """
    if isinstance(source, str | os.PathLike):
        return _replay_file(Path(source))
    if isinstance(source, bytes | bytearray | Mapping):  # iterable, but not of lines
        raise TypeError("replay() takes a path or an iterable of lines, not one line")
    return _replay_lines(iter(source))


def _replay_file(path: Path) -> Iterator[FlueEvent]:
    with path.open("rb") as lines:
        yield from _replay_lines(lines)


def _replay_lines(lines: Iterator[JsonLine]) -> Iterator[FlueEvent]:
    decode = EventDecoder("run", "replay")
    for number, line in enumerate(lines, 1):
        for item in _items(line, number, lines):
            try:
                yield decode(item)
            except DurableStreamError as error:
                problem = str(error).removeprefix(f"{error.code}: ")
                raise DurableStreamError(error.code, f"line {number}: {problem}") from None
            except UnsupportedFlueEventVersionError as error:
                error.add_note(f"in the recording's line {number}")
                raise


def _items(line: JsonLine, number: int, rest: Iterator[JsonLine]) -> list[Any]:
    """The items of a line: one, or those of a page, which may take the rest of the lines."""
    if isinstance(line, Mapping):
        return [dict(line)]
    text = _bytes(line)
    if number == 1:
        text = text.removeprefix(_BOM)
    text = text.strip()
    if not text.startswith(b"["):
        return [text] if text else []
    try:
        return framing.split_array(text)
    except framing.DecodeError:
        text = b"\n".join([text, *(_bytes(more) for more in rest)])
    try:
        return framing.split_array(text)
    except framing.DecodeError as error:
        raise DurableStreamError("PARSE_ERROR", f"the page that begins in line {number} is not JSON: {error}") from None


def _bytes(line: object) -> bytes:
    if isinstance(line, str):
        # A lone surrogate, which JavaScript may cut out of an emoji, becomes its JSON escape.
        return line.encode("utf-8", "backslashreplace")
    if isinstance(line, bytes | bytearray):
        return bytes(line)
    raise TypeError(f"a line must be str, bytes or a mapping, not {type(line).__name__}")
