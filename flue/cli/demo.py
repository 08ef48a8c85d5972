"""`demo`, `serve`, and their sample workflows and agents.

The demonstration starts a run, follows it, loses the connection, resumes and gets the result, on an embedded server.
They only look as if a model were at work.
"""

from __future__ import annotations

import inspect
import sqlite3
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Literal

import attrs

from flue import FlueClient, models, to_json
from flue.cli import Exit, Interrupted, UsageError
from flue.cli.output import LogLines, command_line, compact, duration, line, one_line, open_output, shown_on, write_json
from flue.cli.parser import shell_command
from flue.cli.run_view import render_event
from flue.cli.timeline import RunTimeline
from flue.testing import Fault, FlueTestServer, InvalidInputError

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Generator

    from flue.cli.output import Line, Terminal
    from flue.cli.parser import Options
    from flue.models import FlueEvent
    from flue.testing import AgentTurn, ConversationTurn, WorkflowRun

_CUT_AFTER = 4000
"""Bytes of the first response after which its connection is reset: in the middle of the run."""


def demo(options: Options) -> Exit:  # noqa: ARG001  # the signature of commands
    """Run the demonstration."""
    with FlueTestServer() as server, FlueClient(server.base_url, trust_env=False) as client:
        register(server)
        return _Demo(server, client, open_output()).run()


class _Demo(LogLines):
    """The steps of the demonstration; each says what happens and which line of Python does it."""

    def __init__(self, server: FlueTestServer, client: FlueClient, terminal: Terminal) -> None:
        self._server = server
        self._client = client
        self._terminal = terminal
        self._tree = RunTimeline()
        self._chapters = 0
        self._lost_at: str | None = None

    def run(self) -> Exit:
        """Run all steps. Returns 1 if an event was lost or repeated, which would be a bug of this library."""
        self._say("Flue from Python: follow a run, lose the connection, miss nothing.", "bold")
        self._chapter("A Flue server, embedded in this process", "server = FlueTestServer()")
        self._indented(f"It listens on {self._server.base_url}", "dim")

        self._chapter(
            "Start a run of its workflow `report`",
            "client = FlueClient(server.base_url)",
            'started = client.workflows.invoke("report")',
        )
        started = self._client.workflows.invoke("report")
        self._indented(f"{started!r}", "dim")

        self._chapter(
            "Follow it while it works. Every event is a typed object; halfway the connection will break",
            'stream = client.runs.stream(started.run_id, live="sse")',
            "for event in stream:",
            "    print(event)  # in brief:",
        )
        # The fault, scripted: users' tests do the same.
        self._server.faults.add(Fault(cut_after=_CUT_AFTER), live="sse")
        stream = self._client.runs.stream(started.run_id, live="sse")
        with stream, shown_on(self):
            events = [self._show(event) for event in stream]
        last = events[-1]

        self._chapter("The last event is a `RunEndEvent` and has the result", "event.result")
        self._indented(compact(last.result) if isinstance(last, models.RunEndEvent) else "none")
        self._chapter("The stream knows how far it came", "stream.offset")
        self._indented(f"{stream.offset!r}")
        self._indented("Saved, it is all another process needs: client.runs.stream(run_id, offset=saved)", "dim")
        return self._verdict(started.run_id, events)

    def _verdict(self, run_id: str, events: list[FlueEvent]) -> Exit:
        written = self._client.runs.events(run_id)
        connections = sum("live=sse" in request.target for request in self._server.requests)
        counts = f"{len(written)} events written, {len(events)} received over {connections} connections"
        if list(map(to_json, events)) != list(map(to_json, written)):
            self._say(f"\n✗ {counts}: this should not have happened.", "bold red")
            return Exit.FAILED
        self._say(f"\n✓ {counts}: each once, in order.", "bold green")
        self._say("\nYour turn, with two terminals:", "bold")
        follow = f"{shell_command()} --base-url http://127.0.0.1:8787/api workflows invoke report --follow"
        self._terminal.write(*(command_line(each, "    ") for each in (f"{shell_command()} serve --port 8787", follow)))
        return Exit.OK

    def _show(self, event: FlueEvent) -> FlueEvent:
        if self._lost_at is not None:
            self._note(f"↻ connected again, resumed after offset {self._lost_at}", "green")
            self._lost_at = None
        description = one_line(_describe(event, self._tree))
        self._tree.add(event)
        name = (f"{type(event).__name__:<20}", "cyan" if description else "dim")
        elapsed = f"{self._tree.until / 1000:7.2f} s  "
        self._terminal.write(line(name, (description, ""), mark=(elapsed, "dim")))
        return event

    def warning(self, record: logging.LogRecord) -> None:
        """The library has logged that an attempt failed."""
        if self._lost_at is None:
            self._note("✂ the connection breaks. The library logs on logger `flue`:", "bold yellow")
        self._note(one_line(record.getMessage()), "yellow")
        self._lost_at = getattr(record, "flue_offset", None)

    # Output.

    def _chapter(self, title: str, *code: str) -> None:
        self._chapters += 1
        self._terminal.write(line(), line((title, "bold"), mark=(f"{self._chapters}  ", "bold cyan")))
        for text in code:
            prompt = "   ... " if text.startswith(" ") else "   >>> "
            self._terminal.write(line((text, "magenta"), mark=(prompt, "dim")))
        self._terminal.write(line())

    def _note(self, text: str, style: str) -> None:
        self._terminal.write(line((text, style), mark=(" " * 11, "")))

    def _say(self, text: str, style: str) -> None:
        self._terminal.write(*(line((each, style)) for each in text.split("\n")))

    def _indented(self, text: str, style: str = "") -> None:
        self._terminal.write(line((text, style), mark=("    ", "")))


def _describe(event: FlueEvent, tree: RunTimeline) -> str:
    """What an event says. Each `case` narrows the type: an editor completes `event.` and a checker checks it."""
    match event:
        case models.ThinkingDeltaEvent():
            return repr(event.delta)
        case models.TextDeltaEvent():
            return repr(event.text)
        case models.RunEndEvent():
            return f"{'failed' if event.is_error else 'completed'} in {duration(event.duration_ms)}"
        case _:
            return " ".join(each.text for each in render_event(event, tree))


# `serve`.


def serve(options: Options) -> Exit:
    """Run the sample servers of both generations until Ctrl-C."""
    port, database = options.port, options.database
    beside = None if database is None else f"{database}-conversations"
    with ExitStack() as stack:
        runs = stack.enter_context(_sample_server(options.token, 1, port, database))
        conversations = stack.enter_context(_sample_server(options.token, 2, port + 1 if port else 0, beside))
        url = f"{conversations.base_url}/agents/assistant/demo"
        if options.json_lines:
            told = {"baseUrl": runs.base_url, "workflows": list(SAMPLES), "conversationUrl": url}
            write_json(told)
        else:
            _introduce(runs.base_url, url, needs_token=options.token is not None)
        try:
            while True:
                time.sleep(3600.0)  # not a lock: on Windows Ctrl-C is not noticed in one
        except KeyboardInterrupt:
            raise Interrupted("stopped") from None


@contextmanager
def _sample_server(
    token: str | None, version: Literal[1, 2], port: int, database: str | None
) -> Generator[FlueTestServer]:
    try:
        server = FlueTestServer(token, flue_version=version, port=port, database=database)
    except sqlite3.Error as error:
        raise UsageError(f"{database}: {error}") from None
    register(server)
    with server:
        yield server


def _introduce(base_url: str, conversation_url: str, *, needs_token: bool) -> None:
    """Tell a person what the servers offer and how to use it."""
    commands = [f"{shell_command()} chat {conversation_url}", f"export FLUE_BASE_URL={base_url}"]
    if needs_token:
        commands.insert(0, "export FLUE_TOKEN=...   # the one given here")
    for name, sample in SAMPLES.items():
        if sample.example is not None:
            commands.append(f"{shell_command()} workflows invoke {name} --input '{sample.example}' --follow")
    open_output().write(
        line(("Two sample servers, on this machine only.", "")),
        line(),
        line(("Flue 2, an agent:", "bold")),
        _sample_line("assistant", tide_agent),
        line(),
        line((f"Flue 1.0, workflows at {base_url}:", "bold")),
        *(_sample_line(name, sample.function) for name, sample in SAMPLES.items()),
        line(),
        line(("In another terminal:", "bold")),
        *map(command_line, commands),
        line(),
        line(("Ctrl-C stops them.", "dim")),
    )


def _sample_line(name: str, function: Callable[..., Any]) -> Line:
    return line((inspect.getdoc(function) or "", ""), mark=(f"  {name:<10}", "cyan"))


# Sample workflows.


_TIDES = {"Brest": 7.3, "Saint-Malo": 12.2, "Dover": 6.7}


def report(run: WorkflowRun) -> dict[str, Any]:
    """Writes about high tides: logs, thinking, a tool, and text that arrives piece by piece."""
    where = run.input.get("where", list(_TIDES))
    run.log("looking for the figures", stations=len(where))
    agent = _Agent(run, run.input.get("pause", 0.2))
    with agent.step("operation", operationKind="prompt"):
        agent.turn = {"turnId": "turn_1"}
        with agent.step("turn", purpose="agent") as ending:
            pieces = ["High water is not the same everywhere. ", "I will look each station up."]
            agent.emit("thinking_start", contentIndex=0)
            for piece in pieces:
                agent.emit("thinking_delta", contentIndex=0, delta=piece)
            agent.emit("thinking_end", contentIndex=0, content="".join(pieces))
            content = [{"type": "thinking", "thinking": "".join(pieces)}]
            ending.update(_model_call(content, read=412, written=38, reason="toolUse"))
        heights = {station: agent.look_up(station, f"call_{number}") for number, station in enumerate(where, 1)}
        highest = max(heights, key=lambda station: heights[station])
        agent.turn = {"turnId": "turn_2"}
        with agent.step("turn", purpose="agent") as ending:
            pieces = ["The highest tide ", "of the day ", f"is expected at {highest}: "]
            pieces += [f"{heights[highest]:g} metres. ", "Mind the rocks! 🌊"]
            for piece in pieces:
                agent.emit("text_delta", text=piece)
            content = [{"type": "text", "text": "".join(pieces)}]
            ending.update(_model_call(content, read=508, written=24, reason="stop"))
        agent.emit("message_end", message={"role": "assistant", "content": content})
        agent.turn = {}
    run.log("tides run high today", "warn", highest=heights[highest])
    return {"highest": highest, "metres": heights[highest], "stations": len(heights)}


def ticks(run: WorkflowRun) -> dict[str, Any]:
    """Logs `count` times, `pause` seconds apart; fails in the end when `fail` is true."""
    count = run.input.get("count", 10)
    for number in range(1, count + 1):
        run.log(f"tick {number} of {count}", number=number)
        run.sleep(run.input.get("pause", 1.0))
    if run.input.get("fail", False):
        raise RuntimeError("asked to fail")
    return {"ticks": count}


def hidden(run: WorkflowRun) -> str:
    """Exports no `runs`: its runs execute, but reading them is answered with 404."""
    run.log("nobody will read this")
    return "done"


class _Agent:
    """Emits the events of an agent's session.

    Args:
        run: The run that they belong to.
        pause: Seconds after each event.

    Attributes:
        turn: What tells the turn of the next events.
    """

    def __init__(self, run: WorkflowRun, pause: float) -> None:
        self.turn: dict[str, str] = {}
        self._run = run
        self._pause = pause
        self._emitted = 0

    def emit(self, kind: str, **fields: Any) -> None:
        """Emit an event."""
        envelope = {"operationId": "op_report", "session": "default", "harness": "default"}
        self._run.emit({"type": kind, **fields, **envelope, **self.turn})
        self._emitted += 1
        self._run.sleep(self._pause)

    @contextmanager
    def step(self, kind: str, beginning: dict[str, Any] | None = None, **fields: Any) -> Generator[dict[str, Any]]:
        """Emit the start of a step and in the end, with what was put into the object, the end and how long it took."""
        before = self._emitted
        self.emit(f"{kind}_start", **fields, **(beginning or {}))
        ending: dict[str, Any] = {}
        yield ending
        took = round((self._emitted - before) * self._pause * 1000)
        self.emit(kind, **fields, isError=False, durationMs=took, **ending)

    def look_up(self, station: str, call_id: str) -> float:
        """A tool."""
        with self.step("tool", {"args": {"station": station}}, toolName="tide_table", toolCallId=call_id) as ending:
            height = _TIDES.get(station, 4.0)
            ending["result"] = {"content": [{"type": "text", "text": f"high water: {height} m"}]}
        return height


def _model_call(content: list[dict[str, Any]], *, read: int, written: int, reason: str) -> dict[str, Any]:
    """What a turn says of its call of a model."""
    cost = {"input": read * 3e-6, "output": written * 15e-6, "cacheRead": 0, "cacheWrite": 0}
    usage = {"input": read, "output": written, "cacheRead": 0, "cacheWrite": 0, "totalTokens": read + written}
    return {
        "request": {"providerId": "none", "providerName": "none", "requestedModel": "pretended", "api": "none"},
        "response": {
            "output": {"role": "assistant", "content": content},
            "usage": usage | {"cost": cost | {"total": sum(cost.values())}},
            "finishReason": reason,
        },
    }


@attrs.frozen
class Sample:
    """A workflow with its description.

    Attributes:
        function: The workflow.
        example: An input to try it with, as JSON.
        runs: Whether its runs can be read.
        members: Members that its input may have, and their types.
    """

    function: Callable[[WorkflowRun], Any]
    example: str | None = None
    runs: bool = True
    members: dict[str, tuple[type, ...]] = attrs.field(factory=dict[str, "tuple[type, ...]"])

    def check(self, value: Any) -> None:
        """Refuse an input that the workflow cannot use.

        Raises:
            InvalidInputError: The input is refused.
        """
        if not isinstance(value, dict):
            raise InvalidInputError("expected an object")
        for name, kinds in self.members.items():
            if name in value and type(value[name]) not in kinds:  # pyright: ignore[reportUnknownArgumentType]  # JSON
                raise InvalidInputError(f"{name} has the wrong type", [name])


SAMPLES = {
    "report": Sample(report, '{"where": ["Brest", "Dover"]}', members={"where": (list,), "pause": (int, float)}),
    "ticks": Sample(ticks, '{"count": 3}', members={"count": (int,), "pause": (int, float), "fail": (bool,)}),
    "hidden": Sample(hidden, runs=False),
}


def assistant(turn: AgentTurn) -> str:
    """An agent that repeats what it is told."""
    answer = f"You said: {turn.message}"
    turn.text(answer)
    return answer


def tide_agent(turn: ConversationTurn) -> str:
    """Knows the high tides at Brest, Saint-Malo and Dover; pretends to look them up and to think."""
    question = turn.message.body
    stations = [station for station in _TIDES if station.casefold() in question.casefold()] or list(_TIDES)
    turn.reasoning("High water is not the same everywhere. ")
    turn.sleep(0.3)
    turn.reasoning("I will look it up.")
    for station in stations:
        with turn.tool("tide_table", {"station": station}) as call:
            turn.sleep(0.2)
            call.output = {"metres": _TIDES[station]}
    highest = max(stations, key=lambda station: _TIDES[station])
    for piece in ("The highest tide ", f"is at **{highest}**: ", f"{_TIDES[highest]:g} metres. ", "Mind the rocks! 🌊"):
        turn.text(piece)
        turn.sleep(0.2)
    turn.data("tides", {station: _TIDES[station] for station in stations})
    return ""


def register(server: FlueTestServer) -> None:
    """Add the samples to a server: an agent, and for Flue 1.0 the workflows."""
    if server.flue_version == 2:
        server.add_agent("assistant", tide_agent)
        return
    server.add_agent("assistant", assistant)
    for name, sample in SAMPLES.items():
        server.add_workflow(name, sample.function, runs=sample.runs, validate=sample.check)
