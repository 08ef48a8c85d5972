"""The first minutes with the README: its commands, typed as they are printed, in shells on a terminal."""

from __future__ import annotations

import re
import shlex
import socket
import sys
from pathlib import Path

import pytest
from cli.terminal import Terminal

ROOT = Path(__file__).parents[2]
START = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Thirty seconds")[2]
SERVE, PREPARE, FOLLOW, LONGER = re.findall(
    r"^```sh\n(.*?)^```$", START.partition("### A script")[0], re.MULTILINE | re.DOTALL
)
(PICTURE,) = re.findall(r"^```console\n(.*?)^```$", START, re.MULTILINE | re.DOTALL)


class Bash(Terminal):
    """A terminal in which lines were typed into a shell; the last of them takes its place."""

    program = ("bash", "-c")

    def __init__(self, port, *blocks):
        *before, last = "".join(blocks).strip().splitlines()
        typed = "; ".join(["set -e", *before, f"exec {last}"])
        activated = typed.replace(".venv/", f"{shlex.quote(sys.prefix)}/").replace("8787", str(port))
        super().__init__(activated, FLUE_BASE_URL="", PATH="/usr/local/bin:/usr/bin:/bin")


@pytest.fixture
def port(program):
    """Where the README's server listens."""
    program("bash")
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        free = sock.getsockname()[1]
    with Bash(free, SERVE) as serving:
        serving.read_until("Ctrl-C stops it.")
        yield free


def told(screen):
    """Its lines without what is another each time."""
    return [re.sub(r"run_\w{26}|(?<=_)\d{16}|\d(?= of 30)|(?<=number=)\d", "…", line) for line in screen.splitlines()]


def test_a_run_is_followed_to_its_end(port):
    with Bash(port, PREPARE, FOLLOW) as terminal:
        assert terminal.wait() == 0
    assert "✓ completed in " in terminal.screen.text


def test_a_run_is_interrupted_and_taken_up_again(port):
    with Bash(port, PREPARE, LONGER) as terminal:
        terminal.read_until("tick 2 of 30")
        terminal.interrupt()
        assert terminal.wait() == 130
    assert sorted(set(told(terminal.screen.text))) == sorted(set(told(PICTURE)))
    *_, last = re.findall(r"tick (\d+) of", terminal.screen.text)

    command = terminal.screen.text.partition("to resume: ")[2]
    with Bash(port, PREPARE, command) as terminal:
        terminal.read_until(f"tick {int(last) + 1} of 30")
        terminal.interrupt()
        assert terminal.wait() == 130
    assert f"tick {last} of" not in terminal.screen.text
