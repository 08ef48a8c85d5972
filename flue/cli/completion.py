"""`completion`: a script for bash or zsh that completes commands and options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flue.cli.parser import LIVE, build_parsers
from flue.cli.program import Exit

if TYPE_CHECKING:
    from flue.cli.parser import Options

__all__ = ["completion"]

# Understood by zsh, too, which has other ideas of slices, and a `words` of its own.
_SCRIPT = """\
_flue_py() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}" command="" offered="" at
    for ((at = 1; at < COMP_CWORD; at++)); do
        case "$command ${{COMP_WORDS[at]}}" in
            {commands}) command="$command ${{COMP_WORDS[at]}}" ;;
        esac
    done
    case "$previous" in
        --live) offered="{live}" ;;
        --html|--database) COMPREPLY=($(compgen -f -- "$current")); return ;;
        *) case "$command" in
{cases}
        esac ;;
    esac
    COMPREPLY=($(compgen -W "$offered" -- "$current"))
}}
complete -F _flue_py flue-py
"""
# What completes in bash does so in zsh, once its own completion is on; not every .zshrc has seen to that.
_ZSH = """\
(( ${+functions[compdef]} )) || { autoload -Uz compinit && compinit -i; }
autoload -Uz +X bashcompinit && bashcompinit
"""


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
        usage = parser.format_usage()
        choices = re.findall(r"(?:^|[^-\w] ){([\w,]+)}", usage)
        options = re.findall(r"--[a-z-]+", usage)
        words = [word for word in [*below, *",".join(choices).split(",")] if word] + list(dict.fromkeys(options))
        cases.append(f'            "{command}") offered="{" ".join(words)}" ;;')
    patterns = "|".join(f'"{command}"' for command in commands if command)
    return _SCRIPT.format(commands=patterns, live=" ".join(LIVE), cases="\n".join(cases))
