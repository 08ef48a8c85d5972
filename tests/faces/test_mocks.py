"""Mocks of both libraries, and adapters and transports without sockets: what they answer counts."""

from __future__ import annotations

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

from flue import BackoffOptions, FlueError

from .frames import RUN, control, data, dumps, indexes, logs, offset, run_end
from .harness import BRIEF

MOCKED = "http://flue.test/api"
RECORD = dumps({"runId": RUN, "workflowName": "w", "status": "active", "startedAt": "2026-01-01T00:00:00.000Z"})
PAGE_HEADERS = {"content-type": "application/json", "stream-next-offset": offset(2), "stream-closed": "true"}
PAGE = dumps([*logs(0, 2), run_end(2)])
EVENTS = data(*logs(0, 2)) + data(run_end(2)) + control(2, streamClosed=True)


def answer_to(method, url):
    """Status, headers and body of a server without sockets."""
    query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    if method == "POST":
        return 202, {"content-type": "application/json"}, dumps({"runId": RUN})
    if "meta" in query:
        return 200, {"content-type": "application/json"}, RECORD
    if query.get("live") == "sse":
        return 200, {"content-type": "text/event-stream"}, EVENTS
    return 200, PAGE_HEADERS, PAGE


def use(face, **theirs):
    """Read and start everything, in every mode, with a session or client of the caller's: six requests."""
    client = face.new_client(base_url=MOCKED, **theirs)
    assert face.wait(client.runs.get, RUN, backoff_options=BRIEF).run_id == RUN
    assert indexes(face.wait(client.runs.events, RUN, backoff_options=BRIEF)) == [0, 1, 2]
    for live in (False, "sse", "long-poll"):
        assert indexes(face.stream(RUN, client, live=live, backoff_options=BRIEF).collect()) == [0, 1, 2]
    assert face.wait(client.workflows.invoke, "report", input={"a": 1}).run_id == RUN


@pytest.mark.parametrize("where", ["object", "class"])
def test_a_wrapped_send(sync_face, where, monkeypatch):
    """Mocks and instrumentation replace `Session.send`: it sees every request, and what it answers counts."""
    seen = []
    original = requests.Session.send

    def send(session, request, **options):
        seen.append((request.method, options["allow_redirects"]))
        return original(session, request, **options)

    with requests.Session() as mine:
        if where == "object":
            mine.send = lambda request, **options: send(mine, request, **options)
        else:
            monkeypatch.setattr(requests.Session, "send", send)
        mine.mount("http://", Files(io.BytesIO))
        use(sync_face, session=mine)
    assert seen == [*[("GET", False)] * 5, ("POST", False)]


class Files(BaseAdapter):
    """`raw` is a file: it has neither urllib3's methods nor a connection."""

    def __init__(self, make):
        super().__init__()
        self._make = make
        self.made = []

    def send(self, request, **_options):
        status, headers, body = answer_to(request.method, request.url)
        response = requests.Response()
        response.status_code, response.raw = status, self._make(body)
        response.request, response.url = request, request.url
        response.headers.update(headers)
        self.made.append(response.raw)
        return response

    def close(self):
        """Nothing is open."""


class WithoutRead1(io.RawIOBase):
    """The plainest of files."""

    def __init__(self, body):
        self._inner = io.BytesIO(body)

    def readable(self):
        return True

    def read(self, size=-1):
        return self._inner.read(size)


@pytest.mark.parametrize("make", [io.BytesIO, WithoutRead1])
def test_a_plain_file_as_the_body(sync_face, make):
    """Of an adapter of the caller's that knows nothing of urllib3."""
    adapter = Files(make)
    with requests.Session() as mine:
        mine.mount("http://", adapter)
        use(sync_face, session=mine)
    assert all(file.closed for file in adapter.made)


class Contents(Files):
    """What mocks make by hand: a response of a content, without anything to read it from."""

    def send(self, request, **options):
        response = super().send(request, **options)
        response._content, response.raw = response.raw.read(), None
        return response


def test_a_response_made_by_hand(sync_face):
    with requests.Session() as mine:
        mine.mount("http://", Contents(io.BytesIO))
        use(sync_face, session=mine)


def test_requests_mock(sync_face):
    def answer(request, context):
        context.status_code, headers, body = answer_to(request.method, request.url)
        context.headers.update(headers)
        return body

    with requests_mock.Mocker() as mock, requests.Session() as mine:
        mock.register_uri(requests_mock.ANY, re.compile(re.escape(MOCKED)), content=answer)
        use(sync_face, session=mine)
        assert len(mock.request_history) == 6


def test_responses(sync_face):
    def answer(request):
        return answer_to(request.method, request.url)

    with responses.RequestsMock() as mock, requests.Session() as mine:
        for method in ("GET", "POST"):
            mock.add_callback(method, re.compile(re.escape(MOCKED)), callback=answer, content_type=None)
        use(sync_face, session=mine)
        assert len(mock.calls) == 6


def answer_httpx(request):
    status, headers, body = answer_to(request.method, str(request.url))
    return httpx.Response(status, headers=headers, content=body)


@pytest.mark.parametrize("client_of", ["theirs", "ours"])
def test_respx(async_face, client_of):
    """It stands in for the network under the caller's client and under our own transport."""
    with respx.mock as mock:
        mock.route(host="flue.test").mock(side_effect=answer_httpx)
        mine = httpx.AsyncClient()
        use(async_face, **({"http_client": mine} if client_of == "theirs" else {}))
        async_face.wait(mine.aclose)
        assert mock.calls.call_count == 6


def test_an_error_that_a_mock_raises(async_face):
    """It is the library's, and becomes ours."""
    with respx.mock as mock:
        mock.route(host="flue.test").mock(side_effect=httpx.ConnectError)
        client = async_face.new_client(base_url=MOCKED)
        with pytest.raises(FlueError) as caught:
            async_face.wait(client.runs.get, RUN, backoff_options=BackoffOptions(initial_delay=0.001, max_retries=1))
        assert isinstance(caught.value.__cause__, httpx.ConnectError)
        assert mock.calls.call_count == 2


def test_a_mock_transport_whose_body_is_a_stream(async_face):
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
        whole = answer_httpx(request)
        made.append(Pieces(whole.content))
        return httpx.Response(whole.status_code, headers=whole.headers, stream=made[-1])

    mine = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    use(async_face, http_client=mine)
    async_face.wait(mine.aclose)
    assert len(made) == 6
    assert all(pieces.closed for pieces in made)
