"""`completion`: the scripts, used in a real bash and a real zsh by somebody who presses the tab key."""

from __future__ import annotations

import sys

import pytest

from .shell import Shell


@pytest.fixture(scope="module", params=["bash", "zsh", "zsh with compinit"])
def shell(request, program, tmp_path_factory):
    name, _, more = request.param.partition(" with ")
    home = tmp_path_factory.mktemp("home")
    (home / "completed.html").touch()
    with Shell(name, program(name), home, ["autoload -Uz compinit", "compinit -u"] if more else []) as running:
        yield running


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("de\t", "demo"),
        ("ru\tti\tID", "runs timeline ID"),
        ("runs stream ID --liv\tlo\t", "runs stream ID --live long-poll"),
        ("ru\tev\tID --cs\t", "runs events ID --csv"),
        ("--js\tru\tge\tID", "--json runs get ID"),
        ("--token t0k wo\ti\treport --fol\t", "--token t0k workflows invoke report --follow"),
        ("runs timeline ID --html com\t", "runs timeline ID --html completed.html"),
        ("serv\t--po\t8787", "serve --port 8787"),
        ("comp\tz\t", "completion zsh"),
        ("runs nothing-like-it\t", "runs nothing-like-it"),
    ],
)
def test_a_word_is_completed(shell, typed, words):
    assert shell.words(typed) == words.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_the_script_knows_every_command(flue, shell):
    outcome = flue("completion", shell)
    assert (outcome.status, outcome.err) == (0, "")
    for word in ("workflows", "invoke", "runs", "timeline", "long-poll", "trace", "database"):
        assert word in outcome.out


def test_another_shell_is_wrong_usage(flue):
    assert flue("completion", "nushell").status == 2


def test_without_shtab_there_is_a_hint(flue, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    outcome = flue("completion", "bash")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err == "flue: completion needs shtab: pip install 'flue-sdk[cli]'\n"
