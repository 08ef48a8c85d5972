"""A session or client of the caller's with behaviour of its own: mocks, instrumentation, parameters, authentication."""

from __future__ import annotations

import contextlib
import io
import re
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import requests
import requests_mock
import responses
import respx
from requests.adapters import BaseAdapter
from requests.auth import AuthBase, HTTPDigestAuth

from flue import FlueError
from flue.testing import Fault, FlueTestServer

from .frames import RUN, control, data, dumps, indexes, log, logs, offset, run_end
from .harness import BRIEF, EAGER, face_on, on_both_faces

MOCKED = "http://flue.test/api"
RECORD = dumps({"runId": RUN, "workflowName": "w", "status": "active", "startedAt": "2026-01-01T00:00:00.000Z"})
PAGE_HEADERS = {"content-type": "application/json", "stream-next-offset": offset(2), "stream-closed": "true"}
PAGE = dumps([*logs(0, 2), run_end(2)])
EVENTS = data(*logs(0, 2)) + data(run_end(2)) + control(2, streamClosed=True)


def answer_to(method, url, headers):
    """Status, headers and body of a server without sockets."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if method == "POST":
        return 202, {"content-type": "application/json"}, dumps({"runId": RUN})
    if "meta" in query:
        return 200, {"content-type": "application/json"}, RECORD
    if query.get("live") == "sse":
        return 200, {"content-type": "text/event-stream"}, EVENTS
    return 200, PAGE_HEADERS, PAGE


def use(face, client):
    """Read and start everything, in every mode."""
    assert face.wait(client.runs.get, RUN, backoff_options=BRIEF).run_id == RUN
    assert indexes(face.wait(client.runs.events, RUN, backoff_options=BRIEF)) == [0, 1, 2]
    for live in (False, "sse", "long-poll"):
        assert indexes(face.stream(RUN, client, live=live, backoff_options=BRIEF).collect()) == [0, 1, 2]
    assert face.wait(client.workflows.invoke, "report", input={"a": 1}).run_id == RUN


def use_or_refuse(face):
    """A client without a session of the caller's: the mock works, or the client says that nothing can be reached."""
    with contextlib.suppress(FlueError):
        use(face, face.new_client(base_url=MOCKED))
        return True
    return False


@contextlib.contextmanager
def client_on(face, mine, base_url=MOCKED):
    """A client on top of a session or client of the caller's, which is closed at the end."""
    client = face.new_client(base_url=base_url, **{"http_client" if face.is_async else "session": mine})
    yield client
    for stream in face.streams:
        stream.close()
    face.wait(client.aclose if face.is_async else client.close)
    face.wait(mine.aclose if face.is_async else mine.close)


@contextlib.contextmanager
def sync_face():
    with FlueTestServer() as server, face_on(server, is_async=False) as face:
        yield face


@contextlib.contextmanager
def async_face():
    with FlueTestServer() as server, face_on(server, is_async=True) as face:
        yield face


PARAMETERS = [{"api-version": "1"}, [("api-version", "1"), ("x", "a b&c")], {"empty": ""}]


@pytest.mark.parametrize("parameters", PARAMETERS, ids=str)
@on_both_faces(compare=False)  # where they stand in the query is the library's business
def test_parameters_of_the_caller(face, parameters):
    """They are added to the query of each request, which keeps its own."""
    face.server.add_workflow("report", lambda _run: 7)
    face.server.create_run(run_id=RUN)
    face.server.append(RUN, *logs(0, 3), raw=True)
    face.server.finish_run(RUN)
    if face.is_async:
        mine = httpx.AsyncClient(params=parameters)
    else:
        mine = requests.Session()
        mine.params = dict(parameters)  # requests passes over any other kind
    with client_on(face, mine, face.server.base_url) as client:
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


@pytest.mark.parametrize("way", ["on the object", "on the class", "in a subclass"])
def test_a_wrapped_send(way, monkeypatch):
    """Mocks and instrumentation replace `Session.send`: it sees every request, and what it answers counts."""
    seen = []
    original = requests.Session.send

    def send(session, request, **options):
        seen.append((request.method, options.get("allow_redirects"), options.get("stream")))
        return original(session, request, **options)

    class Wrapped(requests.Session):
        pass

    with sync_face() as face:
        face.server.add_workflow("report", lambda _run: 1)
        run_id = face.server.create_run()
        face.server.append(run_id, *logs(0, 2), raw=True)
        face.server.finish_run(run_id)
        mine = Wrapped() if way == "in a subclass" else requests.Session()
        if way == "on the object":
            mine.send = lambda request, **options: send(mine, request, **options)
        else:
            monkeypatch.setattr(Wrapped if way == "in a subclass" else requests.Session, "send", send)
        with client_on(face, mine, face.server.base_url) as client:
            face.wait(client.runs.get, run_id)
            for live in (False, "sse", "long-poll"):
                assert indexes(face.stream(run_id, client, live=live).collect()) == [0, 1, 2]
            face.wait(client.workflows.invoke, "report")
        assert len(seen) == len(face.server.requests)
        assert [method for method, _, _ in seen] == [request.method for request in face.server.requests]
        assert {redirects for _, redirects, _ in seen} == {False}


def test_a_wrapped_request_that_never_leaves():
    """A `send` that answers by itself."""

    def send(request, **_options):
        status, headers, body = answer_to(request.method, request.url, request.headers)
        response = requests.Response()
        response.status_code, response.raw, response.request, response.url = (
            status,
            io.BytesIO(body),
            request,
            request.url,
        )
        response.headers.update(headers)
        return response

    with sync_face() as face:
        mine = requests.Session()
        mine.send = send
        with client_on(face, mine) as client:
            use(face, client)


def test_an_adapter_whose_body_is_a_plain_file():
    """`raw` is a BytesIO: it has neither urllib3's methods nor a connection."""

    class Adapter(BaseAdapter):
        def send(self, request, **_options):
            status, headers, body = answer_to(request.method, request.url, request.headers)
            response = requests.Response()
            response.status_code, response.raw = status, io.BytesIO(body)
            response.request, response.url = request, request.url
            response.headers.update(headers)
            return response

        def close(self):
            pass

    with sync_face() as face:
        mine = requests.Session()
        mine.mount("http://", Adapter())
        with client_on(face, mine) as client:
            use(face, client)


@pytest.mark.parametrize("session", ["theirs", "ours"])
def test_requests_mock(session):
    """The usual mock of requests, with a session of the caller's and with none."""

    def answer(request, context):
        context.status_code, headers, body = answer_to(request.method, request.url, request.headers)
        context.headers.update(headers)
        return body

    with sync_face() as face, requests_mock.Mocker() as mock:
        mock.register_uri(requests_mock.ANY, re.compile(re.escape(MOCKED)), content=answer)
        if session == "theirs":
            with client_on(face, requests.Session()) as client:
                use(face, client)
            assert len(mock.request_history) == 6
        elif use_or_refuse(face):
            assert len(mock.request_history) == 6


@pytest.mark.parametrize("session", ["theirs", "ours"])
def test_responses(session):
    """The other one."""

    def answer(request):
        return answer_to(request.method, request.url, request.headers)

    with sync_face() as face, responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in ("GET", "POST"):
            mock.add_callback(method, re.compile(re.escape(MOCKED)), callback=answer, content_type=None)
        if session == "theirs":
            with client_on(face, requests.Session()) as client:
                use(face, client)
            assert len(mock.calls) == 6
        elif use_or_refuse(face):
            assert len(mock.calls) == 6


@pytest.mark.parametrize("client_of", ["theirs", "ours"])
def test_respx(client_of):
    """The usual mock of httpx, with a client of the caller's and with none."""

    def answer(request):
        status, headers, body = answer_to(request.method, str(request.url), request.headers)
        return httpx.Response(status, headers=headers, content=body)

    with async_face() as face, respx.mock(assert_all_called=False) as mock:
        mock.route(host="flue.test").mock(side_effect=answer)
        if client_of == "theirs":
            with client_on(face, httpx.AsyncClient()) as client:
                use(face, client)
            assert mock.calls.call_count == 6
        elif use_or_refuse(face):
            assert mock.calls.call_count == 6


def test_a_mock_transport():
    """A transport without sockets."""

    def answer(request):
        status, headers, body = answer_to(request.method, str(request.url), request.headers)
        return httpx.Response(status, headers=headers, content=body)

    with async_face() as face, client_on(face, httpx.AsyncClient(transport=httpx.MockTransport(answer))) as client:
        use(face, client)


def test_a_mock_transport_whose_body_is_a_stream():
    """Bytes come one by one, as from an application server that is called in the process."""

    class Pieces(httpx.AsyncByteStream):
        def __init__(self, body):
            self._body = body
            self.closed = False

        async def __aiter__(self):
            for index in range(len(self._body)):
                yield self._body[index : index + 1]

        async def aclose(self):
            self.closed = True

    made = []

    def answer(request):
        status, headers, body = answer_to(request.method, str(request.url), request.headers)
        made.append(Pieces(body))
        return httpx.Response(status, headers=headers, stream=made[-1])

    with async_face() as face, client_on(face, httpx.AsyncClient(transport=httpx.MockTransport(answer))) as client:
        use(face, client)
    assert all(pieces.closed for pieces in made)


@on_both_faces
def test_authentication_that_asks_twice(face):
    """Digest: the first answer is a challenge, the second request is the library's business."""
    run_id = face.server.create_run()
    challenge = 'Digest realm="flue", nonce="abc", qop="auth", algorithm=MD5'
    face.server.faults.add(Fault(status=401, headers=[("www-authenticate", challenge), ("content-length", "0")]))
    if face.is_async:
        mine = httpx.AsyncClient(auth=httpx.DigestAuth("me", "pw"))
    else:
        mine = requests.Session()
        mine.auth = HTTPDigestAuth("me", "pw")
    with client_on(face, mine, face.server.base_url) as client:
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

    face.server.create_run(run_id=RUN)
    face.server.append(RUN, log(0), raw=True)
    face.server.finish_run(RUN)
    face.server.add_workflow("report", lambda _run: 1)
    mine = httpx.AsyncClient(auth=AsyncSigner()) if face.is_async else requests.Session()
    if not face.is_async:
        mine.auth = SyncSigner()
    arguments = {"http_client" if face.is_async else "session": mine, "headers": {"x-ours": "1"}}
    client = face.new_client(**arguments)
    assert indexes(face.stream(RUN, client, live="sse").collect()) == [0, 1]
    face.wait(client.workflows.invoke, "report")
    assert [request.header("x-signature") for request in face.server.requests] == ["1", "2"]
    assert [method for method, _, _ in signed] == ["GET", "POST"]
    assert signed[0][2] == urlsplit(face.server.requests[0].target).query
    face.wait(mine.aclose if face.is_async else mine.close)


@on_both_faces
def test_a_hook_that_raises(face):
    """A hook sees each answer; what it raises is the caller's own and comes through, or as the cause of ours."""

    class Refused(Exception):
        pass

    def hook(response, **_options):
        response.close()  # requests leaves it to the hook
        raise Refused

    async def event_hook(response):
        raise Refused

    run_id = face.server.create_run()
    if face.is_async:
        mine = httpx.AsyncClient(event_hooks={"response": [event_hook]})
    else:
        mine = requests.Session()
        mine.hooks["response"].append(hook)
    with client_on(face, mine, face.server.base_url) as client:
        with pytest.raises(Exception) as caught:
            face.wait(client.runs.get, run_id, backoff_options=EAGER)
        assert isinstance(caught.value, Refused) or isinstance(caught.value.__cause__, Refused)
