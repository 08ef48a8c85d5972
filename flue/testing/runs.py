"""Runs as the server keeps them: an event stream and a record each."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from flue.testing.ids import make_id
from flue.testing.store import now_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flue.testing.store import Event, Store


class Unset:
    """The type of `UNSET`."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()
"""Not given, as opposed to `None`, which is the JSON value ``null``."""


def run_path(run_id: str) -> str:
    """The path of the stream of a run."""
    return f"runs/{run_id}"


class Runs:
    """What can be done to runs, in the order in which Flue does it.

    Args:
        store: Where they live.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, workflow_name: str, *, input: Any = UNSET, run_id: str | None = None) -> str:
        """Make a run: an active record and an empty stream. Returns its id.

        Raises:
            ValueError: There is a run of this id.
        """
        run_id = run_id or make_id("run")
        if not self._store.create_stream(run_path(run_id)):
            msg = f"run {run_id!r} exists"
            raise ValueError(msg)
        record = {"runId": run_id, "workflowName": workflow_name, "status": "active", "startedAt": now_text()}
        self._store.put_record(record if isinstance(input, Unset) else record | {"input": input})
        return run_id

    def append(self, run_id: str, events: Iterable[Event], *, raw: bool = False, notify: bool = True) -> None:
        """Add events, with their envelope unless they are raw."""
        envelope: Mapping[str, Any] | None = None if raw else {"runId": run_id}
        self._store.append(run_path(run_id), events, envelope=envelope, notify=notify)

    def start(self, run_id: str) -> None:
        """Add ``run_start``."""
        record = self._record(run_id)
        event = {"type": "run_start"} | {name: record[name] for name in ("runId", "workflowName", "startedAt")}
        self.append(run_id, [event | {"input": record["input"]} if "input" in record else event])

    def finish(self, run_id: str, *, result: Any = None, error: Any = None) -> None:
        """End a run: ``run_end``, closed, record. A reader that waits sees the first two at once.

        Raises:
            KeyError: No such run.
            TypeError: The result is not JSON.
            ValueError: The same, or the stream is closed.
        """
        event, record = self._ended(run_id, result, error)
        self.append(run_id, [event], notify=False)
        self._store.close_stream(run_path(run_id))
        self._store.put_record(record)

    async def finish_live(self, run_id: str, *, result: Any = None, error: Any = None) -> None:
        """End a run as Flue does under the eyes of its readers: a long poll gets ``run_end`` before the close.

        Raises:
            TypeError: The result is not JSON.
            ValueError: The same.
        """
        event, record = self._ended(run_id, result, error)
        self.append(run_id, [event])
        # One turn of the loop until the readers are woken, one in which they look.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self._store.close_stream(run_path(run_id))
        self._store.put_record(record)

    def complete_record(self, run_id: str, *, result: Any = None, error: Any = None) -> None:
        """Write the end of a run into its record, and nothing into its stream.

        Raises:
            KeyError: No such run.
        """
        self._store.put_record(self._ended(run_id, result, error)[1])

    def _ended(self, run_id: str, result: Any, error: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The last event of a run, and its record after it."""
        record = self._record(run_id)
        failed = error is not None
        duration = max(0, round((time.time() - datetime.fromisoformat(record["startedAt"]).timestamp()) * 1000))
        event: dict[str, Any] = {"type": "run_end", "runId": run_id, "result": None if failed else result}
        event |= {"isError": True, "error": error} if failed else {"isError": False}
        record["status"] = "errored" if failed else "completed"
        record |= {"endedAt": now_text(), "isError": failed, "durationMs": duration}
        record |= {"error": error} if failed else {"result": result}
        return event | {"durationMs": duration}, record

    def _record(self, run_id: str) -> dict[str, Any]:
        record = self._store.record(run_id)
        if record is None:
            raise KeyError(run_id)
        return record
