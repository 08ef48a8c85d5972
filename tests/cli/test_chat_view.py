"""Conversations as a person sees them: recorded streams and snapshots, chunk by chunk."""

from __future__ import annotations

import pytest
from testing.conversing import of_flue2

from flue.cli.chat_view import ChatView, ObservationView, transcript_blocks
from flue.cli.output import Terminal
from flue.cli.terminal import RichTerminal

from . import wire
from .terminal import Output
from .wire import MESSAGE, SUBMISSION, appended, chunks, delta, message, reset, settled, snapshot, text, tool_input


@pytest.fixture(params=["live", "dumb", "plain"])
def output(request, monkeypatch):
    monkeypatch.setenv("TERM", "dumb" if request.param == "dumb" else "xterm")
    return Output(terminal=request.param != "plain")


def terminal(output, columns=80):
    return RichTerminal(output, width=columns) if output.isatty() else Terminal(output)


@pytest.fixture
def shown(output):
    """Shows chunks on a terminal, after the message of a submission was sent; returns what the screen shows."""

    def show(*sent, submission=SUBMISSION, columns=80):
        view = ChatView(terminal(output, columns))
        view.follow(submission, "Ctrl-C aborts")
        for chunk in wire.decoded(sent if isinstance(sent[0], dict) else chunks(*sent)):
            view.chunk(chunk)
        view.close()
        show.outcome = view.outcome
        return output.screen

    return show


def test_a_recorded_reply(shown):
    recorded = wire.recorded_chunks("49")
    screen = shown(*recorded, submission=recorded[-1]["submissionId"])
    assert shown.outcome == "completed"
    assert "» go" not in screen  # it was typed here
    lines = screen.splitlines()
    assert lines[0].startswith("Working on the report.")
    assert lines[1] == "● build()"
    assert any(line.startswith("✓ build  ") and " ms" in line for line in lines)


def test_every_chunk_of_the_recordings_can_be_shown(shown):
    screen = shown(*wire.recorded_chunks("41", "42"), submission="another")
    assert shown.outcome is None
    assert {"» ", "✗ "} <= {line[:2] for line in screen.splitlines()}
    assert "?" not in {line[:1] for line in screen.splitlines()}


def test_chunks_that_are_read_again_are_shown_once(shown):
    sent = list(chunks(delta("Hello, "), delta("Ada."), settled()))
    assert shown(*sent[:2], *sent) == "Hello, Ada.\n"


def test_reasoning_text_and_tools(shown):
    screen = shown(
        ("message-started", {"submissionId": SUBMISSION}),
        delta("let me think", "reasoning"),
        delta(" about it", "reasoning"),
        delta("I will look it up."),
        tool_input(name="look_up", where="Brest"),
        tool_input(name="look_down"),
        ("tool-output", {"toolCallId": "c", "output": "7.3 m", "durationMs": 1200}),
        ("tool-output-error", {"toolCallId": "c", "errorText": "no such place"}),
        ("message-completed", {}),
        delta("It is 7.3 metres."),
        settled(),
    )
    assert screen.splitlines() == [
        "let me think about it",
        "I will look it up.",
        '● look_up(where="Brest")',
        "● look_down()",
        '✓ look_down  1.2 s  "7.3 m"',
        '✗ look_up  "no such place"',
        "It is 7.3 metres.",
    ]


@pytest.mark.parametrize(
    ("end", "line"),
    [
        (settled("aborted", error={"message": "Submission was aborted."}), "■ aborted"),
        (settled("failed", error={"name": "FlueError", "message": "no model"}), "✗ failed  FlueError: no model"),
        (settled("failed"), "✗ failed"),
    ],
)
def test_how_a_submission_ended(shown, end, line):
    assert shown(delta("half a sen"), end) == f"half a sen\n{line}\n"
    assert shown.outcome == end[1]["outcome"]


TOOL = {"type": "dynamic-tool", "toolName": "look", "toolCallId": "c", "input": {}, "state": "input-available"}
DONE = TOOL | {"state": "output-available", "output": 1, "durationMs": 5}
CALL = ["● look()", "✓ look  5 ms  1"]
OVER = {"settlements": [settled()[1]]}
TAKEN_BACK = "↻ the server took back this reply; it starts again"


@pytest.mark.parametrize(
    ("sent", "lines"),
    [
        ([delta("It is fou"), reset(), delta("It is five."), settled()], ["It is fou", TAKEN_BACK, "It is five."]),
        # Such as one after compaction: nothing changes. Adjacent blocks of one kind are one part live.
        ([delta("Hello, Ada"), reset(text("Hello, "), text("Ada")), delta("."), settled()], ["Hello, Ada."]),
        # It knows more.
        (
            [delta("Well, "), reset(text("Well, so."), DONE, DONE, text("Done."), **OVER)],
            ["Well, so.", *CALL, *CALL, "Done."],
        ),
        ([delta("Well."), tool_input(), reset(text("Well."), DONE, **OVER)], ["Well.", *CALL]),
        # It knows less, or something else.
        ([delta("Well."), tool_input(), reset(text("Well."), **OVER)], ["Well.", CALL[0], TAKEN_BACK, "Well."]),
        ([delta("Well."), reset(text("No, no."), **OVER)], ["Well.", TAKEN_BACK, "No, no."]),
        ([tool_input("d"), reset(TOOL, **OVER)], [CALL[0], TAKEN_BACK, CALL[0]]),
    ],
)
def test_a_reset(shown, sent, lines):
    assert shown(*sent).splitlines() == lines
    assert shown.outcome == "completed"


def test_the_last_value_of_data_is_written_behind_the_text(shown):
    tide = {"type": "data-tide", "data": 8}
    screen = shown(("data-part", {"name": "tide", "data": 7}), delta("Well."), reset(text("Well."), tide, tide))
    assert screen.count("· tide  8") == 1
    assert "· tide  7" not in screen
    assert screen.index("Well.") < screen.index("· tide  8")


def test_messages_of_others(shown):
    theirs, alert, hello, novelty = shown(
        appended(text("mine"), role="user", id="u1"),
        appended(text("theirs"), role="user", id="u2", submission="sub_2"),
        appended(text("stock: low"), role="system", submission="sub_2", id="s", signal={"tagName": "alert"}),
        appended(text("hush"), role="system", id="h", display="hidden"),
        delta("Hello"),
        ("novelty", {}),
    ).splitlines()
    assert (theirs, alert) == ("» theirs", "· alert: stock: low")
    # What is in the making stays below whatever else is shown.
    assert {hello, novelty} == {"Hello", "? novelty: unknown type 'novelty'"}


@pytest.mark.parametrize("output", ["live"], indirect=True)
def test_markdown_is_rendered_on_a_live_terminal(shown, output):
    screen = shown(delta("Some **bold** words\n\n* one\n* two\n\n[a link](http://127.0.0.1/x)"), settled(), columns=40)
    assert screen.split() == ["Some", "bold", "words", "•", "one", "•", "two", "a", "link", "(http://127.0.0.1/x)"]
    assert "\x1b]8" not in output.text


@pytest.mark.parametrize("output", ["live"], indirect=True)
def test_no_line_is_wider_than_the_terminal(shown):
    markdown = f"# {wire.LONG}\n\n* {wire.LONG}\n\n`{wire.LONG}`"
    screen = shown(delta(wire.LONG, "reasoning"), delta(markdown), tool_input(at=wire.LONG), columns=40)
    assert max(map(len, screen.splitlines())) <= 40


def test_escape_sequences_of_a_server_are_harmless(shown, output):
    evil = wire.EVIL
    shown(
        delta(evil),
        tool_input(name=evil, **{evil: evil}),
        ("tool-output-error", {"toolCallId": "c", "errorText": evil}),
        ("data-part", {"name": evil, "data": evil}),
        appended(text(evil), role="user", id="u", submission="sub_2"),
        settled("failed", error={"message": evil}),
    )
    assert wire.is_harmless(output.text)


# Whole conversations.


def transcript(name):
    output = Output()
    saved = wire.decoded_snapshot(of_flue2(name).json())
    Terminal(output).write(*transcript_blocks(saved.messages, saved.settlements))
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


def test_an_observation_shows_what_is_new_in_each_state(output):
    view = ObservationView(terminal(output))
    view.start(lambda: "live")
    asked = message(text("How high?"), role="user", id="u")
    answers = [
        [],
        [message(text("I will ", state="streaming"))],
        [message(text("I will look."), TOOL)],
        [message(text("I will look."), DONE)],
        *[[message(text("I will look."), DONE, text("7 m"))]] * 2,
        [message(text("I will look."), DONE, text("7 m")), message(text("Ha."), id=f"{MESSAGE} too")],
    ]
    for answer in answers:
        state = wire.decoded_snapshot(snapshot(asked, *answer, settlements=[settled("failed")[1]] * (len(answer) > 1)))
        view.state(state.messages, state.settlements)
    view.close()
    shown = ["» How high?", "", "I will look.", *CALL, "7 m", "", "Ha.", "✗ failed"]
    assert output.screen.splitlines() == shown
