"""`runs timeline`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flue._requests import Deadline
from flue.cli.bars import Timeline
from flue.cli.program import Exit, open_client, shown_on
from flue.cli.read import PATIENCE
from flue.cli.timeline_page import page
from flue.cli.views import choose_view

if TYPE_CHECKING:
    from flue.cli.parser import Options

__all__ = ["timeline"]


def timeline(options: Options) -> Exit:
    """Draw what a run did when."""
    deadline = Deadline(options.timeout)
    with open_client(options) as client, shown_on(choose_view(json_lines=options.json)) as view:
        drawn = Timeline(client.runs.get(options.run_id, backoff_options=PATIENCE, timeout=deadline.remaining()))
        reading = client.runs.stream(options.run_id, live=False, backoff_options=PATIENCE, timeout=deadline.remaining())
        with reading:
            for event in reading:
                drawn.add(event)
        if options.html is None:
            view.timeline(drawn)
        else:
            Path(options.html).write_text(page(drawn), encoding="utf-8")
    return Exit.DONE
