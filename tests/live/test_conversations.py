"""Conversations with a real Flue 2, on both faces; also one that is killed and comes back."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import flue

from .flue2 import Talk, text_of
from .server import TOKEN

if TYPE_CHECKING:
    from .faces import Client, Face
    from .server import LiveServer


pytestmark = pytest.mark.live

TOOL_REPLY = "I will use the calculator.\n\nThe answer is 42. Ünïcödé ✓ 🎉"
BYTES = bytes(range(256))
LIVES = pytest.mark.parametrize("live", ["long-poll", "sse"])


@pytest.fixture
def talk(flue2: LiveServer) -> Talk:
    return Talk(flue2)


@pytest.fixture
def client(conversing: type[Client], talk: Talk) -> Client:
    return conversing(talk.url)


def slow(flue2: LiveServer, conversing: type[Client]) -> tuple[Talk, Client]:
    """A conversation with the slow agent, and a client."""
    talk = Talk(flue2, "slow")
    return talk, conversing(talk.url)


# send, wait, read, ask


def test_ask(talk: Talk, client: Client) -> None:
    chunks: list[Any] = []
    reply = client.call("ask", "use the tool", on_event=chunks.append)
    assert (reply.text, reply.data, reply.metadata) == (TOOL_REPLY, {}, None)
    (settlement,) = talk.history()["settlements"]
    assert reply.submission_id == settlement["submissionId"]
    assert [flue.to_json(chunk) for chunk in chunks] == talk.chunks("0000000000000000_0000000000000000")[0]


def test_send_then_read(talk: Talk, client: Client) -> None:
    receipt = client.call("send", flue.UserMessage("hello"))
    assert (receipt.stream_url, receipt.deduplicated) == (talk.url, False)
    for target in (receipt, receipt.submission_id):
        reply = client.call("read", target)
        assert reply.text == "You said: hello"
        assert reply.submission_id == receipt.submission_id
    assert client.call("read", receipt).uid == receipt.uid
    assert client.call("wait", receipt) is None
    assert client.call("wait", receipt.submission_id) is None


def test_a_failed_submission(client: Client) -> None:
    with pytest.raises(flue.FlueExecutionError, match="faux model refused") as caught:
        client.call("ask", "please fail")
    error = caught.value
    assert (error.target, error.failure) == ("agent_submission", "failed")
    assert error.target_id == error.submission_id
    assert error.error["type"] == "operation_failed"
    with pytest.raises(flue.FlueExecutionError):
        client.call("wait", error.submission_id)


def test_a_time_out_over_both(flue2: LiveServer, conversing: type[Client]) -> None:
    talk, client = slow(flue2, conversing)
    with pytest.raises(flue.FlueTimeoutError) as caught:
        client.call("ask", "nap 60000", timeout=2.0)
    assert caught.value.submission_id
    assert talk.post(None, "/abort").json == {"aborted": True}


# Admission


def test_idempotency(client: Client) -> None:
    first = client.call("send", "once", idempotency_key="key-1")
    again = client.call("send", "once", idempotency_key="key-1")
    assert (again.submission_id, again.uid, again.deduplicated) == (first.submission_id, first.uid, True)
    assert client.call("read", again).text == "You said: once"
    with pytest.raises(flue.ConflictError) as caught:
        client.call("send", "twice", idempotency_key="key-1")
    assert caught.value.error.type == "submission_conflict"
    assert caught.value.error.meta == {"submissionId": first.submission_id}


def test_uid(client: Client) -> None:
    first = client.call("send", "hello", uid=None)
    with pytest.raises(flue.ConflictError) as caught:
        client.call("send", "hello", uid=None)
    assert caught.value.error.meta["uid"] == first.uid
    assert client.call("send", "more", uid=first.uid).uid == first.uid
    with pytest.raises(flue.NotFoundError, match="agent_instance_not_found"):
        client.call("send", "more", uid="inst_other")


def test_initial_data(flue2: LiveServer, conversing: type[Client]) -> None:
    client = conversing(Talk(flue2, "seeded").url)
    with pytest.raises(flue.BadRequestError):
        client.call("send", "who am I", initial_data={"tier": 1})
    assert client.call("ask", "who am I", initial_data={"tier": "gold"}).text == "system=gold said=who am I"


def test_a_signal(talk: Talk, client: Client) -> None:
    message = flue.SignalMessage("tick", "12:00", attributes={"a": "1"}, tag_name="clock")
    client.call("wait", client.call("send", message))
    (told, *_) = client.call("history").messages
    assert (told.role, told.purpose, told.display) == ("system", "dispatch", "diagnostic")
    assert (told.signal.tag_name, told.signal.attributes) == (
        "clock",
        talk.history()["messages"][0]["signal"]["attributes"],
    )


def test_attachments(talk: Talk, client: Client) -> None:
    message = flue.UserMessage("look", attachments=[flue.Attachment(BYTES, "image/png", filename="first.png")])
    client.call("wait", client.call("send", message, attachments=[flue.Attachment("aGk=", "image/gif")]))
    files = [part for part in client.call("history").messages[0].parts if part.type == "file"]
    assert [(part.media_type, part.filename, part.size) for part in files] == [
        ("image/png", "first.png", 256),
        ("image/gif", None, 2),
    ]
    assert [client.call("attachment", part.id) for part in files] == [BYTES, b"hi"]
    with pytest.raises(flue.NotFoundError, match="attachment_not_found"):
        client.call("attachment", "att_nope")


def test_a_message_that_joins(flue2: LiveServer, conversing: type[Client]) -> None:
    talk, client = slow(flue2, conversing)
    host = client.call("send", "nap 2500")
    talk.until("tool-input", host.offset)
    joiner = client.call("send", "nap 10")
    replies = [client.call("read", receipt) for receipt in (joiner, host)]
    assert replies[0].text == replies[1].text
    assert [reply.submission_id for reply in replies] == [joiner.submission_id, host.submission_id]
    snapshot = client.call("history")
    answered = {entry.submission_id: entry.answered_by_submission_id for entry in snapshot.settlements}
    assert answered == {joiner.submission_id: host.submission_id, host.submission_id: host.submission_id}
    assert flue.read_submission_reply(snapshot, joiner.submission_id).text == replies[0].text


def test_abort(flue2: LiveServer, conversing: type[Client]) -> None:
    talk, client = slow(flue2, conversing)
    assert client.call("abort").aborted is False
    receipt = client.call("send", "talk 500")
    talk.until("message-delta", receipt.offset)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.call, "read", receipt)
        assert client.call("abort").aborted is True
        with pytest.raises(flue.FlueExecutionError) as caught:
            waiting.result(30)
    assert (caught.value.failure, caught.value.target_id) == ("aborted", receipt.submission_id)
    assert caught.value.error["type"] == "submission_aborted"


def test_refusals(talk: Talk, conversing: type[Client]) -> None:
    with pytest.raises(flue.NotFoundError, match="stream_not_found"):
        conversing(talk.url).call("history")
    with pytest.raises(flue.PermissionDeniedError):
        conversing(talk.url, token="wrong").call("send", "hello")
    with pytest.raises(flue.AuthenticationError):
        conversing(talk.url, token=None).call("history")
    with pytest.raises(flue.NotFoundError) as caught:
        conversing(talk.url.replace("assistant", "nobody")).call("send", "hello")
    assert "/agents/nobody/" in str(caught.value)


# history, stream, observe


@LIVES
def test_a_stream_of_a_submission(talk: Talk, client: Client, live: str) -> None:
    receipt = client.call("send", "use the tool")
    chunks = client.items("stream", receipt, live=live)
    assert [flue.to_json(chunk) for chunk in chunks] == talk.chunks(receipt.offset)[0]
    assert chunks[-1].type == "submission-settled"
    assert client.items("stream", receipt.submission_id, live=live) == []


@LIVES
def test_a_stream_from_an_offset(talk: Talk, client: Client, live: str) -> None:
    client.call("ask", "two tools")
    everything, _ = talk.chunks()
    chunks = client.items("stream", offset="-1", live=False)
    assert [flue.to_json(chunk) for chunk in chunks] == everything
    settled = everything[-1]["submissionId"]
    again = client.items("stream", settled, offset="-1", live=live)
    assert [flue.to_json(chunk) for chunk in again] == everything


@LIVES
def test_a_stream_from_now_on(talk: Talk, client: Client, live: str) -> None:
    client.call("ask", "before")
    _, head = talk.chunks()
    asking = threading.Timer(0.5, client.call, ["ask", "after"])
    asking.start()
    chunks = client.items("stream", live=live, until=lambda chunk: chunk.type == "submission-settled")
    asking.join()
    assert [flue.to_json(chunk) for chunk in chunks] == talk.chunks(head)[0]


@LIVES
def test_text_that_is_taken_back(talk: Talk, client: Client, live: str) -> None:
    receipt = client.call("send", f"flaky {talk.name}")
    chunks = client.items("stream", receipt, live=live)
    kinds = [chunk.type for chunk in chunks]
    assert "conversation-reset" in kinds
    assert [flue.to_json(chunk) for chunk in chunks] == talk.chunks(receipt.offset)[0]
    assert client.call("read", receipt).text == f"You said: flaky {talk.name}"


@LIVES
@pytest.mark.parametrize("said", ["use the tool", "two tools", "badtool", "reused ids", "silent", "flaky {name}"])
def test_observing_a_reply(talk: Talk, client: Client, said: str, live: str) -> None:
    """The states grow, and the last one says what `history` says."""
    client.call("ask", "hello")
    asking = threading.Timer(0.2, client.call, ["ask", said.format(name=talk.name)])
    asking.start()
    states = client.items("observe", live=live, until=lambda state: len(state.settlements) == 2)
    asking.join()
    assert len(states) >= 2
    assert len(states[0].messages) in (2, 3)
    snapshot = talk.history()
    assert [flue.to_json(message) for message in states[-1].messages] == snapshot["messages"]
    assert [flue.to_json(settlement) for settlement in states[-1].settlements] == snapshot["settlements"]
    assert states[-1].conversation_id == snapshot["conversationId"]


@LIVES
def test_observing_what_is_not_there_yet(talk: Talk, client: Client, live: str) -> None:
    with pytest.raises(flue.NotFoundError):
        client.items("observe", live=live)
    sending = threading.Timer(0.5, talk.send, ["hello"])
    sending.start()
    states = client.items(
        "observe", live=live, wait_until_exists=True, until=lambda state: len(state.settlements) == 1, timeout=30.0
    )
    sending.join()
    assert text_of(flue.to_json(states[-1].messages[-1])) == "You said: hello"


def test_a_conversation_of_a_client(talk: Talk, face: type[Face]) -> None:
    """`FlueClient.conversation` gives the same, with the client's token and connections."""
    client = face(talk.server.base_url, token=TOKEN)
    assert client.call(lambda made: made.conversation("agents", talk.agent, talk.name).ask, "hello").text == (
        "You said: hello"
    )


RECOVERY = 150.0
"""Seconds: the lease of what was under way ends after 30, then the reply is made anew."""
PATIENT = flue.BackoffOptions(initial_delay=0.05, max_delay=0.5)


def killed_in_mid_reply(server: LiveServer, talk: Talk, receipt: Any) -> None:
    """End the server when the reply has begun, leave it dead for a moment, and start it again."""
    talk.until("message-delta", receipt.offset)
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
        streamed = [[flue.to_json(chunk) for chunk in stream.result(RECOVERY)] for stream in streams]
    assert reply.text == text_of([one for one in talk.history()["messages"] if one["role"] == "assistant"][-1])
    expected, _ = talk.chunks(receipt.offset)
    assert streamed == [expected, expected]


@LIVES
@pytest.mark.parametrize("kept", [True, False], ids=["at rest", "another incarnation"])
def test_observing_through_a_restart(
    request: pytest.FixtureRequest, conversing: type[Client], live: str, kept: bool
) -> None:
    """The state goes on behind it; that of a server that has forgotten all is the new one, and never a mixture."""
    server = request.getfixturevalue("mortal2" if kept else "volatile2")
    talk = Talk(server)
    client = conversing(talk.url)
    client.call("ask", "before")

    def answered(state: Any) -> bool:
        said = [text_of(flue.to_json(message)) for message in state.messages]
        return len(state.settlements) == 1 + kept and "You said: after" in said

    with ThreadPoolExecutor(1) as pool:
        observing = pool.submit(
            client.items, "observe", live=live, wait_until_exists=True, backoff_options=PATIENT, until=answered
        )
        time.sleep(0.5)  # it may have begun to follow, or not
        server.stop()
        server.start()
        client.call("ask", "after", backoff_options=PATIENT)
        states = observing.result(60.0)
    assert [flue.to_json(message) for message in states[-1].messages] == talk.history()["messages"]
    assert talk.history()["conversationId"] in {state.conversation_id for state in states}


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
