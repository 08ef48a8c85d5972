"""A consumer that is killed again and again: run by `test_checkpoints_killed.py` as a process of its own.

It forks a child for each life, which writes the index of each event that it is handed to a journal; the parent, which
has no threads, kills it. The last child lives to the end of the run.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import random
import signal
import sys
import time

from flue import AsyncFlueClient, FlueClient
from flue.checkpoints import SqliteCheckpoints

DIVIDER = b"-\n"
MOST = 60
"""Events of which a life tells before it is killed, at most; so that each makes progress, however slow it is."""
AHEAD = 25
"""Events that it may go on for until it is killed."""
WORK = 0.0002
"""Seconds that an event takes."""


def consume(
    base_url: str, face: str, live: bool | str, store: SqliteCheckpoints, told: int, journal: int, most: float
) -> None:
    """Read on to the end, or through so many events."""
    events = itertools.count()

    def work(event) -> None:
        if next(events) >= most:
            time.sleep(60.0)  # until it is killed
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


def live_once(arguments: tuple, journal: int, events: int | None) -> None:
    """Fork a consumer; kill it when it has told of so many events, or let it live to its end."""
    os.write(journal, DIVIDER)
    hear, tell = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(hear)
            consume(*arguments, tell, journal, math.inf if events is None else events + AHEAD)
        finally:
            os._exit(0)
    os.close(tell)
    seen = 0
    while (events is None or seen < events) and (told := os.read(hear, 65536)):
        seen += len(told)
    if events is not None:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(hear)


def main() -> None:
    base_url, face, live, database, path, seed, lives = sys.argv[1:]
    random.seed(seed)
    journal = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with SqliteCheckpoints(database) as store:  # each child inherits it
        arguments = (base_url, face, "sse" if live == "sse" else live == "True", store)
        for life in range(int(lives)):
            live_once(arguments, journal, random.randint(1, MOST) if life % 5 else 0)
        live_once(arguments, journal, None)


if __name__ == "__main__":
    main()
