"""A token and the callers' headers are shown nowhere: not in logs, errors, pictures of frames, nor pickles."""

from __future__ import annotations

import io
import logging
import pickle
import traceback

import pytest

from flue import BackoffOptions, FlueError
from flue.testing import Fault

from .frames import RUN, log, page
from .harness import BRIEF, Face, on_both_faces

TOKEN = "s3cr3t-token"
VALUE = "s3cr3t-value"
SECRETS = ("s3cr3t", "czNjcjN0")
CLIENT = {"token": TOKEN, "headers": {"x-api-key": VALUE}}


def clean(text: object) -> None:
    """Fail if a text holds a secret."""
    assert not [secret for secret in SECRETS if secret in str(text)], text


def check(error: BaseException) -> None:
    """Look everywhere a secret could be seen by whoever gets an error: reports show the variables of its frames, too."""
    clean("".join(traceback.format_exception(error)))
    clean(repr(error))
    clean(vars(error))
    clean(getattr(error, "__notes__", ""))
    pickled = pickle.dumps(error)
    assert b"s3cr3t" not in pickled
    link: BaseException | None = error
    while link is not None:
        for summary in traceback.TracebackException.from_exception(link, capture_locals=True).stack:
            for name, shown in (summary.locals or {}).items():
                assert not [secret for secret in SECRETS if secret in shown], (summary.filename, summary.name, name)
        link = link.__cause__ or link.__context__


@pytest.fixture
def everything_logged():
    """What every logger of the process says, at every level, with all that a record carries."""
    text = io.StringIO()

    class Everything(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text.write(f"{record.getMessage()} {vars(record)}\n")

    handler, root = Everything(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.setLevel(level)
    root.removeHandler(handler)


def fail(face: Face, call) -> FlueError:
    with pytest.raises(FlueError) as caught:
        call()
    return caught.value


@on_both_faces(client=CLIENT)
def test_repr(face):
    """Of the client, its parts, a conversation, and streams."""
    client, talk = face.client, face.conversation()
    streams = [face.stream(RUN).inner, talk.stream().inner, talk.observe().inner]
    for value in (
        client,
        client.runs,
        client.workflows,
        client._settings,
        client.conversation("a"),
        talk.inner,
        *streams,
    ):
        clean(repr(value))
        clean(f"{value}")


@on_both_faces(client=CLIENT)
def test_logs(face, everything_logged):
    """At DEBUG, of every library that takes part: retries, redirects, refusals, a whole stream."""
    run_id = face.start_run(3, finish=True)
    for fault in (Fault(refuse=True), Fault(status=503), Fault(cut_after=4), Fault(status=307, headers=REDIRECT)):
        face.server.faults.add(fault)
    face.stream(run_id, live="sse", backoff_options=BRIEF).collect()
    face.get(run_id)
    face.server.faults.add(Fault(status=401))
    fail(face, lambda: face.get(run_id))
    assert face.server.requests[0].header("authorization") == f"Bearer {TOKEN}"
    assert face.server.requests[0].header("x-api-key") == VALUE
    assert "/runs/run_1" in everything_logged.getvalue()
    clean(everything_logged.getvalue())


REDIRECT = [("location", f"/api/runs/{RUN}?offset=-1")]
FAULTS = {
    "refused": Fault(refuse=True),
    "cut": Fault(cut_after=4),
    "cut head": Fault(cut_head_after=9),
    "status": Fault(status=403, body=b'{"error":{"type":"forbidden","message":"no","details":""}}'),
    "proxy": Fault(status=502, body=b"<html>"),
    "html": Fault(status=200, body=b"<html>", headers=[("content-type", "text/html")]),
    "not JSON": Fault(body=b"[{]"),
    "redirect": Fault(status=302, headers=[("location", "https://elsewhere.invalid/")]),
    "gzip": Fault(headers=[("content-encoding", "gzip"), ("content-type", "application/json")], body=b"nonsense"),
    "silent": Fault(stall_before_headers=30.0),
}


@pytest.mark.parametrize("name", FAULTS)
@on_both_faces(client=CLIENT, compare=False)
def test_errors(face, name):
    """Text, notes, attributes, pickle, and the variables of every frame in the traceback, of the libraries too."""
    face.server.add_workflow("report", lambda run: None)
    run_id = face.start_run(1)
    face.server.faults.add(FAULTS[name], times=None)
    limit = {"timeout": 0.05} if name == "silent" else {}
    for live in (False, "sse"):
        check(fail(face, lambda live=live: face.stream(run_id, live=live, backoff_options=BRIEF, **limit).next()))
    check(fail(face, lambda: face.get(run_id, backoff_options=BRIEF, **limit)))
    check(fail(face, lambda: face.invoke("report", input={"a": 1}, **limit)))
    check(fail(face, lambda: face.run("report", input={"a": 1}, **limit)))


@on_both_faces(client=CLIENT, compare=False)
def test_errors_that_know_an_event(face):
    """A version that is not supported; and what a callback for failed attempts is told."""
    face.server.script(RUN, [page(log(0, v=9), next_offset="0_0", closed=True)])
    check(fail(face, lambda: face.events(RUN)))
    told = []
    face.server.faults.add(Fault(status=503), times=None)
    options = BackoffOptions(initial_delay=0.001, max_retries=1, on_failed_attempt=told.append)
    check(fail(face, lambda: face.events(RUN, backoff_options=options)))
    assert len(told) == 2
    clean(told)


@pytest.mark.parametrize(
    "headers",
    [{"x-api-key": f"{VALUE}\r\nx-evil: 1"}, {"x-api-key": f"{VALUE}\u4e2d"}, {"x-api-key": f"{VALUE}\0"}],
    ids=["line break", "not latin-1", "nul"],
)
@on_both_faces
def test_errors_about_headers(face, headers):
    """A value that cannot be sent is refused before any I/O, by its name alone."""
    with pytest.raises(ValueError, match="x-api-key") as caught:
        face.new_client(headers=headers)
    check_value(caught.value)
    client = face.new_client(headers=lambda: headers, token=TOKEN)
    with pytest.raises(ValueError, match="x-api-key") as caught:
        face.wait(client.runs.get, RUN)
    check_value(caught.value)
    with pytest.raises(ValueError, match="token") as caught:
        face.new_client(token=headers["x-api-key"])
    check_value(caught.value)
    assert face.targets == []


def check_value(error: ValueError) -> None:
    """The text names the header and not its value."""
    clean("".join(traceback.format_exception(error)))


@on_both_faces
def test_an_id_that_would_forge_a_line_of_the_log(face, caplog):
    run_id = "run_1\nCRITICAL flue: forged\x1b[2J"
    face.server.create_run(run_id=run_id)
    face.server.append(run_id, {"type": "no_such_event"})
    face.server.finish_run(run_id)
    face.server.faults.add(Fault(status=503), times=2)
    face.get(run_id, backoff_options=BRIEF)
    face.stream(run_id, backoff_options=BRIEF).collect()
    messages = [record.getMessage() for record in caplog.records if record.name == "flue"]
    assert any("unknown type" in message for message in messages)
    assert any("retrying" in message for message in messages)
    assert all(message.isprintable() for message in messages)
