"""`send`, `chat`, `history`, `abort` in a pipe, with a server of Flue 2."""

from __future__ import annotations

import io

import pytest

from flue.testing import FlueTestServer


@pytest.fixture
def url():
    with FlueTestServer(flue_version=2) as server:

        @server.agent("support")
        def support(turn):
            if turn.message.body == "fail":
                raise RuntimeError("asked to fail")
            return f"You said: {turn.message.body}"

        yield f"{server.base_url}/agents/support/1"


def test_send_prints_the_chunks_and_the_reply_last(flue, url):
    outcome = flue("send", url, "hello")
    *chunks, reply = outcome.objects
    assert (outcome.status, outcome.err) == (0, "")
    assert chunks[-1]["type"] == "submission-settled"
    assert reply["text"] == "You said: hello"


def test_a_failed_submission_is_status_1(flue, url):
    outcome = flue("send", url, "fail")
    assert outcome.status == 1
    assert "asked to fail" in outcome.err


def test_chat_answers_line_by_line(flue, url, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("héllo\n\nfail\nbye".encode()), encoding="latin-1"))
    outcome = flue("chat", url)
    assert outcome.status == 1
    assert [reply["text"] for reply in outcome.objects] == ["You said: héllo", "You said: bye"]


def test_history_and_abort(flue, url):
    assert flue("history", url).status == 3
    flue("send", url, "hello")
    (snapshot,) = flue("history", url).objects
    assert [message["role"] for message in snapshot["messages"]] == ["user", "assistant"]
    assert flue("abort", url).objects == [{"aborted": False}]


@pytest.mark.parametrize("arguments", [["send", "URL"], ["send", "agents/x", "hi"], ["chat"], ["history", "nowhere"]])
def test_wrong_usage(flue, url, arguments):
    assert flue(*(url if word == "URL" else word for word in arguments)).status == 2
