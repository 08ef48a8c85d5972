"""The state of the server: streams of events and the records of runs, in memory or in a SQLite file too.

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
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path


class Unset:
    """The type of `UNSET`."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()
"""Not given, as opposed to `None`, which is the JSON value ``null``."""


ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def to_json(value: Any) -> bytes:
    """JSON as ``JSON.stringify`` writes it: no spaces, other scripts as they are, lone surrogates escaped.

    Raises:
        ValueError: NaN, an infinity or a cycle.
        TypeError: Something that JSON does not know.
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace")


def make_id(prefix: str) -> str:
    """An id such as ``run_01M83TZSJPHJDJ3DMV544RP15Q``: 48 bits of time, 80 of chance."""
    return f"{prefix}_{_base32((time.time_ns() // 1_000_000) << 80 | secrets.randbits(80))}"


def stable_id(prefix: str, name: str) -> str:
    """An id that is always the same for a name."""
    return f"{prefix}_{_base32(int.from_bytes(hashlib.sha256(name.encode()).digest()[:16]))}"


def _base32(number: int) -> str:
    """128 bits in Crockford's alphabet."""
    return "".join(ALPHABET[number >> shift & 31] for shift in range(125, -5, -5))


Event: TypeAlias = Mapping[str, Any] | str | bytes
"""An event of the wire; text and bytes are JSON already and served untouched."""

ENVELOPE = ("v", "eventIndex", "timestamp")


def format_offset(position: int) -> str:
    """The offset of an event by its position."""
    return "-1" if position == -1 else f"{0:016d}_{position:016d}"


def parse_offset(offset: str) -> int:
    """The position that an offset names. Its first half means nothing, and padding is not needed."""
    return -1 if offset == "-1" else int(offset.partition("_")[2])


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


class Store:
    """Streams and documents by their path (``runs/ID``, ``agents/NAME/ID``), and run records by run id.

    Args:
        database: Where everything is written as well, and read from at the start.
    """

    def __init__(self, database: SqliteStore | None = None) -> None:
        self._lock = threading.RLock()
        self._sqlite = database
        self._streams: dict[str, Stream] = {}
        self._records: dict[str, dict[str, Any]] = {}
        self._documents: dict[str, Any] = {}
        self.on_change: Callable[[str], None] = lambda _: None
        """Called with the path of a stream, in the thread that changed it, after the change."""
        if database is not None:
            self._streams, self._records, self._documents = database.load()

    def create_stream(self, path: str) -> bool:
        """Make a stream; `False` when it was there already."""
        with self._lock:
            if path in self._streams:
                return False
            self._streams[path] = Stream()
            if self._sqlite is not None:
                self._sqlite.create_stream(path)
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
            KeyError: No such stream.
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
            if self._sqlite is not None:
                self._sqlite.append(path, first, items)
        if notify:
            self.on_change(path)

    def close_stream(self, path: str, *, notify: bool = True) -> None:
        """Let nothing more be added to a stream.

        Raises:
            KeyError: No such stream.
        """
        with self._lock:
            self._streams[path].closed = True
            if self._sqlite is not None:
                self._sqlite.close_stream(path)
        if notify:
            self.on_change(path)

    def read(self, path: str, after: int, limit: int) -> Page:
        """The events behind a position, as many as a page holds.

        Raises:
            KeyError: No such stream.
        """
        with self._lock:
            stream = self._streams[path]
            events = stream.events[after + 1 : after + 1 + limit]
            last = after + len(events)
            return Page(events, last, up_to_date=last + 1 >= len(stream.events), closed=stream.closed)

    def tail(self, path: str) -> tuple[int, bool] | None:
        """The position of the last event and whether the stream is closed; `None` when there is no such stream."""
        with self._lock:
            stream = self._streams.get(path)
            return None if stream is None else (len(stream.events) - 1, stream.closed)

    def history(self, path: str) -> list[Any]:
        """Every event of a stream, parsed.

        Raises:
            KeyError: No such stream.
        """
        with self._lock:
            events = list(self._streams[path].events)
        return [json.loads(event) for event in events]

    def put_record(self, record: Mapping[str, Any]) -> None:
        """Write the record of a run, in place of an older one."""
        with self._lock:
            self._records[record["runId"]] = dict(record)
            if self._sqlite is not None:
                self._sqlite.put_record(record["runId"], to_json(record))

    def record(self, run_id: str) -> dict[str, Any] | None:
        """The record of a run, or `None`."""
        with self._lock:
            record = self._records.get(run_id)
            return None if record is None else dict(record)

    def run_ids(self) -> list[str]:
        """The ids of all records, oldest first."""
        with self._lock:
            return list(self._records)

    def put_document(self, path: str, document: Any) -> None:
        """Write a document, JSON, in place of an older one.

        Raises:
            ValueError: It cannot be written as JSON.
            TypeError: The same.
        """
        data = to_json(document)
        with self._lock:
            self._documents[path] = json.loads(data)
            if self._sqlite is not None:
                self._sqlite.put_document(path, data)

    def document(self, path: str) -> Any:
        """A document, or `None`."""
        with self._lock:
            return self._documents.get(path)

    def delete(self, path: str) -> None:
        """Remove a stream with its document and the documents below it; its readers are woken."""
        with self._lock:
            self._streams.pop(path, None)
            for name in [name for name in self._documents if name == path or name.startswith(f"{path}/")]:
                del self._documents[name]
            if self._sqlite is not None:
                self._sqlite.delete(path)
        self.on_change(path)

    def replace_events(self, path: str, events: Iterable[bytes]) -> None:
        """Begin a stream anew with these events; its readers are woken.

        Raises:
            KeyError: No such stream.
        """
        with self._lock:
            stream = self._streams[path]
            stream.events[:] = events
            if self._sqlite is not None:
                self._sqlite.delete_events(path)
                self._sqlite.append(path, 0, stream.events)
        self.on_change(path)

    def forget(self) -> None:
        """Lose everything, the database included."""
        with self._lock:
            self._streams.clear()
            self._records.clear()
            self._documents.clear()
            if self._sqlite is not None:
                self._sqlite.forget()

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            if self._sqlite is not None:
                self._sqlite.close()


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


SCHEMA = """
CREATE TABLE IF NOT EXISTS streams (path TEXT PRIMARY KEY, closed INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (path TEXT, position INTEGER, data BLOB, PRIMARY KEY (path, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (run_id TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS documents (path TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
"""

# Unlike INSERT OR REPLACE it leaves the row where it is: records are loaded in the order of their making.
PUT_RECORD = "INSERT INTO records VALUES (?, ?) ON CONFLICT (run_id) DO UPDATE SET data = excluded.data"


class SqliteStore:
    """Writes through to SQLite; every call is on disk, as far as a killed process is concerned, when it returns.

    Not safe for use by several threads at once: the store's lock is held around every call.

    Args:
        database: The file, made when it is not there.
    """

    def __init__(self, database: str | Path) -> None:
        self._db = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.executescript(SCHEMA)

    def load(self) -> tuple[dict[str, Stream], dict[str, dict[str, Any]], dict[str, Any]]:
        """The streams by path, the records by run id and the documents by path that earlier servers left."""
        streams = {path: Stream(closed=bool(closed)) for path, closed in self._db.execute("SELECT * FROM streams")}
        for path, data in self._db.execute("SELECT path, data FROM events ORDER BY path, position"):
            streams[path].events.append(data)
        records = {
            run_id: json.loads(data) for run_id, data in self._db.execute("SELECT * FROM records ORDER BY rowid")
        }
        documents = {path: json.loads(data) for path, data in self._db.execute("SELECT * FROM documents")}
        return streams, records, documents

    def create_stream(self, path: str) -> None:
        """Note a new stream."""
        self._db.execute("INSERT INTO streams (path) VALUES (?)", (path,))

    def append(self, path: str, first: int, items: Sequence[bytes]) -> None:
        """Note events from a position on, all or none."""
        rows = [(path, position, item) for position, item in enumerate(items, first)]
        self._db.execute("BEGIN")
        with self._db:
            self._db.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)

    def close_stream(self, path: str) -> None:
        """Note that a stream takes nothing more."""
        self._db.execute("UPDATE streams SET closed = 1 WHERE path = ?", (path,))

    def put_record(self, run_id: str, data: bytes) -> None:
        """Note the record of a run."""
        self._db.execute(PUT_RECORD, (run_id, data))

    def put_document(self, path: str, data: bytes) -> None:
        """Note a document."""
        self._db.execute("INSERT OR REPLACE INTO documents VALUES (?, ?)", (path, data))

    def delete_events(self, path: str) -> None:
        """Remove the events of a stream."""
        self._db.execute("DELETE FROM events WHERE path = ?", (path,))

    def delete(self, path: str) -> None:
        """Remove a stream with its document and the documents below it."""
        self.delete_events(path)
        self._db.execute("DELETE FROM streams WHERE path = ?", (path,))
        below = f"{path}/"
        self._db.execute("DELETE FROM documents WHERE path = ? OR substr(path, 1, ?) = ?", (path, len(below), below))

    def forget(self) -> None:
        """Empty every table."""
        self._db.executescript("DELETE FROM streams; DELETE FROM events; DELETE FROM records; DELETE FROM documents;")

    def close(self) -> None:
        """Close the file."""
        self._db.close()
