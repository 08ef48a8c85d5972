"""The caller's own `requests.Session` or `httpx.AsyncClient`: used as it is, never closed, never changed.

Its headers, parameters, hooks and authentication count.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import requests
from requests.auth import AuthBase, HTTPDigestAuth

from flue import AsyncFlueClient, AuthenticationError, FlueApiError, FlueClient, FlueConnectionError, NotFoundError
from flue.testing import Fault, FlueTestServer, Reply

from .frames import RUN, control, data, indexes, log, logs, offset, page, run_end, sse
from .harness import BRIEF, EAGER, on_both_faces
from .reading import nothing_left

COOKIE = ("set-cookie", "tracker=1; Path=/")
CLIENT_FACTS = ("headers", "auth", "params", "event_hooks", "timeout", "trust_env", "follow_redirects", "max_redirects")


class SendsItself(requests.Session):
    """A subclass with a `send` of its own, as instrumentation makes one."""

    def send(self, request, **options):
        return super().send(request, **options)


@contextlib.contextmanager
def own(face, *, session=requests.Session, **settings):
    """A session or client of the caller, and a Flue client on top of it."""
    if face.is_async:
        mine = httpx.AsyncClient(**settings)
        yield mine, face.new_client(http_client=mine)
        face.wait(mine.aclose)
        return
    with session() as mine:
        for name, value in settings.items():
            getattr(mine, name).update(value) if isinstance(value, dict) else setattr(mine, name, value)
        yield mine, face.new_client(session=mine)


def given(face, mine, **arguments):
    """Another Flue client on the same session or client."""
    return face.new_client(**{"http_client" if face.is_async else "session": mine}, **arguments)


def facts(mine):
    """All that a session or client consists of, as far as anybody can see."""
    if isinstance(mine, requests.Session):
        seen = {name: getattr(mine, name) for name in mine.__attrs__ if name not in {"adapters", "cookies"}}
        seen["adapters"] = list(mine.adapters.items())
        jar = mine.cookies
    else:
        seen = {name: getattr(mine, name) for name in CLIENT_FACTS}
        seen["transports"] = (mine._transport, mine._mounts, mine.is_closed)
        jar = mine.cookies.jar
    seen["cookies"] = [(cookie.name, cookie.value, cookie.domain, cookie.path) for cookie in jar]
    return {name: repr(value) for name, value in seen.items()}


def read_everything(face, client):
    """A redirect, a failure, cookies on each response, three ways to read."""
    headers = [COOKIE, ("content-type", "application/json")]
    face.server.script(
        RUN,
        [
            Reply(302, [COOKIE, ("location", f"/api/runs/{RUN}?offset=-1&moved=1")]),
            page(*logs(0, 2), next_offset=offset(1)),
            Reply(503, headers),
            Reply(204, [COOKIE, ("stream-next-offset", offset(1))]),
            Reply(200, [*headers, ("stream-next-offset", offset(2))], b"[]"),
            Reply(401, headers, b"{}"),
        ],
    )
    with pytest.raises(AuthenticationError):
        face.stream(RUN, client, backoff_options=EAGER).collect()
    face.server.script(
        "run_2", [sse(data(run_end(0)), control(0, streamClosed=True), fault=Fault(extra_headers=[COOKIE]))]
    )
    face.stream("run_2", client, live="sse").collect()


@pytest.mark.parametrize("session", [requests.Session, SendsItself])
@on_both_faces
def test_it_is_neither_changed_nor_closed(face, session):
    """Headers, cookies, hooks, adapters and the rest are the same behind as before."""
    settings = {"headers": {"x-mine": "1"}, "cookies": {"theme": "dark"}}
    with own(face, session=session, **settings) as (mine, _):
        client = given(face, mine, token="s3cret", headers={"x-ours": "2"})
        before = facts(mine)
        read_everything(face, client)
        face.server.add_workflow("report", lambda _run: 1)
        face.wait(client.workflows.invoke, "report", input={})
        face.release(client)
        assert facts(mine) == before
        response = face.wait(mine.get, f"{face.server.base_url}/elsewhere")
        assert response.status_code == 404
    asked = face.server.requests
    assert len(asked) == 9
    assert {request.header("cookie") for request in asked} == {"theme=dark"}
    assert {request.header("x-mine") for request in asked} == {"1"}
    assert {request.header("x-ours") for request in asked[:-1]} == {"2"}
    assert (asked[-1].header("x-ours"), asked[-1].header("authorization")) == (None, None)


@on_both_faces
def test_its_own_credentials_count_when_there_is_no_token(face):
    """Of its headers or its `auth`, over both of which a token wins."""
    run_id = face.server.create_run()
    for settings, expected in (
        ({"headers": {"Authorization": "Bearer mine"}}, "Bearer mine"),
        ({"auth": ("me", "pw")}, "Basic bWU6cHc="),
    ):
        with own(face, **settings) as (mine, client):
            face.wait(client.runs.get, run_id)
            face.wait(given(face, mine, token="ours").runs.get, run_id)
        assert [request.header("authorization") for request in face.server.requests[-2:]] == [expected, "Bearer ours"]


# Hooks.


def hooked(face, hook):
    """Sessions and clients with a hook for responses, whose result is awaited where it must be."""

    async def event_hook(response):
        waited = hook(response)
        if inspect.isawaitable(waited):
            await waited

    def sync_hook(response, **_options):
        hook(response)

    settings = {"event_hooks": {"response": [event_hook]}} if face.is_async else {"hooks": {"response": [sync_hook]}}
    return own(face, **settings)


def read_all(response):
    return response.aread() if isinstance(response, httpx.Response) else response.content


def close(response):
    return response.aclose() if isinstance(response, httpx.Response) else response.close()


def drain(response):
    async def drain_async():
        async for _ in response.aiter_bytes():
            pass

    return drain_async() if isinstance(response, httpx.Response) else list(response.iter_content(10))


@on_both_faces
def test_its_hooks_are_called(face):
    """Users hang logging and authentication on them: they see every response, redirects and failures too."""
    seen = []
    moved = Reply(307, [("location", f"/api/runs/{RUN}?again=1")])
    with hooked(face, lambda response: seen.append(response.status_code)) as (_, client):
        face.server.script(RUN, [moved, Reply(503), page(log(0), next_offset=offset(0), closed=True)])
        assert len(face.stream(RUN, client, backoff_options=EAGER).collect()) == 1
    assert seen == [307, 503, 200]


@on_both_faces(compare=False)
def test_a_hook_that_reads_the_body(face):
    """One that logs it, for instance: what it has read is not lost to the client."""
    face.server.add_workflow("report", lambda _run: 1)
    face.server.script(RUN, [page(log(0), run_end(1), next_offset=offset(1))] * 2)
    with hooked(face, read_all) as (_, client):
        assert [event.event_index for event in face.wait(client.runs.events, RUN, backoff_options=EAGER)] == [0, 1]
        assert [event.event_index for event in face.stream(RUN, client).collect()] == [0, 1]
        assert face.wait(client.workflows.invoke, "report").run_id


@pytest.mark.parametrize("hook", [close, drain])
@on_both_faces(compare=False)
def test_a_hook_that_leaves_nothing_of_the_body(face, hook):
    """An error: a page that nobody can read any more is not an empty page."""
    face.server.script(RUN, [page(log(0), run_end(1), next_offset=offset(1))])
    with hooked(face, hook) as (_, client), pytest.raises(FlueConnectionError):
        face.wait(client.runs.events, RUN, backoff_options=EAGER)
    assert len(face.targets) == 1


@on_both_faces(compare=False)
def test_it_is_used_in_the_context_of_the_caller(face):
    """Instrumentation finds the span, and an application its own request, in context variables."""
    asking = contextvars.ContextVar("asking", default="nobody")
    seen = []

    class Session(requests.Session):
        def send(self, request, **options):
            seen.append(asking.get())
            return super().send(request, **options)

    class Client(httpx.AsyncClient):
        async def send(self, request, **options):
            seen.append(asking.get())
            return await super().send(request, **options)

    face.server.script(RUN, [page(log(0), next_offset=offset(0)), page(run_end(1), next_offset=offset(1))])
    mine = Client() if face.is_async else Session()

    async def read(client):
        asking.set("me")
        return [event.event_index async for event in client.runs.stream(RUN)]

    if face.is_async:
        assert face.wait(read, given(face, mine)) == [0, 1]
        face.wait(mine.aclose)
    else:
        asking.set("me")
        assert [event.event_index for event in given(face, mine).runs.stream(RUN)] == [0, 1]
        mine.close()
    assert seen == ["me", "me"]


@pytest.mark.parametrize("token", ["s3cret", None])
@pytest.mark.parametrize("session", [requests.Session, SendsItself])
@on_both_faces
def test_one_that_follows_redirects_does_not_do_it_here(face, session, token):
    """What the caller's own session or client would do by default makes no difference."""
    follows = {"follow_redirects": True} if face.is_async else {}
    with FlueTestServer() as trap, own(face, session=session, **follows) as (mine, _):
        client = given(face, mine, token=token)
        moved = [Reply(302, [("location", where)]) for where in (f"{trap.base_url}/runs/{RUN}", "/api/moved")]
        face.server.script(RUN, moved)
        face.server.script("moved", [page(next_offset="-1", closed=True)])
        with pytest.raises(FlueApiError, match="no usable address of the same origin"):
            face.wait(client.runs.events, RUN)
        assert face.wait(client.runs.events, RUN) == []
        assert trap.requests == []


@pytest.mark.parametrize("location", ["http://[::1", "http://127.0.0.1:notaport/", "javascript:alert(1)"])
@on_both_faces(compare=False)
def test_a_redirect_to_no_address(face, location):
    """Final, though both libraries read the address before anybody asked them to."""
    face.server.script(RUN, [Reply(307, [("location", location)])], repeat_last=True)
    with own(face) as (_, client):
        for number, each in enumerate((face.client, client), 1):
            with pytest.raises((FlueApiError, FlueConnectionError)) as caught:
                face.wait(each.runs.get, RUN, backoff_options=BRIEF)
            assert isinstance(caught.value, FlueApiError) or each is client
            assert len(face.targets) == number


def test_one_that_its_owner_has_closed():
    """requests reopens what it needs; httpx says so, and the error is no secret of httpx'."""
    with FlueTestServer() as server, nothing_left():
        run_id = server.create_run()
        session = requests.Session()
        with FlueClient(server.base_url, session=session) as client:
            session.close()
            assert client.runs.get(run_id).run_id == run_id
        session.close()

        async def main() -> None:
            http_client = httpx.AsyncClient()
            await http_client.aclose()
            async with AsyncFlueClient(server.base_url, http_client=http_client) as client:
                with pytest.raises((FlueConnectionError, RuntimeError)):
                    await client.runs.events(run_id, backoff_options=BRIEF)

        asyncio.run(main())


def test_what_is_no_session():
    """Refused when constructed: also one of the other face."""
    url = "http://127.0.0.1:9"
    with requests.Session() as session:
        for wrong in (object(), httpx.AsyncClient, session.get):
            with pytest.raises(TypeError, match="session must be"):
                FlueClient(url, session=wrong)
        with pytest.raises(TypeError, match="http_client must be"):
            AsyncFlueClient(url, http_client=session)
    with httpx.Client() as sync_client, pytest.raises(TypeError, match="http_client must be"):
        AsyncFlueClient(url, http_client=sync_client)


@pytest.mark.parametrize("parameters", [[("api-version", "1"), ("x", "a b&c")], {"empty": ""}], ids=str)
@on_both_faces(compare=False)  # where they stand in the query is the library's business
def test_parameters_of_the_caller(face, parameters):
    """They are added to the query of each request, which keeps its own."""
    face.server.add_workflow("report", lambda _run: 7)
    face.start_run(3, finish=True)
    with own(face) as (mine, client):
        mine.params = parameters
        face.wait(client.runs.get, RUN)
        assert indexes(face.wait(client.runs.events, RUN, tail=2)) == [2, 3]
        face.server.faults.add(Fault(status=503))
        assert indexes(face.stream(RUN, client, live="sse", backoff_options=EAGER).collect()) == [0, 1, 2, 3]
        assert face.wait(client.workflows.invoke, "report", wait="result").result == 7
        face.wait(client.workflows.invoke, "report")
    theirs = sorted(parameters.items() if isinstance(parameters, dict) else parameters)
    ours = []
    for request in face.server.requests:
        query = parse_qsl(urlsplit(request.target).query, keep_blank_values=True)
        for pair in theirs:
            query.remove(pair)
        ours.append(sorted(query))
    again = [("live", "sse"), ("offset", "-1")]
    assert ours == [[("meta", "")], [("offset", "-1"), ("tail", "2")], again, again, [("wait", "result")], []]


@on_both_faces
def test_authentication_that_asks_twice(face):
    """Digest: the first answer is a challenge, the second request is the library's business."""
    run_id = face.server.create_run()
    challenge = 'Digest realm="flue", nonce="abc", qop="auth", algorithm=MD5'
    face.server.faults.add(Fault(status=401, headers=[("www-authenticate", challenge), ("content-length", "0")]))
    with own(face, auth=(httpx.DigestAuth if face.is_async else HTTPDigestAuth)("me", "pw")) as (_, client):
        assert face.wait(client.runs.get, run_id).run_id == run_id
    assert [bool(request.header("authorization")) for request in face.server.requests] == [False, True]


@on_both_faces
def test_authentication_that_signs_each_request(face):
    """It sees the request as it leaves, our headers and the query included."""
    signed = []

    class SyncSigner(AuthBase):
        def __call__(self, request):
            signed.append((request.method, request.headers["x-ours"], request.url.partition("?")[2]))
            request.headers["x-signature"] = str(len(signed))
            return request

    class AsyncSigner(httpx.Auth):
        def auth_flow(self, request):
            signed.append((request.method, request.headers["x-ours"], request.url.query.decode()))
            request.headers["x-signature"] = str(len(signed))
            yield request

    face.start_run(1, finish=True)
    face.server.add_workflow("report", lambda _run: 1)
    with own(face, auth=AsyncSigner() if face.is_async else SyncSigner()) as (mine, _):
        client = given(face, mine, headers={"x-ours": "1"})
        assert indexes(face.stream(RUN, client, live="sse").collect()) == [0, 1]
        face.wait(client.workflows.invoke, "report")
    assert [request.header("x-signature") for request in face.server.requests] == ["1", "2"]
    assert [method for method, _, _ in signed] == ["GET", "POST"]
    assert signed[0][2] == urlsplit(face.server.requests[0].target).query


@on_both_faces
def test_a_hook_that_raises(face):
    """A hook sees each answer; what it raises is the caller's own and comes through, or as the cause of ours."""

    class Refused(Exception):
        pass

    def hook(response):
        if not face.is_async:
            response.close()  # requests leaves it to the hook
        raise Refused

    run_id = face.server.create_run()
    with hooked(face, hook) as (_, client):
        with pytest.raises(Exception) as caught:
            face.wait(client.runs.get, run_id, backoff_options=EAGER)
        assert isinstance(caught.value, Refused) or isinstance(caught.value.__cause__, Refused)


@on_both_faces
def test_a_hook_that_raises_for_the_status(face):
    """As the guides of both libraries show it. What a status means is decided here all the same."""
    moved = Reply(307, [("location", f"/api/runs/{RUN}?again=1")])
    with hooked(face, lambda response: response.raise_for_status()) as (_, client):
        face.server.script(RUN, [moved, Reply(503), page(log(0), next_offset=offset(0), closed=True), Reply(404)])
        assert len(face.stream(RUN, client, backoff_options=EAGER).collect()) == 1
        with pytest.raises(NotFoundError):
            face.wait(client.runs.get, RUN)
    assert len(face.targets) == 4
