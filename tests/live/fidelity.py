"""`FlueTestServer` in the place of a real server: the same application, and answers made comparable."""

from __future__ import annotations

import json
import re
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from flue.testing import FlueTestServer, InvalidInputError

from .server import AUTHORIZED, TOKEN, Answer, LiveServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue.testing import AgentTurn, WorkflowRun


class Error(Exception):
    """Has the name of JavaScript's: the name is in the record of a run that failed."""


class StandIn(LiveServer):
    """A `FlueTestServer`, used like a `LiveServer`."""

    def __init__(self, **options: Any) -> None:
        self.flue = FlueTestServer(TOKEN, **options)

    def start(self) -> None:
        self.flue.start()
        self.port = self.flue.port

    def stop(self) -> None:
        self.flue.close()


class Double(StandIn):
    """With the application of ``app/``."""

    def __init__(self) -> None:
        super().__init__(check_versions=True)
        self.flue.add_workflow("ticks", self._ticks, validate=check_ticks)
        self.flue.add_workflow("failing", fail, accepts_input=False)
        self.flue.add_workflow("hidden", hide, runs=False)
        self.flue.add_workflow("noinput", lambda run: run.log("no input"), accepts_input=False)
        self.flue.add_agent("assistant", echo)
        self._gates: dict[str, threading.Event] = {}

    def open_gate(self, name: str) -> None:
        self._gate(name).set()

    def _gate(self, name: str) -> threading.Event:
        return self._gates.setdefault(name, threading.Event())

    def _ticks(self, run: WorkflowRun) -> dict[str, int]:
        given = run.input
        for i in range(given["count"]):
            if "gate" in given and i >= given.get("free", 0):
                while not self._gate(f"{given['gate']}-{i}").wait(0.02):
                    run.sleep(0)  # ends the run when the server has stopped
            run.log(f"tick {i}", i=i, pad="x" * given.get("pad", 0))
        return {"ticks": given["count"]}


def check_ticks(value: Any) -> None:
    """The part of the schema of ``ticks`` that is tested, in the words of its library."""
    if not isinstance(value, dict | list):
        raise ValueError(f"Invalid type: Expected Object but received {json.dumps(value)}")
    if "count" not in value:
        raise InvalidInputError('Invalid key: Expected "count" but received undefined', ["count"])


def fail(run: WorkflowRun) -> None:
    run.log("about to fail")
    raise Error("asked to fail")


def hide(run: WorkflowRun) -> int:
    run.log("hidden")
    return 1


def echo(turn: AgentTurn) -> str:
    return f"You said: {turn.message} ({len(turn.images)} images)"


class Request(NamedTuple):
    """A request, byte for byte; a name in braces stands for what is another on each server."""

    method: str
    target: str
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = AUTHORIZED

    def on(self, names: dict[str, str]) -> Request:
        """The request to a server with these names."""
        headers = tuple((name, value.format(**names)) for name, value in self.headers)
        return self._replace(target=self.target.format(**names), headers=headers)

    def __str__(self) -> str:
        content = [value for name, value in self.headers if name != "authorization"]
        parts = [self.method, self.target, *([] if self.body is None else [repr(self.body)]), *content]
        return " ".join(parts if self.headers else [*parts, "unauthorized"])


#: What two servers of the same application answer differently, whatever the application.
DIFFERENCES: list[tuple[str, Any]] = [
    # Time, and what is made of it.
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r'"durationMs":\d+', '"durationMs":0'),
    # The words of two JSON parsers, up to an escaped end of line.
    (r"The JSON parser reported: .*?\\n", r"The JSON parser reported: WORDS\\n"),
]


class Twins(NamedTuple):
    """A real server and its double.

    Attributes:
        names: What requests leave open on each, by name.
        differences: All that the two may answer differently.
        own_headers: Headers whose values are those of one server.
        merged: Makes one body of those that may be in more or fewer pieces.
        has_event_streams: Whether the real server gives agents event streams, as the double does.
    """

    servers: tuple[LiveServer, StandIn]
    names: tuple[dict[str, str], dict[str, str]]
    differences: list[tuple[str, Any]]
    own_headers: set[str]
    merged: Callable[[str], str] = str
    has_event_streams: bool = True

    def ask(self, request: Request, **names: str) -> list[tuple[int, list[tuple[str, str]], str]]:
        """The answers of the real server and of the double, without the known differences."""
        answers = []
        for server, given in zip(self.servers, self.names, strict=True):
            answer = server.ask(*request.on({**given, **names}))
            headers = [
                (name, self._header(server, name.lower(), value, answer)) for name, value in answer.headers.items()
            ]
            answers.append((answer.status, headers, self._masked(server, self.merged(answer.body.decode()))))
        return answers

    def _header(self, server: LiveServer, name: str, value: str, answer: Answer) -> str:
        if name in self.own_headers:
            return "OWN"
        if name == "content-length" and value == str(len(answer.body)):
            return "RIGHT"  # but not the same number: a masked text may be longer here than there
        return self._masked(server, value)

    def _masked(self, server: LiveServer, text: str) -> str:
        text = text.replace(f":{server.port}/", ":PORT/")
        for pattern, replacement in self.differences:
            text = re.sub(pattern, replacement, text)
        return text
