"""From start to stop: what a server leaves behind (nothing), restarts, ports, state on disk, many clients."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import ssl
import subprocess
import sys
import threading

import pytest
from faces.reading import AUTHORITY, TLS, nothing_left

from flue.testing import Fault, FlueTestServer, Reply, ServerStoppedError, _runs

from .raw import CLOSED, JSON, RESET, ask, get, invoke, log, opened, read_all, read_until, request_bytes, requested


def test_addresses():
    server = FlueTestServer(base_path="")
    assert server.port == 0
    with server:
        assert server.base_url == f"http://127.0.0.1:{server.port}"
        server.create_run(run_id="x")
        assert get(server, "/runs/x").status == 200
        with pytest.raises(RuntimeError, match="runs already"):
            server.start()
        with pytest.raises(OSError, match="in use"):
            FlueTestServer(port=server.port).start()
    for base_path in ("api", "/api/", "/"):
        with pytest.raises(ValueError, match="base_path"):
            FlueTestServer(base_path=base_path)


def test_paths_elsewhere_are_no_routes(server):
    for target in ("/runs/x", "/apix/runs/x", "/api"):
        with opened(server) as sock:
            sock.sendall(f"GET {target} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
            assert read_all(sock)[0].startswith(b"HTTP/1.1 404 ")


def test_stop_is_idempotent():
    server = FlueTestServer()
    server.stop()
    server.start()
    server.stop()
    server.stop()
    with pytest.raises(RuntimeError, match="does not run"):
        server.drop_connections()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=5)


def test_nothing_is_left_behind(monkeypatch):
    """Not with streams open, polls waiting, and workflows of both kinds running; asyncio looks closely, too."""
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")

    async def sleep(run):
        await asyncio.sleep(60)

    threads = threading.enumerate()
    with nothing_left(), contextlib.ExitStack() as clients:
        with FlueTestServer() as server:
            server.add_workflow("sync", lambda run: run.sleep(60))
            server.add_workflow("async", sleep)
            running = [invoke(server, name).json()["runId"] for name in ("sync", "async")]
            for query in ("live=sse", "live=long-poll"):
                clients.enter_context(requested(server, f"/runs/{running[0]}?offset=now&{query}"))
            clients.enter_context(opened(server))
            server.wait_for_connections(3)
        assert server.open_connections == 0
        assert threading.enumerate() == threads
        for run_id in running:
            assert [event["type"] for event in server.history(run_id)] == ["run_start"]
        assert server.problems == []


def test_clients_that_come_while_it_stops():
    """A connection that was accepted and not yet served is closed, too."""
    with nothing_left():
        for _ in range(50):
            with FlueTestServer() as server, contextlib.ExitStack() as clients:
                for _ in range(5):
                    clients.enter_context(opened(server))
                server.stop()


def run_script(script):
    """What a script has written to its outputs, in another process."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout, done.stderr


def test_no_descriptors_left():
    """It says so, and serves again once there are some."""
    output, errors = run_script("""
import resource, socket, time
from flue.testing import FlueTestServer
with FlueTestServer() as server:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    client = socket.create_connection(("127.0.0.1", server.port))
    server.wait_for_connections(1)
    waiting = socket.socket()
    taken = socket.socket()
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken.fileno() + 1, hard))
    waiting.connect(("127.0.0.1", server.port))
    deadline = time.monotonic() + 10
    while not server.problems and time.monotonic() < deadline:
        time.sleep(0.01)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    server.wait_for_connections(2)
    print(server.problems[0])
    client.close(), waiting.close(), taken.close()
""")
    assert "Too many open files" in output, errors


def test_a_stopped_run_cannot_write(server, gate):
    seen = []

    @server.workflow("late")
    def late(run):
        gate()
        try:
            run.log("too late")
        except ServerStoppedError as error:
            seen.append(type(error))
            raise

    run_id = invoke(server, "late").json()["runId"]
    gate.reached()
    threading.Timer(0.05, gate.open).start()
    server.stop()
    assert seen == [ServerStoppedError]
    assert [event["type"] for event in server.history(run_id)] == ["run_start"]


def test_a_workflow_that_does_not_end(server, gate, monkeypatch):
    monkeypatch.setattr(_runs, "JOIN_SECONDS", 0.05)
    server.add_workflow("stuck", lambda _: gate())
    invoke(server, "stuck")
    with pytest.raises(RuntimeError, match=r"workflow stuck run_.* is still running"):
        server.stop()


def test_not_from_its_own_loop(server):
    @server.workflow("suicide")
    async def suicide(run):
        server.drop_connections()

    run_id = invoke(server, "suicide").json()["runId"]
    get(server, f"/runs/{run_id}?offset=-1&live=sse")
    assert "not from its own loop" in server.history(run_id)[-1]["error"]["message"]


def test_restart_keeps_the_port_and_the_state_unless_it_is_to_be_lost(server):
    port, run_id = server.port, server.create_run()
    server.append(run_id, log(1))
    server.add_workflow("w", lambda run: run.sleep(60))
    active = invoke(server, "w").json()["runId"]
    target = f"/runs/{run_id}?offset=-1&live=sse"
    with requested(server, target) as sock:
        read_until(sock, b"upToDate")
        server.restart()
        assert read_all(sock)[1] == RESET
    assert server.port == port
    # What was running is dead, and nobody says so.
    got = get(server, f"/runs/{active}?offset=-1")
    assert (got.header("stream-closed"), get(server, f"/runs/{active}?meta").json()["status"]) == (None, "active")
    # What starts now runs, and who waits now is woken.
    assert invoke(server, "w").status == 202
    with requested(server, target) as sock:
        read_until(sock, b"upToDate")
        get(server, "/nope")  # answered once the stream waits
        server.append(run_id, log(2))
        read_until(sock, b'"message":"2"')
    server.restart(lose_state=True)
    assert get(server, f"/runs/{run_id}").status == 404
    assert server.run_ids == []


def test_port_closed_and_open_again(server):
    run_id = server.create_run()
    with requested(server, f"/runs/{run_id}?offset=-1&live=sse") as sock:
        read_until(sock, b"upToDate")
        server.pause_listening()
        with pytest.raises(ConnectionRefusedError):
            get(server, f"/runs/{run_id}")
        server.append(run_id, log(1))
        read_until(sock, b'"message":"1"')
        server.resume_listening()
        assert get(server, f"/runs/{run_id}").status == 200
        server.drop_connections()
        assert read_all(sock)[1] == RESET
    assert get(server, f"/runs/{run_id}").status == 200


def test_requests_are_recorded(server):
    server.wait_for_connections(0)
    ask(server, "POST", "/workflows/a%2Fb?wait=result&x=%20+", b"{}", [("X-Y", "1"), *JSON])
    (request,) = server.wait_for_requests(1)
    assert (request.number, request.method, request.path) == (1, "POST", "/api/workflows/a%2Fb")
    assert request.target == "/api/workflows/a%2Fb?wait=result&x=%20+"
    assert request.query == [("wait", "result"), ("x", "  ")]
    assert (request.header("x-y"), request.header("nope"), request.json()) == ("1", None, {})
    assert ("X-Y", "1") in request.headers
    with pytest.raises(TimeoutError, match=r"1 of 2 requests after 0\.01 s"):
        server.wait_for_requests(2, timeout=0.01)
    with pytest.raises(TimeoutError, match="connections, not 7"):
        server.wait_for_connections(7, timeout=0.01)


def test_problems_of_the_server_itself_are_told():
    def broken(_):
        raise ZeroDivisionError("in the test's own function")

    with FlueTestServer() as server:
        server.faults.add(broken)
        assert get(server, "/runs/x").status == 500
        assert server.problems == ["ZeroDivisionError: in the test's own function"]


class TestDatabase:
    def test_another_server_goes_on(self, tmp_path):
        with FlueTestServer(database=tmp_path / "flue.db") as server:
            server.add_workflow("w", lambda run: run.input)
            done = invoke(server, "w", {"é": "\ud83d"}, query="?wait=result").json()["runId"]
            record, history = get(server, f"/runs/{done}?meta").body, get(server, f"/runs/{done}").body
            open_run = server.create_run(run_id="a first by name")
            server.append(open_run, *map(log, range(3)))
        with FlueTestServer(database=tmp_path / "flue.db") as server:
            assert server.run_ids == [done, open_run]
            assert get(server, f"/runs/{done}?meta").body == record
            again = get(server, f"/runs/{done}")
            assert (again.body, again.header("stream-closed")) == (history, "true")
            assert get(server, "/runs/a%20first%20by%20name").header("stream-closed") is None
            server.append(open_run, log(3))
            assert [event["eventIndex"] for event in server.history(open_run)] == [0, 1, 2, 3]
            server.restart(lose_state=True)
        with FlueTestServer(database=tmp_path / "flue.db") as server:
            assert server.run_ids == []
            server.create_run(run_id=done)
            assert server.history(done) == []

    def test_what_a_killed_process_wrote_is_there(self, tmp_path):
        run_script(f"""
import os
from flue.testing import FlueTestServer
server = FlueTestServer(database={str(tmp_path / "flue.db")!r})
server.create_run(run_id="x")
server.append("x", {{"type": "idle"}})
os.kill(os.getpid(), 9)
""")
        with FlueTestServer(database=tmp_path / "flue.db") as server:
            assert [event["type"] for event in server.history("x")] == ["idle"]


@pytest.fixture
def tls_server():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem")
    with FlueTestServer(ssl_context=context) as running:
        yield running
        running.wait_for_connections(0)
        assert running.problems == []


@contextlib.contextmanager
def opened_tls(server):
    context = ssl.create_default_context(cafile=AUTHORITY)
    with (
        opened(server) as sock,
        context.wrap_socket(sock, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as tls,
    ):
        yield tls


class TestTLS:
    def test_live_stream_and_reset(self, tls_server):
        assert tls_server.base_url.startswith("https://127.0.0.1:")
        run_id = tls_server.create_run()
        with opened_tls(tls_server) as tls:
            tls.sendall(request_bytes(tls_server, f"/runs/{run_id}?offset=-1&live=sse"))
            read_until(tls, b"upToDate")
            tls_server.append(run_id, log(1))
            read_until(tls, b'"message":"1"')
            tls_server.drop_connections()
            # OpenSSL shows a reset as either; an end in order it would show as no bytes.
            with pytest.raises((ConnectionResetError, ssl.SSLEOFError)):
                read_until(tls, b"never sent")

    def test_cut_and_closed_in_order(self, tls_server):
        run_id = tls_server.create_run()
        tls_server.faults.add(Fault(cut_after=1, end="close"))
        with opened_tls(tls_server) as tls:
            tls.sendall(request_bytes(tls_server, f"/runs/{run_id}"))
            data, how = read_all(tls)
        assert (data[-5:], how) == (b"\r\n\r\n[", CLOSED)

    def test_a_body_without_end_ends_with_its_client(self, tls_server):
        """TLS to a client that has gone offers no resistance; the loop must turn all the same."""
        reply = Reply(200, [("content-type", "text/plain")], itertools.repeat(b"more and more"))
        tls_server.script("endless", [reply])
        with opened_tls(tls_server) as tls:
            tls.sendall(request_bytes(tls_server, "/endless"))
            read_until(tls, b"more and more")

    def test_a_client_without_trust_is_no_problem_of_the_server(self, tls_server):
        with opened(tls_server) as sock, pytest.raises(ssl.SSLError):
            ssl.create_default_context().wrap_socket(sock, server_hostname="127.0.0.1")


def test_a_thousand_streams(server):
    """Each gets every event; they cost no threads."""
    run_id, count = server.create_run(), 1000
    before = threading.active_count()

    async def follow():
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request_bytes(server, f"/runs/{run_id}?offset=-1&live=sse"))
        data = await reader.readuntil(b"0\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        return data.count(b'"type":"log"')

    async def main():
        followers = [asyncio.create_task(follow()) for _ in range(count)]
        await asyncio.to_thread(server.wait_for_requests, count, 60)
        assert server.open_connections == count
        threads = threading.active_count()
        await asyncio.to_thread(server.append, run_id, log(1), log(2))
        await asyncio.to_thread(server.finish_run, run_id)
        return await asyncio.gather(*followers), threads

    got, threads = asyncio.run(main())
    assert got == [2] * count
    assert threads <= before + 1
