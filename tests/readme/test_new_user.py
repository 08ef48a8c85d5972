"""The first minutes with the README: its commands, typed as they are printed, in shells on a terminal."""

from __future__ import annotations

import random
import re
import socket

import pytest
from cli.terminal import Terminal
from printed import ROOT, blocks

START = (ROOT / "README.md").read_text(encoding="utf-8").partition("## I have none")[2].partition("\n## ")[0]
SERVE, CHAT, LONGER = blocks(START, "sh")
(PICTURE,) = blocks(START, "console")
(DIALOGUE,) = blocks(START, "text")


class Bash(Terminal):
    """A terminal in which lines were typed into a shell; the last of them takes its place."""

    program = ("bash", "-c")

    def __init__(self, port, *blocks, before=""):
        *lines, last = "".join(blocks).strip().splitlines()
        typed = "; ".join(["set -e", *lines, f"{before or 'exec '}{last}"])
        typed = typed.replace("8787", str(port)).replace("8788", str(port + 1))
        super().__init__(typed, FLUE_BASE_URL="", FLUE_CONVERSATION_URL="")


def is_free(port):
    """Whether a server could listen there."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture
def port(program):
    """Where the README's servers listen."""
    program("bash")
    # Other workers look for theirs at the same time, perhaps with a generator that was seeded alike.
    pairs = random.SystemRandom().sample(range(20000, 30000, 2), 100)
    free = next(number for number in pairs if is_free(number) and is_free(number + 1))
    with Bash(free, SERVE) as serving:
        serving.read_until("Ctrl-C stops them.")
        yield free


def told(screen):
    """Its lines without what is another each time."""
    return [re.sub(r"run_\w{26}|(?<=_)\d{16}|\d(?= of 30)|(?<=number=)\d", "…", line) for line in screen.splitlines()]


def test_the_agent_answers(port):
    question = DIALOGUE.splitlines()[0].removeprefix("» ")
    with Bash(port, CHAT, before=f"echo '{question}' | ") as terminal:
        assert terminal.wait() == 0
    assert re.sub(r"\d+ ms", "", terminal.screen.text.strip()) == re.sub(r"\d+ ms", "", DIALOGUE.strip())


def test_a_run_is_interrupted_and_taken_up_again(port):
    with Bash(port, LONGER) as terminal:
        terminal.read_until("tick 2 of 30")
        terminal.interrupt()
        assert terminal.wait() == 130
    assert sorted(set(told(terminal.screen.text))) == sorted(set(told(PICTURE)))
    *_, last = re.findall(r"tick (\d+) of", terminal.screen.text)

    command = terminal.screen.text.partition("to resume: ")[2]
    with Bash(port, LONGER.splitlines(keepends=True)[0], command) as terminal:
        terminal.read_until(f"tick {int(last) + 1} of 30")
        terminal.interrupt()
        assert terminal.wait() == 130
    assert f"tick {last} of" not in terminal.screen.text
