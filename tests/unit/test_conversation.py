"""What a conversation is told, and checked arguments to its requests, before any I/O."""

from __future__ import annotations

import json

import attrs
import pytest

from flue import (
    UNSET,
    AbortSignal,
    Attachment,
    BackoffOptions,
    SignalMessage,
    Timeouts,
    UserMessage,
    to_json,
)
from flue._conversation import (
    Target,
    attachment_url,
    build_abort,
    build_attachment,
    build_chunks,
    build_history,
    build_observation,
    build_send,
    build_wait,
    check_target,
    conversation_settings,
    explain_send,
    explain_submission,
)
from flue.config import resolve
from flue.core.actions import Open
from flue.core.stream_state import Headers
from flue.errors import AbortError, FlueExecutionError, FlueTimeoutError, ServerError
from flue.models import AbortResult, ConversationSnapshot, SendResult

URL = "https://flue.test/api/agents/support/ticket-42"


def settings_for(url=URL, headers=None, max_event_bytes=None, **options):
    return resolve(
        url, "t", headers, Timeouts(), max_event_bytes, allow_async=False, url_argument="url",
        url_variable="FLUE_CONVERSATION_URL", **options,
    )  # fmt: skip


SETTINGS = settings_for()


def receipt(offset="0_5", **fields):
    return SendResult(submission_id="sub_1", uid="inst_1", offset=offset, stream_url="https://other.test/x", **fields)


def sent(message, **options):
    call = build_send(SETTINGS, message, **options).call
    return json.loads(call.request.body)


def body(message, **options):
    return sent(message, idempotency_key=None, **options)


class TestUrl:
    def test_is_where_the_conversation_is(self):
        assert settings_for("HTTPS://flue.test/api/x//").base_url == "https://flue.test/api/x"

    def test_can_come_from_the_environment(self, monkeypatch):
        monkeypatch.setenv("FLUE_CONVERSATION_URL", URL)
        assert settings_for(None).base_url == URL
        monkeypatch.delenv("FLUE_CONVERSATION_URL")
        with pytest.raises(ValueError, match=r"^url is missing: pass it, or set FLUE_CONVERSATION_URL$"):
            settings_for(None)

    def test_that_cannot_work_is_refused_by_name(self):
        with pytest.raises(ValueError, match=r"^url "):
            settings_for("/agents/a")
        with pytest.raises(TypeError, match=r"^url must be str"):
            settings_for(3)

    def test_below_a_client_each_segment_is_encoded(self):
        client = resolve("https://flue.test/api", None, None, None, None, allow_async=False)
        settings = conversation_settings(client, ("agents", "support", "a/b c?"))
        assert settings.base_url == "https://flue.test/api/agents/support/a%2Fb%20c%3F"
        for bad, kind in (
            (("agents", ".."), ValueError),
            (("agents", ""), ValueError),
            ((), ValueError),
            ((3,), TypeError),
        ):
            with pytest.raises(kind):
                conversation_settings(client, bad)

    def test_of_an_attachment(self):
        assert attachment_url(SETTINGS, "att/1") == f"{URL}/attachments/att%2F1"
        with pytest.raises(ValueError, match="id must not be ''"):
            attachment_url(SETTINGS, "")


class TestMessages:
    def test_text_is_a_users_turn(self):
        assert body("hi") == body(UserMessage("hi")) == {"kind": "user", "body": "hi"}
        assert body("") == {"kind": "user", "body": ""}

    def test_attachments_of_the_message_come_first(self):
        one, two = Attachment(b"\x00\xff", "image/png"), Attachment("AP8=", "image/gif", filename="a.gif")
        assert body(UserMessage("hi", [one]), attachments=iter([two]))["attachments"] == [
            {"type": "image", "data": "AP8=", "mimeType": "image/png"},
            {"type": "image", "data": "AP8=", "mimeType": "image/gif", "filename": "a.gif"},
        ]
        assert "attachments" not in body(UserMessage("hi"), attachments=[])

    def test_a_signal(self):
        assert body(SignalMessage("deploy", "live")) == {"kind": "signal", "type": "deploy", "body": "live"}
        assert body(SignalMessage("deploy", "", {"a": "b"}, "slack")) == {
            "kind": "signal",
            "type": "deploy",
            "body": "",
            "attributes": {"a": "b"},
            "tagName": "slack",
        }

    def test_a_signal_takes_no_attachments(self):
        signal = SignalMessage("deploy", "live")
        with pytest.raises(ValueError, match="a signal cannot carry attachments"):
            body(signal, attachments=[Attachment(b"x", "image/png")])
        assert body(signal, attachments=[])["kind"] == "signal"

    @pytest.mark.parametrize("message", [None, 3, b"hi", {"kind": "user", "body": "hi"}])
    def test_nothing_else_is_one(self, message):
        with pytest.raises(TypeError, match="message must be str, UserMessage or SignalMessage"):
            body(message)

    @pytest.mark.parametrize(
        ("make", "kind", "text"),
        [
            (lambda: UserMessage(3), TypeError, "the body of a UserMessage must be str, not int"),
            (lambda: UserMessage("x", "abc"), TypeError, "attachments must be a list of Attachment, not str"),
            (lambda: UserMessage("x", 3), TypeError, "attachments must be a list of Attachment, not int"),
            (lambda: UserMessage("x", ["abc"]), TypeError, r"attachments\[0\] must be an Attachment, not str"),
            (lambda: SignalMessage("", "x"), ValueError, "the type of a SignalMessage must not be empty"),
            (lambda: SignalMessage(3, "x"), TypeError, "the type of a SignalMessage must be str"),
            (lambda: SignalMessage("t", None), TypeError, "the body of a SignalMessage must be str"),
            (lambda: SignalMessage("t", "x", [1]), TypeError, "attributes of a SignalMessage must be a mapping"),
            (lambda: SignalMessage("t", "x", {"a": 1}), TypeError, "must be texts by name, but 'a' is not"),
            (lambda: SignalMessage("t", "x", None, "a b"), ValueError, "must be an XML name"),
            (lambda: SignalMessage("t", "x", None, 3), TypeError, "the tag_name of a SignalMessage must be str"),
        ],
    )
    def test_what_cannot_be_sent_is_refused_when_made(self, make, kind, text):
        with pytest.raises(kind, match=text):
            make()

    def test_they_do_not_change(self):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            UserMessage("x").body = "y"


class TestSend:
    def test_a_key_is_made_for_each_call_and_the_post_may_be_repeated(self):
        first, second = build_send(SETTINGS, "hi"), build_send(SETTINGS, "hi")
        key = json.loads(first.call.request.body)["idempotencyKey"]
        assert key == first.call.idempotency_key != second.call.idempotency_key
        assert 16 < len(key) <= 256
        assert first.budget is not None

    def test_a_key_of_the_callers(self):
        spec = build_send(SETTINGS, "hi", idempotency_key="order-7")
        assert (spec.call.idempotency_key, spec.budget is not None) == ("order-7", True)
        assert sent("hi", idempotency_key="x" * 256)["idempotencyKey"] == "x" * 256
        for bad, kind in (("", ValueError), ("x" * 257, ValueError), (3, TypeError)):
            with pytest.raises(kind, match="idempotency_key"):
                sent("hi", idempotency_key=bad)

    def test_without_a_key_it_is_sent_once(self):
        spec = build_send(SETTINGS, "hi", idempotency_key=None)
        assert (spec.call.idempotency_key, spec.budget) == (None, None)

    def test_which_incarnation(self):
        assert "uid" not in body("hi")
        assert body("hi", uid=None)["uid"] is None
        assert body("hi", uid="inst_1")["uid"] == "inst_1"
        with pytest.raises(TypeError, match="uid must be str or None"):
            body("hi", uid=3)

    def test_initial_data(self):
        assert body("hi", initial_data=None)["initialData"] is None
        assert body("hi", initial_data={"a": 1}, uid=None)["initialData"] == {"a": 1}
        assert "initialData" not in body("hi", initial_data=UNSET, uid="inst_1")
        with pytest.raises(ValueError, match="initial_data"):
            body("hi", initial_data={}, uid="inst_1")
        with pytest.raises(ValueError, match="JSON"):
            body("hi", initial_data={"a": float("nan")})

    def test_the_request_and_its_response(self):
        spec = build_send(
            SETTINGS, "hi", timeout=3, signal=AbortSignal(), backoff_options=BackoffOptions(max_retries=1)
        )
        request = spec.call.request
        assert (request.method, request.url) == ("POST", URL)
        assert ("content-type", "application/json") in request.headers
        assert spec.timeout == 3.0
        wire = {"streamUrl": "http://h/x", "offset": "-1", "submissionId": "sub_1", "uid": "i", "deduplicated": True}
        admitted = spec.call.build(wire)
        assert isinstance(admitted, SendResult)
        assert admitted.deduplicated
        assert to_json(admitted) == wire
        assert 202 in spec.call.statuses
        for nonsense in ({"submissionId": " "}, {"offset": ""}, {"offset": "0 0"}):  # which nobody could follow
            with pytest.raises(ValueError, match=r"submission id is empty|offset"):
                spec.call.build(wire | nonsense)

    def test_other_arguments_are_checked(self):
        with pytest.raises(TypeError, match="signal"):
            sent("hi", signal=3)
        with pytest.raises(ValueError, match="timeout"):
            sent("hi", timeout=0)
        with pytest.raises(TypeError, match="backoff_options"):
            sent("hi", backoff_options=3)


class TestCalls:
    def test_history(self):
        spec = build_history(SETTINGS)
        assert (spec.call.request.method, spec.call.request.url) == ("GET", f"{URL}?view=history")
        said = {"v": 1, "conversationId": "c", "offset": "-1", "messages": [], "settlements": []}
        assert isinstance(spec.call.build(said), ConversationSnapshot)
        assert spec.budget is not None

    def test_abort_is_sent_once(self):
        spec = build_abort(SETTINGS)
        assert (spec.call.request.method, spec.call.request.url) == ("POST", f"{URL}/abort")
        assert (spec.call.request.body, spec.budget) == (None, None)
        assert spec.call.build({"aborted": True}) == AbortResult(aborted=True)

    def test_attachment(self):
        spec = build_attachment(SETTINGS, "att_1")
        assert spec.call.request.url == f"{URL}/attachments/att_1"
        assert spec.call.parse(b"\x89PNG", None) == b"\x89PNG"
        assert Headers(spec.call.request.headers)["accept-encoding"] == "identity"


def test_what_logs_and_errors_say():
    path = "/api/agents/support/ticket-42"
    assert build_send(SETTINGS, "hi").label == f"send to {path}"
    assert build_history(SETTINGS).label == f"history of {path}"
    assert build_abort(SETTINGS).label == f"abort of {path}"
    assert build_attachment(SETTINGS, "att_1").label == "attachment att_1"


class TestTarget:
    def test_what_send_returned(self):
        assert check_target(receipt()) == Target("sub_1", "inst_1", "0_5")

    def test_of_repeated_work_the_history_says_more_sooner(self):
        assert check_target(receipt("-1")) == Target("sub_1", "inst_1", None)
        assert check_target(receipt("0_5", deduplicated=True)).offset is None
        assert check_target("sub_1") == Target("sub_1", None, None)

    def test_what_is_none(self):
        for bad in ("", " ", attrs.evolve(receipt(), submission_id=""), attrs.evolve(receipt(), offset="a b")):
            with pytest.raises(ValueError, match=r"submission id is empty|offset"):
                check_target(bad)
        for bad in (None, 3, b"sub_1"):
            with pytest.raises(TypeError, match="target must be"):
                check_target(bad)


def asked(spec):
    action = spec.machine.next_action(0.0)
    assert isinstance(action, Open)
    return action.request.url.removeprefix(URL)


class TestStreams:
    def test_what_is_asked_first(self):
        assert asked(build_chunks(SETTINGS)) == "?view=history"
        assert asked(build_chunks(SETTINGS, "sub_1")) == "?view=history"
        assert asked(build_chunks(SETTINGS, receipt("-1"))) == "?view=history"
        assert asked(build_chunks(SETTINGS, receipt())) == "?live=sse&offset=0_5&view=updates"
        assert asked(build_chunks(SETTINGS, "sub_1", offset="0_7")) == "?live=sse&offset=0_7&view=updates"
        assert asked(build_chunks(SETTINGS, offset="-1", live=True)) == "?offset=-1&view=updates"
        assert asked(build_chunks(SETTINGS, offset="0_1", live=False)) == "?offset=0_1&view=updates"
        assert asked(build_wait(SETTINGS, receipt(), purpose="wait")) == "?live=sse&offset=0_5&view=updates"
        assert asked(build_wait(SETTINGS, "sub_1", purpose="read")) == "?view=history"
        assert asked(build_observation(SETTINGS)) == "?view=history"

    @pytest.mark.parametrize(
        ("options", "kind"),
        [
            ({"offset": "now"}, ValueError),
            ({"offset": ""}, ValueError),
            ({"offset": 3}, TypeError),
            ({"live": "tail"}, ValueError),
            ({"live": 3}, TypeError),
            ({"timeout": -1}, ValueError),
            ({"signal": "x"}, TypeError),
            ({"target": ""}, ValueError),
        ],
        ids=str,
    )
    def test_arguments_of_stream(self, options, kind):
        with pytest.raises(kind):
            build_chunks(SETTINGS, **options)

    @pytest.mark.parametrize(
        ("options", "kind"),
        [
            ({"live": True}, TypeError),
            ({"live": "x"}, ValueError),
            ({"wait_until_exists": 1}, TypeError),
            ({"timeout": "1"}, TypeError),
        ],
        ids=str,
    )
    def test_arguments_of_observe(self, options, kind):
        with pytest.raises(kind):
            build_observation(SETTINGS, **options)

    def test_of_an_observation(self):
        spec = build_observation(SETTINGS, live="sse", wait_until_exists=True, timeout=5, signal=AbortSignal())
        assert (spec.machine.live, spec.machine.phase, spec.timeout) == ("sse", "loading", 5.0)


class TestErrors:
    def test_of_a_wait_name_the_submission(self):
        late, failed = FlueTimeoutError("late"), FlueExecutionError("agent_submission", "sub_1", "failed")
        for error in (late, failed):
            explain_submission(error, check_target(receipt()))
            assert error.submission_id == receipt().submission_id
        assert late.__notes__ == [f"submission {receipt().submission_id} was admitted and goes on without this call"]
        assert not hasattr(failed, "__notes__")

    def test_whether_a_bare_id_was_admitted_is_not_known(self):
        late = FlueTimeoutError("late")
        explain_submission(late, check_target("sub_1"))
        assert late.submission_id == "sub_1"
        assert not hasattr(late, "__notes__")

    def test_of_a_send_say_how_to_go_on(self):
        spec = build_send(SETTINGS, "hi", idempotency_key="key_1")
        late, once, refused = FlueTimeoutError("late"), AbortError(), ServerError("no", status=500)
        busy = ServerError("not now", status=503)
        explain_send(late, spec)
        explain_send(busy, spec)
        explain_send(once, build_send(SETTINGS, "hi", idempotency_key=None))
        explain_send(refused, spec)
        again = "sent again with idempotency_key='key_1' it is not admitted twice"
        assert late.__notes__ == [f"if the message was admitted, the agent answers it; {again}"]
        assert busy.__notes__ == late.__notes__
        assert once.__notes__ == ["if the message was admitted, the agent answers it"]
        assert not hasattr(refused, "__notes__")


def test_a_key_is_as_long_as_the_server_counts_it():
    """In UTF-16 code units."""
    for key in ("\U0001f30a" * 128, "\ud800" * 256, "é" * 256):
        assert build_send(SETTINGS, "hi", idempotency_key=key).call.idempotency_key == key
    with pytest.raises(ValueError, match="not 258"):
        build_send(SETTINGS, "hi", idempotency_key="\U0001f30a" * 129)


def test_an_error_of_another_submission_keeps_its_name():
    """One that a handler's own call has raised."""
    error = FlueTimeoutError("late")
    explain_submission(error, check_target("sub_1"))
    explain_submission(error, check_target(SendResult(submission_id="sub_2", uid="i", offset="-1", stream_url="x")))
    assert error.submission_id == "sub_1"
    assert not hasattr(error, "__notes__")
