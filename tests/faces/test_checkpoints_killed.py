"""A consumer that dies by SIGKILL at random points never skips an event and repeats the batch in flight at most."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flue.testing import FlueTestServer

from .manying import made

EVENTS = 900
PAGE = 10
LIVES = 15


@pytest.mark.parametrize("live", ["True", "sse"])
@pytest.mark.parametrize("face", ["sync", "async"])
def test_killed_again_and_again(face, live, tmp_path):
    consumer = Path(__file__).with_name("consumer.py")
    journal = tmp_path / "journal"
    with FlueTestServer(page_limit=PAGE) as server:
        made(server, {"long": EVENTS})
        arguments = [server.base_url, face, live, tmp_path / "checkpoints.db", journal, f"{face} {live}", LIVES]
        command = [sys.executable, consumer, *map(str, arguments)]
        subprocess.run(command, check=True, timeout=180, cwd=Path(__file__).parents[2], env={"PYTHONPATH": "."})
    lives = [[int(index) for index in life.split()] for life in journal.read_text().split("-\n")[1:]]
    assert len(lives) == LIVES + 1
    behind = -1  # the last event that any life was handed
    resumed = 0
    for life in filter(None, lives):
        assert behind + 1 - PAGE <= life[0] <= behind + 1, "the batch in flight again, at most"
        assert life[0] % PAGE == 0, "a life begins with a batch"
        assert life == list(range(life[0], life[-1] + 1))
        assert life[-1] >= behind or life[-1] - life[0] < PAGE
        behind = max(behind, life[-1])
        resumed += life[0] > 0
    assert behind == EVENTS
    assert resumed >= LIVES // 2, "most lives took over from another"
