"""Fixtures: real Flue servers of the oldest and the newest supported kind, and a client of either face."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from .faces import CLIENTS, FACES
from .harness import BETA_5, BETA_9, FLUE_2, application
from .server import TOKEN, LiveServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .faces import Client, Face

_servers: list[LiveServer] = []


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., LiveServer]]:
    """Start a server of a version, in memory or with a database; all of them end with the session."""
    logs = tmp_path_factory.mktemp("servers")
    with ExitStack() as running:

        def start(version: str, database: Path | None = None) -> LiveServer:
            server = LiveServer(application(version), logs / f"{len(_servers)}-{version}.log", database)
            _servers.append(server)
            return running.enter_context(server)

        yield start
    _servers.clear()


@pytest.fixture(scope="session")
def beta5(serve: Callable[..., LiveServer]) -> LiveServer:
    """A server of 1.0.0-beta.5: the agents' streams are those of betas 3 to 7."""
    return serve(BETA_5)


@pytest.fixture(scope="session")
def beta9(serve: Callable[..., LiveServer]) -> LiveServer:
    """A server of 1.0.0-beta.9, the last that has runs and workflows."""
    return serve(BETA_9)


@pytest.fixture(scope="session", params=["beta9", "beta5"])
def server(request: pytest.FixtureRequest) -> LiveServer:
    """Each of the two servers in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def durable(serve: Callable[..., LiveServer], tmp_path: Path) -> Iterator[LiveServer]:
    """A server of one test's own whose runs and events survive it in SQLite."""
    server = serve(BETA_9, tmp_path / "flue.sqlite")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def flue2(serve: Callable[..., LiveServer], tmp_path_factory: pytest.TempPathFactory) -> LiveServer:
    """A server of Flue 2 with a database."""
    return serve(FLUE_2, tmp_path_factory.mktemp("flue2") / "flue.sqlite")


@pytest.fixture(scope="session")
def volatile2(serve: Callable[..., LiveServer]) -> LiveServer:
    """A server of Flue 2 that keeps nothing: a restart begins a new incarnation of every stream."""
    return serve(FLUE_2)


@pytest.fixture
def mortal2(serve: Callable[..., LiveServer], tmp_path: Path) -> Iterator[LiveServer]:
    """A server of Flue 2 with a database, of one test's own, to be killed."""
    server = serve(FLUE_2, tmp_path / "flue.sqlite")
    yield server
    server.stop()


@pytest.fixture(params=CLIENTS.values(), ids=CLIENTS)
def conversing(request: pytest.FixtureRequest) -> type[Client]:
    """Both clients of conversations in turn."""
    return request.param


@pytest.fixture(params=FACES.values(), ids=FACES)
def face(request: pytest.FixtureRequest) -> type[Face]:
    """Both clients in turn."""
    return request.param


@pytest.fixture
def client(face: type[Face], server: LiveServer) -> Face:
    """A client of `server`."""
    return face(server.base_url, token=TOKEN)


@pytest.fixture(scope="session")
def history(server: LiveServer) -> str:
    """A finished run of 262 events: two full pages and a part of a third."""
    run_id = server.start_run("ticks", count=260)
    server.wait_for_events(run_id, 262)
    return run_id


_log_sizes: pytest.StashKey[dict[Path, int]] = pytest.StashKey()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note where this test's part of the servers' logs begins."""
    item.stash[_log_sizes] = {server.log: server.log.stat().st_size for server in _servers}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[pytest.TestReport]:
    """Show with a failure what the servers printed during the test."""
    report = yield
    if report.failed:
        for server in _servers:
            if printed := server.output(item.stash[_log_sizes].get(server.log, 0)):
                report.sections.append((f"printed by server {server.log.stem}", printed))
    return report
