"""The tree of errors, and what an error carries when it travels."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

import flue
from flue import errors
from flue.core.stream_state import Headers
from flue.errors import (
    AbortError,
    DurableStreamError,
    FlueApiError,
    FlueConnectionError,
    FlueError,
    FlueExecutionError,
    FlueTimeoutError,
    RateLimitedError,
    UnsupportedFlueEventVersionError,
)
from flue.models import FluePublicError

CLASSES = [value for value in vars(errors).values() if inspect.isclass(value) and value.__module__ == "flue.errors"]


def samples():
    api = {
        "status": 429,
        "body": {"error": {"type": "t"}},
        "error": FluePublicError(type="t", message="m", details="d", meta={"a": 1}),
        "headers": Headers([("Retry-After", "2")]),
        "url": "https://h/",
    }
    limited = RateLimitedError("Flue API error 429 [t]: m", **api)
    limited.retry_after = 2.0
    return [
        FlueError("plain"),
        FlueApiError("Flue API error 429 [t]: m", **api),
        limited,
        FlueConnectionError("reset"),
        FlueTimeoutError("late", offset="0_3"),
        FlueTimeoutError("late"),
        DurableStreamError("PARSE_ERROR", "no JSON", offset="0_3", status=200),
        DurableStreamError("PARSE_ERROR"),
        UnsupportedFlueEventVersionError({"v": 4}),
        FlueExecutionError("workflow_run", "run_1", "failed", {"name": "TypeError", "message": "no"}),
        FlueExecutionError("agent_submission", "sub_1", "terminal_event_missing"),
        FlueExecutionError("agent_submission", "sub_1", "failed", {"name": "FlueError", "message": "no"}),
        FlueExecutionError("agent_submission", "sub_1", "aborted", {"message": "stop"}),
        AbortError("enough"),
        AbortError(),
    ]


def test_the_tree():
    for cls in CLASSES:
        assert issubclass(cls, FlueError)
        if cls is not FlueError:
            assert cls.__name__ in errors.__all__
            assert getattr(flue, cls.__name__) is cls
    assert {cls.__name__ for cls in CLASSES} == set(errors.__all__)
    assert issubclass(FlueTimeoutError, TimeoutError)
    api = {
        "BadRequestError",
        "AuthenticationError",
        "PermissionDeniedError",
        "NotFoundError",
        "ConflictError",
        "OffsetGoneError",
        "RateLimitedError",
        "ServerError",
    }
    assert {cls.__name__ for cls in CLASSES if issubclass(cls, FlueApiError)} == api | {"FlueApiError"}


def test_the_drawing_shows_every_class():
    for name in errors.__all__:
        assert f" {name} " in f" {errors.__doc__} ".replace("\n", " "), name


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, *(lambda error, n=n: pickle.loads(pickle.dumps(error, n)) for n in range(6))],
)
def test_every_error_travels_whole(copied):
    for error in samples():
        error.add_note("a note")
        error.run_id = "run_1"
        again = copied(error)
        assert type(again) is type(error)
        assert (str(again), again.args) == (str(error), error.args)
        state, expected = vars(again).copy(), vars(error).copy()
        assert dict(state.pop("headers", {})) == dict(expected.pop("headers", {}))
        assert state == expected


def test_an_error_belongs_to_nothing_unless_it_says_so():
    plain = [error for error in samples() if not isinstance(error, FlueExecutionError)]
    assert {(error.run_id, error.submission_id) for error in plain} == {(None, None)}
    run, submission = (FlueExecutionError(kind, "id_1", "failed") for kind in ("workflow_run", "agent_submission"))
    assert (run.run_id, run.submission_id) == ("id_1", None)
    assert (submission.run_id, submission.submission_id) == (None, "id_1")


def test_messages():
    messages = [str(error) for error in samples()]
    assert messages == [
        "plain",
        "Flue API error 429 [t]: m",
        "Flue API error 429 [t]: m",
        "reset",
        "late",
        "late",
        "PARSE_ERROR: no JSON",
        "PARSE_ERROR",
        "the server sent an event of format version {'v': 4}; this library reads version 3",
        "workflow run run_1 failed: TypeError: no",
        "Agent submission sub_1 ended without a terminal event",
        "Agent submission sub_1 failed: no",
        "Agent submission sub_1 was aborted: stop",
        "aborted: enough",
        "aborted",
    ]


def test_what_was_not_said():
    error = FlueApiError("no", status=418)
    assert (error.body, error.error, dict(error.headers), error.url) == ("", None, {}, "")
    assert RateLimitedError("no", status=429).retry_after is None


@pytest.mark.parametrize("received", [None, 1, 2, 4, "3", True, 3.5])
def test_a_version_is_shown_as_it_came(received):
    error = UnsupportedFlueEventVersionError(received)
    assert (error.received, error.supported) == (received, 3)
    assert repr(received) in str(error)
