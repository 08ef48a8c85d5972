"""Sending to the conversations of a server, following them, and comparing them with recordings of a real one."""

from __future__ import annotations

import base64
import json
import re
import time

from .raw import ask, get, recorded

JSON = [("content-type", "application/json")]
TARGET = "/agents/support/one"


def send(server, body="hello", *, target=TARGET, **fields):
    """POST a user's message, or with `kind` any other."""
    return ask(server, "POST", target, json.dumps({"kind": "user", "body": body, **fields}).encode(), JSON)


def history(server, target=TARGET):
    return get(server, target).json()


def updates(server, offset="-1", *, target=TARGET, query=""):
    """One page of chunks behind its checkpoint."""
    checkpoint, *chunks = get(server, f"{target}?view=updates&offset={offset}{query}").json()
    assert list(checkpoint) == ["type", "incarnation"]
    assert checkpoint["type"] == "stream-checkpoint"
    return chunks


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
    """Long-poll until a submission has settled, and return how."""
    offset = "-1"
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        got = get(server, f"{target}?view=updates&offset={offset}&live=long-poll")
        offset = got.header("stream-next-offset")
        for chunk in got.json():
            if chunk["type"] == "submission-settled" and chunk["submissionId"] == submission["submissionId"]:
                return chunk
    raise TimeoutError(submission)


def talk(server, body="hello", *, target=TARGET, **fields):
    """Send, and wait for the settlement; the receipt."""
    got = send(server, body, target=target, **fields)
    assert got.status == 202, got.body
    settled(server, got.json(), target=target)
    return got.json()


def reduce(chunks, state=None):
    """The messages and settlements that chunks add up to. Written from the protocol, not from the server."""
    messages, settlements = state or ({}, {})
    for chunk in chunks:
        kind, message = chunk["type"], messages.get(chunk.get("messageId"))
        parts = message["parts"] if message else []
        if kind == "conversation-reset":
            snapshot = json.loads(json.dumps(chunk["snapshot"]))
            messages = {entry["id"]: entry for entry in snapshot["messages"]}
            settlements = {entry["submissionId"]: entry for entry in snapshot["settlements"]}
        elif kind == "message-appended":
            messages[chunk["message"]["id"]] = json.loads(json.dumps(chunk["message"]))
        elif kind == "message-started" and message is None:
            message = {"id": chunk["messageId"], "role": "assistant", "purpose": "assistant", "display": "visible"}
            message |= {name: chunk[name] for name in ("submissionId", "turnId", "metadata") if name in chunk}
            messages[chunk["messageId"]] = message | {"parts": []}
        elif kind == "message-metadata" and message:
            message["metadata"] = merge(message.get("metadata", {}), chunk["metadata"])
        elif kind == "data-part" and message:
            part = {"type": "data-" + chunk["name"], "data": chunk["data"]}
            places = [place for place, old in enumerate(parts) if old["type"] == part["type"]]
            if places:
                parts[places[0]] = part
            else:
                parts.append(part)
        elif kind == "message-delta" and message:
            last = parts[-1] if parts else {}
            if last.get("state") == "streaming" and last["type"] == chunk["kind"]:
                last["text"] += chunk["delta"]
            else:
                if last.get("state") == "streaming":
                    last["state"] = "done"
                parts.append({"type": chunk["kind"], "text": chunk["delta"], "state": "streaming"})
        elif kind == "tool-input" and message:
            if parts and parts[-1].get("state") == "streaming":
                parts[-1]["state"] = "done"
            call = {"type": "dynamic-tool", "state": "input-available"}
            parts.append(call | {name: chunk[name] for name in ("toolName", "toolCallId", "input")})
        elif kind in {"tool-output", "tool-output-error"}:
            pending = [
                part
                for entry in messages.values()
                for part in entry["parts"]
                if part.get("toolCallId") == chunk["toolCallId"] and part["state"] == "input-available"
            ]
            pending[-1]["state"] = "output-available" if kind == "tool-output" else "output-error"
            pending[-1].update({name: chunk[name] for name in ("output", "errorText", "durationMs") if name in chunk})
        elif kind == "message-completed":
            for part in parts:
                if part["type"] in {"text", "reasoning"}:
                    part["state"] = "done"
        elif kind == "submission-settled":
            kept = ("submissionId", "outcome", "error", "answeredBySubmissionId")
            settlements[chunk["submissionId"]] = {name: chunk[name] for name in kept if name in chunk}
    return messages, settlements


def merge(old, new):
    merged = dict(old)
    for key, value in new.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def assert_adds_up(server, target=TARGET):
    """The snapshot is what the chunks from the origin add up to."""
    snapshot, chunks = history(server, target), all_updates(server, target=target)
    messages, settlements = reduce(chunks)
    assert snapshot["messages"] == list(messages.values())
    assert snapshot["settlements"] == list(settlements.values())


# Recordings


def of_flue2(number):
    """The recorded response of this number, dechunked where it was not."""
    ((_, got),) = recorded(number, under="flue2")
    return got


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
