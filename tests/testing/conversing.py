"""Sending to the conversations of a server, following them, and comparing them with recordings of a real one."""

from __future__ import annotations

import base64
import json
import re

from faces.reading import eventually

from flue.codec import ConversationChunkDecoder, to_json
from flue.core.conversation import ConversationReducer

from .raw import JSON, ask, dechunk, get, recorded

TARGET = "/agents/support/one"
IMAGE = {"type": "image", "data": "aGk=", "mimeType": "image/png"}


def send(server, body="hello", *, target=TARGET, **fields):
    """POST a user's message, or with `kind` any other."""
    return ask(server, "POST", target, json.dumps({"kind": "user", "body": body, **fields}).encode(), JSON)


def history(server, target=TARGET):
    return get(server, target).json()


def all_updates(server, *, target=TARGET):
    """Every chunk from the origin, page by page."""
    chunks, offset = [], "-1"
    while True:
        got = get(server, f"{target}?view=updates&offset={offset}")
        chunks += got.json()[1:]
        offset = got.header("stream-next-offset")
        if got.header("stream-up-to-date"):
            return chunks


def settled(server, submission, *, target=TARGET):
    """Wait until a submission has settled."""
    _, _, agent, id = target.split("/")

    def has_settled():
        entries = server.snapshot(agent, id)["settlements"]
        return submission["submissionId"] in [entry["submissionId"] for entry in entries]

    eventually(has_settled, "the submission settles")


def talk(server, body="hello", *, target=TARGET, **fields):
    """Send while nothing else is at work, and wait for the settlement; the receipt."""
    got = send(server, body, target=target, **fields)
    assert got.status == 202, got.body
    settled(server, got.json(), target=target)
    assert_adds_up(server, target)
    return got.json()


def assert_adds_up(server, target=TARGET):
    """The snapshot is what the chunks from the origin add up to, for a client of this protocol."""
    reducer, decode = ConversationReducer(), ConversationChunkDecoder()
    for chunk in all_updates(server, target=target):
        reducer.apply(decode(chunk))
    snapshot, state = history(server, target), reducer.state
    assert snapshot["messages"] == [to_json(message) for message in state.messages]
    assert snapshot["settlements"] == [to_json(settlement) for settlement in state.settlements]


# Recordings


def of_flue2(number):
    """The recorded response of this number, dechunked where it was not."""
    ((_, got),) = recorded(number, under="flue2")
    return got


def items(got):
    """The chunks of a recorded response, whether a page or server-sent frames."""
    if got.header("transfer-encoding"):
        frames = dechunk(got.body)[0].decode().split("\n\n")
        pages = [json.loads(frame.partition("data:")[2]) for frame in frames if frame.startswith("event: data")]
        return [chunk for page in pages for chunk in page if chunk["type"] != "stream-checkpoint"]
    return [chunk for chunk in json.loads(got.body) if chunk["type"] != "stream-checkpoint"]


ID = re.compile(
    r"entry_direct_[A-Za-z0-9_-]+|sub_ik_[0-9a-f]{32}|\b(?:sub|inst|conv|inc|turn|entry|err)_[0-9A-Z]{26}"
    r"|(?<=_)sub_[0-9A-Z]{26}|tool:[0-9]+:[0-9a-z]+"
)


class Normalizer:
    """Makes texts comparable: ids become what they are and the number of their first appearance, times vanish."""

    def __init__(self):
        self._seen = {}

    def __call__(self, text):
        text = ID.sub(self._name, text)
        text = re.sub(r'"timestamp":"[^"]+Z"', '"timestamp":"*"', text)
        text = re.sub(r'"durationMs":[0-9]+', '"durationMs":"*"', text)
        return re.sub(r"http://127\.0\.0\.1:[0-9]+/", "http://server/", text)

    def _name(self, match):
        found = match[0]
        if found.startswith("entry_direct_"):
            packed = found.removeprefix("entry_direct_")
            return "entry_direct_" + self(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode())
        kind = "sub_ik" if found.startswith("sub_ik") else re.split("[_:]", found)[0]
        return self._seen.setdefault(found, f"{kind}#{len(self._seen)}")


def comparable_headers(got):
    """Sorted: the real server writes the length in another place than this one. What the clock decides is out."""
    varying = {"Date", "Content-Length", "content-length"}
    return sorted((name, "*" if name in varying else value) for name, value in got.headers)
