"""`FlueClient`: the blocking client."""

# ruff: noqa: TC001, TC002  (whoever resolves the annotations at run time finds their names here)

from __future__ import annotations

from typing import NoReturn, Self

import requests

import flue
from flue.config import HeaderSource, Timeouts, resolve
from flue.core.retry import BackoffOptions
from flue.sync.agents import Agents
from flue.sync.runs import Runs
from flue.sync.transport import Transport
from flue.sync.workflows import Workflows

__all__ = ["FlueClient"]


class FlueClient:
    """A client for scripts and threads, on requests.

    One client may be used by many threads at once. It is a context manager and works without; `close()` closes its
    connections. After a `fork` the child opens connections of its own.

    Attributes:
        runs: Read runs (`get`, `events`, `stream`).
        workflows: Start runs (`invoke`, `run`).
        agents: Talk to agents (`prompt`, `send`, `wait`, `stream`).

    Example:
        >>> with FlueClient("https://flue.example/api", token="...") as client:  # doctest: +SKIP
        ...     started = client.workflows.invoke("report", input={"week": 7})
        ...     for event in client.runs.stream(started.run_id):
        ...         print(event.type)
    """

    runs: Runs
    workflows: Workflows
    agents: Agents

    def __init__(
        self,
        base_url: str | None = None,
        *,
        token: str | None = None,
        headers: HeaderSource | None = None,
        timeout: Timeouts | float | None = None,
        session: requests.Session | None = None,
        max_event_bytes: int | None = None,
        backoff_options: BackoffOptions | None = None,
        trust_env: bool = True,
    ) -> None:
        """Check the arguments; nothing is sent.

        Args:
            base_url: Absolute http(s) URL where the Flue routes are mounted, path included. Default: `FLUE_BASE_URL`.
            token: Bearer token of every request. Default: `FLUE_TOKEN`. It goes to the origin of `base_url` and
                nowhere else.
            headers: A mapping, or a callable that returns one, called for every attempt. Merged over the token,
                case-insensitively; None as a value drops the header, also the token's.
            timeout: `Timeouts`, or one number of seconds for connecting and for silence.
            session: The caller's own session (proxies, TLS, adapters); never closed, never changed.
            max_event_bytes: Largest page and event that is accepted, decompressed; default: no limit.
            backoff_options: For reads that are given none of their own.
            trust_env: Whether proxies and certificates are taken from the environment (`HTTP_PROXY`, `NO_PROXY`,
                `REQUESTS_CA_BUNDLE`, ...). A session of the caller's has a setting of its own.

        Raises:
            ValueError: An argument that cannot work, named; or no base URL.
            TypeError: An argument of the wrong type.
        """
        settings = resolve(
            base_url, token, headers, timeout, max_event_bytes, backoff_options, trust_env=trust_env, allow_async=False
        )
        self._settings = settings
        self._transport = Transport(settings, session)
        self.runs = Runs(self._transport, settings)
        self.workflows = Workflows(self._transport, settings)
        self.agents = Agents(self._transport, settings)

    def conversation(self, *path: str) -> flue.Conversation:
        """A Flue 2 conversation below the base URL, over this client's connections, which closing it leaves open.

        Args:
            path: Its segments, such as `"agents", "support", "ticket-42"`; each is percent-encoded.

        Raises:
            ValueError: No segment, or one that is empty, `.` or `..`.
            TypeError: A segment that is no str.
        """
        from flue.sync.conversation import Conversation  # noqa: PLC0415  # needs the models, which take a while to load

        return Conversation.for_client(self._transport, self._settings, path)

    def close(self) -> None:
        """Close the client's own connections. Idempotent.

        Streams that are open end with an error at their next request.
        """
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client holds connections and cannot be pickled; make one in each process")

    def __repr__(self) -> str:
        return f"<FlueClient {self._settings.base_url}>"
