"""`FlueTestServer` answers what Flue answers, request by request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .fidelity import DIFFERENCES, Double, Request, Twins
from .server import JSON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .server import LiveServer

pytestmark = pytest.mark.live

RUN = "/api/runs/{run}"


def offset(sequence: int) -> str:
    return f"{0:016}_{sequence:016}"


def reads() -> Iterator[Request]:
    """Reads of a finished run of 252 events."""
    yield from (Request("GET", RUN), Request("GET", f"{RUN}?meta"), Request("GET", f"{RUN}?meta=1&offset=zzz"))
    for at in ("-1", offset(99), offset(199), offset(251), "now", "5_7", "0_9999", "0_99999999999999999999"):
        yield Request("GET", f"{RUN}?offset={at}")
        yield Request("GET", f"{RUN}?offset={at}&live=long-poll")
        yield Request("GET", f"{RUN}?offset={at}&live=sse")
    for query in (
        *("tail=3", "tail=0", "tail=01", "offset=-1&tail=300", f"offset={offset(10)}&tail=2", "tail=1&tail=1"),
        *("offset=-1&tail=2&live=long-poll", "offset=-1&tail=3&live=sse"),
        *("offset=zzz", "offset=%2B1_1", "offset=-1&offset=-1", "offset=&live=sse"),
        *("live=", "live=sse", "offset=-1&live=", "offset=-1&live=true", "offset=-1&live=long-poll&cursor=junk"),
    ):
        yield Request("GET", f"{RUN}?{query}")


def routes() -> Iterator[Request]:
    """Every method on every route, paths that are none, and requests without a token."""
    agents = ("/api/agents/assistant/nobody", "/api/agents/nope/x")
    for method in ("HEAD", "DELETE", "PUT", "OPTIONS", "PATCH"):
        for target in (RUN, f"{RUN}?meta", "/api/runs/nope", "/api/workflows/ticks", "/api/workflows/nope", *agents):
            yield Request(method, target)
    for path in (
        *("", "/", "/nope", "/runs", "/runs/", "/runs//", "/runs/nope", "/runs/nope?meta", "/runs/nope/x"),
        *("/runs/a%2Fb", "/runs/%E0%A4%A", "/workflows", "/workflows/", "/workflows/nope", "/workflows/%20"),
        *("/agents/", "/agents/assistant", "/agents/assistant/", "/agents/assistant/%20", "/agents/%20/x"),
        *("/agents/assistant/nobody", "/agents/nope/x"),
    ):
        yield Request("GET", f"/api{path}")
        yield Request("POST", f"/api{path}")
    yield Request("GET", "/elsewhere")
    for method, target in (("GET", RUN), ("HEAD", RUN), ("GET", "/api/nope"), ("POST", "/api/workflows/ticks")):
        yield Request(method, target, headers=())


def posts() -> Iterator[Request]:
    """Bodies and queries, good and bad, to workflows and agents."""
    plain = (*JSON[:-1], ("content-type", "text/plain"))
    bodies = (b"{", b"", b"  ", b"null", None, b'{"bad":2}', b"[]", b"7")
    for target in ("/api/workflows/ticks", "/api/workflows/noinput?wait=result", "/api/agents/assistant/refusing"):
        yield Request("POST", target, b"{}")
        yield Request("POST", target, b"{}", plain)
        yield from (Request("POST", target, body, JSON) for body in bodies)
    for number, query in enumerate(("wait=x", "wait=", "wait=result&wait=result", "wait=result&x=1", "WAIT=x")):
        for workflow in ("noinput", "nope"):
            yield Request("POST", f"/api/workflows/{workflow}?{query}")
        yield Request("GET", f"/api/workflows/noinput?{query}")
        yield Request("POST", f"/api/agents/assistant/fidelity-query-{number}?{query}", b'{"message":"a"}', JSON)
    yield Request("POST", "/api/workflows/ticks?wait=result", b'{"count":3}', JSON)
    yield Request("POST", "/api/workflows/failing?wait=result")
    yield Request("POST", "/api/workflows/hidden?wait=result")
    for number, prompt in enumerate(
        (
            b'{"message":1}',
            b'{"message":""}',
            b'{"message":"x","images":{}}',
            b'{"message":"x","images":null}',
            b'{"message":"x","images":[{"type":"image"}]}',
            b'{"message":"x","images":[],"other":1}',
        )
    ):
        yield Request("POST", f"/api/agents/assistant/fidelity-prompt-{number}", prompt, JSON)


def agent_reads() -> Iterator[Request]:
    """Reads of an agent nobody has talked to, as streams and as views."""
    for query in (
        *("offset=-1", "view=history", "view=history&offset=-1", "view=history&tail=1", "view=x", "view=updates"),
        *("view=updates&offset=now", "view=updates&offset=-1", "view=updates&offset=-1&tail=1"),
        "view=updates&offset=-1&live=x",
    ):
        yield Request("GET", f"/api/agents/assistant/nobody?{query}")


REQUESTS = [*reads(), *routes(), *posts(), *agent_reads()]


KNOWN_DIFFERENCES = [
    *DIFFERENCES,
    (r'"streamCursor":"\d+"', '"streamCursor":"N"'),  # made of the time
    # Ids.
    (r"run_[0-9A-Z]{26}", "RUN"),
    (r'"cnVucy9y[\w+/]+=*:', '"RUN:'),  # an etag begins with the path runs/run_..., in base64
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
    # The application's own middleware refuses a token, not Flue.
    (r'"details":"(bad token|The bearer token is missing or wrong\.)"', '"details":"WORDS"'),
    # What an answer cost, and which model gave it.
    (r'"usage":\{.*?\},"model":\{.*?\}', '"usage":USAGE,"model":MODEL'),
    # JavaScript rounds an offset of more digits than a double has; Python does not.
    (r"_(99999999999999999999|100000000000000000000)\b", "_ROUNDED"),
]


def finished_run(server: LiveServer) -> dict[str, str]:
    """Have the run of 252 events that the reads are of."""
    run_id = server.start_run("ticks", count=250)
    server.wait_for_events(run_id, 252)
    return {"run": run_id}


@pytest.fixture(scope="module", params=["beta9", "beta5"])
def twins(request: pytest.FixtureRequest) -> Iterator[Twins]:
    """Each of the two real servers in turn, with its double. That of beta 9 has conversations in the place of streams."""
    real = request.getfixturevalue(request.param)
    with Double() as double:
        runs = (finished_run(real), finished_run(double))
        own_headers = {"date", "stream-cursor"}
        yield Twins((real, double), runs, KNOWN_DIFFERENCES, own_headers, has_event_streams=request.param == "beta5")
        assert double.flue.problems == []


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_the_same_answer(twins: Twins, request_: Request) -> None:
    if "/agents/" in request_.target and not twins.has_event_streams:
        pytest.skip("the test server has event streams of agents")
    real, double = twins.ask(request_)
    assert double == real


@pytest.mark.parametrize("query", ["offset=-1", f"offset={offset(199)}", "offset=now"])
def test_a_page_that_has_not_changed(twins: Twins, query: str) -> None:
    page = Request("GET", f"{RUN}?{query}")
    for server, names in zip(twins.servers, twins.names, strict=True):
        names["etag"] = server.ask(*page.on(names)).headers.get("etag", "none")
    real, double = twins.ask(page._replace(headers=(*page.headers, ("if-none-match", "{etag}"))))
    assert double == real
