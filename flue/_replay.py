"""`replay()`: saved events, typed again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flue.codec import EventDecoder
from flue.core import framing
from flue.errors import DurableStreamError

if TYPE_CHECKING:
    from flue.models import FlueEvent

__all__ = ["replay"]


def replay(source: str | os.PathLike[str] | Iterable[str | bytes | Mapping[str, Any]]) -> Iterator[FlueEvent]:
    """The typed events of a recording: JSON lines (as the command line writes them) or one saved JSON page.

    Events are decoded as they are pulled, so a file may be larger than memory when it holds JSON lines.

    Args:
        source: a path; or lines, from an open file for instance, each a JSON object as text, bytes or parsed; or the
            lines
            of a JSON array.

    Raises:
        OSError: the file cannot be read.
        DurableStreamError: `PARSE_ERROR`, with the number of the line that is not JSON.
        UnsupportedFlueEventVersionError: an event of another format version.

    Example:
        >>> event = {"v": 3, "type": "log", "level": "info", "message": "hello", "eventIndex": 0,
        ...          "timestamp": "2026-11-23T09:14:54.876Z"}
        >>> [event.message for event in replay([event])]
        ['hello']
    """
    if isinstance(source, str | os.PathLike):
        return _replay_file(Path(source))
    return _replay_lines(iter(source))


def _replay_file(path: Path) -> Iterator[FlueEvent]:
    with path.open("rb") as lines:
        yield from _replay_lines(lines)


def _replay_lines(lines: Iterator[str | bytes | Mapping[str, Any]]) -> Iterator[FlueEvent]:
    decode = EventDecoder("run", "replay")
    for number, line in enumerate(lines, 1):
        if isinstance(line, Mapping):
            yield decode(dict(line))
            continue
        text = _bytes(line)
        if number == 1:
            text = text.removeprefix(b"\xef\xbb\xbf")
        text = text.strip()
        if text.startswith(b"["):
            rest = b"\n".join(_bytes(more) for more in lines if not isinstance(more, Mapping))
            for item in _parse(text + b"\n" + rest, number):
                yield decode(item)
        elif text:
            for item in _parse(text, number):
                yield decode(item)


def _bytes(line: str | bytes) -> bytes:
    return line if isinstance(line, bytes) else line.encode("utf-8", "surrogatepass")


def _parse(text: bytes, number: int) -> list[Any]:
    try:
        return framing.split_page(text)
    except framing.Malformed as error:
        raise DurableStreamError("PARSE_ERROR", f"line {number} is not JSON: {error}") from None
