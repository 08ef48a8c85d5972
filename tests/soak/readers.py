"""The two readers of a script. They differ only in how one waits."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from .script import Finish, Leave, Pull, Write

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue import AsyncFlueClient, FlueClient

    from .site import Play


def read(client: FlueClient, play: Play) -> None:
    """Play a script on the blocking face."""
    ledger = play.ledger

    def pull(behind: int | None = None) -> None:
        while behind is None or ledger.behind < behind:
            event = next(play.stream, None)
            if event is None:
                return
            ledger.take(event)

    def begin(offset: str = "-1") -> None:
        play.stream = client.runs.stream(play.script.run_id, offset=offset, live=play.script.live)

    begin()
    try:
        for step in play.script.steps:
            match step:
                case Write() | Finish():
                    play.write(step)
                case Pull(behind, elsewhere):
                    if elsewhere:
                        _on_a_thread(pull, behind)
                    else:
                        pull(behind)
                case Leave(how, delay):
                    if how == "close":
                        play.stream.close()
                    elif how != "forget":
                        play.cancel_in(delay)
                        pull()
                    ledger.resume(play.stream.offset)
                    begin(play.stream.offset)
        _finish(play)
    finally:
        play.stream.close()


async def read_async(client: AsyncFlueClient, play: Play) -> None:
    """Play a script on the asyncio face."""
    ledger = play.ledger

    async def pull(behind: int | None = None) -> None:
        while behind is None or ledger.behind < behind:
            event = await anext(play.stream, None)
            if event is None:
                return
            ledger.take(event)

    def begin(offset: str = "-1") -> None:
        play.stream = client.runs.stream(play.script.run_id, offset=offset, live=play.script.live)

    begin()
    try:
        for step in play.script.steps:
            match step:
                case Write() | Finish():
                    play.write(step)
                case Pull(behind, elsewhere):
                    await (asyncio.create_task(pull(behind)) if elsewhere else pull(behind))
                case Leave("give up", delay):
                    await _give_up(play, delay)
                case Leave(how, delay):
                    if how == "close":
                        await play.stream.aclose()
                    elif how == "cancel":
                        play.cancel_in(delay)
                        await pull()
                    ledger.resume(play.stream.offset)
                    begin(play.stream.offset)
        _finish(play)
    finally:
        await play.stream.aclose()


async def _give_up(play: Play, seconds: float) -> None:
    """Cancel a pull, unless it brings an event before."""
    try:
        async with asyncio.timeout(seconds):
            event = await anext(play.stream, None)
    except TimeoutError:
        return
    if event is not None:
        play.ledger.take(event)


def _on_a_thread(call: Callable[[int | None], None], behind: int | None) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            call(behind)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, name="elsewhere")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


def _finish(play: Play) -> None:
    stream: Any = play.stream
    play.ledger.end()
    if play.script.live is not False and not stream.closed:
        play.ledger.counts["errors"] += 1
        play.notes.append(f"the stream ended at {stream.offset} without being closed")
