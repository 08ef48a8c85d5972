"""`completion`: the script, used by a real bash."""

from __future__ import annotations

import shutil
import subprocess

import pytest

BASH = shutil.which("bash")


@pytest.fixture
def complete(flue, tmp_path):
    """What bash would offer behind these words, the last of them being typed."""

    def offers(*words):
        script = tmp_path / "completion.bash"
        script.write_text(flue("completion", "bash").out)
        typed = " ".join(f"'{word}'" for word in words)
        ask = f"source {script}; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _flue_py; echo ${{COMPREPLY[*]}}"
        done = subprocess.run([BASH, "-c", ask], check=True, capture_output=True, text=True, cwd=tmp_path, timeout=60)
        assert done.stderr == ""
        return done.stdout.split()

    return offers


@pytest.mark.skipif(BASH is None, reason="needs bash")
def test_bash(complete):
    assert complete("flue-py", "de") == ["demo"]
    assert complete("flue-py", "")[:5] == ["demo", "serve", "workflows", "runs", "completion"]
    assert complete("flue-py", "runs", "") == ["get", "events", "stream", "timeline"]
    assert complete("flue-py", "--json", "runs", "stream", "run_1", "--l") == ["--live"]
    assert complete("flue-py", "runs", "stream", "--live", "") == ["sse", "long-poll", "off"]
    assert complete("flue-py", "runs", "timeline", "--html", "comp") == ["completion.bash"]
    assert complete("flue-py", "workflows", "invoke", "report", "--w") == ["--wait"]


def test_zsh_uses_the_same(flue):
    assert flue("completion", "zsh").out == (
        "autoload -U +X bashcompinit && bashcompinit\n" + flue("completion", "bash").out
    )


def test_no_other_shell(flue):
    assert flue("completion", "tcsh").status == 2
