"""Answers that say no, as errors."""

from __future__ import annotations

import copy
import json
import pickle
import re

import pytest

from flue.core import http_errors
from flue.core.stream_state import Headers
from flue.errors import (
    AuthenticationError,
    BadRequestError,
    ConflictError,
    FlueApiError,
    NotFoundError,
    OffsetGoneError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    UnsupportedFlueEventVersionError,
)

from .script import RECORDINGS, URL


def error_for(status, body=b"", wait=0.0):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return http_errors.api_error(status, body, Headers([("ETag", "x")]), URL, wait)


def envelope(**fields):
    return {"error": {"type": "some_type", "message": "Something.", "details": "Some.", **fields}}


def test_each_status_has_its_class():
    for status, kind in {
        400: BadRequestError,
        401: AuthenticationError,
        403: PermissionDeniedError,
        404: NotFoundError,
        405: FlueApiError,
        409: ConflictError,
        410: OffsetGoneError,
        416: OffsetGoneError,
        429: RateLimitedError,
        500: ServerError,
        501: ServerError,
        503: ServerError,
        599: ServerError,
        600: FlueApiError,
    }.items():
        error = error_for(status)
        assert type(error) is kind
        assert (error.status, error.body, error.error, error.url) == (status, "", None, URL)
        assert error.headers["etag"] == "x"
        assert str(error) == f"Flue API error {status}: request failed ({URL})"
        assert not hasattr(error, "__notes__")


def test_the_envelope():
    error = error_for(
        404, envelope(type="run_not_found", message='Run "run_x" was not found.', dev="hint", meta={"a": 1})
    )
    assert str(error) == 'Flue API error 404 [run_not_found]: Run "run_x" was not found.'
    said = error.error
    assert (said.type, said.message, said.details, said.dev) == (
        "run_not_found",
        'Run "run_x" was not found.',
        "Some.",
        "hint",
    )
    assert said.meta == {"a": 1}
    said = error_for(400, envelope(details=None, dev=[1])).error
    assert (said.details, said.dev) == ("", None)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (envelope(message=7), "Flue API error 400 [some_type]: request failed"),
        (envelope(type=None), "Flue API error 400: Something."),
        (envelope(type="", message=""), "Flue API error 400: request failed"),
        ({"error": "some text"}, "Flue API error 400: request failed"),
        ({"message": "no envelope"}, "Flue API error 400: request failed"),
        ([1], "Flue API error 400: request failed"),
        (" \n", "Flue API error 400: request failed"),
        (None, "Flue API error 400: request failed"),
    ],
)
def test_a_body_of_somebody_elses_making(body, message):
    error = error_for(400, body)
    assert str(error) == f"{message} ({URL})"
    assert error.body == body
    assert error.error is None or error.error.type == ""
    assert not hasattr(error, "__notes__")


def test_a_body_that_is_not_json_is_kept_as_text():
    assert error_for(502, b"\xff\x00oops").body == "\ufffd\x00oops"
    assert error_for(500, b"[" * http_errors.ERROR_BODY_LIMIT).body == "[" * http_errors.ERROR_BODY_LIMIT
    text = "<html>\n <h1>Bad   gateway</h1>" + "x" * 1000
    error = error_for(404, text.encode())
    assert error.body == text
    (note,) = error.__notes__
    assert note.startswith("the response is not Flue's: <html> <h1>Bad gateway</h1>x")
    assert len(note) < 250


@pytest.mark.parametrize(
    ("meta", "received"),
    [({"storedVersion": 4}, 4), ({"storedVersion": "2"}, "2"), ({}, None), (None, None), ("x", None)],
)
def test_an_event_version_that_the_server_refuses(meta, received):
    error = error_for(500, envelope(type="product_event_version_unsupported", message="Too new.", meta=meta))
    assert type(error) is UnsupportedFlueEventVersionError
    assert (error.received, error.supported) == (received, 3)
    assert error.__notes__ == ["the server said: Too new."]
    assert type(error_for(400, envelope(type="product_event_version_unsupported"))) is BadRequestError


def test_retry_after_is_kept_where_it_belongs():
    assert error_for(429, wait=2.0).retry_after == 2.0
    assert error_for(429).retry_after is None
    assert not hasattr(error_for(503, wait=2.0), "retry_after")


def test_every_refusal_of_the_recordings():
    text = (RECORDINGS / "errors.http").read_text()
    recorded = re.findall(r"HTTP/1\.1 (\d+) .*?\n\n(\{.*?\})(?=\n\n###|\s*\Z)", text, re.DOTALL)
    assert len(recorded) == 11
    for status, body in recorded:
        error = error_for(int(status), body.encode())
        said = json.loads(body)["error"]
        assert isinstance(error, FlueApiError)
        assert error.status == int(status)
        assert error.body == {"error": said}
        assert str(error) == f"Flue API error {status} [{said['type']}]: {said['message']}"
        assert (error.error.type, error.error.details) == (said["type"], said["details"])
        assert error.error.meta == said.get("meta")


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, *(lambda error, n=n: pickle.loads(pickle.dumps(error, n)) for n in range(6))]
)
def test_they_copy_and_pickle_whole(copied):
    error = error_for(429, envelope(), wait=3.0)
    error.add_note("a note")
    error.run_id = "run_1"
    again = copied(error)
    assert type(again) is RateLimitedError
    assert (str(again), again.retry_after, again.run_id, again.__notes__) == (str(error), 3.0, "run_1", ["a note"])
    assert (again.error, again.body, dict(again.headers)) == (error.error, error.body, {"etag": "x"})


class TestRef:
    def test_is_what_the_envelope_says_and_is_in_the_message(self):
        error = error_for(500, envelope(type="internal_error", ref="err_1"))
        assert error.ref == "err_1"
        assert str(error) == "Flue API error 500 [internal_error] (ref err_1): Something."
        assert pickle.loads(pickle.dumps(error)).ref == "err_1"

    def test_else_what_the_header_says(self):
        headers = Headers([("Flue-Error-Ref", " err_2 ")])
        assert http_errors.api_error(500, b"oops", headers, URL, 0.0).ref == "err_2"
        said = json.dumps(envelope(ref="")).encode()
        error = http_errors.api_error(500, said, headers, URL, 0.0)
        assert str(error) == "Flue API error 500 [some_type] (ref err_2): Something."

    @pytest.mark.parametrize("ref", [None, 3, "", "a\nb", "ä", "x" * 201])
    def test_nonsense_is_none(self, ref):
        error = error_for(500, envelope(ref=ref))
        assert error.ref is None
        assert "ref" not in str(error)
