"""The wheel, installed where there is nothing else, and with the oldest versions that it says are enough."""

from __future__ import annotations

import json

import pytest

import flue
from flue.testing import FlueTestServer

BOTH_FACES = """
import asyncio
from flue import AsyncFlueClient, BackoffOptions, FlueClient, to_json

patience = BackoffOptions(max_retries=2, max_elapsed=20.0)  # every kind of limit

with FlueClient(backoff_options=patience) as client:
    run_id = client.workflows.invoke("greet", input={"name": "Ada"}).run_id
    first = list(client.runs.stream(run_id, live="sse"))

async def main():
    async with AsyncFlueClient(backoff_options=patience) as client:
        return [event async for event in client.runs.stream(run_id, live="sse")]

assert [to_json(event) for event in first] == [to_json(event) for event in asyncio.run(main())]
print(*[event.type for event in first])
"""


@pytest.fixture(scope="module")
def server():
    with FlueTestServer() as running:

        @running.workflow("greet")
        def greet(run):
            run.log("greeting", name=run.input["name"])
            return {"greeting": f"Hello, {run.input['name']}"}

        yield running
        assert running.problems == []


@pytest.fixture(scope="module")
def bare(install, wheel):
    return install(str(wheel))


def test_a_bare_environment_is_enough_to_import_and_follow(bare, server):
    assert bare.python("import flue; print(flue.__version__)").strip() == flue.__version__
    assert bare.python(BOTH_FACES, base_url=server.base_url).split() == ["run_start", "log", "run_end"]


def test_the_command_line_speaks_json_lines_without_any_extra(bare, server):
    done = bare.run(
        "flue-py", "workflows", "invoke", "greet", "--input", '{"name": "Ada"}', "--follow", base_url=server.base_url
    )
    assert (done.returncode, done.stderr) == (0, "")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["type"] for event in events if "type" in event] == ["run_start", "log", "run_end"]
    again = bare.run("python", "-m", "flue", "runs", "events", server.run_ids[-1], base_url=server.base_url)
    assert again.returncode == 0
    assert len(again.stdout.splitlines()) == 3


def test_what_an_extra_brings_says_so_where_it_is_missing(bare):
    absent = "try:\n    {}\nexcept ImportError as error:\n    print(error)"
    assert "flue-sdk[otel]" in bare.python(absent.format("import flue.otel"))
    assert "flue-sdk[redis]" in bare.python(absent.format("from flue.checkpoints import RedisCheckpoints"))


def test_the_lowest_versions_will_do_with_every_extra(install, wheel, metadata, server):
    floors = [
        requirement.partition(";")[0].strip().replace(">=", "==") for requirement in metadata.get_all("Requires-Dist")
    ]
    extras = ",".join(metadata.get_all("Provides-Extra"))
    oldest = install(f"{wheel}[{extras}]", *floors)
    assert oldest.python(BOTH_FACES, base_url=server.base_url).split() == ["run_start", "log", "run_end"]
    assert oldest.python("from flue.checkpoints import RedisCheckpoints; import flue.otel; print('ok')") == "ok\n"
