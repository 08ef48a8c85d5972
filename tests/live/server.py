"""One running Flue server: started, killed, started again, stopped for sure."""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from .harness import HarnessError, end_group, node

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "live-token"
AUTHORIZED = (("authorization", f"Bearer {TOKEN}"),)
JSON = (*AUTHORIZED, ("content-type", "application/json"))
START_LIMIT = 30.0  # seconds
ANSWER_LIMIT = 40.0  # seconds; a long poll of Flue 2 is held for 30


class Answer(NamedTuple):
    """What the server said to a plain HTTP request."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class LiveServer:
    """A Flue server on a free loopback port, in a process group of its own.

    Args:
        app: Folder of the built application.
        log: File that gets what the server prints; kept, also across restarts.
        database: SQLite file for runs and events; without one they are lost with the process.

    It has one port for its whole life, restarts included. `stop` may be called at any time; a server whose
    starter died stops by itself.
    """

    def __init__(self, app: Path, log: Path, database: Path | None = None) -> None:
        self.app = app
        self.log = log
        self.database = database
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        """Where the Flue routes are mounted."""
        return f"http://127.0.0.1:{self.port}/api"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start, and wait until the server listens.

        Raises:
            HarnessError: The process ended, or did not listen in time; with what it printed.
        """
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FLUE_")}
        environment |= {"PORT": str(self.port), "FLUE_TOKEN": TOKEN}
        if self.database:
            environment["FLUE_DB"] = str(self.database)
        with self.log.open("ab") as log:
            begin = log.tell()
            self._process = subprocess.Popen(
                [node(self.app.parent), "--import", "./loopback.mjs", "dist/server.mjs"],
                cwd=self.app,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_LIMIT
        while "Server listening" not in self.output(begin):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise HarnessError(f"the server did not start:\n{self.output(begin)}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End the process and its children at once, as a crash would; harmless when it does not run."""
        if self._process is not None:
            process, self._process = self._process, None
            end_group(process)
            if process.stdin:
                process.stdin.close()

    def output(self, start: int = 0) -> str:
        """What the server has printed so far, from byte `start` of its log on."""
        return self.log.read_bytes()[start:].decode(errors="replace")

    def request(self, method: str, path: str, body: Any = None) -> Answer:
        """Send one plain HTTP request, with the token and perhaps JSON, to `path` under `base_url`."""
        if body is None:
            return self.ask(method, f"/api{path}")
        return self.ask(method, f"/api{path}", json.dumps(body).encode(), JSON)

    def ask(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: tuple[tuple[str, str], ...] = AUTHORIZED,
    ) -> Answer:
        """Send these bytes on a connection of their own and read the answer to its end."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_LIMIT)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            if body is not None or method in {"POST", "PUT", "PATCH"}:
                connection.putheader("content-length", str(len(body or b"")))
            for header in headers:
                connection.putheader(*header)
            connection.endheaders(body)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def open_gate(self, name: str) -> None:
        """Let the ``ticks`` workflow that waits, or will wait, at this gate go on."""
        answer = self.ask("POST", f"/gates/{name}")
        assert answer.status == 204, answer

    def start_run(self, workflow: str, **given: Any) -> str:
        """Start a workflow with this input and give back the run's id."""
        answer = self.request("POST", f"/workflows/{workflow}", given or None)
        assert answer.status == 202, answer
        return answer.json["runId"]

    def wait_for_events(self, run_id: str, count: int) -> None:
        """Wait, by long polls that the server ends by itself, until a run has so many events."""
        offset, seen = "-1", 0
        while seen < count:
            answer = self.request("GET", f"/runs/{run_id}?live=long-poll&offset={offset}")
            assert answer.status == 200, answer
            seen += len(answer.json)
            offset = answer.headers["Stream-Next-Offset"]

    def tail(self, run_id: str) -> str:
        """The offset of a run's last event."""
        return self.request("HEAD", f"/runs/{run_id}").headers["Stream-Next-Offset"]


def free_port() -> int:
    """A port nobody listens on, below the range from which clients get theirs.

    While a server is down, none of the sockets that try to reach it can be given its port.
    """
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise HarnessError("no free port")
