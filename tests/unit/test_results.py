"""How a run went."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import pytest

from flue._requests import Deadline
from flue._results import RunOutcome
from flue.errors import FlueConnectionError, FlueExecutionError, FlueTimeoutError, NotFoundError


def end(*, result=None, error=None, is_error=False):
    return SimpleNamespace(result=result, error=error, is_error=is_error)


def record(status, *, result=None, error=None):
    return SimpleNamespace(status=status, result=result, error=error)


@pytest.fixture
def outcome():
    return RunOutcome("run_1", "report")


def test_nothing_is_known_before_the_end(outcome):
    assert not outcome.done
    with pytest.raises(FlueExecutionError) as caught:
        outcome.result()
    error = caught.value
    assert (error.failure, error.target, error.target_id, error.run_id) == (
        "terminal_event_missing",
        "workflow_run",
        "run_1",
        "run_1",
    )
    assert str(error) == "workflow run run_1 ended without a terminal event"


@pytest.mark.parametrize("result", [{"a": 1}, None, 0, ""])
def test_a_result(outcome, result):
    outcome.from_event(end(result=result))
    assert outcome.done
    assert outcome.result() == result


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ({"name": "TypeError", "message": "no"}, "TypeError: no"),
        ({"name": "Error", "message": "no"}, "no"),
        ({"message": "no"}, "no"),
        ({"code": 7}, "{'code': 7}"),
        ("text", "text"),
        ([1], "[1]"),
        (None, "no error was recorded"),
    ],
)
def test_a_failure(outcome, error, text):
    outcome.from_event(end(error=error, is_error=True))
    with pytest.raises(FlueExecutionError) as caught:
        outcome.result()
    failed = pickle.loads(pickle.dumps(caught.value))
    assert (failed.failure, failed.error, failed.run_id) == ("failed", error, "run_1")
    assert str(failed) == f"workflow run run_1 failed: {text}"


class TestRecord:
    def test_while_it_is_active_nothing_is_known(self, outcome):
        outcome.from_record(record("active"))
        assert not outcome.done

    def test_completed(self, outcome):
        outcome.from_record(record("completed", result=42))
        assert (outcome.done, outcome.result()) == (True, 42)

    def test_errored(self, outcome):
        outcome.from_record(record("errored", error={"message": "no"}))
        with pytest.raises(FlueExecutionError, match="workflow run run_1 failed: no"):
            outcome.result()

    def test_it_is_read_more_and_more_seldom_for_a_few_seconds(self, outcome):
        steps = list(outcome.poll_record(Deadline(None)))
        delays, reads = steps[::2], steps[1::2]
        assert reads == [None] * len(delays)
        assert delays == sorted(delays)
        assert delays[0] == 0.0
        assert 2.0 < sum(delays) < 5.0

    def test_it_is_read_until_the_result_is_known(self, outcome):
        steps = outcome.poll_record(Deadline(None))
        assert [next(steps), next(steps)] == [0.0, None]
        outcome.from_record(record("completed"))
        assert list(steps) == []
        assert list(outcome.poll_record(Deadline(None))) == []

    def test_the_last_wait_ends_with_the_limit(self, outcome):
        steps = outcome.poll_record(Deadline(0.001))
        assert [next(steps), next(steps)] == [0.0, None]
        assert next(steps) == 0.001
        with pytest.raises(FlueTimeoutError, match=r"run run_1: its record still says active after 0\.001 s"):
            next(steps)


class TestExplain:
    def test_every_error_after_admission_carries_the_run(self, outcome):
        error = FlueConnectionError("reset")
        assert outcome.add_context(error) is error
        assert error.run_id == "run_1"
        assert str(error) == "reset"

    def test_a_run_that_cannot_be_read(self, outcome):
        error = outcome.add_context(NotFoundError("Flue API error 404 [run_not_found]: No.", status=404))
        assert str(error) == (
            "Flue API error 404 [run_not_found]: No. "
            "(run run_1 was started, but cannot be read: does workflow 'report' export `runs`?)"
        )
        assert (error.run_id, pickle.loads(pickle.dumps(error)).args) == ("run_1", error.args)
