"""One question, asked on the calling thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flue import _timers
from flue.core.actions import Done
from flue.core.exchange import Exchange
from flue.errors import AbortError, FlueTimeoutError
from flue.observe import Observer
from flue.sync.driver import Driver, Interrupted
from flue.sync.interrupt import Interrupt

if TYPE_CHECKING:
    from flue.config import Settings
    from flue.plan import CallPlan
    from flue.signals import AbortSignal
    from flue.sync.transport import Transport

__all__ = ["pause", "perform"]


def perform(transport: Transport, settings: Settings, plan: CallPlan) -> Any:
    """The answer to `plan`.

    Raises:
        AbortError: the caller's signal was aborted.
        FlueTimeoutError: the overall limit is over.
        FlueError: the server said no, or nothing that helps.
    """
    interrupt = Interrupt()
    machine = Exchange(plan.operation, plan.budget, limit=settings.max_event_bytes)
    driver = Driver(transport, settings, machine, interrupt, Observer(plan.what, plan.options))
    driver.patience = plan.timeout if plan.operation.request.patient else None
    timer = None if plan.timeout is None else _timers.call_later(plan.timeout, lambda: interrupt.fire("expired"))
    unsubscribe = None if plan.signal is None else plan.signal.subscribe(lambda: interrupt.fire("aborted"))
    try:
        result = driver.advance()
    except Interrupted:
        if interrupt.cause == "expired":
            raise FlueTimeoutError(f"{plan.what}: no answer within {plan.timeout:g} s") from None
        raise AbortError(plan.signal.reason if plan.signal is not None else None) from None
    except Exception as error:  # of a callback of the caller's, too
        driver.fail(error)
        raise
    finally:
        driver.release()
        if timer is not None:
            timer.cancel()
        if unsubscribe is not None:
            unsubscribe()
    assert isinstance(result, Done)  # noqa: S101  # an exchange delivers nothing else
    return result.value


def pause(seconds: float, signal: AbortSignal | None) -> None:
    """Wait. `AbortError` at once when the signal is aborted."""
    interrupt = Interrupt()
    unsubscribe = None if signal is None else signal.subscribe(lambda: interrupt.fire("aborted"))
    try:
        interrupt.pause(seconds)
    finally:
        if unsubscribe is not None:
            unsubscribe()
    if signal is not None and signal.aborted:
        raise AbortError(signal.reason)
