"""A real Flue 2 that is killed and comes back: who waits completes by itself."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from flue import BackoffOptions, to_json

from .flue2 import Talk, text_of

if TYPE_CHECKING:
    from .faces import Client
    from .server import LiveServer

pytestmark = pytest.mark.live

LIVES = pytest.mark.parametrize("live", ["long-poll", "sse"])
RECOVERY = 150.0
"""Seconds: the lease of what was under way ends after 30, then the reply is made anew."""
PATIENT = BackoffOptions(initial_delay=0.05, max_delay=0.5)


def killed_in_mid_reply(server: LiveServer, talk: Talk, receipt: Any) -> None:
    """End the server when the reply has begun, leave it dead for a moment, and start it again."""
    talk.until(lambda chunks: any(chunk["type"] == "message-delta" for chunk in chunks), receipt.offset)
    server.stop()
    time.sleep(0.5)  # so long nobody listens
    server.start()


def test_reading_through_a_crash(mortal2: LiveServer, conversing: type[Client]) -> None:
    """`read` and `stream` wait through the crash and the recovery; no chunk comes twice."""
    talk = Talk(mortal2, "slow")
    client = conversing(talk.url, timeout=RECOVERY)
    receipt = client.call("send", "talk 12")
    with ThreadPoolExecutor(3) as pool:
        reading = pool.submit(client.call, "read", receipt, backoff_options=PATIENT)
        streams = [
            pool.submit(client.items, "stream", receipt, live=live, backoff_options=PATIENT)
            for live in ("sse", "long-poll")
        ]
        killed_in_mid_reply(mortal2, talk, receipt)
        reply = reading.result(RECOVERY)
        streamed = [[to_json(chunk) for chunk in stream.result(RECOVERY)] for stream in streams]
    assert reply.text == text_of([one for one in talk.history()["messages"] if one["role"] == "assistant"][-1])
    expected, _ = talk.chunks(receipt.offset)
    assert streamed == [expected, expected]


@LIVES
def test_observing_through_a_restart(mortal2: LiveServer, conversing: type[Client], live: str) -> None:
    """At rest: the state goes on behind the restart."""
    talk = Talk(mortal2)
    client = conversing(talk.url)
    client.call("ask", "before")
    with ThreadPoolExecutor(1) as pool:
        observing = pool.submit(
            client.items,
            "observe",
            live=live,
            backoff_options=PATIENT,
            until=lambda state: len(state.settlements) == 2,
        )
        time.sleep(0.5)  # it may have begun to follow, or not
        mortal2.stop()
        mortal2.start()
        client.call("ask", "after", backoff_options=PATIENT)
        states = observing.result(60.0)
    assert [to_json(message) for message in states[-1].messages] == talk.history()["messages"]


@LIVES
def test_observing_another_incarnation(volatile2: LiveServer, conversing: type[Client], live: str) -> None:
    """A server that has forgotten all: the state is the new one, and never a mixture."""
    talk = Talk(volatile2)
    client = conversing(talk.url)
    client.call("ask", "before")
    with ThreadPoolExecutor(1) as pool:
        observing = pool.submit(
            client.items,
            "observe",
            live=live,
            wait_until_exists=True,
            backoff_options=PATIENT,
            until=lambda state: (
                state.settlements and any(text_of(to_json(message)) == "You said: after" for message in state.messages)
            ),
        )
        time.sleep(0.5)
        volatile2.stop()
        volatile2.start()
        client.call("ask", "after", backoff_options=PATIENT)
        states = observing.result(60.0)
    assert [to_json(message) for message in states[-1].messages] == talk.history()["messages"]
    assert {state.conversation_id for state in states} >= {talk.history()["conversationId"]}


def test_a_lost_answer_to_a_send(mortal2: LiveServer, conversing: type[Client]) -> None:
    """The server is away when the message is sent: the key makes it safe to send it again."""
    talk = Talk(mortal2)
    client = conversing(talk.url)
    mortal2.stop()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(client.call, "ask", "hello", backoff_options=PATIENT)
        time.sleep(0.5)
        mortal2.start()
        assert asking.result(60.0).text == "You said: hello"
    assert len(talk.history()["settlements"]) == 1
