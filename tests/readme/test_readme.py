"""What the README shows is what happens, and its tables are complete. Whether its blocks run is asked with the pages'."""

from __future__ import annotations

import inspect
import re
import tomllib

import pytest
from printed import ROOT, blocks, is_test, run_script

import flue.errors
from flue import BackoffOptions, Conversation, FlueClient
from flue.sync.runs import Runs

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
SCRIPTS = [block for block in blocks(TEXT, "python") if not is_test(block)]


@pytest.fixture(autouse=True)
def server(sample_server):
    return sample_server


def test_the_first_script_is_a_conversation_and_the_second_a_run(capsys):
    assert run_script(SCRIPTS[0], capsys) == "The highest tide is at **Brest**: 7.3 metres. Mind the rocks! 🌊\n"
    assert run_script(SCRIPTS[1], capsys).startswith("run_start ")


def test_the_script_that_matches_prints_what_happens(capsys):
    (block,) = [block for block in SCRIPTS if "match event" in block]
    assert run_script(block, capsys) == (
        "[info] looking for the figures\n"
        "The highest tide of the day is expected at Brest: 7.3 metres. Mind the rocks! 🌊\n"
        "[warn] tides run high today\n"
        "result: {'highest': 'Brest', 'metres': 7.3, 'stations': 2}\n"
    )


def test_the_errors_script_meets_the_error(server, capsys):
    (block,) = [block for block in SCRIPTS if "except FlueExecutionError" in block]
    assert run_script(block, capsys) == (
        f"the run failed: {server.run_ids[0]} {{'name': 'RuntimeError', 'message': 'asked to fail'}}\n"
    )


def table(heading):
    """The first cells of the first table behind a text, without what is in parentheses."""
    text = TEXT.partition(heading)[2].partition("|---|")[2].partition("\n\n")[0]
    return [re.sub(r"\(.*?\)", "", row.split("|")[1]) for row in text.splitlines()[1:]]


def names(heading):
    return {name for cell in table(heading) for name in re.findall(r"`([\w.]+)`", cell)}


def methods(owner):
    return {name for name, _ in inspect.getmembers(owner, inspect.isfunction) if not name.startswith("_")}


def test_the_tables_of_options_are_complete():
    client = set(inspect.signature(FlueClient.__init__).parameters)
    assert names("Of the clients.") | {"self"} == client
    assert names("Of `runs.stream()`") | {"self", "run_id"} == set(inspect.signature(Runs.stream).parameters)
    assert set(inspect.signature(Conversation.__init__).parameters) == client - {"base_url"} | {"url"}
    options = re.search(r"`BackoffOptions\((.*?)\)`", TEXT, re.DOTALL)
    assert re.sub(r"\s+", " ", options.group(1)) == ", ".join(
        f"{name}={parameter.default}" for name, parameter in inspect.signature(BackoffOptions).parameters.items()
    )


def test_the_tables_of_methods_are_complete():
    assert names("## I have a Flue 2 server") == methods(Conversation) - {"close"}
    with FlueClient() as client:
        namespaces = {name: vars(client)[name] for name in ("runs", "workflows", "agents")}
        everything = {f"{name}.{method}" for name, owner in namespaces.items() for method in methods(type(owner))}
    found = names("## I have a Flue 1.0 server")
    assert found - {"send", "wait", "stream"} == everything - {"agents.send", "agents.wait", "agents.stream"}


def test_the_table_of_errors_is_complete():
    rows = TEXT.partition("| error | when |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+Error)`", rows)) == set(flue.errors.__all__) - {"FlueError"} | {"TimeoutError"}


def test_every_extra_is_named():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(re.findall(r"\| `flue-sdk\[(\w+)\]`", TEXT)) == set(project["optional-dependencies"])
