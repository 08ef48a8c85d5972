"""The wheel, installed where there is nothing else, and with the oldest versions that it says are enough."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from cli.terminal import Terminal

import flue
from flue.testing import FlueTestServer

EXTRAS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]

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


def test_so_does_its_view_for_people(bare, server):
    class Installed(Terminal):
        program = (str(bare.home / "bin" / "flue-py"),)

    words = ["workflows", "invoke", "greet", "--input", '{"name": "Ada"}', "--follow"]
    with Installed(*words, FLUE_BASE_URL=server.base_url) as terminal:
        assert terminal.wait() == 0
    assert "✓ completed in " in terminal.screen.text


EVERYTHING = """
import importlib, pkgutil, flue

absent = []
for module in pkgutil.walk_packages(flue.__path__, "flue."):
    try:
        importlib.import_module(module.name)
    except ImportError as error:
        absent.append(module.name)
print(*absent)
"""
#: What needs something more, and what that is: an extra, or pytest, which whoever uses its plugin has.
BROUGHT = {
    "flue.cli.terminal": "cli",
    "flue.otel": "otel",
    "flue.checkpoints.redis": "redis",
    "flue.testing.plugin": "pytest",
}


def test_everything_but_what_an_extra_brings_can_be_imported_without(bare):
    assert set(bare.python(EVERYTHING).split()) == set(BROUGHT)


@pytest.mark.parametrize("extra", [extra for extra, brought in EXTRAS.items() if brought])
def test_an_extra_is_enough_for_what_it_brings(install, wheel, server, extra):
    environment = install(f"{wheel}[{extra}]")
    absent = {module for module, needed in BROUGHT.items() if needed != extra}
    assert set(environment.python(EVERYTHING).split()) == absent
    assert environment.python(BOTH_FACES, base_url=server.base_url).split() == ["run_start", "log", "run_end"]


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
