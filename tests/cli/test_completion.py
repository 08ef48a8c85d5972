"""`completion`: the scripts, used by real shells."""

from __future__ import annotations

import subprocess
import sys

import pytest

# What bash does when the tab key is pressed after these words: it calls the function that is registered.
PRESS_TAB = """
eval "$("$0" -m flue completion bash)"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
function=$(complete -p flue-py | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"$function" flue-py "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("de", "demo"),
        ("runs ti", "timeline"),
        ("runs stream ID --live lo", "long-poll"),
        ("--json runs events --cs", "--csv"),
        ("--token t0k workflows invoke report --fol", "--follow"),
        ("runs timeline ID --html com", "completed.html"),
        ("serve --po", "--port"),
        ("completion z", "zsh"),
        ("runs nothing-like-it", ""),
    ],
)
def test_bash_completes_a_word(program, tmp_path, typed, offered):
    (tmp_path / "completed.html").touch()
    words = [program("bash"), "--norc", "-c", PRESS_TAB, sys.executable, "flue-py", *typed.split()]
    done = subprocess.run(words, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert (done.stdout.strip(), done.stderr) == (offered, "")


@pytest.mark.parametrize("before", ["", "autoload -Uz compinit; compinit -u; "])
def test_zsh_registers_the_completion(program, tmp_path, before):
    """Also where no start-up file has turned completion on."""
    script = before + f'eval "$({sys.executable} -m flue completion zsh)"; print -r -- $_comps[flue-py]'
    command = [program("zsh"), "-f", "-c", script]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=tmp_path, env={"HOME": str(tmp_path), "PATH": "/bin"}
    )
    assert (done.stdout.strip(), done.stderr) == ("_shtab_flue_py", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_the_script_knows_every_command(flue, shell):
    outcome = flue("completion", shell)
    assert (outcome.status, outcome.err) == (0, "")
    for word in ("workflows", "invoke", "runs", "timeline", "long-poll", "trace", "database"):
        assert word in outcome.out


def test_without_shtab_there_is_a_hint(flue, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    outcome = flue("completion", "bash")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err == "flue: completion needs shtab: pip install 'flue-sdk[cli]'\n"
