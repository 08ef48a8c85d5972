"""Conversations as a person sees them: recorded streams and snapshots, chunk by chunk."""

from __future__ import annotations

import json

import pytest

from flue.cli.chat_view import ChatView, ObservationView, transcript_blocks
from flue.cli.output import Terminal as PlainTerminal
from flue.cli.terminal import RichTerminal
from flue.codec import ConversationChunkDecoder
from flue.models import ConversationResetChunk

from .terminal import ROOT, Output

RECORDINGS = ROOT / "tests" / "recordings" / "flue2"
MESSAGE, SUBMISSION = "entry_1", "sub_1"


def bodies(name):
    """The JSON values in a recorded response: its body, or the data of its events."""
    (file,) = RECORDINGS.glob(f"{name}_*.http")
    head, _, body = file.read_text(encoding="utf-8").partition("\n\n")
    if "text/event-stream" in head:
        return [json.loads(line.removeprefix("data:")) for line in body.splitlines() if line.startswith("data:[")]
    return [json.loads(body)]


def recorded_chunks(name):
    return [chunk for page in bodies(name) for chunk in page if chunk["type"] != "stream-checkpoint"]


def snapshot(**fields):
    return {"v": 1, "conversationId": "conv_1", "offset": "-1", "messages": [], "settlements": [], **fields}


def decoded_snapshot(value):
    """The model of a snapshot, by way of the chunk that has one."""
    reset = {"type": "conversation-reset", "conversationId": "conv_1", "position": {"batch": 0, "index": 0}}
    chunk = ConversationChunkDecoder()(reset | {"snapshot": value})
    assert isinstance(chunk, ConversationResetChunk)
    return chunk.snapshot


def message(*parts, role="assistant", submission=SUBMISSION, **fields):
    basic = {"id": MESSAGE, "role": role, "purpose": role, "display": "visible", "submissionId": submission}
    return {**basic, "parts": list(parts), **fields}


def text(value, kind="text", state="done"):
    return {"type": kind, "text": value, "state": state}


def chunks(*wire):
    """Chunks with positions, of one message unless they say otherwise."""
    for number, (kind, fields) in enumerate(wire):
        position = {"conversationId": "conv_1", "position": {"batch": number, "index": 0}}
        about = {"messageId": MESSAGE} if kind.startswith(("message-", "data-", "tool-input")) else {}
        yield {"type": kind, **position, **about, **fields}


def delta(value, kind="text"):
    return "message-delta", {"kind": kind, "delta": value}


def settled(outcome="completed", **fields):
    return "submission-settled", {"submissionId": SUBMISSION, "outcome": outcome, **fields}


@pytest.fixture(params=["live", "dumb", "plain"])
def output(request, monkeypatch):
    monkeypatch.setenv("TERM", "dumb" if request.param == "dumb" else "xterm")
    return Output(terminal=request.param != "plain")


@pytest.fixture
def shown(output):
    """Shows chunks on a terminal, after the message of a submission was sent; returns what the screen shows."""

    def show(wire, submission=SUBMISSION, columns=80):
        terminal = RichTerminal(output, width=columns) if output.isatty() else PlainTerminal(output)
        view = ChatView(terminal)
        decode = ConversationChunkDecoder()
        view.follow(submission, "Ctrl-C aborts")
        for chunk in wire:
            view.chunk(decode(chunk))
        view.close()
        show.outcome = view.outcome
        return output.screen

    return show


def test_a_recorded_reply(shown):
    wire = recorded_chunks("49")
    submission = wire[-1]["submissionId"]
    screen = shown(wire, submission)
    assert shown.outcome == "completed"
    assert "» go" not in screen  # it was typed here
    assert "build()" in screen
    lines = screen.splitlines()
    assert lines[0].startswith("Working on the report.")
    assert lines[1] == "● build()"
    assert any(line.startswith("✓ build  ") and " ms" in line for line in lines)


def test_every_chunk_of_the_recordings_can_be_shown(shown):
    screen = shown(recorded_chunks("41") + recorded_chunks("42"), "another")
    assert shown.outcome is None
    assert "» " in screen
    assert "✗ " in screen
    assert "?" not in {line[:1] for line in screen.splitlines()}


def test_chunks_that_are_read_again_are_shown_once(shown):
    wire = list(chunks(delta("Hello, "), delta("Ada."), settled()))
    assert shown([*wire[:2], *wire]) == "Hello, Ada.\n"


def test_reasoning_text_and_tools(shown):
    wire = chunks(
        ("message-started", {"submissionId": SUBMISSION}),
        delta("let me think", "reasoning"),
        delta(" about it", "reasoning"),
        delta("I will look it up."),
        ("tool-input", {"toolCallId": "c", "toolName": "look_up", "input": {"where": "Brest"}}),
        ("tool-input", {"toolCallId": "c", "toolName": "look_down", "input": {}}),
        ("tool-output", {"toolCallId": "c", "output": "7.3 m", "durationMs": 1200}),
        ("tool-output-error", {"toolCallId": "c", "errorText": "no such place"}),
        ("message-completed", {}),
        delta("It is 7.3 metres."),
        settled(),
    )
    assert shown(wire) == (
        "let me think about it\n"
        "I will look it up.\n"
        '● look_up(where="Brest")\n'
        "● look_down()\n"
        '✓ look_down  1.2 s  "7.3 m"\n'
        '✗ look_up  "no such place"\n'
        "It is 7.3 metres.\n"
    )


@pytest.mark.parametrize(
    ("end", "line"),
    [
        (settled("aborted", error={"message": "Submission was aborted."}), "■ aborted"),
        (settled("failed", error={"name": "FlueError", "message": "no model"}), "✗ failed  FlueError: no model"),
        (settled("failed"), "✗ failed"),
    ],
)
def test_how_a_submission_ended(shown, end, line):
    assert shown(chunks(delta("half a sen"), end)) == f"half a sen\n{line}\n"
    assert shown.outcome == end[1]["outcome"]


def reset(*parts, **fields):
    return "conversation-reset", {"snapshot": snapshot(messages=[message(*parts)], **fields)}


def test_text_that_the_server_takes_back(shown):
    screen = shown(chunks(delta("It is fou"), reset(), delta("It is five."), settled()))
    assert screen == "It is fou\n↻ the server took back this reply; it starts again\nIt is five.\n"


def test_a_reset_that_changes_nothing_shows_nothing(shown):
    """Such as one after compaction; adjacent blocks of one kind are one part live."""
    again = reset(text("Hello, "), text("Ada", state="streaming"))
    assert shown(chunks(delta("Hello, Ada"), again, delta("."), settled())) == "Hello, Ada.\n"


def test_a_reset_that_knows_more_shows_the_rest(shown):
    tool = {"type": "dynamic-tool", "toolName": "look", "toolCallId": "c", "input": {}}
    done = tool | {"state": "output-available", "output": 1, "durationMs": 5}
    wire = chunks(
        delta("Well, "),
        reset(text("Well, I will look."), done, done, {"type": "data-tide", "data": 7}),
        reset(text("Well, I will look."), done, done, text("Done."), settlements=[settled()[1]]),
    )
    screen = shown(wire)
    calls = ["● look()", "✓ look  5 ms  1"]
    assert [line for line in screen.splitlines() if "tide" not in line] == [
        "Well, I will look.",
        *calls,
        *calls,
        "Done.",
    ]
    assert screen.count("· tide  7") == 1
    assert shown.outcome == "completed"


def test_messages_of_others(shown):
    signal = message(text("stock: low"), role="system", submission="sub_2", id="s", signal={"tagName": "alert"})
    wire = chunks(
        ("message-appended", {"message": message(text("mine"), role="user", id="u1")}),
        ("message-appended", {"message": message(text("theirs"), role="user", id="u2", submission="sub_2")}),
        ("message-appended", {"message": signal}),
        ("message-appended", {"message": message(text("hush"), role="system", id="h", display="hidden")}),
        delta("Hello"),
        ("novelty", {}),
    )
    theirs, alert, hello, novelty = shown(wire).splitlines()
    assert (theirs, alert) == ("» theirs", "· alert: stock: low")
    # What is in the making stays below whatever else is shown.
    assert {hello, novelty} == {"Hello", "? novelty: unknown type 'novelty'"}


def test_no_line_is_wider_than_the_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    output = Output(terminal=True)
    view = ChatView(RichTerminal(output, width=40))
    decode = ConversationChunkDecoder()
    view.follow(SUBMISSION, "Ctrl-C aborts")
    long = "All work and no play makes a dull 雨 day. " * 20
    call = {"toolCallId": "c", "toolName": "look", "input": {"at": long}}
    for chunk in chunks(delta(long, "reasoning"), delta(f"# {long}\n\n* {long}\n\n`{long}`"), ("tool-input", call)):
        view.chunk(decode(chunk))
    view.close()
    assert max(map(len, output.screen.splitlines())) <= 40


def test_markdown_is_rendered_on_a_live_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    output = Output(terminal=True)
    view = ChatView(RichTerminal(output, width=40))
    decode = ConversationChunkDecoder()
    view.follow(SUBMISSION, "Ctrl-C aborts")
    for chunk in chunks(delta("Some **bold** words\n\n* one\n* two\n\n[a link](http://127.0.0.1/x)"), settled()):
        view.chunk(decode(chunk))
    view.close()
    assert output.screen.split() == [
        "Some",
        "bold",
        "words",
        "•",
        "one",
        "•",
        "two",
        "a",
        "link",
        "(http://127.0.0.1/x)",
    ]
    assert "\x1b]8" not in output.text


def test_escape_sequences_of_a_server_are_harmless(shown, output):
    evil = "\x1b[2J\x1b]0;gotcha\x07 \x9b31m\u202eabc"
    shown(
        chunks(
            delta(evil),
            ("tool-input", {"toolCallId": "c", "toolName": evil, "input": {evil: evil}}),
            ("tool-output-error", {"toolCallId": "c", "errorText": evil}),
            ("data-part", {"name": evil, "data": evil}),
            ("message-appended", {"message": message(text(evil), role="user", id="u", submission="sub_2")}),
            settled("failed", error={"message": evil}),
        )
    )
    assert "gotcha" in output.text
    assert not {"\x07", "\x9b", "\u202e"} & set(output.text)
    assert "\x1b[2J" not in output.text
    assert "\x1b]" not in output.text


# Whole conversations.


def transcript(name):
    output = Output()
    saved = decoded_snapshot(bodies(name)[0])
    PlainTerminal(output).write(*transcript_blocks(saved.messages, saved.settlements))
    return output.text


def test_the_transcript_of_an_aborted_conversation():
    words = " ".join(f"word{number}" for number in range(18))
    assert transcript("59") == (
        f"» talk\n\n{words} word\n■ aborted\n\n· Submission was aborted.\n\n· Submission was aborted.\n■ aborted\n"
    )


@pytest.mark.parametrize("name", ["28", "50", "69"])
def test_transcripts_of_recordings(name):
    lines = transcript(name).splitlines()
    assert lines[0].startswith("» ")
    assert "" in lines
    assert not any(line.startswith("? ") for line in lines)


# Observations.


def test_an_observation_shows_what_is_new_in_each_state(output):
    terminal = RichTerminal(output, width=80) if output.isatty() else PlainTerminal(output)
    view = ObservationView(terminal)
    view.start()
    asked = message(text("How high?"), role="user", id="u")
    tool = {"type": "dynamic-tool", "toolName": "look", "toolCallId": "c", "input": {}, "state": "input-available"}
    done = tool | {"state": "output-available", "output": 7, "durationMs": 5}
    for state in [
        snapshot(messages=[asked]),
        snapshot(messages=[asked, message(text("I will ", state="streaming"))]),
        snapshot(messages=[asked, message(text("I will look."), tool)]),
        snapshot(messages=[asked, message(text("I will look."), done)]),
        snapshot(messages=[asked, message(text("I will look."), done, text("7 m"))], settlements=[settled()[1]]),
        snapshot(messages=[asked, message(text("I will look."), done, text("7 m"))], settlements=[settled()[1]]),
    ]:
        value = decoded_snapshot(state)
        view.state(value.messages, value.settlements)
    view.close()
    assert output.screen == "» How high?\n\nI will look.\n● look()\n✓ look  5 ms  7\n7 m\n"
