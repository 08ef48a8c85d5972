"""Every scenario, played by the machine alone; `faces/test_scenarios.py` plays the same over sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from flue.core import stream_state
from flue.errors import DurableStreamError, FlueError

from .driver import Played, Player, follow
from .scenarios import SCENARIOS, Scenario
from .script import count_at

if TYPE_CHECKING:
    from collections.abc import Iterable


@pytest.fixture(autouse=True)
def _every_empty_response_came_at_once(monkeypatch):
    """As in the play over sockets, where a busy machine may take its time."""
    monkeypatch.setattr(stream_state, "MIN_IDLE", 1e9)


def requests_of(targets: Iterable[str]) -> str:
    """How each request waited, and behind how many events it read."""
    queries = [dict(parse_qsl(urlsplit(target).query)) for target in targets]
    return ", ".join(
        f"{query.get('live', 'plain')} {offset if (offset := query['offset']) == 'now' else count_at(offset)}"
        for query in queries
    )


def said_by(error: FlueError) -> tuple[str, int | str]:
    """The class of an error, and its code or status."""
    return type(error).__name__, error.code if isinstance(error, DurableStreamError) else error.status


def is_run_end(item: dict[str, object]) -> bool:
    return item["type"] == "run_end"


def play(scenario: Scenario) -> Played:
    machine = follow(scenario.live, offset=scenario.start, tail=scenario.tail, options=scenario.options)
    # Offsets run ahead of what is handed over where a scenario begins in the middle, so they are not counted.
    played = Player(machine, scenario.responses, terminal=is_run_end, count=lambda offset: 0).run()
    assert machine.offset == scenario.end_offset
    assert (machine.live if machine.live != scenario.live else None) == scenario.mode
    return played


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name):
    scenario = SCENARIOS[name]
    played = play(scenario)
    assert tuple(item["eventIndex"] for item in played.items) == scenario.events
    assert requests_of(request.url for request in played.requests) == scenario.requests
    assert len(played.requests) == len(scenario.responses)
    pauses = ["idle" if p.attempt is None else type(p.attempt.error).__name__ for p in played.pauses]
    assert tuple(pauses) == scenario.pauses
    if scenario.error is None:
        assert played.done
    else:
        assert said_by(played.error) == scenario.error
