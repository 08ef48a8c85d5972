"""Checkpoints in a SQLite file."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from typing import TYPE_CHECKING, NoReturn, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["SqliteCheckpoints"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS flue_checkpoints (
    consumer TEXT NOT NULL,
    stream TEXT NOT NULL,
    "offset" TEXT NOT NULL,
    saved_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (consumer, stream)
) WITHOUT ROWID
"""
_LOAD = 'SELECT "offset" FROM flue_checkpoints WHERE consumer = ? AND stream = ?'
_SAVE = """
INSERT INTO flue_checkpoints (consumer, stream, "offset") VALUES (?, ?, ?)
ON CONFLICT (consumer, stream) DO UPDATE SET "offset" = excluded."offset", saved_at = CURRENT_TIMESTAMP
"""
_PAUSE = 0.01
"""Seconds between two tries to open a file that another process is making."""

_open_stores: weakref.WeakSet[SqliteCheckpoints] = weakref.WeakSet()
_inherited: list[sqlite3.Connection] = []


class SqliteCheckpoints:
    """Offsets in a file that several threads and processes of one machine may share, forked ones too.

    A checkpoint survives the death of the process. When the machine itself loses power, the last ones may be
    missing: then events are repeated, never skipped.

    Example:
        >>> with SqliteCheckpoints(":memory:") as store:
        ...     store.save("billing", "runs/run_1", "0000000000000000_0000000000000007")
        ...     store.load("billing", "runs/run_1")
        '0000000000000000_0000000000000007'
    """

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 5.0) -> None:
        """Open the file, and make it if need be.

        Args:
            path: Of the file; its directory must be writable, and on a disk of this machine.
            timeout: Seconds to wait for another process that is writing.

        Raises:
            sqlite3.Error: It is no such file, or cannot be written.
        """
        self._path = os.fspath(path)
        self._timeout = timeout
        self._lock = threading.Lock()
        self._closed = False
        self._connection: sqlite3.Connection | None = self._open()
        _open_stores.add(self)

    def load(self, consumer: str, stream: str) -> str | None:
        """The offset that was saved last, or None."""
        with self._lock:
            row = self._live().execute(_LOAD, (consumer, stream)).fetchone()
        return None if row is None else str(row[0])

    def save(self, consumer: str, stream: str, offset: str) -> None:
        """Remember an offset in place of the one before."""
        with self._lock:
            self._live().execute(_SAVE, (consumer, stream, offset))

    def close(self) -> None:
        """Close the file. Idempotent."""
        with self._lock:
            self._closed = True
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _open(self) -> sqlite3.Connection:
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                return self._connect()
            except sqlite3.OperationalError as error:
                # SQLite's own timeout does not cover the switch to WAL, which two processes may make at once.
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=self._timeout, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        return connection

    def _live(self) -> sqlite3.Connection:
        if self._closed:
            raise ValueError("the checkpoint store is closed")
        if self._connection is None:  # in a forked child
            self._connection = self._open()
        return self._connection

    def _forget_parent(self) -> None:
        # SQLite forbids a connection to cross a fork, and to be closed on the other side. The child opens its own.
        if self._connection is not None:
            _inherited.append(self._connection)
        self._connection = None
        self._lock = threading.Lock()  # another thread may have held it

    @staticmethod
    def _after_fork() -> None:
        for store in list(_open_stores):
            store._forget_parent()  # noqa: SLF001  # of this class

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_connection"):
            self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("an open checkpoint store cannot be pickled; open the file in each process")

    def __repr__(self) -> str:
        return f"SqliteCheckpoints({self._path!r})"
