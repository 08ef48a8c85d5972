"""The commands about workflows and runs, and `completion`."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import attrs

from flue import UNSET, BackoffOptions, FlueClient, FlueError, FlueExecutionError, NotFoundError, ServerError
from flue._requests import Deadline
from flue._results import RunOutcome
from flue.cli import Exit, Interrupted, UsageError
from flue.cli.output import CsvView, JsonLinesView, LogLines, choose_view, open_output, say, shown_on, write_json
from flue.cli.parser import LIVE, completion_script, shell_command
from flue.cli.timeline import RunTimeline, draw, page, trace
from flue.core.framing import DecodeError, parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from datetime import datetime
    from types import FrameType

    from flue import FlueEventStream
    from flue.cli.output import View
    from flue.cli.parser import Options
    from flue.cli.timeline import Timeline

READ_BACKOFF = BackoffOptions(max_elapsed=15.0)
"""Retries of a command that only reads: a person wants to know sooner than a service that no server answers."""
STREAM_ORIGIN = "-1"
"""The offset of the beginning of a stream."""


_ADMISSION_UNKNOWN = "interrupted; if the run was started, it continues"


def _client(options: Options) -> FlueClient:
    return FlueClient(options.base_url, token=options.token, headers=options.headers)


# Commands.


def invoke(options: Options) -> Exit:
    """Start a run; wait for its result, follow it, or leave it."""
    value = _input(options.input)
    with _client(options) as client, shown_on(choose_view(options)) as view:
        if options.wait:
            return _wait(client, view, options, value)
        deadline = Deadline(options.timeout)
        with on_ctrl_c(_ADMISSION_UNKNOWN):
            admitted = client.workflows.invoke(options.name, input=value, timeout=deadline.remaining())
        if not options.follow:
            address = [] if options.base_url is None else ["--base-url", options.base_url]
            view.response(admitted, shell_command("runs", "stream", admitted.run_id, *address))
            return Exit.OK
        stream = client.runs.stream(admitted.run_id, live="sse", timeout=deadline.remaining())
        view.follow(None)
        return Follower(client, view, options, admitted.run_id, workflow=options.name).follow(stream, deadline)


def _wait(client: FlueClient, view: View, options: Options, value: Any) -> Exit:
    try:
        with on_ctrl_c(_ADMISSION_UNKNOWN):
            view.response(client.workflows.invoke(options.name, input=value, wait="result", timeout=options.timeout))
    except ServerError as error:
        # Flue 1.0 answers 500 if the run fails. Any other 5xx says nothing about the run.
        if error.status != 500:
            raise
        say(str(error), *getattr(error, "__notes__", []))
        return Exit.FAILED
    return Exit.OK


def get(options: Options) -> Exit:
    """Show the record of a run."""
    with _client(options) as client, shown_on(choose_view(options)) as view:
        view.response(client.runs.get(options.run_id, backoff_options=READ_BACKOFF, timeout=options.timeout))
    return Exit.OK


def events(options: Options) -> Exit:
    """List the events so far."""
    chosen = CsvView() if options.csv else choose_view(options)
    with _client(options) as client, shown_on(chosen) as view:
        reading = client.runs.stream(
            options.run_id,
            offset=options.offset,
            tail=options.tail,
            live=False,
            backoff_options=READ_BACKOFF,
            timeout=options.timeout,
        )
        Follower(client, view, options, options.run_id, command="events").read(reading)
    return Exit.OK


def stream(options: Options) -> Exit:
    """Follow a run."""
    live: Any = False if options.live == "off" else options.live
    deadline = Deadline(options.timeout)
    with _client(options) as client, shown_on(choose_view(options)) as view:
        open_stream = partial(client.runs.stream, options.run_id, offset=options.offset, tail=options.tail, live=live)
        open_stream()  # checks the arguments before any request
        view.follow(_started_at(client, view, options))
        left = deadline.remaining()
        following = open_stream(timeout=left and (round(left, 1) or left))  # named in an error message
        return Follower(client, view, options, options.run_id).follow(following, deadline)


def _started_at(client: FlueClient, view: View, options: Options) -> datetime | None:
    """When the run started, for the clock of a status line; from the beginning of the stream its events say it."""
    if isinstance(view, JsonLinesView) or (options.offset == STREAM_ORIGIN and options.tail is None):
        return None
    try:
        return client.runs.get(options.run_id, backoff_options=BackoffOptions(max_retries=0), timeout=2.0).started_at
    except FlueError:  # reading the stream will tell, if it is serious
        return None


def timeline(options: Options) -> Exit:
    """Show when each step of a run ran."""
    deadline = Deadline(options.timeout)
    with _client(options) as client, shown_on(LogLines()):
        steps = RunTimeline(client.runs.get(options.run_id, backoff_options=READ_BACKOFF, timeout=deadline.remaining()))
        reading = client.runs.stream(
            options.run_id, live=False, backoff_options=READ_BACKOFF, timeout=deadline.remaining()
        )
        with reading:
            for event in reading:
                steps.add(event)
    return show_timeline(steps, options)


def show_timeline(timeline: Timeline, options: Options) -> Exit:
    """Write a timeline to the files that the options name, or else show it."""
    if options.html is not None:
        Path(options.html).write_text(page(timeline), encoding="utf-8")
    if options.trace is not None:
        Path(options.trace).write_text(trace(timeline), encoding="utf-8")
    if options.html is not None or options.trace is not None:
        return Exit.OK
    if options.json_lines:
        for bar in timeline.bars:
            write_json(bar.json())
    else:
        terminal = open_output()
        terminal.write(*draw(timeline, terminal))
    return Exit.OK


def completion(options: Options) -> Exit:
    """Print the completion script of a shell, to be used as `source <(flue-py completion bash)`."""
    try:
        print(completion_script(options.shell))
    except ImportError:
        raise UsageError("completion needs shtab: pip install 'flue-sdk[cli]'") from None
    return Exit.OK


# Following.


@attrs.frozen
class Follower:
    """Reads the events of one run for one command.

    Attributes:
        client: To make requests with.
        view: Shows the events.
        options: Of the command.
        run_id: Of the run.
        command: The `runs` command that resumes reading: `stream` or `events`.
        workflow: Name of the workflow, if this command started the run.
    """

    client: FlueClient
    view: View
    options: Options
    run_id: str
    command: str = "stream"
    workflow: str | None = None

    def read(self, stream: FlueEventStream) -> RunOutcome:
        """Show the events of `stream` until it ends. Returns the outcome of the run, as far as the events tell it.

        Raises:
            Interrupted: Ctrl-C was pressed.
            FlueError: Reading failed; a note tells how to resume.
        """
        outcome = RunOutcome(self.run_id, self.workflow or "")
        start = stream.offset
        try:
            with stream, CtrlC(stream.cancel) as ctrl_c:
                for event in stream:
                    self.view.event(event)
                    if event.type == "run_end" and event.run_id == self.run_id:
                        outcome.from_event(event)
        except FlueError as error:
            if self.workflow is not None:
                outcome.add_context(error)
            if stream.offset != start or (self.workflow is not None and not isinstance(error, NotFoundError)):
                error.add_note(f"to resume: {self._resume_command(stream.offset)}")
            raise
        if ctrl_c.pressed and not outcome.done:
            raise Interrupted(
                f"interrupted at offset {stream.offset}; the run continues",
                f"to resume: {self._resume_command(stream.offset)}",
            )
        if not outcome.done:
            self.view.end(stream.offset)
        return outcome

    def follow(self, stream: FlueEventStream, deadline: Deadline) -> Exit:
        """Read to the end of the run. Returns whether it failed; not if it was not to be waited for."""
        outcome = self.read(stream)
        if not outcome.done and not stream.closed:
            return Exit.OK
        for delay in outcome.poll_record(deadline):
            if delay is not None:
                time.sleep(delay)
            else:
                outcome.from_record(self.client.runs.get(self.run_id, timeout=deadline.remaining()))
        try:
            outcome.result()
        except FlueExecutionError as error:
            self.view.failed(error)
            return Exit.FAILED
        return Exit.OK

    def _resume_command(self, offset: str) -> str:
        """The command that resumes reading. Token and headers are left out: they are secrets."""
        options = self.options
        words = ["runs", self.command, self.run_id, "--offset", offset]
        if offset == STREAM_ORIGIN and options.tail is not None:
            words += ["--tail", str(options.tail)]
        if self.command == "stream" and options.live != LIVE[0]:
            words += ["--live", options.live]
        if options.base_url is not None:
            words += ["--base-url", options.base_url]
        if options.json:
            words.append("--json")
        command = shell_command(*words)
        secrets = [name for name, given in (("--token", options.token), ("--header", options.headers)) if given]
        return f"{command}  (and {' and '.join(secrets)} as before)" if secrets else command


@contextlib.contextmanager
def on_ctrl_c(*sentences: str) -> Generator[None]:
    """Ctrl-C in here ends the command with these sentences."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(*sentences) from None


class CtrlC:
    """While entered, the first Ctrl-C calls a function instead of raising; the next one raises as usual.

    Args:
        action: Called in the main thread with a reason.

    Attributes:
        pressed: Whether it was.
    """

    def __init__(self, action: Callable[[str], None]) -> None:
        self.pressed = False
        self._action = action
        self._installed = False

    def __enter__(self) -> Self:
        # A handler of somebody else is left alone; and only the main thread may install one.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            with contextlib.suppress(ValueError):
                signal.signal(signal.SIGINT, self._handle)
                self._installed = True
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # the signature of handlers
        self.pressed = True
        self._restore()
        self._action("Ctrl-C")

    def _restore(self) -> None:
        if self._installed:
            self._installed = False
            signal.signal(signal.SIGINT, signal.default_int_handler)


# Input.


def standard_input() -> BinaryIO:
    """Standard input as bytes: its encoding is not that of the locale."""
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison]  # closed by the caller (`<&-`)
        raise UsageError("there is no standard input")
    return sys.stdin.buffer


def read_text(argument: str) -> str:
    """The text that an argument stands for: itself, the file of `@FILE`, or standard input for `-`.

    All of them are UTF-8, whatever the locale; files and standard input with or without a byte order mark.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        if argument == "-":
            return standard_input().read().decode("utf-8-sig")
        if argument.startswith("@"):
            return Path(argument[1:]).read_bytes().decode("utf-8-sig")
        return typed_text(argument)
    except UnicodeDecodeError as error:
        raise UsageError(f"the input is not UTF-8: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise UsageError(f"the input cannot be read: {error}") from None


def typed_text(text: str) -> str:
    """What was typed, as UTF-8 whatever the locale: Python makes lone surrogates of bytes that are not of the locale.

    Raises:
        UnicodeDecodeError: It is no UTF-8.
    """
    return text.encode("utf-8", "surrogateescape").decode()


def _input(argument: str | None) -> Any:
    """The input of a workflow."""
    if argument is None:
        return UNSET
    try:
        return parse_json(read_text(argument).encode())
    except DecodeError as error:
        raise UsageError(f"the input is not JSON: {error}") from None
