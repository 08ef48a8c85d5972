"""Arguments are checked before any I/O: of streams, of calls, of clients."""

from __future__ import annotations

from functools import partial

import pytest

from flue import AsyncFlueClient, BackoffOptions, Conversation, FlueClient
from flue.testing import Fault, FlueTestServer

from .frames import RUN, log, offset, page
from .harness import on_both_faces

BOTH = pytest.mark.parametrize("client_class", [FlueClient, AsyncFlueClient])


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"tail": 0}, ValueError, "tail must be >= 1"),
        ({"offset": ""}, ValueError, "offset must not be empty"),
        ({"signal": object()}, TypeError, "signal must be a flue.AbortSignal, not object"),
        ({"timeout": 0}, ValueError, "timeout must be a finite number of seconds > 0"),
        ({"timeout": "5"}, TypeError, "timeout must be a number of seconds, not str"),
        ({"backoff_options": {"max_retries": 3}}, TypeError, "backoff_options must be BackoffOptions, not dict"),
    ],
)
@on_both_faces
def test_arguments_that_cannot_work(face, options, error, text):
    """Every read checks alike, and nothing is asked."""
    calls = [face.stream, face.events]
    if not {"offset", "tail"} & set(options):
        calls.append(face.get)
    for call in calls:
        with pytest.raises(error, match=text):
            call(RUN, **options)
    assert face.targets == []


@on_both_faces
def test_a_stream_asks_nothing_before_its_first_event(face):
    """Making a stream, looking at it and leaving it is no request."""
    stream = face.stream(RUN, offset=offset(3), tail=5, live="sse")
    assert (stream.offset, stream.up_to_date, stream.closed) == (offset(3), False, False)
    stream.close()
    assert stream.collect() == []
    assert face.targets == []


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("a&b=c", "a%26b%3Dc"),
        ("z/?#+%", "z%2F%3F%23%2B%25"),
        ("é", "%C3%A9"),
        ("-1", "-1"),
        ("x" * 300, "x" * 300),
    ],
)
@on_both_faces
def test_offsets_are_opaque(face, given, sent):
    """Encoded and sent; what they mean is the server's business."""
    face.server.script(RUN, [page(log(9), next_offset="whatever-9", closed=True)])
    stream = face.stream(RUN, offset=given)
    assert stream.next().event_index == 9
    assert stream.offset == "whatever-9"
    assert face.targets == [f"/api/runs/run_1?offset={sent}"]


@BOTH
def test_the_environment_fills_in(client_class, monkeypatch):
    with pytest.raises(ValueError, match="base_url is missing: pass it, or set FLUE_BASE_URL"):
        client_class()
    monkeypatch.setenv("FLUE_BASE_URL", "https://flue.example/api/")
    assert repr(client_class()) == f"<{client_class.__name__} https://flue.example/api>"
    assert repr(client_class("https://other.example")) == f"<{client_class.__name__} https://other.example>"
    monkeypatch.setenv("FLUE_BASE_URL", "nonsense")
    with pytest.raises(ValueError, match="relative"):
        client_class()
    monkeypatch.setenv("FLUE_BASE_URL", "")
    with pytest.raises(ValueError, match="base_url is missing"):
        client_class()


async def _never_awaited(_):
    raise AssertionError("called")


class _AsyncObject:
    async def __call__(self, _):
        raise AssertionError("called")


@pytest.mark.parametrize("callback", [_never_awaited, partial(_never_awaited), _AsyncObject()])
def test_async_callbacks_of_the_blocking_client(callback):
    """Nobody would await them: every call that takes one refuses it, and so does the constructor."""
    options = BackoffOptions(on_failed_attempt=callback)
    refused = pytest.raises(TypeError, match="an async on_failed_attempt needs AsyncFlueClient")
    with FlueClient("http://127.0.0.1:9/api") as client:
        conversation = client.conversation("a")
        calls = [
            partial(client.runs.get, RUN),
            partial(client.runs.events, RUN),
            partial(client.runs.stream, RUN),
            partial(client.runs.stream_many, [RUN]),
            partial(client.workflows.run, "w"),
            partial(client.agents.stream, "a", "i"),
            partial(conversation.send, "hello"),
            partial(conversation.ask, "hello"),
            partial(conversation.wait, "sub_1"),
            partial(conversation.read, "sub_1"),
            partial(conversation.stream),
            partial(conversation.history),
            partial(conversation.observe),
            partial(conversation.attachment, "att_1"),
        ]
        for call in calls:
            with refused:
                call(backoff_options=options)
        for call in (
            partial(client.workflows.run, "w"),
            partial(conversation.ask, "m"),
            partial(conversation.wait, "s"),
        ):
            with pytest.raises(TypeError, match="an async on_event needs AsyncFlueClient or AsyncConversation"):
                call(on_event=callback)
    for client_class in (FlueClient, Conversation):
        with refused:
            client_class("http://127.0.0.1:9/api", backoff_options=options)
    assert AsyncFlueClient("http://127.0.0.1:9/api", backoff_options=options)


def test_callbacks_that_turn_out_to_be_async():
    """A plain callable that returns a coroutine is found out when it has been called."""

    def callback(told):
        return _never_awaited(told)

    with FlueTestServer() as server, FlueClient(server.base_url) as client:
        server.create_run(run_id=RUN)
        server.append(RUN, log(0))
        server.faults.add(Fault(status=503))
        with pytest.raises(TypeError, match="on_failed_attempt returned a coroutine; an async one needs Async"):
            client.runs.events(RUN, backoff_options=BackoffOptions(on_failed_attempt=callback))
        server.workflow("w")(lambda _: None)
        with pytest.raises(TypeError, match="on_event returned a coroutine; an async one needs Async"):
            client.workflows.run("w", on_event=callback)
