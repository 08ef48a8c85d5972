"""One question, asked in the calling task."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from flue._instrumentation import Instrumentation
from flue.aio.driver import Driver
from flue.aio.interrupt import Interrupt, Interrupted
from flue.core.actions import Done
from flue.core.protocol import CallProtocol
from flue.errors import AbortError, FlueTimeoutError

if TYPE_CHECKING:
    from flue._requests import CallSpec
    from flue.aio.transport import Transport
    from flue.config import Settings
    from flue.signals import AbortSignal

T = TypeVar("T")

__all__ = ["pause", "perform"]


async def perform(transport: Transport, settings: Settings, spec: CallSpec[T]) -> T:
    """The answer to `spec`.

    Raises:
        AbortError: the caller's signal was aborted.
        FlueTimeoutError: the overall limit is over.
        FlueError: the server said no, or nothing that helps.
    """
    interrupt = Interrupt()
    machine = CallProtocol(spec.call, spec.budget, limit=settings.max_event_bytes)
    driver = Driver(transport, settings, machine, interrupt, Instrumentation(spec.label, spec.options))
    loop = asyncio.get_running_loop()
    timer = None if spec.timeout is None else loop.call_later(spec.timeout, interrupt.fire, "expired")
    unsubscribe = None if spec.signal is None else spec.signal.subscribe(lambda: interrupt.fire("aborted"))
    try:
        result = await driver.advance()
    except Interrupted:
        if interrupt.cause == "expired":
            raise FlueTimeoutError(f"{spec.label}: no answer within {spec.timeout:g} s") from None
        raise AbortError(spec.signal.reason if spec.signal is not None else None) from None
    except Exception as error:  # of a callback of the caller's, too
        driver.fail(error)
        raise
    finally:
        if timer is not None:
            timer.cancel()
        if unsubscribe is not None:
            unsubscribe()
        await driver.release()
    assert isinstance(result, Done)  # noqa: S101  # an exchange delivers nothing else
    value: T = result.value
    return value


async def pause(seconds: float, signal: AbortSignal | None) -> None:
    """Wait. `AbortError` at once when the signal is aborted."""
    interrupt = Interrupt()
    unsubscribe = None if signal is None else signal.subscribe(lambda: interrupt.fire("aborted"))
    try:
        with interrupt:
            await asyncio.sleep(seconds)
    except Interrupted:
        pass
    finally:
        if unsubscribe is not None:
            unsubscribe()
    if signal is not None and signal.aborted:
        raise AbortError(signal.reason)
