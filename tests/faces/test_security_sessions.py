"""The caller's own session or client: used as it is, neither changed nor closed, and nothing of it is lost."""

from __future__ import annotations

import asyncio
import copy

import httpx
import pytest
import requests

from flue import AsyncFlueClient, FlueClient, FlueConnectionError
from flue.testing import Fault, FlueTestServer

from .frames import RUN, logs
from .harness import BRIEF, EAGER
from .reading import PATIENT, nothing_left

COOKIE = [("set-cookie", "server=1; Path=/")]


@pytest.fixture
def server():
    with FlueTestServer(page_limit=2) as running:
        running.create_run(run_id=RUN)
        running.append(RUN, *logs(0, 5), raw=True)
        running.finish_run(RUN)
        yield running
        assert running.problems == []


def trouble(server: FlueTestServer) -> None:
    """What might tempt a library to change a session: cookies, redirects, refusals, failures."""
    server.faults.add(Fault(extra_headers=COOKIE), times=2)
    server.faults.add(Fault(status=307, headers=[*COOKIE, ("location", f"/api/runs/{RUN}?offset=-1")]))
    server.faults.add(Fault(status=503, headers=COOKIE))
    server.faults.add(Fault(cut_after=5))


def state_of(session: requests.Session) -> dict:
    """All that a caller could see of a session."""
    state = {name: getattr(session, name) for name in session.__attrs__ if name not in {"adapters", "cookies"}}
    return copy.deepcopy(state) | {
        "adapters": dict(session.adapters),
        "cookies": [(cookie.name, cookie.value, cookie.domain, cookie.path) for cookie in session.cookies],
    }


@pytest.mark.parametrize("kind", ["plain", "with its own send"])
def test_a_session_is_not_changed(server, kind):
    """Edge case 135.

    Headers, auth, hooks, adapters, cookies, verification: the same before and after, and it still works.
    """

    class Own(requests.Session):
        def send(self, request, **options):
            return super().send(request, **options)

    told = []
    with nothing_left(), requests.Session() if kind == "plain" else Own() as session:
        session.headers["x-theirs"] = "1"
        session.cookies.set("theirs", "1", domain="127.0.0.1", path="/")
        session.hooks["response"].append(lambda response, **_: told.append(response.status_code))
        session.verify = False
        before = state_of(session)
        trouble(server)
        with FlueClient(
            server.base_url, session=session, token="t", headers={"x-ours": "2"}, timeout=PATIENT
        ) as client:
            for live in (False, "sse", "long-poll"):
                assert len(list(client.runs.stream(RUN, live=live, backoff_options=EAGER))) == 6
            client.runs.get(RUN)
        assert state_of(session) == before
        assert session.get(f"{server.base_url}/runs/{RUN}?meta", timeout=5.0).status_code == 200
        sent = server.requests[0]
        assert (sent.header("x-theirs"), sent.header("x-ours"), sent.header("authorization")) == ("1", "2", "Bearer t")
        assert [request.header("cookie") for request in server.requests] == ["theirs=1"] * len(server.requests)
        assert server.requests[-1].header("x-ours") is None
        assert told
        session.hooks["response"].clear()


def test_an_http_client_is_not_changed(server):
    """Edge case 135."""

    async def main() -> None:
        told = []

        async def tell(response) -> None:
            told.append(response.status_code)

        async with httpx.AsyncClient(
            headers={"x-theirs": "1"}, timeout=3.0, event_hooks={"response": [tell]}
        ) as theirs:
            theirs.cookies.set("theirs", "1", domain="127.0.0.1", path="/")

            def state() -> tuple:
                cookies = [(cookie.name, cookie.value, cookie.domain) for cookie in theirs.cookies.jar]
                return dict(theirs.headers), cookies, theirs.timeout, theirs.auth, theirs.event_hooks, theirs.is_closed

            before = state()
            trouble(server)
            arguments = {"token": "t", "headers": {"x-ours": "2"}, "timeout": PATIENT}
            async with AsyncFlueClient(server.base_url, http_client=theirs, **arguments) as client:
                for live in (False, "sse", "long-poll"):
                    stream = client.runs.stream(RUN, live=live, backoff_options=EAGER)
                    assert len([event async for event in stream]) == 6
                await client.runs.get(RUN)
            assert state() == before
            assert (await theirs.get(f"{server.base_url}/runs/{RUN}?meta")).status_code == 200
            sent = server.requests[0]
            assert (sent.header("x-theirs"), sent.header("x-ours")) == ("1", "2")
            assert sent.header("authorization") == "Bearer t"
            assert [request.header("cookie") for request in server.requests] == ["theirs=1"] * len(server.requests)
            assert server.requests[-1].header("x-ours") is None
            assert told

    with nothing_left():
        asyncio.run(main())


def test_a_session_of_many_clients(server):
    """Edge case 135. One may be closed, the others go on; what is closed does not touch the session."""
    with nothing_left(), requests.Session() as session:
        clients = [FlueClient(server.base_url, session=session, timeout=PATIENT) for _ in range(3)]
        for client in clients:
            assert len(client.runs.events(RUN)) == 6
            client.close()
        assert session.get(f"{server.base_url}/runs/{RUN}?meta", timeout=5.0).ok


def test_a_session_that_its_owner_has_closed(server):
    """Edge case 135. requests reopens what it needs; httpx says so, and the error is no secret of httpx'."""
    session = requests.Session()
    with FlueClient(server.base_url, session=session, timeout=PATIENT) as client:
        session.close()
        assert len(client.runs.events(RUN)) == 6
    session.close()

    async def main() -> None:
        http_client = httpx.AsyncClient()
        await http_client.aclose()
        async with AsyncFlueClient(server.base_url, http_client=http_client, timeout=PATIENT) as client:
            with pytest.raises((FlueConnectionError, RuntimeError)):
                await client.runs.events(RUN, backoff_options=BRIEF)

    with nothing_left():
        asyncio.run(main())


def test_what_is_no_session():
    """Edge case 135. Refused when constructed: also one of the other face."""
    url = "http://127.0.0.1:9"
    with requests.Session() as session:
        for wrong in (object(), httpx.AsyncClient, session.get):
            with pytest.raises(TypeError, match="session must be"):
                FlueClient(url, session=wrong)
        with pytest.raises(TypeError, match="http_client must be"):
            AsyncFlueClient(url, http_client=session)
    with httpx.Client() as sync_client, pytest.raises(TypeError, match="http_client must be"):
        AsyncFlueClient(url, http_client=sync_client)
