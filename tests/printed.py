"""What is printed in the README and on the pages: its blocks, and how they are run against the sample servers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: Where `python -m flue serve --port 8787` offers workflows and conversations.
RUNS, CONVERSATIONS = "http://127.0.0.1:8787/api", "http://127.0.0.1:8788/api"


def blocks(text, language):
    """The blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def is_test(block):
    """Whether a block of Python holds tests for pytest."""
    return "def test_" in block


def here(text):
    """A text with the addresses of the sample servers of this test in place of the printed ones."""
    conversations = os.environ["FLUE_CONVERSATION_URL"].partition("/agents/")[0]
    return text.replace(RUNS, os.environ["FLUE_BASE_URL"]).replace(CONVERSATIONS, conversations)


def run_script(block, capsys):
    """Run a block of Python as a program. Returns what it printed, which must be something, and no error."""
    exec(compile(here(block), "printed", "exec"), {"__name__": "__main__"})
    captured = capsys.readouterr()
    assert captured.out
    assert captured.err == ""
    return captured.out


def run_tests(block, folder):
    """Run a block of Python with tests by a pytest of its own; all must pass."""
    (folder / "test_example.py").write_text(block, encoding="utf-8")
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, cwd=folder)
    assert done.returncode == 0, done.stdout
    assert f"{block.count('def test_')} passed" in done.stdout
