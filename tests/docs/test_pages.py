"""The README and the pages: what they print works, what they list is complete, their picture is the machine's."""

from __future__ import annotations

import importlib.util
import io
import re
import shlex
import sys

import pytest
from printed import ROOT, blocks, here, is_test, run_script, run_tests

import flue
import flue.testing
from flue.cli import main
from flue.cli.parser import Options, build_parser
from flue.cli.run_view import RunView
from flue.cli.terminal import RichTerminal

DOCS = ROOT / "docs"
PAGES = {
    path.relative_to(ROOT if path.parent == ROOT else DOCS).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted(DOCS.rglob("*.md")))
}


def printed(language):
    """The blocks of one language on all pages, each with a name."""
    return [
        pytest.param(block, id=f"{name}-{number}")
        for name, text in PAGES.items()
        for number, block in enumerate(blocks(text, language))
    ]


SCRIPTS = [block for block in printed("python") if not is_test(block.values[0])]
TESTS = [block for block in printed("python") if is_test(block.values[0])]
LINES = [line for block in printed("sh") for line in block.values[0].splitlines()]
COMMANDS = [line for line in LINES if line.startswith("python -m flue")]


#: What `@flue/sdk` 1.0.0-beta.5 exports.
EXPORTS_1 = """
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
#: What `@flue/sdk` 2.0.3 exports.
EXPORTS_2 = """
AgentAbortResult AgentConversationObservation AgentConversationObservationPhase AgentConversationObservationSnapshot
AgentConversationObserveOptions AgentPromptOptions AgentReadOptions AgentReadResult AgentSendResult
AgentSubmissionReply AgentWaitOptions BackoffOptions ConversationLiveMode ConversationStreamChunk
CreateFlueClientOptions DeliveredAttachment DeliveredMessage DurableStreamError FetchBackoffAbortError FetchError
FlueApiError FlueClient FlueConversationHistoryOptions FlueConversationMessage FlueConversationPart
FlueConversationSettlement FlueConversationSnapshot FlueConversationState FlueEventStream FlueExecutionError
FlueExecutionFailure FlueExecutionTarget FlueStreamOptions HttpClientOptions LiveMode PromptUsage RequestHeaders
StreamClosedError createFlueClient readSubmissionReply
"""


@pytest.fixture(autouse=True)
def server(sample_server):
    return sample_server


def test_there_is_something_to_test():
    assert len(SCRIPTS) >= 30
    assert len(TESTS) >= 3
    assert len(COMMANDS) >= 25


@pytest.mark.parametrize("block", SCRIPTS)
def test_scripts_run(capsys, block):
    if "to_frame" in block:
        pytest.importorskip("pandas", reason="needs pandas (group examples)")
    if "otel" in block:
        otel = pytest.importorskip("flue.otel", reason="needs opentelemetry-api (extra otel)")
        try:
            run_script(block, capsys)
        finally:
            otel.uninstrument()
    else:
        run_script(block, capsys)


@pytest.mark.parametrize("block", TESTS)
def test_tests_pass(tmp_path, block):
    run_tests(block, tmp_path)


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_understood(line):
    words = shlex.split(line.partition(" > ")[0])[3:]
    assert build_parser().parse_args(words, namespace=Options()) is not None


@pytest.mark.parametrize(
    "line", [line for line in COMMANDS if re.search(r" (workflows|runs|send|history|timeline|abort) ", line)]
)
def test_commands_run(server, tmp_path, capsys, line):
    (tmp_path / "tide.png").write_bytes(b"\x89PNG...")
    with flue.Conversation(f"{here('http://127.0.0.1:8788/api')}/agents/assistant/ada") as conversation:
        conversation.ask("Is the tide high?")
    run_id = server.create_run()
    server.append(run_id, {"type": "log", "level": "info", "message": "hello"})
    server.finish_run(run_id)
    words = shlex.split(here(line.partition(" > ")[0]))[3:]
    assert main([run_id if word == "RUN_ID" else word for word in words]) == 0
    captured = capsys.readouterr()
    assert captured.out or {"--html", "--trace"} & set(words)
    assert captured.err == ""


def test_every_command_is_of_a_kind_that_is_tested():
    kinds = (
        "python -m flue ",
        "make ",
        ".venv/bin/python -m pytest ",
        'eval "$(flue-py completion',
        "flue-py completion",
        "export FLUE_",
        "python3 -m venv .venv",
        "source .venv/",
        "pip install flue-sdk",
    )
    assert [line for line in LINES if not line.startswith(kinds)] == []


@pytest.mark.parametrize("name", PAGES)
def test_make_targets_exist(name):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make (\w+)`|^make (\w+)", PAGES[name], re.MULTILINE):
        assert re.search(rf"^{''.join(target)}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("name", PAGES)
def test_every_file_that_is_named_exists(name):
    for path in re.findall(r"`((?:docs|flue|schemas|tests)/[\w./]+|[A-Z]+\.md)`", PAGES[name]):
        assert (ROOT / path).exists(), path


#: Of Python's own libraries, and of the objects that a store or a test has.
FOREIGN = {"AsyncClient", "run", "wait_for", "timeout", "basicConfig", "load", "save", "add"}


@pytest.fixture(scope="module")
def callables():
    """The names of everything public that can be called, methods included."""
    with flue.FlueClient("http://localhost") as client:
        owners = [client.runs, client.workflows, client.agents]
    for module in (flue, flue.testing):
        owners += [getattr(module, name) for name in module.__all__]
    return {name for owner in owners for name in dir(owner)} | set(flue.__all__) | {"instrument", "uninstrument"}


@pytest.mark.parametrize("name", PAGES)
def test_methods_that_are_named_exist(callables, name):
    prose = re.sub(r"^```.*?^```$", "", PAGES[name].partition("| `@flue/sdk`")[0], flags=re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"`(?:\w+\.)*(\w+)\([^`]*\)`", prose))
    assert named - callables - FOREIGN == set()


TWO, _, ONE = PAGES["migration.md"].partition("## From `@flue/sdk` 1.0")


class TestMigration:
    @staticmethod
    def rows(text):
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "|" in line]

    @pytest.mark.parametrize(
        ("text", "name"), [(ONE, name) for name in EXPORTS_1.split()] + [(TWO, name) for name in EXPORTS_2.split()]
    )
    def test_every_export_is_in_the_table(self, text, name):
        assert any(re.search(rf"`{name}\b", row[0]) for row in self.rows(text))

    @pytest.mark.parametrize("text", [ONE, TWO])
    def test_every_class_on_our_side_exists(self, text):
        names = {name for row in self.rows(text) for name in re.findall(r"`([A-Z]\w+[a-z])\b", row[1])}
        assert len(names) > 15
        for name in names:
            assert hasattr(flue, name), name
        for row in self.rows(text):
            if row[1] == "the same names":
                assert all(hasattr(flue, name) for name in re.findall(r"`(\w+)`", row[0])), row


def test_the_picture_of_a_run_is_what_the_program_draws():
    out = io.StringIO()
    view = RunView(RichTerminal(out, width=80))
    with flue.FlueClient() as client:
        run_id = client.workflows.invoke("report").run_id
        for event in client.runs.stream(run_id):
            view.event(event)
    view.close()
    (picture,) = blocks(PAGES["guide/cli.md"], "text")

    def without_what_changes(text):
        return re.sub(r"run_\w{26}|completed in [\d.]+ m?s", "...", text)

    assert without_what_changes(out.getvalue()) == without_what_changes(picture)


class TestContributing:
    TEXT = PAGES["contributing.md"]

    @staticmethod
    def paths():
        """What the picture of the layout shows."""
        (picture, *_) = blocks(PAGES["contributing.md"], "text")
        folders = []
        for line in picture.splitlines():
            depth = (len(line) - len(line.lstrip())) // 2
            folders = [*folders[:depth], line.split()[0]]
            yield "".join(folders)

    def test_the_picture_of_the_layout_is_true(self):
        shown = set(self.paths())
        assert len(shown) > 30
        for path in shown:
            assert (ROOT / path).is_dir() == path.endswith("/")
            assert (ROOT / path).exists()

    @pytest.mark.parametrize("folder", ["flue", "flue/core"])
    def test_the_picture_of_the_layout_is_complete(self, folder):
        there = {
            path for path in (ROOT / folder).iterdir() if not path.name.startswith("__") and path.suffix != ".typed"
        }
        names = {f"{path.relative_to(ROOT)}{'/' if path.is_dir() else ''}" for path in there}
        assert names <= set(self.paths())

    def test_the_scenario_that_is_named_exists(self):
        from core.scenarios import SCENARIOS

        (word,) = {line.rpartition(" -k ")[2] for line in LINES if " -k " in line}
        assert any(word in name for name in SCENARIOS)


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
        assert found["request: server-sent events", "request: long poll"] == ["406, no event stream"]
        assert "204, closed" in found["request: long poll", "request: page"]  # confirmed by one more read
        assert "deliver" in {new for _, new in found}
        assert {old for old, _ in found}.isdisjoint({"done", "fail"})
        page = hook.on_page_markdown(PAGES["guide/inside.md"])
        assert "<!-- machine" not in page
        for (old, new), causes in found.items():
            assert f"| {old} | {'; '.join(causes)} | {new} |" in page
        arrows = {(hook.BOX_OF[old], hook.BOX_OF[new]) for old, new in found}
        assert page.count("<title>") == len([pair for pair in arrows if pair[0] != pair[1]])

    def test_a_state_without_a_place_is_noticed(self, hook):
        with pytest.raises(KeyError, match="dance"):
            hook.picture({("request: page", "dance"): ["music"]})
