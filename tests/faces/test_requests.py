"""What is sent: ids in their path segment, the token and the caller's headers, and nothing before it was checked."""

from __future__ import annotations

from functools import partial

import pytest

from flue import AsyncFlueClient, BackoffOptions, Conversation, FlueClient, NotFoundError
from flue.testing import Fault, FlueTestServer, Reply

from .frames import RUN, control, data, log, offset, page, run_end, sse
from .harness import EAGER, face_on, on_both_faces


def sent(face, name):
    """One header of every request so far."""
    return [request.header(name) for request in face.server.requests]


@pytest.mark.parametrize(
    ("run_id", "segment"),
    [
        ("a/b", "a%2Fb"),
        ("%2F", "%252F"),
        ("a b?c#d;e+f&g=h", "a%20b%3Fc%23d%3Be%2Bf%26g%3Dh"),
        ('it\'s (a) "test"!*~', "it's%20(a)%20%22test%22!*~"),
        ("läuft/🚀", "l%C3%A4uft%2F%F0%9F%9A%80"),
        ("../../admin", "..%2F..%2Fadmin"),
        ("a\r\nb\0\x7f", "a%0D%0Ab%00%7F"),
    ],
)
@on_both_faces
def test_ids_are_one_path_segment(face, run_id, segment):
    """Neither library writes them anew: the run is found under its own id."""
    face.server.create_run(run_id=run_id)
    face.server.append(run_id, log(0, runId=run_id))
    face.server.close_run(run_id)
    face.server.add_workflow(run_id, lambda _run: None)
    assert face.get(run_id).run_id == run_id
    assert [event.run_id for event in face.stream(run_id)] == [run_id]
    face.invoke(run_id)
    paths = [f"runs/{segment}?meta", f"runs/{segment}?offset=-1", f"workflows/{segment}"]
    assert face.targets == [f"/api/{path}" for path in paths]


@pytest.mark.parametrize(("path", "prefix"), [("", ""), ("/a%2Fb/", "/a%2Fb"), ("/über//", "/%C3%BCber")])
@on_both_faces
def test_the_prefix_of_the_base_url_is_kept(face, path, prefix):
    client = face.new_client(base_url=face.server.base_url.removesuffix("/api") + path)
    with pytest.raises(NotFoundError):
        face.wait(client.runs.get, RUN)
    assert face.targets == [f"{prefix}/runs/run_1?meta"]
    assert repr(client).endswith(f"{prefix}>")


@on_both_faces
def test_offsets_are_opaque(face):
    """Encoded and sent; what they mean is the server's business."""
    face.server.script(RUN, [page(log(9), next_offset="whatever-9", closed=True)] * 3)
    for given, encoded in {"a&b=c": "a%26b%3Dc", "z/?#+%": "z%2F%3F%23%2B%25", "é": "%C3%A9"}.items():
        stream = face.stream(RUN, offset=given)
        assert stream.next().event_index == 9
        assert stream.offset == "whatever-9"
        assert face.targets[-1] == f"/api/runs/run_1?offset={encoded}"


@on_both_faces
def test_arguments_are_checked_before_any_request(face):
    with pytest.raises(ValueError, match="run_id must not be ''"):
        face.get("")
    with pytest.raises(TypeError, match="timeout must be a number of seconds, not str"):
        face.events(RUN, timeout="5")
    with pytest.raises(ValueError, match="tail must be >= 1"):
        face.stream(RUN, tail=0)
    with pytest.raises(TypeError, match="signal must be"):
        face.invoke("report", signal=object())
    for call in (face.invoke, face.run):
        with pytest.raises(ValueError, match="input"):
            call("report", input=object())
    assert face.targets == []


@on_both_faces(token="from-env")
def test_the_environment_names_server_and_token(face, monkeypatch):
    monkeypatch.setenv("FLUE_BASE_URL", face.server.base_url)
    monkeypatch.setenv("FLUE_TOKEN", "from-env")
    client = face.new_client(base_url=None)
    assert face.wait(client.runs.get, face.server.create_run(run_id=RUN)).run_id == RUN
    assert sent(face, "authorization") == ["Bearer from-env"]


# Headers.


@on_both_faces(token="s3cret", client={"token": "s3cret", "headers": {"X-Tenant": "blue"}}, compare=False)
def test_the_token_is_on_every_request(face):
    """Records, pages, polls, server-sent events and starts; the server itself checks it."""
    face.server.add_workflow("report", lambda _run: 42)
    run_id = face.invoke("report").run_id
    assert face.run("report", input=1).result == 42
    face.get(run_id)
    face.events(run_id)
    face.stream(run_id).collect()
    face.stream(run_id, live="sse").collect()
    assert set(sent(face, "authorization")) == {"Bearer s3cret"}
    assert set(sent(face, "x-tenant")) == {"blue"}
    assert not any(request.target.count("s3cret") for request in face.server.requests)


@on_both_faces
def test_headers_of_the_protocol(face):
    """Pages may be compressed, server-sent events may not: they would wait in the compressor."""
    face.server.script(RUN, [sse(data(log(0)), control(0)), sse(data(run_end(1)), control(1, streamClosed=True))])
    face.stream(RUN, live="sse").collect()
    face.server.script("run_2", [page(next_offset="-1", closed=True)])
    face.events("run_2")
    assert sent(face, "accept") == ["text/event-stream", "text/event-stream", "application/json"]
    assert sent(face, "accept-encoding") == ["identity", "identity", "gzip, deflate"]
    assert all(agent.startswith("flue-sdk ") for agent in sent(face, "user-agent"))


MINE = {"User-Agent": "mine/1", "Accept": "application/vnd.mine+json", "x-name": "J\xfcrgen\xa0\xff", "x-p": "  a\tb  "}


@on_both_faces(client={"token": "s3cret"})
def test_headers_win_over_those_of_the_protocol_and_the_token(face):
    """One header, not two in one; None takes it away.

    Both libraries stumble over latin-1 when left alone; white space at the ends is not part of a value.
    """
    for given in (MINE | {"AUTHORIZATION": "Basic dTpw"}, {"AUTHORIZATION": None, "x-p": None}):
        client = face.new_client(headers=given)
        face.wait(client.runs.get, face.server.create_run())
    first, second = face.server.requests
    expected = ["mine/1", "application/vnd.mine+json", "J\xfcrgen\xa0\xff", "a\tb"]
    assert [first.header(name) for name in MINE] == expected
    assert [value for name, value in first.headers if name.lower() == "authorization"] == ["Basic dTpw"]
    assert (second.header("authorization"), second.header("x-p")) == (None, None)


@on_both_faces
def test_headers_are_made_anew_for_every_attempt(face):
    """For pages, retries, reconnects and polls alike."""
    made = []

    def headers():
        made.append(len(made))
        return {"x-attempt": str(made[-1])}

    face.server.script(
        RUN,
        [
            sse(data(log(0)), control(0)),
            Reply(503),
            sse(data(log(1)), control(1), fault=Fault(end="reset")),
            sse(data(run_end(2)), control(2, streamClosed=True)),
        ],
    )
    client = face.new_client(headers=headers)
    face.stream(RUN, client, live="sse", backoff_options=EAGER).collect()
    assert sent(face, "x-attempt") == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("headers", "error", "text"),
    [
        ({"x-a": "1\r\nx-b: 2"}, ValueError, "header 'x-a' contains a line break"),
        ({"x-a": 1}, TypeError, "header 'x-a' must be str, not int"),
        ([("x-a", "1")], TypeError, "headers must be a mapping of names to values, not list"),
    ],
)
@on_both_faces
def test_what_a_callable_returns_is_checked(face, headers, error, text):
    """Before anything is sent."""
    client = face.new_client(headers=lambda: headers)
    for call in (client.runs.get, client.runs.events, client.workflows.invoke):
        with pytest.raises(error, match=text):
            face.wait(call, "run_1")
    assert face.targets == []


async def fresh():
    return {"x-async": "yes"}


def made():
    """A plain function, as far as anybody can see."""
    return fresh()


def test_the_blocking_client_refuses_async_callables():
    """What a plain function returns is known only when it is called; nothing is sent then."""
    with pytest.raises(TypeError, match="an async header callable needs AsyncFlueClient"):
        FlueClient("http://flue.example", headers=fresh)
    with FlueTestServer() as server, face_on(server, is_async=False, headers=made) as face:
        with pytest.raises(TypeError, match="returned an awaitable; an async one needs AsyncFlueClient"):
            face.get("run_1")
        assert face.targets == []


@pytest.mark.parametrize("source", [fresh, made])
def test_the_asyncio_client_awaits_what_a_callable_returns(source):
    with FlueTestServer() as server, face_on(server, is_async=True, headers=source) as face:
        face.get(server.create_run())
        assert sent(face, "x-async") == ["yes"]


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


@on_both_faces(compare=False)
def test_a_callable_that_runs_out(face):
    """Its `StopIteration` is not the end of the stream: that would be a history cut short in silence."""

    tokens = iter(())

    def plain():
        return {"x-token": next(tokens)}

    async def of_an_async_iterator():
        for token in tokens:
            return {"x-token": token}
        raise StopAsyncIteration

    sources = (plain, of_an_async_iterator) if face.is_async else (plain,)
    pages = [page(log(0), next_offset=offset(0)), page(run_end(1), next_offset=offset(1))]
    face.server.script(RUN, pages * len(sources))
    for source in sources:
        tokens = iter(["1"])
        stream = face.stream(RUN, face.new_client(headers=source))
        assert stream.next().event_index == 0
        with pytest.raises(RuntimeError, match=r"Stop(Async)?Iteration"):
            stream.next()
        tokens = iter(["2"])
        assert [event.event_index for event in stream.collect()] == [1]
