"""`send` and `abort`: one message is admitted once, whatever is lost on the way; what is refused is refused at once."""

from __future__ import annotations

import base64
import json

import pytest

from flue import (
    AbortError,
    AbortSignal,
    Attachment,
    BackoffOptions,
    BadRequestError,
    ConflictError,
    DurableStreamError,
    FlueConnectionError,
    FlueTimeoutError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    SignalMessage,
    UserMessage,
)
from flue.testing import Fault

from .frames import JSON
from .harness import AGENT, BRIEF, EAGER, later, on_both_faces

on_flue_2 = on_both_faces(flue_version=2)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(64))


def bodies(server):
    return [json.loads(request.body) for request in server.requests if request.method == "POST" and request.body]


def turns(server, *, gate=None):
    """An agent that notes what it gets."""
    taken = []

    @server.agent(AGENT)
    def support(turn):
        taken.append(turn.message)
        if gate is not None:
            gate.wait(10.0)
        return f"answer to {turn.message.body}"

    return taken


# Receipt.


@pytest.mark.parametrize("fields", [{"submissionId": " "}, {"offset": ""}, {"offset": "0 0"}])
@on_flue_2
def test_a_receipt_that_nobody_could_follow(face, fields):
    """The server's fault, not an argument's."""
    receipt = {"streamUrl": "http://flue.test/x", "offset": "0_0", "submissionId": "sub_1", "uid": "inst_1"} | fields
    face.server.faults.add(Fault(status=202, headers=[JSON], body=json.dumps(receipt).encode()))
    with pytest.raises(DurableStreamError, match="PARSE_ERROR: the response does not fit"):
        face.conversation().ask("hello")
    assert len(face.targets) == 1


@on_flue_2
def test_what_send_returns(face):
    taken = turns(face.server)
    talk = face.conversation()
    first = talk.send("hello")
    assert (first.submission_id[:4], first.uid[:5]) == ("sub_", "inst_")
    assert first.stream_url == talk.url
    assert not first.deduplicated
    talk.read(first)
    again = talk.send("more")
    assert again.uid == first.uid
    assert again.offset != first.offset
    talk.read(again)
    assert [message.body for message in taken] == ["hello", "more"]


@on_flue_2
def test_no_request_is_made_when_constructed(face):
    talk = face.conversation()
    assert talk.url == f"{face.server.base_url}/agents/{AGENT}/one"
    assert face.conversation("two/").url == f"{face.server.base_url}/agents/{AGENT}/two"
    assert face.asked == []


@on_flue_2
def test_the_wire(face):
    """Flat, with what was not given left out."""
    turns(face.server)
    talk = face.conversation()
    talk.send("hello", idempotency_key=None)
    assert bodies(face.server) == [{"kind": "user", "body": "hello"}]
    [request] = face.server.requests
    assert (request.header("content-type"), request.header("accept")) == ("application/json", "application/json")


# Messages.


@on_flue_2
def test_attachments_of_the_message_and_of_the_call_are_one_list(face):
    taken = turns(face.server)
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


@on_flue_2
def test_a_signal(face):
    taken = turns(face.server)
    talk = face.conversation()
    talk.read(talk.send(SignalMessage("deploy.done", "it works", {"env": "prod"}, "deploy")))
    assert (taken[0].type, taken[0].body, taken[0].attributes, taken[0].tag_name) == (
        "deploy.done",
        "it works",
        {"env": "prod"},
        "deploy",
    )


@on_flue_2
def test_initial_data(face):
    seen = []

    @face.server.agent(AGENT, validate_initial_data=lambda data: data["ticket"])
    def support(turn):
        seen.append(turn.initial_data)

    talk = face.conversation()
    with pytest.raises(BadRequestError) as refused:
        talk.send("hello", initial_data={})
    assert refused.value.error.type == "invalid_request"
    talk.read(talk.send("hello", initial_data={"ticket": 42}, uid=None))
    assert seen == [{"ticket": 42}]


@on_flue_2
def test_an_attachment_that_is_not_there(face):
    turns(face.server)
    talk = face.conversation()
    with pytest.raises(NotFoundError):
        talk.attachment("att/1 2")
    assert face.asked == ["GET /attachments/att%2F1%202"]


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


# Checks.


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
    with monkeypatch.context() as environment:
        environment.setenv("FLUE_CONVERSATION_URL", f"{face.server.base_url}/agents/{AGENT}/two//")
        environment.setenv("FLUE_TOKEN", "secret")
        turns(face.server)
        talk = face.conversation(url=None)
        assert talk.url == f"{face.server.base_url}/agents/{AGENT}/two"
        talk.send("hello")
        assert face.server.requests[0].header("authorization") == "Bearer secret"


# Idempotency.


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
    taken = turns(face.server)
    face.server.faults.add(fault, method="POST", times=2)
    talk = face.conversation(backoff_options=EAGER)
    sent = talk.send("hello")
    assert face.asked == ["POST"] * 3
    assert len({body["idempotencyKey"] for body in bodies(face.server)}) == 1
    talk.read(sent)
    assert [message.body for message in taken] == ["hello"]
    # What was admitted by an attempt whose answer was lost is told as deduplicated.
    assert sent.deduplicated == (fault.status is None and not fault.refuse)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=403), PermissionDeniedError),
        (Fault(status=500), ServerError),
        (Fault(content_type="text/html"), DurableStreamError),
        (Fault(body=b'{"submissionId": 3}'), DurableStreamError),
    ],
    ids=str,
)
@on_flue_2
def test_other_answers_are_final(face, fault, error):
    """403 too, though the headers are made for each attempt."""
    turns(face.server)
    face.server.faults.add(fault, method="POST")
    talk = face.conversation(backoff_options=EAGER, headers=lambda: {"x-one": "1"})
    with pytest.raises(error):
        talk.send("hello")
    assert face.asked == ["POST"]


@on_flue_2
def test_the_budget_is_kept_to(face):
    turns(face.server)
    face.server.faults.add(Fault(status=429, headers=[("retry-after", "0")]), times=None)
    attempts = []
    options = BackoffOptions(initial_delay=0.001, max_delay=0.002, max_retries=2, on_failed_attempt=attempts.append)
    with pytest.raises(RateLimitedError) as refused:
        face.conversation().send("hello", backoff_options=options)
    assert [attempt.will_retry for attempt in attempts] == [True, True, False]
    assert "idempotency_key=" in "".join(refused.value.__notes__)


@on_flue_2
def test_a_key_of_the_callers(face):
    taken = turns(face.server)
    face.server.faults.add(Fault(cut_after=5), method="POST")
    talk = face.conversation(backoff_options=EAGER)
    first = talk.send("hello", idempotency_key="order-7")
    assert first.deduplicated
    assert first.submission_id.startswith("sub_ik_")
    second = talk.send("hello", idempotency_key="order-7")
    assert (second.submission_id, second.uid, second.offset, second.deduplicated) == (
        first.submission_id,
        first.uid,
        "-1",
        True,
    )
    with pytest.raises(ConflictError) as refused:
        talk.send("something else", idempotency_key="order-7")
    assert refused.value.error.type == "submission_conflict"
    assert refused.value.error.meta == {"submissionId": first.submission_id}
    talk.read(first)
    assert [message.body for message in taken] == ["hello"]


@on_flue_2
def test_without_a_key_it_is_sent_once(face):
    turns(face.server)
    face.server.faults.add(Fault(status=503))
    face.server.faults.add(Fault(cut_after=5))
    talk = face.conversation(backoff_options=EAGER)
    for error in (ServerError, FlueConnectionError):
        with pytest.raises(error):
            talk.send("hello", idempotency_key=None)
    assert face.asked == ["POST"] * 2
    assert all("idempotencyKey" not in body for body in bodies(face.server))


@on_flue_2
def test_a_port_that_nobody_listens_at_counts_as_a_lost_answer(face):
    taken = turns(face.server)
    talk = face.conversation(backoff_options=EAGER)
    face.server.pause_listening()
    again = later(face.server.resume_listening, 0.05)
    face.wait(talk.inner.send, "hello")  # not noted: how often it is tried depends on the clock
    again.join()
    face.transcript.clear()
    assert len(taken) <= 1
    assert face.asked == ["POST"]


@on_flue_2
def test_abort_is_sent_once(face):
    turns(face.server)
    face.server.faults.add(Fault(status=503))
    talk = face.conversation(backoff_options=EAGER)
    with pytest.raises(ServerError):
        talk.abort()
    assert face.asked == ["POST /abort"]
    assert talk.abort().aborted is False
    assert face.server.requests[-1].body == b""


# Incarnation.


@on_flue_2
def test_uid(face):
    turns(face.server)
    talk = face.conversation()
    first = talk.send("create", uid=None)
    with pytest.raises(ConflictError) as exists:
        talk.send("create", uid=None)
    assert exists.value.error.meta == {"uid": first.uid}
    assert exists.value.status == 409
    assert talk.send("go on", uid=first.uid).uid == first.uid
    with pytest.raises(NotFoundError) as absent:
        talk.send("go on", uid="inst_other")
    assert absent.value.error.type == "agent_instance_not_found"
    assert [body.get("uid", "not given") for body in bodies(face.server)] == [None, None, first.uid, "inst_other"]


# Errors.


@on_flue_2
def test_a_limit_says_how_to_send_again(face):
    turns(face.server)
    face.server.faults.add(Fault(stall_before_headers=5.0), times=None)
    talk = face.conversation()
    with pytest.raises(FlueTimeoutError) as over:
        talk.send("hello", timeout=0.05)
    assert "idempotency_key='py-" in "".join(over.value.__notes__)
    with pytest.raises(FlueTimeoutError) as over:
        talk.send("hello", timeout=0.05, idempotency_key=None)
    assert "idempotency_key" not in "".join(over.value.__notes__)


@on_flue_2
def test_a_signal_aborts_it(face):
    turns(face.server)
    face.server.faults.add(Fault(stall_before_headers=5.0))
    talk, signal = face.conversation(), AbortSignal()
    face.after(1, lambda: signal.abort("enough"))
    with pytest.raises(AbortError) as aborted:
        talk.send("hello", signal=signal)
    assert aborted.value.reason == "enough"
    for method, arguments in (("history", ()), ("abort", ()), ("attachment", ("a",)), ("send", ("x",))):
        with pytest.raises(AbortError):
            getattr(talk, method)(*arguments, signal=signal)
    assert len(face.asked) == 1


@on_flue_2
def test_reads_are_repeated(face):
    turns(face.server)
    talk = face.conversation(backoff_options=BRIEF)
    talk.read(talk.send("hello"))
    before = len(face.asked)
    face.server.faults.add(Fault(status=503))
    face.server.faults.add(Fault(cut_after=20))
    assert len(talk.history().messages) == 2
    assert face.asked[before:] == ["GET ?view=history"] * 3
    with pytest.raises(NotFoundError) as absent:
        face.conversation("absent").history()
    assert absent.value.error.type == "stream_not_found"


@on_flue_2
def test_a_receipt_that_cannot_be_read_leaves_the_key(face):
    """The message may have been admitted: the key that was made for it is what makes it safe to send it again."""
    face.server.faults.add(Fault(status=202, headers=[JSON], body=b"{}"), method="POST")
    with pytest.raises(DurableStreamError) as caught:
        face.conversation().send("hello")
    (key,) = (json.loads(request.body)["idempotencyKey"] for request in face.server.requests)
    again = f"sent again with idempotency_key={key!r} it is not admitted twice"
    assert caught.value.__notes__ == [f"if the message was admitted, the agent answers it; {again}"]
