"""`wait`, `read` and `ask`: a submission is followed to its settlement, and every error says which one it is."""

from __future__ import annotations

import asyncio
import pickle
import threading

import attrs
import pytest

from flue import (
    AbortError,
    AbortSignal,
    BackoffOptions,
    BadRequestError,
    Conversation,
    DurableStreamError,
    FlueConnectionError,
    FlueExecutionError,
    FlueTimeoutError,
    NotFoundError,
    PermissionDeniedError,
    Reply,
    SendResult,
    ServerError,
    read_submission_reply,
)
from flue.testing import Fault

from .harness import AGENT, BRIEF, EAGER, later, on_both_faces

on_flue_2 = on_both_faces(flue_version=2)
CHUNKS = [
    "conversation-reset",
    "message-appended",
    "message-started",
    "message-delta",
    "message-completed",
    "submission-settled",
]


def answering(server):
    """An agent that answers, or does what it is told."""

    @server.agent(AGENT)
    def support(turn):
        if turn.message.body == "fail":
            raise ValueError("no luck")
        if turn.message.body == "wait":
            turn.text("so far")
            turn.sleep(30.0)
        return f"answer to {turn.message.body}"


def by_hand(server, id="one"):
    """A conversation that nobody works on. What is there then is the reset of its creation."""
    server.add_agent(AGENT, lambda turn: None)
    server.create_conversation(AGENT, id)
    return lambda *chunks: server.append_chunks(AGENT, id, *chunks)


def message(submission, id=None, role="assistant", text="yes"):
    part = {"type": "text", "text": text, "state": "done"}
    fields = {"id": id or f"m_{submission}", "role": role, "purpose": role, "display": "visible", "parts": [part]}
    return {"type": "message-appended", "message": {**fields, "submissionId": submission}}


def settled(submission, outcome="completed", **fields):
    return {"type": "submission-settled", "submissionId": submission, "outcome": outcome, **fields}


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
    answering(face.server)
    talk = face.conversation()
    sent = talk.send("hello")
    assert talk.wait(sent) is None
    assert talk.read(sent) == Reply("answer to hello", submission_id=sent.submission_id, uid=sent.uid)
    assert talk.read(sent.submission_id) == Reply("answer to hello", submission_id=sent.submission_id)
    assert read_submission_reply(talk.history(), sent.submission_id).text == "answer to hello"


@on_flue_2
def test_an_agent_that_says_nothing(face):
    face.server.add_agent(AGENT, lambda turn: None)
    assert face.conversation().ask("hello").text == ""


@on_flue_2
def test_settled_work_is_answered_in_one_round_trip(face):
    answering(face.server)
    talk = face.conversation()
    sent = talk.send("hello", idempotency_key="k")
    talk.wait(sent)
    again = talk.send("hello", idempotency_key="k")
    assert again.deduplicated
    for target in (sent.submission_id, again):
        for method in (talk.wait, talk.read):
            before = len(face.asked)
            method(target)
            assert face.asked[before:] == ["GET ?view=history"]
        before = len(face.asked)
        assert talk.stream(target).collect() == []
        assert face.asked[before:] == ["GET ?view=history"]


@on_flue_2
def test_a_receipt_is_followed_from_its_offset(face):
    answering(face.server)
    talk = face.conversation()
    talk.wait(talk.send("before"))
    sent = talk.send("hello")
    before = len(face.asked)
    seen = []
    talk.read(sent, on_event=seen.append)
    assert face.asked[before:] == [f"GET ?live=sse&offset={sent.offset}&view=updates", "GET ?view=history"]
    assert [chunk.type for chunk in seen] == CHUNKS[1:]


@on_flue_2
def test_the_conversations_own_url_is_followed(face):
    """Behind a proxy the server's `stream_url` names a host that the client does not know."""
    answering(face.server)
    talk = face.conversation()
    sent = talk.send("hello")
    elsewhere = attrs.evolve(sent, stream_url="http://elsewhere.invalid/agents/support/one")
    assert talk.read(elsewhere).text == "answer to hello"
    assert talk.stream(elsewhere).collect()[-1].type == "submission-settled"


@on_flue_2
def test_one_that_joined_gets_the_text_of_the_response_that_it_joined(face):
    joined = threading.Event()

    @face.server.agent(AGENT)
    def support(turn):
        turn.text("first. ")
        assert joined.wait(10.0)
        with turn.tool("t") as call:
            call.output = 1
        turn.text("second.")

    talk = face.conversation()
    host = talk.send("one")
    guest = talk.send("two")
    joined.set()
    assert talk.read(guest).text == talk.read(host).text == "first. \n\nsecond."
    entries = {entry.submission_id: entry for entry in talk.history().settlements}
    assert entries[guest.submission_id].answered_by_submission_id == host.submission_id


# How it can end.


@on_flue_2
def test_one_that_failed(face):
    answering(face.server)
    talk = face.conversation()
    sent = talk.send("fail")
    for target in (sent, sent.submission_id):
        for method in (talk.wait, talk.read):
            with pytest.raises(FlueExecutionError) as failed:
                method(target)
            error = pickle.loads(pickle.dumps(failed.value))
            assert (error.target, error.target_id, error.failure) == ("agent_submission", sent.submission_id, "failed")
            assert error.submission_id == sent.submission_id
            assert error.error["type"] == "operation_failed"
            assert error.error["meta"]["reason"] == "no luck"
    assert talk.stream(sent).collect()[-1].outcome == "failed"
    with pytest.raises(FlueExecutionError) as failed:
        talk.ask("fail")
    assert failed.value.submission_id == failed.value.target_id != sent.submission_id


@on_flue_2
def test_one_that_was_aborted(face):
    answering(face.server)
    talk = face.conversation()
    sent, waiting = talk.send("wait"), talk.send("behind it")
    assert talk.abort().aborted
    assert not talk.abort().aborted
    for target in (sent, waiting):
        with pytest.raises(FlueExecutionError) as aborted:
            talk.read(target)
        assert aborted.value.failure == "aborted"
        assert aborted.value.error["type"] == "submission_aborted"


@on_both_faces(flue_version=2, compare=False)
def test_aborted_while_it_is_waited_for(face):
    answering(face.server)
    talk = face.conversation()
    sent = talk.send("wait")
    seen = []

    def abort():
        with Conversation(talk.url) as other:
            other.abort()

    def on_event(chunk):
        seen.append(chunk.type)
        if chunk.type == "message-delta":
            later(abort, 0.0)

    with pytest.raises(FlueExecutionError, match="was aborted"):
        talk.read(sent, on_event=on_event)
    assert seen[-1] == "submission-settled"


def receipt(offset, submission="sub_1"):
    return SendResult(submission_id=submission, uid="inst_1", offset=offset, stream_url="http://x", deduplicated=False)


# Events.


@on_flue_2
def test_an_async_handler(face):
    answering(face.server)
    talk = face.conversation()
    sent = talk.send("hello")
    seen = []

    async def handle(chunk):
        await asyncio.sleep(0)
        seen.append(chunk.type)

    if face.is_async:
        talk.read(sent, on_event=handle)
        assert seen == CHUNKS[1:]
        talk.ask("hello", on_event=handle)
        return
    before = len(face.asked)
    for call in (lambda: talk.inner.wait(sent, on_event=handle), lambda: talk.inner.ask("hello", on_event=handle)):
        with pytest.raises(TypeError, match="AsyncConversation"):
            call()
    assert len(face.asked) == before
    talk.read(sent, on_event=lambda chunk: seen.append(chunk.type))
    talk.ask("hello", on_event=lambda chunk: seen.append(chunk.type))


@on_flue_2
def test_an_exception_of_the_handler_ends_the_call(face):
    answering(face.server)
    talk = face.conversation()

    def handle(chunk):
        raise LookupError(chunk.type)

    with pytest.raises(LookupError, match="message-appended"):
        talk.ask("hello", on_event=handle)
    assert talk.ask("again").text == "answer to again"


# Errors that are no settlement.


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=503), ServerError),
        (Fault(status=400), BadRequestError),
        (Fault(status=403), PermissionDeniedError),
        (Fault(status=404), NotFoundError),
        (Fault(refuse=True), FlueConnectionError),
        (Fault(body=b"[3]"), DurableStreamError),
    ],
    ids=str,
)
@on_flue_2
def test_every_error_after_admission_names_the_submission(face, fault, error):
    answering(face.server)
    talk = face.conversation(backoff_options=BRIEF)
    face.server.faults.add(fault, method="GET", times=None)
    with pytest.raises(error) as failed:
        talk.ask("hello")
    sent = failed.value.submission_id
    assert sent.startswith("sub_ik_")
    assert f"submission {sent} was admitted and goes on without this call" in failed.value.__notes__
    for method in (talk.wait, talk.read):
        with pytest.raises(error) as failed:
            method(sent)
        assert failed.value.submission_id == sent


@on_flue_2
def test_and_every_error_before_it_names_none(face):
    answering(face.server)
    face.server.faults.add(Fault(status=400), method="POST")
    with pytest.raises(BadRequestError) as refused:
        face.conversation().ask("hello")
    assert getattr(refused.value, "submission_id", None) is None


@on_flue_2
def test_a_conversation_that_does_not_exist(face):
    answering(face.server)
    for method in ("wait", "read"):
        with pytest.raises(NotFoundError) as absent:
            getattr(face.conversation(), method)("sub_1")
        assert absent.value.submission_id == "sub_1"


@on_flue_2
def test_an_id_that_the_server_never_had_is_waited_for_until_the_limit(face):
    by_hand(face.server)
    with pytest.raises(FlueTimeoutError) as over:
        face.conversation().wait("sub_9", timeout=0.2)
    assert over.value.submission_id == "sub_9"
    assert over.value.offset == face.conversation().history().offset
    assert face.asked[0] == "GET ?view=history"
    assert len(face.asked) == 3


@on_both_faces(flue_version=2, compare=False)
def test_one_limit_over_ask(face):
    answering(face.server)
    talk = face.conversation()
    with pytest.raises(FlueTimeoutError) as over:
        talk.ask("wait", timeout=0.3)
    assert over.value.submission_id.startswith("sub_ik_")
    face.server.faults.add(Fault(stall_before_headers=0.3), method="POST")
    face.server.faults.add(Fault(stall_before_headers=0.3), method="GET")
    with pytest.raises(FlueTimeoutError) as over:
        face.conversation("two").ask("hello", timeout=0.5)
    assert over.value.submission_id.startswith("sub_ik_")


@on_both_faces(flue_version=2, compare=False)
def test_a_signal_aborts_it(face):
    answering(face.server)
    talk = face.conversation()
    signal = AbortSignal()

    def on_event(chunk):
        if chunk.type == "message-delta":
            signal.abort("enough")

    sent = talk.send("wait")
    for call in (
        lambda: talk.wait(sent, signal=signal, on_event=on_event),
        lambda: talk.read(sent, signal=signal),
        lambda: talk.read(sent.submission_id, signal=signal),
    ):
        with pytest.raises(AbortError) as aborted:
            call()
        assert (aborted.value.reason, aborted.value.submission_id) == ("enough", sent.submission_id)
    with pytest.raises(AbortError):
        talk.ask("hello", signal=signal)


@on_both_faces(flue_version=2, compare=False)
def test_a_signal_that_is_aborted_while_ask_waits(face):
    answering(face.server)
    signal = AbortSignal()
    face.after(2, signal.abort)
    with pytest.raises(AbortError) as aborted:
        face.conversation().ask("wait", signal=signal)
    assert aborted.value.submission_id.startswith("sub_ik_")


@on_flue_2
def test_attempts_are_told(face):
    answering(face.server)
    attempts = []
    options = BackoffOptions(initial_delay=0.001, max_delay=0.002, on_failed_attempt=attempts.append)
    talk = face.conversation()
    sent = talk.send("hello")
    face.server.faults.add(Fault(status=503), method="GET", times=2)
    assert talk.read(sent, backoff_options=options).text == "answer to hello"
    assert [(one.attempt, one.will_retry, one.offset) for one in attempts] == [
        (1, True, sent.offset),
        (2, True, sent.offset),
    ]


# A place that is lost.


@on_flue_2
def test_another_incarnation_is_followed_on(face):
    append = by_hand(face.server)
    begin = face.conversation().history().offset
    append(message("sub_0", text="long ago"))
    face.server.reset_incarnation(AGENT, "one")
    append(message("sub_1"), settled("sub_1"))
    talk = face.conversation(backoff_options=EAGER)
    for target in ("sub_1", receipt(begin), receipt("0000000000000000_0000000000000077")):
        assert talk.read(target).text == "yes"


@on_both_faces(flue_version=2, compare=False)
@pytest.mark.parametrize("lost", ["incarnation", "restart"])
def test_a_place_that_is_lost_while_it_is_waited_for(face, lost):
    append = by_hand(face.server)
    begin = face.conversation().history().offset
    append(message("sub_0"))

    def lose():
        if lost == "incarnation":
            face.server.reset_incarnation(AGENT, "one")
        else:
            face.server.restart(lose_state=True)
            face.server.create_conversation(AGENT, "one")
        append(message("sub_1"))
        append(settled("sub_1"))

    def on_event(chunk):
        if chunk.message.submission_id == "sub_0" and not worker:
            worker.append(later(lose, 0.0))

    worker = []
    talk = face.conversation(backoff_options=EAGER)
    try:
        reply = talk.read(receipt(begin), on_event=lambda chunk: chunk.type == "message-appended" and on_event(chunk))
    except NotFoundError:  # between the restart and the creation there was no such conversation
        assert lost == "restart"
        worker[0].join()
        reply = talk.read("sub_1")
    assert reply.text == "yes"
    worker[0].join()


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


# Connections that fail.


@pytest.mark.parametrize("cut", [0, 1, 40, 333, 700])
@pytest.mark.parametrize("end", ["reset", "close", "clean"])
@on_flue_2
def test_cut_connections_lose_and_repeat_nothing(face, cut, end):
    answering(face.server)
    talk = face.conversation(backoff_options=EAGER)
    sent = talk.send("hello")
    talk.wait(sent)
    face.server.faults.add(Fault(cut_after=cut, end=end), live="sse", times=2)
    face.server.faults.add(Fault(cut_after=cut, end="close"), path="history", times=2)
    seen = []
    assert talk.read(sent, on_event=seen.append).text == "answer to hello"
    assert [chunk.type for chunk in seen] == CHUNKS[1:]
    positions = [(chunk.position.batch, chunk.position.index) for chunk in seen]
    assert positions == sorted(set(positions))
