"""The same conversation, read by the TypeScript SDK and by both faces: they must agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flue import FlueExecutionError, to_json

from .flue2 import Talk, without_urls

if TYPE_CHECKING:
    from .faces import Client
    from .server import LiveServer

pytestmark = pytest.mark.live

LIVES = ("long-poll", "sse")
TURNS = {
    "plain": ("assistant", ["hello"]),
    "tool": ("assistant", ["use the tool"]),
    "two tools": ("assistant", ["two tools", "and again, two tools"]),
    "a tool that fails": ("assistant", ["badtool"]),
    "two texts": ("assistant", ["two texts"]),
    "nothing": ("assistant", ["silent"]),
    "a step that is done again": ("assistant", ["flaky {name}"]),
    "a model that fails": ("assistant", ["please fail", "hello"]),
    "data and metadata": ("reporter", ["report"]),
    "compaction": ("compactor", ["x" * 2000] * 3),
}
REUSED = {"reused ids": ("assistant", ["reused ids"])}


def outcome(client: Client, receipt: Any) -> tuple[dict[str, Any], list[Any]]:
    """A reply or an error as the TypeScript SDK has it, and the chunks."""
    chunks: list[Any] = []
    try:
        reply = client.call("read", receipt, on_event=chunks.append)
    except FlueExecutionError as error:
        said = {"message": str(error), "target": error.target, "targetId": error.target_id, "failure": error.failure}
        return {"error": {**said, "error": error.error}}, [to_json(chunk) for chunk in chunks]
    value = {"text": reply.text, "data": reply.data, "submissionId": reply.submission_id, "uid": reply.uid}
    if reply.metadata is not None:
        value["metadata"] = reply.metadata
    return {"value": value}, [to_json(chunk) for chunk in chunks]


@pytest.mark.parametrize("which", TURNS)
def test_replies(flue2: LiveServer, conversing: type[Client], which: str) -> None:
    """Reply, error, and each chunk from the admission to the settlement."""
    agent, turns = TURNS[which]
    talk = Talk(flue2, agent)
    client = conversing(talk.url)
    for said in turns:
        receipt = client.call("send", said.format(name=talk.name))
        ours, chunks = outcome(client, receipt)
        admission = {
            "streamUrl": receipt.stream_url,
            "offset": receipt.offset,
            "submissionId": receipt.submission_id,
            "uid": receipt.uid,
        }
        (theirs,) = talk.typescript(["read", admission])
        assert chunks == theirs.pop("events")
        theirs.get("error", {}).pop("name", None)
        assert ours == theirs


@pytest.mark.parametrize("which", TURNS | REUSED)
def test_snapshots_and_states(flue2: LiveServer, conversing: type[Client], which: str) -> None:
    """`history` and, in both live modes, what `observe` says at rest."""
    agent, turns = (TURNS | REUSED)[which]
    talk = Talk(flue2, agent)
    client = conversing(talk.url)
    for said in turns:
        outcome(client, client.call("send", said.format(name=talk.name)))
    history, *observed = talk.typescript(["history"], *(["observe", live] for live in LIVES))
    snapshot = to_json(client.call("history"))
    assert snapshot == {**history["value"], "messages": [without_urls(one) for one in history["value"]["messages"]]}
    for live, theirs in zip(LIVES, observed, strict=True):
        state = client.items("observe", live=live, until=lambda _state: True)[0]
        assert theirs["value"]["phase"] == "live"
        expected = theirs["value"]["conversation"]
        assert [to_json(message) for message in state.messages] == [without_urls(one) for one in expected["messages"]]
        assert [to_json(settlement) for settlement in state.settlements] == expected["settlements"]


def test_errors(flue2: LiveServer, conversing: type[Client]) -> None:
    """Refusals have the same text, but for the reads of streams, which TypeScript words differently."""
    talk = Talk(flue2)
    client = conversing(talk.url)
    steps: list[list[Any]] = [["history"], ["send", {"message": {"kind": "user", "body": "x"}, "uid": "inst_nope"}]]
    for step, theirs in zip(steps, talk.typescript(*steps), strict=True):
        with pytest.raises(Exception, match="Flue API error") as caught:
            client.call("history") if step == ["history"] else client.call("send", "x", uid="inst_nope")
        assert str(caught.value) == theirs["error"]["message"]
        assert caught.value.status == theirs["error"]["status"]  # type: ignore[attr-defined]


def test_attachment_urls(flue2: LiveServer, conversing: type[Client]) -> None:
    talk = Talk(flue2)
    client = conversing(talk.url)
    for one in ("att_1", "a b/c?d#ü"):
        (theirs,) = talk.typescript(["attachmentUrl", one])
        assert client.call("attachment_url", one) == theirs["value"]
