"""Conversations beside each other: of one client, of many threads, tasks, loops and processes, over the caller's own."""

from __future__ import annotations

import asyncio
import gc
import threading

import httpx
import pytest
import requests

from flue import AsyncConversation, AsyncFlueClient, Conversation, FlueClient, FlueConnectionError
from flue.testing import FlueTestServer

from .harness import AGENT, on_both_faces
from .reading import BOUND, PATIENT, eventually, nothing_left
from .scripts import FORKED_CHILD, output_of
from .test_conversation_reply import answering, by_hand, message, receipt, settled
from .test_conversation_stream import offset

on_flue_2 = on_both_faces(flue_version=2)


@pytest.fixture
def server():
    with FlueTestServer(flue_version=2) as running:
        answering(running)
        yield running
        assert running.problems == []


# Of a client.


@on_flue_2
def test_a_conversation_of_a_client(face):
    answering(face.server)
    talk = face.client.conversation("agents", AGENT, "ticket 42/ü")
    assert talk.url == f"{face.server.base_url}/agents/{AGENT}/ticket%2042%2F%C3%BC"
    assert face.wait(talk.ask, "hello").text == "answer to hello"
    for segments in ((), ("agents", ""), ("agents", ".."), ("agents", ".")):
        with pytest.raises(ValueError, match=r"segment|path"):
            face.client.conversation(*segments)
    with pytest.raises(TypeError):
        face.client.conversation("agents", AGENT, 42)


@on_flue_2
def test_it_shares_the_clients_connections_and_leaves_them_open(face):
    answering(face.server)
    one, two = (face.client.conversation("agents", AGENT, name) for name in ("one", "two"))
    for talk in (one, two, one):
        face.wait(talk.abort)
        face.wait(talk.aclose if face.is_async else talk.close)
    assert face.wait(two.abort).aborted is False
    assert len(face.server.requests) == 4
    assert face.server.open_connections == 1
    face.wait(face.client.aclose if face.is_async else face.client.close)
    with pytest.raises((FlueConnectionError, RuntimeError)):
        face.wait(two.abort)


@on_flue_2
def test_it_has_the_clients_token_headers_and_options(face):
    answering(face.server)
    client = face.new_client(token="secret", headers={"x-one": "1"}, max_event_bytes=10)
    with pytest.raises(Exception, match="EVENT_TOO_LARGE"):
        face.wait(client.conversation("agents", AGENT, "one").ask, "hello")
    seen = face.server.requests[0]
    assert (seen.header("authorization"), seen.header("x-one")) == ("Bearer secret", "1")
    assert "secret" not in repr(client.conversation("a"))


@on_flue_2
def test_closing_one_of_its_own(face):
    answering(face.server)
    talk = face.conversation()
    talk.ask("hello")
    talk.close()
    talk.close()
    face.idle()
    face.server.wait_for_connections(0)


@on_flue_2
def test_the_callers_own(face):
    """Its session or client is used, not changed and not closed."""
    answering(face.server)
    own = httpx.AsyncClient(headers={"x-own": "1"}) if face.is_async else requests.Session()
    if not face.is_async:
        own.headers["x-own"] = "1"
    before = dict(own.headers)
    talk = face.conversation(**{"http_client" if face.is_async else "session": own})
    assert talk.ask("hello").text == "answer to hello"
    assert talk.stream(offset="-1").next().type == "conversation-reset"
    assert len(talk.observe().next().messages) == 2
    assert {request.header("x-own") for request in face.server.requests} == {"1"}
    talk.close()
    assert dict(own.headers) == before
    if face.is_async:
        assert not own.is_closed
        face.wait(own.aclose)
    own = None if face.is_async else own.close()
    with pytest.raises(TypeError):
        face.conversation(**{"http_client" if face.is_async else "session": object()})


# Threads, tasks, loops.


def test_several_threads(server):
    texts = []
    with nothing_left(), Conversation(f"{server.base_url}/agents/{AGENT}/one", timeout=PATIENT) as talk:
        threads = [
            threading.Thread(target=lambda n=n: texts.append(talk.ask(str(n), timeout=20).text)) for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(BOUND * 4)
    # Messages that wait when a turn ends continue its response, so an answer may hold those of others.
    assert len(texts) == 8
    assert {word for text in texts for word in text.split() if word.isdigit()} == set("01234567")


def test_several_threads_pull_from_one_stream(server):
    append = by_hand(server, "other")
    for index in range(300):
        append(message(f"sub_{index}"))
    append(settled("sub_x"))
    taken = []
    with Conversation(f"{server.base_url}/agents/{AGENT}/other", timeout=PATIENT) as talk:
        stream = talk.stream(receipt(offset(1), "sub_x"))
        threads = [threading.Thread(target=lambda: taken.extend(stream)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(BOUND * 4)
    assert sorted(chunk.position.batch for chunk in taken) == list(range(1, 302))


def test_several_tasks(server):
    async def whole():
        async with AsyncConversation(f"{server.base_url}/agents/{AGENT}/one", timeout=PATIENT) as talk:
            replies = await asyncio.gather(*(talk.ask(str(n), timeout=20) for n in range(8)))
            stream = talk.stream(offset="-1")
            first = await asyncio.gather(*(anext(stream) for _ in range(6)))
            await stream.aclose()
            return replies, first

    with nothing_left():
        replies, first = asyncio.run(whole())
    assert {word for one in replies for word in one.text.split() if word.isdigit()} == set("01234567")
    places = [(chunk.position.batch, chunk.position.index) for chunk in first]
    assert places == sorted(set(places))


def test_loop_after_loop(server):
    append = by_hand(server, "other")
    for index in range(4):
        append(message(f"sub_{index}"))
    talk = AsyncConversation(f"{server.base_url}/agents/{AGENT}/other", timeout=PATIENT)
    stream, observation = talk.stream(offset="-1"), talk.observe()

    async def pull():
        chunk, state = await anext(stream), await anext(observation)
        append(message(f"sub_{len(state.messages)}"))
        return chunk.position.batch, len(state.messages)

    with nothing_left():
        assert [asyncio.run(pull()) for _ in range(3)] == [(0, 4), (1, 5), (2, 6)]
        asyncio.run(talk.aclose())
        asyncio.run(stream.aclose())
        asyncio.run(observation.aclose())
        gc.collect()
        eventually(lambda: server.open_connections == 0, "each loop closed what it had opened")


def test_uvloop(server):
    uvloop = pytest.importorskip("uvloop")

    async def whole():
        async with AsyncConversation(f"{server.base_url}/agents/{AGENT}/one", timeout=PATIENT) as talk:
            reply = await talk.ask("hello")
            async with talk.observe(live="sse") as observation, talk.stream() as stream:
                await anext(observation)
                pull = asyncio.ensure_future(anext(stream))
                while sum(request.first("live") == "sse" for request in server.requests) < 2:
                    await asyncio.sleep(0.001)
                stream.cancel()
                with pytest.raises(StopAsyncIteration):
                    await asyncio.wait_for(pull, 1.0)
                observation.refresh()
                await talk.send("more")
                state = await anext(observation)
            return reply.text, len(state.messages)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        text, count = runner.run(whole())
    assert text == "answer to hello"
    assert count >= 3


# Processes.

FORK = (
    FORKED_CHILD
    + """
    import asyncio
    from flue import AsyncConversation, Conversation
    url = URL + "/agents/support/one"
"""
)
FORK_SYNC = (
    FORK
    + """
    talk = Conversation(url)
    stream, observation = talk.stream(offset="-1", timeout=60.0), talk.observe(live="sse", timeout=60.0)
    first = next(stream).type
    print("parent", first, len(next(observation).messages))
    def work():
        print("child", [next(stream).type for _ in range(2)], len(talk.history().messages))
        observation.refresh()
        talk.send("from the child")
        print("child", len(next(observation).messages) > 2)
        talk.close()
    print("ended", child(work))
    print("parent", [next(stream).type for _ in range(2)], len(next(observation).messages) > 2)
    stream.close(); observation.close(); talk.close()
"""
)
FORK_ASYNC = (
    FORK
    + """
    talk = AsyncConversation(url)
    async def use(who):
        async with talk.stream(offset="-1") as stream:
            types = [(await anext(stream)).type for _ in range(3)]
        print(who, types, len((await talk.history()).messages))
    asyncio.run(use("parent"))
    print("ended", child(lambda: asyncio.run(use("child"))))
    asyncio.run(use("parent"))
    asyncio.run(talk.aclose())
"""
)


def test_fork(server):
    with Conversation(f"{server.base_url}/agents/{AGENT}/one", timeout=PATIENT) as talk:
        talk.ask("hello")
    second = "['message-appended', 'message-started']"
    assert output_of(server, FORK_SYNC).splitlines() == [
        "parent conversation-reset 2",
        f"child {second} 2",
        "child True",
        "ended 0",
        f"parent {second} True",
    ]


def test_fork_of_the_asyncio_face(server):
    with Conversation(f"{server.base_url}/agents/{AGENT}/one", timeout=PATIENT) as talk:
        talk.ask("hello")
    types = "['conversation-reset', 'message-appended', 'message-started'] 2"
    assert output_of(server, FORK_ASYNC).splitlines() == [
        f"parent {types}",
        f"child {types}",
        "ended 0",
        f"parent {types}",
    ]


def test_what_is_loaded(server):
    """Each face loads its own library only."""
    script = """
        import sys
        import flue
        assert not {"requests", "httpx"} & set(sys.modules)
        flue.Conversation
        assert "httpx" not in sys.modules
        print("requests" in sys.modules)
    """
    assert output_of(server, script) == "True"


def test_what_is_forgotten_is_closed(server):
    """`break` and garbage collection release connections, also behind an error that `refresh()` could go on from."""
    with nothing_left(), FlueClient(server.base_url, timeout=PATIENT) as client:
        talk = client.conversation("agents", AGENT, "one")
        talk.ask("hello")
        for pulled in (talk.stream(offset="-1"), talk.observe(live="sse")):
            for _ in pulled:
                break
        absent = client.conversation("agents", AGENT, "absent").observe(timeout=60.0)
        with pytest.raises(Exception, match="stream_not_found"):
            next(absent)
        del pulled, absent
        gc.collect()


def test_what_is_forgotten_is_closed_by_its_loop(server):
    async def whole():
        async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:
            talk = client.conversation("agents", AGENT, "one")
            await talk.ask("hello")
            for pulled in (talk.stream(offset="-1"), talk.observe(live="sse")):
                async for _ in pulled:
                    break
            del pulled
            gc.collect()
            await asyncio.sleep(0.01)

    with nothing_left():
        asyncio.run(whole())
        eventually(lambda: server.open_connections == 0, "connections are closed")
