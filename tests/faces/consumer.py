"""A consumer that is killed again and again: run by `test_checkpoints_killed.py` as a process of its own.

It forks a child for each life, which writes the index of each event that it is handed to a journal; the parent, which
has no threads, kills it. The last child lives to the end of the run.
"""

from __future__ import annotations

import asyncio
import os
import random
import select
import signal
import sys
import time

from flue import AsyncFlueClient, FlueClient
from flue.checkpoints import SqliteCheckpoints

DIVIDER = b"-\n"
LONGEST = 0.012
"""Seconds that a life lasts after its first event, at most."""
WORK = 0.0002
"""Seconds that an event takes."""


def consume(base_url: str, face: str, live: bool | str, store: SqliteCheckpoints, told: int, journal: int) -> None:
    """Read on to the end."""

    def work(event) -> None:
        os.write(told, b".")
        os.write(journal, b"%d\n" % event.event_index)
        time.sleep(WORK)

    async def consume_async() -> None:
        async with (
            AsyncFlueClient(base_url) as client,
            client.runs.stream("long", live=live, checkpoint=store, consumer="killed") as stream,
        ):
            async for event in stream:
                work(event)

    if face == "async":
        asyncio.run(consume_async())
        return
    with (
        FlueClient(base_url) as client,
        client.runs.stream("long", live=live, checkpoint=store, consumer="killed") as stream,
    ):
        for event in stream:
            work(event)


def live_once(arguments: tuple, journal: int, lifetime: float | None, *, early: bool = False) -> None:
    """Fork a consumer; kill it so many seconds after its first event, or after its birth."""
    os.write(journal, DIVIDER)
    hear, tell = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(hear)
            consume(*arguments, tell, journal)
        finally:
            os._exit(0)
    os.close(tell)
    if not early:
        select.select([hear], [], [], 10.0)
    if lifetime is not None:
        time.sleep(lifetime)
        os.kill(child, signal.SIGKILL)
    else:
        while os.read(hear, 65536):  # until its end
            pass
    os.waitpid(child, 0)
    os.close(hear)


def main() -> None:
    base_url, face, live, database, path, seed, lives = sys.argv[1:]
    random.seed(seed)
    journal = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with SqliteCheckpoints(database) as store:  # each child inherits it
        arguments = (base_url, face, "sse" if live == "sse" else live == "True", store)
        for _ in range(int(lives)):
            live_once(arguments, journal, random.random() * LONGEST, early=random.random() < 0.2)
        live_once(arguments, journal, None)


if __name__ == "__main__":
    main()
