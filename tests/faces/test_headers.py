"""The headers of requests: the token, the caller's own, made once or anew for every attempt, checked before any I/O."""

from __future__ import annotations

import pytest

from flue import AsyncFlueClient, AuthenticationError, FlueClient
from flue.testing import Fault, FlueTestServer, Reply

from .frames import RUN, control, data, log, offset, page, run_end, sse
from .harness import EAGER, face_on, on_both_faces

BOTH = pytest.mark.parametrize("client_class", [FlueClient, AsyncFlueClient])


def sent(face, name):
    """One header of every request so far."""
    return [request.header(name) for request in face.server.requests]


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


@on_both_faces(token="from-env")
def test_the_token_comes_from_the_environment(face, monkeypatch):
    monkeypatch.setenv("FLUE_TOKEN", "from-env")
    run_id = face.server.create_run()
    assert face.get(run_id).run_id == run_id
    with pytest.raises(AuthenticationError):
        face.wait(face.new_client(token="another").runs.get, run_id)
    assert sent(face, "authorization") == ["Bearer from-env", "Bearer another"]


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
@on_both_faces(client={"token": "s3cret"})
def test_headers_win_over_the_token_in_any_case(face, name):
    """One header, not two in one."""
    client = face.new_client(headers={name: "Basic dTpw"})
    face.wait(client.runs.get, face.server.create_run())
    assert [value for key, value in face.server.requests[0].headers if key.lower() == "authorization"] == ["Basic dTpw"]


@on_both_faces(client={"token": "s3cret"})
def test_a_header_of_none_is_not_sent(face):
    """It removes the token's header, too; others are dropped, not sent as text."""
    client = face.new_client(headers={"AUTHORIZATION": None, "x-trace": None, "x-tenant": "blue"})
    face.wait(client.runs.get, face.server.create_run())
    assert (sent(face, "authorization"), sent(face, "x-trace"), sent(face, "x-tenant")) == ([None], [None], ["blue"])


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


@on_both_faces(client={"headers": {"User-Agent": "mine/1", "Accept": "application/vnd.mine+json"}})
def test_headers_win_over_those_of_the_protocol(face):
    face.get(face.server.create_run())
    assert (sent(face, "user-agent"), sent(face, "accept")) == (["mine/1"], ["application/vnd.mine+json"])


@on_both_faces(client={"headers": {"x-name": "J\xfcrgen\xa0\xff", "x-padded": "  a\tb  "}})
def test_latin_1_values(face):
    """Both libraries stumble over them when left alone; white space at the ends is not part of a value."""
    face.get(face.server.create_run())
    assert (sent(face, "x-name"), sent(face, "x-padded")) == (["J\xfcrgen\xa0\xff"], ["a\tb"])


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


BAD = [
    ({"x-a": "1\r\nx-b: 2"}, ValueError, "header 'x-a' contains a line break"),
    ({"x-a": "snow \u2603"}, ValueError, "header 'x-a' contains characters outside latin-1"),
    ({"x-a": 1}, TypeError, "header 'x-a' must be str, not int"),
    ({"x a": "1"}, ValueError, "not a header name: 'x a'"),
    ([("x-a", "1")], TypeError, "headers must be a mapping of names to values, not list"),
    ("x-a: 1", TypeError, "headers must be a mapping of names to values, not str"),
]


@pytest.mark.parametrize(("headers", "error", "text"), BAD)
@on_both_faces
def test_a_callable_may_not_return_them_either(face, headers, error, text):
    """Found before anything is sent."""
    client = face.new_client(headers=lambda: headers)
    for call in (client.runs.get, client.runs.events, client.workflows.invoke):
        with pytest.raises(error, match=text):
            face.wait(call, "run_1")
    assert face.targets == []


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


async def fresh():
    return {"x-async": "yes"}


def made():
    """A plain function, as far as anybody can see."""
    return fresh()


class Fresh:
    async def __call__(self):
        return {"x-async": "yes"}


@pytest.mark.parametrize("source", [fresh, Fresh()])
def test_the_blocking_client_refuses_an_async_callable(source):
    with pytest.raises(TypeError, match="an async header callable needs AsyncFlueClient"):
        FlueClient("http://flue.example", headers=source)


def test_the_blocking_client_refuses_an_awaitable():
    """What a plain function returns is known only when it is called; nothing is sent then."""
    with FlueTestServer() as server, face_on(server, is_async=False, headers=made) as face:
        with pytest.raises(TypeError, match="returned an awaitable; an async one needs AsyncFlueClient"):
            face.get("run_1")
        assert face.targets == []


@pytest.mark.parametrize("source", [fresh, Fresh(), made])
def test_the_asyncio_client_awaits_what_a_callable_returns(source):
    with FlueTestServer() as server, face_on(server, is_async=True, headers=source) as face:
        face.get(server.create_run())
        assert sent(face, "x-async") == ["yes"]
