"""Agents: prompts and receipts, event streams as betas 3 to 7 serve them."""

from __future__ import annotations

import json

import pytest

from flue.testing import FlueTestServer

from .raw import JSON, RECORDINGS, ask, get, read_until, recorded, requested


def prompt(server, message="hello", *, target="/agents/assistant/one", query="", images=None):
    body = {"message": message} if images is None else {"message": message, "images": images}
    return ask(server, "POST", target + query, json.dumps(body).encode(), JSON)


def events(server, target="/agents/assistant/one"):
    return get(server, f"{target}?offset=-1").json()


@pytest.fixture
def assistant(server):
    """An agent that says what it was told, in two pieces."""

    @server.agent("assistant")
    def assistant(turn):
        turn.text("You said ")
        turn.text(turn.message)
        return f"You said {turn.message}"


def comparable(got, server):
    """A receipt with what cannot be the same taken out."""
    varying = {"Date", "Content-Length"}
    headers = [(name, "*" if name in varying else value) for name, value in got.headers]
    text = json.dumps([headers, {**got.json(), "submissionId": "*"}])
    return text.replace("http://127.0.0.1:3105", f"http://127.0.0.1:{server.port}").replace("rec1", "one")


def test_send(server, assistant):
    ((_, expected),) = recorded("agent_send.http")
    got = prompt(server)
    assert got.status == expected.status
    assert comparable(got, server) == comparable(expected, server)


def test_prompt(server, assistant):
    """The offset of a receipt is where the stream was when the prompt came in."""
    ((_, expected),) = recorded("agent_prompt.http")
    got = prompt(server, query="?wait=result")
    assert [name for name, _ in got.headers] == [name for name, _ in expected.headers]
    assert list(got.json()) == list(expected.json())
    assert list(got.json()["result"]) == list(expected.json()["result"])
    assert (got.json()["offset"], got.json()["result"]["text"]) == ("-1", "You said hello")
    tail = get(server, "/agents/assistant/one?offset=now").header("stream-next-offset")
    again = prompt(server, query="?wait=result")
    assert again.json()["offset"] == tail
    accepted = prompt(server)
    assert (accepted.header("stream-next-offset") > tail, accepted.json()["offset"] > tail) == (True, True)


def test_events(server, assistant):
    """Those that both have are made of the same fields, in the same order."""
    prompt(server, query="?wait=result")
    real = {event["type"]: event for event in json.loads((RECORDINGS / "agent_events.json").read_text())}
    got = events(server)
    assert [event["type"] for event in got] == [
        "operation_start", "agent_start", "text_delta", "text_delta", "agent_end", "operation", "idle",
        "submission_settled",
    ]  # fmt: skip
    for event in got:
        expected = [name for name in real[event["type"]] if name != "turnId"]
        assert list(event) == expected
    settled = got[-1]
    assert (settled["outcome"], settled["result"]["text"]) == ("completed", "You said hello")
    assert [event["eventIndex"] for event in got] == list(range(8))
    prompt(server, query="?wait=result")
    assert [event["eventIndex"] for event in events(server)] == [*range(8), *range(8)]
    assert len({event["submissionId"] for event in events(server)}) == 2
    assert len({event.get("conversationId") for event in events(server)} - {None}) == 1


def test_live_stream(server, assistant):
    prompt(server, query="?wait=result")
    with requested(server, "/agents/assistant/one?offset=now&live=sse") as sock:
        read_until(sock, b"upToDate")
        prompt(server)
        read_until(sock, b"submission_settled")
    head = ask(server, "HEAD", "/agents/assistant/one")
    assert (head.status, head.header("stream-closed")) == (200, None)


def test_images(server):
    seen = []
    server.add_agent("assistant", lambda turn: seen.append(turn.images) or {"free": ["form"]})
    image = {"type": "image", "data": "aGk=", "mimeType": "image/png"}
    assert prompt(server, images=[image], query="?wait=result").json()["result"] == {"free": ["form"]}
    assert seen == [[image]]
    big = prompt(server, images=[{**image, "data": "x" * (14 * 1024 * 1024 + 1)}])
    assert (big.status, big.error["details"]) == (400, "Image data exceeds the 14680064 character limit.")


IMAGES = b'{"message":"x","images":%b}'


@pytest.mark.parametrize("body", [None, b"[]", b"{}", b'{"message":1}', IMAGES % b"{}", IMAGES % b'[{"type":"image"}]'])
def test_malformed_prompts(server, assistant, body):
    got = ask(server, "POST", "/agents/assistant/one", body, JSON if body else [])
    assert (got.status, got.error["type"]) == (400, "invalid_request")
    assert got.error["details"].startswith("Direct agent requests must use JSON object body")


@pytest.mark.parametrize(
    ("method", "target", "body", "status", "kind"),
    [
        ("POST", "nope/one?wait=x", None, 400, "invalid_request"),
        ("POST", "nope/one?wait=result&wait=result", None, 400, "invalid_request"),
        ("DELETE", "nope/one", None, 405, "method_not_allowed"),
        ("GET", "nope/one", None, 404, "agent_not_found"),
        ("GET", "assistant/%20", None, 400, "invalid_request"),
        ("POST", "assistant/one", b"{", 400, "invalid_json"),
    ],
)
def test_order_of_checks(server, assistant, method, target, body, status, kind):
    got = ask(server, method, f"/agents/{target}", body, JSON if body else [])
    assert (got.status, got.error["type"]) == (status, kind)
    assert got.header("allow") == ("GET, HEAD, POST" if status == 405 else None)


def test_what_is_not_there(server, assistant):
    assert ask(server, "POST", "/agents/assistant/one", b"{}", []).status == 415
    assert ask(server, "HEAD", "/agents/assistant/one").status == 404
    expected = dict(recorded("errors.http"))["GET /agents/assistant/none?offset=-1"]
    got = get(server, "/agents/assistant/none?offset=-1")
    assert (got.status, got.body) == (expected.status, expected.body)
    assert ask(server, "GET", "/agents/assistant").body == b"404 Not Found"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_failure(server, asynchronous):
    def fail(turn):
        raise ValueError("secret")

    async def fail_later(turn):
        fail(turn)

    server.add_agent("assistant", fail_later if asynchronous else fail)
    got = prompt(server, query="?wait=result")
    assert (got.status, got.error["type"]) == (500, "internal_error")
    settled = events(server)[-1]
    assert (settled["outcome"], settled["error"]["type"]) == ("failed", "internal_error")
    assert "result" not in settled
    assert "secret" not in json.dumps(events(server))


def test_result_that_is_not_json(server):
    server.add_agent("assistant", lambda turn: object())
    assert prompt(server, query="?wait=result").status == 500
    kinds = [event["type"] for event in events(server)]
    assert kinds == ["operation_start", "agent_start", "agent_end", "operation", "idle", "submission_settled"]


def test_one_prompt_at_a_time_for_each_instance(server):
    meanwhile = []

    @server.agent("assistant")
    def assistant(turn):
        if turn.message == "1":
            prompt(server, "2")
            prompt(server, "3", target="/agents/assistant/two", query="?wait=result")
            meanwhile.extend(event["type"] for event in events(server))

    prompt(server, "1")
    prompt(server, "4", query="?wait=result")
    assert meanwhile.count("operation_start") == 1
    kinds = [event["type"] for event in events(server)]
    ends = ["operation_start", "submission_settled"]
    assert [kind for kind in kinds if kind in ends] == ends * 3


def test_stopped_while_at_work(server):
    server.add_agent("assistant", lambda turn: turn.sleep(60))
    prompt(server)
    server.restart()
    assert [event["type"] for event in events(server)] == ["operation_start", "agent_start"]


def test_state_survives(tmp_path):
    for _ in range(2):
        with FlueTestServer(database=tmp_path / "flue.db") as server:
            server.add_agent("assistant", lambda turn: "yes")
            prompt(server, query="?wait=result")
            got = events(server)
    assert len({event.get("conversationId") for event in got} - {None}) == 1
    assert [event["type"] for event in got].count("submission_settled") == 2
