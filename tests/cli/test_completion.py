"""`completion`: the scripts, used in a real bash and a real zsh by somebody who presses the tab key."""

from __future__ import annotations

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
        ("--js\tru\tev\t--cs\tID", "--json runs events --csv ID"),
        ("--token t0k wo\ti\treport --fol\t", "--token t0k workflows invoke report --follow"),
        ("runs timeline ID --html com\t", "runs timeline ID --html completed.html"),
        ("se\t--po\t8787", "serve --port 8787"),
        ("comp\tz\t", "completion zsh"),
        ("runs nothing-like-it\t", "runs nothing-like-it"),
    ],
)
def test_a_word_is_completed(shell, typed, words):
    assert shell.words(typed) == words.split()


def test_zsh_uses_what_bash_does(flue):
    assert flue("completion", "zsh").out.endswith(flue("completion", "bash").out)


def test_the_width_of_the_terminal_does_not_matter(flue, monkeypatch):
    wide = flue("completion", "bash").out
    monkeypatch.setenv("COLUMNS", "20")
    assert flue("completion", "bash").out == wide


def test_no_other_shell(flue):
    assert flue("completion", "tcsh").status == 2
