"""The state of the server: streams of events and documents, in memory or in a SQLite file too.

Offsets are positions of events: ``-1`` before the first one, then 16 digits twice, the first half always zero.
Usable from any thread.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path


ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def to_json(value: Any) -> bytes:
    """JSON as ``JSON.stringify`` writes it: no spaces, other scripts as they are, lone surrogates escaped.

    Raises:
        ValueError: NaN, an infinity or a cycle.
        TypeError: Something that JSON does not know.
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace")


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def make_id(prefix: str) -> str:
    """An id such as ``run_01M83TZSJPHJDJ3DMV544RP15Q``: 48 bits of time, 80 of chance."""
    return f"{prefix}_{_base32((time.time_ns() // 1_000_000) << 80 | secrets.randbits(80))}"


def stable_id(prefix: str, name: str) -> str:
    return f"{prefix}_{_base32(int.from_bytes(hashlib.sha256(name.encode()).digest()[:16]))}"


def _base32(number: int) -> str:
    """128 bits in Crockford's alphabet."""
    return "".join(ALPHABET[number >> shift & 31] for shift in range(125, -5, -5))


Event: TypeAlias = Mapping[str, Any] | str | bytes
"""An event of the wire; text and bytes are JSON already and served untouched."""

ENVELOPE = ("v", "eventIndex", "timestamp")


def format_offset(position: int) -> str:
    return "-1" if position == -1 else f"{0:016d}_{position:016d}"


def parse_offset(offset: str) -> int:
    """The position that an offset names. Its first half means nothing, and padding is not needed."""
    return -1 if offset == "-1" else int(offset.partition("_")[2])


def agent_path(name: str, instance_id: str) -> str:
    """The path of the stream of an agent instance or a conversation."""
    return f"agents/{name}/{instance_id}"


def now_text() -> str:
    """The time as JavaScript writes it: UTC, milliseconds, ``Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class Stream:
    """The events of one run or agent instance, as JSON."""

    events: list[bytes] = field(default_factory=list[bytes])
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """What one read found."""

    events: list[bytes]
    next_position: int
    up_to_date: bool
    closed: bool


SCHEMA = """
CREATE TABLE IF NOT EXISTS streams (path TEXT PRIMARY KEY, closed INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (path TEXT, position INTEGER, data BLOB, PRIMARY KEY (path, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS documents (path TEXT PRIMARY KEY, data BLOB NOT NULL);
"""

# Unlike INSERT OR REPLACE it leaves the row where it is: documents are loaded in the order of their making.
PUT_DOCUMENT = "INSERT INTO documents VALUES (?, ?) ON CONFLICT (path) DO UPDATE SET data = excluded.data"


class Store:
    """Streams and documents by their path: ``runs/ID``, ``agents/NAME/ID``. In memory, and written through to a file.

    What is done to a stream that does not exist raises `KeyError`.

    Args:
        database: A SQLite file where everything is written as well, and read from at the start. What a call has written
            is on disk, as far as a killed process is concerned, when it returns.
    """

    def __init__(self, database: str | Path | None = None) -> None:
        self._lock = threading.RLock()
        self._streams: dict[str, Stream] = {}
        self._documents: dict[str, Any] = {}
        self.on_change: Callable[[str], None] = lambda _: None
        """Called with the path of a stream, in the thread that changed it, after the change."""
        self._db: sqlite3.Connection | None = None
        if database is not None:
            self._db = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
            self._load(self._db)

    def _load(self, db: sqlite3.Connection) -> None:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = OFF")
        db.executescript(SCHEMA)
        for path, closed in db.execute("SELECT path, closed FROM streams"):
            self._streams[path] = Stream(closed=bool(closed))
        for path, data in db.execute("SELECT path, data FROM events ORDER BY path, position"):
            self._streams[path].events.append(data)
        for path, data in db.execute("SELECT path, data FROM documents ORDER BY rowid"):
            self._documents[path] = json.loads(data)

    def _write(self, statement: str, *values: object) -> None:
        if self._db is not None:
            self._db.execute(statement, values)

    def _write_events(self, path: str, first: int, events: Sequence[bytes]) -> None:
        """All or none."""
        if self._db is not None:
            self._db.execute("BEGIN")
            with self._db:
                rows = ((path, position, event) for position, event in enumerate(events, first))
                self._db.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)

    def create_stream(self, path: str) -> bool:
        """Make a stream; `False` when it was there already."""
        with self._lock:
            if path in self._streams:
                return False
            self._streams[path] = Stream()
            self._write("INSERT INTO streams (path) VALUES (?)", path)
            return True

    def append(
        self, path: str, events: Iterable[Event], *, envelope: Mapping[str, Any] | None, notify: bool = True
    ) -> None:
        """Add events at the end of a stream.

        Args:
            path: Of a stream that exists.
            events: Given as is, when there is no envelope.
            envelope: Fields that every event gets unless it has them, with ``v``, ``eventIndex`` and ``timestamp``.
            notify: Wake the readers that wait. Without, it is as if another process had written.

        Raises:
            ValueError: It is closed, or an event cannot be written as JSON.
        """
        with self._lock:
            stream = self._streams[path]
            if stream.closed:
                msg = f"stream {path!r} is closed"
                raise ValueError(msg)
            first = len(stream.events)
            items = [_encode(event, envelope, index) for index, event in enumerate(events, first)]
            stream.events.extend(items)
            self._write_events(path, first, items)
        if notify:
            self.on_change(path)

    def close_stream(self, path: str, *, notify: bool = True) -> None:
        """Let nothing more be added to a stream."""
        with self._lock:
            self._streams[path].closed = True
            self._write("UPDATE streams SET closed = 1 WHERE path = ?", path)
        if notify:
            self.on_change(path)

    def replace_events(self, path: str, events: Iterable[bytes]) -> None:
        """Begin a stream anew with these events; its readers are woken."""
        with self._lock:
            stream = self._streams[path]
            stream.events[:] = events
            self._write("DELETE FROM events WHERE path = ?", path)
            self._write_events(path, 0, stream.events)
        self.on_change(path)

    def read(self, path: str, after: int, limit: int) -> Page:
        """The events behind a position, as many as a page holds."""
        with self._lock:
            stream = self._streams[path]
            events = stream.events[after + 1 : after + 1 + limit]
            last = after + len(events)
            return Page(events, last, up_to_date=last + 1 >= len(stream.events), closed=stream.closed)

    def head(self, path: str) -> int:
        """The position of the last event; -1 when there is none."""
        with self._lock:
            return len(self._streams[path].events) - 1 if path in self._streams else -1

    def tail(self, path: str) -> Page | None:
        """The page behind the last event, on which there is nothing; `None` when there is no such stream."""
        with self._lock:
            return self.read(path, self.head(path), 0) if path in self._streams else None

    def history(self, path: str) -> list[Any]:
        with self._lock:
            events = list(self._streams[path].events)
        return [json.loads(event) for event in events]

    def put_document(self, path: str, document: Any) -> None:
        """Write a document, JSON, in place of an older one.

        Raises:
            ValueError: It cannot be written as JSON.
            TypeError: The same.
        """
        data = to_json(document)
        with self._lock:
            self._documents[path] = json.loads(data)
            self._write(PUT_DOCUMENT, path, data)

    def document(self, path: str) -> Any:
        with self._lock:
            return self._documents.get(path)

    def documents(self, folder: str) -> list[str]:
        """The names of the documents in a folder, in the order of their making."""
        with self._lock:
            return [path.removeprefix(folder) for path in self._documents if path.startswith(folder)]

    def delete(self, path: str) -> None:
        """Remove a stream with its document and the documents below it; its readers are woken."""
        with self._lock:
            self._streams.pop(path, None)
            self._write("DELETE FROM streams WHERE path = ?", path)
            self._write("DELETE FROM events WHERE path = ?", path)
            for name in [name for name in self._documents if name == path or name.startswith(f"{path}/")]:
                del self._documents[name]
                self._write("DELETE FROM documents WHERE path = ?", name)
        self.on_change(path)

    def forget(self) -> None:
        """Lose everything, on disk too."""
        with self._lock:
            self._streams.clear()
            self._documents.clear()
            for table in ("streams", "events", "documents"):
                self._write(f"DELETE FROM {table}")  # noqa: S608 - names of our own

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()


def _encode(event: Event, envelope: Mapping[str, Any] | None, index: int) -> bytes:
    if isinstance(event, bytes):
        return event
    if isinstance(event, str):
        return event.encode("utf-8", "backslashreplace")
    return to_json(event if envelope is None else _complete(event, envelope, index))


def _complete(event: Mapping[str, Any], envelope: Mapping[str, Any], index: int) -> dict[str, Any]:
    """The event with its envelope behind its own fields, in the order of the wire."""
    stamps = dict(zip(ENVELOPE, (3, index, now_text()), strict=True))
    own = {name: value for name, value in event.items() if name not in stamps}
    added = {name: value for name, value in envelope.items() if name not in own}
    return own | added | {name: event.get(name, value) for name, value in stamps.items()}
