"""One thread for all timers, there only while one is pending."""

from __future__ import annotations

import os
import threading
import time

import pytest

from flue import _timers

PATIENCE = 5.0
"""Seconds: a bound, never a wait."""


@pytest.fixture
def service(monkeypatch):
    fresh = _timers._Service()
    monkeypatch.setattr(_timers, "_service", fresh)
    return fresh


def ended(service):
    """Whether the thread goes when nothing is pending."""
    thread = service._thread
    if thread is not None:
        thread.join(PATIENCE)
    return service._thread is None


def test_a_call_is_made_once_on_another_thread(service):
    called, threads = threading.Event(), []

    def call():
        threads.append(threading.current_thread())
        called.set()

    begun = time.monotonic()
    _timers.call_later(0.01, call)
    assert called.wait(PATIENCE)
    assert time.monotonic() - begun >= 0.01
    assert ended(service)
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()
    assert threads[0].daemon


def test_the_sooner_comes_first(service):
    order, done = [], threading.Event()
    timers = [_timers.call_later(60.0, lambda: order.append("late"))]
    _timers.call_later(0.03, lambda: (order.append("second"), done.set()))
    _timers.call_later(0.0, lambda: order.append("first"))
    assert done.wait(PATIENCE)
    assert order == ["first", "second"]
    timers[0].cancel()
    assert ended(service)


def test_a_cancelled_call_is_not_made(service):
    called, other = [], threading.Event()
    timer = _timers.call_later(0.02, lambda: called.append(1))
    _timers.call_later(0.04, other.set)
    timer.cancel()
    timer.cancel()
    assert other.wait(PATIENCE)
    assert called == []
    assert ended(service)


def test_cancelling_the_last_one_ends_the_thread(service):
    timer = _timers.call_later(60.0, lambda: None)
    thread = service._thread
    assert thread.is_alive()
    timer.cancel()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert service._thread is None


def test_after_an_end_it_begins_anew(service):
    for _ in range(3):
        called = threading.Event()
        timer = _timers.call_later(0.0, called.set)
        assert called.wait(PATIENCE)
        assert ended(service)
        timer.cancel()


def test_a_call_may_set_and_cancel_timers(service):
    called = threading.Event()
    late = _timers.call_later(60.0, lambda: None)

    def call():
        late.cancel()
        _timers.call_later(0.0, called.set)

    _timers.call_later(0.0, call)
    assert called.wait(PATIENCE)
    assert ended(service)


def test_many_timers_share_one_thread(service):
    before = set(threading.enumerate())
    timers = [_timers.call_later(60.0, lambda: None) for _ in range(200)]
    assert set(threading.enumerate()) - before == {service._thread}
    for timer in timers:
        timer.cancel()
    assert ended(service)


def test_a_time_beyond_the_systems_clock_stops_nobody_else(service):
    """Longer than a thread can wait at a time."""
    far = _timers.call_later(threading.TIMEOUT_MAX * 2, lambda: None)
    called = threading.Event()
    _timers.call_later(0.01, called.set)
    assert called.wait(PATIENCE)
    far.cancel()
    assert ended(service)


def test_a_forked_child_has_a_service_of_its_own(service):
    """Threads do not survive a fork."""
    timer = _timers.call_later(60.0, lambda: None)
    _timers._forget_parent()
    assert _timers._service is not service
    called = threading.Event()
    _timers.call_later(0.0, called.set)
    assert called.wait(PATIENCE)
    assert ended(_timers._service)
    timer.cancel()
    assert ended(service)


def test_a_forked_child_does_not_wait_for_the_lock_of_its_parent(service, monkeypatch):
    """The thread of the parent may have held it at the fork; nobody in the child would release it."""
    timer = _timers.call_later(60.0, lambda: None)
    held, release = threading.Event(), threading.Event()

    def hold():
        with service._changed:
            held.set()
            release.wait(PATIENCE)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(PATIENCE)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)
        timer.cancel()
    assert holder.is_alive()  # it was not waited for
    release.set()
    holder.join()
    timer.cancel()
    assert ended(service)


def test_a_call_that_raises_stops_nobody_else(service, caplog):
    """A listener of the caller's own may raise; the time limits behind it still end what they are to end."""
    called = threading.Event()
    _timers.call_later(0.0, lambda: 1 // 0)
    _timers.call_later(0.001, called.set)
    assert called.wait(PATIENCE)
    assert ended(service)
    assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]
