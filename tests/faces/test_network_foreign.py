"""Answers of servers that are not Flue, and loopback servers of our own behind a proxy of the environment."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import subprocess
import sys
import threading

import pytest
from network.loopback import closed_port

from flue import BackoffOptions, FlueApiError, NotFoundError
from flue.testing import Reply

from .frames import JSON, RUN, control, data, dumps, log, offset, page, sse
from .harness import BRIEF, on_both_faces
from .scripts import ROOT

HTML = b"<html><head><title>404 Not Found</title></head><body>nginx</body></html>"


@contextlib.contextmanager
def file_server(folder):
    """`python -m http.server`."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = False

    with Server(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def whole_text(error):
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


@on_both_faces(compare=False)  # the server is not the one whose address the transcript leaves out
def test_a_wrong_mount(face, tmp_path):
    """The URL that was asked is what the user has to mend; there is nothing to read on from."""
    with file_server(tmp_path) as url:
        client = face.new_client(base_url=f"{url}/wrong-mount")
        address = f"{url}/wrong-mount/runs/r"

        def read(**options):
            return face.stream("r", client, **options).collect()

        def run(name):
            return face.wait(client.workflows.run, name)

        for call in (
            lambda: face.wait(client.runs.get, "r"),
            lambda: face.wait(client.runs.events, "r"),
            lambda: read(live=False),
            lambda: read(live="sse"),
            lambda: read(live="long-poll"),
        ):
            with pytest.raises(NotFoundError) as caught:
                call()
            assert address in str(caught.value)
            assert "read on" not in whole_text(caught.value)
        for start in (functools.partial(face.wait, client.workflows.invoke), run):
            with pytest.raises(FlueApiError) as caught:
                start("report")
            assert caught.value.status == 501
            assert f"{url}/wrong-mount/workflows/report" in str(caught.value)
        for stream in face.streams:
            stream.close()
        face.wait(client.aclose if face.is_async else client.close)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 410, 502])
@pytest.mark.parametrize(
    "body", [HTML, b"", b"{}", b'{"error": "no"}', b'{"detail":"Not Found"}'], ids=lambda body: str(body[:12])
)
@on_both_faces
def test_an_error_of_another_program(face, body, status):
    """It names the URL; an error that is Flue's own says all without one."""
    face.server.script(RUN, [Reply(status, [("content-type", "text/html")], body)], repeat_last=True)
    for call in (face.get, face.events):
        with pytest.raises(FlueApiError) as caught:
            call(RUN, backoff_options=BRIEF)
        assert f"{face.server.base_url}/runs/{RUN}" in whole_text(caught.value)
        assert status >= 500 or "read on" not in whole_text(caught.value)
    own = dumps({"error": {"type": "run_not_found", "message": "No such run.", "details": "", "dev": None}})
    face.server.script("run_2", [Reply(404, [JSON], own)])
    with pytest.raises(NotFoundError) as caught:
        face.get("run_2")
    assert str(caught.value) == "Flue API error 404 [run_not_found]: No such run."


@pytest.mark.parametrize("live", [False, "sse"])
@on_both_faces
def test_an_error_behind_events(face, live):
    """Where something has been read, one is told from where to go on."""
    first = sse(data(log(0)) + control(0)) if live else page(log(0), next_offset=offset(0), up_to_date=False)
    face.server.script(RUN, [first, Reply(403, [("content-type", "text/html")], HTML)], repeat_last=True)
    stream = face.stream(RUN, live=live, backoff_options=BackoffOptions(initial_delay=0.001, max_retries=3))
    assert stream.next().event_index == 0
    with pytest.raises(FlueApiError) as caught:
        stream.collect()
    assert offset(0) in whole_text(caught.value)
    assert f"{face.server.base_url}/runs/{RUN}" in whole_text(caught.value)


PLUGIN_TEST = """
import pytest

def test_sync(flue_server, flue_client):
    @flue_server.workflow("report")
    def report(run):
        return 7
    assert flue_client.workflows.run("report").result == 7

def test_async(flue_server, async_flue_client):
    import asyncio
    flue_server.add_workflow("report", lambda run: 8)
    async def main():
        assert (await async_flue_client.workflows.run("report")).result == 8
        await async_flue_client.aclose()
    asyncio.run(main())
"""
VARIABLES = ["HTTP_PROXY", "all_proxy"]


def run_behind(variable, arguments, folder):
    """A program in an environment whose proxy cannot be reached."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "COV", "FLUE"))}
    environment |= {variable: f"http://127.0.0.1:{closed_port()}", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60.0,
        check=False,
    )


@pytest.mark.parametrize("variable", VARIABLES)
def test_the_plugin_behind_a_proxy(variable, tmp_path):
    """The fixtures reach their own server directly."""
    (tmp_path / "test_it.py").write_text(PLUGIN_TEST)
    done = run_behind(variable, ["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


@pytest.mark.parametrize("variable", VARIABLES)
def test_the_demonstration_behind_a_proxy(variable, tmp_path):
    """So does `demo`."""
    done = run_behind(variable, ["-m", "flue", "demo"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
