"""Redirects are followed on the same origin and for reads only: token and headers go nowhere else."""

from __future__ import annotations

import httpx
import pytest
import requests

from flue import FlueApiError
from flue.testing import FlueTestServer, Reply

from .frames import JSON, RUN, control, data, log, offset, page, run_end, sse
from .harness import BRIEF, EAGER, on_both_faces

KINDS = [301, 302, 303, 307, 308]
SECRETS = {"token": "s3cret", "headers": {"x-api-key": "k3y"}}


def to(location, status=302):
    return Reply(status, [("location", location)], b"moved")


@pytest.mark.parametrize("status", KINDS)
@on_both_faces(client=SECRETS)
def test_a_read_follows_on_the_same_origin(face, status):
    """Edge case 37. By path or by a whole URL; credentials go along; each read begins at its own address again."""
    absolute = f"{face.server.base_url}/runs/moved?offset=-1#fragment"
    face.server.script("runs/run_1?meta", [to("/api/record", status)])
    face.server.script("record", [Reply(200, [JSON], b'{"runId": "run_1"}'), to("elsewhere?x=1", status)])
    face.server.script("runs/run_1?offset=-1", [to(absolute, status)])
    face.server.script("runs/moved", [page(log(0), next_offset=offset(0))])
    face.server.script(f"offset={offset(0)}", [page(run_end(1), next_offset=offset(1))])
    with pytest.raises(Exception, match="does not fit"):  # an answer came, and it is no record
        face.get(RUN)
    assert [event.event_index for event in face.stream(RUN).collect()] == [0, 1]
    assert face.targets == [
        "/api/runs/run_1?meta",
        "/api/record",
        "/api/runs/run_1?offset=-1",
        "/api/runs/moved?offset=-1",
        f"/api/runs/run_1?live=long-poll&offset={offset(0)}",
    ]
    for request in face.server.requests:
        assert (request.method, request.header("authorization"), request.header("x-api-key")) == (
            "GET",
            "Bearer s3cret",
            "k3y",
        )


@pytest.mark.parametrize("location", ["moved", "./moved", "../runs/moved", "?offset=-1&again=1", "//{host}/api/moved"])
@on_both_faces
def test_relative_locations(face, location):
    """Edge case 37. Resolved against the address that answered."""
    host = face.server.base_url.removeprefix("http://").removesuffix("/api")
    face.server.script("runs/run_1?offset=-1", [to(location.format(host=host)), page(next_offset="-1", closed=True)])
    face.server.script("moved", [page(next_offset="-1", closed=True)])
    assert face.events(RUN) == []
    assert len(face.targets) == 2


@on_both_faces
def test_events_are_redirected_too(face):
    """Edge case 37. With the headers of server-sent events, each connection anew."""
    face.server.script("runs/run_1", [to("/api/live")] * 2)
    frames = [data(log(0)), control(0)], [data(run_end(1)), control(1, streamClosed=True)]
    face.server.script("live", [sse(*frame) for frame in frames])
    assert len(face.stream(RUN, live="sse", backoff_options=EAGER).collect()) == 2
    assert {request.header("accept") for request in face.server.requests} == {"text/event-stream"}


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{other}/api/runs/run_1",
        "http://localhost:{port}/api/runs/run_1",
        "https://127.0.0.1:{port}/api/runs/run_1",
        "//127.0.0.1:{other}/api/runs/run_1",
        "http://127.0.0.1/api/runs/run_1",
        "http://user:pw@127.0.0.1:{port}/api/runs/run_1",
        "http://127.0.0.1:{port}@127.0.0.1:{other}/",
        "http://127.0.0.1:{port}\\@127.0.0.1:{other}/",
        "ftp://127.0.0.1:{port}/",
        "/api/a b",
        "/api/\xfcber",
        "",
        None,
    ],
)
@on_both_faces(client=SECRETS)
def test_a_redirect_to_another_origin_is_refused(face, location):
    """Edge case 38. The libraries strip `Authorization` there, but no other header.

    NeedData is sent to the other place, and nothing retried.
    """
    with FlueTestServer() as trap:
        places = {"port": face.server.port, "other": trap.port}
        headers = [] if location is None else [("location", location.format(**places))]
        face.server.script(RUN, [Reply(307, headers)], repeat_last=True)
        for call in (face.get, face.events):
            with pytest.raises(FlueApiError) as caught:
                call(RUN, backoff_options=EAGER)
            where = "origin" if location else "nowhere"
            assert str(caught.value).startswith("Flue API error 307: ")
            assert where in str(caught.value)
            assert caught.value.status == 307
        assert len(face.targets) == 2
        assert trap.requests == []


@pytest.mark.parametrize("location", ["http://[::1", "http://127.0.0.1:notaport/", "javascript:alert(1)"])
@on_both_faces
def test_a_location_that_is_no_address(face, location):
    """Edge case 38. Fatal on both faces."""
    face.server.script(RUN, [to(location, 307)], repeat_last=True)
    for number, call in enumerate((face.get, face.events), 1):
        with pytest.raises(FlueApiError, match="error 307: the redirect leads to no usable address"):
            call(RUN, backoff_options=BRIEF)
        assert len(face.targets) == number


@on_both_faces
def test_a_redirect_without_end(face):
    """Edge case 39. Five are followed, in a circle or not; then it is an error that no retry cures."""
    face.server.script(RUN, [to(f"/api/runs/{RUN}?n={n}") for n in range(5)] + [page(next_offset="-1", closed=True)])
    assert face.events(RUN) == []
    face.server.script("run_2", [to("/api/runs/run_2?meta")], repeat_last=True)
    with pytest.raises(FlueApiError, match="more than 5 redirects") as caught:
        face.get("run_2", backoff_options=EAGER)
    assert caught.value.status == 302
    assert len(face.targets) == 6 + 6


@pytest.mark.parametrize("status", KINDS)
@on_both_faces(client=SECRETS)
def test_a_start_is_never_redirected(face, status):
    """Edge case 40. It would become a GET with most statuses, and be sent twice with the others."""
    face.server.script("workflows/report", [to("/api/workflows/other", status)], repeat_last=True)
    for call, options in ((face.invoke, {}), (face.invoke, {"wait": "result"}), (face.run, {"input": 1})):
        with pytest.raises(FlueApiError, match="a redirect of a POST is not followed") as caught:
            call("report", **options)
        assert (caught.value.status, caught.value.headers["location"]) == (status, "/api/workflows/other")
    assert [request.method for request in face.server.requests] == ["POST"] * 3


@pytest.mark.parametrize("status", [300, 305, 306])
@on_both_faces
def test_other_statuses_of_this_kind(face, status):
    """Edge case 37. Without a place to go they are refusals, not loops."""
    face.server.script(RUN, [Reply(status)])
    with pytest.raises(FlueApiError, match=f"Flue API error {status}: a redirect to nowhere"):
        face.events(RUN, backoff_options=EAGER)
    assert len(face.targets) == 1


@on_both_faces(client={"token": "s3cret"})
def test_a_session_that_follows_redirects_does_not_do_it_here(face):
    """Edge case 38. What the caller's own session or client would do by default makes no difference."""
    with FlueTestServer() as trap:
        mine = httpx.AsyncClient(follow_redirects=True) if face.is_async else requests.Session()
        client = face.new_client(**{"http_client" if face.is_async else "session": mine})
        face.server.script(RUN, [to(f"{trap.base_url}/runs/{RUN}"), to("/api/moved")])
        face.server.script("moved", [page(next_offset="-1", closed=True)])
        with pytest.raises(FlueApiError, match="no usable address of the same origin"):
            face.wait(client.runs.events, RUN)
        assert face.wait(client.runs.events, RUN) == []
        assert trap.requests == []
        face.wait(mine.aclose if face.is_async else mine.close)
