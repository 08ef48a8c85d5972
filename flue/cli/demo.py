"""`demo`: start a run, follow it, lose the connection, go on, have the result; on a server of its own."""

from __future__ import annotations

import logging
import os
import sys
import textwrap
import time
from typing import TYPE_CHECKING

from flue import FlueClient, to_json
from flue.cli.describe import arguments, compact, duration, tool_result
from flue.cli.parser import program_name
from flue.cli.program import Exit
from flue.cli.samples import register
from flue.cli.text import Paint, one_line
from flue.models import (
    LogEvent,
    RunEndEvent,
    RunStartEvent,
    TextDeltaEvent,
    ThinkingDeltaEvent,
    ToolEvent,
    ToolStartEvent,
    TurnEvent,
)
from flue.testing import Fault, FlueTestServer

if TYPE_CHECKING:
    from flue.cli.parser import Options
    from flue.cli.text import Line
    from flue.models import FlueEvent

__all__ = ["demo"]

_CUT_AFTER = 4000
"""Bytes of the first answer after which its connection is reset: in the middle of the run."""
_COLUMNS = 100


def demo(options: Options) -> Exit:  # noqa: ARG001  # the interface of commands
    """Tell the story."""
    with FlueTestServer() as server, FlueClient(server.base_url, trust_env=False) as client:
        register(server)
        return _Story(server, client).tell()


class _Story:
    """The steps of the demonstration; each says what happens and which line of Python does it."""

    def __init__(self, server: FlueTestServer, client: FlueClient) -> None:
        self._server = server
        self._client = client
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._paint = Paint(colour=colour, encoding=sys.stdout.encoding)
        self._step = 0
        self._begun = time.monotonic()
        self._lost_at: str | None = None

    def tell(self) -> Exit:
        """All of it. Returns 1 if an event was lost or came twice, which would be a mistake of this library."""
        self._say("Flue from Python: follow a run, lose the connection, miss nothing.", "bold")
        self._chapter("A Flue server, embedded in this process", "server = FlueTestServer()")
        self._say(f"    It listens on {self._server.base_url}", "dim")

        self._chapter(
            "Start a run of its workflow `report`",
            "client = FlueClient(server.base_url)",
            'started = client.workflows.invoke("report")',
        )
        self._begun = time.monotonic()
        started = self._client.workflows.invoke("report")
        self._say(f"    {started!r}", "dim")

        self._chapter(
            "Follow it while it works. Every event is a typed object; halfway the connection will break",
            'stream = client.runs.stream(started.run_id, live="sse")',
            "for event in stream:",
            "    print(event)  # in brief:",
        )
        # The fault, scripted: users' tests do the same.
        self._server.faults.add(Fault(cut_after=_CUT_AFTER), live="sse")
        stream = self._client.runs.stream(started.run_id, live="sse")
        with stream, _Log(self):
            events = [self._show(event) for event in stream]
        last = events[-1]

        self._chapter("The last event is a `RunEndEvent` and has the result", "event.result")
        self._say(f"    {compact(last.result) if isinstance(last, RunEndEvent) else 'none'}")
        self._chapter("The stream knows how far it came", "stream.offset")
        self._say(f"    {stream.offset!r}")
        self._say("    Saved, it is all another process needs: client.runs.stream(run_id, offset=saved)", "dim")
        return self._verdict(started.run_id, events)

    def _verdict(self, run_id: str, events: list[FlueEvent]) -> Exit:
        written = self._client.runs.events(run_id)
        connections = sum("live=sse" in request.target for request in self._server.requests)
        counts = f"{len(written)} events written, {len(events)} received over {connections} connections"
        self._say("")
        if list(map(to_json, events)) != list(map(to_json, written)):
            self._say(f"✗ {counts}: this should not have happened.", "bold red")
            return Exit.FAILED
        self._say(f"✓ {counts}: each once, in order.", "bold green")
        self._say("")
        self._say("Your turn, with two terminals:", "bold")
        self._say(f"    {program_name()} serve --port 8787")
        self._say(f"    {program_name()} --base-url http://127.0.0.1:8787/api workflows invoke report --follow")
        return Exit.DONE

    def _show(self, event: FlueEvent) -> FlueEvent:
        if self._lost_at is not None:
            self._aside(f"↻ connected again, going on after offset {self._lost_at}", "green")
            self._lost_at = None
        moment = f"{time.monotonic() - self._begun:7.2f} s  "
        told = _tell(event)
        name = type(event).__name__
        self._write([(moment, "dim"), (f"{name:<20}", "cyan" if told else "dim"), (told, "")])
        return event

    def lost(self, record: logging.LogRecord) -> None:
        """The library has logged that an attempt failed."""
        if self._lost_at is None:
            self._aside("✂ the connection breaks. On logger `flue` the library says:", "bold yellow")
        self._aside(one_line(record.getMessage()), "yellow")
        self._lost_at = getattr(record, "flue_offset", None)

    # Writing.

    def _chapter(self, title: str, *code: str) -> None:
        self._step += 1
        self._say("")
        self._write([(f"{self._step}  ", "bold cyan"), (title, "bold")])
        for index, line in enumerate(code):
            continued = line.startswith(" ")
            self._write([("   ... " if continued else "   >>> ", "dim"), (line, "magenta")])
            if index == len(code) - 1:
                self._say("")

    def _aside(self, text: str, style: str) -> None:
        for line in textwrap.wrap(text, _COLUMNS - 11, subsequent_indent="  "):
            self._write([(" " * 11, ""), (line, style)])

    def _say(self, text: str, style: str = "") -> None:
        self._write([(text, style)])

    def _write(self, line: Line) -> None:
        print(self._paint.line(line), flush=True)


class _Log(logging.Handler):
    """Has what the library logs be part of the story, while entered."""

    def __init__(self, story: _Story) -> None:
        super().__init__(logging.WARNING)
        self._story = story

    def emit(self, record: logging.LogRecord) -> None:
        self._story.lost(record)

    def __enter__(self) -> None:
        logging.getLogger("flue").addHandler(self)

    def __exit__(self, *_: object) -> None:
        logging.getLogger("flue").removeHandler(self)


def _tell(event: FlueEvent) -> str:
    """What an event says. Each `case` narrows the type: an editor completes `event.` and a checker checks it."""
    match event:
        case RunStartEvent():
            return f"of workflow {event.workflow_name!r}"
        case LogEvent():
            return f"{event.level}: {event.message}"
        case ThinkingDeltaEvent():
            return repr(event.delta)
        case TextDeltaEvent():
            return repr(event.text)
        case ToolStartEvent():
            return f"{event.tool_name}({arguments(event.args)})"
        case ToolEvent():
            return f"{event.tool_name} took {duration(event.duration_ms)}: {tool_result(event.result)}"
        case TurnEvent():
            usage = event.response.usage
            return "" if usage is None else f"{usage.total_tokens} tokens, cost {usage.cost.total:.4f}"
        case RunEndEvent():
            return f"{'failed' if event.is_error else 'completed'} in {duration(event.duration_ms)}"
        case _:
            return ""
