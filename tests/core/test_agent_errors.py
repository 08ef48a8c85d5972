"""The stream of an agent, which may not be there yet, or not be a stream."""

from __future__ import annotations

import json

import pytest

from flue.core.protocol import CREATION_TIMEOUT, AgentErrorPolicy, StreamProtocol
from flue.core.retry import BackoffOptions, Budget
from flue.errors import BadRequestError, DurableStreamError, NotFoundError

from .driver import play
from .script import URL, at, page, refusal


def envelope(status, kind, details=""):
    return refusal(status, json.dumps({"error": {"type": kind, "message": "No.", "details": details}}).encode())


MISSING = envelope(404, "stream_not_found")
PAGE = page([0], at(1), up_to_date=True)


def agent(*, admitted=True, offset="-1", options=None):
    return StreamProtocol(
        URL, Budget(options), offset=offset, live=None, error_policy=AgentErrorPolicy(admitted=admitted)
    )


def test_it_reads_as_any_stream():
    played = play(agent(), [page([0, 1], at(2)), page([2], at(3), up_to_date=True)])
    assert (played.items, played.done, played.asked_from) == ([0, 1, 2], True, ["-1", at(2)])


class TestCreation:
    def test_after_a_prompt_the_stream_is_about_to_be(self):
        played = play(agent(), [MISSING, MISSING, PAGE])
        assert (played.items, played.done) == ([0], True)
        assert all(isinstance(pause.attempt.error, NotFoundError) for pause in played.pauses)

    def test_but_not_for_ever(self):
        played = play(agent(options=BackoffOptions()), lambda request, now: MISSING)
        assert isinstance(played.error, NotFoundError)
        assert CREATION_TIMEOUT <= played.now < CREATION_TIMEOUT + 5.0

    @pytest.mark.parametrize(
        ("options", "answer"),
        [
            ({"admitted": False}, MISSING),
            ({"offset": at(3)}, MISSING),
            ({}, envelope(404, "agent_not_found")),
            ({}, refusal(404, b"404 Not Found")),
        ],
        ids=["not admitted", "read before", "no such agent", "no such route"],
    )
    def test_every_other_404_is_final(self, options, answer):
        played = play(agent(**options), [answer, PAGE])
        assert isinstance(played.error, NotFoundError)
        assert len(played.requests) == 1


class TestViews:
    def test_a_server_that_serves_views_is_named(self):
        refused = envelope(400, "invalid_request", "History reads do not accept offset.")
        played = play(agent(), [refused, PAGE])
        error = played.error
        assert isinstance(error, DurableStreamError)
        assert (error.code, error.status, error.offset, len(played.requests)) == ("UNSUPPORTED_SERVER", 400, "-1", 1)
        assert str(error).startswith("UNSUPPORTED_SERVER: this server answers agent reads with conversation views")
        assert isinstance(error.__cause__, BadRequestError)

    @pytest.mark.parametrize(
        "answer",
        [
            envelope(400, "invalid_request", "Invalid offset format."),
            envelope(400, "other", "History reads do not accept x"),
            refusal(400),
        ],
        ids=["offset", "type", "empty"],
    )
    def test_every_other_400_is_what_it_says(self, answer):
        played = play(agent(), [answer])
        assert isinstance(played.error, BadRequestError)
