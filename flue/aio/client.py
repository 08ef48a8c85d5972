"""`AsyncFlueClient`: the asyncio client."""

# ruff: noqa: TC001, TC002  (whoever resolves the annotations at run time finds their names here)

from __future__ import annotations

from typing import NoReturn, Self

import httpx

import flue
from flue.aio.agents import Agents
from flue.aio.runs import Runs
from flue.aio.transport import Transport
from flue.aio.workflows import Workflows
from flue.config import AsyncHeaderSource, Timeouts, resolve
from flue.core.retry import BackoffOptions

__all__ = ["AsyncFlueClient"]


class AsyncFlueClient:
    """A client for asyncio services, on httpx.

    One client may be used by many tasks at once, and by one event loop after the other: each has connections of its
    own. It is an async context manager and works without; `aclose()` closes its connections.

    Attributes:
        runs: Read runs (`get`, `events`, `stream`).
        workflows: Start runs (`invoke`, `run`).
        agents: Talk to agents (`prompt`, `send`, `wait`, `stream`).

    Example:
        >>> async with AsyncFlueClient("https://flue.example/api", token="...") as client:  # doctest: +SKIP
        ...     started = await client.workflows.invoke("report", input={"week": 7})
        ...     async for event in client.runs.stream(started.run_id):
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
        headers: AsyncHeaderSource | None = None,
        timeout: Timeouts | float | None = None,
        http_client: httpx.AsyncClient | None = None,
        max_event_bytes: int | None = None,
        backoff_options: BackoffOptions | None = None,
        trust_env: bool = True,
    ) -> None:
        """Check the arguments; nothing is sent.

        Args:
            base_url: Absolute http(s) URL where the Flue routes are mounted, path included. Default: `FLUE_BASE_URL`.
            token: Bearer token of every request. Default: `FLUE_TOKEN`. It goes to the origin of `base_url` and
                nowhere else.
            headers: A mapping, or a callable, async or not, that returns one, called for every attempt. Merged over
                the token, case-insensitively; None as a value drops the header, also the token's.
            timeout: `Timeouts`, or one number of seconds for connecting and for silence.
            http_client: The caller's own client (proxies, TLS, adapters); never closed, never changed.
            max_event_bytes: Largest page and event that is accepted, decompressed; default: no limit.
            backoff_options: For reads that are given none of their own.
            trust_env: Whether proxies and certificates are taken from the environment (`HTTP_PROXY`, `NO_PROXY`,
                `REQUESTS_CA_BUNDLE`, ...). A client of the caller's has a setting of its own.

        Raises:
            ValueError: An argument that cannot work, named; or no base URL.
            TypeError: An argument of the wrong type.
        """
        settings = resolve(
            base_url, token, headers, timeout, max_event_bytes, backoff_options, trust_env=trust_env, allow_async=True
        )
        self._settings = settings
        self._transport = Transport(settings, http_client)
        self.runs = Runs(self._transport, settings)
        self.workflows = Workflows(self._transport, settings)
        self.agents = Agents(self._transport, settings)

    def conversation(self, *path: str) -> flue.AsyncConversation:
        """A Flue 2 conversation below the base URL, over this client's connections, which closing it leaves open.

        Args:
            path: Its segments, such as `"agents", "support", "ticket-42"`; each is percent-encoded.

        Raises:
            ValueError: No segment, or one that is empty, `.` or `..`.
            TypeError: A segment that is no str.
        """
        from flue.aio.conversation import AsyncConversation  # noqa: PLC0415  # needs the models, which take a while to load

        return AsyncConversation.for_client(self._transport, self._settings, path)

    async def aclose(self) -> None:
        """Close the client's own connections. Idempotent.

        Streams that are open end with an error at their next request.
        """
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client holds connections and cannot be pickled; make one in each process")

    def __repr__(self) -> str:
        return f"<AsyncFlueClient {self._settings.base_url}>"
