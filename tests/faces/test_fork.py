"""`fork` behind the back of a client: both processes go on, over connections of their own, and neither loses an event."""

from __future__ import annotations

import json

import pytest

from .frames import RUN, logs
from .scripts import FORKED_CHILD, Program, output_of
from .stations import serving

COUNT = 40
ALL = list(range(COUNT + 1))


@pytest.fixture
def server():
    with serving("http", page_limit=100) as running:
        running.append(RUN, *logs(1, COUNT), raw=True)
        running.finish_run(RUN)
        yield running


SYNC = (
    FORKED_CHILD
    + """
    from flue import AbortSignal, BackoffOptions, FlueClient, FlueTimeoutError
    client = FlueClient(URL)
    client.runs.events(RUN)                       # a kept connection
    failed = []
    options = BackoffOptions(on_failed_attempt=failed.append)
    stream = client.runs.stream("live", live="sse", timeout=60.0, backoff_options=options)
    taken = [next(stream).event_index]            # an open one, and a timer
    waiting = client.runs.stream("live", live="sse", timeout=1.5)
    next(waiting)                                 # a timer that goes off in the child
    signal = AbortSignal.timeout(60.0)
    def work():
        print("child", len(client.runs.events(RUN)), len(list(client.runs.stream(RUN, signal=signal))))
        try:
            client.runs.events(RUN, timeout=30.0)
            AbortSignal.timeout(0.01)
        finally:
            stream.cancel()
            del globals()["stream"]
        try:
            next(waiting)
        except FlueTimeoutError:
            print("timed out")
        client.close()
    print("ended", child(work))
    taken += [event.event_index for event in stream]
    print("parent", len(client.runs.events(RUN)), taken, failed)
    client.close()
"""
)


def test_a_forked_child(server):
    """A kept connection, open ones, timers: the child uses none of them, and the parent goes on with all."""
    server.create_run(run_id="live")
    server.append("live", *logs(0, 1), raw=True)
    program = Program(server, SYNC)
    assert [program.line() for _ in range(3)] == ["child 41 41", "timed out", "ended 0"]
    asked = len(server.requests)
    server.append("live", *logs(1, 3), raw=True)
    server.finish_run("live")
    assert program.finish() == (0, "parent 41 [0, 1, 2, 3] []\n", "")
    assert len(server.requests) == asked + 1


ASYNC = (
    FORKED_CHILD
    + """
    import asyncio
    from flue import AsyncFlueClient
    client = AsyncFlueClient(URL)
    async def use(who):
        events = [event.event_index async for event in client.runs.stream(RUN)]
        print(who, len(await client.runs.events(RUN)), len(events))
    asyncio.run(use("parent"))
    print("ended", child(lambda: asyncio.run(use("child"))))
    asyncio.run(use("parent"))
    asyncio.run(client.aclose())
"""
)


def test_a_forked_child_with_a_loop(server):
    lines = output_of(server, ASYNC).splitlines()
    assert lines == ["parent 41 41", "child 41 41", "ended 0", "parent 41 41"]


@pytest.mark.parametrize("session", ["None", "requests.Session()"], ids=["own", "theirs"])
def test_a_child_that_leaves_in_mid_response(server, session):
    """What it did not read is on no connection of its parent's."""
    script = (
        FORKED_CHILD
        + """
    import requests
    from flue import FlueClient
    client = FlueClient(URL, session={session})
    client.runs.events(RUN)                       # a kept connection
    def work():
        leaving = client.runs.stream("live", live="sse")
        next(leaving)
        os._exit(0)
    print("ended", child(work), len(client.runs.events(RUN, timeout=10.0)))
    client.close()
"""
    )
    server.create_run(run_id="live")
    server.append("live", *logs(0, 1), raw=True)
    assert output_of(server, script.replace("{session}", session)) == "ended 0 41"


def test_multiprocessing(server):
    """The usual way to fork, with the client as a global."""
    script = """
    import multiprocessing
    from flue import FlueClient
    client = FlueClient(URL)
    def count(run_id):
        return len(client.runs.events(run_id))
    print(count(RUN))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(count, [RUN] * 8))
    client.close()
"""
    assert output_of(server, script) == f"41\n{[41] * 8}"


TAKEN = 1
IN_MID_STREAM = """
    import asyncio, json, os, sys
    import flue
    import requests

    LOOP = asyncio.new_event_loop()
    failed = []

    async def read_async(stream, seen):
        async for event in stream:
            seen.append(event.event_index)

    def read(stream, seen):
        '''To the end, or to an error.'''
        try:
            if IS_ASYNC:
                loop.run_until_complete(read_async(stream, seen))
            else:
                seen += [event.event_index for event in stream]
        except (flue.FlueError, RuntimeError) as error:
            return type(error).__name__
        return "end"

    async def some(stream):
        return [(await anext(stream)).event_index for _ in range(TAKEN)]

    IS_ASYNC, TAKEN = {is_async}, {taken}
    loop = LOOP
    if IS_ASYNC:
        client = flue.AsyncFlueClient(URL)
    else:
        client = flue.FlueClient(URL, session=requests.Session() if {theirs} else None)
    for live in (False, "long-poll", "sse"):
        options = flue.BackoffOptions(on_failed_attempt=failed.append)
        stream = client.runs.stream(RUN, live=live, backoff_options=options)
        if IS_ASYNC:
            taken = LOOP.run_until_complete(some(stream))
        else:
            taken = [next(stream).event_index for _ in range(TAKEN)]
        hear, tell = os.pipe()
        pid = os.fork()
        seen = []
        if pid == 0:
            loop = asyncio.new_event_loop()
        ended = read(stream, seen)
        if pid == 0:
            os.write(tell, json.dumps([seen, ended]).encode())
            os._exit(0)
        os.close(tell)
        status = os.waitpid(pid, 0)[1]
        print(json.dumps([[seen, ended], json.loads(os.read(hear, 65536)), status, taken, len(failed)]))
        os.close(hear)
    if IS_ASYNC:
        LOOP.run_until_complete(client.aclose())
    else:
        client.close()
    LOOP.close()
"""


def complete(seen, ended):
    """Whether a process has read all that it had not been handed, or says that it could not."""
    if ended != "end":  # an error is not silence; what came before it has no gap
        first = seen[0] if seen else 0
        return first <= TAKEN and seen == list(range(first, first + len(seen)))
    return seen == ALL[seen[0] :] and seen[0] <= TAKEN


@pytest.mark.parametrize("page_limit", [1, 100])
@pytest.mark.parametrize("face", ["sync", "sync with their session", "async"])
def test_both_go_on_in_mid_stream(face, page_limit):
    """The parent reads on as if nothing had happened; the child begins at its checkpoint, or says why it cannot."""
    with serving("http", page_limit=page_limit) as server:
        server.append(RUN, *logs(1, COUNT), raw=True)
        server.finish_run(RUN)
        script = IN_MID_STREAM.format(is_async=face == "async", taken=TAKEN, theirs="their" in face)
        status, out, err = Program(server, script).finish()
    assert (status, "Traceback" in err) == (0, False), err
    lines = [json.loads(line) for line in out.splitlines()]
    assert len(lines) == 3
    for parent, child, child_status, taken, failures in lines:
        assert (child_status, taken) == (0, ALL[:TAKEN])
        assert parent == [ALL[TAKEN:], "end"]
        assert failures == 0
        assert complete(*child)
