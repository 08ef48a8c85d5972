"""Proxies of the environment: one that restarts or refuses, one that cannot be used, and those to go past."""

from __future__ import annotations

import base64
import contextlib
import logging
import ssl
import time
import traceback

import httpx
import pytest
import requests
import trustme
from network.loopback import LoopbackServer, closed_port
from network.proxy import ForwardProxy, SocksProxy
from network.relay import Relay
from network.resolver import HANG, hanging, names

from flue import BackoffOptions, FlueApiError, FlueConnectionError, Timeouts
from flue.testing import FlueTestServer

from .frames import RUN, indexes, logs
from .harness import BRIEF, EAGER, on_both_faces
from .reading import AUTHORITY, nothing_left
from .scripts import Program
from .stations import server_context

LIVES = pytest.mark.parametrize("live", ["long-poll", "sse"])
SCHEMES = pytest.mark.parametrize("scheme", ["http", "https"])
HOST = "127.0.0.1"
PASSWORD = "hunter2"


@contextlib.contextmanager
def behind_a_proxy(face, scheme, monkeypatch):
    """A proxy that the environment names, and a client that reaches a server of that scheme only by it."""
    for variable in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(variable, AUTHORITY)
    with contextlib.ExitStack() as stack:
        other = (
            FlueTestServer(ssl_context=server_context()) if scheme == "https" else contextlib.nullcontext(face.server)
        )
        server = stack.enter_context(other)
        proxy = stack.enter_context(ForwardProxy(server.port))
        monkeypatch.setenv(f"{scheme}_proxy", proxy.url)
        # Nobody listens there: only the proxy knows the way. The certificate is of this address.
        client = face.new_client(base_url=f"{scheme}://127.0.0.1:{closed_port()}/api")
        server.create_run(run_id=RUN)
        server.append(RUN, *logs(0, 2), raw=True)
        yield proxy, client, server


def failures_until(count, then):
    """Options whose callback does something at the failure of this number."""
    told = []

    def failed(attempt):
        told.append(attempt)
        if len(told) == count:
            then()

    return told, BackoffOptions(initial_delay=0.001, max_delay=0.002, on_failed_attempt=failed)


@SCHEMES
@LIVES
@on_both_faces(compare=False)
def test_a_proxy_that_restarts(face, live, scheme, monkeypatch, caplog):
    """In mid-stream: its port is closed for a while. Warnings, pauses, and the stream goes on."""
    caplog.clear()
    with behind_a_proxy(face, scheme, monkeypatch) as (proxy, client, server):
        told, options = failures_until(3, proxy.open_port)
        stream = face.stream(RUN, client, live=live, backoff_options=options)
        assert indexes(stream.collect(2)) == [0, 1]
        proxy.close_port()
        proxy.drop_connections()
        server.append(RUN, *logs(2, 4), raw=True)
        server.finish_run(RUN)
        assert indexes(stream.collect()) == [2, 3, 4]
        assert len(told) >= 3
        assert all(failure.will_retry for failure in told)
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) >= len(told)


@SCHEMES
@on_both_faces(compare=False)
def test_a_proxy_that_cannot_reach_the_server(face, scheme, monkeypatch):
    """It answers a request, or a CONNECT, with a gateway's status: reads are asked again, a start is sent once."""
    with behind_a_proxy(face, scheme, monkeypatch) as (proxy, client, server):
        proxy.refuse(502, times=2)
        assert face.wait(client.runs.get, RUN, backoff_options=EAGER).run_id == RUN
        told, options = failures_until(0, None)
        stream = face.stream(RUN, client, live="sse", backoff_options=options)
        assert indexes(stream.collect(2)) == [0, 1]
        proxy.refuse(504, times=2)
        proxy.drop_connections()
        server.finish_run(RUN)
        assert indexes(stream.collect()) == [2]
        assert len(told) >= 2
        assert all(failure.will_retry for failure in told)
        server.add_workflow("report", lambda _run: 1)
        proxy.refuse(503)
        proxy.drop_connections()
        with pytest.raises((FlueConnectionError, FlueApiError)):
            face.wait(client.workflows.invoke, "report")
        assert len(server.run_ids) == 1


@SCHEMES
@on_both_faces(compare=False)
def test_a_proxy_that_wants_credentials(face, scheme, monkeypatch):
    """407 is final: nobody will have others at the next try."""
    with behind_a_proxy(face, scheme, monkeypatch) as (proxy, client, _):
        proxy.refuse(407, times=5)
        for call in (client.runs.get, client.runs.events):
            asked = len(proxy.requests)
            with pytest.raises(FlueConnectionError if scheme == "https" else (FlueApiError, FlueConnectionError)):
                face.wait(call, RUN, backoff_options=BRIEF)
            assert len(proxy.requests) == asked + 1


@SCHEMES
@on_both_faces(compare=False)
def test_credentials_for_the_proxy(face, scheme, monkeypatch):
    """They go to the proxy alone, as do requests that it forwards; the token of a tunnel never passes it."""
    with behind_a_proxy(face, scheme, monkeypatch) as (proxy, _, server):
        monkeypatch.setenv(f"{scheme}_proxy", f"http://me:{PASSWORD}@{proxy.address}")
        client = face.new_client(base_url=f"{scheme}://127.0.0.1:{closed_port()}/api", token="t0ken")
        assert face.wait(client.runs.get, RUN).run_id == RUN
        asked = proxy.requests[-1]
        assert asked.header("proxy-authorization") == "Basic bWU6aHVudGVyMg=="
        assert asked.header("authorization") == (None if scheme == "https" else "Bearer t0ken")
        assert server.requests[-1].header("authorization") == "Bearer t0ken"
        assert scheme == "http" or server.requests[-1].header("proxy-authorization") is None


@on_both_faces(compare=False)
def test_a_proxy_that_looks_into_tls(face, monkeypatch, tmp_path):
    """It shows a certificate of its company: trusted when the environment has its authority, else refused at once."""
    authority = trustme.CA()
    bundle = tmp_path / "company.pem"
    authority.cert_pem.write_to_path(bundle)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("flue.test").configure_cert(context)
    with FlueTestServer(ssl_context=context) as server, ForwardProxy(server.port) as proxy:
        run_id = server.create_run()
        server.append(run_id, *logs(0, 2), raw=True)
        server.finish_run(run_id)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        untrusting = face.new_client(base_url="https://flue.test/api")
        with pytest.raises(FlueConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            face.wait(untrusting.runs.get, run_id, backoff_options=BRIEF)
        assert proxy.targets == ["CONNECT flue.test:443"]
        client = face.new_client(base_url="https://flue.test/api", token="t0ken")
        with monkeypatch.context() as environment:
            environment.setenv("REQUESTS_CA_BUNDLE", str(bundle))
            for live in (False, "sse", "long-poll"):
                assert indexes(face.stream(run_id, client, live=live).collect()) == [0, 1, 2]
        assert server.requests[-1].header("authorization") == "Bearer t0ken"


@pytest.mark.parametrize(("variable", "scheme"), [("ALL_PROXY", "socks5"), ("http_proxy", "socks5h")])
@on_both_faces
def test_a_socks_proxy(face, scheme, variable, monkeypatch):
    """With the extras of the libraries installed, whichever of them looks the name up."""
    run_id = face.server.create_run()
    with SocksProxy(face.server.port) as proxy, names({"flue.test": ["127.0.0.1"]}):
        monkeypatch.setenv(variable, f"{scheme}://{proxy.address}")
        client = face.new_client(base_url="http://flue.test/api")
        assert face.wait(client.runs.get, run_id).run_id == run_id
        assert len(proxy.hosts) == 1


class Mute(LoopbackServer):
    """A SOCKS proxy that answers each message of the greeting by the next of these, and then no more."""

    def __init__(self, *answers):
        super().__init__()
        self.answers = answers

    def serve(self, connection):
        for answer in self.answers:
            connection.recv(1024)
            connection.sendall(answer)
        if b"" in self.answers:
            return
        while connection.recv(1024):
            pass


@pytest.mark.parametrize(
    "answers",
    [(), (b"\x05\x00",), (b"",), (b"HTTP/1.1 400 Bad Request\r\n\r\n",), (b"\x05\x00", b"")],
    ids=["silent", "silent later", "gone", "not SOCKS", "gone later"],
)
@on_both_faces(compare=False)
def test_a_socks_proxy_that_is_out_of_order(face, answers, monkeypatch):
    """As with any other proxy: each attempt has an end, is retried, and leaves no connection behind."""
    options = BackoffOptions(initial_delay=0.001, max_retries=1)
    with Mute(*answers) as proxy, nothing_left():
        monkeypatch.setenv("ALL_PROXY", f"socks5h://{proxy.address}")
        client = face.new_client(base_url="http://flue.test/api", timeout=Timeouts(connect=0.3, read=20.0))
        with pytest.raises(FlueConnectionError, match=r"(?i)proxy|timed out|closed") as caught:
            face.wait(client.runs.get, RUN, backoff_options=options)
        assert (caught.value.retryable, proxy.accepted) == (True, 2)
        face.wait(client.aclose if face.is_async else client.close)


@on_both_faces(compare=False)
def test_a_socks_proxy_whose_look_up_hangs(face, monkeypatch):
    """The connect time-out bounds it too."""
    monkeypatch.setenv("ALL_PROXY", "socks5h://proxy.test:1080")
    with hanging("proxy.test") as state:
        client = face.new_client(base_url="http://flue.test/api", timeout=Timeouts(connect=0.1, read=20.0))
        begun = time.monotonic()
        with pytest.raises(FlueConnectionError) as caught:
            face.wait(client.runs.get, RUN, backoff_options=BackoffOptions(max_retries=0))
        assert not caught.value.is_read_timeout
        assert time.monotonic() - begun < HANG
        state.released.set()


@pytest.mark.parametrize(
    ("user_info", "credentials"),
    [
        ("me:secret", "me:secret"),
        ("me", "me:"),
        (":secret", ":secret"),
        ("m%40e:p%3Aw", "m@e:p:w"),
        ("m\u00e9:%E2%82%AC", "m\u00e9:\u20ac"),
    ],
)
@on_both_faces(compare=False)
def test_the_credentials_of_a_proxy(face, user_info, credentials, monkeypatch):
    run_id = face.server.create_run()
    with ForwardProxy(face.server.port) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("//", f"//{user_info}@"))
        face.wait(face.new_client(base_url="http://flue.test/api").runs.get, run_id)
        sent = proxy.requests[0].header("proxy-authorization")
    assert sent == f"Basic {base64.b64encode(credentials.encode()).decode()}"


UNUSABLE = f"socks://me:{PASSWORD}@127.0.0.1:9/"


@pytest.mark.parametrize(
    "variables", [{"HTTPS_PROXY": UNUSABLE}, {"ALL_PROXY": UNUSABLE, "NO_PROXY": "127.0.0.1"}], ids=["scheme", "host"]
)
@on_both_faces
def test_an_unusable_proxy_for_others(face, variables, monkeypatch):
    """A variable for another scheme, or for hosts to which `NO_PROXY` knows the way, does not matter."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    run_id = face.server.create_run()
    face.server.finish_run(run_id)
    assert face.get(run_id).run_id == run_id
    assert indexes(face.stream(run_id, live="sse").collect()) == [0]


@pytest.mark.parametrize("value", [UNUSABLE, "http://[::1"])
@on_both_faces(compare=False)
def test_an_unusable_proxy(face, value, monkeypatch, caplog):
    """Where it would have to be used the error says which variable to mend, at once, and not what secret it holds."""
    monkeypatch.setenv("all_proxy", value)
    told = []
    options = BackoffOptions(initial_delay=0.001, max_retries=3, on_failed_attempt=told.append)
    with pytest.raises(FlueConnectionError, match=r"(?i)all_proxy") as caught:
        face.wait(face.new_client().runs.get, RUN, backoff_options=options)
    assert len(told) <= 1
    assert face.targets == []
    said = "".join(traceback.format_exception(caught.value))
    assert PASSWORD not in "\n".join([said, *(repr(attempt) for attempt in told), caplog.text])


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_socks_proxy_without_the_extra(is_async):
    """The library that would speak SOCKS is missing: an error of ours that names the variable; direct hosts are reached."""
    script = f"""
        import os, sys
        sys.modules["socks"] = sys.modules["socksio"] = None
        import asyncio
        import flue
        IS_ASYNC = {is_async}
        async def get_async(run_id):
            async with flue.AsyncFlueClient(URL) as client:
                return await client.runs.get(run_id)
        def get(run_id):
            if IS_ASYNC:
                return asyncio.run(get_async(run_id))
            with flue.FlueClient(URL) as client:
                return client.runs.get(run_id)
        os.environ["ALL_PROXY"] = "socks5://127.0.0.1:9"
        try:
            get(RUN)
        except flue.FlueConnectionError as error:
            print("ALL_PROXY" in str(error).upper())
        os.environ["NO_PROXY"] = "127.0.0.1"
        print(get(RUN).run_id)
    """
    with FlueTestServer() as server:
        server.create_run(run_id=RUN)
        program = Program(server, script, flags=["-W", "error"])
        status, out, err = program.finish()
    assert (status, out.split(), err) == (0, ["True", RUN], "")


@pytest.mark.parametrize(
    ("value", "host", "direct"),
    [
        ("127.0.0.0/8,fd00::/8", HOST, True),
        (".flue.test", "api.flue.test", True),
        ("[::1]", "[::1]", True),
        ("10.0.0.0/8", HOST, False),
        ("x-flue.test", "flue.test", False),
        ("::2", "[::1]", False),
    ],
    ids=["a network", "a suffix", "IPv6", "another network", "a name that ends so", "another address of IPv6"],
)
@on_both_faces(compare=False)
def test_hosts_to_go_past_the_proxy(face, value, host, direct, monkeypatch):
    """The environment has one rule for both faces, tested beside it; here it is seen that they live by it."""
    names_of_host = {name: ["127.0.0.1"] for name in ("flue.test", "api.flue.test")}
    with ForwardProxy(face.server.port) as proxy, Relay(face.server.port, "::1") as other, names(names_of_host):
        port = other.port if host == "[::1]" else face.server.port
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", value)
        run_id = face.server.create_run()
        url = f"http://{host}:{port}/api"
        client = face.new_client(base_url=url)
        assert face.wait(client.runs.get, run_id, backoff_options=BRIEF).run_id == run_id
        asked = [target.replace("//::1:", "//[::1]:") for target in proxy.targets]  # httpx leaves out the brackets
        assert asked == ([] if direct else [f"GET {url}/runs/{run_id}?meta"])


@on_both_faces(compare=False)
def test_no_proxy_of_a_client_of_the_caller(face, monkeypatch):
    """With a session or client of theirs their library decides; ours adds no rule to it."""
    with ForwardProxy(face.server.port) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        run_id = face.server.create_run()
        theirs = httpx.AsyncClient(trust_env=False) if face.is_async else requests.Session()
        if not face.is_async:
            theirs.trust_env = False
        client = face.new_client(**{"http_client" if face.is_async else "session": theirs})
        assert face.wait(client.runs.get, run_id).run_id == run_id
        assert proxy.targets == []
        face.release(theirs)
