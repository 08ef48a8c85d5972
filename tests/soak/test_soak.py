"""The soak notices what it is there for, and a short one is clean."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .play import Ledger

ROOT = Path(__file__).parents[2]


WRITTEN = [(0, 0), (1, 0), (1, 1), (2, 0)]


@pytest.mark.parametrize(
    ("segments", "wrong"),
    [
        ([("-1", WRITTEN)], {}),
        ([("-1", WRITTEN[:2]), ("0_0", WRITTEN[1:])], {}),
        ([("-1", WRITTEN[:3]), ("0_1", WRITTEN[3:])], {}),
        ([("-1", WRITTEN[:2]), ("0_1", WRITTEN[3:])], {"losses": 1}),
        ([("-1", WRITTEN[:3])], {"losses": 1}),
        ([("-1", [WRITTEN[0], *WRITTEN[2:]])], {"losses": 2}),  # the last one counts as not expected yet
        ([("-1", [*WRITTEN[:2], *WRITTEN[1:]])], {"repeats": 1}),
        ([("-1", WRITTEN[:3]), ("-1", WRITTEN)], {"repeats": 3}),
        ([("-1", [(0, 0), (1, 1), (1, 0), (2, 0)])], {"reorders": 1}),
        ([("-1", [*WRITTEN[:3], (7, 0)])], {"altered": 1, "losses": 1}),
    ],
)
def test_what_a_ledger_notices(segments, wrong):
    ledger = Ledger(page_limit=1)
    for offset, places in segments:
        ledger.begin(offset)
        for place in places:
            ledger.take(place)
    ledger.end(WRITTEN)
    assert {what: count for what, count in ledger.counts.items() if count and what != "events"} == wrong


def test_a_short_soak():
    """Both faces, a second; what is long is left to `make soak`."""
    command = [sys.executable, "-m", "tests.soak", "--seconds", "1", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=90, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
