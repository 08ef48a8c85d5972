"""What the library says while it works."""

from __future__ import annotations

import logging

import pytest

from flue._instrumentation import Instrumentation
from flue.core.actions import Request
from flue.core.retry import BackoffOptions, FailedAttempt
from flue.errors import FlueConnectionError

URL = "https://flue.test/runs/run_1?offset=-1"


def failed(*, will_retry=True, text="the connection was reset"):
    return FailedAttempt(2, 0.75 if will_retry else 0.0, FlueConnectionError(text), "0_3", will_retry)


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.DEBUG, logger="flue")
    return caplog


def test_a_retry_is_a_warning_with_its_facts(said):
    Instrumentation("run run_1").failed(failed())
    (record,) = said.records
    assert (record.name, record.levelno) == ("flue", logging.WARNING)
    assert (
        record.getMessage()
        == "run run_1: attempt 2 failed (the connection was reset); retrying in 0.75 s from offset 0_3"
    )
    facts = {name: value for name, value in vars(record).items() if name.startswith("flue_")}
    assert facts == {
        "flue_call": "run run_1",
        "flue_attempt": 2,
        "flue_delay": 0.75,
        "flue_error": "FlueConnectionError",
        "flue_offset": "0_3",
    }


def test_a_call_has_no_offset(said):
    Instrumentation("run run_1").failed(FailedAttempt(1, 0.5, FlueConnectionError("reset"), None, will_retry=True))
    assert said.records[0].getMessage() == "run run_1: attempt 1 failed (reset); retrying in 0.50 s"


def test_the_last_failure_is_the_callers_to_tell(said):
    Instrumentation("run run_1").failed(failed(will_retry=False))
    assert said.records == []


def test_a_plain_script_shows_retries(caplog):
    """Nothing is configured: a WARNING passes, DEBUG does not."""
    instrumentation = Instrumentation("run run_1")
    instrumentation.failed(failed())
    instrumentation.request(Request("GET", URL), {})
    instrumentation.idle(0.5)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize("text", ["a\ud83d", "two\nlines\x1b[31m", "größe"])
def test_any_text_can_be_printed(said, text):
    Instrumentation("run run_1").failed(failed(text=text))
    message = said.records[0].getMessage()
    message.encode()
    assert "\n" not in message


def test_the_callback_gets_every_failure():
    got = []
    instrumentation = Instrumentation("run run_1", BackoffOptions(on_failed_attempt=got.append))
    attempts = [failed(), failed(will_retry=False)]
    for attempt in attempts:
        instrumentation.failed(attempt)
    assert got == attempts


def test_an_exception_of_the_callback_goes_through():

    def callback(attempt):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        Instrumentation("run run_1", BackoffOptions(on_failed_attempt=callback)).failed(failed())


def test_requests_and_pauses_are_for_those_who_ask(said):
    """Header values are not told."""
    instrumentation = Instrumentation("run run_1")
    instrumentation.request(Request("GET", URL, (("x-key", "s3cret"),)), {"authorization": "s3cret"})
    instrumentation.idle(0.5)
    assert [(record.levelname, record.getMessage()) for record in said.records] == [
        ("DEBUG", f"GET {URL}"),
        ("DEBUG", "run run_1: nothing new, next request in 0.50 s"),
    ]
    assert "s3cret" not in said.text
    assert said.records[1].flue_delay == 0.5


def test_falling_back_is_said_once(said):
    Instrumentation("run run_1", live="sse").live_mode_changed("long-poll")
    (record,) = said.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == "run run_1: server-sent events do not come through, going on by long-poll"
