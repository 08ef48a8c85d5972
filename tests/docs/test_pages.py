"""The pages: their code runs, their names exist, their picture is the machine's."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import flue
from flue.cli.parser import Options, build_parser

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))


def blocks(language):
    """The blocks of one language, each with a name."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for number, block in enumerate(re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)):
            found.append(pytest.param(block, id=f"{page.relative_to(DOCS)}-{number}"))
    return found


PYTHON = blocks("python")
SCRIPTS = [block for block in PYTHON if "def test_" not in block.values[0]]
TESTS = [block for block in PYTHON if "def test_" in block.values[0]]
COMMANDS = [
    line for block in blocks("sh") for line in block.values[0].splitlines() if line.startswith("python -m flue")
]


#: What `@flue/sdk` 1.0.0-beta.5 exports.
EXPORTS = """
AgentPromptImage AgentPromptOptions AgentPromptResponse AgentPromptResult AgentSendResult
AgentSubmissionSettledEvent AgentWaitOptions AttachedAgentEvent BackoffOptions CreateFlueClientOptions
DurableStreamError FetchBackoffAbortError FetchError FlueApiError FlueClient FlueEvent FlueEventStream
FlueExecutionError FlueExecutionFailure FlueExecutionTarget FluePublicError FlueSerializedError
FlueStreamOptions HttpClientOptions IMAGE_DATA_OMITTED LiveMode LlmAssistantMessage LlmImageContent LlmMessage
LlmTextContent LlmThinkingContent LlmToolCall LlmToolResultMessage LlmTurnPurpose LlmUserMessage ModelRequest
ModelRequestInfo ModelRequestInput ModelResponse PromptUsage RequestHeaders RunEventsOptions RunRecord RunStatus
StreamClosedError UnsupportedFlueEventVersionError WorkflowInvokeOptions WorkflowInvokeResult WorkflowRunOptions
WorkflowRunResult WorkflowWaitResult createFlueClient
"""


@pytest.fixture
def server(sample_server):
    return sample_server


def test_there_is_something_to_test():
    assert len(SCRIPTS) >= 10
    assert len(TESTS) >= 2
    assert len(COMMANDS) >= 10


@pytest.mark.parametrize("block", SCRIPTS)
def test_scripts_run(server, capsys, block):
    if "otel" in block:
        if importlib.util.find_spec("opentelemetry") is None:
            pytest.skip("needs opentelemetry-api (extra otel)")
        from flue import otel

        block += "\notel.uninstrument()\n"
        assert otel
    exec(compile(block, "page", "exec"), {"__name__": "__main__"})
    captured = capsys.readouterr()
    assert captured.out
    assert captured.err == ""


@pytest.mark.parametrize("block", TESTS)
def test_tests_pass(tmp_path, block):
    (tmp_path / "test_example.py").write_text(block, encoding="utf-8")
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert f"{block.count('def test_')} passed" in done.stdout


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_understood(line):
    words = shlex.split(line)[3:]
    assert build_parser().parse_args(words, namespace=Options()) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_make_targets_exist(page):
    makefile = (DOCS.parent / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make (\w+)`|^make (\w+)", page.read_text(encoding="utf-8"), re.MULTILINE):
        assert re.search(rf"^{''.join(target)}:", makefile, re.MULTILINE), target


class TestMigration:
    TEXT = (DOCS / "migration.md").read_text(encoding="utf-8")

    def rows(self):
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in self.TEXT.splitlines() if "|" in line]

    @pytest.mark.parametrize("name", EXPORTS.split())
    def test_every_export_is_in_the_table(self, name):
        assert any(re.search(rf"`{name}\b", row[0]) for row in self.rows())

    def test_every_class_on_our_side_exists(self):
        names = {name for row in self.rows() for name in re.findall(r"`([A-Z]\w+[a-z])\b", row[1])}
        assert len(names) > 20
        for name in names:
            assert hasattr(flue, name), name
        for row in self.rows():
            if row[1] == "the same names":
                assert all(hasattr(flue, name) for name in re.findall(r"`(\w+)`", row[0])), row


@pytest.fixture(scope="module")
def hook():
    spec = importlib.util.spec_from_file_location("machine_hook", DOCS / "hooks" / "machine.py")
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = before


class TestMachine:
    def test_the_picture_and_the_table_are_made_of_the_machine(self, hook):
        found = hook.transitions()
        assert found["ask: server-sent events", "ask: long poll"] == ["406, no events here"]
        assert "204, closed" in found["ask: long poll", "ask: page"]  # confirmed by one more read
        assert "hand over" in {new for _, new in found}
        assert {old for old, _ in found}.isdisjoint({"done", "fail"})
        page = hook.on_page_markdown((DOCS / "guide" / "inside.md").read_text(encoding="utf-8"))
        assert "<!-- machine" not in page
        for (old, new), causes in found.items():
            assert f"| {old} | {'; '.join(causes)} | {new} |" in page
        arrows = {(hook.BOX_OF[old], hook.BOX_OF[new]) for old, new in found}
        assert page.count("<title>") == len([pair for pair in arrows if pair[0] != pair[1]])

    def test_a_state_without_a_place_is_noticed(self, hook):
        with pytest.raises(KeyError, match="dance"):
            hook.picture({("ask: page", "dance"): ["music"]})
