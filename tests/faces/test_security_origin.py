"""The token and the caller's headers go to the origin of `base_url`, and nowhere else."""

from __future__ import annotations

import pytest
import requests

from flue import FlueApiError, FlueConnectionError
from flue.testing import Fault, FlueTestServer, Reply

from .frames import JSON, RUN, dumps, log, logs, page, run_end
from .harness import Face, on_both_faces
from .stations import serving

CLIENT = {"token": "s3cr3t", "headers": {"x-api-key": "k3y", "cookie": "theirs=1"}}


@pytest.fixture
def elsewhere():
    """Another origin on this machine; nobody may ask it anything."""
    with FlueTestServer() as other:
        other.create_run(run_id=RUN)
        other.append(RUN, log(0), raw=True)
        yield other
        assert other.requests == []
        assert other.open_connections == 0


def redirect(location: str, status: int = 302) -> Reply:
    return Reply(status, [("location", location)])


def reads(face: Face) -> list:
    """Each kind of read."""
    return [
        lambda: face.get(RUN),
        lambda: face.events(RUN),
        lambda: face.stream(RUN, live="sse").next(),
        lambda: face.stream(RUN, offset="now").next(),
    ]


@pytest.mark.parametrize("status", [302, 308])
@on_both_faces(client=CLIENT)
def test_a_redirect_to_another_origin(face, status, elsewhere):
    """Another port is another origin: refused, not followed without the token either."""
    face.server.script("", [redirect(f"{elsewhere.base_url}/runs/{RUN}", status)], repeat_last=True)
    for read in reads(face):
        with pytest.raises(FlueApiError, match="the same origin") as caught:
            read()
        assert caught.value.status == status
    assert len(face.targets) == 4


@pytest.mark.parametrize(
    "location",
    [
        "//{other}/api/runs/run_1",
        "http://user@{here}/api/runs/run_1",
        "http://{here}@{other}/",
        "https://{here}/api/runs/run_1",
        "ftp://{here}/",
        "http://{here}.elsewhere.invalid/",
        "http:\\\\{other}/",
        "http://{here}\\@{other}/",
        "",
    ],
)
@on_both_faces(client=CLIENT, compare=False)
def test_a_redirect_by_a_trick(face, location, elsewhere):
    """Without a scheme, with user info, to TLS on the same port, by backslashes, to nowhere.

    httpx reads the address before anybody asked it to, so what is no address fails earlier on that face; neither asks
    again.
    """
    here, other = f"127.0.0.1:{face.server.port}", f"127.0.0.1:{elsewhere.port}"
    face.server.script("", [redirect(location.format(here=here, other=other))], repeat_last=True)
    with pytest.raises((FlueApiError, FlueConnectionError)):
        face.get(RUN)
    # What RFC 3986 takes for a path leads round in circles on the same origin, five times.
    assert len(face.targets) == 1 or location.startswith("http:\\\\")


@on_both_faces(client=CLIENT)
def test_from_tls_to_plain(face, elsewhere, trusting):
    with serving("https") as secure:
        plain = secure.base_url.replace("https:", "http:")
        secure.faults.add(Fault(status=302, headers=[("location", f"{plain}/runs/{RUN}?meta")]), times=None)
        client = face.new_client(base_url=secure.base_url)
        with pytest.raises(FlueApiError, match="the same origin"):
            face.wait(client.runs.get, RUN)


@on_both_faces(client=CLIENT)
def test_a_redirect_within_the_origin(face):
    """It is followed, with the token, which stays where it was."""
    face.server.create_run(run_id=RUN)
    face.server.faults.add(Fault(status=307, headers=[("location", f"/api/runs/{RUN}?meta")]))
    face.get(RUN)
    assert [request.header("authorization") for request in face.server.requests] == ["Bearer s3cr3t"] * 2
    assert [request.header("x-api-key") for request in face.server.requests] == ["k3y"] * 2


@pytest.mark.parametrize("status", [303, 307])
@on_both_faces(client=CLIENT)
def test_a_redirect_of_a_post(face, status):
    """Within the origin or not: neither followed nor turned into a GET."""
    face.server.faults.add(Fault(status=status, headers=[("location", "/api/workflows/other")]))
    with pytest.raises(FlueApiError, match="a redirect of a POST is not followed"):
        face.invoke("report", input={"secret": 1})
    assert [(request.method, request.path) for request in face.server.requests] == [("POST", "/api/workflows/report")]


@pytest.mark.parametrize("with_token", [True, False])
@on_both_faces(compare=False)
def test_netrc(face, with_token, monkeypatch, tmp_path):
    """A `.netrc` entry for the host neither replaces the token nor is sent where there is none."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1\nlogin user\npassword s3cr3t\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".netrc").write_text(netrc.read_text())
    face.server.create_run(run_id=RUN)
    arguments = {"token": "t"} if with_token else {}
    clients = [face.new_client(**arguments)]
    if not face.is_async:
        session = requests.Session()
        clients.append(face.new_client(session=session, **arguments))
    for client in clients:
        face.wait(client.runs.get, RUN)
    sent = {request.header("authorization") for request in face.server.requests}
    assert sent == ({"Bearer t"} if with_token else {None})
    if not face.is_async:
        session.close()


@on_both_faces(client=CLIENT)
def test_cookies_are_not_kept(face):
    """What the server sets is not sent back; a header of the caller's own is, unchanged."""
    cookie = ("set-cookie", "session=1; Path=/")
    face.server.script("workflows", [Reply(202, [JSON, cookie], dumps({"runId": RUN}))])
    first = page(*logs(0, 2), next_offset="0_1", fault=Fault(extra_headers=[cookie]))
    face.server.script(RUN, [first, page(run_end(2), next_offset="0_2", closed=True)])
    face.run("report")
    assert [request.header("cookie") for request in face.server.requests] == ["theirs=1"] * 3
