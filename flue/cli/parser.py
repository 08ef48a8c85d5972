"""The arguments of the command line."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, TypeAlias

from flue import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LIVE", "Options", "build_parser", "build_parsers", "program_name", "program_words"]

LIVE = ("sse", "long-poll", "off")
"""How `runs stream` may wait for news; the first is the default."""

AddParser: TypeAlias = "Callable[..., argparse.ArgumentParser]"
"""The `add_parser` of a group of commands."""

_EPILOG = """\
environment:
  FLUE_BASE_URL   where the Flue routes are mounted, when --base-url is not given
  FLUE_TOKEN      the bearer token, when --token is not given
  NO_COLOR        no colours
  FLUE_DEBUG      where an error comes from, in full

exit status:
  0    the run completed, or the read succeeded (also that of a failed run's record or events)
  1    a run that was followed, or waited for, failed
  2    usage
  3    the server could not be reached or read
  130  interrupted
"""


class Options(argparse.Namespace):
    """What was given on the command line; attributes that a command does not have keep these values."""

    handler: str | None = None
    """Module and function of the command, `module:function`."""
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
    shell: str = ""

    @property
    def headers(self) -> dict[str, str | None]:
        """All headers; the last of a name counts."""
        return dict([*(self.headers_before or []), *(self.headers_after or [])])


def program_name() -> str:
    """What to type to call this program again, for messages that say so."""
    return shlex.join(program_words())


def program_words() -> list[str]:
    """The same as words: a path where the name alone would not find this very program, as without its environment."""
    if _is_module():
        python = Path(sys.executable)
        return [_typed(python, ["python", python.name]), "-m", "flue"]
    return [_typed(Path(sys.argv[0]), ["flue-py"])]


def _is_module() -> bool:
    return PurePath(sys.argv[0]).name == "__main__.py"


def _typed(program: Path, names: list[str]) -> str:
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


def build_parser() -> argparse.ArgumentParser:
    """The parser; parse into an `Options`."""
    return build_parsers()[0]


def build_parsers() -> list[argparse.ArgumentParser]:
    """The parser and those of all commands and groups of commands below it."""
    parser = argparse.ArgumentParser(
        prog="python -m flue" if _is_module() else "flue-py",
        description="Start Flue workflow runs and follow their events.\n"
        "On a terminal: for reading. In a pipe or with --json: one JSON object a line.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_common("headers_before")],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"flue-sdk {__version__}")
    add = parser.add_subparsers(title="commands", metavar="COMMAND").add_parser
    demo = _command(add, "demo", "flue.cli.demo:demo", "watch a run survive a lost connection, on a server of its own")
    workflows = add("workflows", help="start runs", allow_abbrev=False)
    runs = add("runs", help="read runs", allow_abbrev=False)
    return [
        parser,
        demo,
        _serve(add),
        workflows,
        _invoke(_subcommands(workflows)),
        runs,
        *_runs(_subcommands(runs)),
        _completion(add),
    ]


def _common(headers: str) -> argparse.ArgumentParser:
    """Options of every command that talks to a server. They may stand before or after the command's name."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    group = common.add_argument_group("the server and the output")
    group.add_argument("--base-url", metavar="URL", help="where the Flue routes are mounted, path included")
    group.add_argument("--token", help="bearer token; better given as FLUE_TOKEN, which other users cannot see")
    group.add_argument(
        "--header",
        metavar="NAME:VALUE",
        action="append",
        dest=headers,
        type=_header,
        help="of every request; repeatable",
    )
    group.add_argument("--timeout", metavar="SECONDS", type=float, help="limit for all of it; default: none")
    group.add_argument("--json", action="store_true", help="one JSON object a line, also on a terminal")
    return common


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError("a name, a colon and a value are needed")  # the text may be a secret
    return name.strip(), value.strip()


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("not a port")
    return port


def _command(add: AddParser, name: str, handler: str, text: str, *, asks: bool = False) -> argparse.ArgumentParser:
    parser = add(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        parents=[_common("headers_after")] if asks else [],
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    parser.set_defaults(handler=handler)
    return parser


def _subcommands(parser: argparse.ArgumentParser) -> AddParser:
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True).add_parser


def _serve(add: AddParser) -> argparse.ArgumentParser:
    text = "serve a Flue for trying things out, on this machine only, with a few workflows"
    serve = _command(add, "serve", "flue.cli.serve:serve", text)
    serve.add_argument("--port", type=_port, help="default: any free one")
    serve.add_argument("--token", help="the bearer token that every request must carry")
    serve.add_argument("--database", metavar="FILE", help="a SQLite file that keeps the runs for the next time")
    serve.add_argument("--json", action="store_true", help="say where it listens as a JSON object")
    return serve


def _invoke(add: AddParser) -> argparse.ArgumentParser:
    invoke = _command(add, "invoke", "flue.cli.invoke:invoke", "start a run", asks=True)
    invoke.add_argument("name", metavar="NAME", help="of the workflow")
    invoke.add_argument("--input", metavar="JSON", help="the input: JSON, @FILE with JSON, or - for standard input")
    how = invoke.add_mutually_exclusive_group()
    how.add_argument("--wait", action="store_true", help="wait for the result in one request")
    how.add_argument("--follow", action="store_true", help="follow the run's events to its end")
    return invoke


def _runs(add: AddParser) -> list[argparse.ArgumentParser]:
    get = _command(add, "get", "flue.cli.read:get", "show the record of a run", asks=True)
    events = _command(add, "events", "flue.cli.read:events", "list the events that there are by now", asks=True)
    stream = _command(add, "stream", "flue.cli.read:stream", "follow the events as they happen", asks=True)
    timeline = _command(add, "timeline", "flue.cli.timeline:timeline", "draw what a run did when", asks=True)
    timeline.add_argument("--html", metavar="FILE", help="write a page for a browser, complete in itself")
    for parser in (get, events, stream, timeline):
        parser.add_argument("run_id", metavar="ID", help="of the run")
    for parser in (events, stream):
        parser.add_argument("--tail", metavar="N", type=int, help="begin with the last N events")
        parser.add_argument("--offset", metavar="O", help="begin behind this offset; `now` for what is new only")
    events.add_argument("--csv", action="store_true", help="a table instead of JSON")
    stream.add_argument(
        "--live",
        choices=LIVE,
        help="how to wait for news: server-sent events (the default), long poll, or not at all",
    )
    return [get, events, stream, timeline]


def _completion(add: AddParser) -> argparse.ArgumentParser:
    text = "print a script that completes these commands in a shell"
    completion = _command(add, "completion", "flue.cli.completion:completion", text)
    completion.add_argument("shell", choices=["bash", "zsh"])
    return completion
