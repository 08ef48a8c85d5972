"""The asynchronous face on httpx: the one private look behind it, mocks of it, and what it leaves to be awaited."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import httpx
import pytest
import respx

import flue.aio._network
from flue import AsyncFlueClient, BackoffOptions, FlueError
from flue.testing import Fault

from .frames import JSON, RUN, SSE, control, data, dumps, indexes, log, logs, offset
from .harness import EAGER
from .reading import AUTHORITY, PATIENT
from .stations import serving

URL = "https://flue.test/api"


async def collect(client: AsyncFlueClient, **options) -> list[int]:
    return indexes([event async for event in client.runs.stream(RUN, **options)])


@pytest.fixture
def bodies(monkeypatch):
    """How the body of each response is read: the reader of event streams, or None where httpx reads it."""
    found: list[object] = []
    real = flue.aio._network.event_stream_body

    def spy(response, headers, read_timeout):
        found.append(real(response, headers, read_timeout))
        return found[-1]

    monkeypatch.setattr(flue.aio._network, "event_stream_body", spy)
    return found


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_event_stream_is_read_as_it_arrives(scheme, bodies, monkeypatch):
    """Fails when httpx or httpcore keep what has arrived with the head under another name."""
    monkeypatch.setenv("SSL_CERT_FILE", AUTHORITY)

    async def main(server) -> None:
        async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:
            assert await collect(client, live="sse") == list(range(31))
            assert await collect(client, live=False) == list(range(31))

    with serving(scheme, page_limit=100) as server:
        server.append(RUN, *logs(1, 30), raw=True)
        server.finish_run(RUN)
        asyncio.run(main(server))
    assert [body is not None for body in bodies] == [True, False]


@pytest.mark.parametrize(
    "response",
    [
        SimpleNamespace(stream=object(), extensions={}),
        SimpleNamespace(stream=SimpleNamespace(_httpcore_stream=SimpleNamespace(_stream=iter(()))), extensions={}),
    ],
    ids=["httpx", "httpcore"],
)
def test_httpx_reads_what_is_not_plainly_ours(response, monkeypatch):
    """Another name, a mock: the same events come."""
    real = flue.aio._network.event_stream_body
    asked: list[object] = []

    def renamed(_, headers, read_timeout):
        asked.append(real(response, headers, read_timeout))
        return asked[-1]

    monkeypatch.setattr(flue.aio._network, "event_stream_body", renamed)

    async def main(server) -> None:
        async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:
            assert await collect(client, live="sse") == [0, 1, 2, 3]

    with serving("http") as server:
        server.append(RUN, *logs(1, 3), raw=True)
        server.finish_run(RUN)
        asyncio.run(main(server))
    assert asked == [None]


def test_the_bodies_of_a_callers_client_are_left_to_it(bodies):
    """Whoever counts or records them sees them."""
    seen: list[str] = []

    async def note(response: httpx.Response) -> None:
        seen.append(response.headers["content-type"])

    async def main(server) -> None:
        async with (
            httpx.AsyncClient(event_hooks={"response": [note]}) as theirs,
            AsyncFlueClient(server.base_url, timeout=PATIENT, http_client=theirs) as client,
        ):
            assert await collect(client, live="sse") == [0, 1]

    with serving("http") as server:
        server.finish_run(RUN)
        asyncio.run(main(server))
    assert bodies == []
    assert [value.partition(";")[0] for value in seen] == ["text/event-stream"]


PAGE = httpx.Response(
    200, headers={JSON[0]: JSON[1], "stream-next-offset": offset(0), "stream-closed": "true"}, content=dumps([log(0)])
)
EVENTS = httpx.Response(
    200,
    headers={SSE[0]: SSE[1], "transfer-encoding": "chunked"},
    content=data(log(0)) + control(0, streamClosed=True),
)


@pytest.mark.parametrize(("live", "answer"), [(False, PAGE), ("sse", EVENTS)], ids=["page", "events"])
def test_respx_and_the_default_client(live, answer):
    """The mock stands in for the network under our own transport."""

    async def main() -> None:
        with respx.mock(base_url=URL) as router:
            route = router.get(f"/runs/{RUN}").mock(side_effect=[httpx.Response(503), answer])
            async with AsyncFlueClient(URL) as client:
                assert await collect(client, live=live, backoff_options=EAGER) == [0]
            assert route.call_count == 2
            assert route.calls.last.request.headers["user-agent"].startswith("flue-sdk ")

    asyncio.run(main())


def test_an_error_that_a_mock_raises():
    """It is the library's, and becomes ours."""

    async def main() -> None:
        with respx.mock(base_url=URL) as router:
            router.get(f"/runs/{RUN}").mock(side_effect=httpx.ConnectError)
            async with AsyncFlueClient(URL) as client:
                with pytest.raises(FlueError) as caught:
                    await client.runs.get(RUN, backoff_options=BackoffOptions(initial_delay=0.001, max_retries=1))
                assert isinstance(caught.value.__cause__, httpx.ConnectError)

    asyncio.run(main())


def test_a_transport_of_the_callers():
    """`httpx.MockTransport`, and nothing of a network."""
    targets: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        targets.append(request.url.raw_path.decode())
        return httpx.Response(200, headers=EVENTS.headers, content=data(log(0)) + control(0, streamClosed=True))

    async def main() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as theirs:
            client = AsyncFlueClient(URL, http_client=theirs)
            assert await collect(client, live="sse") == [0]

    asyncio.run(main())
    assert targets == [f"/api/runs/{RUN}?live=sse&offset=-1"]


def test_an_async_callback_is_awaited():
    """For every failed attempt, the last one too; a stream that is cancelled does not wait for it."""

    async def main(server) -> None:
        told: list[bool] = []

        async def note(attempt) -> None:
            await asyncio.sleep(0)
            told.append(attempt.will_retry)

        options = BackoffOptions(initial_delay=0.001, max_delay=0.002, max_retries=2, on_failed_attempt=note)
        async with AsyncFlueClient(server.base_url, timeout=PATIENT, backoff_options=options) as client:
            server.faults.add(Fault(status=503), times=2)
            assert (await client.runs.get(RUN)).run_id == RUN
            assert told == [True, True]
            server.faults.add(Fault(status=503), times=3)
            with pytest.raises(FlueError):
                await client.runs.events(RUN)
            assert told == [True, True, True, True, False]

        held = asyncio.Event()

        async def hold(attempt) -> None:
            held.set()
            await asyncio.sleep(3600.0)

        async with AsyncFlueClient(server.base_url, timeout=PATIENT) as client:
            server.faults.add(Fault(status=503), times=1)
            stream = client.runs.stream(RUN, backoff_options=BackoffOptions(on_failed_attempt=hold))
            pull = asyncio.ensure_future(anext(stream, None))
            await held.wait()
            stream.cancel()
            assert await asyncio.wait_for(pull, 5.0) is None

    with serving("http") as server:
        asyncio.run(main(server))
