"""`workflows invoke`."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from flue import UNSET, ServerError
from flue._requests import Deadline
from flue.cli.follow import Follower, Interrupted
from flue.cli.parser import program_name
from flue.cli.program import Exit, UsageError, open_client, shown_on
from flue.cli.views import choose_view, say

if TYPE_CHECKING:
    from collections.abc import Generator

    from flue import FlueClient
    from flue.cli.parser import Options
    from flue.cli.views import View

__all__ = ["invoke"]


def invoke(options: Options) -> Exit:
    """Start a run; wait for its result, follow it, or leave it."""
    given = _input(options.input)
    with open_client(options) as client, shown_on(choose_view(json_lines=options.json)) as view:
        if options.wait:
            return _wait(client, view, options, given)
        deadline = Deadline(options.timeout)
        with _not_known():
            admitted = client.workflows.invoke(options.name, input=given, timeout=deadline.remaining())
        if not options.follow:
            view.answer(admitted)
            view.hint(f"{program_name()} runs stream {admitted.run_id}")
            return Exit.DONE
        following = client.runs.stream(admitted.run_id, live="sse", timeout=deadline.remaining())
        view.follow(None)
        follower = Follower(client, view, options, admitted.run_id, workflow=options.name)
        return Exit.DONE if follower.succeeded(following, deadline) else Exit.FAILED


def _wait(client: FlueClient, view: View, options: Options, given: Any) -> Exit:
    try:
        with _not_known():
            view.answer(client.workflows.invoke(options.name, input=given, wait="result", timeout=options.timeout))
    except ServerError as error:
        # Flue 1.0 answers 500 when the run fails. Any other 5xx says nothing about the run.
        if error.status != 500:
            raise
        say(str(error), *getattr(error, "__notes__", []))
        return Exit.FAILED
    return Exit.DONE


@contextlib.contextmanager
def _not_known() -> Generator[None]:
    """Ctrl-C in here leaves open whether there is a run."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("interrupted; if the run was started, it goes on") from None


def _input(text: str | None) -> Any:
    """The input that was given: JSON, a file of it, or standard input."""
    if text is None:
        return UNSET
    try:
        return json.loads(_read(text), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise UsageError(f"the input is not UTF-8: {error}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the input is not JSON: {error}") from None
    except OSError as error:
        raise UsageError(f"cannot read the input: {error}") from None


def _read(text: str) -> str:
    if text == "-":
        return sys.stdin.read()
    return Path(text[1:]).read_text(encoding="utf-8-sig") if text.startswith("@") else text


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")
