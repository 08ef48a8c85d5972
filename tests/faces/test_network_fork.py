"""A process that forks in the middle of a stream: both go on, and neither loses an event in silence."""

from __future__ import annotations

import json

import pytest

from .frames import RUN, logs
from .scripts import Program
from .stations import serving

COUNT = 40
SCRIPT = """
    import asyncio, json, os, sys
    import flue

    TAKEN = {taken}
    failed = []
    OPTIONS = {{"live": {live!r}, "backoff_options": flue.BackoffOptions(on_failed_attempt=failed.append)}}

    def read(stream, seen):
        '''To the end, or to an error.'''
        try:
            for event in stream:
                seen.append(event.event_index)
        except (flue.FlueError, RuntimeError) as error:
            return type(error).__name__
        return "end"

    async def read_async(stream, seen):
        try:
            async for event in stream:
                seen.append(event.event_index)
        except (flue.FlueError, RuntimeError) as error:
            return type(error).__name__
        return "end"

    def session():
        import requests
        return {{"session": requests.Session()}} if {theirs} else {{}}

    if {is_async}:
        client = flue.AsyncFlueClient(URL)
        stream = client.runs.stream(RUN, **OPTIONS)
        loop = asyncio.new_event_loop()
        async def some():
            return [(await anext(stream)).event_index for _ in range(TAKEN)]
        taken = loop.run_until_complete(some())
    else:
        client = flue.FlueClient(URL, **session())
        stream = client.runs.stream(RUN, **OPTIONS)
        taken = [next(stream).event_index for _ in range(TAKEN)]
    hear, tell = os.pipe()
    pid = os.fork()
    seen = []
    if {is_async}:
        ended = asyncio.run(read_async(stream, seen)) if pid == 0 else loop.run_until_complete(read_async(stream, seen))
    else:
        ended = read(stream, seen)
    if pid == 0:
        os.write(tell, json.dumps([seen, ended]).encode())
        os._exit(0)
    os.close(tell)
    status = os.waitpid(pid, 0)[1]
    print(json.dumps([[seen, ended], json.loads(os.read(hear, 65536)), status, taken, len(failed)]))
    if {is_async}:
        loop.run_until_complete(stream.aclose())
        loop.run_until_complete(client.aclose())
        loop.close()
    else:
        client.close()
"""


def complete(seen, ended, taken):
    """Whether a process has read all that it had not been handed, or says that it could not."""
    if ended != "end":  # an error is not silence; what came before it has no gap
        first = seen[0] if seen else 0
        return first <= len(taken) and seen == list(range(first, first + len(seen)))
    return seen == list(range(seen[0], COUNT + 1)) and seen[0] <= len(taken)


@pytest.mark.parametrize("page_limit", [1, 100])
@pytest.mark.parametrize("taken", [1, 7])
@pytest.mark.parametrize("live", [False, "long-poll", "sse"], ids=str)
@pytest.mark.parametrize("face", ["sync", "sync with their session", "async"])
def test_both_go_on(face, live, taken, page_limit):
    """The parent reads on as if nothing had happened; the child begins at its checkpoint, or says why it cannot."""
    with serving("http", page_limit=page_limit) as server:
        server.append(RUN, *logs(1, COUNT), raw=True)
        server.finish_run(RUN)
        script = SCRIPT.format(is_async=face == "async", live=live, taken=taken, theirs="their" in face)
        status, out, err = Program(server, script).finish()
    assert (status, "Traceback" in err) == (0, False), err
    parent, child, child_status, seen, failures = json.loads(out)
    assert child_status == 0
    assert seen == list(range(taken))
    assert parent == [list(range(taken, COUNT + 1)), "end"]
    assert failures == 0
    assert complete(*child, seen)
