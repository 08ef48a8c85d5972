"""The arguments of the command line, and completion of them in shells."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, TypeAlias

from flue import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["LIVE", "Options", "build_parser", "completion_script", "program_name", "program_words"]

LIVE = ("sse", "long-poll", "off")
"""How `runs stream` may wait for new events; the first is the default."""

SHELLS = ("bash", "zsh", "tcsh")
"""Shells that `completion` supports."""

_ZSH_PREAMBLE = "(( ${+functions[compdef]} )) || { autoload -Uz compinit && compinit -i; }"
"""Not every `.zshrc` turns completion on, without which the script cannot register its function."""

AddParser: TypeAlias = "Callable[..., argparse.ArgumentParser]"
"""The `add_parser` of a group of commands."""

_EPILOG = """\
environment:
  FLUE_BASE_URL  the base URL, if --base-url is not given
  FLUE_TOKEN     the bearer token, if --token is not given
  NO_COLOR       if set, no colours
  FLUE_DEBUG     if set, errors come with a traceback

exit status:
  0    the run completed, or the read succeeded
  1    a run or a reply that was waited for failed
  2    wrong usage
  3    the server could not be reached or read
  130  interrupted
"""


class Options(argparse.Namespace):
    """The arguments that were given. Attributes that a command does not have keep these defaults."""

    handler: str | None = None
    """The function that runs the command, as `module:function`."""
    base_url: str | None = None
    token: str | None = None
    headers_before: list[tuple[str, str]] | None = None
    """Given before the command's name."""
    headers_after: list[tuple[str, str]] | None = None
    timeout: float | None = None
    json: bool = False
    csv: bool = False

    name: str = ""
    run_id: str = ""
    input: str | None = None
    wait: bool = False
    follow: bool = False
    tail: int | None = None
    offset: str = "-1"
    live: str = LIVE[0]
    port: int = 0
    database: str | None = None
    html: str | None = None
    trace: str | None = None
    shell: str = ""

    url: str = ""
    new: bool = False
    text: str | None = None
    attach: Sequence[str] = ()
    no_wait: bool = False

    @property
    def headers(self) -> dict[str, str | None]:
        """All headers; of those with the same name the last one counts."""
        return dict([*(self.headers_before or []), *(self.headers_after or [])])


def program_name() -> str:
    """The command that runs this program, for messages that tell what to type."""
    return shlex.join(program_words())


def program_words() -> list[str]:
    """The same as words: a path where the name alone would not find this very program (environment not activated)."""
    if _runs_as_module():
        python = Path(sys.executable)
        return [_shortest(python, ["python", python.name]), "-m", "flue"]
    return [_shortest(Path(sys.argv[0]), ["flue-py"])]


def _runs_as_module() -> bool:
    return PurePath(sys.argv[0]).name == "__main__.py"


def _shortest(program: Path, names: list[str]) -> str:
    if program.parent == Path():  # as the shell has given it
        return names[0]
    for name in names:
        found = shutil.which(name)
        if found is not None and Path(found).parent == program.parent and program.samefile(found):
            return name
    try:
        return str(program.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(program)


def build_parser(prog: str | None = None, *, file_completion: object = None) -> argparse.ArgumentParser:
    """The parser; parse into an `Options`.

    Args:
        prog: name of the program; default: the command that runs it.
        file_completion: what `shtab` wants to find on arguments that are files.
    """
    parser = argparse.ArgumentParser(
        prog=prog or ("python -m flue" if _runs_as_module() else "flue-py"),
        description="Start Flue workflow runs and follow their events, or talk to agents.\n"
        "On a terminal the output is for people; in a pipe or with --json it is one JSON object a line.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_common("headers_before")],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"flue-sdk {__version__}")
    add = parser.add_subparsers(title="commands", metavar="COMMAND").add_parser
    workflows = add("workflows", help="start runs", allow_abbrev=False)
    runs = add("runs", help="read runs", allow_abbrev=False)
    files = [
        *_invoke(_subcommands(workflows)),
        *_runs(_subcommands(runs)),
        *_conversations(add),
        *_local(add),
    ]
    for action in files:
        action.complete = file_completion  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    return parser


def completion_script(shell: str) -> str:
    """A script that completes commands, options, choices and files in a shell.

    Raises:
        ImportError: shtab is not installed.
    """
    import shtab  # noqa: PLC0415  # of the extra `cli`

    preamble = _ZSH_PREAMBLE if shell == "zsh" else ""
    return shtab.complete(build_parser("flue-py", file_completion=shtab.FILE), shell, preamble=preamble)


def _common(headers: str) -> argparse.ArgumentParser:
    """Options of every command that talks to a server. They are accepted before and after the command's name."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    group = common.add_argument_group("server and output")
    group.add_argument("--base-url", metavar="URL", help="URL where the Flue routes are mounted, path included")
    group.add_argument("--token", help="bearer token; safer as FLUE_TOKEN, which other users cannot see")
    group.add_argument(
        "--header",
        metavar="NAME:VALUE",
        action="append",
        dest=headers,
        type=_header,
        help="header of every request; may be repeated",
    )
    group.add_argument("--timeout", metavar="SECONDS", type=float, help="limit for the whole command; default: none")
    group.add_argument("--json", action="store_true", help="one JSON object a line, on a terminal too")
    return common


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError("expected a name, a colon and a value")  # the text may be a secret
    return name.strip(), value.strip()


def _port(text: str) -> int:
    port = int(text) if text.isdecimal() else -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("not a port number")
    return port


def _command(add: AddParser, name: str, handler: str, text: str, *, remote: bool = False) -> argparse.ArgumentParser:
    parser = add(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        parents=[_common("headers_after")] if remote else [],
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    parser.set_defaults(handler=handler)
    return parser


def _subcommands(parser: argparse.ArgumentParser) -> AddParser:
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True).add_parser


def _local(add: AddParser) -> list[argparse.Action]:
    """Commands that need no server. Returns the arguments that are files, as the following functions do."""
    _command(add, "demo", "flue.cli.demo:demo", "watch a run survive a lost connection, on an embedded server")
    text = "run sample servers of both generations of Flue, on this machine only"
    serve = _command(add, "serve", "flue.cli.demo:serve", text)
    text = "of the workflows; the next one is for conversations; default: any two that are free"
    serve.add_argument("--port", type=_port, help=text)
    serve.add_argument("--token", help="bearer token that every request must carry")
    text = "SQLite file that keeps the runs across restarts; the conversations are in FILE-conversations"
    database = serve.add_argument("--database", metavar="FILE", help=text)
    serve.add_argument("--json", action="store_true", help="print the URLs and the workflows as a JSON object")
    text = "print a shell script that completes commands and options"
    completion = _command(add, "completion", "flue.cli.commands:completion", text)
    completion.add_argument("shell", choices=SHELLS)
    return [database]


def _invoke(add: AddParser) -> list[argparse.Action]:
    invoke = _command(add, "invoke", "flue.cli.commands:invoke", "start a run", remote=True)
    invoke.add_argument("name", metavar="NAME", help="name of the workflow")
    invoke.add_argument("--input", metavar="JSON", help="input: JSON, @FILE with JSON, or - for standard input")
    mode = invoke.add_mutually_exclusive_group()
    mode.add_argument("--wait", action="store_true", help="wait for the result in one request")
    mode.add_argument("--follow", action="store_true", help="follow the events until the run ends")
    return []


def _conversations(add: AddParser) -> list[argparse.Action]:
    chat = _command(add, "chat", "flue.cli.chat:chat", "talk to an agent of Flue 2", remote=True)
    send = _command(add, "send", "flue.cli.chat:send", "send one message, show the reply", remote=True)
    history = _command(add, "history", "flue.cli.chat:history", "show a conversation as it is now", remote=True)
    observe = _command(add, "observe", "flue.cli.chat:observe", "show a conversation as it changes", remote=True)
    timeline = _command(add, "timeline", "flue.cli.chat:timeline", "show when its turns and tools ran", remote=True)
    abort = _command(add, "abort", "flue.cli.chat:abort", "abort all that runs or waits in it", remote=True)
    for parser in (chat, send, history, observe, timeline, abort):
        parser.add_argument("url", metavar="URL", help="URL of the conversation, or its path below the base URL")
    chat.add_argument("--new", action="store_true", help="URL is that of the agent: start a new conversation below it")
    send.add_argument("text", metavar="TEXT", nargs="?", help="the message, or - for standard input")
    text = "attach a file; may be repeated"
    attach = send.add_argument("--attach", metavar="FILE", action="append", help=text)
    send.add_argument("--no-wait", action="store_true", help="do not wait for the reply")
    return [attach, *_timeline_files(timeline)]


def _runs(add: AddParser) -> list[argparse.Action]:
    get = _command(add, "get", "flue.cli.commands:get", "show the record of a run", remote=True)
    events = _command(add, "events", "flue.cli.commands:events", "list the events so far", remote=True)
    stream = _command(add, "stream", "flue.cli.commands:stream", "follow the events as they happen", remote=True)
    timeline = _command(add, "timeline", "flue.cli.commands:timeline", "show when each step of a run ran", remote=True)
    for parser in (get, events, stream, timeline):
        parser.add_argument("run_id", metavar="ID", help="id of the run")
    for parser in (events, stream):
        parser.add_argument("--tail", metavar="N", type=int, help="only the last N events")
        parser.add_argument("--offset", metavar="O", help="start after this offset; `now`: only new events")
    events.add_argument("--csv", action="store_true", help="a CSV table instead of JSON")
    stream.add_argument(
        "--live",
        choices=LIVE,
        help="how to wait for new events: server-sent events (default), long polling, or not at all",
    )
    return _timeline_files(timeline)


def _timeline_files(timeline: argparse.ArgumentParser) -> list[argparse.Action]:
    text = "write a trace for ui.perfetto.dev or chrome://tracing instead"
    return [
        timeline.add_argument("--html", metavar="FILE", help="write a self-contained HTML page instead"),
        timeline.add_argument("--trace", metavar="FILE", help=text),
    ]
