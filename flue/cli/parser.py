"""The arguments of the command line, and completion of them in shells."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from flue import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

LIVE = ("sse", "long-poll", "off")
"""How `runs stream` may wait for new events; the first is the default."""

SHELLS = ("bash", "zsh", "tcsh")
"""Shells that `completion` supports."""

_ZSH_PREAMBLE = "(( ${+functions[compdef]} )) || { autoload -Uz compinit && compinit -i; }"
"""Not every `.zshrc` turns completion on, without which the script cannot register its function."""

_GROUPS = {"workflows": "start runs", "runs": "read runs"}
_REMOTE = {
    "workflows invoke": ("flue.cli.commands:invoke", "start a run"),
    "runs get": ("flue.cli.commands:get", "show the record of a run"),
    "runs events": ("flue.cli.commands:events", "list the events so far"),
    "runs stream": ("flue.cli.commands:stream", "follow the events as they happen"),
    "runs timeline": ("flue.cli.commands:timeline", "show when each step of a run ran"),
    "chat": ("flue.cli.chat:chat", "talk to an agent of Flue 2"),
    "send": ("flue.cli.chat:send", "send one message, show the reply"),
    "history": ("flue.cli.chat:history", "show a conversation as it is now"),
    "observe": ("flue.cli.chat:observe", "show a conversation as it changes"),
    "timeline": ("flue.cli.chat:timeline", "show when the turns and tools of a conversation ran"),
    "abort": ("flue.cli.chat:abort", "abort all that runs or waits in a conversation"),
}
"""Commands that talk to a server: the function that runs each, and what it does."""
_LOCAL = {
    "demo": ("flue.cli.demo:demo", "watch a run survive a lost connection, on an embedded server"),
    "serve": ("flue.cli.demo:serve", "run sample servers of both generations of Flue, on this machine only"),
    "completion": ("flue.cli.commands:completion", "print a shell script that completes commands and options"),
}
"""Commands that need no server."""

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

    @property
    def json_lines(self) -> bool:
        """Whether the output is for programs."""
        return self.json or not sys.stdout.isatty()


def shell_command(*arguments: str) -> str:
    """The command that runs this program, quoted for a shell, for messages that tell what to type."""
    return shlex.join([*_program(), *arguments])


def _program() -> list[str]:
    """A path where the name alone would not find this very program (environment not activated)."""
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
        prog: Name of the program; default: the command that runs it.
        file_completion: What `shtab` wants to find on arguments that are files.
    """
    parser = argparse.ArgumentParser(
        prog=prog or ("python -m flue" if _runs_as_module() else "flue-py"),
        description="Start Flue workflow runs and follow their events, or talk to agents.\n"
        "On a terminal the output is for people; in a pipe or with --json\nit is one JSON object a line.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_common("headers_before")],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"flue-sdk {__version__}")
    add = parser.add_subparsers(title="commands", metavar="COMMAND").add_parser
    groups = {"": add}
    for group, text in _GROUPS.items():
        parser_of_group = add(group, help=text, allow_abbrev=False)
        groups[group] = parser_of_group.add_subparsers(title="commands", metavar="COMMAND", required=True).add_parser
    commands: dict[str, argparse.ArgumentParser] = {}
    for path, (handler, text) in (_REMOTE | _LOCAL).items():
        group, _, name = path.rpartition(" ")
        commands[path] = groups[group](
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            parents=[_common("headers_after")] if path in _REMOTE else [],
            argument_default=argparse.SUPPRESS,
            allow_abbrev=False,
        )
        commands[path].set_defaults(handler=handler)
    for action in (*_run_arguments(commands), *_conversation_arguments(commands), *_local_arguments(commands)):
        action.complete = file_completion  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    return parser


def completion_script(shell: str) -> str:
    """A script that completes commands, options, choices and files in a shell.

    Raises:
        ImportError: Shtab is not installed.
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
    text = "limit for the whole command, in a chat for each reply; default: none"
    group.add_argument("--timeout", metavar="SECONDS", type=float, help=text)
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


# Arguments of the commands. Each function returns those that are files.


def _run_arguments(commands: dict[str, argparse.ArgumentParser]) -> list[argparse.Action]:
    invoke = commands["workflows invoke"]
    invoke.add_argument("name", metavar="NAME", help="name of the workflow")
    invoke.add_argument("--input", metavar="JSON", help="input: JSON, @FILE with JSON, or - for standard input")
    mode = invoke.add_mutually_exclusive_group()
    mode.add_argument("--wait", action="store_true", help="wait for the result in one request")
    mode.add_argument("--follow", action="store_true", help="follow the events until the run ends")
    for name in ("get", "events", "stream", "timeline"):
        commands[f"runs {name}"].add_argument("run_id", metavar="ID", help="id of the run")
    events, stream = commands["runs events"], commands["runs stream"]
    for parser in (events, stream):
        parser.add_argument("--tail", metavar="N", type=int, help="only the last N events")
        parser.add_argument("--offset", metavar="O", help="start after this offset; `now`: only new events")
    events.add_argument("--csv", action="store_true", help="a CSV table instead of JSON")
    text = "how to wait for new events: server-sent events (default), long polling, or not at all"
    stream.add_argument("--live", choices=LIVE, help=text)
    return _timeline_files(commands["runs timeline"])


def _conversation_arguments(commands: dict[str, argparse.ArgumentParser]) -> list[argparse.Action]:
    text = "URL of the conversation, or its path below the base URL"
    for name in ("chat", "send", "history", "observe", "timeline", "abort"):
        commands[name].add_argument("url", metavar="URL", help=text)
    text = "URL is that of the agent: start a new conversation below it"
    commands["chat"].add_argument("--new", action="store_true", help=text)
    send = commands["send"]
    send.add_argument("text", metavar="TEXT", nargs="?", help="the message, or - for standard input")
    text = "attach a file; may be repeated"
    attach = send.add_argument("--attach", metavar="FILE", action="append", help=text)
    send.add_argument("--no-wait", action="store_true", help="do not wait for the reply")
    return [attach, *_timeline_files(commands["timeline"])]


def _timeline_files(timeline: argparse.ArgumentParser) -> list[argparse.Action]:
    text = "write a trace for ui.perfetto.dev or chrome://tracing instead"
    return [
        timeline.add_argument("--html", metavar="FILE", help="write a self-contained HTML page instead"),
        timeline.add_argument("--trace", metavar="FILE", help=text),
    ]


def _local_arguments(commands: dict[str, argparse.ArgumentParser]) -> list[argparse.Action]:
    serve = commands["serve"]
    text = "of the workflows; the next one is for conversations; default: any two that are free"
    serve.add_argument("--port", type=_port, help=text)
    serve.add_argument("--token", help="bearer token that every request must carry")
    text = "SQLite file that keeps the runs across restarts; the conversations are in FILE-conversations"
    database = serve.add_argument("--database", metavar="FILE", help=text)
    serve.add_argument("--json", action="store_true", help="print the URLs and the workflows as a JSON object")
    commands["completion"].add_argument("shell", choices=SHELLS)
    return [database]
