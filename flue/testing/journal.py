"""The state of a server in a SQLite file, so that another server can go on from it."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from flue.testing.store import Stream

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS streams (path TEXT PRIMARY KEY, closed INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (path TEXT, position INTEGER, data BLOB, PRIMARY KEY (path, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (run_id TEXT PRIMARY KEY, data BLOB NOT NULL);
"""

# Unlike INSERT OR REPLACE it leaves the row where it is: records are loaded in the order of their making.
PUT_RECORD = "INSERT INTO records VALUES (?, ?) ON CONFLICT (run_id) DO UPDATE SET data = excluded.data"


class Journal:
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

    def load(self) -> tuple[dict[str, Stream], dict[str, dict[str, Any]]]:
        """The streams by path and the records by run id that earlier servers left."""
        streams = {path: Stream(closed=bool(closed)) for path, closed in self._db.execute("SELECT * FROM streams")}
        for path, data in self._db.execute("SELECT path, data FROM events ORDER BY path, position"):
            streams[path].events.append(data)
        records = {
            run_id: json.loads(data) for run_id, data in self._db.execute("SELECT * FROM records ORDER BY rowid")
        }
        return streams, records

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

    def forget(self) -> None:
        """Empty every table."""
        self._db.executescript("DELETE FROM streams; DELETE FROM events; DELETE FROM records;")

    def close(self) -> None:
        """Close the file."""
        self._db.close()
