"""The commands about conversations, in a pipe and on a terminal, with a server of Flue 2."""

from __future__ import annotations

import io
import re
import sys

import pytest

from flue import Conversation, FlueExecutionError, Reply, SendResult
from flue._requests import Deadline
from flue.cli import output
from flue.cli.chat import _show_reply
from flue.cli.chat_view import ChatView
from flue.testing import Fault, FlueTestServer

from .terminal import PATIENCE, Terminal


@pytest.fixture
def url():
    with FlueTestServer(flue_version=2) as server:

        @server.agent("support")
        def support(turn):
            said = turn.message.body
            if said == "fail":
                raise RuntimeError("asked to fail")
            if said == "wait":
                turn.text("Half of ")
                turn.sleep(PATIENCE)
            files = "".join(f" ({file.filename}, {file.mime_type})" for file in turn.message.attachments)
            return f"You said: {said}{files}"

        yield f"{server.base_url}/agents/support/1"


# In a pipe.


def test_send_prints_the_chunks_and_the_reply_last(flue, url, tmp_path, monkeypatch):
    (tmp_path / "tide.png").write_bytes(b"\x89PNG")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("\ufeffhéllo".encode()), encoding="latin-1"))
    outcome = flue("send", url, "-", "--attach", str(tmp_path / "tide.png"))
    *chunks, reply = outcome.objects
    assert (outcome.status, outcome.err) == (0, "")
    assert chunks[-1]["type"] == "submission-settled"
    assert set(reply) == {"text", "data", "metadata", "submissionId", "uid"}
    assert reply["text"] == "You said: héllo (tide.png, image/png)"


def test_a_failed_submission_is_status_1(flue, url):
    outcome = flue("send", url, "fail")
    assert outcome.status == 1
    assert "asked to fail" in outcome.err


def test_chat_answers_line_by_line(flue, url, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("héllo\n\nfail\nbye".encode()), encoding="latin-1"))
    outcome = flue("chat", url)
    assert outcome.status == 1
    assert [reply["text"] for reply in outcome.objects] == ["You said: héllo", "You said: bye"]


def test_a_receipt_the_history_and_abort(flue, url, monkeypatch):
    assert flue("history", url).status == 3
    address, _, path = url.partition("/agents/")
    monkeypatch.setenv("FLUE_BASE_URL", f"{address}/")
    (receipt,) = flue("send", f"agents/{path}", "hello", "--no-wait").objects
    with Conversation(url) as conversation:
        conversation.wait(receipt["submissionId"], timeout=60.0)  # or the next message might join its response
    assert flue("send", url, "bye").status == 0
    (snapshot,) = flue("history", url).objects
    assert [message["role"] for message in snapshot["messages"]] == ["user", "assistant"] * 2
    assert receipt["submissionId"] == snapshot["messages"][0]["submissionId"]
    assert flue("abort", url).objects == [{"aborted": False}]


# On a terminal.


def test_a_chat(url):
    """Replies flow as they come, Ctrl-C aborts one, a backslash continues a line, Ctrl-D leaves."""
    with Terminal("chat", url) as terminal:
        before = "continues it"
        for typed, answer in [("one\\\ntwo\n", "You said: one"), ("fail\n", "asked to fail"), ("wait\n", "Half of")]:
            terminal.read_until("» ", after=before)
            terminal.type(typed)
            terminal.read_until(answer)
            before = answer
        terminal.interrupt()
        terminal.read_until("» ", after="aborted\x1b")
        terminal.interrupt()
        terminal.type("\n")  # readline may sleep through a signal that comes just before it waits for a key
        terminal.read_until("» ", after="Ctrl-D leaves\x1b")
        terminal.type("\x04")
        assert terminal.wait() == 0
    lines = [line for line in terminal.screen.text.splitlines() if line not in {"", "»"}]
    assert lines[0] == url
    assert lines[2:6] == ["» one\\", "… two", "You said: one two", "» fail"]
    assert lines[6].startswith("✗ failed  FlueError: ")
    assert lines[7:9] == ["  asked to fail", "» wait"]
    assert lines[9:] == ["■ aborting", "Half of", "· Submission was aborted.", "■ aborted", "Ctrl-D leaves"]


@pytest.mark.parametrize(
    ("words", "status", "shown"),
    [
        (["send", "URL", "hello"], 0, r"You said: hello"),
        (["send", "URL", "fail"], 1, r"✗ failed  FlueError: .*\n.* asked to fail"),
        (["send", "URL", "hello", "--no-wait"], 0, r"▶ sub_\w+\n  next: python -m flue observe URL"),
        (["history", "URL"], 0, r"» first\n\nYou said: first"),
        (["abort", "URL"], 0, r"nothing was running"),
    ],
)
def test_a_command_on_a_terminal(flue, url, words, status, shown):
    assert flue("send", url, "first").status == 0
    with Terminal(*(url if word == "URL" else word for word in words)) as terminal:
        assert terminal.wait() == status
    assert re.fullmatch(shown.replace("URL", re.escape(url)) + "\n", terminal.screen.text)


@pytest.mark.parametrize(
    ("outcome", "status", "out", "err"),
    [
        (Reply("It is done."), 0, "It is done.\n", ""),
        (FlueExecutionError("agent_submission", "sub_1", "failed"), 1, "", "flue: "),
    ],
)
def test_a_submission_that_was_settled_before_it_was_followed(capsys, outcome, status, out, err):
    """History answers then; no chunk says how it went."""

    class Settled:
        def read(self, *_, **__):
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

    receipt = SendResult(submission_id="sub_1", uid="u", offset="-1", stream_url="")
    view = ChatView(output.Terminal(sys.stdout))
    assert _show_reply(Settled(), receipt, Deadline(None), view) == status
    captured = capsys.readouterr()
    assert captured.out == out
    assert captured.err.startswith(err)
    assert bool(captured.err) == bool(err)


def test_observe_on_a_terminal(flue, url):
    assert flue("send", url, "first").status == 0
    with Terminal("observe", url) as terminal:
        terminal.read_until("You said: first")
        terminal.read_until("live\x1b")  # the phase
        assert flue("send", url, "second").status == 0
        terminal.read_until("You said: second")
        terminal.interrupt()
        assert terminal.wait() == 130
    assert terminal.screen.text.splitlines() == [
        *("» first", "", "You said: first", "", "» second", "", "You said: second", "flue: interrupted")
    ]


def test_what_is_typed_is_utf_8_whatever_the_locale(flue, url):
    """Python has lone surrogates for the bytes that the locale does not know; an agent must not get them."""
    assert flue("send", url, "h\udcc3\udca9llo").objects[-1]["text"] == "You said: héllo"
    outcome = flue("send", url, "h\udce9llo")
    assert (outcome.status, outcome.err) == (2, "flue: the text is not UTF-8: invalid continuation byte\n")
    with Terminal("chat", url, LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0") as terminal:
        terminal.read_until("? ", after="continues it")
        terminal.type("h\udce9llo\n")
        terminal.read_until("? ", after="not UTF-8")
        terminal.type("héllo\n")
        terminal.read_until("You said: h?llo")


def test_ctrl_c_while_a_message_is_not_yet_delivered():
    """It gives the prompt back, like Ctrl-C at any other moment of a chat."""
    with FlueTestServer(flue_version=2) as server:
        server.add_agent("support", lambda turn: f"You said: {turn.message.body}")
        server.faults.add(Fault(status=503, headers=[("retry-after", "3600")]), method="POST")
        with Terminal("chat", f"{server.base_url}/agents/support/1") as terminal:
            terminal.read_until("» ", after="continues it")
            terminal.type("one\n")
            terminal.read_until("retrying in")
            terminal.interrupt()
            terminal.read_until("» ", after="interrupted; if the message was delivered")
            terminal.type("two\n")
            terminal.read_until("» ", after="You said: two")
            terminal.type("\x04")
            assert terminal.wait() == 0


def test_the_name_of_a_file_is_utf_8(flue, url, tmp_path):
    for name, sent in [("t\udcc3\udca9.png", "té.png"), ("t\udce9.png", "t\ufffd.png")]:
        (tmp_path / name).write_bytes(b"\x89PNG")
        outcome = flue("send", url, "hello", "--attach", str(tmp_path / name))
        assert outcome.objects[-1]["text"] == f"You said: hello ({sent}, image/png)"
