"""Workflows to try things out with, for `serve` and `demo`. They only look as if a model were at work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from flue.testing import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue.testing import AgentTurn, FlueTestServer, WorkflowRun

__all__ = ["SAMPLES", "Sample", "register"]

_TIDES = {"Brest": 7.3, "Saint-Malo": 12.2, "Dover": 6.7}


def report(run: WorkflowRun) -> dict[str, Any]:
    """Writes about high tides: logs, thinking, a tool, and text that arrives piece by piece."""
    pause = run.input.get("pause", 0.2)
    where = run.input.get("where", list(_TIDES))
    run.log("looking for the figures", stations=len(where))
    agent = _Agent(run, pause)
    agent.begin()
    agent.think("High water is not the same everywhere. ", "I will look each station up.")
    heights = {station: agent.look_up(station) for station in where}
    highest = max(heights, key=lambda station: heights[station])
    answer = f"is expected at {highest}: ", f"{heights[highest]:g} metres. ", "Mind the rocks! 🌊"
    agent.say("The highest tide ", "of the day ", *answer)
    agent.end()
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
    """Its runs cannot be read: it exports no `runs`, so they answer 404 though they execute."""
    run.log("nobody will read this")
    return "done"


class _Agent:
    """Emits what a session of an agent emits, with one operation and two turns."""

    _SESSION = {"session": "default", "harness": "default"}  # noqa: RUF012  # never changed
    _OPERATION = "op_report"

    def __init__(self, run: WorkflowRun, pause: float) -> None:
        self._run = run
        self._pause = pause
        self._calls = 0
        self._turn = ""
        self._emitted = 0
        self._turn_began = 0

    def begin(self) -> None:
        self._emit("operation_start", operationKind="prompt")

    def think(self, *pieces: str) -> None:
        """A turn that ends by calling tools."""
        self._begin_turn("turn_1")
        self._emit("thinking_start", contentIndex=0)
        for piece in pieces:
            self._emit("thinking_delta", contentIndex=0, delta=piece)
        self._emit("thinking_end", contentIndex=0, content="".join(pieces))
        self._end_turn([{"type": "thinking", "thinking": "".join(pieces)}], read=412, written=38, reason="toolUse")

    def look_up(self, station: str) -> float:
        """A tool."""
        self._calls += 1
        call = {"toolName": "tide_table", "toolCallId": f"call_{self._calls}"}
        self._emit("tool_start", **call, args={"station": station})
        height = _TIDES.get(station, 4.0)
        result = {"content": [{"type": "text", "text": f"high water: {height} m"}]}
        self._emit("tool", **call, isError=False, result=result, durationMs=self._took(1))
        return height

    def say(self, *pieces: str) -> None:
        """A turn that ends with an answer."""
        self._begin_turn("turn_2")
        for piece in pieces:
            self._emit("text_delta", text=piece)
        content = [{"type": "text", "text": "".join(pieces)}]
        self._end_turn(content, read=508, written=24, reason="stop")
        self._emit("message_end", message={"role": "assistant", "content": content})

    def end(self) -> None:
        self._turn = ""
        self._emit("operation", operationKind="prompt", isError=False, durationMs=self._took(self._emitted))

    def _begin_turn(self, turn: str) -> None:
        self._turn = turn
        self._turn_began = self._emitted
        self._emit("turn_start", purpose="agent")

    def _end_turn(self, content: list[dict[str, Any]], *, read: int, written: int, reason: str) -> None:
        cost = {"input": read * 3e-6, "output": written * 15e-6, "cacheRead": 0, "cacheWrite": 0}
        usage = {"input": read, "output": written, "cacheRead": 0, "cacheWrite": 0, "totalTokens": read + written}
        self._emit(
            "turn",
            purpose="agent",
            durationMs=self._took(self._emitted - self._turn_began),
            isError=False,
            request={"providerId": "none", "providerName": "none", "requestedModel": "pretended", "api": "none"},
            response={
                "output": {"role": "assistant", "content": content},
                "usage": usage | {"cost": cost | {"total": sum(cost.values())}},
                "finishReason": reason,
            },
        )

    def _took(self, events: int) -> int:
        """Milliseconds from so many events ago to now: there is a pause behind each."""
        return round(events * self._pause * 1000)

    def _emit(self, kind: str, **fields: Any) -> None:
        envelope = {"operationId": self._OPERATION, **self._SESSION}
        if self._turn:
            envelope["turnId"] = self._turn
        self._run.emit({"type": kind, **fields, **envelope})
        self._emitted += 1
        self._run.sleep(self._pause)


@attrs.frozen
class Sample:
    """A workflow, and what is worth knowing about it.

    Attributes:
        function: the workflow.
        example: an input to try it with, as JSON.
        runs: whether its runs can be read.
        members: what its input may have, and of which type that must be.
    """

    function: Callable[[WorkflowRun], Any]
    example: str | None = None
    runs: bool = True
    members: dict[str, type | tuple[type, ...]] = attrs.field(factory=dict[str, "type | tuple[type, ...]"])

    def check(self, value: Any) -> None:
        """Refuse an input that the workflow could not work with.

        Raises:
            InvalidInputError: and why.
        """
        if not isinstance(value, dict):
            raise InvalidInputError("an object is expected")
        for name, kinds in self.members.items():
            if name in value and (
                not isinstance(value[name], kinds) or isinstance(value[name], bool) != (kinds is bool)
            ):
                raise InvalidInputError(f"{name} is of the wrong type", [name])


SAMPLES = {
    "report": Sample(report, '{"where": ["Brest", "Dover"]}', members={"where": list, "pause": (int, float)}),
    "ticks": Sample(ticks, '{"count": 3}', members={"count": int, "pause": (int, float), "fail": bool}),
    "hidden": Sample(hidden, runs=False),
}


def assistant(turn: AgentTurn) -> str:
    """An agent that repeats what it is told."""
    answer = f"You said: {turn.message}"
    turn.text(answer)
    return answer


def register(server: FlueTestServer) -> None:
    """Add the workflows, and an agent, to a server."""
    server.add_agent("assistant", assistant)
    for name, sample in SAMPLES.items():
        server.add_workflow(name, sample.function, runs=sample.runs, validate=sample.check)
