"""`completion`: a script for bash or zsh that completes commands and options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flue.cli.parser import LIVE, build_parsers
from flue.cli.program import Exit

if TYPE_CHECKING:
    from flue.cli.parser import Options

__all__ = ["completion"]

_SCRIPT = """\
_flue_py() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}" command="" words="" word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$command $word" in
            {commands}) command="$command $word" ;;
        esac
    done
    case "$previous" in
        --live) words="{live}" ;;
        --html|--database) COMPREPLY=($(compgen -f -- "$current")); return ;;
        *) case "$command" in
{cases}
        esac ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -F _flue_py flue-py
"""
_ZSH = "autoload -U +X bashcompinit && bashcompinit\n"


def completion(options: Options) -> Exit:
    """Print the script; to be used as `source <(flue-py completion bash)`."""
    print((_ZSH if options.shell == "zsh" else "") + _script(), end="")
    return Exit.DONE


def _script() -> str:
    top, *parsers = build_parsers()
    # What follows the program's name, with a blank before each word: "" for the program itself, " runs stream".
    commands = {parser.prog.removeprefix(top.prog): parser for parser in [top, *parsers]}
    cases: list[str] = []
    for command, parser in commands.items():
        below = [other.removeprefix(f"{command} ") for other in commands if other.rpartition(" ")[0] == command]
        options = re.findall(r"--[a-z-]+", parser.format_usage())
        words = [word for word in below if word] + list(dict.fromkeys(options))
        cases.append(f'            "{command}") words="{" ".join(words)}" ;;')
    patterns = "|".join(f'"{command}"' for command in commands if command)
    return _SCRIPT.format(commands=patterns, live=" ".join(LIVE), cases="\n".join(cases))
