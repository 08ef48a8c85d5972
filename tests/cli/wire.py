"""What servers send, as JSON of the wire: events of runs, chunks of conversations, and recordings of both."""

from __future__ import annotations

import json

from testing.conversing import items, of_flue2
from testing.raw import RECORDINGS

from flue.cli.timeline import ConversationTimeline, RunTimeline
from flue.codec import ConversationChunkDecoder, decode_event, decode_run_record

RUN = "run_01M847H4PPZEXAWXBD5EM2GT2F"
URL = "https://example.org/agents/support/ticket%2042"
MESSAGE, SUBMISSION = "entry_1", "sub_1"
EVIL = "\x1b[2J\x1b]0;gotcha\x07 \x9b31m\u202eabc"
LONG = "All work and no play makes a dull 雨 day. " * 20
REQUEST = {"providerId": "p", "providerName": "p", "requestedModel": "m", "api": "a"}


def is_harmless(text):
    """Whether nothing of `EVIL` controls a terminal, and what can be read of it is there."""
    return "gotcha" in text and not any(control in text for control in ("\x07", "\x9b", "\u202e", "\x1b[2J", "\x1b]"))


# Runs.


def moment(milliseconds):
    hours, rest = divmod(milliseconds, 3_600_000)
    return f"2026-11-23T{9 + hours:02}:{rest // 60_000:02}:{rest % 60_000 / 1000:06.3f}Z"


def event(kind, at=0, **fields):
    """An event so many milliseconds after the start of the run."""
    return {"type": kind, "v": 3, "eventIndex": 0, "timestamp": moment(at), "runId": RUN, **fields}


def log(message, level="info", at=0, **fields):
    return event("log", at, level=level, message=message, **fields)


def operation(ident, at=0, **fields):
    return event("operation_start", at, operationId=ident, operationKind="prompt", **fields)


def ended(kind, at=0, took=0, *, failed=False, **fields):
    return event(kind, at, durationMs=took, isError=failed, **fields)


def said(text, **fields):
    """What the assistant has said, whole."""
    return event("message_end", message={"role": "assistant", "content": [{"type": "text", "text": text}]}, **fields)


def recorded(name):
    return json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))


def run_timeline(*events, **fields):
    """The timeline of a run with these fields."""
    basic = {"runId": RUN, "workflowName": "audit", "status": "active", "startedAt": moment(0)}
    timeline = RunTimeline(decode_run_record(basic | fields))
    for each in events:
        timeline.add(decode_event(each))
    return timeline


# Conversations.


def recorded_chunks(*names):
    return [chunk for name in names for chunk in items(of_flue2(name))]


def chunks(*wire):
    """Chunks with positions, of one message unless they say otherwise."""
    for number, (kind, fields) in enumerate(wire):
        position = {"conversationId": "conv_1", "position": {"batch": number, "index": 0}}
        about = {"messageId": MESSAGE} if kind.startswith(("message-", "data-", "tool-input")) else {}
        yield {"type": kind, **position, **about, **fields}


def decoded(wire):
    return map(ConversationChunkDecoder(), wire)


def delta(value, kind="text"):
    return "message-delta", {"kind": kind, "delta": value}


def tool_input(call="c", name="look", **arguments):
    return "tool-input", {"toolCallId": call, "toolName": name, "input": arguments}


def settled(outcome="completed", **fields):
    return "submission-settled", {"submissionId": SUBMISSION, "outcome": outcome, **fields}


def message(*parts, role="assistant", submission=SUBMISSION, **fields):
    basic = {"id": MESSAGE, "role": role, "purpose": role, "display": "visible", "submissionId": submission}
    return {**basic, "parts": list(parts), **fields}


def appended(*parts, **fields):
    return "message-appended", {"message": message(*parts, **fields)}


def text(value, kind="text", state="done"):
    return {"type": kind, "text": value, "state": state}


def snapshot(*messages, **fields):
    basic = {"v": 1, "conversationId": "conv_1", "offset": "-1", "messages": list(messages), "settlements": []}
    return basic | fields


def reset(*parts, **fields):
    return "conversation-reset", {"snapshot": snapshot(message(*parts), **fields)}


def decoded_snapshot(value):
    """The model of a snapshot, by way of the chunk that has one."""
    (chunk,) = decoded(chunks(("conversation-reset", {"snapshot": value})))
    return chunk.snapshot


def conversation_timeline(*wire):
    timeline = ConversationTimeline(URL)
    for chunk in decoded(wire):
        timeline.add(chunk)
    return timeline
