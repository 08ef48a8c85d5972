"""Answers that are not 200: which error each is, what it carries, and which of them are asked again."""

from __future__ import annotations

import json

import pytest

import flue
from flue import BackoffOptions, DurableStreamError, FlueApiError, NotFoundError, UnsupportedFlueEventVersionError
from flue.testing import Reply

from .frames import JSON, RUN, log, logs, offset, page, run_end
from .harness import BRIEF, EAGER, on_both_faces

ONCE = BackoffOptions(initial_delay=0.001, max_retries=0)

#: Every class with the statuses that stand for it, and whether a read asks again.
STATUSES = [
    (400, "BadRequestError", False),
    (401, "AuthenticationError", False),
    (403, "PermissionDeniedError", False),
    (404, "NotFoundError", False),
    (405, "FlueApiError", False),
    (408, "FlueApiError", True),
    (409, "FlueApiError", False),
    (410, "OffsetGoneError", False),
    (416, "OffsetGoneError", False),
    (418, "FlueApiError", False),
    (425, "FlueApiError", True),
    (429, "RateLimitedError", True),
    (499, "FlueApiError", False),
    (500, "ServerError", True),
    (501, "ServerError", False),
    (502, "ServerError", True),
    (503, "ServerError", True),
    (504, "ServerError", True),
    (599, "ServerError", False),
]


@pytest.mark.parametrize(("status", "name", "retried"), STATUSES)
@on_both_faces
def test_each_status_has_its_class(face, status, name, retried):
    """Edge cases 23, 30, 31. Records, pages and starts alike; a start is sent once whatever the answer."""
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
    """Edge case 21. The server's own envelope, for the record and for the stream."""
    for call in (face.get, face.events, lambda run_id: face.stream(run_id).next()):
        with pytest.raises(NotFoundError) as caught:
            call(RUN)
        assert str(caught.value) == 'Flue API error 404 [run_not_found]: Run "run_1" was not found.'
        assert caught.value.body["error"]["type"] == caught.value.error.type == "run_not_found"
        assert caught.value.error.details.startswith("Verify the run id")
        assert not hasattr(caught.value, "__notes__")  # nothing was read, so nothing can be resumed


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", "404 Not Found"),
        ("text/html", "<html>\n <h1>No such page</h1>\n</html>"),
        ("application/json", '"just text"'),
        ("application/json", '{"message": "no envelope"}'),
        ("application/json", '{"error": "a string"}'),
        ("application/json", '{"error": {"type": 5, "message": null}}'),
        ("application/json", "{broken"),
        ("application/json", "null"),
        ("application/json", ""),
    ],
)
@on_both_faces
def test_a_404_that_is_not_flues(face, content_type, body):
    """Edge case 22. The same class, with the body as it came."""
    face.server.script(RUN, [Reply(404, [("content-type", content_type)], body.encode())])
    with pytest.raises(NotFoundError) as caught:
        face.get(RUN)
    error = caught.value
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = body
    assert (error.status, error.body, error.error) == (404, parsed, None)
    assert str(error) == f"Flue API error 404: request failed ({face.server.base_url}/runs/run_1)"
    shown = [f"the response is not Flue's: {' '.join(parsed.split())}"] if isinstance(parsed, str) and parsed else []
    assert getattr(error, "__notes__", []) == shown


@pytest.mark.parametrize("status", [401, 403])
@on_both_faces(client={"headers": {"authorization": "Bearer stale"}})
def test_refused_credentials_that_stay_the_same(face, status):
    """Edge case 23."""
    face.server.script(RUN, [Reply(status, [JSON], b"{}")])
    with pytest.raises(FlueApiError, match=f"Flue API error {status}"):
        face.events(RUN, backoff_options=EAGER)
    assert len(face.targets) == 1


@pytest.mark.parametrize("status", [401, 403])
@on_both_faces(client={"headers": lambda: {"authorization": "Bearer fresh"}})
def test_refused_credentials_that_are_made_anew(face, status):
    """Edge case 24. Three tries in a row for a read, even without a limit; one for a start."""
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
    """Edge case 24. The count starts again with every answer."""
    tokens = iter(range(100))
    client = face.new_client(headers=lambda: {"authorization": f"Bearer {next(tokens)}"})
    refused = Reply(401, [JSON], b"{}")
    replies = [refused, refused, page(log(0), next_offset=offset(0)), refused, refused]
    face.server.script(RUN, [*replies, page(run_end(1), next_offset=offset(1), closed=True)])
    assert len(face.stream(RUN, client, backoff_options=EAGER).collect()) == 2
    assert [request.header("authorization") for request in face.server.requests] == [f"Bearer {n}" for n in range(6)]


@on_both_faces(check_versions=True)
def test_a_server_that_cannot_read_its_own_event(face):
    """Edge case 29. Flue answers 500 each time; asking again cannot help."""
    face.server.create_run(run_id=RUN)
    face.server.append(RUN, log(0), log(1, v=2))
    with pytest.raises(UnsupportedFlueEventVersionError) as caught:
        face.events(RUN, backoff_options=EAGER)
    assert (caught.value.received, caught.value.supported) == (2, 3)
    assert caught.value.__notes__[0] == "the server said: Persisted product event version 2 is unsupported."
    assert len(face.targets) == 1


@on_both_faces
def test_the_page_of_a_proxy(face):
    """Edge case 32. Asked again; used up, the error shows the beginning of the page, which is not parsed."""
    html = b"<html><body>\n<h1>502 Bad Gateway</h1>\n" + b"x" * 5000
    face.server.script(RUN, [Reply(502, [("content-type", "text/html")], html)], repeat_last=True)
    with pytest.raises(flue.ServerError) as caught:
        face.events(RUN, backoff_options=BRIEF)
    assert str(caught.value) == f"Flue API error 502: request failed ({face.server.base_url}/runs/run_1)"
    assert caught.value.body == html.decode()
    note = caught.value.__notes__[0]
    assert note.startswith("the response is not Flue's: <html><body> <h1>502 Bad Gateway</h1> xxx")
    assert len(note) < 250
    assert len(face.targets) == 4


@on_both_faces
def test_the_body_of_a_refusal_is_read_up_to_a_limit(face):
    """Edge case 32. A refusal without end does not fill the memory, nor hang."""
    endless = Reply(404, [("content-type", "text/plain")], (b"x" * 65536 for _ in range(10_000)))
    face.server.script(RUN, [endless])
    with pytest.raises(NotFoundError) as caught:
        face.get(RUN)
    assert 256 * 1024 < len(caught.value.body) < 512 * 1024


@pytest.mark.parametrize(
    "content_type", ["text/html; charset=utf-8", "text/plain", "application/octet-stream", "image/png"]
)
@on_both_faces
def test_200_of_another_type(face, content_type):
    """Edge case 33. A login page, an application's fallback: named at once, never an empty list."""
    face.server.script(
        "/", [Reply(200, [("content-type", content_type), ("stream-next-offset", "-1")], b"[]")], repeat_last=True
    )
    media = content_type.partition(";")[0]
    for call in (face.get, face.events, lambda run_id: face.stream(run_id).next(), face.invoke):
        with pytest.raises(DurableStreamError, match=f"expected application/json, got '{media}'") as caught:
            call(RUN)
        assert (caught.value.code, caught.value.status) == ("UNEXPECTED_CONTENT_TYPE", 200)
    assert len(face.targets) == 4


@pytest.mark.parametrize(
    "content_type", [None, "application/json", "Application/JSON ; charset=utf-8", "application/problem+json"]
)
@on_both_faces
def test_types_that_are_json(face, content_type):
    """Edge case 33. A missing type is given the benefit of the doubt."""
    headers = [] if content_type is None else [("content-type", content_type)]
    face.server.script(RUN, [Reply(200, [*headers, ("stream-next-offset", "-1"), ("stream-closed", "true")], b"[]")])
    assert face.events(RUN) == []


@pytest.mark.parametrize("status", [304, 206, 201, 202, 203, 205, 226])
@on_both_faces
def test_good_statuses_that_answer_nothing(face, status):
    """Edge cases 34, 35. We ask for no range and with no condition.

    A clear error at once, since a cache that does so once does so again.
    """
    headers = [JSON, ("stream-next-offset", offset(0)), ("stream-up-to-date", "true")]
    face.server.script(RUN, [Reply(status, headers, json.dumps(logs(0, 1)).encode())], repeat_last=True)
    for call in (face.get, face.events):
        with pytest.raises(DurableStreamError, match=f"status {status} is no answer to this request") as caught:
            call(RUN)
        assert (caught.value.code, caught.value.status) == ("UNEXPECTED_STATUS", status)
    assert len(face.targets) == 2


@pytest.mark.parametrize(
    "interim", [b"HTTP/1.1 100 Continue", b"HTTP/1.1 103 Early Hints\r\nlink: </a>", b"HTTP/1.1 102 Processing"]
)
@on_both_faces
def test_interim_answers_are_passed_over(face, interim):
    """Edge case 36. Several, too."""
    final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nstream-closed: true\r\ncontent-length: 2\r\n\r\n[]"
    face.server.script(RUN, [(interim + b"\r\n\r\n") * 2 + final])
    assert face.events(RUN, backoff_options=ONCE) == []
