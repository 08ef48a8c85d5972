"""`AbortSignal`: one switch, many listeners."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import threading

import pytest

from flue import AbortSignal, _timers

PATIENCE = 5.0


def test_listeners_are_called_once_in_order():
    signal, calls = AbortSignal(), []
    for name in "abc":
        signal.subscribe(lambda name=name: calls.append(name))
    assert calls == []
    signal.abort()
    signal.abort()
    assert calls == ["a", "b", "c"]


def test_the_same_listener_may_subscribe_twice():
    signal, calls = AbortSignal(), []
    listener = calls.append
    first = signal.subscribe(lambda: listener(1))
    signal.subscribe(lambda: listener(1))
    first()
    signal.abort()
    assert calls == [1]


def test_a_listener_sees_the_reason_and_may_use_the_signal():
    signal, seen = AbortSignal(), []

    def listener():
        seen.append((signal.aborted, signal.reason))
        signal.abort("from within")
        signal.subscribe(lambda: seen.append("at once"))

    signal.subscribe(listener)
    signal.abort("enough")
    assert seen == [(True, "enough"), "at once"]


def test_a_listener_that_raises_keeps_it_from_nobody():
    told = []

    def fail(number):
        told.append(number)
        raise LookupError(number)

    signal = AbortSignal()
    for number in (1, 2):
        signal.subscribe(lambda number=number: fail(number))
    signal.subscribe(lambda: told.append(3))
    with pytest.raises(LookupError, match="1"):
        signal.abort()
    assert told == [1, 2, 3]
    assert signal.aborted


def test_many_threads_throw_it_once():
    signal, calls, barrier = AbortSignal(), [], threading.Barrier(8)
    signal.subscribe(lambda: calls.append(signal.reason))

    def throw(number):
        barrier.wait(PATIENCE)
        signal.abort(number)

    threads = [threading.Thread(target=throw, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert calls == [signal.reason]


class TestTimeout:
    def test_it_throws_itself(self):
        signal, thrown = AbortSignal.timeout(0.01), threading.Event()
        signal.subscribe(thrown.set)
        assert thrown.wait(PATIENCE)
        assert signal.aborted
        assert isinstance(signal.reason, TimeoutError)
        assert str(signal.reason) == "the signal timed out after 0.01 s"

    def test_at_once(self):
        signal, thrown = AbortSignal.timeout(0), threading.Event()
        signal.subscribe(thrown.set)
        assert thrown.wait(PATIENCE)

    def test_a_reason_that_came_before_stays(self):
        signal, later = AbortSignal.timeout(0.01), threading.Event()
        signal.abort("enough")
        _timers.call_later(0.02, later.set)
        assert later.wait(PATIENCE)
        assert signal.reason == "enough"

    def test_a_signal_that_nobody_holds_leaves_no_timer(self, monkeypatch):
        service = _timers._Service()
        monkeypatch.setattr(_timers, "_service", service)
        signal = AbortSignal.timeout(60.0)
        thread = service._thread
        del signal
        gc.collect()
        thread.join(PATIENCE)
        assert not thread.is_alive()

    @pytest.mark.parametrize("seconds", [-1, math.inf, math.nan, True])
    def test_what_is_no_time_is_refused(self, seconds):
        with pytest.raises(ValueError, match="timeout must be a finite number of seconds >= 0"):
            AbortSignal.timeout(seconds)
        with pytest.raises(TypeError):
            AbortSignal.timeout("1")


@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_stays_in_its_process(copied):
    with pytest.raises(TypeError, match="an AbortSignal is tied to its process"):
        copied(AbortSignal())
