"""The pytest plugin as its users meet it: another pytest, in another directory."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

NOBODY = "http://127.0.0.1:9"
USERS_TESTS = """
import asyncio
import contextlib

import pytest

from flue.testing import Fault


def test_client(flue_server, flue_client):
    flue_server.add_workflow("report", lambda run: run.log("half way", done=50))
    flue_server.faults.add(Fault(cut_after=100), method="GET")
    assert flue_client.workflows.run("report").result is None


@pytest.mark.flue_version(2)
def test_version(flue_server):
    flue_server.add_agent("support", lambda turn: "hi")
    assert flue_server.create_conversation("support", "one").startswith("inst_")


def test_conversation(flue_server, flue_conversation):
    flue_server.add_agent("assistant", lambda turn: f"You said: {turn.message.body}")
    flue_server.faults.add(Fault(status=503), method="GET")
    assert flue_conversation.ask("hello").text == "You said: hello"


@pytest.mark.parametrize("entered", [False, True])
def test_asyncio_conversation(flue_server, async_flue_conversation, entered):
    flue_server.add_agent("assistant", lambda turn: "hi")

    async def main():
        async with async_flue_conversation if entered else contextlib.nullcontext():
            return await async_flue_conversation.ask("hello")

    assert asyncio.run(main()).text == "hi"


def test_each_test_has_its_own_server(flue_server):
    assert (flue_server.run_ids, flue_server.requests) == ([], [])


@pytest.mark.parametrize("entered", [False, True])
def test_asyncio(flue_server, async_flue_client, entered):
    flue_server.add_workflow("report", lambda run: 1)

    async def main():
        async with async_flue_client if entered else contextlib.nullcontext():
            return await async_flue_client.workflows.run("report")

    assert asyncio.run(main()).result == 1


def test_leaving_a_stream_open(flue_server, async_flue_client):
    async def main():
        run_id = flue_server.create_run()
        flue_server.append(run_id, {"type": "idle"})
        return await anext(async_flue_client.runs.stream(run_id, live="sse"))

    assert asyncio.run(main()).type == "idle"
"""

TEST_WITH_A_PROBLEM = """
import requests


def test_script_that_runs_out(flue_server):
    flue_server.script("/x", [])
    assert requests.get(f"{flue_server.base_url}/x").status_code == 599
"""


def run_pytest(directory, *arguments, **variables):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "FLUE"))}
    environment |= variables
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", "--strict-markers", *arguments]
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, timeout=120, env=environment, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_fixtures_are_described(tmp_path):
    code, output = run_pytest(tmp_path, "--fixtures", "-q")
    assert code == 0, output
    for name, words in [
        ("flue_server", "A Flue server on loopback"),
        ("flue_client", "A `flue.FlueClient` bound to `flue_server`"),
        ("async_flue_client", "A `flue.AsyncFlueClient` bound to `flue_server`"),
        ("flue_conversation", "The conversation ``test`` of the agent ``assistant``"),
        ("async_flue_conversation", "The conversation ``test`` of the agent ``assistant``"),
    ]:
        assert f"\n{name} -- " in output
        assert words in output


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"HTTP_PROXY": NOBODY, "http_proxy": NOBODY, "no_proxy": "", "SSL_CERT_DIR": "/nowhere"},
        {"ALL_PROXY": NOBODY, **dict.fromkeys(("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"), "/nowhere")},
        {"all_proxy": "socks5://127.0.0.1:9"},
    ],
    ids=" ".join,
)
def test_fixtures_work(tmp_path, variables):
    """Whatever the environment: the server is on loopback, no proxy leads to it, and no certificate is needed."""
    (tmp_path / "test_users.py").write_text(USERS_TESTS)
    code, output = run_pytest(tmp_path, **variables)
    assert (code, "9 passed" in output) == (0, True), output


def test_problems_of_the_server_fail_the_test(tmp_path):
    (tmp_path / "test_users.py").write_text(TEST_WITH_A_PROBLEM)
    code, output = run_pytest(tmp_path)
    assert code == 1
    assert "the Flue test server had problems: ['no reply left for GET /api/x']" in output


def test_the_marker_names_a_version(tmp_path):
    marked = (
        "import pytest\n\n@pytest.mark.flue_version{}\ndef test(flue_server): assert flue_server.flue_version == 2\n"
    )
    (tmp_path / "test_users.py").write_text(marked.format("(version=2)"))
    (tmp_path / "test_nothing.py").write_text(marked.format(""))
    _, output = run_pytest(tmp_path)
    assert "1 passed, 1 error" in output
    assert "ValueError: flue_version must be 1 or 2: None" in output
