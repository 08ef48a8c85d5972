"""A Flue server on loopback, for tests and demonstrations: real streams, faults on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from flue.testing.application import Application
from flue.testing.engine import Engine
from flue.testing.handmade import HandmadeRuns
from flue.testing.journal import Journal
from flue.testing.listener import listen
from flue.testing.observed import Observed
from flue.testing.registrations import Registrations
from flue.testing.store import Store
from flue.testing.streams import ReadOptions

if TYPE_CHECKING:
    import re
    import socket
    import ssl
    from collections.abc import Iterable
    from pathlib import Path

    from flue.testing.faults import FaultQueue
    from flue.testing.http1 import RecordedRequest
    from flue.testing.scripts import Reply


class FlueTestServer(Registrations, HandmadeRuns):
    """A server that speaks Flue 1.0, in this process, on loopback.

    Workflows are Python callables, runs are real streams: catch-up, long poll, server-sent events, records.
    Everything may be called from any thread; a test that runs on an event loop waits for the server with
    ``await asyncio.to_thread(...)``.

    Example:
        >>> from flue.testing import FlueTestServer
        >>> with FlueTestServer() as server:
        ...     @server.workflow("report")
        ...     def report(run):
        ...         run.log("half way", done=50)
        ...         return {"ok": True}
        ...     url = server.base_url

    Args:
        token: The bearer token that every request must carry; without one, none is asked for.
        port: To listen on; 0 is any free one.
        base_path: Where the routes are mounted: empty, or beginning with a slash and not ending with one.
        database: A SQLite file for the state. A server that is given the file of an earlier one serves its runs;
            those that were active then stay active, and their streams open, as on Flue under Node.
        poll_hold: Seconds that a long poll waits for something new, and a server-sent stream between two
            keep-alive frames.
        heartbeat: Seconds between two heartbeat comments of a server-sent stream.
        page_limit: Events in one page or data frame.
        keep_alive: Seconds after which an idle connection is closed.
        check_versions: Refuse to serve events of another version than 3, as Flue does. Otherwise they are
            served as they are, so that a client's own check can be tested.
        agent_views: Answer reads of agents as Flue 1.0 betas 8 and 9 do, with conversations, instead of the event
            streams of betas 3 to 7.
        ssl_context: For HTTPS.

    Raises:
        ValueError: `base_path` is malformed.
    """

    def __init__(
        self,
        token: str | None = None,
        *,
        port: int = 0,
        base_path: str = "/api",
        database: str | Path | None = None,
        poll_hold: float = 30.0,
        heartbeat: float = 15.0,
        page_limit: int = 100,
        keep_alive: float = 5.0,
        check_versions: bool = False,
        agent_views: bool = False,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        if base_path and (not base_path.startswith("/") or base_path.endswith("/")):
            msg = f"base_path must be empty, or begin with a slash and not end with one: {base_path!r}"
            raise ValueError(msg)
        self._port = port
        self._base_path = base_path
        self._keep_alive = keep_alive
        self._ssl = ssl_context
        self._scheme = "http" if ssl_context is None else "https"
        self._observed = Observed()
        self._engine: Engine | None = None
        store = Store(None if database is None else Journal(database))
        self._application = Application(
            base_path=base_path,
            token=token,
            scheme=self._scheme,
            agent_views=agent_views,
            store=store,
            options=ReadOptions(poll_hold, heartbeat, page_limit, check_versions),
            observed=self._observed,
        )
        Registrations.__init__(self, self._application.workflows, self._application.agents)
        HandmadeRuns.__init__(self, self._application.runs, store)

    # Life

    def start(self) -> None:
        """Listen and serve; returns when connections are accepted.

        Raises:
            OSError: The port is taken.
            RuntimeError: The server runs already.
        """
        if self._engine is not None:
            raise RuntimeError("the server runs already")
        sock = self._listen()
        self._application.begin()
        engine = Engine(self._application, self._observed, keep_alive=self._keep_alive, ssl_context=self._ssl)
        engine.start(sock)
        self._engine = engine
        self._store.on_change = engine.wake

    def stop(self) -> None:
        """Reset every connection, end running workflows, leave no thread and no socket. Idempotent.

        Raises:
            RuntimeError: The thread of a workflow does not end within five seconds.
        """
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.stop()

    def close(self) -> None:
        """Stop for good, and close the database."""
        self.stop()
        self._store.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def restart(self, *, lose_state: bool = False) -> None:
        """Stop, and start again on the same port. Runs that were active stay so, and nobody works on them any more.

        Args:
            lose_state: Forget every run, as Flue does without a database.
        """
        self.stop()
        if lose_state:
            self._store.forget()
        self.start()

    def pause_listening(self) -> None:
        """Close the port: new connections are refused, open ones go on."""
        self._running().pause_listening()

    def resume_listening(self) -> None:
        """Open the port again, the same one."""
        self._running().resume_listening(self._listen())

    def drop_connections(self) -> None:
        """Reset every open connection."""
        self._running().drop_connections()

    # Addresses

    @property
    def port(self) -> int:
        """The port; 0 before the first start when none was given."""
        return self._port

    @property
    def base_url(self) -> str:
        """Where the routes are mounted: what a client is given."""
        return f"{self._scheme}://127.0.0.1:{self._port}{self._base_path}"

    # What goes wrong

    @property
    def faults(self) -> FaultQueue:
        """The faults to come."""
        return self._application.faults

    def script(
        self,
        path: str | re.Pattern[str],
        replies: Iterable[bytes | Reply],
        *,
        method: str | None = None,
        repeat_last: bool = False,
    ) -> None:
        """Answer requests by hand, without the routes. Earlier scripts come first.

        Args:
            path: The requests whose target (path and query) contains this text or is found by this pattern.
            replies: One for each request, in order. Bytes are sent as they are, and the connection closed.
            method: Only requests of this method.
            repeat_last: The last reply is for all that follow. Otherwise these get status 599, and `problems`
                says so.
        """
        self._application.scripts.add(path, replies, method=method, repeat_last=repeat_last)

    # What was seen

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests so far, in the order they arrived."""
        return self._observed.requests

    @property
    def open_connections(self) -> int:
        """How many connections are open."""
        return self._observed.connections

    @property
    def problems(self) -> list[str]:
        """What went wrong in the server itself or with its scripts: empty in a good test."""
        return self._observed.problems

    def wait_for_requests(self, count: int, timeout: float = 5.0) -> list[RecordedRequest]:
        """Wait until so many requests have come in, and return all.

        Raises:
            TimeoutError: They have not, in `timeout` seconds.
        """
        return self._observed.wait_for_requests(count, timeout)

    def wait_for_connections(self, count: int, timeout: float = 5.0) -> None:
        """Wait until exactly so many connections are open.

        Raises:
            TimeoutError: They are not, in `timeout` seconds.
        """
        self._observed.wait_for_connections(count, timeout)

    def _listen(self) -> socket.socket:
        sock = listen(self._port)
        self._port = sock.getsockname()[1]
        return sock

    def _running(self) -> Engine:
        if self._engine is None:
            raise RuntimeError("the server does not run")
        return self._engine
