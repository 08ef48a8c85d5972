"""The soak notices what it is there for, and a short one is clean."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from .faulty import KINDS
from .ledger import Ledger, message_of
from .script import Finish, Pull, make_script

ROOT = Path(__file__).parents[2]
RUN = "run_1"


def event(index: int, **fields):
    return SimpleNamespace(event_index=index, type="log", run_id=RUN, message=message_of(RUN, index), **fields)


def ledger_of(*indexes: int, total: int = 5) -> Ledger:
    ledger = Ledger(RUN, total, page_limit=2)
    for index in indexes:
        ledger.take(event(index))
    return ledger


@pytest.mark.parametrize(
    ("indexes", "wrong"),
    [
        ([0, 1, 2, 3, 4], {}),
        ([0, 1, 3, 4], {"losses": 1}),
        ([0, 1, 2], {"losses": 2}),
        ([0, 1, 1, 2, 3, 4], {"repeats": 1}),
        ([0, 2, 1, 3, 4], {"reorders": 1}),
        ([], {"losses": 5}),
    ],
)
def test_what_a_ledger_notices(indexes, wrong):
    ledger = ledger_of(*indexes)
    ledger.end()
    assert {what: count for what, count in ledger.counts.items() if count and what != "events"} == wrong
    assert ledger.wrong == bool(wrong)


@pytest.mark.parametrize(
    ("taken", "offset", "wrong"),
    [
        (3, "0_2", {}),
        (3, "0_1", {}),  # the batch in flight
        (3, "0_0", {"repeats": 2}),
        (3, "0_3", {"losses": 1}),
        (1, "-1", {}),
    ],
)
def test_what_a_ledger_notices_of_a_checkpoint(taken, offset, wrong):
    ledger = ledger_of(*range(taken))
    ledger.resume(offset)
    for index in range(ledger.behind, 5):
        ledger.take(event(index))
    ledger.end()
    assert {what: count for what, count in ledger.counts.items() if count and what != "events"} == wrong


def test_a_ledger_notices_an_event_that_is_not_as_written():
    ledger = ledger_of(0)
    ledger.take(SimpleNamespace(event_index=1, type="log", run_id=RUN, message=message_of(RUN, 2)))
    ledger.take(SimpleNamespace(event_index=2, type="log", run_id="run_2", message=message_of(RUN, 2)))
    ledger.take(SimpleNamespace(event_index=3, type="run_end", run_id=RUN))
    assert ledger.counts["altered"] == 3


def test_scripts_follow_from_their_seed():
    assert [str(make_script(7, number)) for number in range(50)] == [
        str(make_script(7, number)) for number in range(50)
    ]
    assert str(make_script(7, 1)) != str(make_script(8, 1))
    scripts = [make_script(7, number) for number in range(500)]
    kinds = {planned.kind for script in scripts for planned in script.faults.values()}
    assert kinds == {make.__name__.strip("_") for make in KINDS}
    for script in scripts:
        assert 1 <= len(script.faults) <= 5
        assert script.steps[-1] == Pull(None, script.steps[-1].elsewhere)
        assert sum(isinstance(step, Finish) for step in script.steps) == 1


def test_a_short_soak():
    """Edge cases 44, 81, 82, 102. Both faces, a second each; what is long is left to `make soak`."""
    command = [sys.executable, "-m", "tests.soak", "--seconds", "1", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    counts = {
        line[:20].strip(): [int(text) for text in re.findall(r"\d+", line[20:])] for line in done.stdout.splitlines()
    }
    assert min(counts["scripts"] + counts["events"] + counts["faults"]) > 0
    assert counts["losses"] == counts["repeats"] == counts["hangs"] == [0, 0]
