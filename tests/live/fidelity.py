"""`FlueTestServer` in the place of a real server: the same application, and answers made comparable."""

from __future__ import annotations

import http.client
import json
import re
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from flue.testing import FlueTestServer, InvalidInputError

from .server import TOKEN, LiveServer

if TYPE_CHECKING:
    from flue.testing import AgentTurn, WorkflowRun

AUTHORIZED = (("authorization", f"Bearer {TOKEN}"),)
JSON = (*AUTHORIZED, ("content-type", "application/json"))


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
    """A request, byte for byte; ``{run}`` in its target stands for the id of a run."""

    method: str
    target: str
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = AUTHORIZED

    def __str__(self) -> str:
        content = [value for name, value in self.headers if name != "authorization"]
        parts = [self.method, self.target, *([] if self.body is None else [repr(self.body)]), *content]
        return " ".join(parts if self.headers else [*parts, "unauthorized"])


class Reply(NamedTuple):
    """What came back, headers in their order and case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def ask(server: LiveServer, request: Request) -> Reply:
    """Send a request on a connection of its own and read the answer to its end."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.putrequest(request.method, request.target, skip_accept_encoding=True)
        if request.body is not None or request.method in {"POST", "PUT", "PATCH"}:
            connection.putheader("content-length", str(len(request.body or b"")))
        for header in request.headers:
            connection.putheader(*header)
        connection.endheaders(request.body)
        response = connection.getresponse()
        return Reply(response.status, response.getheaders(), response.read())
    finally:
        connection.close()


#: All that two servers of the same application may answer differently.
KNOWN_DIFFERENCES = [
    # Time, and what is made of it.
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r'"durationMs":\d+', '"durationMs":N'),
    (r'"streamCursor":"\d+"', '"streamCursor":"N"'),
    # Ids.
    (r"run_[0-9A-Z]{26}", "RUN"),
    (r'"cnVucy9y[\w+/]+=*:', '"RUN:'),  # an etag begins with the path runs/run_..., in base64
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
    # The words of two JSON parsers, up to an escaped end of line.
    (r"The JSON parser reported: .*?\\n", r"The JSON parser reported: WORDS\\n"),
    # The application's own middleware refuses a token, not Flue.
    (r'"details":"(bad token|The bearer token is missing or wrong\.)"', '"details":"WORDS"'),
    # What an answer cost, and which model gave it.
    (r'"usage":\{.*?\},"model":\{.*?\}', '"usage":USAGE,"model":MODEL'),
    # JavaScript rounds an offset of more digits than a double has; Python does not.
    (r"_(99999999999999999999|100000000000000000000)\b", "_ROUNDED"),
]
#: Headers whose values are made of the time.
OWN_HEADERS = {"date", "stream-cursor"}


def masked(server: LiveServer, text: str, differences: list[tuple[str, Any]]) -> str:
    """A text without known differences."""
    text = text.replace(f":{server.port}/", ":PORT/")
    for pattern, replacement in differences:
        text = re.sub(pattern, replacement, text)
    return text


def comparable(server: LiveServer, reply: Reply) -> tuple[int, list[tuple[str, str]], str]:
    """An answer without the known differences."""

    def value_of(name: str, value: str) -> str:
        if name in OWN_HEADERS:
            return "TIME"
        if name == "content-length" and value == str(len(reply.body)):
            return "RIGHT"  # but not the same number: a masked text may be longer here than there
        return masked(server, value, KNOWN_DIFFERENCES)

    headers = [(name, value_of(name.lower(), value)) for name, value in reply.headers]
    return reply.status, headers, masked(server, reply.body.decode(), KNOWN_DIFFERENCES)
