"""What the other live tests lean on."""

from __future__ import annotations

import socket
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from . import harness
from .harness import BETA_5, BETA_9, HarnessError

if TYPE_CHECKING:
    from .server import LiveServer

pytestmark = pytest.mark.live


def test_a_server_does_not_outlive_who_started_it(beta9: LiveServer, tmp_path: Path) -> None:
    starter = textwrap.dedent(f"""
        import time
        from pathlib import Path
        from live.server import LiveServer
        server = LiveServer(Path({str(beta9.app)!r}), Path({str(tmp_path / "log")!r}))
        server.start()
        print(server.port, flush=True)
        time.sleep(60)
    """)
    command = [sys.executable, "-c", starter]
    with subprocess.Popen(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            process.kill()
            assert connection.recv(1) == b""


def test_a_server_that_cannot_start_says_why(beta9: LiveServer, tmp_path: Path) -> None:
    second = type(beta9)(beta9.app, tmp_path / "log")
    second.port = beta9.port
    with pytest.raises(HarnessError, match="EADDRINUSE"):
        second.start()


def test_one_of_several_fills_a_cache_folder(tmp_path: Path) -> None:
    filled = []
    everyone = threading.Barrier(4)

    def fill(folder: Path) -> None:
        filled.append(folder)
        (folder / "made").touch()

    def take(_number: int) -> bool:
        everyone.wait(10)
        harness._fill_once(tmp_path / "target", fill)
        return (tmp_path / "target" / "made").exists()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(take, range(4))) == [True] * 4
    assert filled == [tmp_path / "target.partial"]


def test_a_failed_fill_leaves_no_target(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        harness._run(["sh", "-c", "echo to the point; exit 3"], folder, 10)

    with pytest.raises(HarnessError, match=r"(?s): 3\n.*to the point"):
        harness._fill_once(tmp_path / "target", fail)
    assert not (tmp_path / "target").exists()
    harness._fill_once(tmp_path / "target", lambda folder: None)
    assert list((tmp_path / "target").iterdir()) == []


def test_a_command_that_does_not_end(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"no end after 0\.2 s"):
        harness._run(["sh", "-c", "sleep 60 & sleep 60"], tmp_path, 0.2)


def test_the_flue_packages_are_pinned() -> None:
    for version in (BETA_5, BETA_9):
        manifest = harness.package_json(version)
        assert manifest.count(f": {version!r}".replace("'", '"')) == 2
        assert not {"^", "~", "*"} & set(manifest)
