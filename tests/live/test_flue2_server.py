"""What the tests of conversations rely on, asked of a real Flue 2 over plain HTTP."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from .flue2 import Talk, text_of, without_urls

if TYPE_CHECKING:
    from .server import LiveServer

pytestmark = pytest.mark.live

RECOVERY = 150.0
"""Seconds: a lease lasts 30, then the reply is made anew."""
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\nnot really").decode()


@pytest.fixture
def talk(flue2: LiveServer) -> Talk:
    return Talk(flue2)


def test_a_turn(talk: Talk) -> None:
    receipt = talk.send("use the tool")
    assert set(receipt) == {"streamUrl", "offset", "submissionId", "uid"}
    settlement = talk.settled(receipt)
    assert settlement["outcome"] == "completed"
    assert settlement["answeredBySubmissionId"] == receipt["submissionId"]
    snapshot = talk.history()
    assert [message["role"] for message in snapshot["messages"]] == ["user", "assistant"]
    assert text_of(snapshot["messages"][1]) == "I will use the calculator.\n\nThe answer is 42. Ünïcödé ✓ 🎉"
    assert [entry["submissionId"] for entry in snapshot["settlements"]] == [receipt["submissionId"]]


def test_the_head(talk: Talk) -> None:
    talk.settled(talk.send("hello"))
    chunks, offset = talk.chunks()
    assert chunks[0]["type"] == "conversation-reset"
    assert offset == talk.history()["offset"]
    assert talk.chunks(offset) == ([], offset)


def test_idempotency(talk: Talk) -> None:
    first = talk.send("once", idempotencyKey="key-1")
    again = talk.send("once", idempotencyKey="key-1")
    assert again["submissionId"] == first["submissionId"]
    assert (again["deduplicated"], again["offset"]) == (True, "-1")
    refused = talk.post({"kind": "user", "body": "twice", "idempotencyKey": "key-1"})
    assert (refused.status, refused.json["error"]["type"]) == (409, "submission_conflict")


def test_uid(talk: Talk) -> None:
    receipt = talk.send("hello", uid=None)
    exists = talk.post({"kind": "user", "body": "again", "uid": None})
    assert (exists.status, exists.json["error"]["meta"]["uid"]) == (409, receipt["uid"])
    assert talk.send("more", uid=receipt["uid"])["uid"] == receipt["uid"]
    missing = talk.post({"kind": "user", "body": "again", "uid": "inst_other"})
    assert (missing.status, missing.json["error"]["type"]) == (404, "agent_instance_not_found")


def test_a_failure(talk: Talk) -> None:
    settlement = talk.settled(talk.send("please fail"))
    assert (settlement["outcome"], settlement["error"]["type"]) == ("failed", "operation_failed")


def test_text_that_is_taken_back(talk: Talk) -> None:
    receipt = talk.send(f"flaky {talk.name}")
    talk.settled(receipt)
    chunks, _ = talk.chunks(receipt["offset"])
    assert "conversation-reset" in [chunk["type"] for chunk in chunks]  # of the step that is done again
    assert text_of(talk.history()["messages"][-1]) == f"You said: flaky {talk.name}"


def test_an_attachment(talk: Talk) -> None:
    receipt = talk.send(
        "look", attachments=[{"type": "image", "data": PIXEL, "mimeType": "image/png", "filename": "p.png"}]
    )
    talk.settled(receipt)
    (part,) = [part for part in talk.history()["messages"][0]["parts"] if part["type"] == "file"]
    assert (part["mediaType"], part["filename"], part["size"]) == ("image/png", "p.png", 18)
    assert "url" not in part


def test_a_signal(talk: Talk) -> None:
    answer = talk.post(
        {"kind": "signal", "type": "tick", "body": "12:00", "attributes": {"a": "1"}, "tagName": "clock"}
    )
    assert answer.status == 202
    talk.settled(answer.json)
    message = talk.history()["messages"][0]
    assert (message["role"], message["purpose"], message["display"]) == ("system", "dispatch", "diagnostic")
    assert message["signal"]["tagName"] == "clock"


def test_a_message_that_joins(flue2: LiveServer) -> None:
    talk = Talk(flue2, "slow")
    host = talk.send("nap 2500")
    talk.until(lambda chunks: any(chunk["type"] == "tool-input" for chunk in chunks), host["offset"])
    joiner = talk.send("nap 10")
    assert talk.settled(joiner)["answeredBySubmissionId"] == host["submissionId"]
    assert talk.settled(host)["outcome"] == "completed"


def test_abort(flue2: LiveServer) -> None:
    talk = Talk(flue2, "slow")
    assert talk.post(None, "/abort").json == {"aborted": False}
    receipt = talk.send("talk 200")
    talk.until(lambda chunks: any(chunk["type"] == "message-delta" for chunk in chunks), receipt["offset"])
    assert talk.post(None, "/abort").json == {"aborted": True}
    settlement = talk.settled(receipt)
    assert (settlement["outcome"], settlement["error"]["type"]) == ("aborted", "submission_aborted")


def test_data_parts_and_metadata(flue2: LiveServer) -> None:
    talk = Talk(flue2, "reporter")
    talk.settled(talk.send("report"))
    message = talk.history()["messages"][-1]
    data = {part["type"]: part["data"] for part in message["parts"] if part["type"].startswith("data-")}
    assert data == {"data-progress": {"pct": 100, "note": "done"}, "data-chart": [1, 2, 3]}
    assert message["metadata"]["timing"] == {"startedAt": "start", "finishedAt": "end"}


def test_initial_data(flue2: LiveServer) -> None:
    talk = Talk(flue2, "seeded")
    talk.settled(talk.send("who am I", initialData={"tier": "gold"}))
    assert text_of(talk.history()["messages"][-1]) == "system=gold said=who am I"


def test_a_killed_server_keeps_its_conversations(mortal2: LiveServer) -> None:
    talk = Talk(mortal2)
    talk.settled(talk.send("hello"))
    before = talk.history()
    mortal2.stop()
    mortal2.start()
    assert talk.history() == before


def test_a_volatile_server_begins_again(volatile2: LiveServer) -> None:
    talk = Talk(volatile2)
    talk.settled(talk.send("hello"))
    before = talk.history()
    volatile2.stop()
    volatile2.start()
    assert talk.get("view=history").status == 404
    talk.settled(talk.send("hello again"))
    assert talk.history()["incarnation"] != before["incarnation"]


@pytest.mark.parametrize("live", ["long-poll", "sse"])
def test_the_typescript_sdk(talk: Talk, live: str) -> None:
    """It runs, and says what the wire says."""
    message = {"kind": "user", "body": "use the tool"}
    sent, read, history, observed = talk.typescript(
        ["send", {"message": message}], ["read", 0], ["history"], ["observe", live]
    )
    assert read["value"]["text"] == text_of(talk.history()["messages"][-1])
    assert [without_urls(one) for one in history["value"]["messages"]] == talk.history()["messages"]
    assert observed["value"]["phase"] == "live"
    assert observed["value"]["conversation"]["settlements"] == talk.history()["settlements"]
    chunks, _ = talk.chunks(sent["value"]["offset"])
    assert json.dumps(read["events"]) == json.dumps(chunks)


def test_a_reply_that_is_killed_in_the_middle(mortal2: LiveServer) -> None:
    """The work is taken up again when its lease has ended, and the TypeScript SDK completes by itself."""
    talk = Talk(mortal2, "slow")
    receipt = talk.send("talk 12")
    with ThreadPoolExecutor(1) as pool:
        theirs = pool.submit(talk.typescript, ["read", receipt])
        talk.until(lambda chunks: any(chunk["type"] == "message-delta" for chunk in chunks), receipt["offset"])
        mortal2.stop()
        mortal2.start()
        assert talk.settled(receipt)["outcome"] == "completed"
        (read,) = theirs.result(RECOVERY)
    chunks, _ = talk.chunks(receipt["offset"])
    assert read["value"]["text"] == text_of(last_reply(talk))
    assert read["events"] == chunks


def last_reply(talk: Talk) -> dict[str, Any]:
    """The last message of the assistant."""
    return [message for message in talk.history()["messages"] if message["role"] == "assistant"][-1]
