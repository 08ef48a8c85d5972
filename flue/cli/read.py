"""`runs get`, `runs events`, `runs stream`."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Literal

from flue import BackoffOptions
from flue._requests import Deadline
from flue.cli.follow import Follower
from flue.cli.program import Exit, open_client, shown_on
from flue.cli.views import CsvView, choose_view

if TYPE_CHECKING:
    from flue.cli.parser import Options

__all__ = ["PATIENCE", "events", "get", "stream"]

PATIENCE = BackoffOptions(max_elapsed=15.0)
"""Somebody who types wants to know sooner than a service does that nothing answers there."""


def get(options: Options) -> Exit:
    """Show the record of a run."""
    with open_client(options) as client, shown_on(choose_view(json_lines=options.json)) as view:
        view.answer(client.runs.get(options.run_id, backoff_options=PATIENCE, timeout=options.timeout))
    return Exit.DONE


def events(options: Options) -> Exit:
    """Show the events that there are by now."""
    chosen = CsvView(sys.stdout) if options.csv else choose_view(json_lines=options.json)
    with open_client(options) as client, shown_on(chosen) as view:
        reading = client.runs.stream(
            options.run_id,
            offset=options.offset,
            tail=options.tail,
            live=False,
            backoff_options=PATIENCE,
            timeout=options.timeout,
        )
        Follower(client, view, options, options.run_id, verb="events").read(reading)
    return Exit.DONE


def stream(options: Options) -> Exit:
    """Follow a run."""
    waits: dict[str, Literal["sse", "long-poll", False]] = {"sse": "sse", "long-poll": "long-poll", "off": False}
    deadline = Deadline(options.timeout)
    with open_client(options) as client, shown_on(choose_view(json_lines=options.json)) as view:
        open_stream = partial(
            client.runs.stream, options.run_id, offset=options.offset, tail=options.tail, live=waits[options.live]
        )
        open_stream()  # checks the arguments before anything is sent
        record = client.runs.get(options.run_id, backoff_options=PATIENCE, timeout=deadline.remaining())
        view.follow(record.started_at)
        left = deadline.remaining()
        following = open_stream(timeout=left and (round(left, 1) or left))  # an error message will name it
        succeeded = Follower(client, view, options, options.run_id).succeeded(following, deadline)
    return Exit.DONE if succeeded else Exit.FAILED
