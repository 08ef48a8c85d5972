"""Runs made by hand: the part of a server's interface for tests that write a stream event by event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flue.testing.runs import UNSET, run_path

if TYPE_CHECKING:
    from flue.testing.runs import Runs
    from flue.testing.store import Event, Store


class HandmadeRuns:
    """Runs that no workflow works on. Usable from any thread, also while the server does not run.

    Args:
        runs: What can be done to runs.
        store: Where they live.
    """

    def __init__(self, runs: Runs, store: Store) -> None:
        self._runs = runs
        self._store = store

    def create_run(self, workflow_name: str = "test", *, input: Any = UNSET, run_id: str | None = None) -> str:
        """Make an active run with an empty stream, which nobody works on. Returns its id.

        Args:
            workflow_name: In the record. The workflow need not be registered.
            input: In the record.
            run_id: Instead of a new one.

        Raises:
            ValueError: There is a run of this id.
        """
        return self._runs.create(workflow_name, input=input, run_id=run_id)

    def append(self, run_id: str, *events: Event, raw: bool = False, notify: bool = True) -> None:
        """Add events to the stream of a run; its readers see them at once, all together.

        Args:
            run_id: Of a run whose stream is open.
            events: Fields of the wire (camelCase); ``runId``, ``v``, ``eventIndex`` and ``timestamp`` are added
                unless they are there. Text and bytes are JSON already and served untouched.
            raw: Add nothing.
            notify: Wake the readers that wait. Without, it is as if another process had written: they notice
                at their next read.

        Raises:
            KeyError: No such run.
            ValueError: Its stream is closed.
        """
        self._runs.append(run_id, events, raw=raw, notify=notify)

    def close_run(self, run_id: str, *, notify: bool = True) -> None:
        """Close the stream of a run; its record stays as it is.

        Raises:
            KeyError: No such run.
        """
        self._store.close_stream(run_path(run_id), notify=notify)

    def complete_record(self, run_id: str, *, result: Any = None, error: Any = None) -> None:
        """Write the end of a run into its record; its stream stays as it is.

        Raises:
            KeyError: No such run.
        """
        self._runs.complete_record(run_id, result=result, error=error)

    def finish_run(self, run_id: str, *, result: Any = None, error: Any = None) -> None:
        """End a run as Flue does: ``run_end``, then the stream is closed, then the record is written.

        Args:
            run_id: Of a run whose stream is open.
            result: Of the run, when it did not fail.
            error: Why it failed, JSON: usually ``{"name": ..., "message": ...}``.

        Raises:
            KeyError: No such run.
            ValueError: Its stream is closed.
        """
        self._runs.finish(run_id, result=result, error=error)

    @property
    def run_ids(self) -> list[str]:
        """The ids of all runs, those of workflows too, in the order of their making."""
        return self._store.run_ids()

    def history(self, run_id: str) -> list[Any]:
        """Every event of a run so far, parsed.

        Raises:
            KeyError: No such run.
        """
        return self._store.history(run_path(run_id))
