"""What a real Flue 2.1 server sent: valid by the schemas, typed, and given back key for key; and what it might send."""

from __future__ import annotations

import json
import pickle
import typing
from typing import Any

import attrs
import pytest
from model_samples import ANSWERS, CHUNKS, exact, example

import flue
from flue import codec, models
from flue.codec._base import is_model
from flue.errors import DurableStreamError

SNAPSHOTS = [(name, body) for name, body in ANSWERS if "messages" in body]
SENT = [(name, body) for name, body in ANSWERS if "submissionId" in body]
ABORTED = [(name, body) for name, body in ANSWERS if "aborted" in body]
MESSAGES = [message for _, snapshot in SNAPSHOTS for message in snapshot["messages"]]
PARTS = [part for message in MESSAGES for part in message["parts"]]
POSITION = {"batch": 3, "index": 1}
DELTA = {
    "type": "message-delta",
    "conversationId": "conv_1",
    "messageId": "entry_1",
    "kind": "text",
    "delta": "Hel",
    "position": POSITION,
}


def test_the_recordings_have_every_kind() -> None:
    chunk_types = {member.type for member in typing.get_args(models.ConversationStreamItem) if is_model(member)}
    assert {chunk["type"] for _, chunk in CHUNKS} == chunk_types
    assert {part["type"].partition("-")[0] for part in PARTS} == {"text", "reasoning", "file", "dynamic", "data"}
    assert {part["state"] for part in PARTS if part["type"] == "dynamic-tool"} >= {"output-available", "output-error"}
    assert len(SNAPSHOTS) >= 6
    assert len(SENT) >= 8
    assert {body["aborted"] for _, body in ABORTED} == {True, False}


def test_a_history() -> None:
    [(_, wire)] = [answer for answer in SNAPSHOTS if answer[0].startswith("50")]
    snapshot = codec.decode(models.ConversationSnapshot, wire)
    assert (snapshot.v, snapshot.offset, snapshot.incarnation) == (1, wire["offset"], wire["incarnation"])
    message = snapshot.messages[-1]
    assert (message.role, message.purpose, message.display) == ("assistant", "assistant", "visible")
    text, tool, progress, chart, end = message.parts
    assert isinstance(text, models.TextPart)
    assert isinstance(end, models.TextPart)
    assert (text.text, end.text, end.state) == ("Working on the report.", "Report ready.", "done")
    assert isinstance(tool, models.DynamicToolPart)
    assert (tool.tool_name, tool.state, tool.output, tool.duration_ms) == ("build", "output-available", "built", 305)
    assert isinstance(progress, models.DataPart)
    assert isinstance(chart, models.DataPart)
    assert (progress.name, progress.data) == ("progress", {"pct": 100, "note": "done"})
    assert (chart.name, chart.data, chart.type) == ("chart", [1, 2, 3], "data")
    [settlement] = snapshot.settlements
    assert isinstance(settlement, models.ConversationSettlement)
    assert settlement.outcome == "completed"
    assert settlement.answered_by_submission_id == settlement.submission_id


def test_receipts() -> None:
    replayed = {name[:2]: codec.decode(models.SendResult, wire).deduplicated for name, wire in SENT}
    assert {number for number, deduplicated in replayed.items() if deduplicated} == {"14", "15"}
    sent = codec.decode(models.SendResult, example("SendResult", full=False))
    assert sent.deduplicated is False
    for value, kept in ((False, False), (None, None)):
        said = codec.decode(models.SendResult, example("SendResult", full=False) | {"deduplicated": value})
        assert said.deduplicated is False
        assert codec.to_json(said)["deduplicated"] is kept
        assert codec.to_json(attrs.evolve(said, deduplicated=True))["deduplicated"] is True
    with pytest.raises(codec.DecodeError, match=r"^\$\.deduplicated: expected a boolean, found an integer$"):
        codec.decode(models.SendResult, example("SendResult", full=True) | {"deduplicated": 1})


def test_data_parts_by_hand() -> None:
    assert codec.to_json(models.DataPart(name="chart", data=None)) == {"type": "data-chart", "data": None}
    wire = {"type": "data-", "data": 1, "name": "kept", "later": None}
    [part] = codec.decode(
        models.ConversationMessage, example("ConversationMessage", full=True) | {"parts": [wire]}
    ).parts
    assert isinstance(part, models.DataPart)
    assert (part.name, part.wire_extra) == ("", {"name": "kept", "later": None})
    assert codec.to_json(part) == wire


@pytest.mark.parametrize(
    ("part", "wire_type", "problem"),
    [
        ({"type": "video", "url": "x"}, "video", "unknown type 'video'"),
        ({"type": "data", "data": 1}, "data", "unknown type 'data'"),
        ({"type": "text", "text": "x"}, "text", "$.state: expected one of done, streaming, found null or nothing"),
        ({"type": "text", "text": 1, "state": "done"}, "text", "$.text: expected a string, found an integer"),
        ({"type": "data-x"}, "data-x", "$.data: expected a value, found null or nothing"),
        ({"type": None}, None, "type is null or nothing, not a string"),
        ({}, None, "type is null or nothing, not a string"),
    ],
)
def test_parts_that_are_not_understood(part: dict[str, Any], wire_type: str | None, problem: str) -> None:
    wire = example("ConversationMessage", full=True) | {"parts": [part]}
    chunk = {**DELTA, "type": "message-appended", "message": wire}
    del chunk["messageId"], chunk["kind"], chunk["delta"]
    for item in (chunk, json.dumps(chunk).encode()):
        appended = codec.ConversationChunkDecoder()(item)
        assert isinstance(appended, models.MessageAppendedChunk)
        [typed] = appended.message.parts
        assert isinstance(typed, models.UnknownPart)
        assert (typed.type, typed.wire_type, typed.problem, typed.raw) == ("unknown", wire_type, problem, part)
        assert exact(codec.to_json(appended)) == exact(chunk)
        assert pickle.loads(pickle.dumps(typed)) == typed


def test_chunks_that_are_not_understood(caplog: pytest.LogCaptureFixture) -> None:
    decode = codec.ConversationChunkDecoder("conversation c")
    for _ in range(2):
        for change in ({"type": "novel"}, {"kind": "song"}, {"position": None}, {"position": {"batch": 1}}):
            wire = DELTA | change
            for item in (wire, json.dumps(wire).encode()):
                chunk = decode(item)
                assert isinstance(chunk, models.UnknownChunk)
                assert (chunk.raw, chunk.wire_type, chunk.conversation_id) == (wire, wire["type"], "conv_1")
                assert codec.to_json(chunk) == wire
    problem = "$.kind: expected one of reasoning, text, found 'song'"
    assert caplog.messages == [
        "conversation c: a chunk of unknown type 'novel'; it arrives as UnknownChunk",
        f"conversation c: a 'message-delta' chunk does not fit its schema: {problem}; it arrives as UnknownChunk",
    ]


@pytest.mark.parametrize("item", [None, 1, "text", [DELTA], b"null", b"[]", b"{", b"\xff"])
def test_what_is_no_chunk(item: Any) -> None:
    decode = codec.ConversationChunkDecoder()
    with pytest.raises(DurableStreamError) as caught:
        decode(item)
    assert caught.value.code == "PARSE_ERROR"
    assert decode.decode_many([DELTA, item, DELTA]) == [decode(DELTA)]


def test_the_unions() -> None:
    chunks, items = typing.get_args(models.ConversationChunk), typing.get_args(models.ConversationStreamItem)
    assert {*items} - {*chunks} == {models.StreamCheckpointChunk}
    assert len(chunks) == 12
    assert models.UnknownChunk in chunks
    assert models.UnknownPart in typing.get_args(models.ConversationPart)
    for name in ("ConversationChunk", "ConversationMessage", "TextPart", "UnknownChunk", "UnknownPart", "SendResult"):
        assert getattr(flue, name) is getattr(models, name)
        assert name in flue.__all__


def test_the_converter_knows_chunks_and_parts() -> None:
    @attrs.define
    class Saved:
        chunks: list[models.ConversationChunk]
        part: models.ConversationPart | None
        last: models.ConversationSettlement | None = None

    wire = {"chunks": [DELTA, {"type": "novel"}], "part": {"type": "data-x", "data": 1}, "last": None}
    saved = codec.converter.structure(wire, Saved)
    assert [type(chunk) for chunk in saved.chunks] == [models.MessageDeltaChunk, models.UnknownChunk]
    assert saved.part == models.DataPart(name="x", data=1)
    assert codec.converter.unstructure(saved) == wire
    assert codec.converter.structure(wire | {"part": None}, Saved).part is None
