"""`AbortSignal`: one switch, many listeners."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import subprocess
import sys
import threading
import time
from decimal import Decimal
from fractions import Fraction

import pytest

from flue import AbortSignal
from flue.signals import abort_error, call_later

PATIENCE = 5.0


@pytest.fixture
def threads(monkeypatch):
    """The threads that are started."""
    started = []
    start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda thread: (started.append(thread), start(thread)))
    return started


def ended(threads):
    """Whether the one thread that was started has ended, or does so soon."""
    (thread,) = threads
    thread.join(PATIENCE)
    return not thread.is_alive()


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

    def test_a_reason_that_came_before_stays(self, monkeypatch):
        expire = []
        monkeypatch.setattr("flue.signals.call_later", lambda _seconds, function: expire.append(function) or list)
        signal = AbortSignal.timeout(0.01)
        signal.abort("enough")
        expire[0]()
        assert signal.reason == "enough"

    def test_a_signal_that_nobody_holds_leaves_no_thread(self, threads):
        signal = AbortSignal.timeout(60.0)
        assert threads[0].is_alive()
        del signal
        gc.collect()
        assert ended(threads)

    @pytest.mark.parametrize("seconds", [-1, math.inf, math.nan, True])
    def test_what_is_no_time_is_refused(self, seconds):
        with pytest.raises(ValueError, match="timeout must be a finite number of seconds >= 0"):
            AbortSignal.timeout(seconds)

    @pytest.mark.parametrize("seconds", ["1", None, Decimal(1), Fraction(1, 2)])
    def test_what_is_no_number_is_refused(self, seconds):
        """A lock takes none of these as its time-out: the signal would never be thrown."""
        with pytest.raises(TypeError, match="timeout must be a number of seconds, not"):
            AbortSignal.timeout(seconds)


@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_stays_in_its_process(copied):
    with pytest.raises(TypeError, match="an AbortSignal is tied to its process"):
        copied(AbortSignal())


class TestCallLater:
    def test_a_call_is_made_once_on_a_daemon_thread_which_then_ends(self, threads):
        called_on = []
        cancel = call_later(0.01, lambda: called_on.append(threading.current_thread()))
        assert ended(threads)
        assert called_on == threads
        assert threads[0].daemon
        cancel()

    def test_a_cancelled_call_is_not_made(self, threads):
        calls = []
        cancel = call_later(60.0, lambda: calls.append(1))
        cancel()
        cancel()
        assert ended(threads)
        assert calls == []

    def test_what_a_call_raises_is_logged(self, threads, caplog):
        """It does not reach `threading.excepthook`, which would print it; pytest makes an error of that."""
        call_later(0.0, lambda: 1 // 0)
        assert ended(threads)
        assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]

    def test_a_call_may_cancel_itself_and_set_another(self):
        known, done, cancels = threading.Event(), threading.Event(), []

        def call():
            known.wait(PATIENCE)
            cancels[0]()
            call_later(0.0, done.set)

        cancels.append(call_later(0.0, call))
        known.set()
        assert done.wait(PATIENCE)

    def test_a_time_longer_than_a_thread_can_wait(self, threads, monkeypatch):
        cancel = call_later(threading.TIMEOUT_MAX * 1e6, lambda: None)
        assert threads[0].is_alive()
        cancel()
        assert ended(threads)
        monkeypatch.setattr(threading, "TIMEOUT_MAX", 0.01)
        called, begun = threading.Event(), time.monotonic()
        call_later(0.035, called.set)
        assert called.wait(PATIENCE)
        assert time.monotonic() - begun >= 0.03

    def test_a_thread_that_cannot_be_started(self, monkeypatch):
        def refuse(_thread):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match=r"no thread can be started for a time limit of 5 s: can't start new"):
            call_later(5.0, lambda: None)

    def test_at_the_exit_of_the_interpreter_it_fails_and_does_not_hang(self):
        """Python 3.11 would wait for ever for the thread to begin."""
        script = """if True:
            from flue import AbortSignal
            class Late:
                def __init__(self, make):
                    self.make = make
                def __del__(self):
                    try:
                        self.make(5.0)
                    except RuntimeError as error:
                        print(error)
            late = Late(AbortSignal.timeout)
        """
        answer = subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=12 * PATIENCE
        )
        assert answer.stdout.startswith("no thread can be started for a time limit of 5 s: ")
        assert answer.stderr == ""


def test_the_error_of_a_call_that_was_aborted():
    signal = AbortSignal()
    signal.abort("enough")
    assert abort_error(signal).reason == "enough"
    assert abort_error(None).reason is None
