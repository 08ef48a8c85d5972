"""Conversations of Flue 2 beyond the recordings: joining, aborting, retracting, restarts, faults, odd clients."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

from flue.testing import FlueTestServer, TurnAbortedError

from .conversing import IMAGE, TARGET, all_updates, assert_adds_up, history, send, talk
from .raw import CLOSE, ask, dechunk, get, read_all, read_until, requested, split

SERVER_OPTIONS = {"flue_version": 2, "poll_hold": 0.1, "heartbeat": 0.05}


def texts(server, target=TARGET):
    """Who said what."""
    return [
        (message["role"], "".join(part.get("text", "") for part in message["parts"]))
        for message in history(server, target)["messages"]
    ]


def reply(server, target=TARGET):
    """The parts of the last message of the assistant."""
    return [message for message in history(server, target)["messages"] if message["role"] == "assistant"][-1]["parts"]


# What an agent gets and returns


def test_turn(server):
    seen = []
    server.add_agent("support", seen.append)
    attachment = IMAGE | {"data": " aGk\n", "filename": "a.png"}
    first = talk(server, "hello", initialData={"a": [1]}, attachments=[attachment])
    second = talk(server, "ping", kind="signal", type="ping", attributes={"by": "ana"}, attachments=[attachment])
    got, signal = seen
    assert (got.agent_name, got.conversation_id, got.uid) == ("support", "one", first["uid"])
    assert (got.submission_id, got.initial_data) == (first["submissionId"], {"a": [1]})
    assert (got.message.kind, got.message.body, got.joined) == ("user", "hello", [])
    ((data, mime_type, filename),) = [(a.data, a.mime_type, a.filename) for a in got.message.attachments]
    assert (data, mime_type, filename) == (b"hi", "image/png", "a.png")
    assert (signal.message.kind, signal.message.type, signal.message.attributes) == ("signal", "ping", {"by": "ana"})
    assert (signal.message.attachments, signal.submission_id) == ((), second["submissionId"])
    assert signal.initial_data == {"a": [1]}
    with pytest.raises(RuntimeError, match="the turn has ended"):
        got.text("too late")


@pytest.mark.parametrize(
    ("written", "returned", "expected"),
    [
        ([], None, []),
        ([], "", [""]),
        ([], "Hello", ["Hello"]),
        (["Hel", "lo"], None, ["Hello"]),
        (["Hel", "lo"], "Hello", ["Hello"]),
        (["Hel"], "Hello", ["Hello"]),
        (["Well. "], "Hello", ["Well. Hello"]),
        (["Hello"], "", ["Hello"]),
        (["same", {"output": 1}], "same", ["same", "tool", "same"]),
    ],
)
def test_reply(server, written, returned, expected):
    """What is returned is added to what was written since the last tool, unless it has been written already."""

    @server.agent("support")
    async def support(turn):
        for piece in written:
            if isinstance(piece, str):
                turn.text(piece)
            else:
                turn.tool("look", **piece)
            await asyncio.sleep(0)
        return returned

    talk(server)
    assert [part.get("text", "tool") for part in reply(server)] == expected


def raise_error(turn):
    turn.text("half a ")
    raise KeyError("gone")


async def raise_later(turn):
    raise_error(turn)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (raise_error, "'gone'"),
        (raise_later, "'gone'"),
        (lambda turn: turn.text("half a ") or 7, "an agent returns the text of its reply or None, not int"),
        (lambda turn: turn.text("half a ") or b"x", "an agent returns the text of its reply or None, not bytes"),
    ],
)
def test_failure(server, function, reason):
    """What was written stays, and the conversation goes on."""
    server.add_agent("support", function)
    submission_id = talk(server, "fail")["submissionId"]
    server.add_agent("support", lambda turn: "fine")
    talk(server, "again")
    failed, completed = history(server)["settlements"]
    assert failed["error"]["message"] == f"direct({submission_id}) failed: {reason}"
    assert failed["error"]["meta"]["reason"] == reason
    assert (failed["outcome"], failed["answeredBySubmissionId"]) == ("failed", submission_id)
    assert completed["outcome"] == "completed"
    assert texts(server) == [("user", "fail"), ("assistant", "half a "), ("user", "again"), ("assistant", "fine")]


def test_chunk_that_is_not_json(server):
    """It is the agent's mistake, and nothing of it reaches a reader."""

    @server.agent("support")
    def support(turn):
        with pytest.raises(TypeError):
            turn.metadata({"a": object()})
        with pytest.raises(TypeError):
            turn.data("chart", object())
        call = turn.tool("look")
        with pytest.raises(TypeError):
            call.succeed(object())
        call.succeed(1)
        with pytest.raises(ValueError, match="JSON"):
            turn.tool("look", {"x": float("nan")})
        return "fine"

    talk(server)
    assert [part["type"] for part in reply(server)] == ["dynamic-tool", "text"]


def test_tool_calls(server):
    @server.agent("support")
    def support(turn):
        with turn.tool("one", {"a": 1}) as one, turn.tool("two") as two:
            turn.data("progress", 1)
            one.output = [1]
        with pytest.raises(RuntimeError, match="has ended"):
            two.succeed()
        with pytest.raises(ZeroDivisionError), turn.tool("three"):
            raise ZeroDivisionError
        turn.tool("four", error="no")
        turn.tool("one", {"a": 2}, output=2, call_id=one.id)
        turn.tool("five")
        turn.data("progress", 2)

    talk(server)
    parts = reply(server)
    shown = [(part.get("toolName"), part.get("output", part.get("errorText"))) for part in parts if "input" in part]
    assert shown == [
        ("one", [1]), ("two", None), ("three", "ZeroDivisionError"), ("four", "no"), ("one", 2), ("five", None),
    ]  # fmt: skip
    assert [part["state"] for part in parts if "input" in part][-1] == "input-available"
    assert [part["data"] for part in parts if part["type"] == "data-progress"] == [2]


def test_metadata(server):
    """Before the first word it goes with the start of the message; later it is merged."""

    @server.agent("support")
    def support(turn):
        turn.metadata({"model": "m", "usage": {"in": 1}})
        turn.text("x")
        turn.metadata({"usage": {"out": 2}, "model": None})

    talk(server)
    assert [chunk["type"] for chunk in all_updates(server)].count("message-metadata") == 1
    assert history(server)["messages"][-1]["metadata"] == {"model": None, "usage": {"in": 1, "out": 2}}


def test_retracted_text(server):
    """Of the step in progress, text and calls are taken back; data parts and earlier steps stay."""

    @server.agent("support")
    def support(turn):
        turn.reset()  # there is nothing yet
        turn.text("Looking. ")
        turn.tool("look", output=1)
        turn.data("progress", 1)
        turn.text("This half ans")
        turn.data("progress", 2)
        turn.data("chart", [])
        lost = turn.tool("lost")
        turn.reset()
        with pytest.raises(RuntimeError, match="taken back"):
            lost.succeed()
        return "The answer."

    talk(server)
    resets = [chunk for chunk in all_updates(server) if chunk["type"] == "conversation-reset"]
    assert len(resets) == 2
    assert [part["type"] for part in resets[1]["snapshot"]["messages"][-1]["parts"]] == [
        "text", "dynamic-tool", "data-progress", "data-chart",
    ]  # fmt: skip
    assert [(part["type"], part.get("text", part.get("data"))) for part in reply(server)] == [
        ("text", "Looking. "), ("dynamic-tool", None), ("data-progress", 2), ("data-chart", []), ("text", "The answer."),
    ]  # fmt: skip


# Several messages


def test_joining(server):
    """In the middle of a response, before a step: the agent is told. Admission does not wait for it."""
    offsets, before = [], []

    @server.agent("support")
    def support(turn):
        turn.text("On it. ")
        with turn.tool("work"):
            offsets.append(history(server)["offset"])
            offsets.extend(send(server, body).json()["offset"] for body in ("this", "that"))
            before.extend(texts(server))
        turn.text("Done")
        return " with " + ", ".join(message.body for message in turn.joined)

    talk(server, "work")
    assert offsets == [offsets[0]] * 3
    assert before == [("user", "work"), ("assistant", "On it. ")]
    answer = ("assistant", "On it. Done with this, that")
    assert texts(server) == [("user", "work"), answer, ("user", "this"), ("user", "that")]


def test_joining_when_no_step_follows(server):
    """Messages that wait when the function returns continue the response, with a call of the function each."""
    calls, joiners, before = [], [], []
    server.add_agent("other", lambda turn: "not held up")

    @server.agent("support")
    def support(turn):
        calls.append((turn.message.body, turn.submission_id))
        turn.text(f"{turn.message.body}. ")
        if turn.message.body == "one":
            joiners.extend(send(server, body).json() for body in ("two", "three"))
            talk(server, target="/agents/other/one")  # conversations do not wait for each other
            before.extend(history(server)["messages"])

    host = talk(server, "one")
    assert len(before) == 2
    assert texts(server) == [("user", "one"), ("assistant", "one. two. three. "), ("user", "two"), ("user", "three")]
    ids = [receipt["submissionId"] for receipt in (host, *joiners)]
    assert calls == list(zip(("one", "two", "three"), ids, strict=True))
    settlements = [(entry["submissionId"], entry["answeredBySubmissionId"]) for entry in history(server)["settlements"]]
    assert settlements == [(submission_id, ids[0]) for submission_id in (*ids[1:], ids[0])]


def test_failure_of_one_that_joined(server):
    """The whole response has failed, and what comes after it has one of its own."""

    @server.agent("support")
    def support(turn):
        if turn.message.body == "good":
            send(server, "bad")
        elif turn.message.body == "bad":
            raise RuntimeError("no")

    host = talk(server, "good")
    talk(server, "again")
    bad, good, again = history(server)["settlements"]
    assert [entry["outcome"] for entry in (bad, good, again)] == ["failed", "failed", "completed"]
    assert good["submissionId"] == host["submissionId"]
    assert bad["error"] == good["error"]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_abort(server, asynchronous):
    """The turn is told, the conversation goes on at once."""
    working, told = threading.Event(), threading.Event()

    def support(turn):
        working.set()
        with pytest.raises(TurnAbortedError):
            turn.sleep(60)
        assert turn.aborted
        with pytest.raises(TurnAbortedError):
            turn.text("too late")
        told.set()
        raise TurnAbortedError

    async def support_later(turn):
        working.set()
        try:
            await asyncio.sleep(60)
        finally:
            told.set()

    server.add_agent("support", support_later if asynchronous else support)
    send(server, "slow")
    assert working.wait(5)
    server.add_agent("support", lambda turn: "yes")
    assert ask(server, "POST", f"{TARGET}/abort").json() == {"aborted": True}
    assert told.wait(5)
    assert ask(server, "POST", f"{TARGET}/abort").json() == {"aborted": False}
    talk(server, "quick")
    aborted, completed = history(server)["settlements"]
    assert (aborted["outcome"], aborted["error"]["type"]) == ("aborted", "submission_aborted")
    assert "answeredBySubmissionId" not in aborted  # nothing was said yet
    assert completed["outcome"] == "completed"
    assert texts(server) == [
        ("user", "slow"), ("system", "Submission was aborted."), ("user", "quick"), ("assistant", "yes"),
    ]  # fmt: skip


# Admission


def test_keys(server):
    """The key is looked at before the condition, belongs to its conversation, and keeps a failure."""
    calls = []

    @server.agent("support")
    def support(turn):
        calls.append(turn.submission_id)
        raise RuntimeError("no")

    created = talk(server, "x", idempotencyKey="k", uid=None, initialData=[])
    assert created["submissionId"].startswith("sub_ik_")
    again = send(server, "x", idempotencyKey="k", uid=None, initialData=[]).json()
    stale = send(server, "x", idempotencyKey="k", initialData=[]).json()
    assert again == stale == created | {"offset": "-1", "deduplicated": True}
    assert send(server, "x", idempotencyKey="k").error["type"] == "submission_conflict"
    assert send(server, "x", idempotencyKey="k", initialData=[], attachments=[]).status == 409
    other = talk(server, "x", idempotencyKey="k", target="/agents/support/other")
    assert other["submissionId"] != created["submissionId"]
    assert calls == [created["submissionId"], other["submissionId"]]


@pytest.mark.parametrize("data", ["aGk", "aGk=", " a\tG\nk = ", "", "+/+/"])
def test_base64_that_is_taken(server, data):
    seen = []
    server.add_agent("support", lambda turn: seen.extend(turn.message.attachments))
    talk(server, attachments=[IMAGE | {"data": data, "mimeType": ""}])
    assert len(seen) == 1


@pytest.mark.parametrize("data", ["a", "aGk==", "-_-_", "aG=k", "ä"])
def test_base64_that_is_not_taken(server, data):
    server.add_agent("support", lambda turn: None)
    got = send(server, attachments=[IMAGE | {"data": data}])
    assert (got.status, got.error["type"], got.header("flue-error-ref")) == (500, "internal_error", got.error["ref"])


NO_MESSAGE = "Delivered messages must be"
SIGNAL = {"kind": "signal", "type": "t"}


@pytest.mark.parametrize(
    ("fields", "details"),
    [
        ({"kind": "x"}, NO_MESSAGE),
        ({"body": 1}, NO_MESSAGE),
        ({"attachments": {}}, NO_MESSAGE),
        ({"attachments": [IMAGE | {"type": "file"}]}, NO_MESSAGE),
        ({"attachments": [IMAGE | {"filename": 1}]}, NO_MESSAGE),
        ({"attachments": [IMAGE | {"data": "A" * (14 * 1024 * 1024 + 4)}]}, "Image data exceeds the 14680064 char"),
        ({"kind": "signal"}, NO_MESSAGE),
        (SIGNAL | {"type": ""}, NO_MESSAGE),
        (SIGNAL | {"attributes": {"a": 1}}, NO_MESSAGE),
        (SIGNAL | {"tagName": 1}, NO_MESSAGE),
        # What is told first.
        ({"uid": 3, "idempotencyKey": ""}, "`uid` must be"),
        ({"kind": "x", "idempotencyKey": ""}, NO_MESSAGE),
        (SIGNAL | {"tagName": "a:b", "idempotencyKey": ""}, 'Signal message "tagName"'),
        (SIGNAL | {"type": "memory", "body": 1}, 'Signal type "memory" is'),
        ({"idempotencyKey": None}, "`idempotencyKey` must be a non-empty string"),
        ({"idempotencyKey": "😀" * 129}, "`idempotencyKey` must be at most 256 characters"),
    ],
)
def test_malformed_messages(server, fields, details):
    server.add_agent("support", lambda turn: None)
    got = send(server, **fields)
    assert (got.status, got.error["details"][: len(details)]) == (400, details)


def test_routes(server):
    server.add_agent("support", lambda turn: None)
    talk(server)
    for target in ("/", "/agents", "/agents/support", "/agents/support/", f"{TARGET}/", f"{TARGET}/x",
                   f"{TARGET}/abort/x", f"{TARGET}/attachments", f"{TARGET}/attachments/", "/runs/x"):  # fmt: skip
        got = get(server, target)
        assert (got.status, got.body) == (404, b"404 Not Found"), target
    assert ask(server, "HEAD", f"{TARGET}/attachments/x").status == 405
    assert get(server, f"{TARGET}?other=1").status == 200
    with pytest.raises(RuntimeError, match="flue_version=1"):
        server.add_workflow("report", lambda run: None)
    with FlueTestServer() as older:
        with pytest.raises(RuntimeError, match="flue_version=2"):
            older.snapshot("support", "one")
        with pytest.raises(RuntimeError, match="flue_version=2"):
            older.add_agent("support", print, validate_initial_data=print)
    with pytest.raises(ValueError, match="flue_version"):
        FlueTestServer(flue_version=3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "target", "status", "details"),
    [
        ("GET", f"{TARGET}?view=", 400, "Invalid agent conversation view. Use history or updates."),
        ("GET", f"{TARGET}?live=", 400, "History reads do not accept offset, tail, or live parameters."),
        ("GET", f"{TARGET}?view=updates&offset=", 400, "Invalid offset format."),
        ("GET", f"{TARGET}?view=updates&offset=-1&live=", 400, "Invalid live mode. Use long-poll or sse."),
        ("GET", f"{TARGET}?view=updates&live=x", 400, "Exactly one offset is required."),
        ("GET", f"{TARGET}?view=updates&offset=5_0", 500, "The server encountered an unexpected error"),
        ("GET", f"{TARGET}?view=updates&offset=0_99999999999999999999999", 416, "The stream is shorter"),
        ("GET", "/agents/support/nobody?view=updates&offset=0_5", 404, "Streams are created when"),
        ("GET", "/agents/support/nobody?view=x", 400, "Invalid agent conversation view."),
        ("GET", "/agents/support/%20/attachments/x", 404, "Streams are created when"),
        ("GET", f"{TARGET}/attachments/%20", 404, "The attachment id may be incorrect"),
        ("POST", "/agents/support/%20?wait=1", 400, "Agent conversation URLs must end with"),
        ("POST", "/agents/support/%20/abort", 400, "Agent conversation URLs must end with"),
        ("POST", f"{TARGET}?wait=", 400, "Agent prompts are fire-and-forget"),
        ("OPTIONS", TARGET, 405, 'This endpoint accepts "GET", "HEAD", "POST" only.'),
        ("DELETE", "/agents/support/%20", 405, 'This endpoint accepts "GET", "HEAD", "POST" only.'),
    ],
)
def test_odd_requests(server, method, target, status, details):
    """As a real server was seen to answer them."""
    server.add_agent("support", lambda turn: None)
    talk(server)
    got = ask(server, method, target)
    assert (got.status, got.error["details"][: len(details)]) == (status, details)


# Reading


def test_pages(server):
    """A hundred batches to a page, with or without chunks, on every way of reading."""
    server.create_conversation("support", "one")
    server.add_agent("support", lambda turn: None)
    for number in range(250):
        server.append_chunks("support", "one", *({"type": "x-note", "n": number} for _ in range(number % 3)))
    got, offset = [], "-1"
    for last in (99, 199, 250):
        page = get(server, f"{TARGET}?view=updates&offset={offset}")
        offset = page.header("stream-next-offset")
        assert offset == f"{0:016d}_{last:016d}"
        assert page.header("stream-up-to-date") == ("true" if last == 250 else None)
        got += page.json()[1:]
    positions = [(chunk["position"]["batch"], chunk["position"]["index"]) for chunk in got]
    assert positions == sorted(set(positions))
    assert len(got) == 1 + 83 * 3  # the reset, and no, one, two chunks in turn
    with requested(server, f"{TARGET}?view=updates&offset=-1&live=sse") as sock:
        data = dechunk(split(read_until(sock, b"upToDate"))[1])[0]
    assert data.count(b"event: control") == 3
    assert history(server)["messages"] == []


def test_long_poll_holds_until_the_time_is_up_or_something_comes(server):
    server.add_agent("support", lambda turn: None)
    talk(server)
    head = history(server)["offset"]
    for wakes in (False, True):
        if wakes:
            server.append_chunks("support", "one")  # an offset that moves without a chunk wakes the reader, too
        got = get(server, f"{TARGET}?view=updates&offset={head}&live=long-poll")
        assert (len(got.json()), got.header("stream-next-offset") > head) == (1, wakes)


def test_chunks_of_an_unknown_type(server):
    server.add_agent("support", lambda turn: "hi")
    talk(server)
    before = history(server)["messages"]
    server.append_chunks(
        "support", "one", {"type": "x-new", "conversationId": "other", "position": {"batch": 1, "index": 9}}
    )
    assert all_updates(server)[-1] == {"type": "x-new", "conversationId": "other", "position": {"batch": 1, "index": 9}}
    assert history(server)["messages"] == before == server.snapshot("support", "one")["messages"]
    with pytest.raises(KeyError):
        server.append_chunks("support", "nobody", {"type": "x"})


# Resets, incarnations, restarts


def test_compaction_in_mid_response(server):
    @server.agent("support")
    def support(turn):
        turn.text("On it. ")
        with turn.tool("work"):
            server.compact("support", "one")
        return "Done"

    talk(server)
    assert [chunk["type"] for chunk in all_updates(server)].count("conversation-reset") == 2
    assert texts(server)[-1] == ("assistant", "On it. Done")


def test_new_incarnation(server):
    """The same messages, other offsets; whoever follows the old stream is told, or let go."""
    server.add_agent("support", lambda turn: "hi")
    talk(server)
    old = history(server)
    target = f"{TARGET}?view=updates&offset={old['offset']}&live=sse"
    with requested(server, target, extra=CLOSE) as sock:
        read_until(sock, b"upToDate")
        server.reset_incarnation("support", "one")
        assert read_all(sock)[0].endswith(b"0\r\n\r\n")
    new = history(server)
    assert new["incarnation"] != old["incarnation"]
    assert new["offset"] < old["offset"]
    assert (new["messages"], new["conversationId"]) == (old["messages"], old["conversationId"])
    gone = get(server, f"{TARGET}?view=updates&offset={old['offset']}")
    assert (gone.status, gone.error["meta"]["nextOffset"]) == (416, new["offset"])
    talk(server, "again")


def test_deleted_conversation(server, gate):
    server.add_agent("support", lambda turn: gate() if turn.message.body == "work" else "hi")
    old = send(server, "work").json()
    gate.reached()
    with requested(server, f"{TARGET}?view=updates&offset=-1&live=sse", extra=CLOSE) as sock:
        read_until(sock, b"upToDate")
        server.delete_conversation("support", "one")
        read_all(sock)
    assert get(server, TARGET).status == 404
    assert send(server, uid=old["uid"]).status == 404
    new = talk(server, "hello")
    assert new["uid"] != old["uid"]
    assert texts(server) == [("user", "hello"), ("assistant", "hi")]


@pytest.mark.parametrize("lose_state", [False, True])
def test_restart(server, lose_state):
    """A submission at work never settles; without its state the conversation is another one."""
    working = threading.Event()

    @server.agent("support")
    def support(turn):
        working.set()
        turn.sleep(60)  # nobody waits for that

    old = send(server, "work").json()
    assert working.wait(5)
    incarnation = history(server)["incarnation"]
    server.restart(lose_state=lose_state)
    assert get(server, TARGET).status == (404 if lose_state else 200)
    server.add_agent("support", lambda turn: "hi")
    new = talk(server, "hello")
    assert (new["uid"] == old["uid"], history(server)["incarnation"] == incarnation) == (not lose_state, not lose_state)
    assert [entry["submissionId"] for entry in history(server)["settlements"]] == [new["submissionId"]]


def test_state_survives(tmp_path):
    """Messages, keys, attachments, identity."""

    @contextlib.contextmanager
    def another_server():
        with FlueTestServer(flue_version=2, database=tmp_path / "flue.db") as server:
            server.add_agent("support", lambda turn: f"{turn.initial_data}")
            yield server

    documents = []
    for _ in range(2):
        with another_server() as server:
            got = talk(server, "x", attachments=[IMAGE], idempotencyKey="k", initialData=[1])
            assert get(server, f"{TARGET}/attachments/att_direct_{got['submissionId']}_0").body == b"hi"
            documents.append(history(server))
            assert_adds_up(server)
    assert documents[0] == documents[1]
    assert documents[0]["messages"][-1]["parts"][0]["text"] == "[1]"
    assert got["deduplicated"]
    with another_server() as server:
        server.reset_incarnation("support", "one")
    with another_server() as server:
        again = history(server)
        assert (again["messages"], again["offset"]) == (documents[0]["messages"], f"{0:016d}_{0:016d}")
        server.delete_conversation("support", "one")
    with another_server() as server:
        assert get(server, TARGET).status == 404


def test_a_key_is_any_text_of_javascript(server):
    server.add_agent("support", lambda turn: None)
    submissions = {
        talk(server, "x", idempotencyKey=key)["submissionId"] for key in ("\ud800", "\udfff", "\ud83c\udf0a")
    }
    assert len(submissions) == 3
