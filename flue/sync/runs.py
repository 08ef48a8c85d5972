"""`client.runs`: the record of a run, and its events."""

# ruff: noqa: TC001, TC003  (whoever resolves the annotations at run time finds their names here)

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flue import models
from flue._requests import (
    MAX_CONNECTIONS,
    build_get_run,
    build_run_stream,
    build_run_streams,
    check_signal_and_timeout,
)
from flue.checkpoints import CheckpointStore
from flue.config import Settings
from flue.core.retry import BackoffOptions
from flue.signals import AbortSignal
from flue.sync._driver import perform
from flue.sync.many import FlueEventStreams
from flue.sync.stream import FlueEventStream
from flue.sync.transport import Transport
from flue.types import Live

__all__ = ["Runs"]


class Runs:
    """Reads runs. A run can be read when its workflow exports `runs`; else the server answers 404."""

    def __init__(self, transport: Transport, settings: Settings) -> None:
        self._transport = transport
        self._settings = settings

    def get(
        self,
        run_id: str,
        *,
        signal: AbortSignal | None = None,
        backoff_options: BackoffOptions | None = None,
        timeout: float | None = None,
    ) -> models.RunRecord:
        """The record of a run: its state, and its result or error once it is over.

        Args:
            run_id: As `invoke()` gave it.
            signal: Ends the call with `AbortError`.
            backoff_options: How failures are retried; by default for 60 s.
            timeout: Overall limit in seconds.

        Raises:
            NotFoundError: No such run, or its workflow does not export `runs`.
            FlueApiError: Another error response.
            FlueConnectionError: No usable response.
            FlueTimeoutError: `timeout` has passed.
            AbortError: `signal` was aborted.
        """
        spec = build_get_run(self._settings, run_id, signal=signal, backoff_options=backoff_options, timeout=timeout)
        return perform(self._transport, self._settings, spec)

    def events(
        self,
        run_id: str,
        *,
        offset: str = "-1",
        tail: int | None = None,
        signal: AbortSignal | None = None,
        backoff_options: BackoffOptions | None = None,
        timeout: float | None = None,
    ) -> list[models.FlueEvent]:
        """All events so far, oldest first.

        Args:
            run_id: As `invoke()` gave it.
            offset: Start after this offset; `"-1"` is the start.
            tail: Only the last N events, when reading from the start.
            signal: Ends the call with `AbortError`.
            backoff_options: How failures are retried; by default for 60 s without progress.
            timeout: Overall limit in seconds.

        Raises:
            NotFoundError: No such run, or its workflow does not export `runs`.
            FlueError: The events cannot be read; `FlueTimeoutError` after `timeout`, `AbortError` on `signal`.
        """
        stream = self.stream(
            run_id,
            offset=offset,
            tail=tail,
            live=False,
            signal=signal,
            backoff_options=backoff_options,
            timeout=timeout,
        )
        with stream:
            events = list(stream)
            stream.raise_if_aborted()
        return events

    def stream(
        self,
        run_id: str,
        *,
        offset: str = "-1",
        tail: int | None = None,
        live: Live = True,
        signal: AbortSignal | None = None,
        backoff_options: BackoffOptions | None = None,
        timeout: float | None = None,
        checkpoint: CheckpointStore | None = None,
        consumer: str = "default",
    ) -> FlueEventStream[models.FlueEvent]:
        """The events of a run as they happen, until it ends.

        Arguments are checked at once; the first request is sent when the first event is asked for.

        Args:
            run_id: As `invoke()` gave it.
            offset: Start after this offset; `"-1"` is the start, `"now"` skips what exists.
            tail: Only the last N events, when reading from the start.
            live: How to wait for news: `True` or `"long-poll"`, `"sse"` (least latency, fastest catch-up), `False`
                to end when up to date.
            signal: Ends the stream quietly.
            backoff_options: How failures are retried; by default for 60 s, and for ever once the stream has been
                read from.
            timeout: Overall limit in seconds, from the first pull on; `FlueTimeoutError` carries the offset reached.
            checkpoint: Checkpoint store (see `flue.checkpoints`). Loaded before the first request; saved each time the
                consumer asks for another event. `offset` and `tail` then count only where nothing was saved.
            consumer: Name of the consumer whose checkpoint it is.

        Raises:
            ValueError: An argument that cannot work.
            TypeError: An argument of the wrong type.
        """
        spec = build_run_stream(
            self._settings,
            run_id,
            offset=offset,
            tail=tail,
            live=live,
            signal=signal,
            backoff_options=backoff_options,
            timeout=timeout,
            checkpoint=checkpoint,
            consumer=consumer,
        )
        return FlueEventStream(self._transport, self._settings, spec)

    def stream_many(
        self,
        run_ids: Iterable[str],
        *,
        offsets: Mapping[str, str] | None = None,
        live: Live = True,
        signal: AbortSignal | None = None,
        backoff_options: BackoffOptions | None = None,
        timeout: float | None = None,
        max_connections: int = MAX_CONNECTIONS,
    ) -> FlueEventStreams:
        """The events of many runs as they happen, in one iterator of `(run_id, event)`, until all of them have ended.

        Args:
            run_ids: As `invoke()` gave them.
            offsets: Where to go on, as `.offsets` of an earlier iteration gave them; other runs begin at their start.
            live: As for `stream()`.
            signal: Ends the iteration quietly.
            backoff_options: As for `stream()`, for each run by itself.
            timeout: Overall limit in seconds, from the first pull on.
            max_connections: How many runs are followed at a time; the others wait for their turn.

        Raises:
            ValueError: An argument that cannot work.
            TypeError: An argument of the wrong type.
        """
        specs, most = build_run_streams(
            self._settings,
            run_ids,
            offsets=offsets,
            max_connections=max_connections,
            live=live,
            backoff_options=backoff_options,
        )
        streams = {run_id: FlueEventStream(self._transport, self._settings, spec) for run_id, spec in specs.items()}
        return FlueEventStreams(streams, most, signal=signal, timeout=check_signal_and_timeout(signal, timeout))
