"""The caller's own `requests.Session` or `httpx.AsyncClient`: used as it is, never closed, never changed."""

from __future__ import annotations

import contextlib

import httpx
import pytest
import requests
from requests.adapters import HTTPAdapter

from flue import AuthenticationError, FlueClient
from flue.testing import Fault, FlueTestServer, Reply

from .frames import RUN, control, data, log, logs, offset, page, run_end, sse
from .harness import EAGER, on_both_faces

COOKIE = ("set-cookie", "tracker=1; Path=/")
SESSION_FACTS = (
    "headers",
    "auth",
    "params",
    "verify",
    "cert",
    "proxies",
    "hooks",
    "max_redirects",
    "trust_env",
    "stream",
)
CLIENT_FACTS = ("headers", "auth", "params", "event_hooks", "timeout", "trust_env", "follow_redirects", "max_redirects")


@contextlib.contextmanager
def own(face, **settings):
    """A session or client of the caller, and a Flue client on top of it."""
    if face.is_async:
        mine = httpx.AsyncClient(**settings)
        yield mine, face.new_client(http_client=mine)
        face.wait(mine.aclose)
        return
    with requests.Session() as mine:
        for name, value in settings.items():
            getattr(mine, name).update(value) if isinstance(value, dict) else setattr(mine, name, value)
        yield mine, face.new_client(session=mine)


def facts(mine):
    """All that a session or client consists of, as far as anybody can see."""
    if isinstance(mine, requests.Session):
        seen = {name: getattr(mine, name) for name in SESSION_FACTS}
        seen["adapters"] = list(mine.adapters.items())
        jar = mine.cookies
    else:
        seen = {name: getattr(mine, name) for name in CLIENT_FACTS}
        seen["transports"] = (mine._transport, mine._mounts, mine.is_closed)
        jar = mine.cookies.jar
    seen["cookies"] = [(cookie.name, cookie.value) for cookie in jar]
    return {name: repr(value) for name, value in seen.items()}


def stream_with_everything(face, client):
    """A redirect, a failure, cookies on each answer, three ways to read."""
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
    face.server.script("run_2", [sse(data(run_end(0)), control(0, streamClosed=True))])
    face.stream("run_2", client, live="sse").collect()


@on_both_faces
def test_it_is_neither_changed_nor_closed(face):
    """Edge cases 43, 135. Headers, cookies, hooks, adapters and the rest are the same behind as before."""
    with own(face, headers={"x-mine": "1"}, cookies={"theme": "dark"}) as (mine, _):
        client = face.new_client(token="s3cret", headers={"x-ours": "2"}, **_given(face, mine))
        before = facts(mine)
        stream_with_everything(face, client)
        face.server.add_workflow("report", lambda _run: 1)
        face.wait(client.workflows.invoke, "report", input={})
        face.wait(client.aclose if face.is_async else client.close)
        assert facts(mine) == before
        answer = face.wait(mine.get, f"{face.server.base_url}/elsewhere")
        assert answer.status_code == 404
    asked = face.server.requests
    assert len(asked) == 9
    assert {request.header("cookie") for request in asked} == {"theme=dark"}
    assert {request.header("x-mine") for request in asked} == {"1"}
    assert {request.header("x-ours") for request in asked[:-1]} == {"2"}
    assert (asked[-1].header("x-ours"), asked[-1].header("authorization")) == (None, None)


def _given(face, mine):
    return {"http_client" if face.is_async else "session": mine}


@on_both_faces
def test_cookies_are_not_kept(face):
    """Edge case 43. Not in a client of our own either: a reader that comes back is nobody's session."""
    stream_with_everything(face, face.client)
    assert len(face.server.requests) == 7
    assert {request.header("cookie") for request in face.server.requests} == {None}


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
            face.wait(face.new_client(token="ours", **_given(face, mine)).runs.get, run_id)
        assert [request.header("authorization") for request in face.server.requests[-2:]] == [expected, "Bearer ours"]


@on_both_faces(client={"token": "s3cret"})
def test_netrc_never_replaces_the_token(face, tmp_path, monkeypatch):
    """Edge case 41. requests alone would put it over the token, and send it where there is none."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password pw\ndefault login me password pw\n")
    monkeypatch.setenv("NETRC", str(netrc))
    run_id = face.server.create_run()
    face.get(run_id)
    with own(face) as (mine, client):
        face.wait(client.runs.get, run_id)
        face.wait(face.new_client(token="ours", **_given(face, mine)).runs.get, run_id)
    authorizations = [request.header("authorization") for request in face.server.requests]
    assert authorizations == ["Bearer s3cret", "Bearer s3cret", "Bearer ours"]


@on_both_faces
def test_netrc_is_not_looked_into_without_a_token_either(face, tmp_path, monkeypatch):
    """Edge case 41."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password pw\n")
    monkeypatch.setenv("NETRC", str(netrc))
    run_id = face.server.create_run()
    face.get(run_id)
    with own(face) as (_, client):
        face.wait(client.runs.get, run_id)
    assert [request.header("authorization") for request in face.server.requests] == [None, None]


@on_both_faces
def test_its_hooks_are_called(face):
    """Users hang logging and authentication on them: they see every answer, redirects and failures too."""
    seen = []

    def hook(response, **_options):
        seen.append(response.status_code)

    async def event_hook(response):
        seen.append(response.status_code)

    settings = {"event_hooks": {"response": [event_hook]}} if face.is_async else {"hooks": {"response": [hook]}}
    with own(face, **settings) as (_, client):
        face.server.script(
            RUN,
            [
                Reply(307, [("location", f"/api/runs/{RUN}?again=1")]),
                Reply(503),
                page(log(0), next_offset=offset(0), closed=True),
            ],
        )
        assert len(face.stream(RUN, client, backoff_options=EAGER).collect()) == 1
    assert seen == [307, 503, 200]


@on_both_faces
def test_its_adapter_carries_every_request(face):
    sent = []

    class Adapter(HTTPAdapter):
        def send(self, request, **options):
            sent.append(request.method)
            return super().send(request, **options)

    class Transport(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request):
            sent.append(request.method)
            return await super().handle_async_request(request)

    face.server.add_workflow("report", lambda _run: 1)
    run_id = face.server.create_run()
    with own(face, **({"transport": Transport()} if face.is_async else {})) as (mine, client):
        if not face.is_async:
            mine.mount("http://", Adapter())
        face.wait(client.runs.get, run_id)
        face.wait(client.workflows.invoke, "report")
    assert sent == ["GET", "POST"]


def test_a_session_that_sends_in_its_own_way():
    """Edge cases 43, 135. A subclass with a `send` of its own is asked, redirects off; its jar stays as it was."""
    sent = []

    class Session(requests.Session):
        def send(self, request, **options):
            sent.append(options.get("allow_redirects"))
            return super().send(request, **options)

    with FlueTestServer() as server, Session() as mine, FlueClient(server.base_url, session=mine) as client:
        server.faults.add(Fault(extra_headers=[COOKIE]), times=None)
        client.runs.get(server.create_run())
        assert sent == [False]
        assert list(mine.cookies) == []


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
@on_both_faces
def test_proxies_of_the_environment(face, name, monkeypatch):
    """Edge case 42. The same variables count for both libraries, and are looked up once for a client."""
    if name == "HTTP_PROXY":
        monkeypatch.delenv("REQUEST_METHOD", raising=False)  # a CGI script's proxy is not to be trusted, says Python
    monkeypatch.setenv(name, face.server.base_url.removesuffix("/api"))
    face.server.script("flue.invalid", [page(log(0), next_offset=offset(0)), page(next_offset=offset(0), closed=True)])
    client = face.new_client(base_url="http://flue.invalid/api")
    stream = face.stream(RUN, client)
    assert stream.next().event_index == 0
    assert stream.collect() == []
    assert face.targets[0] == "http://flue.invalid/api/runs/run_1?offset=-1"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    run_id = face.server.create_run()
    face.wait(face.new_client().runs.get, run_id)
    assert face.targets[2:] == [f"/api/runs/{run_id}?meta"]
