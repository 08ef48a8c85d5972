"""Conversations of Flue 2: messages and what comes of them, chunk by chunk or as a reply."""

from __future__ import annotations

import base64
import json
import pickle

import httpx
import pytest
import requests

from flue import (
    Attachment,
    DurableStreamError,
    FlueConnectionError,
    FlueExecutionError,
    FlueTimeoutError,
    NotFoundError,
    Reply,
    UserMessage,
    read_submission_reply,
)
from flue.testing import Fault

from .conversation_scenes import CHUNKS, answering, behind, by_hand, message, on_flue_2, places, receipt, settled
from .frames import JSON
from .harness import AGENT, EAGER, on_both_faces

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(64))


def types(chunks):
    return [chunk.type for chunk in chunks]


# What comes back.


@on_flue_2
def test_ask(face):
    @face.server.agent(AGENT)
    def support(turn):
        turn.metadata({"model": "m"})
        turn.text("Let me see.")
        with turn.tool("look_up", {"ticket": 42}) as call:
            call.output = "open"
        turn.data("card", {"id": 1})
        turn.text("It is ", "open.")

    reply = face.conversation().ask("where is it?")
    assert reply.text == "Let me see.\n\nIt is open."
    assert (reply.data, reply.metadata) == ({"card": [{"id": 1}]}, {"model": "m"})
    assert reply.submission_id.startswith("sub_")
    assert reply.uid.startswith("inst_")


@on_flue_2
def test_wait_returns_none_and_read_the_reply(face):
    """A receipt is followed from its offset, and what has settled is read from the history alone."""
    answering(face.server)
    talk = face.conversation()
    sent = talk.send("hello")
    seen = []
    assert talk.wait(sent, on_event=seen.append) is None
    assert types(seen) == CHUNKS
    assert talk.read(sent) == Reply("answer to hello", submission_id=sent.submission_id, uid=sent.uid)
    assert talk.read(sent.submission_id) == Reply("answer to hello", submission_id=sent.submission_id)
    assert read_submission_reply(talk.history(), sent.submission_id).text == "answer to hello"
    updates = f"GET ?live=sse&offset={sent.offset}&view=updates"
    assert face.asked == ["POST", *[updates] * 2, *["GET ?view=history"] * 3]


@on_both_faces(flue_version=2, compare=False)  # how much an agent says depends on who is faster
def test_submissions_that_do_not_complete(face):
    answering(face.server)
    talk = face.conversation()
    failed = talk.send("fail")
    with pytest.raises(FlueExecutionError):
        talk.wait(failed)
    aborted, waiting = talk.send("wait"), talk.send("behind it")
    assert talk.abort().aborted
    assert not talk.abort().aborted
    for target, failure, kind in (
        (failed, "failed", "operation_failed"),
        (aborted, "aborted", "submission_aborted"),
        (waiting, "aborted", "submission_aborted"),
    ):
        for method in (talk.wait, talk.read):
            with pytest.raises(FlueExecutionError) as caught:
                method(target)
            error = pickle.loads(pickle.dumps(caught.value))
            assert (error.target, error.target_id, error.failure) == ("agent_submission", target.submission_id, failure)
            assert (error.submission_id, error.error["type"]) == (target.submission_id, kind)
        assert talk.stream(target).collect()[-1].outcome == failure


@pytest.mark.parametrize("live", ["sse", "long-poll", True, False])
@on_flue_2
def test_chunks_from_the_admission_of_a_target_to_its_settlement(face, live):
    append = by_hand(face.server)
    append(message("sub_0"))
    append(message("sub_1", role="user"))
    append(message("sub_1"), settled("sub_1"), message("sub_2"))
    append(message("sub_3"))
    stream = face.conversation().stream(receipt(2), live=live)
    face.idle()
    assert face.asked == []
    assert types(stream.collect()) == ["message-appended", "message-appended", "submission-settled"]
    assert (stream.closed, stream.up_to_date) == (True, True)
    assert face.asked == [f"GET ?{'live=sse&' if live == 'sse' else ''}offset={behind(2)}&view=updates"]


@pytest.mark.parametrize("live", ["sse", "long-poll", True, False])
@on_flue_2
def test_a_checkpoint_behind_the_settlement(face, live):
    """Who has had all of it, and starts again, waits for nothing."""
    append = by_hand(face.server)
    append(message("sub_1"), settled("sub_1"))
    talk = face.conversation()
    first = talk.stream(receipt(1), live=live)
    assert types(first.collect()) == ["message-appended", "submission-settled"]
    append(message("sub_2"))
    again = talk.stream("sub_1", offset=first.offset, live=live)
    assert types(again.collect()) == ["message-appended"]
    assert again.closed is (live is not False)
    assert talk.stream("sub_1", offset=again.offset, live=live).collect() == []


@pytest.mark.parametrize("live", ["sse", "long-poll", False])
@pytest.mark.parametrize("cut", [0, 1, 40, 333, 700])
@on_flue_2
def test_cut_connections_lose_and_repeat_nothing(face, live, cut):
    append = by_hand(face.server)
    for index in range(4):
        append(message(f"sub_{index}"), settled(f"sub_{index}"))
    talk = face.conversation(backoff_options=EAGER)

    def cut_some():
        face.server.faults.clear()
        face.server.faults.add(Fault(cut_after=cut, end="clean"), live="sse")  # a page that ends so would be malformed
        for end in ("reset", "close", "reset"):
            face.server.faults.add(Fault(cut_after=cut, end=end))

    everything = [(0, 0), *((batch, index) for batch in (1, 2, 3, 4) for index in (0, 1))]
    cut_some()
    stream = talk.stream("sub_3", offset="-1", live=live)
    assert places(stream.collect()) == everything
    assert stream.closed
    cut_some()
    seen = []
    assert talk.read(receipt(1, "sub_3"), on_event=seen.append).text == "yes"
    assert places(seen) == everything[1:]


# What is sent.


@on_flue_2
def test_attachments_of_the_message_and_of_the_call_are_one_list(face):
    taken = answering(face.server)
    first, second = Attachment(PNG, "image/png", "a.png"), Attachment(base64.b64encode(b"two").decode(), "image/gif")
    talk = face.conversation()
    talk.read(talk.send(UserMessage("look", (first,)), attachments=[second]))
    assert [(one.data, one.mime_type, one.filename) for one in taken[0].attachments] == [
        (PNG, "image/png", "a.png"),
        (b"two", "image/gif", None),
    ]
    files = [part for part in talk.history().messages[0].parts if part.type == "file"]
    assert [talk.attachment(part.id) for part in files] == [PNG, b"two"]
    assert talk.attachment_url(files[0].id) == f"{talk.url}/attachments/{files[0].id}"
    with pytest.raises(NotFoundError):
        talk.attachment("att/1 2")
    assert face.asked[-1] == "GET /attachments/att%2F1%202"


READS = "signal backoff_options timeout"
ADMISSION = f"message attachments initial_data uid idempotency_key {READS}"
TAKES = {
    "send": ADMISSION,
    "ask": f"{ADMISSION} on_event",
    "wait": f"target on_event {READS}",
    "read": f"target on_event {READS}",
    "stream": f"target offset live {READS}",
    "observe": f"live wait_until_exists {READS}",
    "history": READS,
    "abort": "signal timeout",
    "attachment": f"id {READS}",
    "attachment_url": "id",
}
FITTING = {"message": "x", "target": "sub_1", "id": "att_1"}
WRONG = {
    **dict.fromkeys(("message", "target", "uid", "signal", "backoff_options", "on_event", "wait_until_exists"), 3),
    **dict.fromkeys(("attachments", "idempotency_key", "offset", "live", "id"), ""),
    "initial_data": float("nan"),
    "timeout": -1,
}


@pytest.mark.parametrize(("method", "argument"), [(name, one) for name in TAKES for one in TAKES[name].split()])
@on_flue_2
def test_each_argument_is_checked_before_anything_is_sent(face, method, argument):
    """What is wrong about it is told in the tests of the builders; here, that no face drops one."""
    talk = face.conversation()
    given = {name: value for name, value in FITTING.items() if name in TAKES[method].split()}
    told = "initialData" if argument == "initial_data" else argument
    with pytest.raises((TypeError, ValueError), match=told):
        getattr(talk, method)(**{**given, argument: WRONG[argument]})
    assert face.asked == []


@on_flue_2
def test_of_the_environment(face, monkeypatch):
    with pytest.raises(ValueError, match="FLUE_CONVERSATION_URL"):
        face.conversation(url=None)
    answering(face.server)
    monkeypatch.setenv("FLUE_CONVERSATION_URL", f"{face.server.base_url}/agents/{AGENT}/two//")
    monkeypatch.setenv("FLUE_TOKEN", "secret")
    talk = face.conversation(url=None)
    monkeypatch.undo()
    assert talk.url == f"{face.server.base_url}/agents/{AGENT}/two"
    talk.send("hello")
    assert face.server.requests[0].header("authorization") == "Bearer secret"


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault(refuse=True), Fault(status=503), Fault(end="reset", cut_head_after=0)),
        *(Fault(cut_after=10), Fault(cut_after=10, end="close")),
    ],
    ids=str,
)
@on_flue_2
def test_a_lost_answer_is_asked_for_again_under_the_same_key(face, fault):
    taken = answering(face.server)
    face.server.faults.add(fault, method="POST", times=2)
    talk = face.conversation(backoff_options=EAGER)
    sent = talk.send("hello")
    assert face.asked == ["POST"] * 3
    assert len({json.loads(request.body)["idempotencyKey"] for request in face.server.requests}) == 1
    talk.read(sent)
    assert [one.body for one in taken] == ["hello"]
    # What was admitted by an attempt whose answer was lost is told as deduplicated.
    assert sent.deduplicated == (fault.status is None and not fault.refuse)


@on_flue_2
def test_a_receipt_that_cannot_be_read_leaves_the_key(face):
    """The message may have been admitted: the key that was made for it is what makes it safe to send it again."""
    face.server.faults.add(Fault(status=202, headers=[JSON], body=b"{}"), method="POST")
    with pytest.raises(DurableStreamError) as caught:
        face.conversation().send("hello")
    (key,) = (json.loads(request.body)["idempotencyKey"] for request in face.server.requests)
    again = f"sent again with idempotency_key={key!r} it is not admitted twice"
    assert caught.value.__notes__ == [f"if the message was admitted, the agent answers it; {again}"]


@on_both_faces(flue_version=2, compare=False)  # a busy machine may not get to sending the request
def test_a_limit_says_how_to_send_again(face):
    answering(face.server)
    face.server.faults.add(Fault(stall_before_headers=5.0), times=None)
    talk = face.conversation()
    for options, words in (({}, "idempotency_key='py-"), ({"idempotency_key": None}, "the agent answers it")):
        with pytest.raises(FlueTimeoutError) as over:
            talk.send("hello", timeout=0.05, **options)
        assert words in over.value.__notes__[0]
    assert "idempotency_key" not in over.value.__notes__[0]


@on_flue_2
def test_what_is_larger_than_the_limit(face):
    append = by_hand(face.server)
    append(message("sub_1", text="x" * 5000))
    append(settled("sub_1"))
    small = face.conversation(max_event_bytes=1000)
    for call in (
        small.history,
        lambda: small.read("sub_1"),
        lambda: small.stream(offset="-1", live=False).collect(),
        lambda: small.stream(offset="-1").collect(),
        lambda: small.observe().next(),
    ):
        with pytest.raises(DurableStreamError) as large:
            call()
        assert large.value.code == "EVENT_TOO_LARGE"
    assert face.conversation(max_event_bytes=10_000).read("sub_1").text == "x" * 5000


# Of a client, and over the caller's own.


@on_flue_2
def test_conversations_of_a_client(face):
    """They have its token, headers and options, share its connections, and leave them open."""
    answering(face.server)
    client = face.new_client(token="secret", headers={"x-one": "1"}, max_event_bytes=200)
    one, two = (client.conversation("agents", AGENT, name) for name in ("one", "ticket 42/ü"))
    assert two.url == f"{face.server.base_url}/agents/{AGENT}/ticket%2042%2F%C3%BC"
    for talk in (one, two, one):
        face.wait(talk.abort)
        face.release(talk)
    assert face.wait(two.abort).aborted is False
    assert face.server.open_connections == 1
    with pytest.raises(DurableStreamError, match="EVENT_TOO_LARGE"):
        face.wait(one.ask, "hello" * 50)
    sent = [(request.header("authorization"), request.header("x-one")) for request in face.server.requests]
    assert set(sent) == {("Bearer secret", "1")}
    face.release(client)
    with pytest.raises((FlueConnectionError, RuntimeError)):
        face.wait(two.abort)


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
    """Its session or client is used, and not closed."""
    answering(face.server)
    name, own = ("http_client", httpx.AsyncClient()) if face.is_async else ("session", requests.Session())
    own.headers["x-own"] = "1"
    talk = face.conversation(**{name: own})
    assert talk.ask("hello").text == "answer to hello"
    assert talk.stream(offset="-1").next().type == "conversation-reset"
    assert len(talk.observe().next().messages) == 2
    talk.close()
    assert {request.header("x-own") for request in face.server.requests} == {"1"}
    assert face.wait(own.get, f"{face.server.base_url}/elsewhere").status_code == 404
    face.release(own)
    with pytest.raises(TypeError, match=f"{name} must be"):
        face.conversation(**{name: object()})
