"""A worker that collects the events of many runs in a SQLite database.

python collect.py DATABASE [RUN_ID ...]

The runs that are named are added to those that the database has; all that have not ended are followed until they have.
The worker may be killed at any moment: started again, it resumes where it was, and each event is in the database once,
because the events of a batch and the checkpoint behind them are written in one transaction.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections import defaultdict
from contextlib import closing

from flue import FlueClient, FlueEvent, StreamFailure, to_json

SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (run_id TEXT PRIMARY KEY, checkpoint TEXT DEFAULT '-1', ended INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, run_id TEXT, type TEXT, event TEXT);
CREATE INDEX IF NOT EXISTS events_of_a_run ON events (run_id);
"""


class Collector:
    """Writes whole batches.

    Args:
        database: To write to.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._batches: defaultdict[str, list[FlueEvent]] = defaultdict(list)
        database.executescript(SCHEMA)

    def add(self, run_ids: list[str]) -> None:
        """Remember runs that are to be followed."""
        with self._database:
            self._database.executemany("INSERT OR IGNORE INTO runs (run_id) VALUES (?)", [(name,) for name in run_ids])

    def open_runs(self) -> dict[str, str]:
        """The checkpoints of the runs that have not ended."""
        return dict(self._database.execute("SELECT run_id, checkpoint FROM runs WHERE NOT ended"))

    def take(self, run_id: str, event: FlueEvent, checkpoint: str, *, moved: bool) -> None:
        """Keep an event until its batch is whole, which is when the checkpoint moves; then write the batch."""
        batch = self._batches[run_id]
        batch.append(event)
        if not moved:
            return
        rows = [(run_id, each.type, json.dumps(to_json(each))) for each in batch]
        ended = any(each.type == "run_end" for each in batch)
        with self._database:
            self._database.executemany("INSERT INTO events (run_id, type, event) VALUES (?, ?, ?)", rows)
            update = "UPDATE runs SET checkpoint = ?, ended = ? WHERE run_id = ?"
            self._database.execute(update, (checkpoint, ended, run_id))
        batch.clear()


def collect(client: FlueClient, collector: Collector) -> int:
    """Follow all open runs to their ends; gives the number of those that could not be read."""
    checkpoints = collector.open_runs()
    failures = 0
    with client.runs.stream_many(checkpoints, offsets=checkpoints) as streams:
        for run_id, event in streams:
            if isinstance(event, StreamFailure):  # of this run; the others continue
                print(f"{run_id}: {event.error}", file=sys.stderr)
                failures += 1
                continue
            checkpoint = streams.offsets[run_id]
            collector.take(run_id, event, checkpoint, moved=checkpoint != checkpoints[run_id])
            checkpoints[run_id] = checkpoint
    return failures


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with closing(sqlite3.connect(sys.argv[1])) as database, FlueClient() as client:
        collector = Collector(database)
        collector.add(sys.argv[2:])
        sys.exit(1 if collect(client, collector) else 0)
