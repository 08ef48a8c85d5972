"""Where the callables of a test run: functions on a thread each, coroutine functions on the loop of the server."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

JOIN_SECONDS = 5.0
"""How long a stop waits for a thread."""


class ServerStoppedError(Exception):
    """The server stopped while a callable was at work. Its run stays active, as on a server that died."""


class Workers:
    """The callables at work, from the start of a server to its stop. Used on its loop."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        """Set once the server stops."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._threads: set[threading.Thread] = set()

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run something that outlives the request that asked for it, until the server stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def call(self, function: Callable[[T], Any], argument: T, *, name: str) -> Any:
        """What a callable returns or raises.

        Args:
            function: Plain or a coroutine function.
            argument: Its only one.
            name: Of its thread.
        """
        if inspect.iscoroutinefunction(function):
            return await function(argument)
        return await self._in_thread(function, argument, name)

    async def stop(self) -> None:
        """End what is at work.

        Raises:
            RuntimeError: A thread does not end.
        """
        self.stopped.set()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for thread in list(self._threads):
            await asyncio.to_thread(thread.join, JOIN_SECONDS)
            if thread.is_alive():
                msg = f"{thread.name} is still running; a plain function should wait with sleep() of its argument"
                raise RuntimeError(msg)

    async def _in_thread(self, function: Callable[[T], Any], argument: T, name: str) -> Any:
        """Call a function on a daemon thread of its own, for which nobody has to wait for ever."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        def call() -> None:
            result, error = None, None
            try:
                result = function(argument)
            except BaseException as raised:  # noqa: BLE001 - handed over to the task
                # What would end the loop itself, or cannot leave a coroutine, goes wrapped.
                passable = isinstance(raised, Exception) and not isinstance(raised, StopIteration)
                error = raised if passable else RuntimeError(repr(raised))
            finally:
                self._threads.discard(threading.current_thread())
            with contextlib.suppress(RuntimeError):  # the server has stopped meanwhile
                loop.call_soon_threadsafe(settle, result, error)

        thread = threading.Thread(target=call, name=name, daemon=True)
        self._threads.add(thread)
        thread.start()
        return await future

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # told to whoever waits for the result, and in the stream
