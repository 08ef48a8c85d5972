"""`fork` behind the back of a client: the child opens connections of its own and leaves its parent's alone."""

from __future__ import annotations

import pytest

from .frames import logs
from .scripts import FORKED_CHILD, output_of
from .stations import serving

SYNC = (
    FORKED_CHILD
    + """
    from flue import AbortSignal, FlueClient
    client = FlueClient(URL)
    client.runs.events(RUN)                       # a kept connection
    stream = client.runs.stream(RUN, live="sse", timeout=60.0)
    taken = [next(stream).event_index]            # an open one, and a timer
    signal = AbortSignal.timeout(60.0)
    def work():
        print("child", len(client.runs.events(RUN)), [e.event_index for e in client.runs.stream(RUN, signal=signal)])
        try:
            client.runs.events(RUN, timeout=30.0)
            AbortSignal.timeout(0.01)
        finally:
            del globals()["stream"]
        client.close()
    print("ended", child(work))
    taken += [event.event_index for event in stream]
    print("parent", len(client.runs.events(RUN)), taken)
    client.close()
"""
)
ASYNC = (
    FORKED_CHILD
    + """
    import asyncio
    from flue import AsyncFlueClient
    client = AsyncFlueClient(URL)
    async def use(who):
        events = [event.event_index async for event in client.runs.stream(RUN)]
        print(who, len(await client.runs.events(RUN)), events)
    asyncio.run(use("parent"))
    print("ended", child(lambda: asyncio.run(use("child"))))
    asyncio.run(use("parent"))
    asyncio.run(client.aclose())
"""
)
ALL = list(range(4))


@pytest.fixture
def server():
    with serving("http") as running:
        running.append("run_1", *logs(1, 3), raw=True)
        running.finish_run("run_1")
        yield running


def test_a_forked_child(server):
    """A kept connection, an open stream, a timer: the child uses none of them, and the parent goes on with all."""
    lines = output_of(server, SYNC).splitlines()
    assert lines == [f"child 4 {ALL}", "ended 0", f"parent 4 {ALL}"]


def test_a_forked_child_with_a_loop(server):
    lines = output_of(server, ASYNC).splitlines()
    assert lines == [f"parent 4 {ALL}", f"child 4 {ALL}", "ended 0", f"parent 4 {ALL}"]


def test_many_children_at_once(server):
    """As pre-forking servers do: each with the client that its parent made and used."""
    script = (
        FORKED_CHILD
        + """
    from flue import FlueClient
    client = FlueClient(URL)
    client.runs.events(RUN)
    pids = []
    for number in range(6):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                for _ in range(5):
                    assert [e.event_index for e in client.runs.events(RUN)] == list(range(4))
                status = 0
            finally:
                os._exit(status)
        pids.append(pid)
    print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids], len(client.runs.events(RUN)))
    client.close()
"""
    )
    assert output_of(server, script) == f"{[0] * 6} 4"


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
    assert output_of(server, script) == f"4\n{[4] * 8}"
