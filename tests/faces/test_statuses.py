"""Answers that are not 200: which error each is, what it carries, and which of them are asked again."""

from __future__ import annotations

import json

import pytest

import flue
from flue import BackoffOptions, FlueApiError, NotFoundError
from flue.testing import Reply

from .frames import JSON, RUN, log, offset, page, run_end
from .harness import EAGER, on_both_faces

ONCE = BackoffOptions(initial_delay=0.001, max_retries=0)

#: Some statuses, their class, and whether a read is retried; all of them are tested in the core.
STATUSES = [(404, "NotFoundError", False), (429, "RateLimitedError", True), (503, "ServerError", True)]


@pytest.mark.parametrize(("status", "name", "retried"), STATUSES)
@on_both_faces
def test_each_status_has_its_class(face, status, name, retried):
    """Records, pages and starts alike; a start is sent once whatever the answer."""
    envelope = {"error": {"type": "some_type", "message": "Some words.", "details": "More.", "meta": {"a": [1]}}}
    face.server.script("/", [Reply(status, [JSON, ("x-id", "7")], json.dumps(envelope).encode())], repeat_last=True)
    options = BackoffOptions(initial_delay=0.001, max_retries=1)
    reads = [(face.get, {"backoff_options": options}), (face.events, {"backoff_options": options})]
    for call, given in [*reads, (face.invoke, {}), (face.run, {})]:
        asked = len(face.targets)
        with pytest.raises(FlueApiError) as caught:
            call(RUN, **given)
        error = caught.value
        assert type(error) is getattr(flue, name)
        assert str(error) == f"Flue API error {status} [some_type]: Some words."
        assert (error.status, error.body, error.headers["X-ID"]) == (status, envelope, "7")
        assert (error.error.type, error.error.message, error.error.details) == ("some_type", "Some words.", "More.")
        assert error.error.meta == {"a": [1]}
        assert error.url.endswith(face.targets[-1])
        assert error.run_id is None
        assert len(face.targets) - asked == (2 if retried and given else 1)


@on_both_faces
def test_a_run_that_is_not_there(face):
    """The server's own envelope, for the record and for the stream."""
    for call in (face.get, face.events, lambda run_id: face.stream(run_id).next()):
        with pytest.raises(NotFoundError) as caught:
            call(RUN)
        assert str(caught.value) == 'Flue API error 404 [run_not_found]: Run "run_1" was not found.'
        assert caught.value.body["error"]["type"] == caught.value.error.type == "run_not_found"
        assert caught.value.error.details.startswith("Verify the run id")
        assert not hasattr(caught.value, "__notes__")  # nothing was read, so nothing can be resumed


@pytest.mark.parametrize("status", [401, 403])
@on_both_faces(client={"headers": lambda: {"authorization": "Bearer fresh"}})
def test_refused_credentials_that_are_made_anew(face, status):
    """Three tries in a row for a read, even without a limit; one for a start."""
    face.server.script("/", [Reply(status, [JSON], b"{}")], repeat_last=True)
    for call, options, tries in (
        (face.get, {"backoff_options": EAGER}, 3),
        (face.events, {"backoff_options": EAGER}, 3),
        (face.invoke, {}, 1),
    ):
        asked = len(face.targets)
        with pytest.raises(FlueApiError, match=f"Flue API error {status}"):
            call(RUN, **options)
        assert len(face.targets) - asked == tries


@on_both_faces
def test_fresh_credentials_cure_a_refusal(face):
    """The count starts again with every answer."""
    tokens = iter(range(100))
    client = face.new_client(headers=lambda: {"authorization": f"Bearer {next(tokens)}"})
    refused = Reply(401, [JSON], b"{}")
    replies = [refused, refused, page(log(0), next_offset=offset(0)), refused, refused]
    face.server.script(RUN, [*replies, page(run_end(1), next_offset=offset(1), closed=True)])
    assert len(face.stream(RUN, client, backoff_options=EAGER).collect()) == 2
    assert [request.header("authorization") for request in face.server.requests] == [f"Bearer {n}" for n in range(6)]


@pytest.mark.parametrize(
    "interim", [b"HTTP/1.1 100 Continue", b"HTTP/1.1 103 Early Hints\r\nlink: </a>", b"HTTP/1.1 102 Processing"]
)
@on_both_faces
def test_interim_answers_are_passed_over(face, interim):
    """Several, too."""
    final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nstream-closed: true\r\ncontent-length: 2\r\n\r\n[]"
    face.server.script(RUN, [(interim + b"\r\n\r\n") * 2 + final])
    assert face.events(RUN, backoff_options=ONCE) == []
