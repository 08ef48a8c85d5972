"""How often and how soon a read is asked again."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flue.core.retry import BackoffOptions, Budget


class TestBackoffOptions:
    def test_the_defaults_of_the_contract(self):
        options = BackoffOptions()
        assert (options.initial_delay, options.max_delay, options.multiplier) == (0.1, 60.0, 1.3)
        assert (options.max_retries, options.max_elapsed, options.on_failed_attempt) == (None, None, None)

    @pytest.mark.parametrize("name", ["initial_delay", "max_delay", "multiplier", "max_elapsed"])
    def test_numbers_are_checked(self, name):
        for wrong in ("1", True, None if name != "max_elapsed" else [], 1j):
            with pytest.raises(TypeError, match=f"{name} must be a number, not"):
                BackoffOptions(**{name: wrong})
        for wrong in (-1, -0.1, math.inf, math.nan, 10**400):
            with pytest.raises(ValueError, match=f"{name} must be a finite number >= 0, not"):
                BackoffOptions(**{name: wrong})
        assert getattr(BackoffOptions(**{name: 2}), name) == 2
        with pytest.raises(ValueError, match="multiplier must be >= 1"):
            BackoffOptions(multiplier=0.9)
        assert BackoffOptions(multiplier=1).multiplier == 1

    def test_counts_are_checked(self):
        for wrong in (1.0, "3", True, math.inf):
            with pytest.raises(TypeError, match="max_retries must be an int or None"):
                BackoffOptions(max_retries=wrong)
        with pytest.raises(ValueError, match="max_retries must be >= 0"):
            BackoffOptions(max_retries=-1)
        assert BackoffOptions(max_retries=0).max_retries == 0

    def test_the_callback_is_checked(self):
        with pytest.raises(TypeError, match="on_failed_attempt must be callable, not str"):
            BackoffOptions(on_failed_attempt="print")
        assert BackoffOptions(on_failed_attempt=print).on_failed_attempt is print

    def test_a_budget_takes_nothing_else(self):
        with pytest.raises(TypeError, match="backoff_options must be BackoffOptions, not dict"):
            Budget({"max_retries": 3})


def delays(budget, count, *, now=0.0, took=0.0, **failure):
    """The pauses of failures in a row, on a clock that they move; each attempt takes `took` seconds."""
    given_up, seen = False, []
    for _ in range(count):
        assert not given_up
        budget.attempt_started(now)
        now += took
        delay = budget.attempt_failed(now, **failure)
        given_up = delay is None
        seen.append(delay)
        now += delay or 0.0
    return seen


class TestJitter:
    def test_it_uses_the_whole_of_it(self):
        pauses = [Budget(BackoffOptions(initial_delay=8.0)).attempt_failed(0.0) for _ in range(400)]
        assert min(pauses) < 0.4
        assert max(pauses) > 7.6
        assert sum(pauses) / 400 == pytest.approx(4.0, abs=0.4)

    def test_no_initial_delay_is_no_delay_however_often(self):
        budget = Budget(BackoffOptions(initial_delay=0.0, multiplier=2.0))
        budget.attempts = 100_000
        assert [budget.attempt_failed(0.0) for _ in range(20)] == [0.0] * 20

    @settings.get_profile("core")
    @given(
        st.floats(0, 100),
        st.floats(0, 100),
        st.floats(1, 100),
        st.integers(0, 50),
        st.floats(0, 3600),
        st.floats(0, 100),
    )
    def test_its_bounds(self, initial, cap, multiplier, before, floor, ceiling):
        budget = Budget(BackoffOptions(initial_delay=initial, max_delay=cap, multiplier=multiplier))
        budget.attempts = before
        delay = budget.attempt_failed(0.0, at_least=floor, at_most=ceiling)
        assert floor <= delay <= max(floor, min(initial * multiplier**before, cap, ceiling) * (1 + 1e-9))


class TestLimits:
    def test_retries_are_counted_after_the_first_try(self):
        assert delays(Budget(BackoffOptions(max_retries=0)), 1) == [None]
        assert [delay is None for delay in delays(Budget(BackoffOptions(max_retries=3)), 4)] == [False] * 3 + [True]

    def test_time_is_counted_from_the_first_try(self):
        options = BackoffOptions(initial_delay=0.0, max_elapsed=10.0)
        assert delays(Budget(options), 4, took=3.0) == [0.0, 0.0, 0.0, None]

    def test_a_pause_that_would_outlast_the_time_is_not_begun(self):
        assert Budget(BackoffOptions(max_elapsed=10.0)).attempt_failed(0.0, at_least=10.0) is None
        assert Budget(BackoffOptions(max_elapsed=10.0)).attempt_failed(0.0, at_least=9.9) == 9.9
        assert Budget(BackoffOptions(max_elapsed=0)).attempt_failed(0.0) is None

    def test_whichever_limit_comes_first(self):
        options = BackoffOptions(initial_delay=0.0, max_retries=5, max_elapsed=2.5)
        assert delays(Budget(options), 3, took=1.0)[-1] is None
        assert delays(Budget(options), 6)[-1] is None

    def test_without_options_there_is_a_second_try_however_long_the_first_took(self):
        assert None not in delays(Budget(None), 1, took=90.0)

    def test_options_that_are_given_are_taken_as_they_stand(self):
        """No limit is no limit, for a read that ends, too."""
        budget = Budget(BackoffOptions(max_delay=1.0))
        assert None not in delays(budget, 2000, took=30.0)

    @pytest.mark.parametrize(
        ("budget", "read_from", "for_ever"),
        [
            (Budget(None), True, False),  # a read that ends
            (Budget(None, endless=True), False, False),
            (Budget(None, endless=True), True, True),
            (Budget(BackoffOptions(max_elapsed=60.0), endless=True), True, False),
        ],
    )
    def test_a_minute_is_enough_but_for_a_stream_that_was_read_from(self, budget, read_from, for_ever):
        if read_from:
            budget.server_answered()
        seen = delays(budget, 500 if for_ever else 7, took=9.0)
        assert (None not in seen) is for_ever


class TestProgress:
    def test_it_fills_the_budget(self):
        budget = Budget(BackoffOptions(initial_delay=0.0, max_retries=2, max_elapsed=10.0))
        assert delays(budget, 2, took=4.0) == [0.0, 0.0]
        budget.server_answered()
        assert (budget.attempts, budget.elapsed(8.0)) == (2, 8.0)  # that alone is none
        budget.progress()
        assert budget.attempts == 0
        assert budget.elapsed(8.0) == 0.0
        assert delays(budget, 3, now=8.0, took=4.0) == [0.0, 0.0, None]

    def test_a_wait_for_news_is_no_time_lost(self):
        budget = Budget(BackoffOptions(initial_delay=0.0, max_elapsed=10.0))
        budget.attempt_started(0.0)
        assert budget.attempt_failed(90.0, idle=True) == 0.0
        assert budget.elapsed(95.0) == 5.0
        assert budget.attempt_failed(99.0) == 0.0
        assert budget.attempt_failed(100.0) is None

    def test_no_wait_for_news_is(self):
        """However often nothing came; the time between the waits is lost."""
        budget = Budget(BackoffOptions(initial_delay=0.0, max_elapsed=10.0))
        for begun in (0.0, 93.0, 186.0):
            budget.attempt_started(begun)
            assert budget.attempt_failed(begun + 90.0, idle=True) == 0.0
        assert budget.elapsed(276.0) == 6.0
        budget.attempt_started(281.0)
        assert budget.attempt_failed(371.0, idle=True) is None


def test_an_answer_gives_credentials_three_tries_again():
    budget = Budget(None, refreshable=True)
    assert [budget.may_refresh(), budget.may_refresh()] == [True, True]
    budget.server_answered()
    assert [budget.may_refresh() for _ in range(3)] == [True, True, False]
