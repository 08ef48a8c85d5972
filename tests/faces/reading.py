"""A stream read on a thread of its own, so that a test can see what it does and interfere from outside."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import ssl
import sys
import threading
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import requests

from flue import AsyncFlueClient, BackoffOptions, FlueClient, Timeouts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TLS = Path(__file__).parent / "tls"
AUTHORITY = str(TLS / "authority.pem")
"""Who signed `server.pem`, the certificate of 127.0.0.1 and localhost."""
PATIENT = Timeouts(connect=0.5, read=20.0)
"""Longer than a test that counts milliseconds waits: what ended in time did not end by itself."""
BOUND = 10.0
"""Seconds after which a test says that something does not happen."""


def eventually(met: Callable[[], object], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + BOUND
    while not met():
        assert time.monotonic() < deadline, f"not in {BOUND:g} s: {what}"
        time.sleep(0.001)


def sleeping(task: int | str) -> bool:
    """Whether the kernel has put a process or thread to sleep, three times in a row."""
    for _ in range(3):
        stat = Path(f"/proc/{task}/stat").read_text(encoding="ascii")
        if stat.rpartition(")")[2].split()[0] != "S":
            return False
        time.sleep(0.002)
    return True


def awaiting(task: asyncio.Task[Any]) -> Iterator[str]:
    """The names of the coroutines that a task is inside of, the outermost first."""
    awaited: Any = task.get_coro()
    while awaited is not None:
        yield getattr(awaited, "__name__", "")
        awaited = getattr(awaited, "cr_await", None)


@contextlib.contextmanager
def memory_below(most: int) -> Iterator[None]:
    """What is done inside the block takes no more than so many bytes at a time."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most


def in_threads(count: int, call: Callable[[int], object]) -> None:
    """Run a call in so many threads at once; what one of them raises is raised here."""
    errors: list[BaseException] = []
    begin = threading.Barrier(count)

    def work(number: int) -> None:
        try:
            begin.wait(BOUND)
            call(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(4 * BOUND)
        assert not thread.is_alive()
    for error in errors:
        raise error


@contextlib.contextmanager
def signalled(begin: Callable[[], object]) -> Iterator[None]:
    """Send SIGUSR1 to this thread once `begin` has returned on another one, again and again until the block is over.

    Again, since CPython handles a signal that comes right before a blocking call only when that call returns.
    """
    over, thread = threading.Event(), threading.get_ident()

    def send() -> None:
        begin()
        while not over.wait(0.005):
            signal.pthread_kill(thread, signal.SIGUSR1)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        over.set()
        sender.join()


class Reading:
    """One stream of one client, pulled to its end in the background.

    Attributes:
        stream: Once the thread has made it.
        loop: Of the asyncio face.
        events: So far.
        error: That ended the iteration.
        ended_at: When it ended, on the monotonic clock.
        tasks_left: Of the asyncio face, when its client was closed.
    """

    def __init__(
        self,
        base_url: str,
        *,
        is_async: bool,
        theirs: bool = False,
        client: dict[str, Any] | None = None,
        run_id: str = "run_1",
        read: Callable[..., Any] | None = None,
        **options: Any,
    ) -> None:
        """Begin to read.

        Args:
            base_url: Of the client.
            is_async: Which face.
            theirs: With a session or client of the caller's own.
            client: Further arguments of the client.
            run_id: What to read.
            read: From the client and the options to the stream, where it is not that of a run.
            options: Of the stream.
        """
        self._arguments = {"base_url": base_url, "timeout": PATIENT, **(client or {})}
        self._theirs = theirs
        self._make = read or (lambda client, **given: client.runs.stream(run_id, **given))
        self._options = {"backoff_options": BackoffOptions(), **options}
        self._task: asyncio.Task[Any] | None = None
        self._ready = threading.Event()
        self._ended = threading.Event()
        self.is_async = is_async
        self.stream: Any = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.events: list[Any] = []
        self.error: BaseException | None = None
        self.ended_at: float | None = None
        self.tasks_left: set[str] = set()
        self._thread = threading.Thread(target=self._main, name="reading", daemon=True)
        self._thread.start()
        assert self._ready.wait(BOUND)

    def _main(self) -> None:
        if self.is_async:
            asyncio.run(self._read_async())
        else:
            self._read()

    def _read(self) -> None:
        with contextlib.ExitStack() as stack:
            if self._theirs:
                session = stack.enter_context(requests.Session())
                session.verify = AUTHORITY
                self._arguments["session"] = session
            client = stack.enter_context(FlueClient(**self._arguments))
            self.stream = self._make(client, **self._options)
            self._ready.set()
            try:
                for event in self.stream:
                    self.events.append(event)
            except Exception as error:
                self.error = error
            self._end()

    async def _read_async(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            if self._theirs:
                http_client = httpx.AsyncClient(verify=ssl.create_default_context(cafile=AUTHORITY))
                self._arguments["http_client"] = await stack.enter_async_context(http_client)
            client = await stack.enter_async_context(AsyncFlueClient(**self._arguments))
            self.stream = self._make(client, **self._options)
            self.loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
            self._ready.set()
            try:
                async for event in self.stream:
                    self.events.append(event)
            except Exception as error:
                self.error = error
            self._end()
        # Whoever cancelled it gets its turn, and so do the generators inside httpx that the loop finalizes one by one.
        for _ in range(50):
            self.tasks_left = {str(task) for task in asyncio.all_tasks() - {self._task}}
            await asyncio.sleep(0)

    def _end(self) -> None:
        self.ended_at = time.monotonic()
        self._ended.set()

    def is_at(self, step: str) -> bool:
        """Whether the driver is inside this method of its own: `_open`, `_read` or `_pause`."""
        return step in self._inside()

    def _inside(self) -> Iterator[str]:
        if self._task is not None:
            yield from awaiting(self._task)
            return
        frame = sys._current_frames().get(self._thread.ident or 0)
        while frame is not None:
            yield frame.f_code.co_name
            frame = frame.f_back

    def cancel(self, by: str) -> None:
        """End the stream: from this `thread`, by `close`, or from another `task`."""
        if by == "thread":
            self.stream.cancel()
        elif not self.is_async:
            self.stream.close()
        elif by == "close":
            asyncio.run_coroutine_threadsafe(self.stream.aclose(), self._running()).result(BOUND)
        else:
            asyncio.run_coroutine_threadsafe(self._cancel_in_task(), self._running()).result(BOUND)

    async def _cancel_in_task(self) -> None:
        self.stream.cancel()

    def _running(self) -> asyncio.AbstractEventLoop:
        assert self.loop is not None
        return self.loop

    def wait(self) -> None:
        """Wait until the iteration has ended."""
        assert self._ended.wait(BOUND), f"still inside {list(self._inside())}"

    def join(self) -> None:
        """Wait until its client is closed and its thread is gone."""
        self._thread.join(BOUND)
        assert not self._thread.is_alive(), f"still inside {list(self._inside())}"


def descriptors() -> dict[str, str]:
    """What this process holds open."""
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the directory itself
            found[entry.name] = str(entry.readlink())
    # libuv keeps one on /dev/null in reserve, from when a loop first needs it.
    return {name: target for name, target in found.items() if target != "/dev/null"}


@contextlib.contextmanager
def nothing_left() -> Iterator[None]:
    """Behind the block there are no more descriptors and threads than before it."""
    gc.collect()
    files, threads = descriptors(), set(threading.enumerate())
    yield
    gc.collect()  # what was only forgotten would be told as a ResourceWarning now
    eventually(lambda: set(threading.enumerate()) <= threads, "threads end")
    eventually(lambda: len(descriptors()) <= len(files), "descriptors are closed")
